//! Bounce and complaint rates, and the rules that wake.

use hushwatch::model::{HOUR, MINUTE, Span};
use hushwatch::sim::postmark::{Mail, Profile};

use crate::words::{assert_line, title};
use crate::world::{Process, World, at};

/// Healthy weeks up to Tuesday 2026-03-03, evenly `per_hour`, without any bounce.
fn world(process: Process, file: &str, per_hour: f64) -> World {
    let world = World::new(process, file);
    let span = Span::new(at("2026-02-16T00:00:00Z"), at("2026-03-06T00:00:00Z"));
    world.shop.generate(
        "outbound",
        span,
        &Profile::constant(per_hour).without_bounces(),
    );
    world
}

fn hour(from: &str) -> Span {
    Span::new(at(from), at(from) + HOUR)
}

#[test]
fn a_standing_breach_is_one_message_and_one_when_it_ends() {
    for process in [Process::One, Process::New] {
        let mut world = world(process, "", 60.0);
        let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-03T16:00:00Z"));
        world.shop.bounce_wave("outbound", wave, 0.2, "HardBounce");
        world.hours("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
        assert_eq!(world.alerts(), Vec::<String>::new());
        world.hours("2026-03-03T11:00:00Z", "2026-03-03T16:00:00Z");
        let alerts = world.alerts();
        assert_eq!(
            alerts,
            ["🔴 WAKE shop/outbound: 8 of 49 recipients hard-bounced in the last hour (16%)"]
        );
        world.hours("2026-03-03T17:00:00Z", "2026-03-04T20:00:00Z");
        assert_eq!(
            world.alerts(),
            ["✅ RESOLVED shop/outbound: hard bounce rate is back to 4.6% (70 of 1,531)"]
        );
    }
}

#[test]
fn rates_are_in_recipients_and_volume_in_messages() {
    let mut world = World::new(Process::New, "");
    for n in 0..150u32 {
        let sent = at("2026-03-03T10:00:00Z") + MINUTE / 3 * n;
        let to = |mail: Mail, nth: u32| mail.to(&format!("{n}-{nth}@example.net"));
        let mail = (1..20).fold(Mail::new("outbound", sent, "first@example.net"), to);
        let mail = mail.delivered_after(MINUTE / 10);
        world.shop.push(match n % 10 {
            0 => mail.bounced("HardBounce", sent + MINUTE),
            _ => mail,
        });
    }
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    let stream = cycle.stream("outbound");
    let numbers = ["sent", "bounced", "recipients", "recipients_bounced"].map(|key| &stream[key]);
    assert_eq!(numbers, [150, 15, 3_000, 15]);
    assert_eq!(
        world.alerts(),
        Vec::<String>::new(),
        "0.5% of the addresses"
    );
}

#[test]
fn the_alert_bears_its_numbers_and_its_incident() {
    let mut world = World::new(Process::New, "");
    for minute in 0..100u32 {
        let sent = at("2026-03-03T10:00:00Z") + MINUTE / 2 * minute;
        let mail = Mail::new("outbound", sent, "someone@example.net");
        let bounced = minute % 10 == 0;
        world.shop.push(if bounced {
            mail.bounced("HardBounce", sent + MINUTE)
        } else {
            mail.delivered_after(MINUTE / 10)
        });
    }
    world.cycle(at("2026-03-03T10:00:00Z"));
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(
        (cycle.code, cycle.steps()),
        (0, vec!["bounce_rate opened".to_owned()]),
        "{}",
        cycle.stderr
    );
    let step = &cycle.report["transitions"][0];
    assert_eq!(
        (step["numerator"].as_u64(), step["denominator"].as_u64()),
        (Some(10), Some(100))
    );
    assert_eq!(
        (step["rate"].as_f64(), step["told"].as_bool()),
        (Some(0.1), Some(true))
    );
    let message = &world.slack.take()[0];
    assert_eq!(
        title(&message.plain),
        "🟠 WARN shop/outbound: 10 of 100 recipients bounced in the last hour (10%)"
    );
    let id = step["incident"].as_str().expect("an id");
    let explained = world.run(&["explain", id]).report;
    let explained = explained.as_str().expect("text");
    assert_line(
        explained,
        "Bounce rate 10% (10 of 100 recipients) over 1 h; threshold 1%, minimum 10; 95% confidence interval 4.9% to 17.6%",
    );
    assert!(
        message
            .plain
            .contains(step["incident"].as_str().expect("an id")),
        "{}",
        message.plain
    );
    assert!(
        !message.plain.contains("someone@"),
        "addresses are masked or absent"
    );
    let again = world.run(&[
        "check",
        "--json",
        "--exit-code",
        "--now",
        "2026-03-03T11:00:00Z",
    ]);
    assert_eq!(
        (again.code, again.steps()),
        (10, vec![]),
        "the same instant again says nothing new"
    );
}

fn one_bounce_of_one_two_three_or_nine_is_no_rate(process: Process) {
    let mut world = World::new(process, "");
    world.cycle(at("2026-03-03T00:00:00Z"));
    for (index, messages) in [1u32, 2, 3, 9].into_iter().enumerate() {
        let start = at("2026-03-03T01:00:00Z") + HOUR * u32::try_from(index).expect("small");
        for n in 0..messages {
            let mail = Mail::new("outbound", start + MINUTE * n, "someone@example.net");
            world.shop.push(if n == 0 {
                mail.bounced("HardBounce", start + MINUTE * 2)
            } else {
                mail.delivered_after(MINUTE / 10)
            });
        }
        let cycle = world.cycle(start + HOUR);
        assert_eq!(cycle.steps(), Vec::<String>::new(), "1/{messages}");
    }
    assert_eq!(
        world.cycle(at("2026-03-03T06:00:00Z")).stream("outbound")["bounced"],
        4
    );
}

fn a_late_wave_is_seen_and_no_rate_passes_one(process: Process) {
    let mut world = World::new(process, "");
    world.cycle(at("2026-03-03T00:00:00Z"));
    for n in 0..20u32 {
        let mail = Mail::new(
            "outbound",
            at("2026-03-03T01:00:00Z") + MINUTE * n,
            "someone@example.net",
        );
        world
            .shop
            .push(mail.bounced("HardBounce", at("2026-03-03T05:30:00Z")));
    }
    let cycle = world.hours("2026-03-03T01:00:00Z", "2026-03-03T06:00:00Z");
    let opened = ["hard_bounce_wake opened", "bounce_rate opened"];
    assert_eq!(cycle.steps(), opened);
    assert_eq!(cycle.report["transitions"][0]["rate"], 1.0);
    assert_eq!(cycle.report["transitions"][0]["denominator"], 20);
    assert_eq!(
        world.posted(),
        ["🔴 WAKE shop/outbound: mail leaves Postmark's queue but is not delivered",]
    );
}

fn complaints_over_a_tenth_of_a_percent_in_a_day_are_reported_once(process: Process) {
    let mut world = world(process, "", 20.0);
    world
        .shop
        .add_complaints("outbound", at("2026-03-03T10:20:00Z"), 2, "example.com");
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z");
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.steps(), ["spam_rate opened"], "{}", cycle.report);
    world.hours("2026-03-03T12:00:00Z", "2026-03-03T17:00:00Z");
    assert_eq!(world.alerts().len(), 1);
}

