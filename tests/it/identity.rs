//! A server is who Postmark's number says it is, not what its token is called.

use hushwatch::model::{DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Profile, ServerHandle};
use serde_json::json;

use crate::words::assert_line;
use crate::world::{Process, World, at, both};

const TOKEN: &str = "POSTMARK_SERVER_TOKEN";

/// Sixty an hour from the shop, twenty from staging; the shop was watched from 06:00 to 10:00.
fn world(process: Process) -> (World, ServerHandle) {
    let mut world = World::new(process, "");
    let staging = world.postmark.server("staging");
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-06T00:00:00Z"));
    for (server, per_hour) in [(&world.shop, 60.0), (&staging, 20.0)] {
        let profile = Profile::constant(per_hour).without_bounces();
        server.generate("outbound", span, &profile);
    }
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
    assert_eq!(world.alerts(), Vec::<String>::new());
    (world, staging)
}

/// What the shop sent in the 24 hours before `now`.
fn sent(server: &ServerHandle, now: Timestamp) -> u64 {
    server.expected("outbound", Span::before(now, DAY)).sent
}

/// The id of the only open incident.
fn open_incident(cycle: &crate::world::Cycle) -> String {
    let open = cycle.report["open_incidents"].as_array().expect("a list");
    assert_eq!(open.len(), 1, "{open:?}");
    open[0]["incident"].as_str().expect("an id").to_owned()
}

fn another_server_is_reported_at_once_and_nothing_of_it_is_stored(process: Process) {
    let (mut world, staging) = world(process);
    world.env(TOKEN, &staging.token());
    let noon = at("2026-03-03T11:00:00Z");
    let swapped = world.cycle(noon);
    assert_eq!(
        (swapped.code, swapped.steps()),
        (1, vec!["server_changed opened".to_owned()])
    );
    let posted = world.slack.take();
    assert_eq!(posted.len(), 1);
    assert!(!posted[0].plain.contains(&staging.token()));
    let id = open_incident(&swapped);
    insta::assert_snapshot!("another_server", posted[0].plain.replace(&id, "<incident>"));
    assert_eq!(swapped.report["servers"][0]["number"], json!(9_708_911));
    assert_eq!(
        swapped.stream("outbound")["covered_until"],
        json!("2026-03-03T10:00:00Z")
    );
    assert_eq!(staging.count("/messages") + staging.count("/bounces"), 0);
    // A day later the digest is no green one, and no other incident is reported.
    world.hours("2026-03-03T12:00:00Z", "2026-03-04T10:00:00Z");
    assert_eq!(
        world.posted(),
        ["📋 Daily digest, Wed 4 Mar: 1 problem open, not everything could be read"]
    );
    world.env(TOKEN, &world.shop.token());
    let back = at("2026-03-04T11:00:00Z");
    let cycle = world.cycle(back);
    assert_eq!(
        (cycle.code, cycle.steps()),
        (0, vec!["server_changed resolved".to_owned()]),
        "{}",
        cycle.report
    );
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop: its token belongs to its own Postmark server again"]
    );
    assert_eq!(
        cycle.stream("outbound")["sent"],
        json!(sent(&world.shop, back)),
        "the hours without sight are read, and nothing else"
    );
}

