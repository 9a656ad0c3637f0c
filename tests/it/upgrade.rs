//! A newer version that changes the database while this one runs, and a database of an older one.

use std::process::Stdio;

use hushwatch::model::{HOUR, Span};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::receiver::Receiver;
use hushwatch::sim::{Fault, Plan};
use serde_json::Value;

use crate::store::{schema, set_schema};
use crate::words::{NO_DATABASE, is_digest};
use crate::world::{HELLO, Process, World, at, wait_until};

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

#[test]
fn a_newer_schema_is_reported_once_per_outage_across_processes() {
    let mut world = World::new(Process::New, "");
    reported_once(&mut world);
}

/// By the first process that finds it, and again every 24 hours; whatever the engine.
pub(crate) fn reported_once(world: &mut World) {
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.set_aside("before what is tested");
    let mark = world.folder.path().join("hushwatch.db-outage");
    let (version, least) = schema(world);
    for outage in ["first", "second"] {
        set_schema(world, NEWER, NEWER);
        for command in ["check", "run", "check"] {
            assert_eq!(world.run(&[command]).code, 2);
        }
        assert_eq!(world.alerts(), [NO_DATABASE], "{outage}");
        let known = hushwatch::clock::now() - HOUR * 25;
        std::fs::write(&mark, format!("{known} alerted\n")).expect("written");
        for _ in 0..2 {
            assert_eq!(world.run(&["check"]).code, 2);
        }
        assert_eq!(world.alerts(), [NO_DATABASE], "{outage}: a day later");
        set_schema(world, version, least);
        assert_eq!(world.cycle(at("2026-03-03T11:00:00Z")).code, 0, "{outage}");
        assert!(!mark.exists(), "{outage}: it is over");
        let _ = world.alerts();
    }
}

