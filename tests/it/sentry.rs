//! Sentry by DSN: an event once per outage of a token, and a check-in at the beginning and the end of each cycle.

use hushwatch::model::{HOUR, Timestamp};
use hushwatch::sim::sentry::{Item, KEY, Sentry};
use hushwatch::sim::{Fault, Plan};

use crate::world::{Cycle, Process, World, at, both};

fn world(process: Process, file: &str) -> (Sentry, World) {
    let sentry = Sentry::start().expect("a simulation");
    let mut world = World::new(process, file);
    world.env("SENTRY_DSN", &sentry.dsn());
    (sentry, world)
}

/// A cycle at an hour of the day, whose token Postmark refuses, or takes.
fn cycle(world: &mut World, hours: u32, refused: bool) -> Cycle {
    let token = if refused {
        "wrong".to_owned()
    } else {
        world.shop.token()
    };
    world.env("POSTMARK_SERVER_TOKEN", &token);
    world.cycle(hour(hours))
}

fn hour(hours: u32) -> Timestamp {
    at("2026-03-03T10:00:00Z") + HOUR * hours
}

/// What an item says, in a word or two.
fn said(items: &[Item]) -> Vec<String> {
    let word = |item: &Item| match item.kind.as_str() {
        "check_in" => item.payload["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        kind => format!(
            "{kind} {}",
            item.payload["logentry"]["formatted"]
                .as_str()
                .unwrap_or_default()
        ),
    };
    items.iter().map(word).collect()
}

const EVENT: &str =
    "event skipped_no_postmark_token: the Postmark token of shop is missing or refused";

fn a_cycle_checks_in_at_its_beginning_and_its_end(process: Process) {
    let (sentry, mut world) = world(process, "");
    cycle(&mut world, 0, false);
    let items = sentry.take();
    assert_eq!(said(&items), ["in_progress", "ok"]);
    assert_eq!(
        items[0].payload["check_in_id"],
        items[1].payload["check_in_id"]
    );
    assert!(items[1].payload["duration"].as_f64().is_some());
    let config = &items[0].payload["monitor_config"];
    assert_eq!(
        config.to_string(),
        r#"{"checkin_margin":5,"max_runtime":40,"schedule":{"type":"crontab","value":"0 * * * *"},"timezone":"UTC"}"#
    );
    assert_eq!(items[0].payload["monitor_slug"], "hushwatch");
    cycle(&mut world, 1, false);
    let next = sentry.take();
    assert_ne!(
        items[0].payload["check_in_id"],
        next[0].payload["check_in_id"]
    );
    assert_eq!(sentry.unexpected(), Vec::<String>::new());
}

fn a_refused_token_is_one_event_in_each_outage(process: Process) {
    let (sentry, mut world) = world(process, "");
    let opened = cycle(&mut world, 0, true);
    let items = sentry.take();
    assert_eq!(said(&items), ["in_progress", "error", EVENT]);
    let event = &items[2].payload;
    let id = opened.report["open_incidents"][0]["incident"]
        .as_str()
        .expect("an id");
    assert_eq!(
        event["tags"].to_string(),
        format!(
            r#"{{"incident":"{id}","reason":"skipped_no_postmark_token","rule":"blind","server":"shop"}}"#
        )
    );
    assert_eq!(
        event["fingerprint"].to_string(),
        r#"["skipped_no_postmark_token","shop"]"#
    );
    assert_eq!(event["level"], "error");
    cycle(&mut world, 1, true);
    assert_eq!(
        said(&sentry.take()),
        ["in_progress", "ok"],
        "told in an earlier cycle"
    );
    cycle(&mut world, 2, false);
    assert_eq!(said(&sentry.take()), ["in_progress", "ok"]);
    cycle(&mut world, 3, true);
    assert_eq!(
        said(&sentry.take()),
        ["in_progress", "error", EVENT],
        "another outage"
    );
    assert_eq!(sentry.unexpected(), Vec::<String>::new());
    let _ = world.alerts();
}

fn a_trouble_that_is_none_of_the_token_is_no_event_and_ends_no_outage(process: Process) {
    let (sentry, mut world) = world(process, "[retry]\nattempts = 1\n");
    world.shop.fail(Plan::always(Fault::Status(503)));
    cycle(&mut world, 0, false);
    assert_eq!(said(&sentry.take()), ["in_progress", "error"]);
    world.shop.clear_faults();
    cycle(&mut world, 1, true);
    assert!(said(&sentry.take()).contains(&EVENT.to_owned()));
    world.shop.fail(Plan::always(Fault::Status(503)));
    cycle(&mut world, 2, false);
    world.shop.clear_faults();
    cycle(&mut world, 3, true);
    assert!(
        !said(&sentry.take()).contains(&EVENT.to_owned()),
        "the same outage"
    );
    let _ = world.alerts();
}

fn what_is_muted_is_no_event(process: Process) {
    let (sentry, mut world) = world(process, "");
    cycle(&mut world, 0, false);
    world.run(&[
        "mute",
        "--for",
        "30d",
        "--reason",
        "stop",
        "--now",
        &hour(0).to_string(),
    ]);
    sentry.take();
    cycle(&mut world, 1, true);
    assert_eq!(said(&sentry.take()), ["in_progress", "ok"]);
}

