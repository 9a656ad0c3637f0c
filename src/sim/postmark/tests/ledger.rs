//! Generating, editing, and the truth of it.

use std::time::Instant;

use crate::model::{DAY, HOUR, MINUTE, Span, Status};

use super::{World, at, span};
use crate::sim::postmark::{Arrivals, ExpectedStats, Mail, Profile, Quirks};

fn hour(of: u32) -> Span {
    let from = at("2026-11-02T00:00:00Z") + of * HOUR;
    Span::new(from, from + HOUR)
}

#[test]
fn a_healthy_stream_is_healthy() {
    let world = World::new();
    let month = span("2026-10-01T00:00:00Z", "2026-10-31T00:00:00Z");
    world
        .shop
        .generate("outbound", month, &Profile::constant(100.0));
    let truth = world.shop.expected("outbound", month);
    let share = |part: u64| part as f64 / truth.sent as f64;
    assert!(
        (0.98..1.02).contains(&(truth.sent as f64 / 72_000.0)),
        "{truth:?}"
    );
    assert!((0.004..0.006).contains(&share(truth.bounced)), "{truth:?}");
    assert!((0.98..0.995).contains(&share(truth.delivered)), "{truth:?}");
    assert_eq!((truth.complaints, truth.blocked), (0, 0));
}

#[test]
fn office_hours_and_cron_jobs_keep_their_hours() {
    let world = World::new();
    let week = span("2026-10-19T00:00:00Z", "2026-10-26T00:00:00Z");
    world
        .shop
        .generate("outbound", week, &Profile::office_hours(20.0));
    world
        .shop
        .generate("broadcast", week, &Profile::cron_daily(6, 50));
    let sent = |stream: &str, span| world.shop.expected(stream, span).sent;
    let saturday = at("2026-10-24T00:00:00Z");
    assert_eq!(sent("outbound", Span::new(saturday, saturday + 2 * DAY)), 0);
    assert!((800..1_200).contains(&sent("outbound", week)));
    let monday = at("2026-10-19T06:00:00Z");
    assert_eq!(
        sent("broadcast", Span::new(monday, monday + 2 * MINUTE)),
        50
    );
    assert_eq!(sent("broadcast", week), 350);
}

#[test]
fn even_arrivals_are_as_many_as_the_rate_says() {
    let world = World::new();
    let profile = Profile::constant(12.0).arriving(Arrivals::Even);
    world.shop.generate("outbound", hour(3), &profile);
    let mails = world.shop.mails("outbound", hour(3));
    assert_eq!(mails.len(), 12);
    let gaps = mails.windows(2).map(|w| w[1].sent_at.since(w[0].sent_at));
    assert!(gaps.max() < Some(10 * MINUTE));
}

#[test]
fn the_same_seed_makes_the_same_ledger() {
    let ledger = |_| {
        let world = World::new();
        world.shop.generate(
            "outbound",
            hour(3),
            &Profile::constant(100.0).tags(&["a", "b"]),
        );
        world
            .shop
            .bounce_wave("outbound", hour(3), 0.3, "HardBounce");
        world.shop.mails("outbound", hour(3))
    };
    assert_eq!(ledger(1), ledger(2));
}

#[test]
fn stops_take_away_what_they_say() {
    let world = World::new();
    let day = span("2026-11-02T00:00:00Z", "2026-11-02T08:00:00Z");
    world
        .shop
        .generate("outbound", day, &Profile::constant(50.0));
    world.shop.stop_sending("outbound", hour(1));
    world.shop.stop_delivery("outbound", hour(2));
    world.shop.keep_queued("outbound", hour(3));
    let truth = |of| world.shop.expected("outbound", hour(of));
    assert_eq!(truth(1).sent, 0);
    assert!(truth(2).sent > 0 && truth(2).delivered == 0 && truth(2).queued == 0);
    assert!(truth(3).sent > 0 && truth(3).queued == truth(3).sent);
    assert!(truth(4).delivered > 0);
    let mails = world.shop.mails("outbound", hour(3));
    assert!(mails.iter().all(|m| m.status == Status::Queued));
}

#[test]
fn a_wave_strikes_exactly_its_share() {
    let world = World::new();
    let profile = Profile::constant(200.0)
        .arriving(Arrivals::Even)
        .without_bounces();
    world.shop.generate("outbound", hour(2), &profile);
    assert_eq!(
        world
            .shop
            .bounce_wave("outbound", hour(2), 0.1, "HardBounce"),
        20
    );
    assert_eq!(
        world
            .shop
            .late_bounce_wave("outbound", hour(2), 0.05, "Blocked", 5 * HOUR),
        10
    );
    let day = Span::new(hour(0).from, hour(0).from + DAY);
    let truth = world.shop.expected("outbound", day);
    assert_eq!((truth.hard, truth.blocked, truth.bounced), (20, 10, 30));
    let later = world
        .shop
        .expected("outbound", Span::new(hour(7).from, hour(9).from));
    assert_eq!(
        (later.sent, later.bounced, later.sent_or_bounced),
        (0, 10, 10)
    );
}

