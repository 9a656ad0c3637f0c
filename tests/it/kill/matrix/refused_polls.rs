//! A cycle that refuses to record, for another server's token or a wrong clock, and is killed: nothing of what it refuses is
//! stored, what is stored stays, and it is reported.

use std::time::Duration;

use hushwatch::clock;
use hushwatch::model::{HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Profile, Quirks, ServerHandle};
use serde_json::json;

use crate::kill::crash_plan::{SlackAccess, first_line, open, stored_state};
use crate::kill::crash_point::{
    CrashPoint, Moment, Runner, Service, WAL_FRAME_BYTES, cycle, run_until_crash,
};
use crate::kill::matrix::{instant, is_full};
use crate::kill::scenario::with_long_timeouts;
use crate::store::texts;
use crate::world::{Process, World};

const TOKEN: &str = "POSTMARK_SERVER_TOKEN";
const OTHER_SERVER: &str =
    "🔴 WAKE shop: its token belongs to another Postmark server, staging (server 9708912)";
const OWN_SERVER: &str = "✅ RESOLVED shop: its token belongs to its own Postmark server again";
const WRONG_CLOCK: &str =
    "🔴 WAKE hushwatch cannot tell the time: monitoring and alerting are stopped";

const MOMENTS: [Moment; 3] = [
    Moment::Received,
    Moment::Taken,
    Moment::Answered(Duration::ZERO),
];

/// A world that was polled at `now`, an hour and two hours before it.
fn watched(now: Timestamp) -> (World, ServerHandle) {
    let mut world = World::new(Process::New, "");
    with_long_timeouts(&mut world);
    world.postmark.set_quirks(Quirks {
        late_index: false,
        ..world.postmark.quirks()
    });
    let staging = world.postmark.server("staging");
    let span = Span::new(now - 20 * HOUR, now + 12 * HOUR);
    for (server, per_hour) in [(&world.shop, 30.0), (&staging, 20.0)] {
        let profile = Profile::constant(per_hour).without_bounces();
        server.generate("outbound", span, &profile);
    }
    for hours in [2, 1, 0] {
        let cycle = world.cycle(now - hours * HOUR);
        assert_eq!((cycle.code, cycle.steps()), (0, vec![]), "{}", cycle.stderr);
    }
    world.set_aside("before what is tested");
    (world, staging)
}

/// What is stored of mail, and up to when it counts as read.
fn stored(world: &World) -> Vec<String> {
    [
        "SELECT CAST(count(*) AS TEXT) FROM messages",
        "SELECT CAST(sum(sent) AS TEXT) FROM hours",
        "SELECT CAST(sum(sent) AS TEXT) FROM minutes",
        "SELECT CAST(max(until_at) AS TEXT) FROM coverage",
        "SELECT CAST(number AS TEXT) FROM servers",
    ]
    .iter()
    .flat_map(|sql| match world.database() {
        Some(url) => texts(url, sql),
        None => crate::kill::crash_plan::rows_in_file(world, sql),
    })
    .collect()
}

fn said(world: &World) -> Vec<String> {
    let posted = world.slack.messages();
    posted.iter().map(|m| first_line(&m.plain)).collect()
}

/// No message of `lines` is missing, and each is there once, or twice where nobody could know of the first.
fn assert_reported(said: &[String], lines: &[&str], most: usize, what: &str) {
    for line in lines {
        let times = said.iter().filter(|said| said == line).count();
        assert!((1..=most).contains(&times), "{what}: {line}: {said:?}");
    }
    let others: Vec<_> = said
        .iter()
        .filter(|t| !lines.contains(&t.as_str()))
        .collect();
    assert!(others.is_empty(), "{what}: {others:?}");
}

#[test]
fn a_cycle_that_is_killed_over_another_servers_token_stores_nothing_of_it_and_tells() {
    let (mut scenario, staging) = watched(instant());
    scenario.env(TOKEN, &staging.token());
    let mut points = Vec::new();
    for (service, count) in [(Service::Postmark, 2), (Service::Slack, 1)] {
        for nth in 0..count {
            let moments = MOMENTS.into_iter();
            let moments = moments.filter(|m| service == Service::Slack || *m != Moment::Taken);
            points.extend(moments.map(|moment| CrashPoint::Request(service, nth, moment)));
        }
    }
    let pages = if is_full() { 30 } else { 6 };
    points.extend((0..pages).map(|page| CrashPoint::Write(page * WAL_FRAME_BYTES + 700)));
    let before = stored(&scenario);
    let mut crashes = 0;
    for point in points {
        for access in [SlackAccess::Bot, SlackAccess::Webhook] {
            let what = format!("{point:?} {access:?}");
            let mut world = scenario.fork();
            open(&mut world, access);
            let now = instant() + HOUR;
            crashes += usize::from(run_until_crash(&world, Runner::Check(now), point));
            assert_eq!(stored(&world), before, "{what}");
            cycle(&world, Runner::Check(now + HOUR));
            assert_eq!(stored(&world), before, "{what}");
            let token = world.shop.token();
            world.env(TOKEN, &token);
            for hours in 2..4 {
                cycle(&world, Runner::Check(now + hours * HOUR));
            }
            let number = stored(&world).pop();
            assert_eq!(number.as_ref(), before.last(), "{what}");
            let most = if access == SlackAccess::Bot { 1 } else { 2 };
            assert_reported(&said(&world), &[OTHER_SERVER, OWN_SERVER], most, &what);
            assert_eq!(stored_state(&world).pending, Vec::<String>::new(), "{what}");
            let until = now + 3 * HOUR;
            let status = world
                .run(&["status", "--json", "--now", &until.to_string()])
                .report;
            let sent = world
                .shop
                .expected("outbound", Span::before(until, 24 * HOUR))
                .sent;
            let streams = status["servers"][0]["streams"].as_array();
            let outbound = streams
                .into_iter()
                .flatten()
                .find(|s| s["id"] == "outbound");
            assert_eq!(
                outbound.map(|s| &s["sent"]),
                Some(&json!(sent)),
                "{what}: {status}"
            );
            world.set_aside("seen");
        }
    }
    assert!(crashes >= 10, "{crashes} crashes");
}

#[test]
fn a_cycle_that_is_killed_over_a_wrong_clock_records_nothing_and_tells() {
    let (scenario, _) = watched(clock::now());
    scenario.postmark.set_date(clock::now() - 40 * MINUTE);
    let before = stored(&scenario);
    let mut crashes = 0;
    for moment in MOMENTS {
        for access in [SlackAccess::Bot, SlackAccess::Webhook] {
            let what = format!("{moment:?} {access:?}");
            let mut world = scenario.fork();
            world.postmark.set_date(clock::now() - 40 * MINUTE);
            open(&mut world, access);
            let now = Runner::Check(clock::now() + HOUR);
            let point = CrashPoint::Request(Service::Slack, 0, moment);
            crashes += usize::from(run_until_crash(&world, now, point));
            for _ in 0..2 {
                cycle(&world, now);
            }
            assert_eq!(stored(&world), before, "{what}");
            // It is past the outbox: a mark says that it was reported, and what was reported before the mark is not looked up.
            let most = if moment == Moment::Received { 1 } else { 2 };
            assert_reported(&said(&world), &[WRONG_CLOCK], most, &what);
            world.set_aside("seen");
        }
    }
    assert_eq!(crashes, 6, "each is killed");
}
