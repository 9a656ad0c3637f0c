//! The first message of the database, which is written once.

use crate::model::Timestamp;
use crate::store::{Database, DueHello, Error, NewMessage};

use super::{Scope, Session, outbox, values};

impl Database {
    /// Returns what the first message of this database is to say of it; `None` where it was written, or where an earlier version
    /// used the database.
    pub fn due_hello(&mut self) -> Result<Option<DueHello>, Error> {
        let sql = "SELECT greeted_at, anew FROM hello";
        let row = self.rows(sql, &[], |row| {
            Ok((row.get::<Option<Timestamp>>(0)?, row.get(1)?))
        })?;
        Ok(match row.first() {
            Some((Some(_), _)) => None,
            Some((None, is_anew)) => Some(DueHello { is_anew: *is_anew }),
            None => Some(DueHello { is_anew: false }),
        })
    }

    /// Stores the outbox row of the first message, or that none is wanted, unless that was done before. Returns whether it stored it.
    pub fn save_hello(
        &mut self,
        message: Option<&NewMessage>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.write(Scope::All, |s| {
            let sql = "SELECT count(*) FROM hello WHERE greeted_at IS NOT NULL";
            let known: i64 = s.one(sql, &[], |row| row.get(0))?;
            if known > 0 {
                return Ok(false);
            }
            s.execute("DELETE FROM hello", &[])?;
            let sql = "INSERT INTO hello (greeted_at, anew) VALUES (?1, 0)";
            s.execute(sql, &values![now])?;
            if let Some(message) = message {
                outbox::push(s, message, now)?;
            }
            Ok(true)
        })
    }
}

/// Records that this database, which is new, takes the place of one that was lost.
pub(in crate::store) fn mark_anew(s: &mut dyn Session) -> Result<(), Error> {
    s.execute("INSERT INTO hello (greeted_at, anew) VALUES (NULL, 1)", &[])
}
