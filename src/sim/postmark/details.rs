//! `GET /messages/outbound/{id}/details`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{MINUTE, Timestamp};

use super::derive;
use super::eastern;
use super::http::{Refusal, View};
use super::ledger::Entry;
use super::mail::{Bounce, Delivery, Mail};
use super::messages;

/// The size of a big body: more than the 2 MiB that a client may accept.
const BIG_BODY_BYTES: usize = 2 * 1024 * 1024 + 4096;

/// Returns the id in the path of a message's details.
pub(super) fn id_in(path: &str) -> Option<&str> {
    let id = path
        .strip_prefix("/messages/outbound/")?
        .strip_suffix("/details")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

pub(super) fn answer(view: &View<'_>, id: &str) -> Result<String, Refusal> {
    let streams = view.server.streams.iter();
    let found = streams
        .filter_map(|stream| Some((stream, messages::find_kept(view, stream, id)?)))
        .next();
    let Some((stream, entry)) = found else {
        return Err(not_found(view));
    };
    let mail = stream.mail(&entry);
    let details = Details {
        item: messages::item(view, &entry, &mail),
        message_events: events(view, &entry, &mail),
        html_body: "<p>Hello</p>",
        body: (view.quirks.body_in_details).then(|| body(view, entry.seed, &mail)),
    };
    Ok(serde_json::to_string(&details).unwrap_or_default())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details<'a> {
    #[serde(flatten)]
    item: messages::Item<'a>,
    message_events: Vec<Value>,
    html_body: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

fn not_found(view: &View<'_>) -> Refusal {
    let status = if view.quirks.unknown_message_is_422 {
        422
    } else {
        404
    };
    Refusal {
        status,
        code: 701,
        message: "This message was not found.".to_owned(),
    }
}

/// Returns the events up to now, in no particular order.
fn events(view: &View<'_>, entry: &Entry, mail: &Mail) -> Vec<Value> {
    let mut events = Vec::new();
    for delivery in mail.deliveries.iter().filter(|d| d.at <= view.now) {
        events.push(delivery_event(view, entry.seed, delivery));
    }
    for bounce in mail.bounces.iter().filter(|b| b.at <= view.now) {
        // Postmark documents no event for a complaint.
        if bounce.kind != "SpamComplaint" {
            events.push(bounce_event(view, entry.seed, bounce));
        }
    }
    for delivery in &mail.deliveries {
        events.extend(attempt_event(view, entry.seed, mail.sent_at, delivery));
        events.extend(open_event(view, entry.seed, delivery));
    }
    let turns = usize::try_from(entry.seed >> 32).unwrap_or(0);
    let turns = turns.checked_rem(events.len()).unwrap_or(0);
    events.rotate_left(turns);
    events
}

fn delivery_event(view: &View<'_>, seed: u64, delivery: &Delivery) -> Value {
    json!({
        "Recipient": delivery.recipient,
        "Type": "Delivered",
        "ReceivedAt": eastern::delivery_stamp(delivery.at, seed, view.quirks),
        "Details": {
            "DeliveryMessage": "smtp;250 2.0.0 OK",
            "DestinationServer": "mx.example.com (127.0.0.1)",
            "DestinationIP": "127.0.0.1",
        },
    })
}

fn bounce_event(view: &View<'_>, seed: u64, bounce: &Bounce) -> Value {
    let id = if view.quirks.bounce_id_is_text {
        json!(bounce.id.to_string())
    } else {
        json!(bounce.id)
    };
    json!({
        "Recipient": bounce.recipient,
        "Type": "Bounced",
        "ReceivedAt": eastern::stamp(bounce.at, seed, view.quirks),
        "Details": { "Summary": "action: failed\r\n", "BounceID": id },
    })
}

/// Returns the event for the first attempt of a slow delivery.
fn attempt_event(view: &View<'_>, seed: u64, sent_at: Timestamp, to: &Delivery) -> Option<Value> {
    let at = sent_at + MINUTE / 20;
    (to.at.since(sent_at) >= 5 * MINUTE && at <= view.now).then(|| {
        json!({
            "Recipient": to.recipient,
            "Type": "Transient",
            "ReceivedAt": eastern::stamp(at, seed, view.quirks),
            "Details": {
                "DeliveryMessage": "smtp;450 4.2.0 greylisted, try again later",
                "DestinationServer": "mx.example.com (127.0.0.1)",
                "DestinationIP": "127.0.0.1",
            },
        })
    })
}

/// Returns the event for an open: a quarter of the delivered mail is opened five minutes later. Its time is in UTC.
fn open_event(view: &View<'_>, seed: u64, delivery: &Delivery) -> Option<Value> {
    let at = delivery.at + 5 * MINUTE;
    (seed % 4 == 3 && at <= view.now).then(|| {
        json!({
            "Recipient": delivery.recipient,
            "Type": "Opened",
            "ReceivedAt": format!("{}.0000000Z", at.to_utc().format("%Y-%m-%dT%H:%M:%S")),
            "Details": { "Summary": "Email opened" },
        })
    })
}

/// Returns the source of the mail, which is oversized for a drawn share.
fn body(view: &View<'_>, seed: u64, mail: &Mail) -> String {
    let head = format!("Message-ID: <{}@mtasv.net>\r\n\r\n", mail.id);
    let draw = (derive::mix(seed) % 10_000) as f64 / 10_000.0;
    if draw < view.server.big_bodies {
        return head + &"All work and no play. ".repeat(BIG_BODY_BYTES / 22 + 1);
    }
    head + "Hello\r\n"
}
