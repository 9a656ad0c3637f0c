//! What streams sent in spans of time, counted message by message.

use crate::model::{BounceClass, Span, StreamKey};
use crate::store::{Database, Error, SpanCounts};

use super::values;

/// Messages that were listed.
const LISTED: &str = "SELECT count(*) FROM messages m JOIN streams s ON s.key = m.stream
    WHERE s.server = ?1 AND s.id = ?2 AND m.sent_at >= ?3 AND m.sent_at < ?4";
/// Messages that are known as a number, which count where the span of it ends.
const COUNTED: &str = "SELECT CAST(coalesce(sum(c.sent), 0) AS BIGINT) FROM counted c JOIN streams s ON s.key = c.stream
    WHERE s.server = ?1 AND s.id = ?2 AND c.tag = 0 AND c.until_at > ?3 AND c.until_at <= ?4";
const BOUNCES: &str = "SELECT b.class, count(*) FROM bounces b JOIN streams s ON s.key = b.stream
    WHERE s.server = ?1 AND s.id = ?2 AND b.at >= ?3 AND b.at < ?4 GROUP BY b.class";

impl Database {
    /// Returns what each stream sent in its span, in the order of `spans`.
    pub fn counts_within(&mut self, spans: &[(StreamKey, Span)]) -> Result<Vec<SpanCounts>, Error> {
        let parameters = || {
            spans.iter().map(|(stream, span)| {
                values![
                    &stream.server().0,
                    &stream.stream().0,
                    span.from,
                    span.until
                ]
            })
        };
        let mut counts = vec![SpanCounts::default(); spans.len()];
        self.read(|s| {
            for sql in [LISTED, COUNTED] {
                s.each_row(sql, parameters(), |place, row| {
                    counts[place].sent += row.get::<u64>(0)?;
                    Ok(())
                })?;
            }
            s.each_row(BOUNCES, parameters(), |place, row| {
                let class = BounceClass::from_name(&row.get::<String>(0)?);
                counts[place].bounces.insert(class, row.get(1)?);
                Ok(())
            })
        })?;
        Ok(counts)
    }
}