#[test]
fn an_alert_that_slack_refused_is_sent_by_the_next_process() {
    let mut world = World::new(Process::New, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.set_aside("before what is tested");
    set_schema(&world, NEWER, NEWER);
    world
        .slack
        .fail(Plan::always(Fault::Status(503)).on("chat.postMessage"));
    assert_eq!(world.run(&["check"]).code, 2);
    assert_eq!(world.alerts(), Vec::<String>::new());
    world.slack.clear_faults();
    for _ in 0..2 {
        assert_eq!(world.run(&["check"]).code, 2);
    }
    assert_eq!(world.alerts(), [NO_DATABASE]);
}

/// What is stored stays as it was, people are notified once, and the reason says what to do.
pub(crate) fn ends_its_work(world: &mut World) {
    world.cycle(at("2026-03-03T10:00:00Z"));
    let stored = world.run(&["status"]).report;
    let asked = world.postmark.requests().len();
    let (version, least) = schema(world);
    set_schema(world, NEWER, NEWER);
    for instant in ["2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z"] {
        let refused = world.refused(at(instant)).to_string();
        let why = format!(
            "failed to read the schema: the database has schema {NEWER}, this version knows up to {version}; use the newer hushwatch"
        );
        assert_eq!(refused, why);
    }
    assert_eq!(world.postmark.requests().len(), asked, "nothing is polled");
    assert_eq!(
        world.alerts(),
        [NO_DATABASE],
        "once while this process runs"
    );
    for command in ["status", "migrate", "recent", "check", "run"] {
        let ended = world.run(&[command]);
        assert_eq!(ended.code, 2, "{command}: {}", ended.stderr);
    }
    assert_eq!(world.run(&["digest", "--print"]).code, 2);
    assert_eq!(
        world.alerts(),
        Vec::<String>::new(),
        "no process repeats it"
    );
    set_schema(world, version, least);
    assert_eq!(world.run(&["status"]).report, stored);
}

#[test]
fn a_daemon_ends_where_a_newer_version_takes_over() {
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_SCHEDULE", "* * * * * *");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.postmark.set_now(hushwatch::clock::now());
    let mut daemon = world.start_daemon(Stdio::null());
    wait_until("the heartbeat", || !world.slack.pings().is_empty());
    set_schema(&world, NEWER, NEWER);
    let status = daemon.wait().expect("ended");
    assert_eq!(status.code(), Some(2), "{status}");
    let posted = world.alerts();
    let alerts = posted.iter().filter(|title| *title == NO_DATABASE);
    assert_eq!(alerts.count(), 1, "{posted:#?}");
}

/// The database of version 0.1.0 at commit 0347048 after the scene of [`first_release`]: a dump that `sqlite3` reads.
const FIRST_RELEASE: &str = include_str!("../data/upgrade/0347048.sql");
/// The `monitor.toml` that it shipped.
const FIRST_RELEASE_FILE: &str = include_str!("../data/upgrade/monitor.toml");
/// The alert that the first release had written when Slack was down: its lines to the letter, the severity before them as it
/// is written today.
const PENDING: &str = include_str!("../data/upgrade/pending.txt");

/// The mail of the scene: two streams at sixty an hour, with a wave of hard bounces on `outbound` from 11:00 and on
/// `broadcast` from 12:00.
fn first_release() -> World {
    first_release_with("")
}

/// The same, with more at the end of its `monitor.toml`.
fn first_release_with(more: &str) -> World {
    let world = World::new(Process::New, &format!("{FIRST_RELEASE_FILE}\n{more}"));
    let span = Span::new(at("2026-03-03T04:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    for (stream, hours) in [("outbound", 11), ("broadcast", 12)] {
        world.shop.generate(stream, span, &profile);
        let from = at("2026-03-03T00:00:00Z") + HOUR * hours;
        let wave = Span::new(from, span.until);
        world.shop.bounce_wave(stream, wave, 0.04, "HardBounce");
    }
    world
}

/// What the first release did: cycles from 09:00, an alert at 12:00, a mute, and at 13:00 an alert that Slack did not take.
fn play_first_release(world: &mut World) {
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T12:00:00Z");
    let scope = ["mute", "--server", "shop", "--rule", "spam_rate"];
    let rest = ["--for", "7d", "--reason", "a known list", "--by", "ops"];
    let now = ["--now", "2026-03-03T12:30:00Z"];
    assert_eq!(world.run(&[&scope[..], &rest, &now].concat()).code, 0);
    world.set_aside("before what is tested");
    world
        .slack
        .fail(Plan::always(Fault::Status(503)).on("chat.postMessage"));
    let cycle = world.cycle(at("2026-03-03T13:00:00Z"));
    assert_eq!(cycle.code, 1, "{}", cycle.stderr);
    world.slack.clear_faults();
}

#[test]
fn the_first_cycle_on_a_database_of_the_first_release_repeats_nothing_and_loses_nothing() {
    if crate::store::needs_a_file("a database of the first release is a file") {
        return;
    }
    let mut world = first_release();
    put_its_database_in_place(&world);
    // A database that was in use is greeted by nobody.
    world.env(HELLO, "true");
    let cycle = world.cycle(at("2026-03-03T14:00:00Z"));
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    assert_eq!(cycle.steps(), Vec::<String>::new(), "nothing is new");
    let open: Vec<&Value> = cycle.report["open_incidents"]
        .as_array()
        .expect("incidents")
        .iter()
        .map(|incident| &incident["stream"])
        .collect();
    assert_eq!(open, ["broadcast", "outbound"]);
    assert_eq!(cycle.report["mutes"][0]["reason"], "a known list");
    // Mail from before recipients were stored counts as many as the mail of the hour since, between one and two.
    for stream in cycle.report["servers"][0]["streams"]
        .as_array()
        .expect("streams")
    {
        let of = |key: &str| stream[key].as_f64().expect("a number");
        let per_message = of("recipients") / of("sent");
        assert!((1.0..1.25).contains(&per_message), "{stream}");
        assert_eq!(stream["recipients_bounced"], stream["bounced"], "{stream}");
    }
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    assert_eq!(
        sent,
        [PENDING.trim_end()],
        "the pending alert, as it was frozen"
    );
}

/// Puts the dumped database of the first release where `world` has its own.
fn put_its_database_in_place(world: &World) {
    let file = rusqlite::Connection::open(world.folder.path().join("hushwatch.db"));
    let file = file.expect("opened");
    // The dump is in the order of the tables' names, so that rows come before those they refer to.
    file.pragma_update(None, "foreign_keys", false)
        .expect("set");
    file.execute_batch(FIRST_RELEASE).expect("the dump is read");
}

/// What was decided before a sink was there is no news to it; the end of what is open then is.
#[test]
fn a_sink_that_comes_with_the_upgrade_gets_what_happens_from_then_on() {
    if crate::store::needs_a_file("a database of the first release is a file") {
        return;
    }
    let receiver = Receiver::start().expect("a receiver");
    let url = format!("{}/bell", receiver.base_url());
    let sink = format!("[[sink]]\nname = \"bell\"\ntype = \"webhook\"\nurl = \"{url}\"\n");
    let mut world = first_release_with(&sink);
    put_its_database_in_place(&world);
    let cycle = world.cycle(at("2026-03-03T14:00:00Z"));
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    assert_eq!(receiver.take(), [], "nothing is new");
    let id = cycle.report["open_incidents"][0]["incident"].as_str();
    let id = id.expect("an id").to_owned();
    let closed = world.run(&[
        "incident",
        &id,
        "--close",
        "--by",
        "ops",
        "--now",
        "2026-03-03T14:30:00Z",
    ]);
    assert_eq!(closed.code, 0, "{}", closed.stderr);
    world.cycle(at("2026-03-03T15:00:00Z"));
    let steps: Vec<Value> = receiver.take().iter().map(|d| d.json()).collect();
    let of_it = steps.iter().filter(|step| step["incident"] == id.as_str());
    let of_it: Vec<&Value> = of_it.map(|step| &step["transition"]).collect();
    assert_eq!(of_it.first(), Some(&&Value::from("resolved")), "{steps:#?}");
    world.set_aside("Slack gets what it got before");
}

/// Stores, as versions before did, a drop that is open beside the silence, and returns its id.
fn open_a_drop_beside_the_silence(world: &World) -> String {
    let file = rusqlite::Connection::open(world.folder.path().join("hushwatch.db"));
    let file = file.expect("opened");
    let body = "SELECT body FROM incidents WHERE rule = 'send_silence' AND open = 1";
    let body: String = file.query_row(body, [], |row| row.get(0)).expect("open");
    let mut drop: Value = serde_json::from_str(&body).expect("an incident");
    let id = "dr0p0000".to_owned();
    drop["id"] = id.as_str().into();
    drop["rule"] = "send_drop".into();
    let body = drop.to_string();
    let copy = "INSERT INTO incidents (id, server, stream, tag, rule, open, withheld, opened_at, body)
        SELECT ?1, server, stream, tag, 'send_drop', open, withheld, opened_at, ?2 FROM incidents WHERE rule = 'send_silence'";
    let copied = file.execute(copy, [&id, &body]).expect("stored");
    assert_eq!(copied, 1);
    id
}

#[test]
fn a_drop_and_a_silence_that_were_both_open_become_one_and_say_nothing_new() {
    if crate::store::needs_a_file("a row is written into the file") {
        return;
    }
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let stop = Span::new(at("2026-03-03T08:00:00Z"), at("2026-03-03T12:00:00Z"));
    world.shop.stop_sending("outbound", stop);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
    world.set_aside("before what is tested");
    let drop = open_a_drop_beside_the_silence(&world);
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.steps(), Vec::<String>::new(), "{}", cycle.stderr);
    assert_eq!(world.alerts(), Vec::<String>::new());
    let open = cycle.report["open_incidents"]
        .as_array()
        .expect("incidents");
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0]["rule"], "send_silence");
    let explained = world.run(&["explain", &drop]);
    assert_eq!(explained.code, 0, "it is not lost: {}", explained.stderr);
    world.hours("2026-03-03T12:00:00Z", "2026-03-03T16:00:00Z");
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop/outbound: mail is being sent again"]
    );
}

