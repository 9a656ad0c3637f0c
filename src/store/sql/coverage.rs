//! What was listed completely: disjoint spans of each stream and kind.

use crate::model::{Coverage, Kind, Span, StreamKey, Timestamp};
use crate::store::{Database, Error};

use super::{Session, values};

impl Database {
    /// Returns the spans that were read completely.
    pub fn coverage(&mut self, stream: &StreamKey, kind: Kind) -> Result<Coverage, Error> {
        self.read_stream(stream, |s, key| load(s, key, kind))
    }
}

pub(super) fn load(s: &mut dyn Session, stream: i64, kind: Kind) -> Result<Coverage, Error> {
    let sql =
        "SELECT from_at, until_at FROM coverage WHERE stream = ?1 AND kind = ?2 ORDER BY from_at";
    let spans = s.rows(sql, &values![stream, kind.name()], |row| {
        Ok(Span::new(row.get(0)?, row.get(1)?))
    })?;
    Ok(Coverage::from_spans(spans))
}

/// Claims a span, joined with the spans it touches.
pub(super) fn claim(s: &mut dyn Session, stream: i64, kind: Kind, span: Span) -> Result<(), Error> {
    if span.is_empty() {
        return Ok(());
    }
    let touched = values![stream, kind.name(), span.from, span.until];
    let (from, until): (Option<Timestamp>, Option<Timestamp>) = s.one(
        "SELECT min(from_at), max(until_at) FROM coverage
         WHERE stream = ?1 AND kind = ?2 AND from_at <= ?4 AND until_at >= ?3",
        &touched,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    s.execute(
        "DELETE FROM coverage WHERE stream = ?1 AND kind = ?2 AND from_at <= ?4 AND until_at >= ?3",
        &touched,
    )?;
    let from = from.map_or(span.from, |from| from.min(span.from));
    let until = until.map_or(span.until, |until| until.max(span.until));
    insert(s, stream, kind, &[Span::new(from, until)])
}

fn insert(s: &mut dyn Session, stream: i64, kind: Kind, spans: &[Span]) -> Result<(), Error> {
    let row = |span: &Span| values![stream, kind.name(), span.from, span.until];
    let rows: Vec<_> = spans.iter().map(row).collect();
    let sql = "INSERT INTO coverage (stream, kind, from_at, until_at) VALUES (?1, ?2, ?3, ?4)";
    s.execute_each(sql, &rows).map(drop)
}

/// Gives up what was claimed of `gone`.
pub(super) fn unclaim(
    s: &mut dyn Session,
    stream: i64,
    kind: Kind,
    gone: &Coverage,
) -> Result<(), Error> {
    let left = load(s, stream, kind)?.minus(gone);
    s.execute(
        "DELETE FROM coverage WHERE stream = ?1 AND kind = ?2",
        &values![stream, kind.name()],
    )?;
    insert(s, stream, kind, left.spans())
}

/// Forgets what was claimed for after `until` on any stream of a server.
pub(super) fn forget_after(
    s: &mut dyn Session,
    server: &str,
    until: Timestamp,
) -> Result<(), Error> {
    let values = values![server, until];
    s.execute(
        "DELETE FROM coverage WHERE from_at >= ?2 AND stream IN (SELECT key FROM streams WHERE server = ?1)",
        &values,
    )?;
    s.execute(
        "UPDATE coverage SET until_at = ?2
         WHERE until_at > ?2 AND stream IN (SELECT key FROM streams WHERE server = ?1)",
        &values,
    )
}
