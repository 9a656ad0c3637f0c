//! Mail of which none arrives because all of it bounces.

use hushwatch::model::{HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};

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
fn mail_that_all_bounces_is_told_once_with_its_reason_and_the_digest_says_so() {
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
        assert!(
            alerts[0].contains("WAKE shop/outbound: all ")
                && alerts[0].contains(&format!("sampled messages bounced: {kind}")),
            "{alerts:?}"
        );
        hours(&mut world, at(NOON) + HOUR * 9, lasts - 8);
        let told = world.slack.take().into_iter().map(|message| message.plain);
        let (digests, reminders): (Vec<String>, Vec<String>) =
            told.partition(|text| text.contains("Daily digest"));
        assert!(!digests.is_empty(), "{kind}");
        for text in digests {
            let first = text.lines().next().unwrap_or_default();
            assert!(
                !first.contains("all normal") && !first.contains("nothing open"),
                "{text}"
            );
        }
        // A message in twenty slips through: the silence is then told as the drop that it is.
        let is_reminder = |text: &String| {
            text.starts_with("🔴 WAKE still shop/outbound: ")
                && (text.contains(" sampled messages bounced: ")
                    || text.contains(" sampled messages were delivered ("))
        };
        assert!(reminders.iter().all(is_reminder), "{reminders:?}");
        hours(&mut world, at(NOON) + HOUR * (lasts + 1), 12);
        let ends = world.alerts();
        let ended = |line: &&String| {
            [
                "✅ RESOLVED shop/outbound: mail is being delivered again",
                "✅ RESOLVED shop/outbound: mail is delivered as usual again",
            ]
            .contains(&line.as_str())
        };
        assert_eq!(ends.iter().filter(ended).count(), 1, "{kind}: {ends:?}");
    }
}

#[test]
fn a_stream_of_which_a_few_always_bounce_is_not_called_undelivered() {
    for kind in ["HardBounce", "SoftBounce"] {
        let mut world = world(Process::One, 20.0, (0.05, kind), 24 * 7);
        hours(&mut world, at(NOON), 24 * 7);
        let alerts = world.alerts();
        let undelivered = |a: &&String| a.contains("delivered") || a.contains("sampled");
        assert_eq!(alerts.iter().find(undelivered), None, "{kind}");
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
        assert!(text.contains("1 stream needs a look"), "{text}");
        let line = format!("⚠ shop/outbound: 2 of 2 messages bounced ({class})");
        assert!(text.contains(&line), "{text}");
    }
}

#[test]
fn half_of_the_mail_that_does_not_arrive_is_one_problem_from_begin_to_end() {
    let mut world = world(Process::One, 30.0, (0.5, "SoftBounce"), 48);
    hours(&mut world, at("2026-02-22T12:00:00Z"), 24 * 9 + 1);
    world.set_aside("two healthy weeks");
    hours(&mut world, at(NOON) + HOUR, 48);
    let told = world.alerts();
    let first = "🟠 WARN shop/outbound: ";
    assert!(told[0].starts_with(first), "{told:#?}");
    assert!(
        told[0].contains(" sampled messages were delivered ("),
        "{told:#?}"
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
        ["✅ RESOLVED shop/outbound: mail is delivered as usual again"],
        "{told:#?}"
    );
    assert!(told.len() <= 3, "it is reminded once a day: {told:#?}");
}
