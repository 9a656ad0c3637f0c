//! Several workers on one database: the work spreads, one that dies or freezes is replaced, and nothing comes twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hushwatch::model::{HOUR, Span, Timestamp};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan};
use serde_json::Value;

use crate::cluster::cluster;
use crate::kill::crash_point::{Moment, Service, hold_answer, request_count};
use crate::postgres::URL;
use crate::words::assert_line;
use crate::world::{Process, World, at, wait_until};

const TOKEN: &str = "account";
const SERVERS: usize = 60;
/// Servers with a wave of bounces: a message each, as there are too few of them to be reported together.
const WAVES: usize = 3;
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
            server.bounce_wave("outbound", wave, 0.15, "Blocked");
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

/// The servers that were asked anything.
fn begun(world: &World) -> BTreeSet<String> {
    let asked = world.postmark.requests().into_iter();
    asked.filter_map(|asked| asked.server).collect()
}

/// How often each server was asked for its streams, which begins its first poll.
fn polls(world: &World) -> BTreeMap<String, usize> {
    let mut polls = BTreeMap::new();
    for asked in world.postmark.requests() {
        if asked.path == "/message-streams" {
            *polls.entry(asked.server.unwrap_or_default()).or_default() += 1;
        }
    }
    polls
}

fn assert_each_wave_is_reported_once(world: &World) {
    let mut said = world.alerts();
    said.sort();
    assert_eq!(said.len(), WAVES, "{said:#?}");
    for (n, line) in said.iter().enumerate() {
        assert!(line.contains(&format!("client-{n}/outbound")), "{said:#?}");
    }
}

#[test]
fn the_work_spreads_and_nothing_is_polled_or_reported_twice() {
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
    assert_each_wave_is_reported_once(&world);
}

#[test]
fn what_a_killed_worker_had_is_taken_over() {
    for answered in [1, 40, 150] {
        let Some(world) = world() else { return };
        let mut dies = worker(&world, noon());
        wait_until("its polls", || {
            request_count(&world, Service::Postmark) >= answered
        });
        dies.kill().expect("killed");
        dies.wait().expect("ended");
        let (code, report, stderr) = ended(worker(&world, noon()));
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(polled(&report), SERVERS, "{stderr}");
        assert_each_wave_is_reported_once(&world);
    }
}

#[test]
fn a_worker_that_froze_over_its_polls_stores_and_tells_nothing_when_it_thaws() {
    let Some(world) = world() else { return };
    let freezes = worker(&world, noon());
    wait_until("its polls", || {
        request_count(&world, Service::Postmark) >= 100
    });
    signal(&freezes, "-STOP");
    let (code, report, stderr) = ended(worker(&world, noon()));
    assert_eq!((code, polled(&report)), (0, SERVERS), "{stderr}");
    signal(&freezes, "-CONT");
    let (code, _, stderr) = ended(freezes);
    assert_eq!(code, 1, "{stderr}");
    // Frozen within a transaction, it finds that the server sent it away.
    let ends = ["took over", "the connection to the server was lost"];
    assert!(ends.iter().any(|end| stderr.contains(end)), "{stderr}");
    assert_each_wave_is_reported_once(&world);
}

#[test]
fn a_worker_that_froze_over_its_messages_repeats_none_when_it_thaws() {
    for nth in [0, 2] {
        let Some(world) = world() else { return };
        world.slack.set_now(hushwatch::clock::now());
        hold_answer(&world, Service::Slack, nth, Moment::Received);
        let freezes = worker(&world, noon());
        wait_until("its message", || {
            request_count(&world, Service::Slack) > nth as usize
        });
        signal(&freezes, "-STOP");
        let (code, report, stderr) = ended(worker(&world, noon() + HOUR));
        assert_eq!((code, polled(&report)), (0, SERVERS), "{stderr}");
        signal(&freezes, "-CONT");
        ended(freezes);
        assert_each_wave_is_reported_once(&world);
    }
}

