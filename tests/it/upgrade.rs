//! A newer version that changes the database while this one runs.

use std::process::Stdio;

use crate::store::{schema, set_schema};
use crate::world::{Process, World, at};

/// Versions that nobody has yet.
const NEWER: i64 = 99;

#[test]
fn a_newer_schema_that_lets_this_version_go_on_changes_nothing() {
    let mut world = World::new(Process::One, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    let (_, least) = schema(&world);
    set_schema(&world, NEWER, least);
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.report["at"], "2026-03-03T11:00:00Z");
}

#[test]
fn a_newer_schema_under_a_running_version_ends_its_work() {
    let mut world = World::new(Process::One, "");
    ends_its_work(&mut world);
}

/// What is stored stays as it was, people are told once, and the reason says what to do.
pub(crate) fn ends_its_work(world: &mut World) {
    world.cycle(at("2026-03-03T10:00:00Z"));
    let stored = world.run(&["status"]).report;
    let asked = world.postmark.requests().len();
    let (version, least) = schema(world);
    set_schema(world, NEWER, NEWER);
    for instant in ["2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z"] {
        let refused = world.refused(at(instant)).to_string();
        assert!(refused.contains("schema 99"), "{refused}");
        assert!(refused.contains("use the newer hushwatch"), "{refused}");
    }
    assert_eq!(world.postmark.requests().len(), asked, "nothing is polled");
    let told = world.alerts();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("cannot use its database"), "{told:#?}");
    for command in ["status", "migrate", "recent", "check", "run"] {
        let ended = world.run(&[command]);
        assert_eq!(ended.code, 2, "{command}: {}", ended.stderr);
    }
    assert_eq!(world.run(&["digest", "--print"]).code, 2);
    set_schema(world, version, least);
    assert_eq!(world.run(&["status"]).report, stored);
}

#[test]
fn a_daemon_ends_where_a_newer_version_takes_over() {
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_SCHEDULE", "* * * * * *");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.postmark.set_now(hushwatch::clock::now());
    let mut daemon = world
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    crate::kill::crash_point::wait_until("the heartbeat", || !world.slack.pings().is_empty());
    set_schema(&world, NEWER, NEWER);
    let status = daemon.wait().expect("ended");
    assert_eq!(status.code(), Some(2), "{status}");
    let told = world.alerts();
    let cried = told
        .iter()
        .filter(|a| a.contains("cannot use its database"));
    assert_eq!(cried.count(), 1, "{told:#?}");
}
