//! What the lists of suppressions said of the operator's own addresses.

use crate::model::{AddressCheck, StreamKey, Suppressed, Timestamp};
use crate::store::{Database, Error};

use super::{Session, values};

impl Database {
    /// Returns the latest answer of the suppression list for each address that was checked.
    pub fn address_checks(&mut self, stream: &StreamKey) -> Result<Vec<AddressCheck>, Error> {
        self.read_stream(stream, load)
    }

    /// Stores an answer of the suppression list, which replaces the previous one for that address.
    pub fn save_address_check(
        &mut self,
        stream: &StreamKey,
        check: &AddressCheck,
    ) -> Result<(), Error> {
        self.write_stream(stream, |s, key| {
            let found = check.found.as_ref();
            s.execute(
                "INSERT INTO checks (stream, address, at, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (stream, address) DO UPDATE SET at = excluded.at, reason = excluded.reason, since = excluded.since",
                &values![
                    key,
                    &check.address,
                    check.at,
                    found.map(|found| found.reason.as_str()),
                    found.and_then(|found| found.since),
                ],
            )
        })
    }

    /// Returns the latest bounce of an address that means it cannot be reached, at or after `since`.
    pub fn last_bounce_to(
        &mut self,
        stream: &StreamKey,
        address: &str,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.read_stream(stream, |s, key| {
            s.one(
                "SELECT max(at) FROM bounces WHERE stream = ?1 AND at >= ?2 AND class IN ('hard', 'blocked')
                 AND lower(trim(recipient)) = ?3",
                &values![key, since, &address.trim().to_ascii_lowercase()],
                |row| row.get(0),
            )
        })
    }
}

pub(super) fn load(s: &mut dyn Session, stream: i64) -> Result<Vec<AddressCheck>, Error> {
    s.rows(
        "SELECT address, at, reason, since FROM checks WHERE stream = ?1 ORDER BY address",
        &values![stream],
        |row| {
            let address: String = row.get(0)?;
            let (reason, since) = (row.get::<Option<String>>(2)?, row.get(3)?);
            Ok(AddressCheck {
                found: reason.map(|reason| Suppressed {
                    address: address.clone(),
                    reason,
                    since,
                }),
                address,
                at: row.get(1)?,
            })
        },
    )
}

/// What a wrong clock asked is asked again.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute("DELETE FROM checks WHERE at > ?1", &values![now])
}
