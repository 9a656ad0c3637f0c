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
    said.says(
        "! No schema yet in <database>; run `hushwatch migrate`, or let the first check create it",
    );
    said.says("✓ No cycle yet");
    said.lacks("✓ The disk");
    let schemas = "SELECT nspname::TEXT FROM pg_namespace WHERE nspname = 'hushwatch'";
    assert_eq!(crate::store::texts(&url, schemas), [""; 0], "none was made");
    let ended = world.cycle(clock::now());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let said = doctor(&world, &[]);
    said.passed();
    said.says("✓ Database writable: <database>");
    said.says("✓ Last cycle <time> UTC");
    said.says("✓ Nothing is muted");
}

#[test]
fn a_server_that_is_not_there_is_reported_without_the_password() {
    let mut world = world("");
    let url = format!("postgres://watcher:{PASSWORD}@127.0.0.1:1/hushwatch");
    world.env(URL, &url);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Database not usable — failed to use the PostgreSQL database hushwatch at 127.0.0.1:1: the server cannot be used (Connection refused (os error 111)); check that it runs, and host and port of the database URL");
    said.says("! Not checked without the database: the last cycle, open incidents, messages that wait, mutes, silence detection, and the rules at your volume; repair the database first, then run `hushwatch doctor` again");
    said.says("✓ Postmark token valid server=shop id=9708911");
    let all = format!("{}{}", said.text, said.stderr);
    assert!(!all.contains(PASSWORD), "{all}");
}
