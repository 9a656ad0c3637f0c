//! `suppressions`: listed from every stream, and taken off by the ways that exist.

use hushwatch::sim::postmark::Mail;
use hushwatch::sim::{Fault, Plan};

use crate::lookup::{text, world};
use crate::world::{World, at};

const MANUAL: (&str, &str) = ("ManualSuppression", "Customer");
const HARD: (&str, &str) = ("HardBounce", "Recipient");
const COMPLAINT: (&str, &str) = ("SpamComplaint", "Recipient");

/// Four addresses on two streams.
fn suppressed() -> World {
    let world = world();
    let day = |day: u32| at(&format!("2026-02-{day:02}T10:00:00Z"));
    world
        .shop
        .suppress("outbound", "ops@example.com", HARD, day(20));
    world
        .shop
        .suppress("broadcast", "ops@example.com", MANUAL, day(22));
    world
        .shop
        .suppress("outbound", "jane+news@mail.example.org", COMPLAINT, day(21));
    world
        .shop
        .suppress("broadcast", "\"a b\"@example.net", MANUAL, day(23));
    world
}

fn addresses(world: &World, more: &[&str]) -> Vec<String> {
    let args = [&["suppressions", "--json"], more].concat();
    let ended = world.run(&args);
    assert_eq!(ended.code, 0, "{args:?}: {}", ended.stderr);
    let all = ended.report["suppressions"].as_array().cloned();
    let of = |s: &serde_json::Value| s["address"].as_str().unwrap_or_default().to_owned();
    all.unwrap_or_default().iter().map(of).collect()
}

#[test]
fn every_stream_is_listed_newest_first() {
    let world = suppressed();
    insta::assert_snapshot!("suppressions", world.transcript(&["suppressions"]));
    assert_eq!(
        world.postmark.requests().len(),
        3,
        "streams, and one for each"
    );
    assert!(
        !world.folder.path().join("hushwatch.db").exists(),
        "no database is needed"
    );
}

#[test]
fn every_filter_narrows() {
    let world = suppressed();
    assert_eq!(
        addresses(&world, &["--address", "OPS@example.com"]).len(),
        2
    );
    assert_eq!(
        addresses(&world, &["--domain", "example.org"]),
        ["jane+news@mail.example.org"]
    );
    assert_eq!(addresses(&world, &["--domain", "@example.com"]).len(), 2);
    assert_eq!(
        addresses(&world, &["--reason", "hard-bounce"]),
        ["ops@example.com"]
    );
    assert_eq!(addresses(&world, &["--reason", "SpamComplaint"]).len(), 1);
    assert_eq!(
        addresses(&world, &["--limit", "1"]),
        ["\"a b\"@example.net"]
    );
    world.postmark.take_requests();
    assert_eq!(addresses(&world, &["--stream", "outbound"]).len(), 2);
    assert_eq!(
        world.postmark.take_requests().len(),
        1,
        "the stream is known"
    );
    assert_eq!(
        addresses(&world, &["--address", "jane+news@mail.example.org"]).len(),
        1
    );
    assert_eq!(
        world
            .postmark
            .count("EmailAddress=jane+news@mail.example.org"),
        2
    );
    let nobody = text(&world, &["suppressions", "--address", "nobody@example.com"]);
    assert_eq!(nobody, "no suppression of nobody@example.com found\n");
}

#[test]
fn several_servers_are_listed_together_and_one_that_fails_hides_no_other() {
    let mut world = suppressed();
    world.postmark.set_account_token("account");
    world.env("POSTMARK_ACCOUNT_TOKEN", "account");
    let other = world.postmark.server("blog");
    other.suppress(
        "outbound",
        "x@example.com",
        MANUAL,
        at("2026-03-01T00:00:00Z"),
    );
    let both = world.transcript(&["suppressions"]);
    assert_eq!(addresses(&world, &["--server", "blog"]), ["x@example.com"]);
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let ended = world.run(&["suppressions", "--json"]);
    assert_eq!(ended.code, 1);
    assert_eq!(ended.report["total"], 1, "{}", ended.report);
    let one = world.transcript(&["suppressions"]);
    insta::assert_snapshot!("suppressions_of_servers", format!("{both}\n{one}"));
}