fn an_accepted_server_has_a_history_of_its_own(process: Process) {
    let (mut world, staging) = world(process);
    world.env(TOKEN, &staging.token());
    let swapped = world.cycle(at("2026-03-03T11:00:00Z"));
    let id = open_incident(&swapped);
    let close = |world: &World, id: &str, now: &str| {
        let args = ["incident", id, "--close", "--by", "ops", "--now", now];
        world.transcript(&args).replace(id, "<incident>")
    };
    let closed = close(&world, &id, "2026-03-03T11:20:00Z");
    let again = close(&world, &id, "2026-03-03T11:30:00Z");
    insta::assert_snapshot!("accepted_server", format!("{closed}\n{again}"));
    let accepted = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(accepted.code, 0, "{}", accepted.report);
    assert_eq!(
        world.alerts(),
        [
            "🔴 WAKE shop: its token belongs to another Postmark server, staging (server 9708912)",
            "☑ CLOSED shop: staging (server 9708912) was accepted by ops",
        ]
    );
    assert_eq!(accepted.report["servers"][0]["number"], json!(9_708_912));
    let last = world.hours("2026-03-03T13:00:00Z", "2026-03-03T20:00:00Z");
    let evening = at("2026-03-03T20:00:00Z");
    assert_eq!(
        last.stream("outbound")["sent"],
        json!(sent(&staging, evening))
    );
    assert_eq!(world.alerts(), Vec::<String>::new());
    // The shop's own token again: that is reported too, and once it is accepted its history goes on.
    world.env(TOKEN, &world.shop.token());
    let back = world.cycle(at("2026-03-03T21:00:00Z"));
    assert_eq!(back.steps(), ["server_changed opened"]);
    let id = open_incident(&back);
    close(&world, &id, "2026-03-03T21:10:00Z");
    let night = at("2026-03-03T22:00:00Z");
    let cycle = world.cycle(night);
    assert_eq!(cycle.code, 0, "{}", cycle.report);
    assert_eq!(
        cycle.stream("outbound")["sent"],
        json!(sent(&world.shop, night))
    );
    assert_eq!(world.alerts().len(), 2);
}

fn a_sandbox_says_so_and_no_rule_of_delivery_is_evaluated(process: Process) {
    let evaluate = |is_sandbox: bool| {
        let mut world = World::new(process, "");
        world.shop.set_sandbox(is_sandbox);
        let start = at("2026-02-02T00:00:00Z");
        let span = Span::new(start, at("2026-03-05T00:00:00Z"));
        let profile = Profile::constant(60.0).without_bounces();
        world.shop.generate("outbound", span, &profile);
        world.hours("2026-03-03T04:00:00Z", "2026-03-03T06:00:00Z");
        let stop = Span::new(at("2026-03-03T06:00:00Z"), span.until);
        world.shop.stop_delivery("outbound", stop);
        world.hours("2026-03-03T07:00:00Z", "2026-03-03T11:00:00Z");
        world
    };
    let live = evaluate(false);
    let alerts = live.alerts();
    assert!(
        alerts.iter().any(|line| line.starts_with("🔴 WAKE")),
        "{alerts:?}"
    );
    let mut world = evaluate(true);
    assert_eq!(world.alerts(), Vec::<String>::new());
    assert_eq!(world.shop.count("/server"), 1, "it never changes");
    let cycle = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(cycle.report["servers"][0]["sandbox"], json!(true));
    let status = world.transcript(&["status", "--now", "2026-03-03T12:00:00Z"]);
    let line =
        "shop: a Sandbox server, Postmark delivers nothing that it sends; last poll complete";
    assert!(status.lines().any(|found| found == line), "{status}");
    let file = |name| std::fs::read_to_string(world.folder.path().join(name)).expect("written");
    world.transcript(&["report", "--html", "report.html"]);
    let report = file("report.html");
    let note = "Postmark delivers nothing that it sends";
    assert!(report.matches(note).count() >= 1, "{report}");
    let metrics = [
        "check",
        "--now",
        "2026-03-03T12:10:00Z",
        "--metrics",
        "file.prom",
    ];
    world.transcript(&metrics);
    let metrics = file("file.prom");
    let sandbox = "hushwatch_server_sandbox{server=\"shop\"} 1";
    assert!(metrics.contains(sandbox), "{metrics}");
    world.hours("2026-03-03T13:00:00Z", "2026-03-04T09:00:00Z");
    let digests = world.slack.take();
    for digest in &digests {
        assert_line(
            &digest.plain,
            "shop: a Sandbox server, Postmark delivers nothing that it sends",
        );
    }
    assert!(!digests.is_empty());
}

both! {
    another_server_is_reported_at_once_and_nothing_of_it_is_stored
    an_accepted_server_has_a_history_of_its_own
    a_sandbox_says_so_and_no_rule_of_delivery_is_evaluated
}

