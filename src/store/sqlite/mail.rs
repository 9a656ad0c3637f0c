//! Messages and bounces as they are listed, the aggregates over them, and what was listed completely.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::model::{
    Bounce, Coverage, HOUR, Kind, MINUTE, Mail, ServerName, Span, Status, StreamId, Timestamp,
};
use crate::store::{Counted, Error};

use super::{id_to_blob, known_stream, rows, stream_key};

pub(super) fn coverage_of(
    connection: &Connection,
    server: &ServerName,
    stream: &StreamId,
    kind: Kind,
) -> Result<Coverage, Error> {
    known_stream(connection, server, stream)?.map_or_else(
        || Ok(Coverage::none()),
        |key| coverage(connection, key, kind),
    )
}

pub(super) fn coverage(
    connection: &Connection,
    stream: i64,
    kind: Kind,
) -> Result<Coverage, Error> {
    let sql =
        "SELECT from_at, until_at FROM coverage WHERE stream = ?1 AND kind = ?2 ORDER BY from_at";
    let spans = rows(connection, sql, (stream, kind.name()), |row| {
        Ok(Span::new(Timestamp(row.get(0)?), Timestamp(row.get(1)?)))
    })?;
    Ok(Coverage::of(spans))
}

/// The place of a tag in the aggregates over all mail; keys of tags begin at 1.
pub(super) const ALL_MAIL: i64 = 0;

/// Claims a span, joined with the spans it touches.
fn claim(t: &Transaction<'_>, stream: i64, kind: Kind, span: Span) -> Result<(), Error> {
    if span.is_empty() {
        return Ok(());
    }
    let (from, until): (i64, i64) = t
        .prepare_cached(
            "SELECT coalesce(min(from_at), ?3), coalesce(max(until_at), ?4) FROM coverage
             WHERE stream = ?1 AND kind = ?2 AND from_at <= ?4 AND until_at >= ?3",
        )?
        .query_row((stream, kind.name(), span.from.0, span.until.0), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    t.prepare_cached(
        "DELETE FROM coverage WHERE stream = ?1 AND kind = ?2 AND from_at <= ?4 AND until_at >= ?3",
    )?
    .execute((stream, kind.name(), span.from.0, span.until.0))?;
    t.prepare_cached(
        "INSERT INTO coverage (stream, kind, from_at, until_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        stream,
        kind.name(),
        from.min(span.from.0),
        until.max(span.until.0),
    ))?;
    Ok(())
}

pub(super) fn save_messages(
    t: &Transaction<'_>,
    server: &ServerName,
    stream: &StreamId,
    mails: &[Mail],
    covered: Option<Span>,
) -> Result<Counted, Error> {
    let key = stream_key(t, server, stream)?;
    let mut tags = Tags::default();
    let mut counted = Counted::default();
    {
        let mut insert = t.prepare_cached(
            "INSERT OR IGNORE INTO messages (stream, id, sent_at, queued, tag) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let mut left_queue = t.prepare_cached(
            "UPDATE messages SET queued = 0 WHERE stream = ?1 AND id = ?2 AND queued = 1",
        )?;
        for (index, mail) in mails.iter().enumerate() {
            let id = id_to_blob(&mail.id);
            let queued = mail.status == Status::Queued;
            let tag = tags.key(t, mail.tag.as_deref())?;
            if insert.execute((key, &id, mail.sent_at.0, queued, tag))? == 1 {
                counted.new.push(index);
            } else if !queued {
                left_queue.execute((key, &id))?;
            }
        }
    }
    if !counted.new.is_empty() {
        let new = || counted.new.iter().map(|index| &mails[*index]);
        let sent: Vec<Timestamp> = new().map(|mail| mail.sent_at).collect();
        count(t, key, ALL_MAIL, &sent)?;
        let mut by_tag: BTreeMap<i64, Vec<Timestamp>> = BTreeMap::new();
        for mail in new() {
            if let Some(tag) = tags.key(t, mail.tag.as_deref())? {
                by_tag.entry(tag).or_default().push(mail.sent_at);
            }
        }
        for (tag, sent) in by_tag {
            count(t, key, tag, &sent)?;
        }
        saw_oldest(t, key, &sent)?;
        // A bounce may have been seen before its message.
        t.prepare_cached(
            "UPDATE bounces SET sent_at = (SELECT m.sent_at FROM messages m WHERE m.stream = bounces.stream AND m.id = bounces.message)
             WHERE stream = ?1 AND sent_at IS NULL AND message IS NOT NULL",
        )?
        .execute([key])?;
    }
    if let Some(span) = covered {
        claim(t, key, Kind::Messages, span)?;
    }
    Ok(counted)
}

