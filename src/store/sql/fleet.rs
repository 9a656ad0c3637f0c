//! Every watched stream in a few figures, by few statements however many there are.

use std::collections::BTreeMap;

use crate::model::{Coverage, Kind, ServerName, Span, StreamId, StreamKey, Timestamp};
use crate::store::{Database, Error, StreamFigures};

use super::{Session, values};

impl Database {
    /// Returns the watched streams of all servers, by server and name, with what is known of the hours of `span`.
    pub fn stream_figures(&mut self, span: Span) -> Result<Vec<StreamFigures>, Error> {
        self.read(|s| {
            let mut found = load_streams(s)?;
            for sql in [
                "SELECT h.stream, h.at, h.sent FROM streams t JOIN hours h ON h.stream = t.key AND h.tag = 0
                     AND h.at >= ?1 AND h.at < ?2 WHERE t.watched = 1",
                "SELECT c.stream, c.from_at, c.sent FROM streams t JOIN counted c ON c.stream = t.key AND c.tag = 0
                     AND c.from_at >= ?1 AND c.from_at < ?2 WHERE t.watched = 1",
            ] {
                s.each_row(sql, [values![span.from, span.until]], |_, row| {
                    if let Some(figures) = found.get_mut(&row.get::<i64>(0)?) {
                        figures.sent.push((row.get(1)?, row.get(2)?));
                    }
                    Ok(())
                })?;
            }
            let mut seen: BTreeMap<i64, Vec<Span>> = BTreeMap::new();
            s.each_row(
                "SELECT c.stream, c.from_at, c.until_at FROM streams t JOIN coverage c ON c.stream = t.key AND c.kind = ?1
                     AND c.until_at > ?2 AND c.from_at < ?3 WHERE t.watched = 1",
                [values![Kind::Messages.name(), span.from, span.until]],
                |_, row| {
                    let of = Span::new(row.get(1)?, row.get(2)?);
                    seen.entry(row.get(0)?).or_default().push(of);
                    Ok(())
                },
            )?;
            for (key, spans) in seen {
                if let Some(figures) = found.get_mut(&key) {
                    figures.seen = Coverage::from_spans(spans);
                }
            }
            let mut figures: Vec<StreamFigures> = found.into_values().collect();
            figures.sort_by(|a, b| a.stream.cmp(&b.stream));
            Ok(figures)
        })
    }

    /// Returns when a message was last accepted by its destination; pictures do not count.
    pub fn last_accepted_at(&mut self) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT max(sent_at) FROM outbox WHERE state = 'sent' AND kind <> 'picture'";
        self.read(|s| s.one(sql, &[], |row| row.get(0)))
    }
}

fn load_streams(s: &mut dyn Session) -> Result<BTreeMap<i64, StreamFigures>, Error> {
    let rows = s.rows(
        "SELECT t.key, t.server, t.id,
             (SELECT h.last_at FROM hours h WHERE h.stream = t.key AND h.tag = 0 ORDER BY h.at DESC LIMIT 1),
             (SELECT c.last_at FROM counted c WHERE c.stream = t.key AND c.tag = 0 AND c.last_at IS NOT NULL
                  ORDER BY c.from_at DESC LIMIT 1),
             t.oldest_sent_at, s.first_start_at
         FROM streams t LEFT JOIN servers s ON s.name = t.server WHERE t.watched = 1",
        &[],
        |row| {
            let listed: Option<Timestamp> = row.get(3)?;
            let begins: (Option<Timestamp>, Option<Timestamp>) = (row.get(5)?, row.get(6)?);
            let figures = StreamFigures {
                stream: StreamKey::new(&ServerName(row.get(1)?), &StreamId(row.get(2)?)),
                last_sent: listed.max(row.get(4)?),
                first_seen_at: begins.0.into_iter().chain(begins.1).min(),
                sent: Vec::new(),
                seen: Coverage::none(),
            };
            Ok((row.get(0)?, figures))
        },
    )?;
    Ok(rows.into_iter().collect())
}
