//! Time that jumps, and instants that nobody attended.

use std::time::Duration;

use hushwatch::model::{DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::{Mail, Profile, Quirks, StreamType};
use serde_json::Value;

use crate::words::{assert_line, without_instants};
use crate::world::{Cycle, Process, World, at};

/// The log where a cycle finds that the clock was ahead before.
const RE_READING: &str = "WARN system clock moved backwards; re-reading data since <instant> machine=<instant> last_cycle=<instant>";

fn machine() -> Timestamp {
    hushwatch::clock::now()
}

/// A schedule whose instants are half an hour away: a cycle at the machine's own time takes none of them for its own.
fn schedule() -> String {
    let minute = machine().0.div_euclid(60_000).rem_euclid(60);
    format!("schedule = \"0 {} * * * *\"", (minute + 30) % 60)
}

/// A cycle at the machine's own time.
fn check(world: &World) -> Cycle {
    world.postmark.set_now(machine());
    world.slack.set_now(machine());
    world.run(&["check", "--json"])
}

#[test]
fn a_clock_that_was_ahead_and_jumps_back_costs_nothing() {
    for ahead in [HOUR, DAY, 40 * DAY] {
        let mut world = World::new(Process::New, &schedule());
        let now = machine();
        let span = Span::new(now - 3 * DAY, now + ahead);
        let profile = Profile::constant(6.0).without_bounces();
        world.shop.generate("outbound", span, &profile);
        world.cycle(now - HOUR);
        world.cycle(now + ahead);
        let back = check(&world);
        assert_eq!(back.code, 0, "{ahead:?}: {}", back.stderr);
        assert_line(&without_instants(&back.stderr), RE_READING);
        let until = back.stream("outbound")["covered_until"].clone();
        let until = at(until.as_str().expect("covered"));
        assert!(until >= now && until < now + HOUR, "{until}");
        let truth = world
            .shop
            .expected("outbound", Span::before(until, DAY))
            .sent;
        assert_eq!(back.stream("outbound")["sent"], truth, "{ahead:?}");
        assert_eq!(world.alerts(), Vec::<String>::new(), "{ahead:?}");
        let again = check(&world);
        assert_eq!(again.code, 0, "{ahead:?}: {}", again.stderr);
        assert!(!again.stderr.contains("the clock"), "{}", again.stderr);
    }
}

/// The mail of the last day that `check` counts, and that there was.
fn counted(world: &World) -> (Cycle, Value, u64) {
    let cycle = check(world);
    let until = cycle.stream("outbound")["covered_until"].clone();
    let until = at(until.as_str().unwrap_or("1970-01-01T00:00:00Z"));
    let truth = world.shop.expected("outbound", Span::before(until, DAY));
    let sent = cycle.stream("outbound")["sent"].clone();
    (cycle, sent, truth.sent)
}

fn busy(ahead: Duration) -> World {
    let world = World::new(Process::New, &schedule());
    world.postmark.set_quirks(Quirks {
        late_index: false,
        ..world.postmark.quirks()
    });
    let span = Span::new(machine() - 60 * DAY, machine() + ahead);
    let profile = Profile::constant(20.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    world
}

/// The number of messages by the hour.
fn by_the_hour(world: &World) -> String {
    let sql = "SELECT CAST(sum(sent) AS TEXT) FROM hours WHERE at < ";
    let sql = format!("{sql}{}", machine().floor(HOUR).0);
    match world.database() {
        Some(url) => crate::store::texts(url, &sql)[0].clone(),
        None => rusqlite::Connection::open(world.folder.path().join("hushwatch.db"))
            .and_then(|file| file.query_row(&sql, [], |row| row.get(0)))
            .expect("read"),
    }
}

#[test]
fn a_now_in_the_far_future_costs_nothing() {
    for dated in [true, false] {
        let world = busy(HOUR);
        if dated {
            world.postmark.set_date(machine());
        }
        let (before, sent, truth) = counted(&world);
        assert_eq!(before.code, 0, "{}", before.stderr);
        assert_eq!(sent, truth);
        let hours = by_the_hour(&world);
        let future = world.run(&["check", "--json", "--now", "2030-01-01T00:00:00Z"]);
        let until = future.stream("outbound")["covered_until"].clone();
        if dated {
            let until = until.as_str().unwrap_or("1970-01-01T00:00:00Z");
            assert!(at(until) < machine() + HOUR, "claimed up to {until}");
        }
        assert_eq!(by_the_hour(&world), hours, "{}", future.stderr);
        world.set_aside("what a wrong instant made of it");
        let (back, sent, truth) = counted(&world);
        assert_eq!(back.code, 0, "{}", back.stderr);
        assert_eq!(sent, truth, "{}", back.report);
        assert_eq!(by_the_hour(&world), hours);
    }
}

#[test]
fn a_clock_that_postmark_contradicts_records_nothing_and_is_reported_once() {
    for ahead in [true, false] {
        let wrong = |by: Duration| match ahead {
            true => machine() - by,
            false => machine() + by,
        };
        let world = busy(HOUR);
        // The first start, too.
        world.postmark.set_date(wrong(40 * DAY));
        world.slack.always(Fault::Status(500));
        let unsent = check(&world);
        assert_line(
            &unsent.stderr,
            "ERROR failed to send the clock alert error=cannot post to Slack: `internal_error`; Slack does not say whether it was posted",
        );
        world.slack.clear_faults();
        let refused = check(&world);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert_line(
            &without_instants(&refused.stderr),
            "hushwatch: the clock says <instant>, Postmark's says <instant>; set it (NTP), nothing is recorded until it is right",
        );
        assert_eq!(refused.report["complete"], false, "{}", refused.report);
        assert_eq!(
            without_instants(&refused.errors().join("\n")),
            "the clock says <instant>, Postmark's says <instant>; set it (NTP), nothing is recorded until it is right"
        );
        let posted = "🔴 WAKE hushwatch cannot tell the time: monitoring and alerting are stopped";
        assert_eq!(world.alerts(), [posted]);
        assert_eq!(world.shop.count("/messages/outbound"), 0);
        world.postmark.set_date(wrong(4 * MINUTE));
        let (first, sent, truth) = counted(&world);
        assert_eq!(first.code, 0, "{}", first.stderr);
        assert_eq!(sent, truth);
        world.set_aside("the hello");
        let status = |world: &World| world.run(&["status", "--json"]).report["servers"].clone();
        let (known, hours) = (status(&world), by_the_hour(&world));
        world.postmark.set_date(wrong(6 * MINUTE));
        for posted in [&[posted][..], &[]] {
            let refused = check(&world);
            assert_eq!(refused.code, 1, "{}", refused.stderr);
            assert_eq!(world.alerts(), posted);
        }
        assert_eq!(
            status(&world)[0]["covered_until"],
            known[0]["covered_until"]
        );
        assert_eq!(by_the_hour(&world), hours);
        world.postmark.set_date(machine());
        let (right, sent, truth) = counted(&world);
        assert_eq!(right.code, 0, "{}", right.stderr);
        assert_eq!(sent, truth);
        assert_eq!(world.alerts(), [""; 0]);
    }
}

#[test]
fn a_clock_behind_postmarks_forgets_nothing() {
    let mut world = busy(3 * HOUR);
    let later = machine() + 2 * HOUR;
    assert_eq!(world.cycle(later).code, 0);
    world.set_aside("before what is tested");
    world.postmark.set_date(later);
    let refused = check(&world);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(!refused.stderr.contains("re-reading"), "{}", refused.stderr);
    assert_eq!(world.alerts().len(), 1);
    world.postmark.set_date(machine());
    let (back, sent, truth) = counted(&world);
    assert_eq!(back.code, 0, "{}", back.stderr);
    assert_line(&without_instants(&back.stderr), RE_READING);
    assert_eq!(sent, truth);
}

#[test]
fn a_missed_week_is_one_catch_up_and_what_stands() {
    let mut world = World::new(Process::One, "");
    let span = Span::new(at("2026-02-16T00:00:00Z"), at("2026-03-20T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    for day in ["2026-03-04", "2026-03-06", "2026-03-08"] {
        let from = at(&format!("{day}T08:00:00Z"));
        let wave = Span::new(from, from + 2 * HOUR);
        world.shop.bounce_wave("outbound", wave, 0.04, "Blocked");
    }
    let stands = Span::new(at("2026-03-10T05:00:00Z"), span.until);
    world.shop.bounce_wave("outbound", stands, 0.04, "Blocked");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.set_aside("before what is tested");
    let cycle = world.cycle(at("2026-03-10T10:00:00Z"));
    assert_eq!(cycle.code, 0, "{}", cycle.report);
    assert_eq!(
        world.alerts(),
        [
            "🟠 WARN shop/outbound: 1 of 71 recipients bounced in the last hour (1.4%)",
            "📋 catch-up: 3 incidents opened and resolved while hushwatch could not read mail"
        ]
    );
}

#[test]
fn a_gap_past_the_retention_says_what_cannot_be_seen() {
    let mut world = World::new(Process::One, "");
    world.shop.set_retention(45);
    let span = Span::new(at("2026-01-01T00:00:00Z"), at("2026-06-02T00:00:00Z"));
    let profile = Profile::constant(3.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    world.cycle(at("2026-02-20T10:00:00Z"));
    world.set_aside("before what is tested");
    let cycle = world.cycle(at("2026-06-01T10:00:00Z"));
    assert_eq!(cycle.code, 0, "{}", cycle.report);
    let posted: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    insta::assert_snapshot!("after_a_gap_past_the_retention", posted.join("\n\n"));
    let silences = cycle
        .steps()
        .iter()
        .filter(|s| s.contains("silence"))
        .count();
    assert_eq!(
        silences,
        0,
        "what Postmark forgot is no silence: {:?}",
        cycle.steps()
    );
}

/// Openings, escalations and ends, as they were judged.
fn judged(cycles: &[Cycle]) -> Vec<String> {
    let steps = cycles.iter().flat_map(|cycle| {
        let steps = cycle.report["transitions"].as_array().cloned();
        steps.unwrap_or_default()
    });
    let part = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
    let mut judged: Vec<String> = steps
        .filter(|step| step["transition"] != "reminded")
        .map(|step| {
            ["at", "rule", "transition", "incident"]
                .map(|key| part(&step, key))
                .join(" ")
        })
        .collect();
    judged.sort();
    judged
}

/// A tape of two days with a stop and waves at places that `random` draws.
fn tape(random: &mut fastrand::Rng) -> World {
    let world = World::new(Process::One, "[silence]\nmin_history = \"3d\"");
    world.postmark.set_quirks(Quirks {
        late_index: false,
        ..world.postmark.quirks()
    });
    let start = at("2026-03-02T00:00:00Z");
    let span = Span::new(start - 9 * DAY, start + 2 * DAY);
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let mut some = |hours: u32| start + MINUTE * random.u32(60..40 * 60) + HOUR * hours;
    for share in [0.03, 0.2] {
        let from = some(0);
        let wave = Span::new(from, from + 3 * HOUR);
        world.shop.bounce_wave("outbound", wave, share, "Blocked");
    }
    world
        .shop
        .add_complaints("outbound", some(0), 2, "example.net");
    let stop = some(0);
    world
        .shop
        .stop_sending("outbound", Span::new(stop, stop + 7 * HOUR));
    world
}

#[test]
fn the_same_instants_give_the_same_incidents_whoever_attended_them() {
    let (start, hours) = (at("2026-03-02T00:00:00Z"), 48);
    for seed in 0..4 {
        let mut attended = tape(&mut fastrand::Rng::with_seed(seed));
        let whole: Vec<Cycle> = (0..=hours)
            .map(|hour| attended.cycle(start + HOUR * hour))
            .collect();
        let whole = judged(&whole);
        assert!(whole.len() >= 4, "{whole:#?}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut missed = tape(&mut random);
        let mut cycles = Vec::new();
        for hour in 0..=hours {
            let attends = [0, 1, hours].contains(&hour) || random.u32(0..3) == 0;
            if attends {
                cycles.push(missed.cycle(start + HOUR * hour));
            }
            if random.bool() {
                // The next cycle is one of a new process.
                missed.env("HUSHWATCH_SLACK__PACE", "0ms");
            }
        }
        assert_eq!(judged(&cycles), whole, "seed {seed}");
        attended.set_aside("before what is tested");
        missed.set_aside("before what is tested");
    }
}

#[test]
fn a_lost_database_repeats_nothing_that_is_plainly_old_and_says_that_it_began_anew() {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-02-16T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(at("2026-03-03T05:00:00Z"), at("2026-03-03T07:00:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.04, "Blocked");
    let operator = Mail::new("outbound", at("2026-03-03T06:00:00Z"), "ops@example.com");
    let operator = operator.bounced("Blocked", at("2026-03-03T06:01:00Z"));
    world.shop.push(operator);
    world.hours("2026-03-03T04:00:00Z", "2026-03-03T10:00:00Z");
    assert_eq!(world.alerts().len(), 3, "both opened, and the rate is over");
    crate::store::lose(&mut world);
    world.hours("2026-03-03T11:00:00Z", "2026-03-04T09:00:00Z");
    let posted: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    insta::assert_snapshot!("digest_of_a_lost_database", posted.join("\n\n"));
}

/// A stream whose mail bounced, and that is chosen while the clock is wrong.
#[test]
fn a_stream_that_is_chosen_while_the_clock_is_wrong_is_judged_from_then_on() {
    let mut world = World::new(Process::New, &schedule());
    let now = machine();
    let all = Span::new(now - DAY, now + HOUR);
    world.shop.add_stream("news", StreamType::Broadcasts);
    for (stream, an_hour) in [("outbound", 60.0), ("news", 600.0)] {
        let profile = Profile::constant(an_hour).without_bounces();
        world.shop.generate(stream, all, &profile);
    }
    let before = Span::new(now - HOUR * 5, now - HOUR * 4);
    world.shop.bounce_wave("news", before, 0.1, "HardBounce");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    let watch = |streams: &str| {
        std::fs::write(&file, format!("{text}streams = [{streams}]\n")).expect("written");
    };
    watch("\"outbound\"");
    world.cycle(now - HOUR * 6);
    watch("\"news\", \"outbound\"");
    world.postmark.set_date(now + HOUR);
    let refused = check(&world);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    world.postmark.set_date(machine());
    world.set_aside("the steps are what is tested");
    let right = check(&world);
    let news = right.stream("news")["sent"].as_u64();
    assert!(news.is_some_and(|sent| sent > 0), "{}", right.report);
    assert_eq!(right.steps(), Vec::<String>::new(), "{}", right.report);
    world.set_aside("the steps are what is tested");
}
