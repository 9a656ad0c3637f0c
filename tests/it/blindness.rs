//! Not seeing is not silence.

use hushwatch::model::Span;
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan};

use crate::world::{Process, World, at};

fn world(process: Process) -> World {
    world_since(process, "2026-02-02T00:00:00Z")
}

fn world_since(process: Process, start: &str) -> World {
    let world = World::new(process, "");
    let span = Span::new(at(start), at("2026-03-05T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(60.0).without_bounces());
    world
}

#[test]
fn an_outage_of_the_api_is_blindness_and_what_it_hid_is_reported_in_one_catch_up() {
    for process in [Process::One, Process::New] {
        let mut world = world(process);
        let hidden = Span::new(at("2026-03-03T11:00:00Z"), at("2026-03-03T12:00:00Z"));
        world.shop.bounce_wave("outbound", hidden, 0.3, "Blocked");
        world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
        world.set_aside("before what is tested");
        world.shop.always(Fault::Status(503));
        let down = world.hours("2026-03-03T11:00:00Z", "2026-03-03T15:00:00Z");
        assert_eq!(down.code, 1);
        assert_eq!(
            world.alerts(),
            ["🟠 WARN shop: hushwatch cannot read this server's mail from Postmark"]
        );
        world.shop.clear_faults();
        let back = world.cycle(at("2026-03-03T16:00:00Z"));
        assert_eq!(back.code, 0, "{}", back.stderr);
        assert_eq!(
            world.alerts(),
            [
                "✅ RESOLVED shop: hushwatch can read its mail again",
                "📋 catch-up: 1 incident opened and resolved while hushwatch could not read mail"
            ]
        );
        assert!(
            back.steps().iter().all(|s| !s.contains("silence")),
            "{:?}",
            back.steps()
        );
        let figures = back.stream("outbound");
        let day = Span::new(at("2026-03-02T16:00:00Z"), at("2026-03-03T15:45:00Z"));
        assert!(
            figures["sent"].as_u64() >= Some(world.shop.expected("outbound", day).sent),
            "{figures}"
        );
    }
}

#[test]
fn where_only_bounces_cannot_be_read_the_mail_is_not_said_to_be_unread() {
    let mut world = world(Process::New);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
    world.set_aside("before what is tested");
    world
        .shop
        .fail(Plan::always(Fault::Status(500)).on("/bounces"));
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z");
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop: hushwatch cannot read this server's bounces and complaints from Postmark"]
    );
    let status = world.run(&["status"]).report.to_string();
    assert!(
        status.contains("bounces and complaints not read since Tue 3 Mar 10:00"),
        "{status}"
    );
}

#[test]
fn a_stop_within_an_outage_of_the_api_is_reported_with_its_length_of_now() {
    let mut world = world(Process::One);
    let stop = Span::new(at("2026-03-03T15:50:00Z"), at("2026-03-05T00:00:00Z"));
    world.shop.stop_sending("outbound", stop);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T15:00:00Z");
    world.set_aside("before what is tested");
    world.shop.always(Fault::Status(503));
    world.hours("2026-03-03T16:00:00Z", "2026-03-03T22:00:00Z");
    world.set_aside("that it cannot see");
    world.shop.clear_faults();
    world.cycle(at("2026-03-03T23:00:00Z"));
    assert_eq!(
        world.alerts(),
        [
            "🔴 WAKE shop/outbound: no mail sent for 7 h 11 min",
            "✅ RESOLVED shop: hushwatch can read its mail again"
        ]
    );
}

#[test]
fn a_missing_or_refused_token_is_reported_at_once_and_exits_1() {
    for token in ["", "wrong-token", "tab\tinside"] {
        let mut world = world_since(Process::New, "2026-03-02T00:00:00Z");
        world.env("POSTMARK_SERVER_TOKEN", token);
        let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
        assert_eq!(
            (cycle.code, cycle.steps()),
            (1, vec!["blind opened".to_owned()]),
            "{token:?} {}",
            cycle.stderr
        );
        assert_eq!(
            world.alerts(),
            [
                "🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail"
            ]
        );
    }
}

#[test]
fn no_answer_however_bad_is_a_count_and_the_next_cycle_is_right() {
    for fault in [
        Fault::Cut(40),
        Fault::Html(200),
        Fault::Html(502),
        Fault::Empty,
        Fault::Malformed,
        Fault::WrongType,
        Fault::Reset,
        Fault::Hang,
        Fault::Endless,
        Fault::Status(500),
        Fault::TooMany {
            retry_after: Some("99999999".to_owned()),
        },
        Fault::Redirect("https://example.com/elsewhere".to_owned()),
    ] {
        let mut world = world_since(Process::New, "2026-03-02T00:00:00Z");
        world.cycle(at("2026-03-03T10:00:00Z"));
        world.shop.always(fault.clone());
        let bad = world.cycle(at("2026-03-03T11:00:00Z"));
        assert_eq!(bad.code, 1, "{fault:?} {}", bad.stderr);
        assert!(!bad.panicked(), "{fault:?} {}", bad.stderr);
        assert!(
            !bad.report["errors"].as_array().expect("errors").is_empty(),
            "{fault:?}"
        );
        world.shop.clear_faults();
        let good = world.cycle(at("2026-03-03T12:00:00Z"));
        assert_eq!(good.code, 0, "{fault:?} {}", good.stderr);
        assert_eq!(
            good.stream("outbound")["covered_until"],
            "2026-03-03T12:00:00Z",
            "{fault:?}"
        );
        assert_eq!(world.alerts(), Vec::<String>::new(), "{fault:?}");
    }
}

#[test]
fn a_token_refused_while_old_history_is_read_is_reported_at_once() {
    let mut world = world_since(Process::One, "2026-03-02T00:00:00Z");
    let refused = Plan::always(Fault::WrongToken).on("/messages/outbound?");
    world.shop.fail(refused);
    let first = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(
        (first.code, first.steps()),
        (1, vec!["blind opened".to_owned()])
    );
    assert_eq!(
        world.alerts(),
        [
            "🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail"
        ]
    );
    assert_eq!(
        world.shop.count("count="),
        1,
        "nothing more is asked with it"
    );
}

/// What a server sent while Postmark's API was out is as new to the sample as what came after it.
#[test]
fn mail_that_is_lost_while_the_api_is_out_is_sampled_once_it_is_read() {
    let mut world = world(Process::One);
    let lost = Span::new(at("2026-03-03T10:30:00Z"), at("2026-03-03T16:00:00Z"));
    world.shop.stop_delivery("outbound", lost);
    let before = world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
    let sampled = |figures: &serde_json::Value| figures["sampled"].as_u64().expect("a number");
    let sampled_before = sampled(&before.stream("outbound"));
    world.shop.always(Fault::Status(503));
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T16:00:00Z");
    world.shop.clear_faults();
    let back = world.cycle(at("2026-03-03T17:00:00Z"));
    let figures = back.stream("outbound");
    assert!(sampled(&figures) >= sampled_before + 20, "{figures}");
    let high = figures["delivered_high"].as_u64().expect("a number");
    let sent = figures["sent"].as_u64().expect("a number");
    assert!(high + 200 < sent, "{figures}");
    world.set_aside("the sample is what is tested");
}

/// The account is suspended on Tuesday 10:30, which is told, and active again on Wednesday at 15:10.
fn suspended(until: &str) -> World {
    let mut world = world(Process::One);
    let gone = Span::new(at("2026-03-03T10:30:00Z"), at(until));
    world.shop.stop_sending("outbound", gone);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
    world.set_aside("before what is tested");
    world.shop.always(Fault::StatusBody {
        code: 422,
        error_code: 413,
        message: "Your account is not active.".to_owned(),
    });
    world.hours("2026-03-03T11:00:00Z", "2026-03-04T15:00:00Z");
    let told = world.alerts();
    let first = "🔴 WAKE shop: Postmark refuses requests: the account is not active";
    assert!(told[0].starts_with(first), "{told:?}");
    world.shop.clear_faults();
    world.cycle(at("2026-03-04T16:00:00Z"));
    world
}

#[test]
fn an_account_that_is_active_again_is_the_only_news_where_mail_is_back() {
    let mut world = suspended("2026-03-04T15:10:00Z");
    let told = world.alerts();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("Postmark serves the account again"),
        "{told:?}"
    );
    let later = world.hours("2026-03-04T17:00:00Z", "2026-03-04T20:00:00Z");
    assert_eq!(later.steps(), [""; 0]);
    assert_eq!(world.alerts(), [""; 0]);
}

#[test]
fn mail_that_does_not_come_back_with_the_account_is_told_by_its_own_time() {
    let mut world = suspended("2026-03-05T00:00:00Z");
    let told = world.alerts();
    assert_eq!(told.len(), 1, "{told:?}");
    world.hours("2026-03-04T17:00:00Z", "2026-03-04T18:00:00Z");
    let told = world.alerts();
    let is_stop = |title: &String| {
        ["1 h", "2 h"]
            .iter()
            .any(|length| title.ends_with(&format!("shop/outbound: no mail sent for {length}")))
    };
    assert!(told.iter().any(is_stop), "{told:?}");
}
