//! What is muted, and which messages wait for the end of it.

use crate::model::{Mute, Rule, ServerName, Timestamp};
use crate::store::Error;

use super::{Session, values};

pub(super) fn add(s: &mut dyn Session, mute: &Mute) -> Result<i64, Error> {
    s.one(
        "INSERT INTO mutes (server, rule, from_at, until_at, reason, set_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING seq",
        &values![
            mute.server.as_ref().map_or("", |server| server.0.as_str()),
            mute.rule.map_or("", Rule::name),
            mute.from,
            mute.until,
            &mute.reason,
            &mute.by,
        ],
        |row| row.get(0),
    )
}

pub(super) fn end(s: &mut dyn Session, ids: &[i64], at: Timestamp) -> Result<(), Error> {
    let rows: Vec<_> = ids.iter().map(|id| values![*id, at]).collect();
    let sql = "UPDATE mutes SET until_at = ?2 WHERE seq = ?1 AND until_at > ?2";
    s.execute_each(sql, &rows)?;
    Ok(())
}

/// A rule that this version does not know is none that it could tell of.
pub(super) fn running_after(s: &mut dyn Session, at: Timestamp) -> Result<Vec<Mute>, Error> {
    let found = s.rows(
        "SELECT seq, server, rule, from_at, until_at, reason, set_by FROM mutes WHERE until_at > ?1 ORDER BY seq",
        &values![at],
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
            };
            Ok((rule.is_empty() || known.is_some()).then_some(mute))
        },
    )?;
    Ok(found.into_iter().flatten().collect())
}

/// Messages of more than one incident wait only for the end of a mute of everything.
pub(super) fn held(s: &mut dyn Session, at: Timestamp) -> Result<Vec<i64>, Error> {
    s.rows(
        "SELECT o.seq FROM outbox o LEFT JOIN incidents i ON i.id = o.incident
         WHERE o.state IN ('pending', 'sending') AND o.kind <> 'digest' AND EXISTS (SELECT 1 FROM mutes m
             WHERE m.until_at > ?1 AND (m.server = '' OR m.server = i.server) AND (m.rule = '' OR m.rule = i.rule))
         ORDER BY o.seq",
        &values![at],
        |row| row.get(0),
    )
}

/// One that was set by a wrong clock lasts as long from now on.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute(
        "UPDATE mutes SET from_at = ?1, until_at = ?1 + (until_at - from_at) WHERE from_at > ?1",
        &values![now],
    )?;
    Ok(())
}
