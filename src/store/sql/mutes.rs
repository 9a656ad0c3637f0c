//! What is muted, and which messages wait for the end of it.

use crate::model::{Hold, Incident, MAX_QUIET_HOURS, Mute, Rule, ServerName, Severity, Timestamp};
use crate::store::{Database, Error, HeldRows};

use super::{Row, Scope, Session, incidents, values};

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

    /// Returns when the oldest message was written that is not accepted yet and that is not held back.
    pub fn oldest_undelivered(&mut self, hold: Hold) -> Result<Option<Timestamp>, Error> {
        let held = self.held_rows(hold)?.rows;
        let sql = "SELECT seq, created_at FROM outbox WHERE state IN ('pending', 'sending') AND kind <> 'picture' ORDER BY created_at, seq";
        let read = |row: &dyn Row| Ok((row.get::<i64>(0)?, row.get(1)?));
        let waiting = self.rows(sql, &[], read)?.into_iter();
        let mut late = waiting.filter(|(seq, _)| !held.contains(seq));
        Ok(late.next().map(|(_, at)| at))
    }

    /// Returns what is held back of the messages not yet accepted: those whose incidents all are. Digests are never held, nor are
    /// edits, which may say that something is muted.
    pub fn held_rows(&mut self, hold: Hold) -> Result<HeldRows, Error> {
        self.held_of(0, hold)
    }

    /// Returns whether row `seq` is held back.
    pub fn is_row_held(&mut self, seq: i64, hold: Hold) -> Result<bool, Error> {
        Ok(!self.held_of(seq, hold)?.rows.is_empty())
    }

    /// Returns what is held back of row `seq`; of every row where it is 0.
    fn held_of(&mut self, seq: i64, hold: Hold) -> Result<HeldRows, Error> {
        let mut mutes = self.mutes(hold.at)?;
        mutes.retain(|mute| mute.runs_at(hold.at));
        let is_all_muted = mutes.iter().any(is_of_everything);
        if mutes.is_empty() && !hold.is_quiet {
            return Ok(HeldRows::default());
        }
        let waiting = self.rows(
            "SELECT i.body, n.incident, o.seq, o.created_at FROM outbox o LEFT JOIN outbox_incidents n ON n.seq = o.seq
                 LEFT JOIN incidents i ON i.id = n.incident
             WHERE o.state IN ('pending', 'sending') AND o.kind NOT IN ('digest', 'edit', 'picture') AND (?1 = 0 OR o.seq = ?1)
             ORDER BY o.seq",
            &values![seq],
            |row| {
                let id: Option<String> = row.get(1)?;
                let body: Option<String> = row.get(0)?;
                let incident = body.map(|_| incidents::read_body(row)).transpose()?;
                // A row is held no longer than a warning may wait, nor is what was written because of that.
                let waits = |i: &Incident| i.severity == Severity::Warn && !i.outlasts_quiet_hours;
                let written_at: Timestamp = row.get(3)?;
                let is_young = hold.at.since(written_at) < MAX_QUIET_HOURS;
                let is_quiet = hold.is_quiet && is_young && incident.as_ref().is_some_and(waits);
                Ok((row.get::<i64>(2)?, id, (incident, is_quiet)))
            },
        )?;
        let mut held = HeldRows::default();
        for row in waiting.chunk_by(|a, b| a.0 == b.0) {
            let mut is_row_held = true;
            for (_, id, (incident, is_quiet)) in row {
                let is_held = id.as_ref().is_some_and(|id| {
                    let is_muted = |mute: &Mute| holds(mute, id, incident.as_ref());
                    *is_quiet || mutes.iter().any(is_muted)
                });
                held.incidents.extend(id.clone().filter(|_| is_held));
                is_row_held &= is_held;
            }
            held.rows
                .extend((is_row_held || is_all_muted).then_some(row[0].0));
        }
        Ok(held)
    }
}

fn is_of_everything(mute: &Mute) -> bool {
    mute.server.is_none() && mute.rule.is_none() && mute.incident.is_none()
}

/// Whether a mute is of the incident `id`; what is stored of it may be gone.
fn holds(mute: &Mute, id: &str, incident: Option<&Incident>) -> bool {
    let is_covered = |i: &Incident| mute.covers(&i.server, i.rule);
    mute.incident.as_deref() == Some(id) || incident.is_some_and(is_covered)
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
