//! Spans whose messages were counted, in place of their rows.

use std::time::Duration;

use crate::model::{CountedSpan, Coverage, HOUR, Kind, MINUTE, Span, StreamKey, Tag, Timestamp};
use crate::store::{Database, Error, Volume};

use super::tags::{ALL_MAIL, Tags};
use super::{Row, Scope, Session, coverage, mail, streams, values};

impl Database {
    /// Stores the number of messages sent in a span, with one tag or of all mail. It replaces all that was known of that
    /// span: rows, and every count that overlaps it, whose remainder is unknown again. For all mail, `covered`, which
    /// contains the span, is claimed in the same transaction.
    pub fn save_count(
        &mut self,
        stream: &StreamKey,
        tag: Option<&Tag>,
        counted: &CountedSpan,
        covered: Span,
    ) -> Result<(), Error> {
        self.write_stream(stream, |s, key| {
            let tag = tag.map(|tag| tag.0.as_str());
            let tags = Tags::resolve(s, std::iter::once(tag))?;
            let tag = tags.key(tag).unwrap_or(ALL_MAIL);
            forget_counts(s, key, tag, counted.span)?;
            if tag == ALL_MAIL {
                drop_listed(s, key, counted.span)?;
                coverage::claim(s, key, Kind::Messages, covered)?;
                if counted.sent > 0 {
                    mail::saw(s, key, counted.span.from)?;
                }
            }
            insert(s, key, tag, counted)
        })
    }

    /// Drops the coverage of `span` and, for messages, every count that overlaps it, so that it is read again. Rows
    /// stay.
    pub fn forget_coverage(
        &mut self,
        stream: &StreamKey,
        kind: Kind,
        span: Span,
    ) -> Result<(), Error> {
        self.write(Scope::Server(stream.server()), |s| {
            let key = streams::find_key(s, stream)?;
            let Some(key) = key.filter(|_| !span.is_empty()) else {
                return Ok(());
            };
            if kind == Kind::Messages {
                forget_all(s, key, span)?;
            }
            coverage::unclaim(s, key, kind, &Coverage::from_spans([span]))
        })
    }

    /// Returns the counts of all mail that overlap `span`, in order.
    pub fn counted_spans(
        &mut self,
        stream: &StreamKey,
        span: Span,
    ) -> Result<Vec<CountedSpan>, Error> {
        self.read_stream(stream, |s, key| load(s, key, ALL_MAIL, span))
    }

    /// Returns the number of messages and bounces since the hour of `since` began.
    pub fn volume(&mut self, stream: &StreamKey, since: Timestamp) -> Result<Volume, Error> {
        self.read_stream(stream, |s, key| {
            s.one(
                "SELECT (SELECT CAST(coalesce(sum(sent), 0) AS BIGINT) FROM hours WHERE stream = ?1 AND tag = 0 AND at >= ?2),
                 (SELECT CAST(coalesce(sum(sent), 0) AS BIGINT) FROM counted WHERE stream = ?1 AND tag = 0 AND from_at >= ?2),
                 (SELECT count(*) FROM bounces WHERE stream = ?1 AND at >= ?2)",
                &values![key, since.floor(HOUR)],
                |row| {
                    Ok(Volume {
                        sent: row.get::<u64>(0)? + row.get::<u64>(1)?,
                        bounces: row.get(2)?,
                    })
                },
            )
        })
    }
}

/// Before the newest count by so much, counts are kept by the hour: no rule's window ends within one any more.
const KEPT_BY_WINDOW: Duration = Duration::from_secs(4 * 86_400);

/// Forgets every count of a stream that reaches into `span`, and that its span was covered.
fn forget_all(s: &mut dyn Session, stream: i64, span: Span) -> Result<(), Error> {
    forget_counts(s, stream, ALL_MAIL, span)?;
    s.execute(
        "DELETE FROM counted WHERE stream = ?1 AND from_at < ?3 AND until_at > ?2",
        &values![stream, span.from, span.until],
    )
}

/// Forgets what was counted in spans that reach beyond `until` on any stream of a server.
pub(super) fn forget_after(
    s: &mut dyn Session,
    server: &str,
    until: Timestamp,
) -> Result<(), Error> {
    let sql = "SELECT key FROM streams WHERE server = ?1";
    let streams: Vec<i64> = s.rows(sql, &values![server], |row| row.get(0))?;
    for stream in streams {
        forget_all(s, stream, Span::new(until, Timestamp::MAX))?;
    }
    Ok(())
}

/// The counts of one tag, or of all mail, that reach into `span`, in order.
pub(super) fn load(
    s: &mut dyn Session,
    stream: i64,
    tag: i64,
    span: Span,
) -> Result<Vec<CountedSpan>, Error> {
    s.rows(
        "SELECT from_at, until_at, sent, last_at FROM counted
         WHERE stream = ?1 AND tag = ?2 AND from_at < ?4 AND until_at > ?3 ORDER BY from_at",
        &values![stream, tag, span.from, span.until],
        |row| counted(row, 0),
    )
}

