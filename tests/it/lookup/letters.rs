//! `messages`, `bounces` and `message`, against the simulated Postmark.

use hushwatch::model::{DAY, HOUR, MINUTE, Span};
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::{Mail, Profile, StreamType};
use serde_json::Value;

use crate::lookup::{error, text, world};
use crate::world::{World, at};

/// A few mails on two streams, a day and an hour before the present.
fn some() -> World {
    let world = world();
    let sent = at("2026-03-02T10:00:00Z");
    let push = |mail: Mail| world.shop.push(mail);
    push(
        Mail::new("outbound", sent, "jane@example.com")
            .tag("receipt")
            .subject("Your order"),
    );
    push(
        Mail::new("outbound", sent + HOUR, "joe@example.org")
            .tag("welcome")
            .queued(),
    );
    push(
        Mail::new("broadcast", sent + 2 * HOUR, "jane@example.com")
            .to("x@example.net")
            .tag("receipt"),
    );
    let bounced = |stream: &str, kind: &str, at, who: &str| {
        push(
            Mail::new(stream, at, who)
                .tag("receipt")
                .bounced(kind, at + MINUTE),
        );
    };
    bounced(
        "outbound",
        "HardBounce",
        sent + 3 * HOUR,
        "gone@example.com",
    );
    bounced(
        "broadcast",
        "SoftBounce",
        sent + 4 * HOUR,
        "full@example.org",
    );
    bounced(
        "broadcast",
        "SpamComplaint",
        sent + 5 * HOUR,
        "angry@example.org",
    );
    world
}

fn found(world: &World, verb: &str, more: &[&str]) -> Vec<String> {
    let ended = world.run(&[&[verb, "--json"], more].concat());
    assert_eq!(ended.code, 0, "{verb} {more:?}: {}", ended.stderr);
    let rows = ended.report[verb].as_array().cloned().unwrap_or_default();
    let who = |row: &Value| match row["recipient"].as_str() {
        Some(recipient) => recipient.to_owned(),
        None => row["recipients"][0].as_str().unwrap_or_default().to_owned(),
    };
    rows.iter().map(who).collect()
}

#[test]
fn messages_of_every_stream_are_merged_newest_first() {
    let world = some();
    insta::assert_snapshot!("messages", world.transcript(&["messages"]));
    assert_eq!(
        world.postmark.requests().len(),
        3,
        "streams, and a page of each"
    );
}

#[test]
fn every_filter_of_messages_narrows() {
    let world = some();
    let messages = |more: &[&str]| found(&world, "messages", more);
    assert_eq!(messages(&["--recipient", "jane@example.com"]).len(), 2);
    assert_eq!(messages(&["--from", "sender@example.com"]).len(), 6);
    assert_eq!(messages(&["--from", "nobody@example.com"]).len(), 0);
    assert_eq!(messages(&["--tag", "welcome"]), ["joe@example.org"]);
    assert_eq!(messages(&["--status", "queued"]), ["joe@example.org"]);
    assert_eq!(messages(&["--stream", "outbound"]).len(), 3);
    assert_eq!(
        messages(&["--limit", "2"]),
        ["angry@example.org", "full@example.org"]
    );
    // 10:00 UTC is 11:00 there; the end is not included.
    assert_eq!(
        messages(&["--since", "2026-03-02 11:00", "--until", "2026-03-02T12:00"]),
        ["jane@example.com"]
    );
    assert_eq!(messages(&["--since", "2026-03-02T14:00:00Z"]).len(), 2);
    assert_eq!(
        messages(&["--since", "2026-03-02", "--until", "2026-03-02"]).len(),
        6
    );
    assert_eq!(messages(&["--until", "2026-03-01"]).len(), 0);
    let none = text(&world, &["messages", "--tag", "none"]);
    assert_eq!(none, "no message found\n");
}