#[test]
fn complaints_come_from_the_domain_they_should() {
    let world = World::new();
    world
        .shop
        .generate("outbound", hour(2), &Profile::constant(100.0));
    let time = at("2026-11-02T05:00:00Z");
    assert_eq!(
        world
            .shop
            .add_complaints("outbound", time, 3, "customer.example.com"),
        3
    );
    let truth = world
        .shop
        .expected("outbound", Span::new(time, time + HOUR));
    assert_eq!((truth.complaints, truth.sent_or_complained), (3, 3));
    let rows = world.json("/bounces?count=500&offset=0&type=SpamComplaint");
    let addresses = rows["Bounces"].as_array().cloned().unwrap_or_default();
    assert_eq!(addresses.len(), 3);
    for row in addresses {
        assert!(
            row["Email"]
                .as_str()
                .is_some_and(|e| e.ends_with("@customer.example.com"))
        );
    }
}

#[test]
fn the_truth_counts_messages_and_leaves_bounce_tests_out() {
    let world = World::new();
    let time = at("2026-11-02T05:00:00Z");
    let twice = Mail::new("outbound", time, "a@example.com").to("b@example.com");
    world.shop.push(
        twice
            .delivered_after(MINUTE)
            .bounced("HardBounce", time)
            .bounced("Blocked", time),
    );
    let test = Mail::new(
        "outbound",
        time,
        "HardBounce@bounce-testing.postmarkapp.com",
    );
    world.shop.push(test.bounced("HardBounce", time));
    let truth = world.shop.expected("outbound", hour(5));
    let expected = ExpectedStats {
        sent: 1,
        delivered: 1,
        bounced: 1,
        hard: 1,
        blocked: 1,
        sent_or_bounced: 1,
        sent_or_complained: 1,
        ..ExpectedStats::default()
    };
    assert_eq!(truth, expected);
}

#[test]
fn hidden_mail_is_found_later() {
    let world = World::new();
    world
        .shop
        .generate("outbound", hour(2), &Profile::constant(100.0));
    world
        .shop
        .delay_index("outbound", hour(2), at("2026-11-02T06:00:00Z"));
    world.postmark.set_now(at("2026-11-02T05:59:59Z"));
    assert_eq!(world.total(""), 0);
    world.postmark.set_now(at("2026-11-02T06:00:00Z"));
    assert_eq!(
        world.total(""),
        world.shop.expected("outbound", hour(2)).sent
    );
}

#[test]
fn a_million_mails_are_made_in_seconds() {
    let start = Instant::now();
    let world = World::new();
    let weeks = span("2026-09-20T00:00:00Z", "2026-11-01T00:00:00Z");
    world
        .shop
        .generate("outbound", weeks, &Profile::constant(1_000.0));
    let made = start.elapsed();
    assert!(world.total("&fromdate=2026-10-31T01:00:00&todate=2026-10-31T01:59:59") > 900);
    let first = start.elapsed() - made;
    assert!(world.total("&fromdate=2026-10-31T01:00:00&todate=2026-10-31T01:59:59") > 900);
    let second = start.elapsed() - made - first;
    // Generous: the machine may be busy.
    assert!(
        made.as_secs() < 30 && second.as_millis() < 1_000,
        "{made:?} {first:?} {second:?}"
    );
}

#[test]
fn a_flow_of_seven_million_a_day_is_searched_without_being_stored() {
    let world = World::with(Quirks {
        late_index: false,
        ..Quirks::default()
    });
    let day = span("2026-11-01T12:00:00Z", "2026-11-02T12:00:00Z");
    world
        .shop
        .add_traffic("outbound", day, 300_000, &["receipt"]);
    world
        .shop
        .bounce_traffic("outbound", day, 0.01, "HardBounce");
    let hour = "&fromdate=2026-11-02T05:00:00&todate=2026-11-02T05:59:59";
    assert_eq!(world.total(hour), 300_000);
    assert_eq!(world.total(&format!("{hour}&tag=receipt")), 200_000);
    let page = world.json(&format!("/bounces?count=500&offset=0{hour}"));
    let truth = world.shop.expected(
        "outbound",
        span("2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z"),
    );
    assert_eq!(page["TotalCount"], truth.bounced);
    assert!((2_800..3_200).contains(&truth.bounced), "{}", truth.bounced);
    let first = &world.json(&format!("/messages/outbound?count=1&offset=0{hour}"))["Messages"][0];
    let id = first["MessageID"].as_str().expect("an id");
    let details = world.json(&format!("/messages/outbound/{id}/details"));
    assert_eq!(details["MessageID"], first["MessageID"]);
    world.shop.stop_sending(
        "outbound",
        span("2026-11-02T10:30:00Z", "2026-11-03T00:00:00Z"),
    );
    assert_eq!(world.total(hour), 150_000);
}
