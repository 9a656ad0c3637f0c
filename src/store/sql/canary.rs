//! The canary's own mails.

use crate::model::{CanaryMail, CanaryOutcome, Timestamp};
use crate::store::{Database, Error};

use super::{Row, Scope, Session, values};

impl Database {
    /// Returns the canary's newest mails, at most `max`, and the last one that was delivered; the newest first.
    pub fn canary_mails(&mut self, max: i64) -> Result<Vec<CanaryMail>, Error> {
        let sql = "SELECT sent_at, message, outcome, reason, delivered_at FROM canary
                   WHERE sent_at IN (SELECT sent_at FROM canary ORDER BY sent_at DESC LIMIT ?1)
                   OR sent_at = (SELECT max(sent_at) FROM canary WHERE delivered_at IS NOT NULL) ORDER BY sent_at DESC";
        self.rows(sql, &values![max], |row| mail(row))
    }

    /// Stores a mail, in the place of one that was sent at the same instant.
    pub fn save_canary_mail(&mut self, mail: &CanaryMail) -> Result<(), Error> {
        let (outcome, reason) = match &mail.outcome {
            CanaryOutcome::Pending => ("pending", None),
            CanaryOutcome::Delivered => ("delivered", None),
            CanaryOutcome::Bounced => ("bounced", None),
            CanaryOutcome::Refused(reason) => ("refused", Some(reason)),
        };
        self.write(Scope::All, |s| {
            let sql = "INSERT INTO canary (sent_at, message, outcome, reason, delivered_at) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (sent_at) DO UPDATE SET message = excluded.message, outcome = excluded.outcome,
                       reason = excluded.reason, delivered_at = excluded.delivered_at";
            let (id, reason) = (mail.id.as_deref(), reason.map(String::as_str));
            let values = values![mail.sent_at, id, outcome, reason, mail.delivered_at];
            s.execute(sql, &values)
        })
    }
}

/// Forgets what was sent after `now`: the clock was wrong.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute("DELETE FROM canary WHERE sent_at > ?1", &values![now])
}

fn mail(row: &dyn Row) -> Result<CanaryMail, Error> {
    let outcome: String = row.get(2)?;
    Ok(CanaryMail {
        sent_at: row.get(0)?,
        id: row.get(1)?,
        outcome: match outcome.as_str() {
            "delivered" => CanaryOutcome::Delivered,
            "bounced" => CanaryOutcome::Bounced,
            "refused" => CanaryOutcome::Refused(row.get::<Option<String>>(3)?.unwrap_or_default()),
            _ => CanaryOutcome::Pending,
        },
        delivered_at: row.get(4)?,
    })
}
