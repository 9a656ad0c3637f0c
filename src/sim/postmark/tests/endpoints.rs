//! What the endpoints answer, beyond the quirks.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;

use crate::model::{DAY, MINUTE};
use crate::sim::client;

use super::{World, at, span};
use crate::sim::postmark::{Mail, Profile, StreamType};

#[test]
fn a_connection_serves_many_requests() {
    let world = World::new();
    let url = world.postmark.base_url();
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).expect("it listens");
    for _ in 0..3 {
        let token = world.shop.token();
        write!(
            socket,
            "GET /server HTTP/1.1\r\nx-postmark-server-token: {token}\r\n\r\n"
        )
        .expect("sent");
        let answer = client::read(&mut socket).expect("an answer");
        assert_eq!(answer.json()["DeliveryType"], "Live");
    }
    assert_eq!(world.postmark.requests().len(), 3);
}

#[test]
fn streams_tell_their_type_and_whether_they_are_archived() {
    let world = World::new();
    world.shop.add_stream("receipts", StreamType::Transactional);
    world
        .shop
        .archive_stream("broadcast", at("2026-11-01T00:00:00Z"));
    let ids = |more: &str| -> Vec<String> {
        let answer = world.json(&format!("/message-streams?MessageStreamType=All{more}"));
        let streams = answer["MessageStreams"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        streams
            .iter()
            .map(|s| s["ID"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(ids(""), ["outbound", "inbound", "receipts"]);
    assert_eq!(ids("&IncludeArchivedStreams=true").len(), 4);
}

#[test]
fn what_nobody_should_ask_is_remembered() {
    let world = World::new();
    assert_eq!(world.ask("/templates?count=1").status, 404);
    world.ask("/bounces?count=1&offset=0&fromDate=2026-01-01");
    assert_eq!(
        world.postmark.unexpected(),
        ["GET /templates?count=1", "GET /bounces?fromDate"]
    );
}

#[test]
fn pages_hold_every_message_once() {
    let world = World::new();
    let hours = span("2026-11-02T06:00:00Z", "2026-11-02T09:00:00Z");
    world
        .shop
        .generate("outbound", hours, &Profile::constant(400.0));
    let mut ids = BTreeSet::new();
    for page in 0..4 {
        let answer = world.json(&format!(
            "/messages/outbound?count=500&offset={}",
            page * 500
        ));
        for row in answer["Messages"].as_array().cloned().unwrap_or_default() {
            assert!(ids.insert(row["MessageID"].as_str().unwrap_or_default().to_owned()));
        }
    }
    let mails = world.shop.mails("outbound", hours);
    assert_eq!(ids, mails.iter().map(|m| m.id.clone()).collect());
    assert_eq!(
        world.shop.expected("outbound", hours).sent,
        mails.len() as u64
    );
}

#[test]
fn every_message_has_its_details() {
    let world = World::new();
    let hour = span("2026-11-02T06:00:00Z", "2026-11-02T07:00:00Z");
    world
        .shop
        .generate("broadcast", hour, &Profile::constant(60.0));
    for mail in world.shop.mails("broadcast", hour) {
        let details = world.json(&format!("/messages/outbound/{}/details", mail.id));
        assert_eq!(details["MessageID"], mail.id.as_str());
        let events = details["MessageEvents"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let delivered = events.iter().filter(|e| e["Type"] == "Delivered").count();
        assert_eq!(delivered, mail.deliveries.len());
    }
}

#[test]
fn what_has_not_happened_is_not_told() {
    let world = World::new();
    let sent = Mail::new("outbound", at("2026-11-02T10:00:00Z"), "a@example.com");
    let id = world.shop.push(sent.delivered_after(90 * MINUTE));
    let delivered = |now: &str| {
        world.postmark.set_now(at(now));
        let details = world.json(&format!("/messages/outbound/{id}/details"));
        let events = details["MessageEvents"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        events.iter().any(|e| e["Type"] == "Delivered")
    };
    assert!(!delivered("2026-11-02T11:29:59Z"));
    assert!(delivered("2026-11-02T11:30:00Z"));
}

#[test]
fn messages_can_be_filtered() {
    let world = World::new();
    let mail = |to| Mail::new("outbound", at("2026-11-02T10:00:00Z"), to);
    world.shop.push(mail("a@example.com").tag("invoice"));
    world
        .shop
        .push(mail("b@example.com").subject("Hello <!channel>"));
    world.shop.push(mail("c@example.com").queued());
    assert_eq!(world.total("&recipient=b@example.com"), 1);
    assert_eq!(world.total("&tag=invoice"), 1);
    assert_eq!(world.total("&subject=%3C!CHANNEL"), 1);
    assert_eq!(world.total("&status=queued"), 1);
    assert_eq!(world.total("&status=sent"), 2);
    assert_eq!(
        world
            .ask("/messages/outbound?count=1&offset=0&status=lost")
            .status,
        422
    );
}

#[test]
fn bounces_can_be_filtered_and_need_no_message() {
    let world = World::new();
    let time = at("2026-11-02T10:00:00Z");
    let mail = Mail::new("outbound", time, "a@example.com").tag("x");
    world.shop.push(mail.bounced("Blocked", time));
    world
        .shop
        .push_bounce("outbound", "SMTPApiError", time + MINUTE, "b@example.com");
    let total = |more: &str| {
        let answer = world.json(&format!("/bounces?count=1&offset=0{more}"));
        answer["TotalCount"].as_u64()
    };
    assert_eq!(total(""), Some(2));
    assert_eq!(total("&type=Blocked"), Some(1));
    assert_eq!(total("&type=Nonsense"), None);
    assert_eq!(total("&tag=x&inactive=false"), Some(1));
    assert_eq!(total("&emailFilter=b@"), Some(1));
    let summary = world.json("/deliverystats");
    assert_eq!(
        summary["Bounces"][0],
        serde_json::json!({ "Name": "All", "Count": 2 })
    );
}

#[test]
fn the_total_may_stop_at_ten_thousand() {
    let world = World::new();
    let hour = span("2026-11-02T06:00:00Z", "2026-11-02T07:00:00Z");
    world
        .shop
        .generate("outbound", hour, &Profile::constant(12_000.0));
    assert!(world.total("") > 11_000);
    world.shop.set_total_capped(true);
    assert_eq!(world.total(""), 10_000);
}

#[test]
fn statistics_agree_with_the_lists() {
    let world = World::new();
    let days = span("2026-10-20T04:00:00Z", "2026-10-22T04:00:00Z");
    world.postmark.set_now(days.until + 10 * DAY);
    let profile = Profile::constant(40.0)
        .several_recipients(0.0)
        .bouncing("HardBounce", 0.05);
    world.shop.generate("outbound", days, &profile);
    let sends = world.json("/stats/outbound/sends?fromdate=2026-10-20&todate=2026-10-21");
    let sent = world.shop.expected("outbound", days).sent;
    assert_eq!(sends["Sent"].as_u64(), Some(sent));
    let overview = world.json("/stats/outbound");
    let bounces = world.json("/bounces?count=1&offset=0")["TotalCount"].clone();
    assert_eq!(
        (overview["Sent"].as_u64(), &overview["Bounced"]),
        (Some(sent), &bounces)
    );
    assert_eq!(
        world.json("/stats/outbound/spam"),
        serde_json::json!({ "Days": [] })
    );
    let refused = world.json("/stats/outbound?fromdate=2026-10-22T00:00:00");
    assert_eq!(refused["ErrorCode"], 900);
}
