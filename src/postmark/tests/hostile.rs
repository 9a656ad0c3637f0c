//! Bodies that are wrong, by hand and by chance.

use proptest::prelude::*;
use proptest::sample::Index;

use serde_json::json;

use super::recorded;
use crate::model::{Mail, Status, StreamId, Timestamp};
use crate::mutation::mutated;
use crate::postmark::convert::{bounces, details, messages, streams};
use crate::postmark::wire;

fn flaws(body: &[u8]) -> [Option<&'static str>; 4] {
    let stream = StreamId::from("outbound");
    [
        streams(body).err(),
        messages(body, &stream).err(),
        bounces(body, &stream).err(),
        details(body).err(),
    ]
}

#[test]
fn what_is_no_answer_is_never_an_empty_list() {
    for body in [
        "",
        " \n",
        "null",
        "[]",
        "[null]",
        "{}",
        "0",
        "\"ok\"",
        "<!DOCTYPE html><html></html>",
        r#"{"ErrorCode":10,"Message":"no"}"#,
        r#"{"TotalCount":5}"#,
        r#"{"TotalCount":-1,"Messages":[],"Bounces":[]}"#,
        r#"{"TotalCount":1.5,"Messages":[],"Bounces":[]}"#,
        r#"{"TotalCount":null,"Messages":[],"Bounces":[]}"#,
        r#"{"Messages":[],"Bounces":[]}"#,
        r#"{"TotalCount":"many","Messages":[],"Bounces":[]}"#,
        r#"{"TotalCount":1,"Messages":{},"Bounces":{},"MessageStreams":{}}"#,
    ] {
        assert!(flaws(body.as_bytes()).iter().all(Option::is_some), "{body}");
    }
    let other = recorded!("airbyte_servers_totalcount1_empty_page");
    assert!(flaws(other).iter().all(Option::is_some));
}

