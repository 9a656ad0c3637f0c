//! The servers of which Sentry knows that their token is missing or refused.

use crate::model::{ServerName, Timestamp};
use crate::store::{Database, Error};

use super::{Scope, Session, values};

impl Database {
    /// Returns the servers whose outage was reported, and is not over.
    pub fn reported_tokens(&mut self) -> Result<Vec<ServerName>, Error> {
        let sql = "SELECT server FROM reported_tokens ORDER BY server";
        self.rows(sql, &[], |row| Ok(ServerName(row.get(0)?)))
    }

    /// Remembers that the outage of a server was reported at `now`.
    pub fn save_reported_token(
        &mut self,
        server: &ServerName,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            s.execute(
                "INSERT INTO reported_tokens (server, at) VALUES (?1, ?2) ON CONFLICT (server) DO NOTHING",
                &values![&server.0, now],
            )
        })
    }

    /// Forgets the outage of a server, which is over.
    pub fn forget_reported_token(&mut self, server: &ServerName) -> Result<(), Error> {
        self.write(Scope::All, |s| forget(s, &server.0))
    }
}

/// Gives what is known of a server's token the server's new name.
pub(super) fn rename(s: &mut dyn Session, old: &str, new: &str) -> Result<(), Error> {
    forget(s, new)?;
    let sql = "UPDATE reported_tokens SET server = ?2 WHERE server = ?1";
    s.execute(sql, &values![old, new])
}

/// Forgets what is known of a server's token.
pub(super) fn forget(s: &mut dyn Session, server: &str) -> Result<(), Error> {
    let sql = "DELETE FROM reported_tokens WHERE server = ?1";
    s.execute(sql, &values![server])
}
