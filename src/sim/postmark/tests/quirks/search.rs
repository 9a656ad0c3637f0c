//! What a search finds, and what it refuses.

use crate::model::{HOUR, MINUTE, Span, Timestamp};
use crate::sim::client;
use crate::sim::postmark::tests::{World, at};
use crate::sim::postmark::{Mail, Profile};

use super::{fill, mail, only_with, values};

#[test]
fn bounds_are_eastern() {
    only_with(
        |q| q.eastern_bounds = false,
        |world| {
            world.shop.push(mail("2026-11-02T10:00:00Z"));
            world.total("&fromdate=2026-11-02T05:00:00&todate=2026-11-02T05:00:00") == 1
        },
    );
}

#[test]
fn bounds_follow_daylight_saving() {
    only_with(
        |q| q.daylight_saving = false,
        |world| {
            world.postmark.set_now(at("2026-07-02T12:00:00Z"));
            world.shop.push(mail("2026-07-02T10:00:00Z"));
            world.total("&fromdate=2026-07-02T06:00:00&todate=2026-07-02T06:00:00") == 1
        },
    );
}

#[test]
fn a_wall_time_that_never_was_is_refused() {
    only_with(
        |q| q.daylight_saving = false,
        |world| {
            let answer =
                world.json("/messages/outbound?count=1&offset=0&fromdate=2026-03-08T02:30:00");
            answer["ErrorCode"] == 700
        },
    );
}

#[test]
fn of_the_hour_that_comes_twice_the_first_is_meant() {
    let world = World::new();
    world.shop.push(mail("2026-11-01T05:30:00Z"));
    world.shop.push(mail("2026-11-01T06:30:00Z"));
    assert_eq!(world.total("&todate=2026-11-01T01:59:59"), 1);
    assert_eq!(world.total("&fromdate=2026-11-01T01:30:00"), 2);
    assert_eq!(
        world.total("&fromdate=2026-11-01T01:30:01&todate=2026-11-01T02:00:00"),
        1
    );
}

#[test]
fn both_bounds_include_their_whole_second() {
    only_with(
        |q| q.inclusive_bounds = false,
        |world| {
            world.shop.push(mail("2026-11-02T10:00:00.900Z"));
            world.total("&todate=2026-11-02T05:00:00") == 1
        },
    );
}

#[test]
fn an_offset_in_a_bound_finds_nothing() {
    only_with(
        |q| q.offset_finds_nothing = false,
        |world| {
            world.shop.push(mail("2026-11-02T10:00:00Z"));
            let answer =
                world.ask("/messages/outbound?count=1&offset=0&fromdate=2026-11-02T00:00:00Z");
            answer.status == 200 && answer.json()["TotalCount"] == 0
        },
    );
}

#[test]
fn a_search_ends_at_ten_thousand() {
    only_with(
        |q| q.page_limits = false,
        |world| {
            let messages = world.ask("/messages/outbound?count=500&offset=9501");
            let bounces = world.ask("/bounces?count=500&offset=9501");
            let text = "Count + Offset cannot exceed 10000 messages.";
            messages.status == 422
                && messages.json()["ErrorCode"] == 700
                && messages.json()["Message"] == text
                && bounces.json()["ErrorCode"] == 1000
                && world.ask("/bounces?count=500&offset=9500").status == 200
        },
    );
}

#[test]
fn a_page_has_one_to_five_hundred_rows() {
    only_with(
        |q| q.page_limits = false,
        |world| {
            let refused = |count| {
                world
                    .ask(&format!("/bounces?count={count}&offset=0"))
                    .status
                    == 422
            };
            refused(0) && refused(501) && !refused(500)
        },
    );
}

#[test]
fn without_a_stream_only_outbound_is_searched() {
    only_with(
        |q| q.default_stream = false,
        |world| {
            let broadcast = Mail::new("broadcast", at("2026-11-02T10:00:00Z"), "a@example.com");
            world.shop.push(broadcast);
            world.total("") == 0 && world.total("&messagestream=broadcast") == 1
        },
    );
}

