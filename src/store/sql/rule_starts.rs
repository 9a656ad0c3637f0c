//! Since when rules judge that came with a later version: what happened before is no news.

use crate::model::{Rule, Timestamp};
use crate::store::{Database, Error};

use super::{Scope, Session, values};

impl Database {
    /// Returns since when a rule judges in this database; the first time that is asked, since `now`.
    pub fn rule_start(&mut self, rule: Rule, now: Timestamp) -> Result<Timestamp, Error> {
        let sql = "SELECT at FROM rule_starts WHERE rule = ?1";
        let known = self.read(|s| s.first(sql, &values![rule.name()], |row| row.get(0)))?;
        if let Some(start) = known {
            return Ok(start);
        }
        self.write(Scope::All, |s| {
            let insert =
                "INSERT INTO rule_starts (rule, at) VALUES (?1, ?2) ON CONFLICT (rule) DO NOTHING";
            s.execute(insert, &values![rule.name(), now])?;
            s.one(sql, &values![rule.name()], |row| row.get(0))
        })
    }
}

/// A rule that came by a clock that was wrong came at the present.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE rule_starts SET at = ?1 WHERE at > ?1";
    s.execute(sql, &values![now])
}