/// What stands in four columns, from `first` on.
fn counted(row: &dyn Row, first: usize) -> Result<CountedSpan, Error> {
    Ok(CountedSpan {
        span: Span::new(row.get(first)?, row.get(first + 1)?),
        sent: row.get(first + 2)?,
        last_at: row.get(first + 3)?,
    })
}

/// Drops counts that ended before `old`, and puts those of an hour together once they are older than any window.
pub(super) fn prune(s: &mut dyn Session, old: Timestamp) -> Result<(), Error> {
    s.execute("DELETE FROM counted WHERE until_at < ?1", &values![old])?;
    let newest = "SELECT max(until_at) FROM counted";
    let newest: Option<Timestamp> = s.one(newest, &[], |row| row.get(0))?;
    let Some(newest) = newest else {
        return Ok(());
    };
    let hours: Vec<(i64, i64, CountedSpan)> = s.rows(
        "SELECT stream, tag, min(from_at), max(until_at), CAST(sum(sent) AS BIGINT), max(last_at) FROM counted
         WHERE until_at <= ?1 AND (until_at - 1) / 3600000 = from_at / 3600000 GROUP BY stream, tag, from_at / 3600000
         HAVING count(*) > 1 AND sum(until_at - from_at) = max(until_at) - min(from_at)",
        &values![newest - KEPT_BY_WINDOW],
        |row| Ok((row.get(0)?, row.get(1)?, counted(row, 2)?)),
    )?;
    for (stream, tag, hour) in hours {
        delete(s, stream, tag, hour.span)?;
        insert(s, stream, tag, &hour)?;
    }
    Ok(())
}

fn insert(s: &mut dyn Session, stream: i64, tag: i64, counted: &CountedSpan) -> Result<(), Error> {
    let span = counted.span;
    s.execute(
        "INSERT INTO counted (stream, tag, from_at, until_at, sent, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &values![stream, tag, span.from, span.until, counted.sent, counted.last_at],
    )
}

fn delete(s: &mut dyn Session, stream: i64, tag: i64, span: Span) -> Result<(), Error> {
    s.execute(
        "DELETE FROM counted WHERE stream = ?1 AND tag = ?2 AND from_at < ?4 AND until_at > ?3",
        &values![stream, tag, span.from, span.until],
    )
}

/// What one tag, or all mail, was counted to in windows that reach into `span` is unknown again.
fn forget_counts(s: &mut dyn Session, stream: i64, tag: i64, span: Span) -> Result<(), Error> {
    let gone = load(s, stream, tag, span)?;
    if gone.is_empty() {
        return Ok(());
    }
    delete(s, stream, tag, span)?;
    if tag == ALL_MAIL {
        let gone = Coverage::from_spans(gone.iter().map(|counted| counted.span));
        coverage::unclaim(s, stream, Kind::Messages, &gone)?;
    }
    Ok(())
}

/// Drops the rows of the messages sent in `span`, and what they added to the aggregates.
fn drop_listed(s: &mut dyn Session, stream: i64, span: Span) -> Result<(), Error> {
    let dropped = s.count_changed(
        "DELETE FROM messages WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3",
        &values![stream, span.from, span.until],
    )?;
    if dropped == 0 {
        return Ok(());
    }
    for (every, statements) in [(MINUTE, MINUTES), (HOUR, HOURS)] {
        let touched = values![stream, span.from.floor(every), span.until.ceil(every)];
        for sql in statements {
            s.execute(sql, &touched)?;
        }
    }
    Ok(())
}

/// What makes the minutes of a span anew.
const MINUTES: [&str; 3] = [
    "DELETE FROM minutes WHERE stream = ?1 AND at >= ?2 AND at < ?3",
    "INSERT INTO minutes (stream, tag, at, sent, last_at, recipients)
     SELECT stream, 0, sent_at - sent_at % 60000, count(*), max(sent_at),
         CAST(CASE WHEN min(recipients) > 0 THEN sum(recipients) ELSE 0 END AS BIGINT) FROM messages
     WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 GROUP BY stream, sent_at - sent_at % 60000",
    "INSERT INTO minutes (stream, tag, at, sent, last_at, recipients)
     SELECT stream, tag, sent_at - sent_at % 60000, count(*), max(sent_at),
         CAST(CASE WHEN min(recipients) > 0 THEN sum(recipients) ELSE 0 END AS BIGINT) FROM messages
     WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 AND tag IS NOT NULL
     GROUP BY stream, tag, sent_at - sent_at % 60000",
];
/// What makes its hours anew.
const HOURS: [&str; 3] = [
    "DELETE FROM hours WHERE stream = ?1 AND at >= ?2 AND at < ?3",
    "INSERT INTO hours (stream, tag, at, sent, first_at, last_at)
     SELECT stream, 0, sent_at - sent_at % 3600000, count(*), min(sent_at), max(sent_at) FROM messages
     WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 GROUP BY stream, sent_at - sent_at % 3600000",
    "INSERT INTO hours (stream, tag, at, sent, first_at, last_at)
     SELECT stream, tag, sent_at - sent_at % 3600000, count(*), min(sent_at), max(sent_at) FROM messages
     WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 AND tag IS NOT NULL
     GROUP BY stream, tag, sent_at - sent_at % 3600000",
];
