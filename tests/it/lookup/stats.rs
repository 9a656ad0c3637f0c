//! `stats`: what is stored beside what Postmark counts.

use hushwatch::clock;
use hushwatch::model::{DAY, HOUR, MINUTE, Timestamp};
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::{Mail, Quirks};
use serde_json::json;

use crate::world::{Process, World, at};

/// A full hour of the machine's clock, by which ranges are read.
fn now() -> Timestamp {
    clock::now().floor(HOUR)
}

/// Six mails of the last days, one to three recipients, two hard bounces, a soft one and a complaint, seen by a cycle.
fn watched() -> World {
    watched_at(now())
}

/// The same at an instant that stays, of which whole texts can be pinned; the range ends with that day.
fn watched_in_march() -> (World, [&'static str; 5]) {
    let range = ["stats", "--since", "2026-02-26", "--until", "2026-03-03"];
    (watched_at(at("2026-03-03T12:00:00Z")), range)
}

fn watched_at(now: Timestamp) -> World {
    let mut world = World::new(Process::New, "");
    world.postmark.set_quirks(Quirks {
        late_index: false,
        ..Quirks::default()
    });
    let sent = now - 3 * DAY;
    let mail = |hours: u32, to: &str| Mail::new("outbound", sent + HOUR * hours, to);
    world.shop.push(
        mail(0, "a@example.com")
            .to("b@example.com")
            .to("c@example.com"),
    );
    world.shop.push(mail(1, "d@example.com"));
    for (hours, kind) in [
        (2, "HardBounce"),
        (3, "HardBounce"),
        (4, "SoftBounce"),
        (5, "SpamComplaint"),
    ] {
        let at = sent + HOUR * hours + MINUTE;
        world
            .shop
            .push(mail(hours, "x@example.net").bounced(kind, at));
    }
    let cycle = world.cycle(now);
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    world.postmark.take_requests();
    world
}

#[test]
fn both_are_reported_and_where_they_differ() {
    let (world, range) = watched_in_march();
    insta::assert_snapshot!("stats", world.transcript(&range));
    let requests = world.postmark.requests().len();
    assert_eq!(requests, 2, "who it is, and the figures");
}

#[test]
fn how_much_of_a_range_was_seen_is_a_share() {
    let world = watched();
    let coverage = |since: &str| {
        let json = world.run(&["stats", "--since", since, "--json"]).report;
        json["servers"][0]["coverage"].as_f64()
    };
    let week = coverage("7d").unwrap_or(-1.0);
    assert!(0.3 < week && week < 1.0, "{week}");
    let fresh = World::new(Process::New, "");
    fresh.postmark.set_now(now());
    let json = fresh.run(&["stats", "--json"]).report;
    assert_eq!(json["servers"][0]["coverage"], 0.0, "{json}");
}

#[test]
fn days_are_distinguished_as_postmark_has_them() {
    let world = watched();
    let ended = world.run(&["stats", "--since", "6d", "--by-day", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let days = ended.report["servers"][0]["days"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!((7..=8).contains(&days.len()), "{}", ended.report);
    let sum = |whose: &str, what: &str| {
        days.iter()
            .filter_map(|d| d[whose][what].as_u64())
            .sum::<u64>()
    };
    assert_eq!((sum("stored", "sent"), sum("postmark", "sent")), (6, 8));
    assert_eq!(
        (sum("stored", "bounced"), sum("postmark", "bounced")),
        (2, 3)
    );
    assert_eq!(world.postmark.requests().len(), 4);
    let (world, range) = watched_in_march();
    let table = world.transcript(&[&range[..], &["--by-day"]].concat());
    insta::assert_snapshot!("stats_by_day", table);
}

/// Receipts and welcomes go out every hour, until the welcomes stop at midnight.
#[test]
fn the_tag_that_stopped_comes_first() {
    let mut world = World::new(Process::New, "");
    let start = at("2026-03-01T00:00:00Z");
    let stop = at("2026-03-09T00:00:00Z");
    for hour in 0..10 * 24 {
        let sent = start + HOUR * hour + 10 * MINUTE;
        let mail = |tag: &str| Mail::new("outbound", sent, "a@example.com").tag(tag);
        world.shop.push(mail("receipt"));
        world.shop.push(mail("receipt"));
        world
            .shop
            .push(Mail::new("outbound", sent, "b@example.com"));
        if sent < stop {
            world.shop.push(mail("welcome"));
        }
        if hour == 0 {
            world.shop.push(mail("rare"));
        }
    }
    world.cycle(at("2026-03-10T00:00:00Z"));
    world.set_aside("the texts have tests of their own");
    let range = [
        "stats",
        "--since",
        "2026-03-09",
        "--until",
        "2026-03-09",
        "--by-tag",
    ];
    insta::assert_snapshot!("stats_by_tag", world.transcript(&range));
    let json = world.run(&[&range[..], &["--json"]].concat()).report;
    assert_eq!(
        json["servers"][0]["tags"],
        json!([
            {"tag": "welcome", "sent": 0, "sent_week_before": 24},
            {"tag": "receipt", "sent": 48, "sent_week_before": 48},
            {"tag": null, "sent": 24, "sent_week_before": 24},
        ])
    );
    let first = [
        "stats",
        "--since",
        "2026-03-02",
        "--until",
        "2026-03-02",
        "--by-tag",
        "--json",
    ];
    let json = world.run(&first).report;
    assert_eq!(
        json["servers"][0]["tags"][0]["sent_week_before"],
        json!(null),
        "it was not seen: {json}"
    );
    let refused = world.run(&["stats", "--by-tag", "--by-day"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
}

#[test]
fn what_is_stored_is_reported_where_postmark_does_not_answer() {
    let (world, range) = watched_in_march();
    world.postmark.always(Fault::StatusBody {
        code: 422,
        error_code: 614,
        message: "Your plan has no statistics.".to_owned(),
    });
    insta::assert_snapshot!("stats_refused", world.transcript(&range));
    let requests = world.postmark.requests().len();
    assert_eq!(
        requests, 2,
        "who it is, and the figures: neither is tried again"
    );
    let ended = world.run(&[&range[..], &["--json"]].concat());
    assert_eq!(ended.code, 1);
    assert_eq!(
        ended.report["servers"][0]["stored"]["sent"], 6,
        "{}",
        ended.report
    );
}

#[test]
fn where_nobody_tells_anything_there_is_no_table() {
    let world = World::new(Process::New, "");
    world.postmark.always(Fault::Status(503));
    let ended = world.run(&["stats"]);
    assert_eq!((ended.code, ended.report), (1, json!("")));
    let json = world.run(&["stats", "--json"]).report;
    let shop = &json["servers"][0];
    assert_eq!(
        (&shop["stored"]["sent"], &shop["postmark"]),
        (&json!(null), &json!(null)),
        "{json}"
    );
}

#[test]
fn what_is_not_stored_is_no_zero() {
    let (world, range) = watched_in_march();
    let tag = [&range[..], &["--stream", "broadcast", "--tag", "none"]].concat();
    let by_tag = world.transcript(&tag);
    let json = world.run(&["stats", "--tag", "none", "--json"]).report;
    assert_eq!(json["servers"][0]["stored"]["sent"], json!(null), "{json}");
    let mut fresh = World::new(Process::New, "");
    fresh.env("HUSHWATCH_DATABASE_URL", "");
    fresh.postmark.set_now(now());
    insta::assert_snapshot!(
        "stats_not_stored",
        format!("{by_tag}\n{}", fresh.transcript(&range))
    );
    assert!(!fresh.folder.path().join("hushwatch.db").exists());
}

#[test]
fn a_range_that_cannot_be_is_refused_before_anything_is_asked() {
    let world = World::new(Process::New, "");
    let said = world.transcripts(&[
        &["stats", "--since", "soon"],
        &["stats", "--since", "2999-01-01"],
        &["stats", "--since", "500d", "--by-day"],
        &["stats", "--tag", "a\u{1b}"],
    ]);
    insta::assert_snapshot!("stats_ranges_refused", said);
    assert_eq!(world.postmark.requests().len(), 0);
}