#[test]
fn every_filter_of_bounces_narrows() {
    let world = some();
    let bounces = |more: &[&str]| found(&world, "bounces", more);
    assert_eq!(
        bounces(&[]),
        ["angry@example.org", "full@example.org", "gone@example.com"]
    );
    assert_eq!(bounces(&["--recipient", "example.org"]).len(), 2);
    assert_eq!(bounces(&["--type", "hardbounce"]), ["gone@example.com"]);
    assert_eq!(
        bounces(&["--inactive"]),
        ["angry@example.org", "gone@example.com"]
    );
    assert_eq!(
        bounces(&["--stream", "broadcast", "--tag", "receipt"]).len(),
        2
    );
    assert_eq!(
        bounces(&["--since", "2026-03-02T15:01:00Z"]),
        ["angry@example.org"]
    );
    assert_eq!(
        bounces(&["--until", "2026-03-02T13:02:00Z"]),
        ["gone@example.com"]
    );
    assert_eq!(bounces(&["--limit", "1"]), ["angry@example.org"]);
    let none = ["bounces", "--tag", "none"];
    insta::assert_snapshot!("bounces", world.transcripts(&[&["bounces"], &none]));
}

#[test]
fn a_relative_time_is_before_the_clock() {
    let world = some();
    let now = hushwatch::clock::now();
    world.postmark.set_now(now);
    for hours in [1, 3] {
        let mail = Mail::new(
            "outbound",
            now - HOUR * hours,
            &format!("{hours}@example.com"),
        );
        world.shop.push(mail);
    }
    assert_eq!(
        found(&world, "messages", &["--since", "2h"]),
        ["1@example.com"]
    );
    assert_eq!(
        found(&world, "messages", &["--since", "1d", "--until", "2h"]),
        ["3@example.com"]
    );
}