/// Whatever Sentry does: the cycle, its messages and its log.
fn a_sentry_that_is_down_delays_nothing_and_gets_the_event_later(process: Process) {
    let faults = [
        Fault::Reset,
        Fault::Status(500),
        Fault::Html(502),
        Fault::Redirect("https://canary.example.com/".to_owned()),
        Fault::Status(403),
    ];
    for fault in faults {
        let (sentry, mut world) = world(process, "");
        sentry.fail(Plan::always(fault.clone()));
        let opened = cycle(&mut world, 0, true);
        assert_eq!(
            opened.report["notices"]["sent"], 1,
            "{fault:?}: Slack is told"
        );
        if matches!(process, Process::New) {
            let warnings = opened.stderr.matches("cycles go on without it").count();
            assert_eq!(warnings, 1, "{fault:?}: once\n{}", opened.stderr);
            assert!(!opened.stderr.contains(KEY), "{}", opened.stderr);
        }
        sentry.clear_faults();
        cycle(&mut world, 1, true);
        assert!(
            said(&sentry.take()).contains(&EVENT.to_owned()),
            "{fault:?}: it comes later"
        );
        cycle(&mut world, 2, true);
        assert_eq!(said(&sentry.take()), ["in_progress", "ok"]);
        let _ = world.alerts();
    }
}

#[test]
fn a_sentry_that_never_answers_is_given_up_after_a_while() {
    let (sentry, mut world) = world(Process::New, "");
    sentry.fail(Plan::always(Fault::Hang));
    let opened = cycle(&mut world, 0, true);
    assert_eq!(opened.report["notices"]["sent"], 1, "{}", opened.stderr);
    assert!(
        opened.stderr.contains("Sentry gave no answer in time"),
        "{}",
        opened.stderr
    );
    let _ = world.alerts();
}

#[test]
fn limits_are_honoured_for_what_they_name() {
    let (sentry, mut world) = world(Process::One, "");
    cycle(&mut world, 0, false);
    sentry.take();
    // In one process: another one would not know of it. The token is read from a file, since a variable needs another process.
    sentry.limit(200, "3600:monitor:organization");
    world.cycle(hour(1));
    assert_eq!(
        said(&sentry.take()),
        ["in_progress"],
        "and nothing after it"
    );
    let before = sentry.envelopes();
    world.cycle(hour(2));
    assert_eq!(sentry.envelopes(), before, "not even asked");

    let (sentry, mut world) = self::world(Process::One, "");
    sentry.limit(429, "3600::organization");
    world.cycle(hour(0));
    world.cycle(hour(1));
    assert_eq!(sentry.envelopes(), 1, "asked once");
}

#[test]
fn the_dsn_is_in_no_output() {
    let sentry = Sentry::start().expect("a simulation");
    let mut world = crate::secrets::world();
    world.env("SENTRY_DSN", &sentry.dsn());
    for fault in [None, Some(Fault::Status(403)), Some(Fault::Reset)] {
        if let Some(fault) = fault {
            sentry.fail(Plan::always(fault));
        }
        let all = crate::secrets::everything(&world);
        assert!(!all.contains(KEY), "{all}");
        world.set_aside("before what is tested");
        crate::store::lose(&mut world);
    }
    assert!(sentry.envelopes() > 0);
}

#[test]
fn without_a_monitor_there_are_events_alone() {
    let (sentry, mut world) = world(
        Process::New,
        "[sentry]\nmonitor = \"\"\nenvironment = \"staging\"\n",
    );
    cycle(&mut world, 0, true);
    let items = sentry.take();
    assert_eq!(said(&items), [EVENT]);
    assert_eq!(items[0].payload["environment"], "staging");
    let _ = world.alerts();
}

#[test]
fn a_database_that_ends_the_cycle_is_an_error_and_wrong_usage_is_nothing() {
    if crate::store::needs_a_file("a database that is no file") {
        return;
    }
    let (sentry, mut world) = world(Process::New, "");
    world.cycle(hour(2));
    sentry.take();
    let early = world.run(&["check", "--now", "2026-03-03T10:00:00Z"]);
    assert_eq!(early.code, 2, "{}", early.stderr);
    assert_eq!(sentry.take(), Vec::<Item>::new());
    let path = world.folder.path().join("hushwatch.db");
    let connection = rusqlite::Connection::open(&path).expect("opened");
    connection
        .execute_batch("DROP TABLE incidents")
        .expect("broken");
    drop(connection);
    let broken = world.run(&["check", "--now", "2026-03-03T13:00:00Z"]);
    assert_eq!(broken.code, 1, "{}", broken.stderr);
    assert_eq!(said(&sentry.take()), ["in_progress", "error"]);
    let _ = world.slack.take();
}

both! {
    a_cycle_checks_in_at_its_beginning_and_its_end
    a_refused_token_is_one_event_in_each_outage
    a_trouble_that_is_none_of_the_token_is_no_event_and_ends_no_outage
    what_is_muted_is_no_event
    a_sentry_that_is_down_delays_nothing_and_gets_the_event_later
}
