//! Which servers the account lists, and notes of who came and went.

use rusqlite::{Connection, Transaction};

use crate::model::{ServerName, Span, Timestamp};
use crate::store::{Error, Note, RosterChange};

use super::rows;

pub(super) fn save(
    t: &Transaction<'_>,
    listed: &[(ServerName, i64)],
    now: Timestamp,
) -> Result<RosterChange, Error> {
    let before = watched(t)?;
    let change = RosterChange {
        first: before.is_empty(),
        joined: added(listed.iter().map(|(name, _)| name), &before),
        left: added(&before, listed.iter().map(|(name, _)| name)),
    };
    for name in &change.left {
        t.execute(
            "UPDATE servers SET left_at = ?2 WHERE name = ?1",
            (&name.0, now.0),
        )?;
        t.execute(
            "UPDATE streams SET watched = 0 WHERE server = ?1",
            [&name.0],
        )?;
    }
    for (name, id) in listed {
        t.execute(
            "INSERT INTO servers (name, first_start_at, account_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET account_id = ?3, left_at = NULL",
            (&name.0, now.0, id),
        )?;
    }
    Ok(change)
}

/// Those of `some` that are not among `others`.
fn added<'n>(
    some: impl IntoIterator<Item = &'n ServerName>,
    others: impl IntoIterator<Item = &'n ServerName>,
) -> Vec<ServerName> {
    let others: std::collections::BTreeSet<&ServerName> = others.into_iter().collect();
    let new = some.into_iter().filter(|name| !others.contains(name));
    new.cloned().collect()
}

pub(super) fn watched(connection: &Connection) -> Result<Vec<ServerName>, Error> {
    let sql =
        "SELECT name FROM servers WHERE account_id IS NOT NULL AND left_at IS NULL ORDER BY name";
    rows(connection, sql, (), |row| Ok(ServerName(row.get(0)?)))
}

pub(super) fn abandoned(connection: &Connection) -> Result<Vec<ServerName>, Error> {
    let sql = "SELECT name FROM servers WHERE left_at IS NOT NULL
               AND name IN (SELECT server FROM incidents WHERE open = 1) ORDER BY name";
    rows(connection, sql, (), |row| Ok(ServerName(row.get(0)?)))
}

pub(super) fn note(t: &Transaction<'_>, note: &Note) -> Result<(), Error> {
    t.execute(
        "INSERT INTO notes (at, server, text) VALUES (?1, ?2, ?3)",
        (note.at.0, &note.server.0, &note.text),
    )?;
    Ok(())
}

pub(super) fn notes(connection: &Connection, span: Span) -> Result<Vec<Note>, Error> {
    rows(
        connection,
        "SELECT at, server, text FROM notes WHERE at >= ?1 AND at < ?2 ORDER BY at, seq",
        (span.from.0, span.until.0),
        |row| {
            Ok(Note {
                at: Timestamp(row.get(0)?),
                server: ServerName(row.get(1)?),
                text: row.get(2)?,
            })
        },
    )
}
