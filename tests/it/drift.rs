//! What changes slowly: mail that Postmark refuses, and recipient domains that block it, from Postmark to Slack.

use hushwatch::model::{DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};
use hushwatch::sim::{Fault, Plan};

use crate::world::{Process, World, at, both};

/// Midnight in New York is at 05:00.
const START: &str = "2026-03-02T05:00:00Z";

both! {
    a_domain_that_blocks_is_reported_once_and_its_end_too
    ordinary_blocks_are_not_reported
    blocks_from_before_the_first_cycle_are_not_reported
    a_wave_over_the_threshold_at_one_domain_is_reported_once
    refused_mail_is_reported_once_and_its_end_too
    errors_that_were_there_before_anybody_looked_are_not_reported
    what_is_refused_every_day_is_usual
    statistics_that_cannot_be_read_are_unknown_and_make_no_cycle_incomplete
}

fn hour(n: u32) -> Timestamp {
    at(START) + HOUR * n
}

/// Three quiet weeks of mail; it is watched from the first hour on.
fn world(process: Process) -> World {
    let world = World::new(process, "");
    let span = Span::new(hour(0) - 21 * DAY, hour(0) + 5 * DAY);
    let profile = Profile::constant(4.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    world
}

/// Postmark refuses mail, one after another from `at` on.
fn refuse(world: &World, at: Timestamp, errors: u32) {
    for n in 0..errors {
        let recipient = format!("user{n}@example.net");
        let at = at + MINUTE * n;
        world
            .shop
            .push_bounce("outbound", "SMTPApiError", at, &recipient);
    }
}

/// Asserts that nothing but digests was posted since the last call.
fn assert_quiet(world: &World) {
    assert_eq!(world.alerts(), Vec::<String>::new());
}

/// The steps of each hour that has any.
fn hours(world: &mut World, from: u32, until: u32) -> Vec<(u32, Vec<String>)> {
    let cycle = |hour_of: u32| {
        let cycle = world.cycle(hour(hour_of));
        assert_eq!(cycle.code, 0, "{}", cycle.stderr);
        (hour_of, cycle.steps())
    };
    let all = (from..until).map(cycle);
    all.filter(|(_, steps)| !steps.is_empty()).collect()
}

fn refused_mail_is_reported_once_and_its_end_too(process: Process) {
    let mut world = world(process);
    refuse(&world, hour(0) - DAY, 2);
    // It is read six hours after the first start, and every six hours from then on.
    refuse(&world, hour(7), 40);
    let steps = hours(&mut world, 0, 27);
    let opened = (12, vec!["smtp_errors opened".to_owned()]);
    let resolved = (24, vec!["smtp_errors resolved".to_owned()]);
    assert_eq!(steps, [opened, resolved]);
    let posted = world.slack.take();
    let texts: Vec<String> = posted.iter().map(|p| p.plain.clone()).collect();
    insta::assert_snapshot!("refused", texts.join("\n\n"));
    assert_eq!(world.postmark.count("/stats/outbound/spam"), 0);
    let read = world.postmark.count("/stats/outbound/bounces");
    assert_eq!(read, 4, "at 6, 12, 18 and 24 hours");
}

fn errors_that_were_there_before_anybody_looked_are_not_reported(process: Process) {
    let mut world = world(process);
    refuse(&world, hour(1), 200);
    assert_eq!(hours(&mut world, 0, 26), []);
    assert_quiet(&world);
}

fn what_is_refused_every_day_is_usual(process: Process) {
    let mut world = world(process);
    for days in 0..14 {
        refuse(&world, hour(8) - DAY * days, 30);
    }
    assert_eq!(hours(&mut world, 0, 26), []);
    assert_quiet(&world);
}

fn statistics_that_cannot_be_read_are_unknown_and_make_no_cycle_incomplete(process: Process) {
    let mut world = world(process);
    hours(&mut world, 0, 7);
    refuse(&world, hour(8), 40);
    let plan = Plan::always(Fault::Status(500)).on("/stats/outbound/bounces");
    world.postmark.fail(plan);
    assert_eq!(hours(&mut world, 7, 15), []);
    world.postmark.clear_faults();
    let opened = (15, vec!["smtp_errors opened".to_owned()]);
    assert_quiet(&world);
    assert_eq!(hours(&mut world, 15, 16), [opened]);
    let title = "🟠 WARN shop: Postmark refused 40 messages sent by SMTP";
    assert_eq!(world.alerts(), [title]);
}

/// Mail to so many people at `domain`, all of it blocked a minute later.
fn block(world: &World, at: Timestamp, domain: &str, recipients: u32, kind: &str) {
    for n in 0..recipients {
        let sent_at = at + MINUTE * n;
        let mail = Mail::new("outbound", sent_at, &format!("user{n}@{domain}"));
        world.shop.push(mail.bounced(kind, sent_at + MINUTE));
    }
}

/// A stream that is large enough that a few blocks are far below the threshold of `bounce_rate`.
fn large(process: Process) -> World {
    let world = World::new(process, "[rules.bounce_rate]\nconfidence = 0.95\n");
    let span = Span::new(hour(0) - 21 * DAY, hour(0) + 5 * DAY);
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    world
}

fn a_domain_that_blocks_is_reported_once_and_its_end_too(process: Process) {
    let mut world = large(process);
    // One now and then is ordinary.
    block(&world, hour(0) - 9 * DAY, "example.org", 1, "Blocked");
    for hours in 8..16 {
        let kind = ["Blocked", "SpamNotification"][hours as usize % 2];
        let at = hour(hours) - MINUTE * 30;
        let mail = Mail::new("outbound", at, &format!("user{hours}@example.org"));
        world.shop.push(mail.bounced(kind, at + MINUTE));
    }
    let steps = hours(&mut world, 0, 42);
    let opened = (11, vec!["domain_blocks opened".to_owned()]);
    assert_eq!(steps[0], opened);
    let last = steps.last().expect("steps");
    assert_eq!(*last, (37, vec!["domain_blocks resolved".to_owned()]));
    let posted = world.slack.take();
    let texts: Vec<String> = posted.iter().map(|p| p.plain.clone()).collect();
    insta::assert_snapshot!("blocks", texts.join("\n\n"));
}

fn ordinary_blocks_are_not_reported(process: Process) {
    let mut world = large(process);
    for days in 0..25 {
        block(&world, hour(20) - DAY * days, "example.org", 5, "Blocked");
        block(
            &world,
            hour(26) - DAY * days,
            "example.net",
            2,
            "DMARCPolicy",
        );
    }
    assert_eq!(hours(&mut world, 0, 40), []);
    assert_quiet(&world);
}

fn a_wave_over_the_threshold_at_one_domain_is_reported_once(process: Process) {
    let mut world = large(process);
    block(&world, hour(9), "example.org", 20, "Blocked");
    let steps = hours(&mut world, 0, 40);
    let opened = steps.iter().flat_map(|(_, steps)| steps);
    let opened: Vec<&String> = opened.filter(|step| step.ends_with(" opened")).collect();
    assert_eq!(opened, ["domain_blocks opened"], "{steps:?}");
    let alerts = world.alerts();
    assert_eq!(alerts.len(), 2, "{alerts:?}");
}

fn blocks_from_before_the_first_cycle_are_not_reported(process: Process) {
    let mut world = large(process);
    block(&world, hour(0) - HOUR * 4, "example.org", 9, "Blocked");
    assert_eq!(hours(&mut world, 0, 3), []);
}