#[test]
fn a_reactivation_takes_effect_on_every_stream() {
    let world = suppressed();
    // Right after the change Postmark's list may be the old one.
    let posted = world.transcript(&["suppressions", "--reactivate", "Ops@example.com", "--yes"]);
    assert_eq!(world.postmark.count("/suppressions/delete"), 2);
    assert_eq!(
        world.postmark.requests().len(),
        7,
        "streams, two lists, two changes, two lists"
    );
    assert!(addresses(&world, &["--address", "ops@example.com"]).is_empty());
    let again = world.transcript(&["suppressions", "--reactivate", "ops@example.com", "--yes"]);
    insta::assert_snapshot!("reactivation", format!("{posted}\n{again}"));
}

#[test]
fn without_yes_nothing_is_changed() {
    let world = suppressed();
    let said = world.transcript(&["suppressions", "--reactivate", "ops@example.com"]);
    insta::assert_snapshot!("reactivation_without_yes", said);
    let changed = world
        .postmark
        .requests()
        .iter()
        .filter(|r| r.method != "GET")
        .count();
    assert_eq!(changed, 0);
    assert_eq!(
        addresses(&world, &["--address", "ops@example.com"]).len(),
        2
    );
}

#[test]
fn a_complaint_is_refused_and_the_rest_is_done() {
    let world = suppressed();
    let jane = "jane+news@mail.example.org";
    let said = world.transcript(&["suppressions", "--reactivate", jane, "--yes"]);
    insta::assert_snapshot!("reactivation_of_a_complaint", said);
    assert_eq!(world.postmark.count("/delete"), 0);
    world
        .shop
        .suppress("broadcast", jane, MANUAL, at("2026-02-25T00:00:00Z"));
    let ended = world.run(&["suppressions", "--reactivate", jane, "--yes", "--json"]);
    assert_eq!(ended.code, 1);
    assert_eq!(
        ended.report["outcomes"][0]["accepted"], true,
        "{}",
        ended.report
    );
    assert_eq!(
        world
            .postmark
            .count("/message-streams/broadcast/suppressions/delete"),
        1
    );
}

#[test]
fn what_the_list_refuses_is_tried_by_its_bounce() {
    let world = world();
    let sent = at("2026-03-02T10:00:00Z");
    let mail = Mail::new("outbound", sent, "ops@example.com");
    world.shop.push(mail.bounced("HardBounce", sent));
    world.shop.suppress(
        "outbound",
        "ops@example.com",
        ("HardBounce", "Admin"),
        at("2026-03-01T00:00:00Z"),
    );
    let posted = world.transcript(&["suppressions", "--reactivate", "ops@example.com", "--yes"]);
    insta::assert_snapshot!("reactivation_by_bounce", posted);
    assert_eq!(world.postmark.count("/activate"), 1);
    assert!(addresses(&world, &["--address", "ops@example.com"]).is_empty());
}

#[test]
fn a_refused_activation_tells_what_postmark_said_and_who_can_help() {
    let world = world();
    let sent = at("2026-03-02T10:00:00Z");
    let mail = Mail::new("outbound", sent, "ops@example.com");
    world.shop.push(mail.bounced("HardBounce", sent));
    let since = at("2026-03-01T00:00:00Z");
    let by_postmark = ("HardBounce", "Admin");
    world
        .shop
        .suppress("outbound", "ops@example.com", by_postmark, since);
    let refused = Fault::StatusBody {
        code: 422,
        error_code: 1003,
        message: "This bounce cannot be activated.".to_owned(),
    };
    world.shop.fail(Plan::always(refused).on("/activate"));
    let said = world.transcript(&["suppressions", "--reactivate", "ops@example.com", "--yes"]);
    insta::assert_snapshot!("reactivation_by_bounce_refused", said);
}

#[test]
fn what_postmark_refuses_for_good_is_said() {
    let world = world();
    world.shop.suppress(
        "outbound",
        "ops@example.com",
        ("ManualSuppression", "Admin"),
        at("2026-03-01T00:00:00Z"),
    );
    let said = world.transcript(&["suppressions", "--reactivate", "ops@example.com", "--yes"]);
    insta::assert_snapshot!("reactivation_refused", said);
}

#[test]
fn a_hostile_list_commands_no_terminal() {
    let world = world();
    let hostile = "\u{1b}]0;x\u{7}\u{9b}31mevil\r\n\u{202e}@example.com";
    world.shop.suppress(
        "outbound",
        hostile,
        ("Hard\u{1b}[2J", "Re\ncipient"),
        at("2026-03-01T00:00:00Z"),
    );
    for args in [&["suppressions"][..], &["suppressions", "--json"]] {
        let mut command = world.command(args);
        let out = String::from_utf8(command.output().expect("it runs").stdout).expect("text");
        assert!(out.contains("evil"), "{out:?}");
        assert!(
            out.chars()
                .all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')),
            "{out:?}"
        );
    }
}
