//! Which periods were told in a digest.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::model::{Span, Timestamp};
use crate::store::{Error, NewMessage, Told};

use super::outbox;

pub(super) fn last(connection: &Connection) -> Result<Option<Told>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT d.until_at, o.kind, o.incident, o.channel, o.text, o.body
         FROM digests d JOIN outbox o ON o.seq = d.outbox ORDER BY d.until_at DESC LIMIT 1",
    )?;
    let told = select.query_row((), |row| {
        Ok(Told {
            until: Timestamp(row.get(0)?),
            message: NewMessage {
                kind: row.get(1)?,
                incident: row.get(2)?,
                channel: row.get(3)?,
                text: row.get(4)?,
                body: row.get(5)?,
            },
        })
    });
    Ok(told.optional()?)
}

/// A period that ends after `now` was told by a wrong clock, and would silence every digest until then.
pub(super) fn rewind(t: &Transaction<'_>, now: Timestamp) -> Result<(), Error> {
    t.execute("DELETE FROM digests WHERE until_at > ?1", [now.0])?;
    Ok(())
}

pub(super) fn save(
    t: &Transaction<'_>,
    period: Span,
    message: &NewMessage,
    again: bool,
    now: Timestamp,
) -> Result<bool, Error> {
    let known: i64 = t
        .prepare_cached("SELECT count(*) FROM digests WHERE until_at >= ?1")?
        .query_row([period.until.0], |row| row.get(0))?;
    if known > 0 && !again {
        return Ok(false);
    }
    let seq = outbox::push(t, message, now)?;
    t.prepare_cached(
        "INSERT OR REPLACE INTO digests (until_at, from_at, outbox) VALUES (?1, ?2, ?3)",
    )?
    .execute((period.until.0, period.from.0, seq))?;
    Ok(true)
}
