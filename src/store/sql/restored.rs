//! What a database that is put back does not know of the time since.

use crate::store::Error;

use super::{Session, values};

/// Records an attempt of unknown end at each message that waits, from when it was written: it may have been sent since. Frees the
/// leases, whose holders are gone. Returns how many messages wait.
pub(in crate::store) fn mark_in_doubt(s: &mut dyn Session) -> Result<u64, Error> {
    let marked = s.count_changed(
        "INSERT INTO attempts (outbox, at, outcome, unknown)
         SELECT seq, created_at, 'begun', 1 FROM outbox WHERE state IN ('pending', 'sending') AND kind <> 'picture'",
        &[],
    )?;
    s.execute("UPDATE leases SET until_at = ?1", &values![0_i64])?;
    Ok(marked)
}
