//! What a row looks like.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::model::MINUTE;
use crate::sim::postmark::Profile;
use crate::sim::postmark::tests::{World, at};

use super::{fill, mail, only_with, values};

#[test]
fn a_tag_that_is_not_set_is_absent() {
    only_with(
        |q| q.absent_tag = false,
        |world| {
            let sent = mail("2026-11-02T10:00:00Z");
            world
                .shop
                .push(sent.bounced("HardBounce", at("2026-11-02T10:00:05Z")));
            let first = |list: &str, target: &str| world.json(target)[list][0].clone();
            let message = first("Messages", "/messages/outbound?count=1&offset=0");
            let bounce = first("Bounces", "/bounces?count=1&offset=0");
            message.is_object() && message.get("Tag").is_none() && bounce.get("Tag").is_none()
        },
    );
}

#[test]
fn some_mail_has_several_recipients() {
    only_with(
        |q| q.several_recipients = false,
        |world| {
            fill(world, &Profile::constant(200.0));
            let all = values(
                world,
                "/messages/outbound?count=500&offset=0",
                "Messages",
                "Recipients",
            );
            all.iter()
                .any(|r| r.as_array().is_some_and(|r| r.len() > 1))
        },
    );
}

#[test]
fn times_come_in_every_recorded_form() {
    only_with(
        |q| q.timestamp_forms = false,
        |world| {
            fill(world, &Profile::constant(200.0).bouncing("HardBounce", 0.3));
            let messages = values(
                world,
                "/messages/outbound?count=500&offset=0",
                "Messages",
                "ReceivedAt",
            );
            let bounces = values(world, "/bounces?count=500&offset=0", "Bounces", "BouncedAt");
            forms(&messages).len() == 5 && forms(&bounces).len() == 5
        },
    );
}

/// The lengths of what follows the seconds.
fn forms(times: &[Value]) -> BTreeSet<String> {
    let tails = times.iter().filter_map(|time| time.as_str()?.get(19..));
    let shape = |tail: &str| {
        tail.chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect()
    };
    tails.map(shape).collect()
}

#[test]
fn the_total_stands_before_or_after_the_rows() {
    only_with(
        |q| q.wandering_total = false,
        |world| {
            let text = |offset| {
                world
                    .ask(&format!("/bounces?count=1&offset={offset}"))
                    .text()
            };
            let starts: BTreeSet<_> = (0..4)
                .map(|o| text(o).starts_with(r#"{"TotalCount""#))
                .collect();
            starts.len() == 2
        },
    );
}

#[test]
fn a_delivery_may_lie_before_its_mail() {
    only_with(
        |q| q.whole_second_deliveries = false,
        |world| {
            let sent = mail("2026-11-02T10:00:00.500Z").delivered_after(Duration::from_millis(100));
            let id = world.shop.push(sent);
            let details = world.json(&format!("/messages/outbound/{id}/details"));
            let events = details["MessageEvents"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let delivered = events.iter().find(|e| e["Type"] == "Delivered").cloned();
            delivered.is_some_and(|e| e["ReceivedAt"] == "2026-11-02T05:00:00.0000000-05:00")
        },
    );
}

#[test]
fn details_hold_the_body() {
    only_with(
        |q| q.body_in_details = false,
        |world| {
            let id = world.shop.push(mail("2026-11-02T10:00:00Z"));
            let target = format!("/messages/outbound/{id}/details");
            let small = world.json(&target)["Body"].as_str().map(str::len);
            world.shop.set_big_bodies(1.0);
            let big = world.ask(&target).body.len();
            small.is_some_and(|small| small < 200) && big > 2 * 1024 * 1024
        },
    );
}

#[test]
fn an_unknown_message_is_422() {
    only_with(
        |q| q.unknown_message_is_422 = false,
        |world| {
            let answer =
                world.ask("/messages/outbound/00000000-0000-4000-8000-000000000000/details");
            answer.status == 422 && answer.json()["ErrorCode"] == 701
        },
    );
}

#[test]
fn the_bounce_id_of_an_event_is_text() {
    only_with(
        |q| q.bounce_id_is_text = false,
        |world| {
            let sent = mail("2026-11-02T10:00:00Z");
            let id = world
                .shop
                .push(sent.bounced("HardBounce", at("2026-11-02T10:00:05Z")));
            let details = world.json(&format!("/messages/outbound/{id}/details"));
            details["MessageEvents"][0]["Details"]["BounceID"].is_string()
        },
    );
}

fn complaint(world: &World) -> Value {
    let sent = mail("2026-11-02T08:00:00Z").delivered_after(MINUTE);
    // Several, because one in eight lacks all newer fields.
    for _ in 0..20 {
        world.shop.push(
            sent.clone()
                .bounced("SpamComplaint", at("2026-11-02T10:00:00Z")),
        );
    }
    world.json("/bounces?count=500&offset=0&type=SpamComplaint")["Bounces"].clone()
}

#[test]
fn complaints_are_listed_as_bounces() {
    only_with(
        |q| q.complaints_are_bounces = false,
        |world| {
            let row = complaint(world)[0].clone();
            row["Inactive"] == true && row["CanActivate"] == false
        },
    );
}

#[test]
fn complaints_have_no_from() {
    only_with(
        |q| q.complaints_without_from = false,
        |world| {
            let rows = complaint(world).as_array().cloned().unwrap_or_default();
            rows.len() == 20 && rows.iter().all(|row| row.get("From").is_none())
        },
    );
}

#[test]
fn some_bounce_ids_exceed_what_a_float_can_tell() {
    only_with(
        |q| q.huge_bounce_ids = false,
        |world| {
            fill(world, &Profile::constant(50.0).bouncing("HardBounce", 0.5));
            let ids = values(world, "/bounces?count=500&offset=0", "Bounces", "ID");
            ids.iter()
                .any(|id| id.as_i64().is_some_and(|id| id > 1 << 53))
        },
    );
}
