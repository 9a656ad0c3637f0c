//! The schema of a file: its version is `user_version`, and who may work on it stands in the table `schema`.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::Error;
use crate::store::sql::schema::{MIN_KNOWN_VERSION, NEWEST, VERSIONS, Verdict, behind, judge};

/// In order; the first brings an empty file to schema 1, and so on.
pub(in crate::store) const MIGRATIONS: [&str; VERSIONS] = [
    include_str!("migrations/0001_main.sql"),
    include_str!("migrations/0002_deliveries.sql"),
    include_str!("migrations/0003_tags.sql"),
    include_str!("migrations/0004_roster.sql"),
    include_str!("migrations/0005_leases.sql"),
    include_str!("migrations/0006_counted.sql"),
    include_str!("migrations/0007_mutes.sql"),
    include_str!("migrations/0008_checks.sql"),
    include_str!("migrations/0009_withheld.sql"),
    include_str!("migrations/0010_outbox_incidents.sql"),
    include_str!("migrations/0011_delivery_drop.sql"),
    include_str!("migrations/0012_server_identity.sql"),
    include_str!("migrations/0013_recipients.sql"),
    include_str!("migrations/0014_feedback.sql"),
    include_str!("migrations/0015_threads.sql"),
    include_str!("migrations/0016_hello_reactions.sql"),
    include_str!("migrations/0017_planned_mutes.sql"),
    include_str!("migrations/0018_canary.sql"),
    include_str!("migrations/0019_reported_tokens.sql"),
    include_str!("migrations/0020_smtp_errors.sql"),
    include_str!("migrations/0021_dns.sql"),
    include_str!("migrations/0022_learned.sql"),
    include_str!("migrations/0023_messages_by_time.sql"),
    include_str!("migrations/0024_stream_lists.sql"),
    include_str!("migrations/0025_packed_hours.sql"),
    include_str!("migrations/0026_judged_from.sql"),
    include_str!("migrations/0027_packed_samples.sql"),
];

/// Fails on a schema which this version does not know, and writes nothing.
pub(super) fn refuse_newer(connection: &Connection) -> Result<(), Error> {
    verdict(connection).map(|_| ())
}

/// Fails on any schema but one that this version works on, and writes nothing.
pub(super) fn refuse_older(connection: &Connection) -> Result<(), Error> {
    match verdict(connection)? {
        Verdict::Fits => Ok(()),
        Verdict::Behind(found) => Err(Error::new("read the schema", behind(found))),
    }
}

/// Brings the schema up to date, in one transaction; leaves a newer one alone.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    if verdict(connection)? == Verdict::Fits {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again: another process may have migrated while this one waited.
    if let Verdict::Behind(found) = verdict(&transaction)? {
        for migration in &MIGRATIONS[found..] {
            transaction.execute_batch(migration)?;
        }
        transaction.execute_batch(
            "CREATE TABLE IF NOT EXISTS schema (least INTEGER NOT NULL); DELETE FROM schema;",
        )?;
        transaction.execute(
            "INSERT INTO schema (least) VALUES (?1)",
            [MIN_KNOWN_VERSION],
        )?;
        transaction.pragma_update(None, "user_version", NEWEST)?;
    }
    Ok(transaction.commit()?)
}

fn verdict(connection: &Connection) -> Result<Verdict, Error> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let told = connection.table_exists(None, "schema")?;
    let least = match told && found > NEWEST {
        true => connection.query_row("SELECT max(least) FROM schema", [], |row| row.get(0))?,
        false => None,
    };
    judge(found, least)
}