#[test]
fn an_unknown_stream_is_refused() {
    only_with(
        |q| q.unknown_stream_refused = false,
        |world| {
            let answer = world.ask("/messages/outbound?count=1&offset=0&messagestream=none");
            answer.status == 422 && answer.json()["ErrorCode"] == 1226
        },
    );
}

#[test]
fn the_index_is_late() {
    only_with(
        |q| q.late_index = false,
        |world| {
            let sent = mail("2026-11-02T10:00:00Z");
            world
                .shop
                .push(sent.bounced("HardBounce", at("2026-11-02T10:00:00Z")));
            let found = |now: &str| {
                world.postmark.set_now(at(now));
                let bounces = world.json("/bounces?count=1&offset=0")["TotalCount"].as_u64();
                (world.total(""), bounces)
            };
            found("2026-11-02T10:00:01Z") == (0, Some(0))
                && found("2026-11-02T10:10:00Z") == (1, Some(1))
        },
    );
}

#[test]
fn what_is_older_than_the_retention_is_gone() {
    only_with(
        |q| q.retention = false,
        |world| {
            let id = world.shop.push(mail("2026-10-25T10:00:00Z"));
            let before = world.total("");
            world.shop.set_retention(7);
            let details = world.ask(&format!("/messages/outbound/{id}/details"));
            (before, world.total(""), details.status) == (1, 0, 422)
        },
    );
}

#[test]
fn the_newest_comes_first() {
    only_with(
        |q| q.newest_first = false,
        |world| {
            for (time, kind) in [("09", "Blocked"), ("11", "HardBounce"), ("10", "Blocked")] {
                let time = format!("2026-11-02T{time}:00:00Z");
                world
                    .shop
                    .push(mail(&time).subject(&time).bounced(kind, at(&time)));
            }
            let subjects = values(
                world,
                "/messages/outbound?count=500&offset=0",
                "Messages",
                "Subject",
            );
            let bounces = values(world, "/bounces?count=1&offset=0", "Bounces", "Type");
            subjects
                == [
                    "2026-11-02T11:00:00Z",
                    "2026-11-02T10:00:00Z",
                    "2026-11-02T09:00:00Z",
                ]
                && bounces == ["HardBounce"]
        },
    );
}

#[test]
fn a_refused_token_is_401_with_code_10() {
    only_with(
        |q| q.refused_token_is_401 = false,
        |world| {
            let url = format!("{}/message-streams", world.postmark.base_url());
            let ask = |headers: &[String]| {
                let answer = client::get(&url, headers).expect("an answer");
                let message = answer.json()["Message"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                (answer.status, answer.json()["ErrorCode"].as_i64(), message)
            };
            let wrong = ask(&["X-Postmark-Server-Token: wrong".to_owned()]);
            let missing = ask(&[]);
            let account = ask(&["X-Postmark-Account-Token: some".to_owned()]);
            wrong
                == (
                    401,
                    Some(10),
                    "Request does not contain a valid Server token.".to_owned(),
                )
                && missing.0 == 401
                && missing
                    .2
                    .starts_with("No Account or Server API tokens were supplied")
                && account
                    .2
                    .starts_with("Please do not include Account API Token")
        },
    );
}

#[test]
fn errors_repeat_their_code_in_a_header() {
    only_with(
        |q| q.error_code_header = false,
        |world| {
            let answer = world.ask("/bounces?count=0&offset=0");
            answer.head.contains("X-PM-ApiErrorCode: 1000")
        },
    );
}

#[test]
fn most_new_mail_is_found_within_a_minute() {
    let world = World::new();
    fill(&world, &Profile::constant(600.0));
    let now = at("2026-11-02T09:00:00Z");
    world.postmark.set_now(now);
    let sent =
        |from: Timestamp, until| world.shop.expected("outbound", Span::new(from, until)).sent;
    let found = world.total("&fromdate=2026-11-02T03:00:00");
    let all = sent(now - HOUR, now);
    let lost = all - found;
    assert!(
        lost > 0 && lost < sent(now - 3 * MINUTE, now),
        "{lost} of {all}"
    );
}