#[test]
fn doctor_compares_the_token_with_what_is_stored() {
    let (mut world, staging) = world(Process::New);
    let said = world.transcript(&["doctor"]);
    assert!(!said.contains("belongs to"), "{said}");
    world.env(TOKEN, &staging.token());
    let said = world.transcript(&["doctor"]);
    assert_line(
        &said,
        "✗ shop: The token belongs to staging (server 9708912), and what is stored under this name is of server 9708911; put the former server's token back; to accept this one, `hushwatch incident ID --close` with the id of the incident that the next cycle opens",
    );
    // It looks and changes nothing.
    world.env(TOKEN, &world.shop.token());
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!((cycle.code, cycle.steps()), (0, Vec::new()));
}

#[test]
fn nothing_of_another_server_is_shown_or_changed_under_the_name() {
    let (mut world, staging) = world(Process::New);
    let verbs: [&[&str]; 7] = [
        &["messages"],
        &["messages", "--stream", "outbound", "--json"],
        &["bounces", "--json"],
        &["stats", "--json"],
        &["suppressions", "--json"],
        &[
            "suppressions",
            "--reactivate",
            "ops@example.com",
            "--yes",
            "--json",
        ],
        &["message", "21895802-5d50-442b-b039-27cf5b462c54"],
    ];
    for verb in verbs {
        let ended = world.run(verb);
        assert!(
            !ended.stderr.contains("belongs to"),
            "{verb:?}: {}",
            ended.stderr
        );
    }
    world.env(TOKEN, &staging.token());
    for verb in verbs {
        let ended = world.run(verb);
        assert_eq!(ended.code, 1, "{verb:?}");
        assert_line(
            &ended.stderr,
            "hushwatch: shop: its token belongs to another Postmark server, staging (server 9708912), and not to server 9708911, whose mail is stored under this name: nothing was asked; `hushwatch doctor` says what to do",
        );
    }
    let backtest = world.run(&["backtest", "--days", "2"]);
    assert_eq!(backtest.code, 1, "{}", backtest.report);
    assert_line(
        &backtest.stderr,
        "hushwatch: cannot replay shop: shop: its token belongs to staging (server 9708912), and what is stored is of server 9708911; put the former server's token back, or accept this one with `hushwatch incident ID --close`",
    );
    for part in [
        "/messages",
        "/bounces",
        "/stats",
        "/suppressions",
        "/message-streams/",
    ] {
        assert_eq!(staging.count(part), 0, "{part}");
    }
    // Without a database nothing is known of whose mail it was.
    world.env("HUSHWATCH_STORE__PATH", "elsewhere.db");
    world.env("HUSHWATCH_DATABASE_URL", "");
    let ended = world.run(&["messages", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn what_a_person_closes_stays_closed_while_it_is_no_worse() {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-06T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(at("2026-03-03T11:00:00Z"), at("2026-03-04T18:00:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.04, "Blocked");
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T11:00:00Z");
    let mut now = at("2026-03-03T12:00:00Z");
    let opened = loop {
        let cycle = world.cycle(now);
        if cycle.steps() == ["bounce_rate opened"] {
            break cycle;
        }
        now = now + HOUR;
        assert!(now < wave.until, "{}", cycle.report);
    };
    assert_eq!(world.alerts().len(), 1);
    let id = open_incident(&opened);
    let instant = now.to_string();
    let unknown = world.run(&["incident", "nobody", "--close", "--now", &instant]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains(&id), "{}", unknown.stderr);
    let args = ["incident", &id, "--close", "--by", "ops", "--json", "--now"];
    let closed = world.run(&[&args[..], &[&instant]].concat());
    assert_eq!(
        (closed.code, &closed.report["closed"]["incident"]),
        (0, &json!(id))
    );
    let next = world.cycle(now + MINUTE * 5);
    assert_eq!(next.report["open_incidents"], json!([]));
    assert_eq!(
        world.alerts(),
        ["☑ CLOSED shop/outbound: high bounce rate, closed by ops"]
    );
}