#[test]
fn what_the_account_answers_is_judged_and_reported_by_one_alone() {
    let Some(mut world) = world() else { return };
    let file = "[[server]]\nname = \"client-50\"\ntoken_env = \"CLIENT\"\n";
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    let server = world.postmark.server("client-50");
    world.env("CLIENT", &server.token());
    world.env("POSTMARK_ACCOUNT_TOKEN", "another");
    world.env("HUSHWATCH_POSTMARK__TIMEOUT", "8s");
    server.next(1, Fault::Hang);
    let now = noon() - HOUR / 2;
    world.postmark.set_now(now);
    let first = worker(&world, now);
    wait_until("its polls", || begun(&world).len() == 1);
    let (_, report, stderr) = ended(worker(&world, now));
    assert_eq!(report["transitions"], serde_json::json!([]), "{stderr}");
    assert_eq!(world.alerts(), [""; 0], "the first one has the account");
    let (_, report, stderr) = ended(first);
    assert_eq!(report["transitions"][0]["rule"], "blind", "{stderr}");
    assert_eq!(
        world.alerts(),
        [
            "🔴 WAKE Postmark account: the account token is missing or refused, hushwatch cannot see the mail of client-0, client-1, client-10 and 56 more"
        ]
    );
}

#[test]
fn the_heartbeat_of_one_waits_for_the_account_that_another_could_not_list() {
    let Some(mut world) = world() else { return };
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    let now = noon() - HOUR / 2;
    world
        .postmark
        .fail(Plan::always(Fault::Status(503)).on("/servers?"));
    assert_eq!(world.cycle(now).code, 1, "the account was not seen");
    world.postmark.clear_faults();
    let server = world.postmark.server("client-5");
    server.always(Fault::Hang);
    world.postmark.set_now(noon());
    world.postmark.take_requests();
    let mut hangs = worker(&world, noon());
    wait_until("its polls", || begun(&world).len() == SERVERS);
    let (_, _, stderr) = ended(worker(&world, noon()));
    assert_line(
        &stderr,
        "WARN no heartbeat: the account could not be polled, and nobody was notified of that before",
    );
    assert_eq!(world.slack.pings().len(), 0);
    hangs.kill().expect("killed");
    hangs.wait().expect("ended");
}

#[test]
fn a_server_that_could_not_be_seen_is_asked_once_at_one_instant() {
    let Some(mut world) = world() else { return };
    let server = world.postmark.server("client-5");
    server.always(Fault::Status(503));
    assert_eq!(world.cycle(noon()).code, 1, "one server was not seen");
    world.postmark.take_requests();
    let again = world.cycle(noon());
    assert_eq!(begun(&world).len(), 0, "{}", again.stderr);
    assert_eq!(again.code, 1, "it was not seen at this instant");
    assert_eq!(
        world.posted(),
        [
            "🟠 WARN client-0/outbound: 6 of 55 recipients bounced in the last hour (11%)",
            "🟠 WARN client-1/outbound: 10 of 52 recipients bounced in the last hour (19%)",
            "🟠 WARN client-2/outbound: 5 of 61 recipients bounced in the last hour (8.2%)",
        ]
    );
}

#[test]
fn an_early_bell_and_a_late_one_ring_for_the_same_instant() {
    let Some(cluster) = cluster() else { return };
    let mut world = World::new(Process::One, "");
    let instant = (hushwatch::clock::now() + 4 * SECOND).ceil(SECOND);
    let schedule = instant.to_utc().format("%S %M %H * * *").to_string();
    world.env(URL, &cluster.database());
    world.env("HUSHWATCH_SCHEDULE", &schedule);
    world.postmark.set_now(instant);
    let early = world.at_the_bell();
    assert_eq!(early.report["at"], instant.to_string());
    world.postmark.take_requests();
    let late = world.at_the_bell();
    assert_eq!(late.report["at"], instant.to_string());
    assert_eq!(world.postmark.requests().len(), 0, "{}", late.report);
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
    wait_until("its polls", || begun(&world).len() == SERVERS);
    let (code, _, stderr) = ended(worker(&world, noon()));
    assert_eq!(code, 0, "{stderr}");
    assert_line(
        &stderr,
        "WARN no heartbeat: client-5 could not be polled, and nobody was notified of that before",
    );
    assert_eq!(world.slack.pings().len(), 0);
    hangs.kill().expect("killed");
    hangs.wait().expect("ended");
    server.clear_faults();
    let (code, _, stderr) = ended(worker(&world, noon() + HOUR));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(world.slack.pings().len(), 1);
    assert_eq!(
        world.posted(),
        [
            "🟠 WARN client-0/outbound: 4 of 49 recipients bounced in the last hour (8.2%)",
            "🟠 WARN client-1/outbound: 5 of 57 recipients bounced in the last hour (8.8%)",
            "🟠 WARN client-2/outbound: 2 of 45 recipients bounced in the last hour (4.4%)",
        ]
    );
}
