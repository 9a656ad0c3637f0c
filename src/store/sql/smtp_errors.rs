//! What Postmark's statistics said of the mail that it refused, by its days.

use crate::model::{ServerName, SmtpErrorDay, Timestamp};
use crate::store::{Database, Error};

use super::{Scope, Session, values};

impl Database {
    /// Returns the days of a server that were read, the oldest first.
    pub fn smtp_error_days(&mut self, server: &ServerName) -> Result<Vec<SmtpErrorDay>, Error> {
        let sql = "SELECT day, errors, sent, risen_at, asked_at FROM smtp_errors WHERE server = ?1 ORDER BY day";
        self.rows(sql, &values![&server.0], |row| {
            Ok(SmtpErrorDay {
                day: row.get(0)?,
                errors: row.get(1)?,
                sent: row.get(2)?,
                risen_at: row.get(3)?,
                asked_at: row.get(4)?,
            })
        })
    }

    /// Stores days of a server, each in the place of what was known of it.
    pub fn save_smtp_error_days(
        &mut self,
        server: &ServerName,
        days: &[SmtpErrorDay],
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            for day in days {
                s.execute(
                    "INSERT INTO smtp_errors (server, day, errors, sent, risen_at, asked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (server, day) DO UPDATE SET errors = excluded.errors, sent = excluded.sent,
                     risen_at = excluded.risen_at, asked_at = excluded.asked_at",
                    &values![&server.0, day.day, day.errors, day.sent, day.risen_at, day.asked_at],
                )?;
            }
            Ok(())
        })
    }
}

/// Moves what is known of a server to its new name.
pub(super) fn rename(s: &mut dyn Session, old: &str, new: &str) -> Result<(), Error> {
    forget(s, new)?;
    let sql = "UPDATE smtp_errors SET server = ?2 WHERE server = ?1";
    s.execute(sql, &values![old, new])
}

/// Forgets what is known of a server, which Postmark tells again.
pub(super) fn forget(s: &mut dyn Session, server: &str) -> Result<(), Error> {
    s.execute(
        "DELETE FROM smtp_errors WHERE server = ?1",
        &values![server],
    )
}

/// What a wrong clock asked is asked again.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute("DELETE FROM smtp_errors WHERE asked_at > ?1", &values![now])
}
