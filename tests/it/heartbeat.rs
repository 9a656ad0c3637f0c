//! Heartbeats as healthchecks takes them: the beginning and the end of each cycle. The plain ones are in `daemon` and `delivery`.

use hushwatch::model::{HOUR, Timestamp};
use hushwatch::sim::healthchecks::{CHECK, Healthchecks, Ping};
use hushwatch::sim::slack::Fault as SlackFault;
use hushwatch::sim::{Fault, Plan};

use crate::world::{Process, World, at, both};

fn world(process: Process) -> (Healthchecks, World) {
    let healthchecks = Healthchecks::start().expect("a simulation");
    let mut world = World::new(process, "");
    world.env("HUSHWATCH_HEARTBEAT__URL", &healthchecks.url());
    (healthchecks, world)
}

fn hour(hours: u32) -> Timestamp {
    at("2026-03-03T10:00:00Z") + HOUR * hours
}

/// The actions of pings which all belong to one run and to one check.
fn of_one_run(pings: &[Ping], check: &str) -> Vec<String> {
    let first = pings.first().expect("a ping");
    assert!(first.run.is_some(), "{first:?}");
    let alike = |ping: &Ping| ping.run == first.run && ping.check == check;
    assert!(pings.iter().all(alike), "{pings:?}");
    pings.iter().map(|ping| ping.action.clone()).collect()
}

fn a_cycle_is_begun_and_ended_with_its_verdict(process: Process) {
    let (healthchecks, mut world) = world(process);
    healthchecks.take_post_only();
    world.cycle(hour(0));
    let first = healthchecks.take();
    assert_eq!(of_one_run(&first, CHECK), ["start", "success"]);
    assert_eq!(
        first[1].body,
        "cycle of 2026-03-03T10:00:00Z complete: 0 steps, 0 incidents open, 0 messages sent, 0 pending"
    );
    world.cycle(hour(1));
    let second = healthchecks.take();
    assert_eq!(of_one_run(&second, CHECK), ["start", "success"]);
    assert_ne!(
        first[0].run, second[0].run,
        "each cycle is a run of its own"
    );
}

fn a_cycle_that_is_not_good_fails_with_the_reason(process: Process) {
    let (healthchecks, mut world) = world(process);
    let token = "d9c6b8a0-1111-4222-8333-canary000003";
    world.env("POSTMARK_SERVER_TOKEN", token);
    world.cycle(hour(0));
    let pings = healthchecks.take();
    assert_eq!(of_one_run(&pings, CHECK), ["start", "fail"]);
    assert_eq!(
        pings[1].body,
        "shop could not be polled, and nobody was notified of that before"
    );
    // Told in an earlier cycle: one dead token is no reason to doubt hushwatch.
    let cycle = world.cycle(hour(1));
    let pings = healthchecks.take();
    assert_eq!(of_one_run(&pings, CHECK), ["start", "success"]);
    let id = cycle.report["open_incidents"][0]["incident"].as_str();
    let id = id.expect("an id");
    let lines: Vec<&str> = pings[1].body.lines().collect();
    assert_eq!(lines[1..], [format!("WAKE shop blind ({id})")]);
    assert!(!pings[1].body.contains("canary"), "{}", pings[1].body);
    assert_eq!(world.posted().len(), 1);
}

fn a_message_that_was_given_up_fails_the_run(process: Process) {
    let (healthchecks, mut world) = world(process);
    world.env("SLACK_BOT_TOKEN", "");
    world.env("SLACK_OPERATOR_DM_CHANNEL", "");
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world
        .slack
        .fail(Plan::next(2, SlackFault::AcceptThenReset).on("/services"));
    let mut reasons = Vec::new();
    for hours in 0..4 {
        world.cycle(hour(hours));
        let pings = healthchecks.take();
        let last = pings.last().expect("an end");
        reasons.push(format!("{}: {}", last.action, last.body));
    }
    let wanted = "fail: a message was given up".to_owned();
    assert!(reasons.contains(&wanted), "{reasons:?}");
    let _ = world.slack.take();
}

