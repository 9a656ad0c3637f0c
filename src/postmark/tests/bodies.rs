//! What recorded and documented bodies mean.

use super::recorded;
use crate::model::{Bounce, Status, StreamId, Timestamp};
use crate::postmark::convert::{bounces, details, messages, streams};

fn outbound() -> StreamId {
    StreamId::from("outbound")
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("valid")
}

#[test]
fn the_recorded_streams_are_read_without_the_inbound_one() {
    let streams = streams(recorded!("airbyte_message_streams")).expect("recorded");
    assert_eq!(streams.server_id, Some(9_708_911));
    let told: Vec<_> = streams
        .streams
        .iter()
        .map(|s| (s.id.0.as_str(), s.kind.as_str()))
        .collect();
    assert_eq!(
        told,
        [("broadcast", "Broadcasts"), ("outbound", "Transactional")]
    );
}

#[test]
fn archived_and_inbound_streams_are_left_out_and_unknown_kinds_are_kept() {
    let body = br#"{"MessageStreams":[
        {"ID":"old","MessageStreamType":"Transactional","ArchivedAt":"2026-01-01T00:00:00-05:00"},
        {"ID":"in","MessageStreamType":"INBOUND"},
        {"ID":"new","MessageStreamType":null,"Name":null,"ArchivedAt":null,"Unheard":{"Of":[1]}}]}"#;
    let list = streams(body).expect("valid");
    assert_eq!(list.server_id, None);
    let streams = list.streams;
    assert_eq!(streams.len(), 1);
    assert_eq!(
        (streams[0].id.0.as_str(), streams[0].kind.as_str()),
        ("new", "")
    );
}

#[test]
fn the_recorded_messages_are_read() {
    let page =
        messages(recorded!("postmarker_outbound_list_count1"), &outbound()).expect("recorded");
    assert_eq!((page.items.len(), page.total), (1, 1893));
    let mail = &page.items[0];
    assert_eq!(mail.id, "21895802-5d50-442b-b039-27cf5b462c54");
    assert_eq!(mail.sent_at, at("2017-02-25T18:59:44.045Z"));
    assert_eq!((mail.status, &mail.tag), (Status::Sent, &None));
    assert_eq!(mail.recipients, ["test@example.com"]);

    let empty = messages(recorded!("airbyte_outbound_list_empty"), &outbound()).expect("recorded");
    assert_eq!((empty.items.len(), empty.total), (0, 0));
}

#[test]
fn the_recorded_bounces_are_read() {
    let read = |body: &[u8]| bounces(body, &outbound()).expect("recorded");
    let page = read(recorded!("postmarker_bounces_list_count2_offset0"));
    assert_eq!((page.items.len(), page.total), (2, 2));
    let ids = |items: &[Bounce]| items.iter().map(|b| b.id).collect::<Vec<_>>();
    assert_eq!(ids(&page.items), [943_247_350, 924_829_573]);
    let hard = &page.items[0];
    assert_eq!(hard.at, at("2016-09-19T20:34:09.133Z"));
    assert_eq!(hard.kind, "HardBounce");
    assert_eq!(
        hard.message.as_deref(),
        Some("b1d5dfa8-2d7c-4176-a24e-8a47ff860615")
    );
    assert_eq!(hard.recipient, "example@example.com");
    assert!(
        hard.description
            .starts_with("The server was unable to deliver")
    );

    assert_eq!(
        ids(&read(recorded!("postmarker_bounces_list_count1_offset0")).items),
        [924_829_573]
    );
    assert_eq!(
        ids(&read(recorded!("postmarker_bounces_list_count1_offset1")).items),
        [943_247_350]
    );
    assert_eq!(read(recorded!("airbyte_bounces_list_empty")).total, 0);
}

#[test]
fn the_recorded_details_are_read() {
    let delivered = details(recorded!("postmarker_outbound_details_delivered")).expect("recorded");
    // Whole seconds, hence before the message itself was received.
    assert_eq!(
        delivered.proof.delivered_at,
        Some(at("2017-02-25T18:59:44Z"))
    );
    assert_eq!(delivered.proof.bounced_at, None);
    assert_eq!(delivered.recipients, ["test@example.com"]);

    let bounced = details(recorded!("postmarker_outbound_details_bounced")).expect("recorded");
    assert_eq!(bounced.proof.delivered_at, None);
    assert_eq!(
        bounced.proof.bounced_at,
        Some(at("2017-04-17T18:23:56.679Z"))
    );
    assert_eq!(bounced.proof.status, Status::Sent);
}

#[test]
fn the_earliest_event_counts_whatever_the_order_and_other_kinds_do_not() {
    let body = br#"{"MessageID":"m","Status":"Queued","Tag":"","To":[{"Email":"a@example.com","Name":null},{"Email":null}],
        "Cc":null,"Bcc":[{"Email":"b@example.com"}],"MessageEvents":[
        {"Type":"Delivered","ReceivedAt":"2026-01-02T00:00:00Z","Recipient":"b@example.com"},
        {"Type":"Opened","ReceivedAt":"some day"},
        {"Type":"Delivered","ReceivedAt":"2026-01-01T19:00:00.5000000-05:00"},
        {"Type":"Delivered","ReceivedAt":"2026-01-01T23:59:59Z"},
        {"Type":null}]}"#;
    let details = details(body).expect("valid");
    assert_eq!(details.proof.delivered_at, Some(at("2026-01-01T23:59:59Z")));
    assert_eq!(details.proof.status, Status::Queued);
    assert_eq!(details.recipients, ["a@example.com", "b@example.com"]);
    assert_eq!(details.tag, None);
}

#[test]
fn a_bounce_id_may_be_a_string_and_may_exceed_every_float() {
    for (id, read) in [
        ("692560173", 692_560_173),
        ("\"1033567275\"", 1_033_567_275),
        ("9007199254740993", 9_007_199_254_740_993),
        ("9223372036854775807", i64::MAX),
        ("9223372036854775808", i64::MIN),
        ("\"18446744073709551615\"", -1),
    ] {
        let body = format!(
            r#"{{"TotalCount":"1","Bounces":[{{"ID":{id},"Type":"NewKind","BouncedAt":"2026-01-01T00:00:00Z"}}]}}"#
        );
        let page = bounces(body.as_bytes(), &outbound()).expect("valid");
        assert_eq!((page.items[0].id, page.total), (read, 1), "{id}");
    }
}
