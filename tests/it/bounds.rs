//! Whatever the others do: memory, requests and time have an end.

use std::process::Command;
use std::time::Duration;

use hushwatch::model::{HOUR, Span};
use hushwatch::sim::postmark::{Profile, StreamType};
use hushwatch::sim::{Fault, Plan};

use crate::world::{Process, World, at};

const NOON: &str = "2026-03-03T12:00:00Z";

#[test]
fn a_cycle_ends_in_its_time_however_long_postmark_takes() {
    let mut world = World::new(Process::One, "");
    world.cycle(at("2026-03-03T11:00:00Z"));
    // Without an end of the cycle this would wait for ten minutes, ten times.
    world.env("HUSHWATCH_POSTMARK__TIMEOUT", "10m");
    world.env("HUSHWATCH_POSTMARK__POLL_TIME", "500ms");
    world.env("HUSHWATCH_POSTMARK__BACKFILL_TIME", "0s");
    world.env("HUSHWATCH_RETRY__ATTEMPTS", "10");
    world.shop.fail(Plan::always(Fault::Hang).on("/bounces?"));
    let slow = world.cycle(at(NOON));
    assert_eq!(slow.code, 1);
    assert_eq!(
        slow.errors(),
        [
            "shop: this cycle's time is over, the next cycles go on; look why Postmark is slow, or raise `postmark.poll_time`"
        ]
    );
    assert_eq!(slow.report["servers"][0]["reachable"], true);
    world.env("HUSHWATCH_POSTMARK__POLL_TIME", "20m");
    world.shop.clear_faults();
    let next = world.cycle(at("2026-03-03T13:00:00Z"));
    assert_eq!(next.code, 0, "{}", next.report);
    assert_eq!(
        next.stream("outbound")["covered_until"],
        "2026-03-03T13:00:00Z"
    );
}

#[test]
fn a_backfill_ends_in_its_time_for_all_streams_together() {
    let mut world = World::new(Process::One, "");
    for stream in 0..9 {
        world
            .shop
            .add_stream(&format!("s{stream}"), StreamType::Transactional);
    }
    // One answer takes longer than all of them may.
    let drip = Fault::Drip(Duration::from_millis(20));
    world.shop.fail(Plan::always(drip).on("count="));
    world.env("HUSHWATCH_POSTMARK__TIMEOUT", "1m");
    world.env("HUSHWATCH_POSTMARK__BACKFILL_TIME", "300ms");
    let first = world.cycle(at(NOON));
    assert_eq!((first.code, world.shop.count("count=")), (1, 1));
    assert_eq!(
        first.errors(),
        [
            "history before the first start: bounces of shop/outbound: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/broadcast: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s0: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s1: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s2: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s3: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s4: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s5: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s6: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s7: this cycle's time is over; the next cycles go on",
            "history before the first start: messages of shop/s8: this cycle's time is over; the next cycles go on"
        ]
    );
}

#[test]
fn a_poll_ends_at_its_requests_and_the_next_cycle_reads_on() {
    let mut world = World::new(Process::One, "");
    let streams: Vec<String> = (0..23).map(|n| format!("s{n}")).collect();
    for stream in &streams {
        world.shop.add_stream(stream, StreamType::Transactional);
    }
    world.cycle(at("2026-03-03T11:00:00Z"));
    let busy = Span::new(at("2026-03-03T11:05:00Z"), at("2026-03-03T11:40:00Z"));
    for stream in &streams {
        world
            .shop
            .generate(stream, busy, &Profile::constant(1_500.0).without_bounces());
    }
    world.postmark.take_requests();
    let full = world.cycle(at(NOON));
    assert_eq!((full.code, world.postmark.take_requests().len()), (1, 60));
    assert_eq!(
        full.errors(),
        [
            "messages of shop/s17: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s18: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s19: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s2: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s20: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s21: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s22: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s3: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s4: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s5: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s6: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s7: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s8: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
            "messages of shop/s9: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`"
        ]
    );
    world.cycle(at("2026-03-03T12:20:00Z"));
    let next = world.cycle(at("2026-03-03T12:40:00Z"));
    assert_eq!(next.code, 0, "{}", next.report);
    for stream in &streams {
        let truth = world.shop.expected(stream, busy).sent;
        assert_eq!(next.stream(stream)["sent"], truth, "{stream}");
    }
    assert_eq!(
        world.posted(),
        [
            "🟠 WARN shop: more mail than one poll can read",
            "✅ RESOLVED shop: hushwatch can read its mail again",
        ]
    );
}

#[test]
fn however_few_requests_are_allowed_each_stream_is_asked_once_for_each_kind() {
    let mut world = World::new(Process::One, "[postmark]\nrequests_per_poll = 5\n");
    world.shop.add_stream("s1", StreamType::Transactional);
    world.cycle(at("2026-03-03T11:00:00Z"));
    world.postmark.take_requests();
    let cycle = world.cycle(at(NOON));
    let asked = world.postmark.take_requests();
    assert_eq!((cycle.code, asked.len()), (0, 6), "{}", cycle.report);
}

