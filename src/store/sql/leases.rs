//! Who may work on what, for a while: a row for each thing, with a number that grows each time it changes hands.

use std::time::Duration;

use crate::database::MAX_LEASE;
use crate::model::Timestamp;
use crate::store::{Database, Error, Lease, LeaseAttempt, Problem};

use super::{Scope, Session, values};

impl Database {
    /// Takes the lease of that name for `ttl`, by the store's clock, unless another holder has it. With `alone`, no
    /// other process can be running, so the lease of any other holder is stale.
    pub fn acquire_lease(
        &mut self,
        name: &str,
        holder: &str,
        ttl: Duration,
        alone: bool,
    ) -> Result<LeaseAttempt, Error> {
        let clock_query = self.clock_query();
        self.write(Scope::Leases, |s| {
            let now = s.one(clock_query, &[], |row| row.get(0))?;
            take(s, name, holder, now, ttl, alone)
        })
    }

    /// Extends leases by `ttl` from now, and returns whether each is still held.
    pub fn renew_leases(&mut self, leases: &[Lease], ttl: Duration) -> Result<Vec<bool>, Error> {
        let clock_query = self.clock_query();
        self.write(Scope::Leases, |s| {
            let now: Timestamp = s.one(clock_query, &[], |row| row.get(0))?;
            renew(s, leases, now + ttl)
        })
    }

    /// Releases leases. Those that were lost stay with their new holders.
    pub fn release_leases(&mut self, leases: &[Lease]) -> Result<(), Error> {
        self.write(Scope::Leases, |s| {
            renew(s, leases, Timestamp(0)).map(|_| ())
        })
    }

    /// Returns the leases that other holders have, with their ends.
    pub fn leases_held_by_others(
        &mut self,
        holder: &str,
    ) -> Result<Vec<(String, Timestamp)>, Error> {
        let clock_query = self.clock_query();
        self.read(|s| {
            let now: Timestamp = s.one(clock_query, &[], |row| row.get(0))?;
            s.rows(
                "SELECT name, until_at FROM leases WHERE holder <> ?1 AND until_at > ?2 ORDER BY name",
                &values![holder, now],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
    }
}

/// A lease that runs longer than any process may set was written by a wrong clock. It is no matter of one's own lease, since
/// others may be set to longer ones; twice, since the turn to deliver lasts two attempts longer.
const MAX_RUNNING: Duration = MAX_LEASE.saturating_mul(2);

pub(in crate::store) fn take(
    s: &mut dyn Session,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl: Duration,
    alone: bool,
) -> Result<LeaseAttempt, Error> {
    let taken = s.first(
        "INSERT INTO leases (name, holder, fence, until_at) VALUES (?1, ?2, 1, ?3)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = leases.fence + 1, until_at = excluded.until_at
         WHERE leases.holder = excluded.holder OR leases.until_at <= ?4 OR leases.until_at > ?5 OR ?6 = 1
         RETURNING fence",
        &values![name, holder, now + ttl, now, now + MAX_RUNNING, alone],
        |row| row.get(0),
    )?;
    if let Some(fence) = taken {
        return Ok(LeaseAttempt::Taken(Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            fence,
        }));
    }
    s.one(
        "SELECT holder, until_at FROM leases WHERE name = ?1",
        &values![name],
        |row| {
            Ok(LeaseAttempt::Held {
                by: row.get(0)?,
                until: row.get(1)?,
            })
        },
    )
}

/// Sets the end of each that is still held; which were.
pub(super) fn renew(
    s: &mut dyn Session,
    leases: &[Lease],
    until: Timestamp,
) -> Result<Vec<bool>, Error> {
    // In one order everywhere, so that two transactions of the same leases never wait for each other.
    let mut order: Vec<usize> = (0..leases.len()).collect();
    order.sort_by_key(|place| &leases[*place].name);
    let rows: Vec<_> = order
        .iter()
        .map(|place| &leases[*place])
        .map(|l| values![&l.name, &l.holder, l.fence, until])
        .collect();
    let sql = "UPDATE leases SET until_at = ?4 WHERE name = ?1 AND holder = ?2 AND fence = ?3";
    let mut kept = vec![false; leases.len()];
    for (place, changed) in order.iter().zip(s.execute_each(sql, &rows)?) {
        kept[*place] = changed == 1;
    }
    Ok(kept)
}

/// Gives up leases, all of which must still be held: whoever takes them next sees what this transaction wrote, and one
/// who was given up for dead writes nothing.
pub(super) fn give_up(s: &mut dyn Session, leases: &[Lease]) -> Result<(), Error> {
    let kept = renew(s, leases, Timestamp(0))?;
    match leases.iter().zip(kept).find(|(_, kept)| !kept) {
        None => Ok(()),
        Some((lost, _)) => Err(Error::new(
            "record this cycle",
            Problem::TakenOver(lost.name.clone()),
        )),
    }
}
