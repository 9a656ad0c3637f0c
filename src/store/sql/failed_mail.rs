//! How many messages of past days bounced.

use crate::model::{DAY, FailedMessages, Span, StreamKey, Tag, Timestamp};
use crate::store::{Database, Error};

use super::values;

impl Database {
    /// Returns how many messages of a stream bounced on each day of `span`, by their tags.
    pub fn failed_messages(
        &mut self,
        stream: &StreamKey,
        span: Span,
    ) -> Result<Vec<FailedMessages>, Error> {
        let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
        let day_of = |place: i64| {
            let from = Timestamp(span.from.0 + place * day);
            Span::new(from, from + DAY)
        };
        self.read_stream(stream, |s, key| {
            s.rows(
                "SELECT (b.at - ?2) / ?4, t.name, CAST(count(DISTINCT b.message) AS BIGINT) FROM bounces b
                 LEFT JOIN tags t ON t.key = b.tag WHERE b.stream = ?1 AND b.at >= ?2 AND b.at < ?3
                     AND b.class NOT IN ('complaint', 'ignored') GROUP BY 1, 2 ORDER BY 1, 2",
                &values![key, span.from, span.until, day],
                |row| {
                    Ok(FailedMessages {
                        day: day_of(row.get(0)?),
                        tag: row.get::<Option<String>>(1)?.map(Tag),
                        messages: row.get(2)?,
                    })
                },
            )
        })
    }
}