fn every_waking_rule_wakes_in_digest_mode_too_and_warnings_wait(process: Process) {
    let mut world = world(process, "mode = \"digest\"", 200.0);
    world.hours("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
    world
        .shop
        .bounce_wave("outbound", hour("2026-03-03T10:00:00Z"), 0.03, "HardBounce");
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.steps(), ["bounce_rate opened"]);
    assert_eq!(
        world.alerts(),
        Vec::<String>::new(),
        "a warning waits for the digest"
    );
    world
        .shop
        .bounce_wave("outbound", hour("2026-03-03T11:00:00Z"), 0.3, "HardBounce");
    world.cycle(at("2026-03-03T12:00:00Z"));
    let alerts = world.alerts();
    assert_eq!(
        alerts,
        ["🔴 WAKE shop/outbound: 66 of 253 recipients hard-bounced in the last hour (26%)"]
    );
    world.shop.add_complaints(
        "outbound",
        at("2026-03-03T12:10:00Z"),
        1,
        "elsewhere.example.org",
    );
    let ops = Mail::new("outbound", at("2026-03-03T12:10:00Z"), "ops@example.com");
    world
        .shop
        .push(ops.bounced("HardBounce", at("2026-03-03T12:12:00Z")));
    world.cycle(at("2026-03-03T13:00:00Z"));
    let alerts = world.alerts();
    assert_eq!(
        alerts,
        [
            "🔴 WAKE shop/outbound: u***@elsewhere.example.org reported a message as spam",
            "🔴 WAKE shop/outbound: mail to the operator address ops@example.com bounced (hard)"
        ]
    );
    world.shop.next(
        9,
        hushwatch::sim::Fault::StatusBody {
            code: 422,
            error_code: 412,
            message: "pending".to_owned(),
        },
    );
    world.cycle(at("2026-03-03T14:00:00Z"));
    assert_eq!(
        world.alerts(),
        ["🔴 WAKE shop: Postmark refuses requests: the account is not active"]
    );
}

