//! Each fault as it is on the wire.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::sim::client;
use crate::sim::{Fault, Plan};

use super::{World, at, span};
use crate::sim::postmark::Profile;

const STREAMS: &str = "/message-streams";

fn struck(fault: Fault) -> client::Answer {
    let world = World::new();
    world.shop.next(1, fault);
    let answer = world.ask(STREAMS);
    assert_eq!(world.ask(STREAMS).json()["TotalCount"], 3);
    answer
}

#[test]
fn a_status_has_a_body_in_the_form_of_postmark() {
    let answer = struck(Fault::Status(503));
    assert_eq!(
        (answer.status, answer.json()["ErrorCode"].as_i64()),
        (503, Some(100))
    );
    let answer = struck(Fault::StatusBody {
        code: 422,
        error_code: 412,
        message: "pending approval".to_owned(),
    });
    assert_eq!(
        (answer.status, answer.json()["ErrorCode"].as_i64()),
        (422, Some(412))
    );
    assert!(answer.head.contains("X-PM-ApiErrorCode: 412"));
    let answer = struck(Fault::WrongToken);
    assert_eq!(
        (answer.status, answer.json()["ErrorCode"].as_i64()),
        (401, Some(10))
    );
}

#[test]
fn too_many_says_when_to_come_again_if_it_says_so() {
    let answer = struck(Fault::TooMany {
        retry_after: Some("7".to_owned()),
    });
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("Retry-After: 7\r\n"));
    let answer = struck(Fault::TooMany { retry_after: None });
    assert!(!answer.head.contains("Retry-After"));
}

#[test]
fn bodies_may_be_anything() {
    assert!(struck(Fault::Html(502)).text().starts_with("<html>"));
    assert!(struck(Fault::Empty).body.is_empty());
    assert!(struck(Fault::Malformed).json().is_null());
    assert!(struck(Fault::WrongType).json()["TotalCount"].is_string());
    let answer = struck(Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()));
    assert!(
        answer.status == 302
            && answer
                .head
                .contains("Location: http://127.0.0.1:1/elsewhere")
    );
}

#[test]
fn a_cut_answer_promises_more_than_it_sends() {
    let answer = struck(Fault::Cut(10));
    assert_eq!(answer.body.len(), 10);
    assert!(answer.promised > Some(10));
}

#[test]
fn a_reset_sends_nothing() {
    let world = World::new();
    world.shop.next(1, Fault::Reset);
    let error = world.try_ask(STREAMS).expect_err("no answer");
    assert!(matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
    ));
}

#[test]
fn a_hanging_answer_never_comes() {
    let world = World::new();
    world.postmark.next(1, Fault::Hang);
    let url = format!("{}{STREAMS}", world.postmark.base_url());
    let error = client::post_without_answer(&url, &[], "").expect_err("no answer");
    assert!(matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    assert_eq!(world.ask(STREAMS).status, 200);
}

#[test]
fn a_dripping_answer_is_whole_but_slow() {
    let start = Instant::now();
    let world = World::new();
    world.shop.next(1, Fault::Drip(Duration::from_millis(1)));
    let answer = world.ask("/deliverystats");
    assert_eq!(answer.json()["InactiveMails"], 0);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn an_endless_answer_exceeds_any_limit() {
    let answer = struck(Fault::Endless);
    assert_eq!(
        (answer.promised, answer.body.len()),
        (None, 4 * 1024 * 1024)
    );
}

#[test]
fn a_fault_can_wait_for_a_certain_page() {
    let world = World::new();
    let hour = span("2026-11-02T06:00:00Z", "2026-11-02T07:00:00Z");
    world
        .shop
        .generate("outbound", hour, &Profile::constant(2_400.0));
    world
        .shop
        .fail(Plan::next(1, Fault::Status(500)).on("offset=1000"));
    let page = |n| {
        world
            .ask(&format!("/messages/outbound?count=500&offset={}", n * 500))
            .status
    };
    let pages: Vec<u16> = (0..5).map(page).collect();
    assert_eq!(pages, [200, 200, 500, 200, 200]);
    assert_eq!(page(2), 200);
}

#[test]
fn faults_of_one_server_spare_the_others() {
    let world = World::new();
    let other = world.postmark.server("other");
    world.shop.always(Fault::Status(503));
    let url = format!("{}{STREAMS}", world.postmark.base_url());
    let headers = [format!("X-Postmark-Server-Token: {}", other.token())];
    assert_eq!(client::get(&url, &headers).expect("an answer").status, 200);
    assert_eq!(world.ask(STREAMS).status, 503);
    world.shop.clear_faults();
    world.postmark.always(Fault::Status(502));
    assert_eq!(client::get(&url, &headers).expect("an answer").status, 502);
    world.postmark.clear_faults();
    assert_eq!(world.ask(STREAMS).status, 200);
    assert_eq!((world.shop.count(STREAMS), other.count(STREAMS)), (2, 2));
}

#[test]
fn a_dropped_postmark_refuses_connections() {
    let world = World::new();
    world.postmark.set_now(at("2026-11-02T12:00:00Z"));
    let url = format!("{}{STREAMS}", world.postmark.base_url());
    drop(world);
    let error = client::get(&url, &[]).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}
