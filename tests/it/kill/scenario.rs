//! A scenario of events with one alert of each kind, and a database that has seen none of them yet.

use std::process::Stdio;

use hushwatch::model::{HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};
use hushwatch::sim::{Fault, Plan};

use crate::world::{Process, World, wait_until};

/// What the scenario holds, by a part of the line that tells of it.
pub(crate) const EXPECTED_MESSAGES: [&str; 6] = [
    "catch-up: 1 incident opened and resolved",
    "recipients reported mail as spam in the last",
    "recipients bounced in the last",
    "reported a message as spam",
    "operator address",
    "digest",
];

/// A world whose last cycle was eight hours before `now`, and whose database was left by a process that was killed.
pub(crate) fn scenario(now: Timestamp) -> World {
    build_scenario(World::new(Process::New, &file(now)), now)
}

/// What a world's configuration must say for it.
pub(crate) fn file(now: Timestamp) -> String {
    let digest_at = (now - HOUR).to_string();
    format!("[digest]\nat = \"{}\"\n", &digest_at[11..16])
}

/// The same, of a world that is new and has that configuration.
pub(crate) fn build_scenario(mut world: World, now: Timestamp) -> World {
    with_long_timeouts(&mut world);
    world.env("HUSHWATCH_SLACK__PICTURES", "true");
    run_plan(&world, now);
    let first = world.cycle(now - HOUR * 8);
    assert_eq!(first.code, 0, "{}", first.stderr);
    leave_wal_behind(&mut world, now - HOUR * 8 + MINUTE * 5);
    assert_eq!(world.slack.messages(), [], "nothing happened yet");
    world
}

fn run_plan(world: &World, now: Timestamp) {
    let shop = &world.shop;
    let quiet = Profile::constant(30.0).without_bounces();
    shop.generate(
        "outbound",
        Span::new(now - HOUR * 20, now + HOUR * 9),
        &quiet,
    );
    let hidden = Span::new(now - HOUR * 7, now - HOUR * 6);
    shop.bounce_wave("outbound", hidden, 0.5, "Blocked");
    let standing = Span::new(now - HOUR, now + HOUR * 9);
    shop.bounce_wave("outbound", standing, 0.4, "Blocked");
    shop.add_complaints("outbound", now - MINUTE * 40, 1, "example.net");
    let sent = now - MINUTE * 30;
    let to_operator = Mail::new("outbound", sent, "ops@example.com");
    shop.push(to_operator.bounced("HardBounce", sent + MINUTE));
}

/// Who is to be killed while it waits must not give up before.
pub(crate) fn with_long_timeouts(world: &mut World) {
    world.env("HUSHWATCH_POSTMARK__TIMEOUT", "30s");
    world.env("HUSHWATCH_SLACK__TIMEOUT", "30s");
    if world.database().is_some() {
        // There the next one waits until the leases of the dead are over, which last as long as a request may.
        world.env("HUSHWATCH_SLACK__TIMEOUT", "1500ms");
        world.env("HUSHWATCH_STORE__LEASE", "5s");
    }
}

/// A cycle that is killed at its very end: what it wrote is in the write-ahead log alone, to which later ones append.
pub(crate) fn leave_wal_behind(world: &mut World, now: Timestamp) {
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.slack.fail_pings(Plan::always(Fault::Hang));
    world.postmark.set_now(now);
    let mut check = world
        .command(&["check", "--now", &now.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    wait_until("the heartbeat", || world.slack.count("/heartbeat") > 0);
    check.kill().expect("killed");
    check.wait().expect("ended");
    crate::store::end_leases(world);
    assert!(
        world.database().is_some() || wal_length(world) > 0,
        "the log is left"
    );
}

/// Bytes in the write-ahead log.
pub(crate) fn wal_length(world: &World) -> u64 {
    let log = world.folder.path().join("hushwatch.db-wal");
    std::fs::metadata(log).map_or(0, |log| log.len())
}
