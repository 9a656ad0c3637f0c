//! The canary: a mail of our own that is sent, followed, left out of every count, and evaluated.

use hushwatch::model::HOUR;
use hushwatch::sim::postmark::SentMail;
use hushwatch::sim::{Fault, Plan};

use crate::kill::crash_point::{Runner, kill_process, spawn};
use crate::kill::scenario::with_long_timeouts;
use crate::world::{Cycle, Process, World, at, both, wait_until};

const FILE: &str = "[canary]\ntoken_env = \"CANARY_TOKEN\"\nfrom = \"canary@example.com\"\n";

fn world(process: Process) -> World {
    let mut world = World::new(process, FILE);
    let token = world.shop.token();
    world.env("CANARY_TOKEN", &token);
    world
}

fn cycle(world: &mut World, hours: u32) -> Cycle {
    world.cycle(at("2026-03-03T10:00:00Z") + HOUR * hours)
}

/// The number of mails that were handed to Postmark.
fn sent(world: &World) -> usize {
    world.postmark.count("/email")
}

fn a_mail_is_sent_each_hour_followed_and_left_out_of_every_count(process: Process) {
    let mut world = world(process);
    for hours in 0..4 {
        let cycle = cycle(&mut world, hours);
        assert_eq!(
            (cycle.code, cycle.steps()),
            (0, Vec::new()),
            "{}",
            cycle.stderr
        );
        let streams = cycle.report["servers"][0]["streams"].as_array();
        for stream in streams.expect("streams") {
            assert_eq!(stream["sent"], 0, "{stream}");
        }
    }
    assert_eq!(sent(&world), 4);
    // Within the hour there is no other one.
    world.cycle(at("2026-03-03T13:20:00Z"));
    assert_eq!(sent(&world), 4);
    assert_eq!(world.alerts(), Vec::<String>::new());
    let now = ["--now", "2026-03-03T13:20:00Z"];
    let status = world.transcript(&["status", now[0], now[1]]);
    let line = status.lines().find(|line| line.starts_with("Canary: "));
    let line = line.expect("a line of the canary");
    assert!(
        line.starts_with("Canary: last confirmed delivery Tue 3 Mar 13:"),
        "{line}"
    );
    assert!(line.ends_with("; next mail Tue 3 Mar 14:00"), "{line}");
    let json = world.run(&["status", "--json", now[0], now[1]]).report;
    assert_eq!(json["canary"]["outcome"], "delivered", "{json}");
    assert_eq!(
        json["canary"]["next_due_at"], "2026-03-03T14:00:00Z",
        "{json}"
    );
}

fn a_mail_that_is_not_delivered_opens_an_incident_and_the_next_that_is_ends_it(process: Process) {
    let mut world = world(process);
    cycle(&mut world, 0);
    world.shop.set_sent_mail(SentMail::Vanishes);
    assert_eq!(cycle(&mut world, 1).steps(), Vec::<String>::new());
    let opened = cycle(&mut world, 2);
    assert_eq!(opened.steps(), ["canary opened"], "{}", opened.report);
    world.shop.set_sent_mail(SentMail::Arrives);
    cycle(&mut world, 3);
    let resolved = cycle(&mut world, 4);
    assert_eq!(resolved.steps(), ["canary resolved"], "{}", resolved.report);
    let alerts = world.alerts();
    let titles: Vec<&str> = alerts.iter().filter_map(|a| a.lines().next()).collect();
    assert_eq!(
        titles,
        [
            "🟠 WARN canary: its test mail is not delivered",
            "✅ RESOLVED canary: its test mail is delivered again",
        ]
    );
}

