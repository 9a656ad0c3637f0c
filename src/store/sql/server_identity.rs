//! Which of Postmark's servers is behind a name: what is stored goes by the name, and is of one server.

use std::collections::BTreeMap;

use crate::model::ServerName;
use crate::store::{AcceptedServer, Database, Error, ServerIdentity};

use super::{
    Row, Scope, Session, dns, learned, rename_servers, reported_tokens, smtp_errors, values,
};

impl Database {
    /// Returns whose mail is stored under a name; `None` until an answer said so.
    pub fn server_identity(
        &mut self,
        server: &ServerName,
    ) -> Result<Option<ServerIdentity>, Error> {
        let server = server.clone();
        self.read(|s| read(s, &server.0))
    }

    /// Returns the same of every name of which an answer said so.
    pub fn server_identities(&mut self) -> Result<BTreeMap<ServerName, ServerIdentity>, Error> {
        let sql = "SELECT number, sandbox, name FROM servers WHERE number IS NOT NULL";
        let rows = self.read(|s| {
            s.rows(sql, &[], |row| {
                Ok((ServerName(row.get(2)?), identity_of_row(row)?))
            })
        });
        Ok(rows?.into_iter().collect())
    }

    /// Stores whose mail is stored under a name that is known.
    pub fn save_server_identity(
        &mut self,
        server: &ServerName,
        identity: ServerIdentity,
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            let sandbox = identity.sandbox.map(i64::from);
            s.execute(
                "UPDATE servers SET number = ?2, sandbox = ?3 WHERE name = ?1",
                &values![&server.0, identity.number, sandbox],
            )
        })
    }
}

fn read(s: &mut dyn Session, server: &str) -> Result<Option<ServerIdentity>, Error> {
    let sql = "SELECT number, sandbox FROM servers WHERE name = ?1 AND number IS NOT NULL";
    s.first(sql, &values![server], identity_of_row)
}

/// Reads the columns `number` and `sandbox`, which come first.
fn identity_of_row(row: &dyn Row) -> Result<ServerIdentity, Error> {
    Ok(ServerIdentity {
        number: row.get(0)?,
        sandbox: row.get::<Option<i64>>(1)?.map(|sandbox| sandbox != 0),
    })
}

/// Sets aside what is stored of the server that had the name, and goes on with what was set aside of the accepted one before;
/// where that is nothing, its history begins.
pub(super) fn accept(s: &mut dyn Session, accepted: &AcceptedServer) -> Result<(), Error> {
    let name = &accepted.name.0;
    let Some(former) = read(s, name)?.filter(|former| former.number != accepted.number) else {
        return Ok(());
    };
    let aside = free_name(s, name, former.number)?;
    s.execute(
        "INSERT INTO servers (name, former_name, first_start_at, last_cycle_at, last_complete_at, number, sandbox)
         SELECT ?2, name, first_start_at, last_cycle_at, last_complete_at, number, sandbox FROM servers WHERE name = ?1",
        &values![name, &aside],
    )?;
    move_streams(s, name, &aside)?;
    smtp_errors::forget(s, name)?;
    learned::forget(s, name)?;
    dns::forget(s, name)?;
    reported_tokens::forget(s, name)?;
    s.execute(
        "UPDATE servers SET number = ?2, first_start_at = ?3, last_cycle_at = NULL, last_complete_at = NULL, sandbox = NULL,
         incomplete_since = NULL, incomplete_cycles = 0, reason = NULL, streams_listed_at = NULL WHERE name = ?1",
        &values![name, accepted.number, accepted.at],
    )?;
    let sql = "SELECT name FROM servers WHERE former_name = ?1 AND number = ?2";
    let number = accepted.number;
    let known: Option<String> = s.first(sql, &values![name, number], |row| row.get(0))?;
    match known {
        Some(known) => bring_back(s, &known, name),
        None => Ok(()),
    }
}

/// Gives what was set aside under `aside` its name back.
fn bring_back(s: &mut dyn Session, aside: &str, name: &str) -> Result<(), Error> {
    move_streams(s, aside, name)?;
    s.execute(
        "UPDATE servers SET
             first_start_at = (SELECT a.first_start_at FROM servers a WHERE a.name = ?2),
             last_cycle_at = (SELECT a.last_cycle_at FROM servers a WHERE a.name = ?2),
             last_complete_at = (SELECT a.last_complete_at FROM servers a WHERE a.name = ?2),
             sandbox = (SELECT a.sandbox FROM servers a WHERE a.name = ?2)
         WHERE name = ?1",
        &values![name, aside],
    )?;
    s.execute("DELETE FROM servers WHERE name = ?1", &values![aside])
}

fn move_streams(s: &mut dyn Session, from: &str, to: &str) -> Result<(), Error> {
    let sql = "UPDATE streams SET server = ?2, watched = 0 WHERE server = ?1";
    s.execute(sql, &values![from, to])
}

/// Returns a name for what is stored of a server of this number, under which nothing is stored.
fn free_name(s: &mut dyn Session, name: &str, number: i64) -> Result<String, Error> {
    let taken = rename_servers::taken(s)?;
    let mut aside = format!("{name} ({number})");
    while taken.contains(&aside) {
        aside.push('+');
    }
    Ok(aside)
}
