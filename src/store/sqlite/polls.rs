//! Servers, their polls, and which streams are watched.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::model::{ServerName, StreamId, Timestamp};
use crate::store::{Error, PollRow, ServerState};

use super::{rows, stream_key};

pub(super) fn last_cycle_at(connection: &Connection) -> Result<Option<Timestamp>, Error> {
    let at: Option<i64> =
        connection.query_row("SELECT max(at) FROM polls", (), |row| row.get(0))?;
    Ok(at.map(Timestamp))
}

pub(super) fn first_start_at(connection: &Connection) -> Result<Option<Timestamp>, Error> {
    let at: Option<i64> =
        connection.query_row("SELECT min(first_start_at) FROM servers", (), |row| {
            row.get(0)
        })?;
    Ok(at.map(Timestamp))
}

/// A poll dated after `now` ran on a wrong clock, and so did what it claimed: everything back to the last poll with a
/// right one is unknown again. Its messages stay; they bear Postmark's time.
pub(super) fn rewind(t: &Transaction<'_>, now: Timestamp) -> Result<(), Error> {
    let servers: Vec<(String, i64)> =
        rows(t, "SELECT name, first_start_at FROM servers", (), |r| {
            Ok((r.get(0)?, r.get(1)?))
        })?;
    for (server, first_start) in servers {
        let good: Option<i64> = t.query_row(
            "SELECT max(at) FROM polls WHERE server = ?1 AND at <= ?2",
            (&server, now.0),
            |row| row.get(0),
        )?;
        let until = good.unwrap_or(first_start.min(now.0));
        t.execute(
            "DELETE FROM coverage WHERE from_at >= ?2 AND stream IN (SELECT key FROM streams WHERE server = ?1)",
            (&server, until),
        )?;
        t.execute(
            "UPDATE coverage SET until_at = ?2
             WHERE until_at > ?2 AND stream IN (SELECT key FROM streams WHERE server = ?1)",
            (&server, until),
        )?;
        t.execute(
            "UPDATE servers SET first_start_at = min(first_start_at, ?2) WHERE name = ?1",
            (&server, until),
        )?;
        t.execute(
            "DELETE FROM polls WHERE server = ?1 AND at > ?2",
            (&server, now.0),
        )?;
        restore(t, &server, now)?;
    }
    // Retries wait on the machine's clock, which was wrong too.
    t.execute("UPDATE outbox SET next_try_at = NULL, claimed_at = NULL WHERE state IN ('pending', 'sending')", ())?;
    t.execute("UPDATE attempts SET at = ?1 WHERE at > ?1", [now.0])?;
    super::followed::rewind(t, now)?;
    super::digests::rewind(t, now)?;
    super::incidents::rewind(t, now)
}

/// Brings a server whose last cycle is dated after `now` back to what the polls that are left say of it.
fn restore(t: &Transaction<'_>, server: &str, now: Timestamp) -> Result<(), Error> {
    t.execute(
        "UPDATE servers SET
             last_complete_at = CASE WHEN last_complete_at <= ?2 THEN last_complete_at
                 ELSE (SELECT max(at) FROM polls WHERE server = ?1 AND complete) END,
             (last_cycle_at, reason) = (SELECT max(at), reason FROM polls WHERE server = ?1),
             (incomplete_since, incomplete_cycles) = (SELECT min(p.at), count(*) FROM polls p WHERE p.server = ?1
                 AND p.at > coalesce((SELECT max(c.at) FROM polls c WHERE c.server = ?1 AND c.complete), ?3))
         WHERE name = ?1 AND last_cycle_at > ?2",
        (server, now.0, Timestamp::MIN.0),
    )?;
    Ok(())
}

pub(super) fn server(
    t: &Transaction<'_>,
    server: &ServerName,
    now: Timestamp,
) -> Result<ServerState, Error> {
    t.prepare_cached("INSERT OR IGNORE INTO servers (name, first_start_at) VALUES (?1, ?2)")?
        .execute((&server.0, now.0))?;
    let state = t
        .prepare_cached(
            "SELECT first_start_at, last_cycle_at, last_complete_at, incomplete_since, incomplete_cycles, reason
             FROM servers WHERE name = ?1",
        )?
        .query_row([&server.0], |row| {
            let at = |index| row.get::<_, Option<i64>>(index).map(|at| at.map(Timestamp));
            Ok(ServerState {
                first_start_at: Timestamp(row.get(0)?),
                last_cycle_at: at(1)?,
                last_complete_at: at(2)?,
                incomplete_since: at(3)?,
                incomplete_cycles: row.get(4)?,
                reason: row.get(5)?,
            })
        })
        .optional()?;
    Ok(state.unwrap_or_default())
}

