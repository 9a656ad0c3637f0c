//! The database on a server.

use hushwatch::clock;

use super::{doctor, world};
use crate::cluster::{PASSWORD, cluster};

const URL: &str = "HUSHWATCH_DATABASE_URL";

#[test]
fn a_database_on_a_server_is_written_to_and_left_as_it_was() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database();
    let mut world = world("");
    world.env(URL, &url);
    let said = doctor(&world, &[]);
    said.passed();
    said.has(
        "! No schema yet in schema hushwatch of ",
        &["hushwatch migrate"],
    );
    said.has("✓ No cycle yet", &[]);
    said.lacks("✓ The disk");
    let schemas = "SELECT nspname::TEXT FROM pg_namespace WHERE nspname = 'hushwatch'";
    assert_eq!(crate::store::texts(&url, schemas), [""; 0], "none was made");
    let ended = world.cycle(clock::now());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let said = doctor(&world, &[]);
    said.passed();
    said.has("✓ Database writable: schema hushwatch of ", &[]);
    said.has("✓ Last cycle", &[]);
    said.has("✓ Nothing is muted", &[]);
}

#[test]
fn a_server_that_is_not_there_is_told_without_the_password() {
    let mut world = world("");
    let url = format!("postgres://watcher:{PASSWORD}@127.0.0.1:1/hushwatch");
    world.env(URL, &url);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has(
        "✗ Database not usable",
        &["cannot be used", "check that it runs"],
    );
    said.has("! Not checked without the database", &[]);
    said.has("✓ Postmark token valid", &[]);
    let all = format!("{}{}", said.text, said.stderr);
    assert!(!all.contains(PASSWORD), "{all}");
}