#[test]
fn a_cycle_that_the_database_ended_fails_and_one_that_could_not_be_asked_for_is_no_run() {
    if crate::store::needs_a_file("a database that is no file") {
        return;
    }
    let (healthchecks, mut world) = world(Process::New);
    world.cycle(hour(2));
    healthchecks.take();
    let early = world.run(&["check", "--json", "--now", "2026-03-03T10:00:00Z"]);
    assert_eq!(early.code, 2, "{}", early.stderr);
    assert_eq!(healthchecks.take(), Vec::<Ping>::new(), "wrong usage");
    let path = world.folder.path().join("hushwatch.db");
    let connection = rusqlite::Connection::open(&path).expect("opened");
    connection
        .execute_batch("DROP TABLE incidents")
        .expect("broken");
    drop(connection);
    let broken = world.run(&["check", "--json", "--now", "2026-03-03T13:00:00Z"]);
    assert_eq!(broken.code, 1, "{}", broken.stderr);
    let pings = healthchecks.take();
    assert_eq!(of_one_run(&pings, CHECK), ["start", "fail"]);
    assert!(!pings[1].body.is_empty(), "the reason");
    let _ = world.slack.take();
}

fn a_slug_is_created_by_the_first_signal(process: Process) {
    let (healthchecks, mut world) = world(process);
    world.env("HUSHWATCH_HEARTBEAT__URL", &healthchecks.slug_url("mail"));
    world.cycle(hour(0));
    assert_eq!(
        of_one_run(&healthchecks.take(), "mail"),
        ["start", "success"]
    );
    world.cycle(hour(1));
    assert_eq!(
        of_one_run(&healthchecks.take(), "mail"),
        ["start", "success"]
    );
    let requests = healthchecks.requests();
    let asks = |request: &&hushwatch::sim::ReceivedRequest| request.query("create") == Some("1");
    assert_eq!(requests.iter().filter(asks).count(), requests.len());
}

fn what_healthchecks_does_not_take_is_logged_and_stops_nothing(process: Process) {
    let (healthchecks, mut world) = world(process);
    healthchecks.add_slug("twice");
    healthchecks.add_slug("twice");
    let nowhere = healthchecks
        .url()
        .replace(CHECK, "5bf66975-d4c7-4bf5-bcc8-000000000000");
    let cases = [
        (nowhere, None, "healthchecks has no check of this URL"),
        (
            healthchecks.slug_url("twice"),
            None,
            "several checks of healthchecks have this slug",
        ),
        (healthchecks.slug_url("Upper"), None, "HTTP status 400"),
        (
            healthchecks.url(),
            Some(Fault::Status(503)),
            "HTTP status 503",
        ),
        (
            healthchecks.url(),
            Some(Fault::TooMany { retry_after: None }),
            "more than five in a minute",
        ),
        (
            healthchecks.url(),
            Some(Fault::Redirect("https://canary.example.com/".to_owned())),
            "HTTP status 302",
        ),
        (
            healthchecks.url(),
            Some(Fault::Reset),
            "the heartbeat could not be sent",
        ),
    ];
    for (now, (url, fault, why)) in (0..).map(hour).zip(cases) {
        healthchecks.clear_faults();
        if let Some(fault) = fault {
            healthchecks.fail(Plan::always(fault));
        }
        world.env("HUSHWATCH_HEARTBEAT__URL", &url);
        let cycle = world.cycle(now);
        assert_eq!(cycle.report["complete"], true);
        if matches!(process, Process::New) {
            assert!(cycle.stderr.contains(why), "{why}: {}", cycle.stderr);
            assert!(!cycle.stderr.contains(&url), "the URL is a secret");
        }
    }
}

fn plain_is_a_single_ping_whatever_the_url_looks_like(process: Process) {
    let (healthchecks, mut world) = world(process);
    world.env("HUSHWATCH_HEARTBEAT__KIND", "plain");
    world.cycle(hour(0));
    let pings = healthchecks.take();
    let shown: Vec<_> = pings
        .iter()
        .map(|ping| (&*ping.action, ping.run.as_deref(), &*ping.body))
        .collect();
    assert_eq!(shown, [("success", None, "")]);
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world.cycle(hour(1));
    assert_eq!(
        healthchecks.take(),
        Vec::<Ping>::new(),
        "a reason is not sent"
    );
    let _ = world.alerts();
}

both! {
    a_cycle_is_begun_and_ended_with_its_verdict
    a_cycle_that_is_not_good_fails_with_the_reason
    a_message_that_was_given_up_fails_the_run
    a_slug_is_created_by_the_first_signal
    what_healthchecks_does_not_take_is_logged_and_stops_nothing
    plain_is_a_single_ping_whatever_the_url_looks_like
}
