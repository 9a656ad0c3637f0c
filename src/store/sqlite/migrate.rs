//! The schema and its history. An entry that was released is never changed or removed.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::{Error, Problem};

/// In order; the first brings an empty file to schema 1.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_main.sql")];

/// Brings the schema up to date, in one transaction; leaves a newer one alone.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version(connection)? == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again: another process may have migrated while this one waited.
    let found = version(&transaction)?;
    if found > known || found < 0 {
        return Err(Error::new(
            "read the schema",
            Problem::Newer { found, known },
        ));
    }
    for migration in &MIGRATIONS[usize::try_from(found).unwrap_or(0)..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

fn version(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
