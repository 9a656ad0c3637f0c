//! The past replayed: the very judging of the live path, on a file and on what Postmark retains.

use std::io::Write;
use std::path::{Path, PathBuf};

use hushwatch::model::{BounceClass, DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};
use serde_json::{Value, json};

use crate::world::{Process, World, at, without_times};

/// What was sent in `span`, as an events file.
fn tape(world: &World, span: Span) -> PathBuf {
    let path = world.folder.path().join("events.ndjson");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("created"));
    for mail in world.shop.mails("outbound", span) {
        writeln!(file, "{}", line(&mail)).expect("written");
    }
    path
}

fn line(mail: &Mail) -> Value {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let bounce = mail.bounces.iter().find(|b| b.kind != "SpamComplaint");
    let complaint = mail.bounces.iter().find(|b| b.kind == "SpamComplaint");
    json!({
        "id": mail.id, "server": "shop", "stream": "outbound", "sent_at": mail.sent_at.to_string(),
        "delivered_at": text(mail.deliveries.iter().map(|d| d.at).min()),
        "bounced_at": text(bounce.map(|b| b.at)), "bounce_type": bounce.map(|b| b.kind.clone()),
        "complained_at": text(complaint.map(|b| b.at)), "tag": mail.tag, "recipient": mail.recipients.first(),
    })
}

/// What matters of a step.
fn step(transition: &Value) -> String {
    let part = |key: &str| transition[key].to_string();
    [
        "at",
        "incident",
        "transition",
        "rule",
        "tag",
        "severity",
        "told",
    ]
    .map(part)
    .join(" ")
}

fn lines(stdout: &Value) -> Vec<Value> {
    let text = match stdout {
        Value::String(text) => text.clone(),
        other => format!("{other}\n"),
    };
    text.lines()
        .map(|l| serde_json::from_str(l).expect("a JSON object"))
        .collect()
}

#[test]
fn a_week_through_check_and_through_the_replay_gives_the_same_transitions() {
    let mut world = World::new(
        Process::One,
        "[silence]\nmin_history = \"3d\"\n[digest]\nat = \"09:00\"",
    );
    let quirks = world.postmark.quirks();
    world.postmark.set_quirks(hushwatch::sim::postmark::Quirks {
        late_index: false,
        ..quirks
    });
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-14T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(40.0).without_bounces());
    world.shop.bounce_wave(
        "outbound",
        Span::new(at("2026-03-07T03:00:00Z"), at("2026-03-07T05:00:00Z")),
        0.3,
        "HardBounce",
    );
    world.shop.stop_sending(
        "outbound",
        Span::new(at("2026-03-09T10:00:00Z"), at("2026-03-09T18:30:00Z")),
    );
    world.shop.stop_delivery(
        "outbound",
        Span::new(at("2026-03-11T10:00:00Z"), at("2026-03-11T17:00:00Z")),
    );
    let first = world.shop.mails("outbound", span)[0].sent_at;
    let mut live = Vec::new();
    let mut now = first.ceil(HOUR);
    let until = at("2026-03-13T00:00:00Z");
    while now <= until {
        let cycle = world.cycle(now);
        live.extend(
            cycle.report["transitions"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
        );
        now = now + HOUR;
    }
    let path = tape(&world, Span::new(span.from, until));
    let path = path.to_str().expect("text");
    let args = [
        "backtest",
        path,
        "--proof",
        "sample",
        "--format",
        "json",
        "--until",
        "2026-03-13T00:00:00Z",
    ];
    let from = ["--from", "2026-03-06T00:00:00Z"];
    let replayed = world.run(&[&args[..], &from[..]].concat());
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let since = |t: &&Value| t["at"].as_str().is_some_and(|at| at >= "2026-03-06");
    let live: Vec<String> = live.iter().filter(since).map(step).collect();
    let replayed: Vec<String> = lines(&replayed.report).iter().map(step).collect();
    assert_eq!(replayed, live);
    for rule in ["send_silence", "bounce_rate", "delivery_silence"] {
        assert!(
            live.iter().any(|t| t.contains(rule)),
            "{rule} was to fire: {live:#?}"
        );
    }
    world.set_aside("the steps are compared");
}

