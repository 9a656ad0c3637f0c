//! `explain`: what was stored of an incident, for the person who was woken by it.

use hushwatch::model::{HOUR, Span, Timestamp};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan};

use crate::world::{Process, World, at, without_times};

fn noon() -> Timestamp {
    at("2026-03-03T12:00:00Z")
}

/// What `explain` shows, with placeholders for the id of the incident and for when Slack was asked, by today's clock.
fn explained(world: &World, id: &str, more: &[&str]) -> String {
    let text = world.transcript(&[&["explain", id], more].concat());
    let lines = text.lines().map(|line| {
        let asked = ["delivered ", "failed attempt "].map(|what| line.rfind(what));
        let (before, after) =
            line.split_at(asked.into_iter().flatten().max().unwrap_or(line.len()));
        format!("{before}{}\n", without_times(after))
    });
    lines.collect::<String>().replace(id, "<incident>")
}

/// A wave of bounces from 11:00 to 14:00, whose alert Slack refused once, and its end.
fn a_wave_that_is_over() -> (World, String) {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(noon() - HOUR, noon() + HOUR * 2);
    world.shop.bounce_wave("outbound", wave, 0.04, "HardBounce");
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T11:00:00Z");
    world
        .slack
        .fail(Plan::always(Fault::Status(503)).on("chat.postMessage"));
    let opened = world.cycle(noon());
    world.slack.clear_faults();
    world.hours("2026-03-03T13:00:00Z", "2026-03-03T17:00:00Z");
    assert_eq!(
        world.posted(),
        [
            "🟠 WARN shop/outbound: 3 of 64 recipients bounced in the last hour (4.7%)",
            "✅ RESOLVED shop/outbound: bounce rate is back to 0% (0 of 64)",
        ]
    );
    let id = opened.report["transitions"][0]["incident"]
        .as_str()
        .expect("an id");
    (world, id.to_owned())
}

#[test]
fn an_incident_is_explained_from_what_was_stored() {
    let (world, id) = a_wave_that_is_over();
    // Not asked again: Postmark is gone.
    world.shop.always(Fault::Status(503));
    let sent = world.run(&["explain", &id]);
    let text = sent.report.as_str().expect("text").to_owned();
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    insta::assert_snapshot!("explain_resolved", explained(&world, &id, &[]));
    let addresses: Vec<&str> = text
        .split_whitespace()
        .filter(|w| w.contains('@'))
        .collect();
    assert!(!addresses.is_empty());
    assert!(
        addresses.iter().all(|a| a.contains('…') || a.contains('*')),
        "masked: {addresses:?}"
    );
    let read_out = world.run(&["explain", &id.to_ascii_uppercase()]);
    assert_eq!(read_out.report.as_str(), Some(text.as_str()));
    let json = world.run(&["explain", &id, "--json"]).report;
    assert_eq!(json["incident"]["incident"], id.as_str());
    let rate = &json["transitions"][0]["evidence"]["rate"];
    assert_eq!(rate["window_s"], 3600, "{json}");
    let last_sent = rate["last_sent"].as_str().and_then(Timestamp::parse);
    assert!(last_sent.is_some_and(|at| at <= noon()), "{rate}");
    assert_eq!(json["incident"]["evidence"]["rate"]["window_s"], 3600);
    assert_eq!(json["transitions"].as_array().expect("steps").len(), 2);
    let attempts = |message: usize| {
        json["messages"][message]["attempts"]
            .as_array()
            .expect("attempts")
            .len()
    };
    assert!(attempts(0) >= 2, "one was refused: {}", json["messages"]);
    assert_eq!(json["messages"].as_array().expect("messages").len(), 2);
    assert!(json["polls"].as_array().expect("polls").len() >= 4);
}

#[test]
fn each_rate_shows_what_it_counts_and_when_it_was_over() {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(noon() - HOUR, noon() + HOUR);
    let blocked = world.shop.bounce_wave("outbound", wave, 0.2, "Blocked");
    world.shop.bounce_wave("outbound", wave, 0.2, "SoftBounce");
    world
        .shop
        .add_complaints("outbound", noon() - HOUR / 2, 2, "example.org");
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T14:00:00Z");
    let explain = |rule: &str| {
        let open = world.run(&["status", "--json"]).report["open_incidents"].clone();
        let all = open.as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|i| i["rule"] == rule).expect("it is open");
        let id = found["incident"].as_str().expect("an id");
        let json = world.run(&["explain", id, "--json"]).report;
        insta::assert_snapshot!(format!("explain_{rule}"), explained(&world, id, &[]));
        json
    };
    let json = explain("spam_rate");
    assert_eq!(json["bounces"].as_array().map(Vec::len), Some(2), "{json}");
    let json = explain("bounce_rate");
    assert!(blocked > 20, "{blocked}");
    let bounces = json["bounces"].as_array().expect("bounces");
    assert_eq!(bounces.len(), blocked, "{json}");
    assert!(bounces.iter().all(|b| b["bounce_type"] == "Blocked"));
    // Judged at 14:00, when it was within bounds, it tells of 13:00.
    assert_eq!(json["incident"]["judged_at"], "2026-03-03T14:00:00Z");
    assert_eq!(
        world.posted(),
        [
            "🔴 WAKE shop/outbound: 2 spam complaints from outside, the newest by u***@example.org",
            "🟠 WARN shop/outbound: 12 of 64 recipients bounced in the last hour (19%)",
            "🟠 WARN shop/outbound: 2 of 1,637 recipients reported mail as spam in the last 24 h (0.12%)",
        ]
    );
}

#[test]
fn an_open_incident_says_what_ends_it_and_what_mutes_it() {
    let mut world = World::new(Process::New, "");
    world.cycle(noon());
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let opened = world.cycle(noon() + HOUR);
    let id = opened.report["transitions"][0]["incident"]
        .as_str()
        .expect("an id");
    let now = (noon() + HOUR).to_string();
    world.run(&[
        "mute", "--for", "2h", "--reason", "rotation", "--by", "ops", "--now", &now,
    ]);
    let muted = explained(&world, id, &["--now", &now]);
    insta::assert_snapshot!("explain_open_and_muted", muted);
    let text = explained(&world, id, &["--now", "2026-03-03T15:00:00Z"]);
    assert!(!text.contains("Muted:"), "it is over: {text}");
    let id = id.to_owned();
    world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
    assert_eq!(world.cycle(noon() + HOUR * 2).steps(), ["blind resolved"]);
    let resolved = explained(&world, &id, &[]);
    insta::assert_snapshot!("explain_resolved_while_muted", resolved);
    assert_eq!(
        world.posted(),
        [
            "🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail",
        ]
    );
}

#[test]
fn an_id_that_is_none_is_one_clear_line() {
    let mut world = World::new(Process::New, "");
    world.cycle(noon());
    let mut said = Vec::new();
    for id in ["nothere", "", "' OR 1=1 --", "%", "\u{1b}[31mred"] {
        let ended = world.run(&["explain", id]);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
        said.push(world.transcript(&["explain", id]));
    }
    insta::assert_snapshot!("explain_unknown", said.join("\n"));
}