crate::world::both! {
    one_bounce_of_one_two_three_or_nine_is_no_rate
    a_late_wave_is_seen_and_no_rate_passes_one
    complaints_over_a_tenth_of_a_percent_in_a_day_are_reported_once
    every_waking_rule_wakes_in_digest_mode_too_and_warnings_wait
}

#[test]
fn a_breach_that_stands_for_days_is_reported_every_day_by_a_bell_that_rings_a_moment_late() {
    let mut world = world(Process::One, "", 60.0);
    let wave = Span::new(at("2026-03-02T10:00:00Z"), at("2026-03-05T00:00:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.04, "Blocked");
    world.hours("2026-03-02T09:00:00.300Z", "2026-03-04T20:00:00.300Z");
    assert_eq!(
        world.alerts(),
        [
            "🟠 WARN shop/outbound: 2 of 68 recipients bounced in the last hour (2.9%)",
            "🟠 WARN still shop/outbound: 2 of 49 recipients bounced in the last hour (4.1%), day 2",
            "🟠 WARN still shop/outbound: 1 of 66 recipients bounced in the last hour (1.5%), day 3"
        ]
    );
}

#[test]
fn what_a_gap_hid_from_the_digest_mode_is_in_the_next_digest() {
    let mut world = world(Process::One, "mode = \"digest\"", 60.0);
    let wave = Span::new(at("2026-03-03T02:00:00Z"), at("2026-03-03T03:00:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.04, "Blocked");
    world.hours("2026-03-02T06:00:00Z", "2026-03-03T00:00:00Z");
    world.shop.always(hushwatch::sim::Fault::Status(503));
    world.hours("2026-03-03T01:00:00Z", "2026-03-03T09:00:00Z");
    world.shop.clear_faults();
    world.set_aside("before what is tested");
    world.hours("2026-03-03T10:00:00Z", "2026-03-04T09:00:00Z");
    let said: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    insta::assert_snapshot!("digest_of_what_a_gap_hid", said.join("\n\n"));
}

#[test]
fn what_wakes_is_reported_before_what_warns() {
    for minutes in [10, 20, 30, 40] {
        let mut world = world(Process::One, "", 60.0);
        world.cycle(at("2026-03-03T10:00:00Z"));
        let wave = hour("2026-03-03T10:00:00Z");
        world.shop.bounce_wave("outbound", wave, 0.04, "Blocked");
        let sent = wave.from + MINUTE * minutes;
        let operator = Mail::new("outbound", sent, "ops@example.com");
        let operator = operator.bounced("HardBounce", sent + MINUTE);
        world.shop.push(operator);
        world.set_aside("before what is tested");
        world.cycle(at("2026-03-03T11:00:00Z"));
        assert_eq!(
            world.alerts(),
            [
                "🔴 WAKE shop/outbound: mail to the operator address ops@example.com bounced (hard)",
                "🟠 WARN shop/outbound: 3 of 50 recipients bounced in the last hour (6%)"
            ]
        );
    }
}
