//! What becomes of what is known of the DNS, also in a build that does not ask it.

use crate::model::Timestamp;
use crate::store::Error;

use super::{Session, values};

/// Moves what is known of a server's senders to its new name.
pub(super) fn rename(s: &mut dyn Session, old: &str, new: &str) -> Result<(), Error> {
    forget(s, new)?;
    for sql in [
        "UPDATE sending_domains SET server = ?2 WHERE server = ?1",
        "UPDATE senders_asked SET server = ?2 WHERE server = ?1",
    ] {
        s.execute(sql, &values![old, new])?;
    }
    Ok(())
}

/// Forgets a server's senders, who are asked for again.
pub(super) fn forget(s: &mut dyn Session, server: &str) -> Result<(), Error> {
    for sql in [
        "DELETE FROM sending_domains WHERE server = ?1",
        "DELETE FROM senders_asked WHERE server = ?1",
    ] {
        s.execute(sql, &values![server])?;
    }
    Ok(())
}

/// What a wrong clock asked is as old as the present; what was last good stays.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    for sql in [
        "DELETE FROM sending_domains WHERE seen_at > ?1",
        "DELETE FROM senders_asked WHERE at > ?1",
        "UPDATE dns_records SET asked_at = ?1 WHERE asked_at > ?1",
        "UPDATE dns_records SET good_at = ?1 WHERE good_at > ?1",
        "UPDATE dns_records SET broken_since = ?1 WHERE broken_since > ?1",
    ] {
        s.execute(sql, &values![now])?;
    }
    Ok(())
}
