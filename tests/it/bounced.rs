//! Mail of which none arrives because all of it bounces.

use hushwatch::model::{HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};

use crate::words::{assert_line, title};
use crate::world::{Process, World, at};

const NOON: &str = "2026-03-03T12:00:00Z";

/// Two healthy weeks, and from Tuesday noon on, for so many hours, a share of the mail bounces.
fn world(process: Process, per_hour: f64, (share, kind): (f64, &str), hours: u32) -> World {
    let world = World::new(process, "");
    let until = at(NOON) + HOUR * (hours + 24);
    let span = Span::new(at("2026-02-16T00:00:00Z"), until);
    let profile = Profile::constant(per_hour).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(at(NOON), at(NOON) + HOUR * hours);
    world.shop.bounce_wave("outbound", wave, share, kind);
    world
}

fn hours(world: &mut World, from: Timestamp, hours: u32) {
    for hour in 0..hours {
        world.cycle(from + HOUR * hour);
    }
}

fn digest(world: &World, now: &str) -> String {
    let printed = world.run(&["digest", "--print", "--now", now]);
    printed.report.as_str().expect("text").to_owned()
}

#[test]
fn mail_that_all_bounces_is_reported_once_with_its_reason_and_the_digest_says_so() {
    let mut said = Vec::new();
    for (per_hour, kind, lasts) in [
        (3.0, "HardBounce", 72),
        (3.0, "DMARCPolicy", 72),
        (50.0, "HardBounce", 24),
        (50.0, "SoftBounce", 24),
        (50.0, "DnsError", 24),
        (50.0, "Unknown", 24),
    ] {
        let mut world = world(Process::One, per_hour, (1.0, kind), lasts);
        hours(&mut world, at("2026-03-01T12:00:00Z"), 49);
        assert_eq!(world.alerts(), Vec::<String>::new(), "{kind}");
        hours(&mut world, at(NOON) + HOUR, 8);
        let alerts = world.alerts();
        assert_eq!(alerts.len(), 1, "{kind}: {alerts:?}");
        hours(&mut world, at(NOON) + HOUR * 9, lasts - 8);
        // A message in twenty slips through: the silence is then reported as the drop that it is.
        let reminders = world.posted();
        hours(&mut world, at(NOON) + HOUR * (lasts + 1), 12);
        let ends = world.alerts();
        let sent = [alerts, reminders, ends].concat().join("\n");
        said.push(format!(
            "{kind}, {per_hour} an hour, {lasts} hours\n{sent}\n"
        ));
    }
    insta::assert_snapshot!("mail_that_all_bounces", said.join("\n"));
}

#[test]
fn a_stream_of_which_a_few_always_bounce_is_not_called_undelivered() {
    for kind in ["HardBounce", "SoftBounce"] {
        let mut world = world(Process::One, 20.0, (0.05, kind), 24 * 7);
        let cycles = (0..24 * 7).map(|hour| world.cycle(at(NOON) + HOUR * hour));
        let mut steps: Vec<String> = cycles.flat_map(|cycle| cycle.steps()).collect();
        steps.retain(|step| step.starts_with("delivery_"));
        assert_eq!(steps, Vec::<String>::new(), "{kind}");
        world.set_aside("a rate that is a little high");
    }
}

#[test]
fn what_bounced_and_was_too_little_to_judge_is_in_the_digest() {
    for (kind, class) in [("HardBounce", "hard 2"), ("SoftBounce", "soft 2")] {
        let mut world = World::new(Process::New, "");
        world.cycle(at("2026-03-03T09:00:00Z"));
        for n in 1..=2 {
            let sent = at("2026-03-03T09:30:00Z") + HOUR * n;
            let mail = Mail::new("outbound", sent, "gone@example.net");
            world.shop.push(mail.bounced(kind, sent + MINUTE));
        }
        world.hours("2026-03-03T10:00:00Z", "2026-03-03T18:00:00Z");
        assert_eq!(world.alerts(), Vec::<String>::new());
        let text = digest(&world, "2026-03-04T09:00:00Z");
        assert_eq!(
            title(&text),
            "📋 Daily digest, Wed 4 Mar: 1 stream needs a look, not everything could be read"
        );
        let line = format!("⚠ shop/outbound: 2 of 2 messages bounced ({class})");
        assert_line(&text, &line);
    }
}

#[test]
fn half_of_the_mail_that_does_not_arrive_is_one_problem_from_begin_to_end() {
    let mut world = world(Process::One, 30.0, (0.5, "SoftBounce"), 48);
    hours(&mut world, at("2026-02-22T12:00:00Z"), 24 * 9 + 1);
    world.set_aside("two healthy weeks");
    hours(&mut world, at(NOON) + HOUR, 48);
    let shown = world.alerts();
    assert_eq!(
        shown,
        [
            "🟠 WARN shop/outbound: 36 of 91 messages bounced (40%), usually next to none",
            "🔴 WAKE worse shop/outbound: 9 of 19 sampled messages were delivered (47%), usually 98%",
            "🔴 WAKE still shop/outbound: 65 of 135 sampled messages were delivered (48%), usually 99%, day 2"
        ],
        "it is reminded once a day"
    );
    let status = world.run(&["status", "--json"]).report;
    let opened_at = status["open_incidents"][0]["opened_at"]
        .as_str()
        .and_then(Timestamp::parse);
    let after = opened_at.map(|opened_at| opened_at.since(at(NOON)));
    assert!(after.is_some_and(|after| after <= HOUR * 8), "{status}");
    assert_eq!(
        status["open_incidents"].as_array().map(Vec::len),
        Some(1),
        "{status}"
    );
    let day = world.cycle(at(NOON) + HOUR * 49).stream("outbound");
    let figure = |name: &str| day[name].as_u64().unwrap_or_default();
    assert!(
        figure("delivered_low") <= figure("delivered")
            && figure("delivered") <= figure("delivered_high")
            && figure("delivered") < figure("sent") * 2 / 3,
        "{day}"
    );
    hours(&mut world, at(NOON) + HOUR * 50, 12);
    let ends = world.alerts();
    assert_eq!(
        ends,
        ["✅ RESOLVED shop/outbound: mail is delivered as usual again"]
    );
}
