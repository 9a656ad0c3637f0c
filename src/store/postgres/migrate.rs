//! The schema in a database: its version, and who may work on it, stand in `hushwatch.schema`.

use tokio_postgres::Client;

use crate::store::Problem;
use crate::store::sql::schema::{LEAST, NEWEST, VERSIONS, Verdict, behind, judge};

use super::LOCKS;
use super::error::while_connecting;

/// In order, beside those of the file. What a file learned one after the other before this engine came, it has at once.
const MIGRATIONS: [&str; VERSIONS] = [
    "",
    "",
    "",
    include_str!("migrations/0004_main.sql"),
    include_str!("migrations/0005_leases.sql"),
    include_str!("migrations/0006_counted.sql"),
    include_str!("migrations/0007_mutes.sql"),
    include_str!("migrations/0008_checks.sql"),
    include_str!("migrations/0009_withheld.sql"),
];

/// Fails on any schema but one that this version works on, and writes nothing.
pub(super) async fn refuse_older(client: &Client) -> Result<(), Problem> {
    match verdict(client).await? {
        Verdict::Fits => Ok(()),
        Verdict::Behind(found) => Err(behind(found)),
    }
}

/// Brings the schema up to date, in one transaction; leaves a newer one alone.
pub(super) async fn migrate(client: &mut Client) -> Result<(), Problem> {
    if verdict(client).await? == Verdict::Fits {
        return Ok(());
    }
    let failed = |e: tokio_postgres::Error| while_connecting(&e);
    // Dropped on an error, it is undone.
    let transaction = client.transaction().await.map_err(failed)?;
    let lock = format!("SELECT pg_advisory_xact_lock({LOCKS}, 0)");
    transaction.batch_execute(&lock).await.map_err(failed)?;
    // Read again: another process may have migrated while this one waited.
    if let Verdict::Behind(found) = verdict(transaction.client()).await? {
        let mut sql = String::new();
        if !exists(
            transaction.client(),
            "SELECT to_regnamespace('hushwatch') IS NOT NULL",
        )
        .await?
        {
            sql.push_str("CREATE SCHEMA hushwatch;");
        }
        sql.extend(MIGRATIONS[found..].iter().copied());
        sql.push_str(&format!(
            "CREATE TABLE IF NOT EXISTS schema (version BIGINT NOT NULL, least BIGINT NOT NULL);
             DELETE FROM schema; INSERT INTO schema VALUES ({NEWEST}, {LEAST})"
        ));
        transaction.batch_execute(&sql).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

async fn verdict(client: &Client) -> Result<Verdict, Problem> {
    let failed = |e: tokio_postgres::Error| while_connecting(&e);
    let (mut found, mut least) = (0, None);
    if exists(client, "SELECT to_regclass('hushwatch.schema') IS NOT NULL").await? {
        let sql = "SELECT max(version), max(least) FROM hushwatch.schema";
        let row = client.query_one(sql, &[]).await.map_err(failed)?;
        found = row
            .try_get::<_, Option<i64>>(0)
            .map_err(failed)?
            .unwrap_or(0);
        least = row.try_get(1).map_err(failed)?;
    }
    judge(found, least).map_err(|error| error.problem().clone())
}

async fn exists(client: &Client, sql: &str) -> Result<bool, Problem> {
    let failed = |e: tokio_postgres::Error| while_connecting(&e);
    let row = client.query_one(sql, &[]).await.map_err(failed)?;
    row.try_get(0).map_err(failed)
}
