//! Messages to be told. A row is marked sent only after it was accepted.

use std::time::Duration;

use rusqlite::{Connection, Transaction};

use crate::model::Timestamp;
use crate::store::{Attempt, Doubt, Error, NewMessage, OutboxRow};

use super::rows;

pub(super) fn push(t: &Transaction<'_>, message: &NewMessage, at: Timestamp) -> Result<i64, Error> {
    t.prepare_cached(
        "INSERT INTO outbox (created_at, kind, incident, channel, text, body, key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, lower(hex(randomblob(16))))",
    )?
    .execute((
        at.0,
        &message.kind,
        &message.incident,
        &message.channel,
        &message.text,
        &message.body,
    ))?;
    Ok(t.last_insert_rowid())
}

pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<OutboxRow>, Error> {
    rows(
        connection,
        "SELECT seq, created_at, kind, incident, channel, text, body, attempts, next_try_at, key,
             (SELECT min(a.at) FROM attempts a WHERE a.outbox = outbox.seq AND a.unknown),
             (SELECT max(a.at) FROM attempts a WHERE a.outbox = outbox.seq AND a.unknown),
             (SELECT s.sent_channel FROM outbox s WHERE s.channel = outbox.channel AND s.sent_channel IS NOT NULL
                 ORDER BY s.seq DESC LIMIT 1)
         FROM outbox
         WHERE (state = 'pending' OR (state = 'sending' AND coalesce(claimed_at, 0) <= ?2))
         AND NOT EXISTS (SELECT 1 FROM outbox w WHERE w.channel = outbox.channel
             AND w.state = 'pending' AND w.next_try_at > ?1)
         ORDER BY seq",
        (now.0, (now - lease).0),
        |row| {
            Ok(OutboxRow {
                seq: row.get(0)?,
                created_at: Timestamp(row.get(1)?),
                message: NewMessage {
                    kind: row.get(2)?,
                    incident: row.get(3)?,
                    channel: row.get(4)?,
                    text: row.get(5)?,
                    body: row.get(6)?,
                },
                attempts: row.get(7)?,
                next_try_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
                key: row.get(9)?,
                doubt: doubt(row.get(10)?, row.get(11)?),
                landed_in: row.get(12)?,
            })
        },
    )
}

fn doubt(since: Option<i64>, last: Option<i64>) -> Option<Doubt> {
    Some(Doubt {
        since: Timestamp(since?),
        last: Timestamp(last?),
    })
}

pub(super) fn claim(
    t: &Transaction<'_>,
    seq: i64,
    now: Timestamp,
    lease: Duration,
) -> Result<bool, Error> {
    let taken = t
        .prepare_cached(
            "UPDATE outbox SET state = 'sending', claimed_at = ?2, attempts = attempts + 1
             WHERE seq = ?1 AND (state = 'pending' OR (state = 'sending' AND coalesce(claimed_at, 0) <= ?3))",
        )?
        .execute((seq, now.0, (now - lease).0))?;
    if taken == 1 {
        t.prepare_cached(
            "INSERT INTO attempts (outbox, at, outcome, unknown) VALUES (?1, ?2, 'begun', 1)",
        )?
        .execute((seq, now.0))?;
    }
    Ok(taken == 1)
}

pub(super) fn finish(
    t: &Transaction<'_>,
    seq: i64,
    began: Timestamp,
    now: Timestamp,
    attempt: &Attempt,
) -> Result<(), Error> {
    let (outcome, unknown) = match attempt {
        Attempt::Accepted { channel, ts } => {
            t.prepare_cached(
                "UPDATE outbox SET state = 'sent', sent_at = ?2, sent_channel = ?3, sent_ts = ?4 WHERE seq = ?1",
            )?
            .execute((seq, now.0, channel, ts))?;
            ("accepted", false)
        }
        Attempt::Failed {
            why,
            unknown,
            next_try_at,
        } => {
            // One whose lease ran out may fail after another was accepted: what was told stays told.
            t.prepare_cached(
                "UPDATE outbox SET state = 'pending', next_try_at = ?2
                 WHERE seq = ?1 AND state IN ('pending', 'sending')",
            )?
            .execute((seq, next_try_at.map(|at| at.0)))?;
            (why.as_str(), *unknown)
        }
    };
    t.prepare_cached(
        "UPDATE attempts SET outcome = ?3, unknown = ?4 WHERE outbox = ?1 AND at = ?2",
    )?
    .execute((seq, began.0, outcome, unknown))?;
    Ok(())
}

pub(super) fn pending(connection: &Connection) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')";
    Ok(connection
        .prepare_cached(sql)?
        .query_row((), |row| row.get(0))?)
}