fn what_postmark_refuses_is_told_with_its_reason(process: Process) {
    for (fault, why) in [
        (
            Fault::StatusBody {
                code: 422,
                error_code: 406,
                message: "You tried to send to a recipient that has been marked as inactive."
                    .to_owned(),
            },
            "failed to send the canary's mail: Postmark refused with status 422, code 406 (\"You tried to send to a recipient that has been marked as inactive.\").",
        ),
        (
            Fault::Status(401),
            "failed to send the canary's mail: Postmark refused the server token (\"Request does not contain a valid Server token.\").",
        ),
    ] {
        let mut world = world(process);
        cycle(&mut world, 0);
        world.postmark.fail(Plan::always(fault).on("/email"));
        let opened = cycle(&mut world, 1);
        assert_eq!(opened.steps(), ["canary opened"], "{}", opened.report);
        let posted = world.slack.take();
        let tried = posted[0].plain.lines().nth(1).unwrap_or_default();
        assert_eq!(tried, format!("Tried 11:00: {why}"));
        world.postmark.clear_faults();
        cycle(&mut world, 2);
        assert_eq!(cycle(&mut world, 3).steps(), ["canary resolved"]);
        world.set_aside("its end");
    }
}

fn trouble_on_the_way_is_no_refusal_and_no_mail_is_sent_twice(process: Process) {
    for fault in [
        Fault::Status(503),
        Fault::Hang,
        Fault::Reset,
        Fault::TooMany { retry_after: None },
    ] {
        let mut world = world(process);
        cycle(&mut world, 0);
        let before = sent(&world);
        world
            .postmark
            .fail(Plan::always(fault.clone()).on("/email"));
        let cycle = cycle(&mut world, 1);
        assert_eq!(
            cycle.steps(),
            Vec::<String>::new(),
            "{fault:?}: {}",
            cycle.report
        );
        assert_eq!(sent(&world), before + 1, "{fault:?}: one attempt");
    }
}

both! {
    a_mail_is_sent_each_hour_followed_and_left_out_of_every_count
    a_mail_that_is_not_delivered_opens_an_incident_and_the_next_that_is_ends_it
    what_postmark_refuses_is_told_with_its_reason
    trouble_on_the_way_is_no_refusal_and_no_mail_is_sent_twice
}

/// What ends with the configuration is not left open, and a killed process sends no second mail in the hour.
#[test]
fn a_canary_that_is_taken_away_ends_what_is_open() {
    let mut world = world(Process::New);
    cycle(&mut world, 0);
    world.shop.set_sent_mail(SentMail::Bounces);
    cycle(&mut world, 1);
    assert_eq!(cycle(&mut world, 2).steps(), ["canary opened"]);
    std::fs::write(world.folder.path().join("monitor.toml"), "").expect("written");
    assert_eq!(cycle(&mut world, 3).steps(), ["canary resolved"]);
    world.set_aside("seen above");
}

#[test]
fn a_process_that_dies_while_it_sends_sends_no_second_one_within_the_hour() {
    let mut world = world(Process::New);
    with_long_timeouts(&mut world);
    world.postmark.fail(Plan::always(Fault::Hang).on("/email"));
    let process = spawn(&world, Runner::Check(at("2026-03-03T10:00:00Z")));
    wait_until("the request", || sent(&world) > 0);
    kill_process(process);
    crate::store::end_leases(&world);
    world.postmark.clear_faults();
    world.cycle(at("2026-03-03T10:30:00Z"));
    assert_eq!(sent(&world), 1);
    world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(sent(&world), 2);
}

/// A token that is not there is told like a refused one, and no request is made.
#[test]
fn a_canary_without_its_token_says_so() {
    let mut world = world(Process::New);
    cycle(&mut world, 0);
    world.env("CANARY_TOKEN", "");
    let before = sent(&world);
    assert_eq!(cycle(&mut world, 1).steps(), ["canary opened"]);
    assert_eq!(sent(&world), before);
    let posted = world.slack.take();
    assert_eq!(
        posted[0].plain.lines().nth(1),
        Some("Tried 11:00: token missing: set CANARY_TOKEN.")
    );
}
