//! Several workers on one database: the work spreads, one that dies or freezes is replaced, and nothing comes twice.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hushwatch::model::{HOUR, Span, Timestamp};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan};
use serde_json::Value;

use crate::cluster::cluster;
use crate::kill::strike::{Moment, Service, arm, seen, until};
use crate::postgres::URL;
use crate::world::{Process, World, at};

const TOKEN: &str = "account";
const SERVERS: usize = 60;
/// Servers with a wave of bounces; in digest order a message each.
const WAVES: usize = 6;
const SECOND: Duration = Duration::from_secs(1);
const LEASE: &str = "5s";

fn noon() -> Timestamp {
    at("2026-03-03T12:00:00Z")
}

/// An account of many servers, seen once before; some of them bounce in the last hour before noon.
fn world() -> Option<World> {
    let cluster = cluster()?;
    let mut world = World::new(Process::New, "");
    std::fs::write(world.folder.path().join("monitor.toml"), "").expect("written");
    for (name, value) in [
        (URL, cluster.database().as_str()),
        ("POSTMARK_SERVER_TOKEN", ""),
        ("POSTMARK_ACCOUNT_TOKEN", TOKEN),
        ("HUSHWATCH_STORE__LEASE", LEASE),
        ("HUSHWATCH_POSTMARK__TIMEOUT", "30s"),
    ] {
        world.env(name, value);
    }
    world.postmark.set_account_token(TOKEN);
    let span = Span::new(noon() - 4 * HOUR, noon() + 4 * HOUR);
    for n in 0..SERVERS - 1 {
        let server = world.postmark.server(&format!("client-{n}"));
        server.generate("outbound", span, &Profile::constant(40.0).without_bounces());
        if n < WAVES {
            let wave = Span::new(noon() - HOUR, span.until);
            server.bounce_wave("outbound", wave, 0.5, "Blocked");
        }
    }
    let first = world.cycle(noon() - HOUR);
    assert_eq!(first.code, 0, "{} {}", first.report, first.stderr);
    world.postmark.take_requests();
    world.postmark.set_now(noon());
    Some(world)
}

fn worker(world: &World, now: Timestamp) -> Child {
    world
        .command(&["check", "--json", "--now", &now.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started")
}

/// What a worker said at its end, with its exit code.
fn ended(worker: Child) -> (i32, Value, String) {
    let output = worker.wait_with_output().expect("ended");
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), report, stderr)
}

fn signal(worker: &Child, name: &str) {
    let id = worker.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.expect("kill runs").success());
}

fn polled(report: &Value) -> usize {
    let servers = report["servers"].as_array().map_or(&[][..], Vec::as_slice);
    let own = |s: &&Value| s["name"] != "(account)" && s["requests"] != 0;
    servers.iter().filter(own).count()
}

/// How often each server was asked for its streams, which begins its poll.
fn polls(world: &World) -> BTreeMap<String, usize> {
    let mut polls = BTreeMap::new();
    for asked in world.postmark.requests() {
        if asked.path == "/message-streams" {
            *polls.entry(asked.server.unwrap_or_default()).or_default() += 1;
        }
    }
    polls
}

fn assert_each_wave_is_told_once(world: &World) {
    let mut told = world.alerts();
    told.sort();
    assert_eq!(told.len(), WAVES, "{told:#?}");
    for (n, line) in told.iter().enumerate() {
        assert!(line.contains(&format!("client-{n}/outbound")), "{told:#?}");
    }
}

#[test]
fn the_work_spreads_and_nothing_is_polled_or_told_twice() {
    let Some(world) = world() else { return };
    world
        .postmark
        .fail(Plan::always(Fault::Drip(Duration::from_millis(1))).on("/message-streams"));
    let workers: Vec<Child> = (0..3).map(|_| worker(&world, noon())).collect();
    let reports: Vec<_> = workers.into_iter().map(ended).collect();
    for (code, _, stderr) in &reports {
        assert_eq!(*code, 0, "{stderr}");
    }
    let shares: Vec<usize> = reports
        .iter()
        .map(|(_, report, _)| polled(report))
        .collect();
    assert_eq!(shares.iter().sum::<usize>(), SERVERS, "{shares:?}");
    assert!(
        shares.iter().filter(|share| **share > 0).count() > 1,
        "{shares:?}"
    );
    assert!(polls(&world).values().all(|polls| *polls == 1));
    assert_each_wave_is_told_once(&world);
}

#[test]
fn what_a_killed_worker_had_is_taken_over() {
    for answered in [1, 40, 150] {
        let Some(world) = world() else { return };
        let mut dies = worker(&world, noon());
        until("its polls", || seen(&world, Service::Postmark) >= answered);
        dies.kill().expect("killed");
        dies.wait().expect("ended");
        let (code, report, stderr) = ended(worker(&world, noon()));
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(polled(&report), SERVERS, "{stderr}");
        assert_each_wave_is_told_once(&world);
    }
}

#[test]
fn a_worker_that_froze_over_its_polls_stores_and_tells_nothing_when_it_thaws() {
    let Some(world) = world() else { return };
    let freezes = worker(&world, noon());
    until("its polls", || seen(&world, Service::Postmark) >= 100);
    signal(&freezes, "-STOP");
    let (code, report, stderr) = ended(worker(&world, noon()));
    assert_eq!((code, polled(&report)), (0, SERVERS), "{stderr}");
    signal(&freezes, "-CONT");
    let (code, _, stderr) = ended(freezes);
    assert_eq!(code, 1, "{stderr}");
    // Frozen within a transaction, it finds that the server sent it away.
    let ends = ["took over", "the connection to the server was lost"];
    assert!(ends.iter().any(|end| stderr.contains(end)), "{stderr}");
    assert_each_wave_is_told_once(&world);
}

#[test]
fn a_worker_that_froze_over_its_messages_repeats_none_when_it_thaws() {
    for nth in [0, 2] {
        let Some(world) = world() else { return };
        world.slack.set_now(hushwatch::clock::now());
        arm(&world, Service::Slack, nth, Moment::Received);
        let freezes = worker(&world, noon());
        until("its message", || {
            seen(&world, Service::Slack) > nth as usize
        });
        signal(&freezes, "-STOP");
        let (code, report, stderr) = ended(worker(&world, noon() + HOUR));
        assert_eq!((code, polled(&report)), (0, SERVERS), "{stderr}");
        signal(&freezes, "-CONT");
        ended(freezes);
        assert_each_wave_is_told_once(&world);
    }
}

#[test]
fn the_heartbeat_of_one_speaks_for_what_the_others_see() {
    let Some(mut world) = world() else { return };
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    let server = world.postmark.server("client-5");
    server.always(Fault::Status(503));
    let now = noon() - HOUR / 2;
    assert_eq!(world.cycle(now).code, 1, "one server was not seen");
    server.clear_faults();
    server.always(Fault::Hang);
    world.postmark.set_now(noon());
    world.postmark.take_requests();
    let mut hangs = worker(&world, noon());
    until("its polls", || polls(&world).len() == SERVERS);
    let (code, _, stderr) = ended(worker(&world, noon()));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("no heartbeat"), "{stderr}");
    assert_eq!(world.slack.pings().len(), 0);
    hangs.kill().expect("killed");
    hangs.wait().expect("ended");
    server.clear_faults();
    let (code, _, stderr) = ended(worker(&world, noon() + HOUR));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(world.slack.pings().len(), 1);
}