#[test]
fn an_item_without_what_makes_it_one_spoils_the_page_and_is_named() {
    let stream = StreamId::from("outbound");
    for (item, flaw) in [
        (
            r#"{"ReceivedAt":"2026-01-01T00:00:00Z"}"#,
            "a message without MessageID",
        ),
        (
            r#"{"MessageID":"","ReceivedAt":"2026-01-01T00:00:00Z"}"#,
            "a message without MessageID",
        ),
        (
            r#"{"MessageID":"m"}"#,
            "a message without a readable ReceivedAt",
        ),
        (
            r#"{"MessageID":"m","ReceivedAt":null}"#,
            "a message without a readable ReceivedAt",
        ),
        (
            r#"{"MessageID":"m","ReceivedAt":"99999-01-01T00:00:00Z"}"#,
            "a message without a readable ReceivedAt",
        ),
    ] {
        let good = r#"{"MessageID":"g","ReceivedAt":"2026-01-01T00:00:00Z"}"#;
        let body = format!(r#"{{"TotalCount":2,"Messages":[{good},{item}]}}"#);
        assert_eq!(
            messages(body.as_bytes(), &stream).err(),
            Some(flaw),
            "{item}"
        );
    }
    for (item, flaw) in [
        (
            r#"{"Type":"HardBounce","BouncedAt":"2026-01-01T00:00:00Z"}"#,
            "a bounce without ID",
        ),
        (
            r#"{"ID":"x","Type":"HardBounce","BouncedAt":"2026-01-01T00:00:00Z"}"#,
            "a bounce without ID",
        ),
        (
            r#"{"ID":1,"BouncedAt":"2026-01-01T00:00:00Z"}"#,
            "a bounce without Type",
        ),
        (
            r#"{"ID":1,"Type":"HardBounce"}"#,
            "a bounce without a readable BouncedAt",
        ),
    ] {
        let body = format!(r#"{{"TotalCount":1,"Bounces":[{item}]}}"#);
        assert_eq!(
            bounces(body.as_bytes(), &stream).err(),
            Some(flaw),
            "{item}"
        );
    }
    let body = br#"{"MessageID":"m","MessageEvents":[{"Type":"Delivered"}]}"#;
    assert_eq!(
        details(body).err(),
        Some("an event without a readable ReceivedAt")
    );
    assert_eq!(
        streams(br#"{"MessageStreams":[{"Name":"x"}]}"#).err(),
        Some("a stream without ID")
    );
}

#[test]
fn a_flaw_tells_cut_from_foreign() {
    let whole = recorded!("postmarker_outbound_details_delivered");
    assert_eq!(details(b"").err(), Some("it is empty"));
    assert_eq!(
        details(&whole[..whole.len() / 2]).err(),
        Some("it is cut short")
    );
    assert_eq!(details(b"<html>").err(), Some("it is not JSON"));
    assert_eq!(
        details(br#"{"MessageID":[]}"#).err(),
        Some("it is JSON of an unknown shape")
    );
}

#[test]
fn an_envelope_is_one_only_with_a_code() {
    let code = |body: &str| wire::envelope(body.as_bytes()).map(|e| e.code);
    assert_eq!(code(r#"{"ErrorCode":412}"#), Some(412));
    assert_eq!(code(r#"{"ErrorCode":"412","Message":null}"#), Some(412));
    assert_eq!(code(r#"{"ErrorCode":0,"Message":"OK"}"#), None);
    assert_eq!(code(r#"{"Message":"An error has occurred."}"#), None);
    assert_eq!(code("<html>"), None);
}

#[test]
fn a_list_beyond_what_was_asked_for_is_refused() {
    let page = |items: usize| {
        let item = r#"{"MessageID":"m","ReceivedAt":"2026-01-01T00:00:00Z"}"#;
        let items = vec![item; items].join(",");
        messages(
            format!(r#"{{"TotalCount":1,"Messages":[{items}]}}"#).as_bytes(),
            &StreamId::from("outbound"),
        )
    };
    assert_eq!(page(500).map(|page| page.items.len()), Ok(500));
    let unknown = Some("it is JSON of an unknown shape");
    assert_eq!(page(501).err(), unknown);
    let recipients = vec!["\"\""; 1_001].join(",");
    let body = format!(r#"{{"MessageID":"m","Recipients":[{recipients}]}}"#);
    assert_eq!(details(body.as_bytes()).err(), unknown);
}

#[test]
fn texts_are_kept_up_to_a_length_and_ids_whole_or_not_at_all() {
    let stream = StreamId::from("outbound");
    let long = "ü".repeat(5_000);
    let body = format!(
        r#"{{"TotalCount":1,"Bounces":[{{"ID":1,"Type":"Blocked","BouncedAt":"2026-01-01T00:00:00Z",
            "Email":"{long}","Tag":"{long}","Description":"{long}"}}]}}"#
    );
    let page = bounces(body.as_bytes(), &stream).expect("valid");
    let bounce = &page.items[0];
    let lengths = [&bounce.recipient, &bounce.description].map(|text| text.chars().count());
    assert_eq!(lengths, [1_000, 1_000]);
    assert_eq!(bounce.tag, Some("ü".repeat(1_000)));

    let id = "i".repeat(201);
    for (body, flaw) in [
        (
            format!(r#"{{"TotalCount":1,"Messages":[{{"MessageID":"{id}"}}]}}"#),
            "a message whose MessageID is too long",
        ),
        (
            format!(
                r#"{{"TotalCount":1,"Bounces":[{{"ID":1,"Type":"{id}","BouncedAt":"2026-01-01T00:00:00Z"}}]}}"#
            ),
            "a bounce whose Type is too long",
        ),
        (
            format!(r#"{{"TotalCount":1,"Bounces":[{{"ID":1,"Type":"x","MessageID":"{id}"}}]}}"#),
            "a bounce whose MessageID is too long",
        ),
        (
            format!(r#"{{"MessageStreams":[{{"ID":"{id}"}}]}}"#),
            "a stream whose ID is too long",
        ),
    ] {
        assert!(flaws(body.as_bytes()).contains(&Some(flaw)), "{flaw}");
    }
}

fn documents() -> Vec<Vec<u8>> {
    [
        recorded!("airbyte_message_streams"),
        recorded!("postmarker_outbound_list_count1"),
        recorded!("postmarker_bounces_list_count2_offset0"),
        recorded!("postmarker_outbound_details_delivered"),
        recorded!("postmarker_outbound_details_bounced"),
        recorded!("issue_pipedream10254_401_code10"),
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

fn is_instant(at: Timestamp) -> bool {
    (Timestamp::MIN..=Timestamp::MAX).contains(&at)
}

fn is_text(text: &str) -> bool {
    text.chars().count() <= 1_000
}

fn mail() -> impl Strategy<Value = Mail> {
    let instant = Timestamp::MIN.0 + 86_400_000..Timestamp::MAX.0 - 86_400_000;
    let tag = prop::option::of("\\PC{1,30}");
    let recipients = prop::collection::vec("[a-z<>&|@é]{1,20}", 0..4);
    ("[0-9a-f-]{1,36}", instant, any::<bool>(), tag, recipients).prop_map(
        |(id, at, queued, tag, recipients)| Mail {
            id,
            stream: StreamId::from("outbound"),
            sent_at: Timestamp(at),
            status: if queued { Status::Queued } else { Status::Sent },
            tag,
            recipients,
        },
    )
}

fn written(mail: &Mail) -> serde_json::Value {
    let status = if mail.status == Status::Queued {
        "Queued"
    } else {
        "Sent"
    };
    json!({
        "MessageID": mail.id, "ReceivedAt": mail.sent_at.to_string(), "Status": status, "Tag": mail.tag,
        "Recipients": mail.recipients, "Cc": null, "Subject": "not read", "TrackOpens": true,
    })
}

fn bodies() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        recorded!("airbyte_message_streams"),
        recorded!("postmarker_outbound_list_count1"),
        recorded!("postmarker_bounces_list_count2_offset0"),
        recorded!("postmarker_outbound_details_delivered"),
        recorded!("postmarker_error_422_701_opens_not_found"),
    ])
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        flaws(&body);
        let _ = wire::envelope(&body);
    }

    #[test]
    fn a_mutated_answer_is_refused_or_holds_what_an_answer_must(body in mutated(documents())) {
        let stream = StreamId::from("outbound");
        let _ = wire::envelope(&body);
        if let Ok(page) = messages(&body, &stream) {
            prop_assert!(page.items.len() <= 500);
            for mail in page.items {
                prop_assert!((1..=200).contains(&mail.id.len()) && is_instant(mail.sent_at));
                prop_assert!(mail.tag.iter().chain(&mail.recipients).all(|text| is_text(text) && !text.is_empty()));
            }
        }
        if let Ok(page) = bounces(&body, &stream) {
            for bounce in page.items {
                prop_assert!((1..=200).contains(&bounce.kind.len()) && is_instant(bounce.at));
                prop_assert!(is_text(&bounce.recipient) && is_text(&bounce.description));
                prop_assert!(bounce.message.is_none_or(|id| (1..=200).contains(&id.len())));
            }
        }
        if let Ok(list) = streams(&body) {
            let streams = list.streams;
            prop_assert!(streams.len() <= 500 && streams.iter().all(|s| (1..=200).contains(&s.id.0.len())));
        }
        if let Ok(details) = details(&body) {
            prop_assert!(details.proof.delivered_at.iter().chain(&details.proof.bounced_at).all(|at| is_instant(*at)));
            prop_assert!(details.recipients.iter().all(|text| is_text(text)));
        }
    }

    #[test]
    fn what_was_written_is_what_is_read(mails in prop::collection::vec(mail(), 0..20), total in 0u64..100_000) {
        let items: Vec<serde_json::Value> = mails.iter().map(written).collect();
        let body = json!({ "TotalCount": total, "Messages": items }).to_string();
        let page = messages(body.as_bytes(), &StreamId::from("outbound")).expect("valid");
        prop_assert_eq!((page.items, page.total), (mails, total));
    }

    #[test]
    fn a_cut_answer_is_never_taken_for_a_whole_one(body in bodies(), at in any::<Index>()) {
        let end = body.trim_ascii_end().len();
        let cut = &body[..at.index(end)];
        prop_assert!(flaws(cut).iter().all(Option::is_some));
    }
}
