//! Which servers the account lists, and notes of who came and went.

use std::collections::BTreeSet;

use crate::model::{ServerName, Span, Timestamp};
use crate::store::{Database, Error, Note, ServerListChange};

use super::{Scope, Session, rename_servers, values};

impl Database {
    /// Stores the servers that the account lists now, with Postmark's ids and with what the digest says of the change, and returns what
    /// changed. Streams of servers that left are no longer watched.
    pub fn save_account_servers(
        &mut self,
        listed: &[(ServerName, i64)],
        now: Timestamp,
        notes: impl FnOnce(&ServerListChange) -> Vec<Note>,
    ) -> Result<ServerListChange, Error> {
        self.write(Scope::All, |s| {
            let renamed = rename_servers::follow(s, listed)?;
            let before = watched(s)?;
            let change = ServerListChange {
                renamed,
                first: before.is_empty(),
                joined: added(listed.iter().map(|(name, _)| name), &before),
                left: added(&before, listed.iter().map(|(name, _)| name)),
            };
            let left: Vec<_> = change.left.iter().map(|n| values![&n.0, now]).collect();
            s.execute_each("UPDATE servers SET left_at = ?2 WHERE name = ?1", &left)?;
            let left: Vec<_> = change.left.iter().map(|n| values![&n.0]).collect();
            s.execute_each("UPDATE streams SET watched = 0 WHERE server = ?1", &left)?;
            let listed: Vec<_> = listed
                .iter()
                .map(|(name, id)| values![&name.0, now, *id])
                .collect();
            s.execute_each(
                "INSERT INTO servers (name, first_start_at, account_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET account_id = excluded.account_id, left_at = NULL, former_name = NULL",
                &listed,
            )?;
            insert_notes(s, &notes(&change))?;
            Ok(change)
        })
    }

    /// Returns the servers that the account listed last, by name.
    pub fn account_servers(&mut self) -> Result<Vec<ServerName>, Error> {
        self.read(watched)
    }

    /// Returns Postmark's numbers of the servers that the account listed last.
    pub fn account_server_ids(&mut self) -> Result<Vec<i64>, Error> {
        let sql = "SELECT account_id FROM servers WHERE account_id IS NOT NULL AND left_at IS NULL ORDER BY account_id";
        self.rows(sql, &[], |row| row.get(0))
    }

    /// Returns the servers that are no longer watched and still have an open incident or a deferred notification: those
    /// that left the account, and those that no cycle polled since `idle`, listed or not.
    pub fn unwatched_servers(&mut self, idle: Timestamp) -> Result<Vec<ServerName>, Error> {
        let sql = "SELECT name FROM servers WHERE (left_at IS NOT NULL OR last_cycle_at < ?1)
                   AND name IN (SELECT server FROM incidents WHERE open = 1 OR withheld = 1) ORDER BY name";
        self.rows(sql, &values![idle], |row| row.get(0).map(ServerName))
    }

    #[cfg(test)]
    pub fn save_note(&mut self, note: &Note) -> Result<(), Error> {
        self.write(Scope::Server(&note.server), |s| insert_note(s, note))
    }

    /// Writes `note` once, and only if the oldest mail of a stream was listed before recipients were stored: the database is of a
    /// version from before [`RateRule::confidence`](crate::model::RateRule::confidence) had a default.
    pub fn save_note_of_upgrade(&mut self, note: &Note) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            let is_older = "SELECT count(*) FROM streams WHERE 0 = (SELECT recipients FROM messages
                            WHERE stream = streams.key ORDER BY sent_at LIMIT 1)";
            let older: i64 = s.one(is_older, &[], |row| row.get(0))?;
            let known = "SELECT count(*) FROM notes WHERE text = ?1";
            let written: i64 = s.one(known, &values![&note.text], |row| row.get(0))?;
            if older == 0 || written > 0 {
                return Ok(());
            }
            insert_note(s, note)
        })
    }

    /// Returns the notes of `span`, in order.
    pub fn notes(&mut self, span: Span) -> Result<Vec<Note>, Error> {
        self.rows(
            "SELECT at, server, text FROM notes WHERE at >= ?1 AND at < ?2 ORDER BY at, seq",
            &values![span.from, span.until],
            |row| {
                Ok(Note {
                    at: row.get(0)?,
                    server: ServerName(row.get(1)?),
                    text: row.get(2)?,
                })
            },
        )
    }
}

fn watched(s: &mut dyn Session) -> Result<Vec<ServerName>, Error> {
    let sql =
        "SELECT name FROM servers WHERE account_id IS NOT NULL AND left_at IS NULL ORDER BY name";
    s.rows(sql, &[], |row| row.get(0).map(ServerName))
}

/// Those of `some` that are not among `others`.
fn added<'n>(
    some: impl IntoIterator<Item = &'n ServerName>,
    others: impl IntoIterator<Item = &'n ServerName>,
) -> Vec<ServerName> {
    let others: BTreeSet<&ServerName> = others.into_iter().collect();
    let new = some.into_iter().filter(|name| !others.contains(name));
    new.cloned().collect()
}

/// Stores what the digest says of a change, in the transaction that stores the change: it is said once, whatever happens then.
pub(super) fn insert_notes(s: &mut dyn Session, notes: &[Note]) -> Result<(), Error> {
    notes.iter().try_for_each(|note| insert_note(s, note))
}

pub(super) fn insert_note(s: &mut dyn Session, note: &Note) -> Result<(), Error> {
    s.execute(
        "INSERT INTO notes (at, server, text) VALUES (?1, ?2, ?3)",
        &values![note.at, &note.server.0, &note.text],
    )
}
