//! Servers and their polls.

use std::collections::BTreeMap;

use crate::model::{ServerName, Timestamp};
use crate::store::{Database, Error, PollRow, ServerState};

use super::{Row, Scope, Session, stream_lists, values};

impl Database {
    pub fn last_cycle_at(&mut self) -> Result<Option<Timestamp>, Error> {
        self.read(|s| s.one("SELECT max(at) FROM polls", &[], |row| row.get(0)))
    }

    /// Returns the state of a server. A new server is stored, with `now` as its first start.
    pub fn server_state(
        &mut self,
        server: &ServerName,
        now: Timestamp,
    ) -> Result<ServerState, Error> {
        self.write(Scope::Server(server), |s| {
            s.execute(
                "INSERT INTO servers (name, first_start_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
                &values![&server.0, now],
            )?;
            s.one(
                "SELECT first_start_at, last_cycle_at, last_complete_at, incomplete_since, incomplete_cycles, reason
                 FROM servers WHERE name = ?1",
                &values![&server.0],
                state,
            )
        })
    }

    /// Returns the state of every server that is stored, without storing any.
    pub fn server_states(&mut self) -> Result<BTreeMap<ServerName, ServerState>, Error> {
        let states = self.rows(
            "SELECT first_start_at, last_cycle_at, last_complete_at, incomplete_since, incomplete_cycles, reason, name FROM servers",
            &[],
            |row| Ok((ServerName(row.get(6)?), state(row)?)),
        )?;
        Ok(states.into_iter().collect())
    }

    /// Returns the last polls of a server, newest first, for the facts.
    #[cfg(test)]
    pub fn polls(&mut self, server: &ServerName, limit: u32) -> Result<Vec<PollRow>, Error> {
        self.rows(
            "SELECT at, requests, complete, reason FROM polls WHERE server = ?1 ORDER BY at DESC LIMIT ?2",
            &values![&server.0, limit],
            poll,
        )
    }

    pub fn first_start_at(&mut self) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT min(first_start_at) FROM servers";
        self.read(|s| s.one(sql, &[], |row| row.get(0)))
    }
}

pub(super) fn save_server(
    s: &mut dyn Session,
    server: &ServerName,
    state: &ServerState,
    poll: &PollRow,
) -> Result<(), Error> {
    s.execute(
        "UPDATE servers SET last_cycle_at = ?2, last_complete_at = ?3, incomplete_since = ?4,
         incomplete_cycles = ?5, reason = ?6 WHERE name = ?1",
        &values![
            &server.0,
            state.last_cycle_at,
            state.last_complete_at,
            state.incomplete_since,
            state.incomplete_cycles,
            state.reason.as_deref(),
        ],
    )?;
    if poll.complete {
        stream_lists::all_are_judged(s, server)?;
    }
    s.execute(
        "INSERT INTO polls (server, at, requests, complete, reason) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (server, at) DO UPDATE SET requests = excluded.requests, complete = excluded.complete,
             reason = excluded.reason",
        &values![
            &server.0,
            poll.at,
            poll.requests,
            poll.complete,
            poll.reason.as_deref(),
        ],
    )
}

/// A state from the first six columns of a row of `servers`: its first start, cycles and incomplete polls, and the reason.
fn state(row: &dyn Row) -> Result<ServerState, Error> {
    Ok(ServerState {
        first_start_at: row.get(0)?,
        last_cycle_at: row.get(1)?,
        last_complete_at: row.get(2)?,
        incomplete_since: row.get(3)?,
        incomplete_cycles: row.get(4)?,
        reason: row.get(5)?,
    })
}

/// A poll from the columns at, requests, complete and reason.
pub(super) fn poll(row: &dyn Row) -> Result<PollRow, Error> {
    Ok(PollRow {
        at: row.get(0)?,
        requests: row.get(1)?,
        complete: row.get(2)?,
        reason: row.get(3)?,
    })
}