#[test]
fn a_total_that_is_a_lie_is_asked_after_no_longer_than_the_limits_allow() {
    for total in [9_999, 20_000, u64::MAX] {
        let mut world = World::new(Process::One, "");
        world.cycle(at("2026-03-03T11:00:00Z"));
        let hour = Span::new(at("2026-03-03T11:00:00Z"), at(NOON));
        world.shop.generate(
            "outbound",
            hour,
            &Profile::constant(100.0).without_bounces(),
        );
        world.postmark.take_requests();
        world
            .shop
            .fail(Plan::always(Fault::Miscount(total)).on("count="));
        assert_eq!(world.cycle(at(NOON)).code, 1, "{total}");
        assert!(world.postmark.take_requests().len() <= 60, "{total}");
        world.shop.clear_faults();
        let next = world.cycle(at("2026-03-03T12:30:00Z"));
        assert_eq!(next.code, 0, "{total} {}", next.report);
        let truth = world.shop.expected("outbound", hour).sent;
        assert_eq!(next.stream("outbound")["sent"], truth, "{total}");
    }
}

#[test]
fn streams_beyond_a_hundred_are_named_as_unwatched_until_some_are_chosen() {
    let mut world = World::new(Process::One, "");
    for stream in 0..99 {
        world
            .shop
            .add_stream(&format!("s{stream:02}"), StreamType::Transactional);
    }
    let all = world.cycle(at(NOON));
    let watched = all.report["servers"][0]["streams"].as_array().map(Vec::len);
    assert_eq!((all.code, watched), (1, Some(100)));
    assert_eq!(
        all.errors(),
        [
            "shop: has 101 streams, and only the first 100 are watched; name those that matter in `streams`"
        ]
    );

    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("written before");
    std::fs::write(&file, format!("{text}streams = [\"s00\", \"s42\"]\n")).expect("written");
    world.env("HUSHWATCH_SLACK__PACE", "0ms");
    assert_eq!(world.cycle(at("2026-03-03T13:00:00Z")).code, 0);
}

#[test]
fn a_request_is_tried_as_often_as_set_and_the_cycle_asks_nothing_more_of_nobody() {
    let mut world = World::new(Process::One, "");
    world.env("HUSHWATCH_RETRY__ATTEMPTS", "3");
    world.shop.always(Fault::Status(500));
    assert_eq!(world.cycle(at(NOON)).code, 1);
    assert_eq!(world.postmark.take_requests().len(), 3);
    world.shop.clear_faults();
    world.shop.fail(Plan::always(Fault::Reset).on("count="));
    assert_eq!(world.cycle(at(NOON) + HOUR).code, 1);
    let asked = world.postmark.take_requests();
    let is_list = |path: &str| path != "/message-streams" && path != "/server";
    let lists = asked.iter().filter(|r| is_list(&r.path)).count();
    assert!(
        lists <= 2 * 3,
        "two listings without an answer are enough: {lists} requests"
    );
    assert_eq!(
        world.posted(),
        ["🟠 WARN shop: hushwatch cannot read this server's mail from Postmark",]
    );
}

/// Memory for data that a process may ask for, in KiB: what it needs, and a third more.
const MEMORY: u32 = 192 * 1024;

#[test]
#[cfg(target_os = "linux")]
fn sixteen_servers_that_answer_with_bombs_fit_in_little_memory() {
    for bomb in [Fault::GzipBomb, Fault::Endless, Fault::Flood(500_000)] {
        let world = World::new(Process::New, "");
        let mut file = std::fs::read_to_string(world.folder.path().join("monitor.toml"))
            .expect("written before");
        let mut tokens = Vec::new();
        for server in 0..15 {
            let name = format!("client{server}");
            let token = world.postmark.server(&name).token();
            file.push_str(&format!(
                "[[server]]\nname = \"{name}\"\ntoken_env = \"TOKEN_{server}\"\n"
            ));
            tokens.push((format!("TOKEN_{server}"), token));
        }
        std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
        world.postmark.set_now(at(NOON));
        world.postmark.fail(Plan::always(bomb.clone()).on("count="));
        let mut command = limited(&world.command(&["check", "--json", "--now", NOON]));
        let output = command
            .envs(tokens)
            .env("HUSHWATCH_POSTMARK__TIMEOUT", "30s")
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{bomb:?} {said}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(
            report["servers"].as_array().map(Vec::len),
            Some(16),
            "{bomb:?} {said}"
        );
    }
}

/// The same command, whose process gets no more than [`MEMORY`].
fn limited(command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("ulimit -d {MEMORY} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}
