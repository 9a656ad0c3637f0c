//! Senders too large to be listed are counted exactly, and judged as all others are.

use std::process::Stdio;
use std::time::{Duration, Instant};

use hushwatch::model::{DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::{Fault, Plan, ReceivedRequest};
use serde_json::Value;

use crate::store::end_leases;
use crate::words::assert_line;
use crate::world::{Cycle, Process, World, at};

/// An instant of 3 March 2026, a Tuesday.
fn clock(time: &str) -> Timestamp {
    at(&format!("2026-03-03T{time}:00Z"))
}

fn span(from: &str, until: &str) -> Span {
    Span::new(clock(from), clock(until))
}

/// A world whose first start was at 08:00, before any mail, and which makes at most so many requests in a poll.
fn started(requests: usize) -> World {
    let file = format!("[postmark]\nrequests_per_poll = {requests}\n");
    let mut world = World::new(Process::One, &file);
    world.cycle(clock("08:00"));
    world
}

/// What a cycle asked.
fn asked(world: &mut World, now: Timestamp) -> (Cycle, Vec<ReceivedRequest>) {
    world.postmark.take_requests();
    let cycle = world.cycle(now);
    (cycle, world.postmark.take_requests())
}

/// A complete cycle every hour from `from` to `until`, both included, none of more than so many requests; the last one.
fn hourly(world: &mut World, requests: usize, from: Timestamp, until: Timestamp) -> Cycle {
    let mut now = from;
    loop {
        let (cycle, asked) = asked(world, now);
        assert!(asked.len() <= requests, "{now}: {}", asked.len());
        assert_eq!(cycle.code, 0, "{now}: {}", cycle.report["errors"]);
        if now >= until {
            return cycle;
        }
        now = now + HOUR;
    }
}

fn counts(asked: &[ReceivedRequest]) -> usize {
    let one = |asked: &&ReceivedRequest| asked.query("count") == Some("1");
    asked.iter().filter(one).count()
}

fn steps_with_tags(cycle: &Cycle) -> Vec<(String, String)> {
    let all = cycle.report["transitions"].as_array().cloned();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |t: &Value| {
        (
            format!("{} {}", text(&t["rule"]), text(&t["transition"])),
            text(&t["tag"]),
        )
    };
    all.unwrap_or_default().iter().map(one).collect()
}

#[test]
fn counts_are_those_of_the_ledger_at_any_density_whether_totals_are_capped_or_not() {
    for (seed, capped) in [(1, false), (2, true), (3, true)] {
        let mut world = started(120);
        world.shop.set_total_capped(capped);
        let mut rng = fastrand::Rng::with_seed(seed);
        for ten in 0..18 {
            let from = clock("08:00") + 10 * MINUTE * ten;
            let rates = [1, 30, 3_000, 60_000, 200_000, 500_000];
            let rate = rates[rng.usize(0..rates.len())];
            world
                .shop
                .add_traffic("outbound", Span::new(from, from + 10 * MINUTE), rate, &[]);
        }
        hourly(&mut world, 120, clock("09:00"), clock("11:00"));
        let last = hourly(&mut world, 120, clock("11:20"), clock("12:20"));
        let truth = world.shop.expected("outbound", span("08:00", "12:00")).sent;
        assert_eq!(last.stream("outbound")["sent"], truth, "{seed}");
        world.assert_all_normal(&["Tue 3 Mar"]);
    }
}

#[test]
fn a_stream_is_listed_then_counted_then_listed_and_no_message_is_lost_or_counted_twice() {
    let mut world = started(60);
    for (hours, rate) in [
        (span("08:00", "10:00"), 1_000),
        (span("10:00", "12:00"), 120_000),
        (span("12:00", "15:00"), 1_000),
    ] {
        world.shop.add_traffic("outbound", hours, rate, &["a", "b"]);
        world
            .shop
            .bounce_traffic("outbound", hours, 0.004, "HardBounce");
    }
    for (now, is_counted) in [
        ("09:00", false),
        ("10:00", false),
        ("11:00", true),
        ("12:00", true),
        ("13:00", true),
        ("14:00", false),
        ("15:00", false),
        ("16:00", false),
    ] {
        let (cycle, asked) = asked(&mut world, clock(now));
        assert_eq!(cycle.code, 0, "{now} {}", cycle.report["errors"]);
        assert!(asked.len() <= 60, "{now}: {}", asked.len());
        assert_eq!(counts(&asked) > 0, is_counted, "{now}");
    }
    let last = world.cycle(clock("16:20"));
    let truth = world.shop.expected("outbound", span("08:00", "16:00"));
    let stream = last.stream("outbound");
    assert_eq!(
        (&stream["sent"], &stream["bounced"]),
        (&truth.sent.into(), &truth.bounced.into())
    );
    let known = |kind: &str| stream[kind].as_u64().unwrap_or_default();
    assert_eq!(known("listed") + known("counted"), truth.sent);
    assert!(
        known("counted") > 200_000 && known("listed") > 3_000,
        "{stream}"
    );
    let now = (clock("16:20") + MINUTE).to_string();
    let status = world.run(&["status", "--now", &now]).report;
    assert_line(
        status.as_str().expect("text"),
        "outbound: 245,000 sent in the last 24 h (241,000 of them counted, not listed), 999 bounced (0.41%), 0 complaints, about 244,001 delivered (191,876 to 244,001), 36 of 37 sampled messages so far",
    );
    world.assert_all_normal(&["Tue 3 Mar"]);
}

/// A world whose stream sent 2,500 an hour for forty days before its first start at 08:00, more than it may list, and goes
/// on until `until`.
fn large(until: &str) -> World {
    let mut world = World::new(Process::One, "[postmark]\nrequests_per_poll = 12\n");
    let sending = Span::new(clock("08:00") - 40 * DAY, clock(until));
    world.shop.add_traffic("outbound", sending, 2_500, &[]);
    let (first, asked) = asked(&mut world, clock("08:00"));
    assert_eq!(first.code, 0, "{}", first.report["errors"]);
    let hours = 40 * 24 + 5 * 24;
    assert!(
        counts(&asked) <= hours + 2,
        "by the hour: {}",
        counts(&asked)
    );
    hourly(&mut world, 12, clock("09:00"), clock("10:00"));
    world.set_aside("before what is tested");
    world
}

#[test]
fn silence_of_a_large_sender_is_reported_with_its_last_send() {
    let mut world = large("10:20");
    let (cycle, asked) = asked(&mut world, clock("11:00"));
    assert!(asked.len() <= 12, "{}", asked.len());
    let said = cycle.steps().contains(&"send_silence opened".to_owned());
    assert!(said, "{}", cycle.report);
    let status = world.run(&["status", "--json"]).report;
    let last = status["servers"][0]["streams"].to_string();
    assert!(last.contains("2026-03-03T10:19:5"), "{last}");
    assert_eq!(
        world.posted(),
        ["🔴 WAKE shop/outbound: no mail sent for 41 min"]
    );
}

#[test]
fn a_drop_of_a_large_sender_is_reported() {
    let mut world = large("10:00");
    world
        .shop
        .add_traffic("outbound", span("10:00", "16:00"), 180, &[]);
    let steps = world.cycle(clock("11:00")).steps();
    assert_eq!(steps, ["send_drop opened"]);
    assert_eq!(
        world.posted(),
        ["🟠 WARN shop/outbound: 178 messages sent in 1 h, about 2,500 would be normal",]
    );
}

#[test]
fn a_wave_of_bounces_at_three_hundred_thousand_an_hour_is_reported_by_its_newest() {
    let mut world = started(60);
    let all = span("08:00", "11:00");
    world.shop.add_traffic("outbound", all, 300_000, &[]);
    world
        .shop
        .bounce_traffic("outbound", all, 0.002, "HardBounce");
    world
        .shop
        .bounce_traffic("outbound", span("10:00", "11:00"), 0.08, "HardBounce");
    hourly(&mut world, 60, clock("09:00"), clock("10:00"));
    let (wave, asked) = asked(&mut world, clock("11:00"));
    assert!(asked.len() <= 60, "{}", asked.len());
    assert!(
        wave.steps().contains(&"hard_bounce_wake opened".to_owned()),
        "{}",
        wave.report
    );
    assert_eq!(wave.code, 1, "{}", wave.report);
    assert_eq!(
        wave.errors(),
        [
            "bounces of shop/outbound: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`"
        ]
    );
    assert_eq!(
        world.posted(),
        [
            "📋 Daily digest, Tue 3 Mar: all normal, 295,859 messages sent",
            "🔴 WAKE shop/outbound: 7,097 of 89,505 messages hard-bounced in the last hour (7.9%)",
        ]
    );
}

#[test]
fn a_poll_that_fails_at_any_count_leaves_holes_which_the_next_ones_fill() {
    for nth in [0, 1, 7, 30] {
        let mut world = started(100);
        let all = span("08:00", "10:00");
        world.shop.add_traffic("outbound", all, 200_000, &[]);
        hourly(&mut world, 100, clock("09:00"), clock("09:00"));
        let break_off = Plan::next(2, Fault::Reset).on("count=1&").after(nth);
        world.shop.fail(break_off);
        assert_eq!(world.cycle(clock("10:00")).code, 1, "{nth}");
        let last = hourly(&mut world, 100, clock("10:30"), clock("10:30"));
        let truth = world.shop.expected("outbound", all).sent;
        assert_eq!(last.stream("outbound")["sent"], truth, "{nth}");
        world.assert_all_normal(&["Tue 3 Mar"]);
    }
}

#[test]
fn retries_are_of_the_requests_of_a_poll() {
    let mut world = started(20);
    world
        .shop
        .add_traffic("outbound", span("08:00", "09:00"), 2_000, &[]);
    world
        .shop
        .fail(Plan::next(30, Fault::Status(500)).on("count="));
    let (cycle, asked) = asked(&mut world, clock("09:00"));
    assert_eq!(cycle.code, 1);
    assert!(asked.len() <= 20, "{}", asked.len());
    assert_eq!(
        world.posted(),
        ["📋 Daily digest, Tue 3 Mar: no problem found, but not everything could be read",]
    );
}

#[test]
fn a_process_killed_while_it_counts_loses_nothing_and_counts_nothing_twice() {
    let mut world = World::new(Process::New, "");
    world.cycle(clock("08:00"));
    let all = span("08:00", "10:00");
    world.shop.add_traffic("outbound", all, 200_000, &[]);
    world.cycle(clock("09:00"));
    world
        .shop
        .fail(Plan::next(1, Fault::Hang).on("count=1&").after(12));
    world.env("HUSHWATCH_POSTMARK__TIMEOUT", "1m");
    world.postmark.take_requests();
    world.postmark.set_now(clock("10:00"));
    let mut check = world.command(&["check", "--now", &clock("10:00").to_string()]);
    let check = check.stdout(Stdio::null()).stderr(Stdio::null());
    let mut check = check.spawn().expect("started");
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.shop.count("count=1&") <= 12 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    check.kill().expect("killed");
    check.wait().expect("ended");
    end_leases(&world);
    assert_eq!(world.cycle(clock("10:20")).code, 0);
    let last = world.cycle(clock("10:40"));
    let truth = world.shop.expected("outbound", all).sent;
    assert_eq!(last.stream("outbound")["sent"], truth, "{}", last.report);
    world.assert_all_normal(&["Tue 3 Mar"]);
}

#[test]
fn five_hours_of_outage_are_caught_up_within_the_requests_of_one_poll() {
    let mut world = started(60);
    let all = span("08:00", "14:00");
    world.shop.add_traffic("outbound", all, 50_000, &[]);
    world
        .shop
        .bounce_traffic("outbound", all, 0.002, "HardBounce");
    world
        .shop
        .bounce_traffic("outbound", span("10:00", "11:00"), 0.04, "HardBounce");
    hourly(&mut world, 60, clock("09:00"), clock("09:00"));
    hourly(&mut world, 60, clock("14:00"), clock("14:00"));
    assert_eq!(
        world.alerts(),
        ["📋 catch-up: 1 incident opened and resolved while hushwatch could not read mail"]
    );
    let last = hourly(&mut world, 60, clock("15:00"), clock("15:00"));
    let truth = world.shop.expected("outbound", span("08:00", "15:00"));
    assert_eq!(last.stream("outbound")["sent"], truth.sent);
    assert_eq!(last.stream("outbound")["bounced"], truth.bounced);
}

#[test]
fn the_hour_that_autumn_repeats_is_counted_as_one_with_the_first() {
    let mut world = World::new(Process::One, "[postmark]\nrequests_per_poll = 10\n");
    let night = Span::new(at("2026-11-01T03:00:00Z"), at("2026-11-01T09:00:00Z"));
    world.cycle(night.from);
    world.shop.add_traffic("outbound", night, 3_000, &[]);
    let last = hourly(&mut world, 10, night.from + HOUR, night.until + HOUR);
    let truth = world.shop.expected("outbound", night).sent;
    assert_eq!(last.stream("outbound")["sent"], truth);
    world.assert_all_normal(&["Sun 1 Nov"]);
}

#[test]
fn watched_tags_of_counted_mail_are_counted_and_those_that_are_not_are_unknown() {
    for (requests, said) in [(30, true), (10, false)] {
        let mut world = started_with_tags(requests);
        let mut opened = Vec::new();
        for hour in 0..12 {
            let now = clock("09:00") + HOUR * hour;
            let (cycle, asked) = asked(&mut world, now);
            assert!(asked.len() <= requests, "{now} {}", asked.len());
            assert_eq!(cycle.code, 0, "{now} {}", cycle.report["errors"]);
            let tagged = |tag| asked.iter().filter(|a| a.query("tag") == Some(tag)).count();
            assert_eq!(tagged("receipt"), usize::from(said), "{now}");
            opened.extend(steps_with_tags(&cycle));
        }
        let wanted = ("send_silence opened".to_owned(), "receipt".to_owned());
        let wanted = said.then_some(wanted);
        assert_eq!(opened, wanted.into_iter().collect::<Vec<_>>());
        let alert = "🔴 WAKE shop/outbound tag \"receipt\": no mail sent for 46 min";
        let wanted = said.then_some(alert);
        assert_eq!(world.alerts(), wanted.into_iter().collect::<Vec<_>>());
    }
}

/// A world with five weeks of 60 mails an hour, which send 20,000 from its first start at 08:00 on; the tag `receipt` ends
/// at 14:00.
fn started_with_tags(requests: usize) -> World {
    let file = format!("[postmark]\nrequests_per_poll = {requests}\n");
    let mut world = World::new(Process::One, &file);
    let before = Span::new(clock("08:00") - 36 * DAY, clock("08:00"));
    let tags = ["receipt", "news", "report"];
    world.shop.add_traffic("outbound", before, 60, &tags);
    world
        .shop
        .add_traffic("outbound", span("08:00", "14:00"), 20_000, &tags);
    world
        .shop
        .add_traffic("outbound", span("14:00", "23:00"), 20_000, &tags[1..]);
    assert_eq!(world.cycle(clock("08:00")).code, 0);
    world
}

#[test]
fn what_a_sender_over_the_limit_had_counted_stays_known() {
    let mut world = started(20);
    world
        .shop
        .add_traffic("outbound", span("08:00", "14:00"), 500_000, &[]);
    let mut known = 0;
    for hour in 0..4 {
        let cycle = world.cycle(clock("09:00") + HOUR * hour);
        assert_eq!(cycle.code, 1);
        let sent = cycle.stream("outbound")["sent"].as_u64().expect("a count");
        assert!(sent > known, "{hour}: {sent} after {known}");
        // Twenty requests count about 100,000; the overlap of a quarter of an hour is not given up for them.
        assert!(sent - known > 90_000, "{hour}: {sent} after {known}");
        known = sent;
    }
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop: more mail than one poll can read"]
    );
}

#[test]
fn a_count_that_a_day_cuts_is_in_no_figure_of_the_day() {
    let mut world = started(60);
    let all = Span::new(clock("08:00"), clock("08:00") + DAY + 3 * HOUR);
    world.shop.add_traffic("outbound", all, 50_000, &[]);
    hourly(&mut world, 60, clock("09:00"), clock("08:00") + DAY);
    let now = clock("10:00") + DAY + 37 * MINUTE;
    let day = world.cycle(now).stream("outbound");
    let truth = world.shop.expected("outbound", Span::before(now, DAY)).sent;
    let sent = day["sent"].as_u64().expect("a count");
    assert!(
        sent <= truth && sent * 100 > truth * 98,
        "{sent} of {truth}"
    );
    assert_eq!(day["listed"], 0, "{day}");
    world.assert_all_normal(&["Tue 3 Mar", "Wed 4 Mar"]);
}