/// Adds newly stored messages to the aggregates of one tag, or of [`ALL_MAIL`].
fn count(t: &Transaction<'_>, stream: i64, tag: i64, sent: &[Timestamp]) -> Result<(), Error> {
    let tally = |every| {
        let mut buckets: BTreeMap<Timestamp, (u64, Timestamp, Timestamp)> = BTreeMap::new();
        for at in sent {
            let bucket = buckets.entry(at.floor(every)).or_insert((0, *at, *at));
            *bucket = (bucket.0 + 1, bucket.1.min(*at), bucket.2.max(*at));
        }
        buckets
    };
    let mut minute = t.prepare_cached(
        "INSERT INTO minutes (stream, tag, at, sent, last_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET sent = sent + excluded.sent, last_at = max(last_at, excluded.last_at)",
    )?;
    for (at, (sent, _, last)) in tally(MINUTE) {
        minute.execute((stream, tag, at.0, sent, last.0))?;
    }
    let mut hour = t.prepare_cached(
        "INSERT INTO hours (stream, tag, at, sent, first_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET sent = sent + excluded.sent, first_at = min(first_at, excluded.first_at),
         last_at = max(last_at, excluded.last_at)",
    )?;
    for (at, (sent, first, last)) in tally(HOUR) {
        hour.execute((stream, tag, at.0, sent, first.0, last.0))?;
    }
    Ok(())
}

fn saw_oldest(t: &Transaction<'_>, stream: i64, sent: &[Timestamp]) -> Result<(), Error> {
    let oldest = sent.iter().min().map(|at| at.0);
    t.prepare_cached(
        "UPDATE streams SET oldest_sent_at = min(coalesce(oldest_sent_at, ?2), ?2) WHERE key = ?1",
    )?
    .execute((stream, oldest))?;
    Ok(())
}

pub(super) fn save_bounces(
    t: &Transaction<'_>,
    server: &ServerName,
    stream: &StreamId,
    bounces: &[Bounce],
    covered: Option<Span>,
) -> Result<Counted, Error> {
    let key = stream_key(t, server, stream)?;
    let mut tags = Tags::default();
    let mut counted = Counted::default();
    {
        let mut insert = t.prepare_cached(
            "INSERT OR IGNORE INTO bounces (stream, id, message, type, class, at, sent_at, recipient, tag, description)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT sent_at FROM messages WHERE stream = ?1 AND id = ?3), ?7, ?8, ?9)",
        )?;
        for (index, bounce) in bounces.iter().enumerate() {
            let message = bounce.message.as_deref().map(id_to_blob);
            let tag = tags.key(t, bounce.tag.as_deref())?;
            let class = bounce.class().name();
            let row = (
                key,
                bounce.id,
                &message,
                &bounce.kind,
                class,
                bounce.at.0,
                &bounce.recipient,
                tag,
                &bounce.description,
            );
            if insert.execute(row)? == 1 {
                counted.new.push(index);
            }
        }
    }
    if let Some(span) = covered {
        claim(t, key, Kind::Bounces, span)?;
    }
    Ok(counted)
}

/// Keys of tags, looked up once a call.
#[derive(Default)]
pub(super) struct Tags(BTreeMap<String, i64>);

impl Tags {
    pub(super) fn key(&mut self, t: &Connection, tag: Option<&str>) -> Result<Option<i64>, Error> {
        let Some(tag) = tag.filter(|t| !t.is_empty()) else {
            return Ok(None);
        };
        if let Some(key) = self.0.get(tag) {
            return Ok(Some(*key));
        }
        let mut select = t.prepare_cached("SELECT key FROM tags WHERE name = ?1")?;
        let key = match select.query_row([tag], |row| row.get(0)).optional()? {
            Some(key) => key,
            None => {
                t.prepare_cached("INSERT INTO tags (name) VALUES (?1)")?
                    .execute([tag])?;
                t.last_insert_rowid()
            }
        };
        self.0.insert(tag.to_owned(), key);
        Ok(Some(key))
    }
}
