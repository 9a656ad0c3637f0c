//! What is muted, and which messages wait for the end of it.

use crate::model::{Mute, Rule, ServerName, Timestamp};
use crate::store::{Database, Error};

use super::{Row, Scope, Session, values};

impl Database {
    /// Stores a mute, ends those that it replaces, and returns its id.
    pub fn save_mute(&mut self, mute: &Mute, instead_of: &[i64]) -> Result<i64, Error> {
        self.write(Scope::All, |s| {
            end(s, instead_of, mute.from)?;
            add(s, mute)
        })
    }

    /// Ends mutes, unless they ended before.
    pub fn end_mutes(&mut self, mutes: &[i64], at: Timestamp) -> Result<(), Error> {
        self.write(Scope::All, |s| end(s, mutes, at))
    }

    /// Returns the mutes that end after `after`, those that are planned too, in the order in which they were set.
    pub fn mutes(&mut self, after: Timestamp) -> Result<Vec<Mute>, Error> {
        self.read(|s| {
            let found = s.rows(
                "SELECT seq, server, rule, from_at, until_at, reason, set_by, incident, planned FROM mutes WHERE until_at > ?1 ORDER BY seq",
                &values![after],
                |row| {
                    let (server, rule): (String, String) = (row.get(1)?, row.get(2)?);
                    let known = Rule::from_name(&rule);
                    let mute = Mute {
                        id: row.get(0)?,
                        server: Some(server).filter(|name| !name.is_empty()).map(ServerName),
                        rule: known,
                        from: row.get(3)?,
                        until: row.get(4)?,
                        reason: row.get(5)?,
                        by: row.get(6)?,
                        incident: row.get(7)?,
                        planned: row.get(8)?,
                    };
                    Ok((rule.is_empty() || known.is_some()).then_some(mute))
                },
            )?;
            Ok(found.into_iter().flatten().collect())
        })
    }

    /// Returns when the oldest message was written that is not accepted yet and that no mute holds back at `at`.
    pub fn oldest_undelivered(&mut self, at: Timestamp) -> Result<Option<Timestamp>, Error> {
        let held = self.muted_rows(at)?;
        let sql = "SELECT seq, created_at FROM outbox WHERE state IN ('pending', 'sending') AND kind <> 'picture' ORDER BY created_at, seq";
        let read = |row: &dyn Row| Ok((row.get::<i64>(0)?, row.get(1)?));
        let waiting = self.rows(sql, &[], read)?.into_iter();
        let mut late = waiting.filter(|(seq, _)| !held.contains(seq));
        Ok(late.next().map(|(_, at)| at))
    }

    /// Returns the outbox rows not yet accepted that mutes hold back at `at`: every incident that the message names is
    /// muted. Digests are never held, nor are edits, which may say that something is muted.
    pub fn muted_rows(&mut self, at: Timestamp) -> Result<Vec<i64>, Error> {
        self.rows(
            "SELECT o.seq FROM outbox o WHERE o.state IN ('pending', 'sending') AND o.kind NOT IN ('digest', 'edit', 'picture') AND (
                 EXISTS (SELECT 1 FROM mutes m WHERE m.until_at > ?1 AND (m.planned = 0 OR m.from_at <= ?1) AND m.server = '' AND m.rule = '' AND m.incident IS NULL)
                 OR (EXISTS (SELECT 1 FROM outbox_incidents n WHERE n.seq = o.seq) AND NOT EXISTS (
                     SELECT 1 FROM outbox_incidents n LEFT JOIN incidents i ON i.id = n.incident
                     WHERE n.seq = o.seq AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.until_at > ?1 AND (m.planned = 0 OR m.from_at <= ?1)
                         AND ((m.incident IS NULL AND (m.server = '' OR m.server = i.server) AND (m.rule = '' OR m.rule = i.rule))
                             OR m.incident = n.incident)))))
             ORDER BY o.seq",
            &values![at],
            |row| row.get(0),
        )
    }
}

pub(super) fn end(s: &mut dyn Session, mutes: &[i64], at: Timestamp) -> Result<(), Error> {
    let rows: Vec<_> = mutes.iter().map(|id| values![*id, at]).collect();
    let sql = "UPDATE mutes SET until_at = ?2 WHERE seq = ?1 AND until_at > ?2";
    s.execute_each(sql, &rows).map(drop)
}

pub(super) fn add(s: &mut dyn Session, mute: &Mute) -> Result<i64, Error> {
    s.one(
        "INSERT INTO mutes (server, rule, from_at, until_at, reason, set_by, incident, planned)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING seq",
        &values![
            mute.server.as_ref().map_or("", |server| server.0.as_str()),
            mute.rule.map_or("", Rule::name),
            mute.from,
            mute.until,
            &mute.reason,
            &mute.by,
            mute.incident.as_deref(),
            mute.planned,
        ],
        |row| row.get(0),
    )
}

/// One that was set by a wrong clock lasts as long from now on; one that was planned stays.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute(
        "UPDATE mutes SET from_at = ?1, until_at = ?1 + (until_at - from_at) WHERE from_at > ?1 AND planned = 0",
        &values![now],
    )
}
