//! What a look-up does while Postmark answers in part: it tells what it read, says what it could not, and does not wait long.

use hushwatch::sim::postmark::{Mail, StreamType};
use hushwatch::sim::{Fault, Plan};

use crate::lookup::world;
use crate::world::{World, at};

/// The same address bounced on each stream, and stands on both lists.
fn two_streams() -> World {
    let world = world();
    let sent = at("2026-03-02T10:00:00Z");
    for stream in ["outbound", "broadcast"] {
        let mail = Mail::new(stream, sent, "ops@example.com");
        world.shop.push(mail.bounced("HardBounce", sent));
    }
    world
}

fn broken(stream: &str) -> World {
    let world = two_streams();
    for part in [
        format!("messagestream={stream}"),
        format!("/message-streams/{stream}/"),
    ] {
        world.shop.fail(Plan::always(Fault::Status(500)).on(&part));
    }
    world
}

#[test]
fn a_stream_that_fails_hides_no_other() {
    for (failing, other) in [("outbound", "broadcast"), ("broadcast", "outbound")] {
        let world = broken(failing);
        for verb in ["messages", "bounces", "suppressions"] {
            let ended = world.run(&[verb]);
            assert_eq!(ended.code, 1, "{verb}: {}", ended.stderr);
            let table = ended.report.as_str().unwrap_or_default();
            assert!(table.contains(other), "{verb}: {table}");
            let json = world.run(&[verb, "--json"]).report;
            let rows = json[verb].as_array().map(Vec::len);
            let errors = json["errors"].as_array().map(Vec::len);
            assert_eq!((rows, errors), (Some(1), Some(1)), "{verb}: {json}");
        }
        let said = world.transcripts(&[&["messages"], &["bounces"], &["suppressions"]]);
        insta::assert_snapshot!(format!("without_{failing}"), said);
    }
}

#[test]
fn an_address_is_reactivated_where_its_list_can_be_read() {
    for (failing, other) in [("outbound", "broadcast"), ("broadcast", "outbound")] {
        let world = broken(failing);
        let args = ["suppressions", "--reactivate", "ops@example.com", "--yes"];
        let ended = world.run(&[&args[..], &["--json"]].concat());
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        let outcomes = ended.report["outcomes"].as_array().cloned();
        let outcomes = outcomes.unwrap_or_default();
        assert_eq!(outcomes.len(), 1, "{}", ended.report);
        assert_eq!(outcomes[0]["stream"], other, "{}", ended.report);
        assert_eq!(outcomes[0]["accepted"], true, "{}", ended.report);
        insta::assert_snapshot!(format!("reactivation_without_{failing}"), ended.stderr);
        assert_eq!(world.postmark.count("/activate"), 0);
    }
}

#[test]
fn a_refusal_of_the_whole_server_is_not_asked_for_again_at_every_stream() {
    let world = two_streams();
    let refused = Plan::always(Fault::WrongToken).on("messagestream=");
    world.shop.fail(refused);
    let said = world.transcript(&["messages"]);
    assert_eq!(world.postmark.count("/messages/outbound"), 1);
    insta::assert_snapshot!("token_refused_at_a_stream", said);
}

#[test]
fn two_streams_without_an_answer_are_waited_for_and_no_third() {
    let world = two_streams();
    world.shop.add_stream("posts", StreamType::Broadcasts);
    world
        .shop
        .fail(Plan::always(Fault::Reset).on("messagestream="));
    let said = world.transcript(&["bounces"]);
    assert_eq!(world.postmark.count("/bounces"), 4, "each is tried twice");
    insta::assert_snapshot!("no_answer_from_two_streams", said);
}

#[test]
fn who_waits_at_a_terminal_waits_for_one_more_attempt_and_no_longer() {
    let mut world = world();
    world.env("HUSHWATCH_RETRY__ATTEMPTS", "9");
    world.postmark.always(Fault::Status(503));
    for (verb, requests) in [("messages", 2), ("suppressions", 2), ("stats", 2)] {
        assert_eq!(world.run(&[verb]).code, 1);
        assert_eq!(world.postmark.take_requests().len(), requests, "{verb}");
    }
}

#[test]
fn how_long_postmark_asks_to_wait_is_said_and_not_slept_through() {
    let mut world = world();
    world.env("HUSHWATCH_RETRY__LONGEST", "100s");
    let busy = |wait: Option<&str>| Fault::TooMany {
        retry_after: wait.map(str::to_owned),
    };
    world.postmark.always(busy(Some("90")));
    let ended = world.run(&["messages"]);
    insta::assert_snapshot!("asked_to_wait", ended.stderr);
    assert_eq!(world.postmark.take_requests().len(), 1);
    world.postmark.clear_faults();
    world.postmark.always(busy(None));
    world.env("HUSHWATCH_RETRY__LONGEST", "5ms");
    insta::assert_snapshot!("asked_to_wait_unsaid", world.run(&["messages"]).stderr);
    assert_eq!(world.postmark.take_requests().len(), 2);
}
