//! The schema in a database: its version, and who may work on it, stand in `hushwatch.schema`.

use tokio_postgres::Client;

use crate::store::Problem;
use crate::store::sql::schema::{MIN_KNOWN_VERSION, NEWEST, VERSIONS, Verdict, judge};

use super::LOCKS;
use super::connect::{BEGIN_WRITE, execute, first_row, integer};
use super::error::not_allowed;

/// In order, beside those of the file. What a file learned one after the other before this engine came, it has at once.
pub(in crate::store) const MIGRATIONS: [&str; VERSIONS] = [
    "",
    "",
    "",
    include_str!("migrations/0004_main.sql"),
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

/// Notes that this database takes the place of one that was lost, for the hello.
const MARK_ANEW: &str = "INSERT INTO hello (greeted_at, anew) VALUES (NULL, 1)";

/// Brings the schema up to date, in one transaction; leaves a newer one alone. One that `is_lost` and is made anew says so. Returns
/// whether it did anything. Where it fails, `client` must be dropped, which undoes it.
pub(super) async fn migrate(client: &Client, is_lost: bool) -> Result<bool, Problem> {
    let begin = format!("{BEGIN_WRITE}; SELECT pg_advisory_xact_lock({LOCKS}, 0)");
    execute(client, &begin).await?;
    // Read again: another process may have migrated while this one waited.
    let verdict = judge_schema(client).await?;
    if let Verdict::Behind(found) = verdict {
        let mut sql = String::new();
        if !exists(client, "to_regnamespace('hushwatch')").await? {
            sql.push_str("CREATE SCHEMA hushwatch;");
        }
        sql.extend(MIGRATIONS[found..].iter().copied());
        sql.push_str(&format!(
            "CREATE TABLE IF NOT EXISTS schema (version BIGINT NOT NULL, least BIGINT NOT NULL);
             DELETE FROM schema; INSERT INTO schema VALUES ({NEWEST}, {MIN_KNOWN_VERSION});"
        ));
        if is_lost && found == 0 {
            sql.push_str(MARK_ANEW);
        }
        execute(client, &sql).await?;
    }
    execute(client, "COMMIT").await?;
    Ok(matches!(verdict, Verdict::Behind(_)))
}

/// Fails where there is no schema, or an empty one, and this user may not create what belongs there.
pub(super) async fn refuse_without_create(client: &Client) -> Result<(), Problem> {
    // What it lacks: in a schema that is there already, the right on the database is of no use.
    let sql = "SELECT CASE WHEN to_regnamespace('hushwatch') IS NULL
                   THEN CASE WHEN NOT has_database_privilege(current_database(), 'CREATE')
                       THEN 'database ' || current_database() END
                   ELSE CASE WHEN NOT has_schema_privilege('hushwatch', 'CREATE')
                       THEN 'schema hushwatch' END END";
    let row = first_row(client, sql).await?;
    let Some(place) = row.try_get(0).ok().flatten() else {
        return Ok(());
    };
    let message = format!("permission denied for {place}");
    Err(Problem::Refused(not_allowed(&message)))
}

/// Judges the schema of the database, and writes nothing.
pub(super) async fn judge_schema(client: &Client) -> Result<Verdict, Problem> {
    let (mut found, mut least) = (0, None);
    if exists(client, "to_regclass('hushwatch.schema')").await? {
        let sql = "SELECT max(version), max(least) FROM hushwatch.schema";
        let row = first_row(client, sql).await?;
        found = integer(&row, 0)?.unwrap_or(0);
        least = integer(&row, 1)?;
    }
    judge(found, least).map_err(|error| error.problem().clone())
}

/// Whether `lookup`, an SQL expression, finds anything.
async fn exists(client: &Client, lookup: &str) -> Result<bool, Problem> {
    let row = first_row(client, &format!("SELECT ({lookup} IS NOT NULL)::int")).await?;
    Ok(integer(&row, 0)? == Some(1))
}
