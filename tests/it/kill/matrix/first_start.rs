//! A first start that dies: while the schema is made, while history is read. What is read is read once, and nothing is reported but
//! the hello.

use hushwatch::model::{DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};
use rusqlite::Connection;
use serde_json::Value;

use crate::kill::crash_point::{
    CrashPoint, Moment, Runner, Service, WAL_FRAME_BYTES, run_until_crash,
};
use crate::kill::matrix::{is_full, seed};
use crate::kill::scenario::with_long_timeouts;
use crate::store::texts;
use crate::world::{HELLO, Process, World, at};

/// Pages that a first start writes, and some more.
const MAX_PAGES: u64 = 260;
/// Deaths of one first start.
const DEATHS: usize = 3;

#[test]
fn a_first_start_that_dies_anywhere_reads_everything_once_and_tells_nothing_old() {
    let scenario = scenario();
    let mut random = seed();
    let baseline_steps = run_plan(&scenario, &[]).1;
    assert!(
        baseline_steps[0] > 1_000,
        "messages were read: {baseline_steps:?}"
    );
    let plans = if is_full() { 150 } else { 12 };
    let mut crashes = 0;
    for _ in 0..plans {
        let crash_points = [(); DEATHS].map(|()| any_strike(&mut random));
        let (died, left) = run_plan(&scenario, &crash_points);
        assert_eq!(left, baseline_steps, "{crash_points:?}");
        crashes += died;
    }
    assert!(crashes >= plans, "{crashes} crashes in {plans} plans");
}

fn now() -> Timestamp {
    at("2026-03-03T10:00:00Z")
}

/// Three days of history with a wave, a complaint and a bounce that are old news, and no database.
fn scenario() -> World {
    let mut world = World::new(Process::New, "");
    with_long_timeouts(&mut world);
    world.env(HELLO, "true");
    let (shop, now) = (&world.shop, now());
    let span = Span::new(now - DAY * 3, now + HOUR * 3);
    shop.generate("outbound", span, &Profile::constant(30.0).without_bounces());
    let wave = Span::new(now - HOUR * 30, now - HOUR * 28);
    shop.bounce_wave("outbound", wave, 0.5, "Blocked");
    shop.add_complaints("outbound", now - HOUR * 26, 1, "example.net");
    let sent = now - HOUR * 3;
    let to_operator = Mail::new("outbound", sent, "ops@example.com");
    shop.push(to_operator.bounced("Blocked", sent + MINUTE));
    world
}

/// Deaths, then a cycle at the same instant and one an hour later; how many died, and what is stored in the end.
fn run_plan(scenario: &World, crash_points: &[CrashPoint]) -> (usize, Vec<i64>) {
    let mut world = scenario.fork();
    world.postmark.take_requests();
    let runner = Runner::Check(now());
    let died = crash_points
        .iter()
        .filter(|s| run_until_crash(&world, runner, **s));
    let died = died.count();
    for later in [0, 1] {
        let cycle = world.cycle(now() + HOUR * later);
        assert_eq!(cycle.code, 0, "{crash_points:?} {}", cycle.stderr);
        assert_eq!(cycle.report["errors"], Value::Array(vec![]));
    }
    let posted = world.posted();
    let is_hello = |line: &String| line.starts_with("👋 hushwatch is watching shop: ");
    let once = posted.len() == 1 && posted.iter().all(is_hello);
    assert!(once, "{posted:?} {crash_points:?}");
    (died, stored(&world))
}

/// Sums over what was read.
fn stored(world: &World) -> Vec<i64> {
    [
        "SELECT count(*) FROM messages",
        "SELECT sum(sent) FROM minutes",
        "SELECT sum(sent) FROM hours",
        "SELECT count(*) FROM bounces",
        "SELECT count(*) FROM coverage",
        "SELECT min(from_at) FROM coverage",
        "SELECT max(until_at) FROM coverage",
        "SELECT min(first_start_at) FROM servers",
        "SELECT count(*) FROM incidents",
        "SELECT count(*) FROM outbox",
    ]
    .map(|sql| number(world, sql))
    .to_vec()
}

fn number(world: &World, sql: &str) -> i64 {
    if let Some(url) = world.database() {
        let as_text = format!("SELECT CAST(({sql}) AS TEXT)");
        return texts(url, &as_text)[0].parse().expect("a number");
    }
    let store = Connection::open(world.folder.path().join("hushwatch.db")).expect("a database");
    let value = store.query_row(sql, (), |row| row.get(0));
    value.unwrap_or_else(|why| panic!("{sql}: {why}"))
}

fn any_strike(random: &mut fastrand::Rng) -> CrashPoint {
    match random.bool() {
        true => CrashPoint::Write(random.u64(..MAX_PAGES * WAL_FRAME_BYTES)),
        false => CrashPoint::Request(Service::Postmark, random.u32(..12), Moment::Received),
    }
}
