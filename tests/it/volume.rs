//! What a poll costs, from no mail at all to three hundred thousand messages an hour, which are counted instead of listed.

use hushwatch::model::Span;
use hushwatch::sim::postmark::ExpectedStats;

use crate::world::{Cycle, Process, World, at};

/// The `requests_per_poll` that is built in.
const MAX_REQUESTS: usize = 60;

/// A world whose first start was at 08:00, before any mail.
fn started(process: Process) -> World {
    let mut world = World::new(process, "");
    assert_eq!(world.cycle(at("2026-03-03T08:00:00Z")).code, 0);
    world.postmark.take_requests();
    world
}

fn hours(from: &str, until: &str) -> Span {
    let at = |hour: &str| at(&format!("2026-03-03T{hour}:00Z"));
    Span::new(at(from), at(until))
}

/// A cycle, and how many requests it made of which path.
fn cost(world: &mut World, now: &str) -> (Cycle, Cost) {
    world.postmark.take_requests();
    let cycle = world.cycle(at(now));
    let asked = world.postmark.take_requests();
    let of = |path: &str| asked.iter().filter(|a| a.path == path).count();
    let one = |asked: &&hushwatch::sim::ReceivedRequest| {
        asked.path == "/messages/outbound" && asked.query("count") == Some("1")
    };
    let counts = asked.iter().filter(one).count();
    let cost = Cost {
        all: asked.len(),
        lists: of("/messages/outbound") - counts,
        counts,
        bounces: of("/bounces"),
        details: asked
            .iter()
            .filter(|a| a.path.ends_with("/details"))
            .count(),
    };
    assert_eq!(cycle.report["servers"][0]["requests"], cost.all);
    (cycle, cost)
}

#[derive(Debug, PartialEq, Eq)]
struct Cost {
    all: usize,
    lists: usize,
    counts: usize,
    bounces: usize,
    details: usize,
}

fn assert_reported(cycle: &Cycle, truth: ExpectedStats) {
    assert_eq!(cycle.code, 0, "{}", cycle.report["errors"]);
    let stream = cycle.stream("outbound");
    assert_eq!(stream["sent"], truth.sent, "{stream}");
    assert_eq!(stream["bounced"], truth.bounced, "{stream}");
}

#[test]
fn no_mail_costs_two_requests_for_each_stream() {
    let mut world = started(Process::One);
    let (_, cost) = cost(&mut world, "2026-03-03T09:00:00Z");
    let least = Cost {
        all: 4,
        lists: 2,
        counts: 0,
        bounces: 2,
        details: 0,
    };
    assert_eq!(cost, least);
    assert_eq!(
        world.posted(),
        ["📋 Daily digest, Tue 3 Mar: all quiet, nothing was sent",]
    );
}

#[test]
fn three_mails_cost_the_proof_of_two_besides() {
    let mut world = started(Process::One);
    let hour = hours("08:05", "08:08");
    world.shop.add_traffic("outbound", hour, 60, &[]);
    let (_, cost) = cost(&mut world, "2026-03-03T09:00:00Z");
    let least = Cost {
        all: 6,
        lists: 2,
        counts: 0,
        bounces: 2,
        details: 2,
    };
    assert_eq!(cost, least);
    world.assert_all_normal(&["Tue 3 Mar"]);
}

#[test]
fn two_thousand_mails_cost_a_request_for_each_page() {
    let mut world = started(Process::One);
    let all = hours("08:00", "11:00");
    world.shop.add_traffic("outbound", all, 2_000, &[]);
    world.cycle(at("2026-03-03T09:00:00Z"));
    let (_, cost) = cost(&mut world, "2026-03-03T10:00:00Z");
    let least = Cost {
        all: 13,
        lists: 6,
        counts: 0,
        bounces: 2,
        details: 5,
    };
    assert_eq!(cost, least);
    world.assert_all_normal(&["Tue 3 Mar"]);
}

#[test]
fn three_hundred_thousand_with_their_bounces_fit_into_sixty() {
    let mut world = started(Process::One);
    let all = hours("08:00", "11:00");
    world.shop.add_traffic("outbound", all, 300_000, &[]);
    world
        .shop
        .bounce_traffic("outbound", all, 0.01, "HardBounce");
    for now in [
        "2026-03-03T09:00:00Z",
        "2026-03-03T10:00:00Z",
        "2026-03-03T11:00:00Z",
    ] {
        let (cycle, cost) = cost(&mut world, now);
        assert!(
            cost.all <= MAX_REQUESTS && cycle.code == 0,
            "{cost:?} {}",
            cycle.report["errors"]
        );
    }
    let (last, cost) = cost(&mut world, "2026-03-03T12:00:00Z");
    assert!(cost.all <= MAX_REQUESTS, "{cost:?}");
    let truth = world.shop.expected("outbound", hours("08:00", "12:00"));
    assert_eq!(truth.sent, 900_000);
    assert_reported(&last, truth);
    assert_eq!(
        world.posted(),
        [
            "📋 Daily digest, Tue 3 Mar: all normal, 295,859 messages sent",
            "🟠 WARN shop/outbound: 3,037 of 295,838 messages bounced in the last hour (1%)",
        ]
    );
}