#[test]
fn a_silent_tag_is_reported_live_as_in_the_replay() {
    let mut world = World::new(Process::One, "");
    let quirks = world.postmark.quirks();
    world.postmark.set_quirks(hushwatch::sim::postmark::Quirks {
        late_index: false,
        ..quirks
    });
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-04-12T00:00:00Z"));
    let profile = Profile::constant(10.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    for n in 0..600 {
        let sent_at = span.from + (HOUR + 40 * MINUTE) * n + MINUTE / 3 * (n % 13);
        let dead = Span::new(at("2026-04-09T08:00:00Z"), at("2026-04-10T22:00:00Z"));
        if sent_at < span.until && !dead.contains(sent_at) {
            let reset = Mail::new("outbound", sent_at, "someone@example.com").tag("reset");
            world.shop.push(reset);
        }
    }
    let from = at("2026-04-08T00:00:00Z");
    let mut live = Vec::new();
    for hour in 0..96 {
        let cycle = world.cycle(from + HOUR * hour);
        let steps = cycle.report["transitions"].as_array().cloned();
        live.extend(steps.unwrap_or_default());
    }
    let path = tape(&world, span);
    let path = path.to_str().expect("text");
    let (from, until) = ("2026-04-08T00:00:00Z", "2026-04-11T23:00:00Z");
    let args = ["backtest", path, "--format", "json", "--proof", "sample"];
    let range = ["--from", from, "--until", until];
    let replayed = world.run(&[&args[..], &range[..]].concat());
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let live: Vec<String> = live.iter().map(step).collect();
    let replayed: Vec<String> = lines(&replayed.report).iter().map(step).collect();
    assert_eq!(replayed, live);
    assert!(live.iter().any(|t| t.contains("reset")), "{live:#?}");
    world.set_aside("the steps are compared");
}

#[test]
fn what_postmark_retains_is_replayed_without_a_trace() {
    let world = World::new(Process::New, "");
    let now = hushwatch::clock::now();
    world.postmark.set_now(now);
    let span = Span::new(now - 20 * DAY, now);
    world
        .shop
        .generate("outbound", span, &Profile::constant(20.0).without_bounces());
    world
        .shop
        .stop_sending("outbound", Span::new(now - 3 * DAY, now - 2 * DAY));
    let posted = world.run(&["backtest", "--days", "21"]);
    let text = posted.report.as_str().expect("text");
    assert_eq!(posted.code, 0, "{}", posted.stderr);
    assert!(text.contains("send_silence"), "{text}");
    // What was sent depends on the hour of the machine's clock, and so does the answer, by a step or two.
    let known = without_times(text);
    let told = known
        .lines()
        .find_map(|line| line.trim().strip_prefix("shop/outbound: after "));
    let told = told.unwrap_or_else(|| panic!("no answer for the stream in {text}"));
    let (monday, sunday) = told
        .split_once(" on a Monday at 10:00, after ")
        .expect("two starts");
    let steps = [
        "1 h 30 min",
        "1 h 45 min",
        "2 h",
        "2 h 15 min",
        "2 h 30 min",
    ];
    let sunday = sunday.strip_suffix(" on a Sunday at 04:00 (last message <time>");
    assert!(steps.contains(&monday), "{text}");
    assert!(sunday.is_some_and(|after| steps.contains(&after)), "{text}");
    let replayed = text.lines().find(|line| line.starts_with("Replayed: "));
    let (_, known) = replayed.and_then(|l| l.split_once(", ")).expect("a line");
    let unknown = "deliveries are not known, so delivery_silence is not evaluated";
    assert_eq!(known, unknown, "{text}");
    assert!(
        !world.folder.path().join("hushwatch.db").exists(),
        "no database is written"
    );
    assert_eq!(world.slack.take().len(), 0, "and nobody is notified");
}

#[test]
fn a_person_reads_what_fired_how_often_and_how_long_a_stop_goes_unnoticed() {
    let world = World::new(Process::New, "");
    let span = Span::new(at("2026-01-05T00:00:00Z"), at("2026-03-02T00:00:00Z"));
    // Healthy, and small: 0.5% of bounces.
    world
        .shop
        .generate("outbound", span, &Profile::office_hours(40.0));
    let path = tape(&world, span);
    let posted = world.run(&["backtest", path.to_str().expect("text")]);
    assert_eq!(posted.code, 0, "{}", posted.stderr);
    let text = posted.report.as_str().expect("text");
    insta::assert_snapshot!("backtest_of_a_small_sender", text);
}

#[test]
fn healthy_senders_have_at_most_one_rate_alert_together_in_45_days() {
    // The shipped defaults; the other scenes are judged by the plain threshold.
    let world = World::new(Process::New, "[rules.bounce_rate]\nconfidence = 0.95\n");
    let span = Span::new(at("2026-01-05T00:00:00Z"), at("2026-02-19T00:00:00Z"));
    let path = world.folder.path().join("healthy.ndjson");
    let mut events = Vec::new();
    for (per_hour, share) in [(10, 35), (40, 35), (200, 35), (10, 90), (40, 90), (200, 90)] {
        let stream = format!("{per_hour}-{share}");
        let gap = HOUR / per_hour;
        let mut sent_at = span.from;
        let mut n = 0u64;
        while sent_at < span.until {
            // A hash of the number decides what bounces: `share` of 10,000.
            let mixed =
                (n + u64::from(per_hour) * 1_000_003 + share).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let bounced = (mixed ^ (mixed >> 32)) % 10_000 < share;
            let mut event = json!({ "id": format!("{stream}-{n}"), "server": "shop", "stream": stream, "sent_at": sent_at.to_string() });
            if bounced {
                event["bounced_at"] = json!((sent_at + MINUTE).to_string());
                event["bounce_type"] = json!("HardBounce");
            } else {
                event["delivered_at"] = json!((sent_at + MINUTE / 10).to_string());
            }
            events.push((sent_at, event.to_string()));
            sent_at = sent_at + gap;
            n += 1;
        }
    }
    events.sort();
    let text: Vec<&str> = events.iter().map(|(_, event)| event.as_str()).collect();
    std::fs::write(&path, text.join("\n")).expect("written");
    let replayed = world.run(&["backtest", path.to_str().expect("text"), "--format", "json"]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let opened = lines(&replayed.report);
    let rates = ["hard_bounce_wake", "bounce_rate", "spam_rate"];
    let opened = opened
        .iter()
        .filter(|t| t["transition"] == "opened" && rates.iter().any(|rule| t["rule"] == *rule));
    assert!(
        opened.clone().count() <= 1,
        "{:?}",
        opened.collect::<Vec<_>>()
    );
}

/// A file of so many good lines, and what comes after them.
fn file(world: &World, good: u32, last: &str) -> PathBuf {
    let path = world.folder.path().join("bad.ndjson");
    let first = at("2026-03-02T10:00:00Z");
    let good = (0..good).map(|n| {
        let sent_at = first + MINUTE * n;
        format!("{{\"id\":\"m{n}\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"{sent_at}\"}}\n")
    });
    std::fs::write(&path, good.collect::<String>() + last).expect("written");
    path
}

fn refused(world: &World, path: &Path, args: &[&str]) -> String {
    let mut all = vec!["backtest", path.to_str().expect("text"), "--format", "json"];
    all.extend(args);
    let cycle = world.run(&all);
    assert_eq!(
        (cycle.code, &cycle.report),
        (2, &Value::String(String::new())),
        "{}",
        cycle.stderr
    );
    cycle.stderr
}

#[test]
fn a_bad_line_is_named_and_nothing_is_half_reported() {
    let world = World::new(Process::New, "");
    let good = |rest: &str| {
        format!(
            "{{\"id\":\"x\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"2026-03-02T12:00:00Z\"{rest}}}"
        )
    };
    let bad = [
        "{\"id\":\"x\"",
        "not JSON",
        "{\"id\":\"x\",\"server\":\"shop\",\"stream\":\"outbound\"}",
        "{\"id\":7,\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"2026-03-02T12:00:00Z\"}",
        "{\"id\":\"x\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"yesterday\"}",
        "{\"id\":\"x\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"2026-03-02T09:00:00Z\"}",
        "{\"id\":\"x\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"9999-03-02T09:00:00Z\"}",
        "{\"id\":\"m1\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"2026-03-02T12:00:00Z\"}",
        &good(",\"delivered_at\":\"2026-03-02T11:00:00Z\""),
        &good(",\"bounced_at\":\"2026-03-02T13:00:00Z\""),
        &good(",\"bounce_type\":\"HardBounce\""),
    ];
    let said = bad.map(|last| {
        let stderr = refused(&world, &file(&world, 3, last), &[]);
        format!("{last}\n{}", world.shown(&stderr))
    });
    insta::assert_snapshot!("bad_lines_of_an_events_file", said.join("\n"));
}

#[test]
fn a_file_or_range_without_history_says_so() {
    let world = World::new(Process::New, "");
    let mut said = refused(&world, &file(&world, 0, ""), &[]);
    said += &refused(&world, Path::new("nowhere.ndjson"), &[]);
    let path = file(&world, 3, "");
    said += &refused(
        &world,
        &path,
        &[
            "--from",
            "2026-01-01T00:00:00Z",
            "--until",
            "2026-02-01T00:00:00Z",
        ],
    );
    said += &refused(
        &world,
        &path,
        &[
            "--from",
            "2026-04-01T00:00:00Z",
            "--until",
            "2026-03-05T00:00:00Z",
        ],
    );
    insta::assert_snapshot!("events_files_without_history", world.shown(&said));
}

#[test]
fn a_type_of_bounce_that_nobody_knows_is_no_error() {
    assert_eq!(BounceClass::from_type("Unheard"), BounceClass::Other);
    let world = World::new(Process::New, "");
    let last = "{\"id\":\"x\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"2026-03-02T12:00:00Z\",\"bounced_at\":\"2026-03-02T12:10:00Z\",\"bounce_type\":\"Unheard\",\"more\":1}\n";
    let path = file(&world, 3, last);
    let cycle = world.run(&[
        "backtest",
        path.to_str().expect("text"),
        "--from",
        "2026-03-02T13:00:00Z",
        "--until",
        "2026-03-02T15:00:00Z",
        "--format",
        "json",
    ]);
    assert_eq!((cycle.code, cycle.stderr.as_str()), (0, ""));
}

#[test]
fn a_stream_without_silence_takes_nothing_of_the_budget_of_the_others() {
    let first = at("2026-03-02T00:00:00Z");
    let outbound = |others: u32, is_on: bool| {
        let world = World::new(Process::New, "");
        let rules = [
            "send_silence",
            "send_drop",
            "delivery_silence",
            "delivery_drop",
        ];
        let off = rules
            .map(|rule| format!("rules.{rule}.enabled = {is_on}\n"))
            .concat();
        let settings = (0..others).map(|n| format!("[[server.stream]]\nid = \"s{n}\"\n{off}"));
        let file = world.folder.path().join("monitor.toml");
        let text = std::fs::read_to_string(&file).expect("read") + &settings.collect::<String>();
        std::fs::write(&file, text).expect("written");
        let mail = |stream: &str, n: u32| {
            let sent_at = first + HOUR * 5 * n + MINUTE * (n * n * 37 % 240);
            let event = json!({"id": format!("{stream}-{n}"), "server": "shop", "stream": stream,
                "sent_at": sent_at.to_string(), "delivered_at": null, "bounced_at": null,
                "bounce_type": null, "complained_at": null});
            format!("{event}\n")
        };
        let names = (0..others)
            .map(|n| format!("s{n}"))
            .chain(["outbound".to_owned()]);
        let names: Vec<String> = names.collect();
        let events = (0..250).flat_map(|n| names.iter().map(move |stream| mail(stream, n)));
        let path = world.folder.path().join("events.ndjson");
        std::fs::write(&path, events.collect::<String>()).expect("written");
        let replayed = world.run(&["backtest", path.to_str().expect("text")]);
        assert_eq!(replayed.code, 0, "{}", replayed.stderr);
        let text = replayed.report.as_str().expect("text").to_owned();
        let mut lines = text.lines().map(str::trim);
        let line = lines.find(|line| line.starts_with("shop/outbound: after"));
        line.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let alone = outbound(0, true);
    assert_eq!(outbound(8, false), alone);
    assert_ne!(outbound(8, true), alone, "it is shared");
}
