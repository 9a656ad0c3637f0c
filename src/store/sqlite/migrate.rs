//! The schema and its history. An entry that was released is never changed or removed.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::{Error, Problem};

/// In order; the first brings an empty file to schema 1, and so on.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_main.sql"),
    include_str!("migrations/0002_deliveries.sql"),
    include_str!("migrations/0003_tags.sql"),
    include_str!("migrations/0004_roster.sql"),
];

/// Fails on a schema which this version does not know, and writes nothing.
pub(super) fn refuse_newer(connection: &Connection) -> Result<(), Error> {
    known_version(connection).map(|_| ())
}

/// Brings the schema up to date, in one transaction; leaves a newer one alone.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    if known_version(connection)? == newest() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again: another process may have migrated while this one waited.
    let found = known_version(&transaction)?;
    for migration in &MIGRATIONS[usize::try_from(found).unwrap_or(0)..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", newest())?;
    Ok(transaction.commit()?)
}

/// The schema of the file, from 0 for an empty one to [`newest`].
fn known_version(connection: &Connection) -> Result<i64, Error> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = newest();
    if (0..=known).contains(&found) {
        Ok(found)
    } else {
        let problem = Problem::Newer { found, known };
        Err(Error::new("read the schema", problem))
    }
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}