#[test]
fn the_first_digest_after_an_upgrade_says_once_that_the_default_changed() {
    if crate::store::needs_a_file("a database of the first release is a file") {
        return;
    }
    for (file, said) in [
        ("", 1),
        (
            "[rules.bounce_rate]\nconfidence = 0.95\n[rules.spam_rate]\nconfidence = 0.95\n",
            0,
        ),
    ] {
        let mut world = World::new(Process::New, file);
        world.env("HUSHWATCH_RULES__BOUNCE_RATE__CONFIDENCE", "");
        world.env("HUSHWATCH_RULES__SPAM_RATE__CONFIDENCE", "");
        let database = rusqlite::Connection::open(world.folder.path().join("hushwatch.db"));
        let database = database.expect("opened");
        database
            .pragma_update(None, "foreign_keys", false)
            .expect("set");
        database.execute_batch(FIRST_RELEASE).expect("read");
        drop(database);
        world.hours("2026-03-03T14:00:00Z", "2026-03-05T10:00:00Z");
        let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
        let digests = sent.iter().filter(|text| is_digest(text));
        let lines = digests.flat_map(|text| text.lines());
        let news: Vec<&str> = lines
            .filter(|line| line.contains("is now the default"))
            .collect();
        let line = "`confidence = 0.95` is now the default of the bounce and complaint rates: they notify only of what chance does not \
                    explain. For the plain threshold of before set `confidence = \"off\"` under [rules.bounce_rate] and [rules.spam_rate].";
        assert_eq!(news, &[line][..said], "{file:?}: {sent:#?}");
    }
}

#[test]
fn the_scene_of_the_first_release_still_opens_the_same_incidents() {
    let mut world = first_release();
    play_first_release(&mut world);
    let status = world.run(&["status", "--json"]).report;
    let mut ids: Vec<&str> = status["open_incidents"]
        .as_array()
        .expect("incidents")
        .iter()
        .filter_map(|incident| incident["incident"].as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["59gq43tt", "jbeqp4ec"]);
    assert!(FIRST_RELEASE.contains(ids[0]) && FIRST_RELEASE.contains(ids[1]));
}