#[test]
fn no_page_is_asked_for_that_the_limit_does_not_need() {
    let world = world();
    let span = Span::new(at("2026-02-20T00:00:00Z"), at("2026-03-03T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(10.0));
    let pages = |limit: &str| {
        world.postmark.take_requests();
        let rows = found(&world, "messages", &["--limit", limit]);
        assert_eq!(rows.len().to_string(), limit);
        world.postmark.count("/messages/outbound")
    };
    assert_eq!(pages("50"), 2, "one for each stream");
    assert_eq!(world.postmark.count("count=50&"), 2);
    assert_eq!(
        pages("1200"),
        4,
        "three of one stream, and one of the empty one"
    );
    assert_eq!(world.postmark.count("count=200&offset=1000"), 1);
    let list = world.transcript(&["messages", "--limit", "3"]);
    insta::assert_snapshot!("messages_within_a_limit", list);
}

#[test]
fn more_than_postmark_shows_is_said() {
    let world = world();
    let span = Span::new(at("2026-03-01T00:00:00Z"), at("2026-03-03T00:00:00Z"));
    world.shop.add_traffic("outbound", span, 400, &["a"]);
    let last = |limit: &str| {
        let list = text(&world, &["messages", "--limit", limit]);
        list.lines().last().unwrap_or_default().to_owned()
    };
    let both = format!("{}\n{}", last("1"), last("10000"));
    insta::assert_snapshot!("messages_beyond_what_postmark_shows", both);
    let ended = world.run(&["messages", "--limit", "10000", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let rows = ended.report["messages"].as_array().map(Vec::len);
    assert_eq!(
        (rows, &ended.report["at_least"]),
        (Some(10_000), &Value::Bool(true))
    );
}

#[test]
fn several_servers_are_merged() {
    let mut world = some();
    world.postmark.set_account_token("account");
    world.env("POSTMARK_ACCOUNT_TOKEN", "account");
    let blog = world.postmark.server("blog");
    blog.push(Mail::new(
        "outbound",
        at("2026-03-02T14:30:00Z"),
        "reader@example.com",
    ));
    let list = world.transcript(&["messages", "--limit", "3"]);
    insta::assert_snapshot!("messages_of_servers", list);
    blog.add_stream("posts", StreamType::Broadcasts);
    blog.push(Mail::new(
        "posts",
        at("2026-03-02T10:30:00Z"),
        "fan@example.com",
    ));
    assert_eq!(
        found(&world, "messages", &["--stream", "posts"]),
        ["fan@example.com"]
    );
}

#[test]
fn a_message_is_followed_from_sending_to_its_end() {
    let world = world();
    let sent = at("2026-03-02T10:00:00Z");
    let mail = Mail::new("outbound", sent, "jane@example.com")
        .to("gone@example.com")
        .tag("receipt");
    let mut mail = mail.delivered_after(6 * MINUTE);
    mail.deliveries.truncate(1);
    let mail = mail
        .bounced("HardBounce", sent + MINUTE)
        .bounced("SpamComplaint", sent + DAY / 2);
    let id = world.shop.push(mail);
    insta::assert_snapshot!("message", world.transcript(&["message", &id]));
    assert_eq!(world.postmark.requests().len(), 2);
    let json = world.run(&["message", &id, "--json"]).report;
    assert_eq!(json["id"], Value::String(id));
    assert!(
        json["events"]
            .as_array()
            .is_some_and(|events| events.len() >= 4),
        "{json}"
    );
}

#[test]
fn an_unknown_message_is_one_line() {
    let world = some();
    let said = world.transcript(&["message", "21895802-5d50-442b-b039-27cf5b462c54"]);
    insta::assert_snapshot!("message_unknown", said);
}

#[test]
fn what_cannot_be_the_id_of_a_message_is_refused_before_anything_is_asked() {
    let world = some();
    let long = "x".repeat(300);
    let mut said = Vec::new();
    for id in [
        "../../server",
        "../x",
        "",
        " ",
        "a b",
        "\u{1b}[31m",
        "é",
        &long,
    ] {
        for args in [&["message", id][..], &["bounces", "--message", id]] {
            let ended = world.run(args);
            assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
            assert!(error(&ended.stderr).len() < 300, "{}", ended.stderr);
            assert!(!ended.stderr.contains('\u{1b}'), "{id:?}");
            said.push(world.transcript(args));
        }
    }
    insta::assert_snapshot!("message_ids_refused", said.join("\n"));
    assert_eq!(world.postmark.requests().len(), 0);
}

#[test]
fn a_type_of_bounces_that_is_unknown_is_refused_with_those_that_are_known() {
    let world = some();
    // What it says whole is among the errors of usage.
    let ended = world.run(&["bounces", "--type", "HardBonce"]);
    assert_eq!(ended.code, 2);
    for kind in hushwatch::internals::KINDS {
        assert!(ended.stderr.contains(kind), "{kind}: {}", ended.stderr);
    }
    let help = text(&world, &["bounces", "--help"]);
    assert!(help.contains("DMARCPolicy"), "{help}");
    assert_eq!(world.postmark.requests().len(), 0);
}

#[test]
fn what_postmark_refuses_is_reported_in_its_words_and_not_tried_again() {
    let world = some();
    world.postmark.always(Fault::StatusBody {
        code: 422,
        error_code: 1000,
        message: "Parameter 'tag' has invalid value".to_owned(),
    });
    let said = world.transcript(&["bounces", "--tag", "receipt", "--stream", "outbound"]);
    insta::assert_snapshot!("bounces_refused", said);
    assert_eq!(world.postmark.requests().len(), 1);
}

#[test]
fn hostile_text_commands_no_terminal() {
    let world = world();
    let wild = "\u{1b}]0;x\u{7}\u{9b}31mevil\r\n\u{202e}";
    let sent = at("2026-03-02T10:00:00Z");
    let mail = Mail::new("outbound", sent, &format!("{wild}@example.com"))
        .tag(wild)
        .subject(wild);
    let id = world.shop.push(mail.bounced("HardBounce", sent));
    for args in [
        &["messages"][..],
        &["bounces"],
        &["message", &id],
        &["messages", "--json"],
    ] {
        let out = world.command(args).output().expect("it runs").stdout;
        let out = String::from_utf8(out).expect("text");
        assert!(out.contains("evil"), "{out:?}");
        assert!(
            out.chars()
                .all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')),
            "{out:?}"
        );
    }
}