pub(super) fn save_server(
    t: &Transaction<'_>,
    server: &ServerName,
    state: &ServerState,
    poll: &PollRow,
) -> Result<(), Error> {
    t.prepare_cached(
        "UPDATE servers SET last_cycle_at = ?2, last_complete_at = ?3, incomplete_since = ?4,
         incomplete_cycles = ?5, reason = ?6 WHERE name = ?1",
    )?
    .execute((
        &server.0,
        state.last_cycle_at.map(|at| at.0),
        state.last_complete_at.map(|at| at.0),
        state.incomplete_since.map(|at| at.0),
        state.incomplete_cycles,
        &state.reason,
    ))?;
    t.prepare_cached(
        "INSERT OR REPLACE INTO polls (server, at, requests, complete, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((&server.0, poll.at.0, poll.requests, poll.complete, &poll.reason))?;
    Ok(())
}

pub(super) fn polls(
    connection: &Connection,
    server: &ServerName,
    limit: u32,
) -> Result<Vec<PollRow>, Error> {
    rows(
        connection,
        "SELECT at, requests, complete, reason FROM polls WHERE server = ?1 ORDER BY at DESC LIMIT ?2",
        (&server.0, limit),
        |row| {
            Ok(PollRow {
                at: Timestamp(row.get(0)?),
                requests: row.get(1)?,
                complete: row.get(2)?,
                reason: row.get(3)?,
            })
        },
    )
}

pub(super) fn save_streams(
    t: &Transaction<'_>,
    server: &ServerName,
    streams: &[StreamId],
) -> Result<(), Error> {
    t.execute(
        "UPDATE streams SET watched = 0 WHERE server = ?1",
        [&server.0],
    )?;
    for stream in streams {
        let key = stream_key(t, server, stream)?;
        t.execute("UPDATE streams SET watched = 1 WHERE key = ?1", [key])?;
    }
    Ok(())
}

pub(super) fn streams(
    connection: &Connection,
    server: &ServerName,
) -> Result<Vec<StreamId>, Error> {
    let sql = "SELECT id FROM streams WHERE server = ?1 AND watched = 1 ORDER BY id";
    rows(connection, sql, [&server.0], |row| {
        Ok(StreamId(row.get(0)?))
    })
}

pub(super) fn prune(
    t: &Transaction<'_>,
    rows_before: Timestamp,
    old: Timestamp,
) -> Result<(), Error> {
    for sql in [
        "DELETE FROM messages WHERE stream IN (SELECT key FROM streams) AND sent_at < ?1",
        "DELETE FROM minutes WHERE stream IN (SELECT key FROM streams) AND at < ?1",
        "DELETE FROM bounces WHERE stream IN (SELECT key FROM streams) AND at < ?1",
        "DELETE FROM followed WHERE stream IN (SELECT key FROM streams) AND sent_at < ?1",
        "DELETE FROM polls WHERE at < ?1",
    ] {
        t.prepare_cached(sql)?.execute([rows_before.0])?;
    }
    // A tag of its own for every message would fill the file: what is rare is kept as long as its messages.
    t.prepare_cached(
        "DELETE FROM hours WHERE tag > 0 AND at < ?1 AND (stream, tag) NOT IN (SELECT stream, tag FROM hours
         WHERE tag > 0 AND at >= ?1 GROUP BY stream, tag HAVING count(*) > 3)",
    )?
    .execute([rows_before.0])?;
    for sql in [
        "DELETE FROM hours WHERE at < ?1",
        "DELETE FROM coverage WHERE until_at < ?1",
        "DELETE FROM transitions WHERE at < ?1",
        "DELETE FROM notes WHERE at < ?1",
        "DELETE FROM outbox WHERE created_at < ?1 AND state IN ('sent', 'replaced')",
        "DELETE FROM digests WHERE until_at < ?1",
        "DELETE FROM incidents WHERE open = 0 AND opened_at < ?1
         AND id NOT IN (SELECT incident FROM transitions)",
    ] {
        t.prepare_cached(sql)?.execute([old.0])?;
    }
    Ok(())
}
