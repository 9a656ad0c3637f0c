//! `/message-streams/{id}/suppressions/…` and `PUT /bounces/{id}/activate`: the suppressed addresses.

use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::sim::http::ReceivedRequest;

use super::bounces;
use super::eastern;
use super::http::{Refusal, View};
use super::quirks::Quirks;
use super::server::Server;

pub(super) const PARAMETERS: &[&str] = &[
    "SuppressionReason",
    "Origin",
    "fromdate",
    "todate",
    "EmailAddress",
];

/// The maximum number of addresses that one request can reactivate.
const MAX_DELETED: usize = 50;

/// An address on the suppression list of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suppressed {
    pub(super) stream: String,
    pub(super) address: String,
    pub(super) reason: String,
    pub(super) origin: String,
    pub(super) at: Timestamp,
}

/// An address that was reactivated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lifted {
    stream: String,
    address: String,
    at: Timestamp,
    /// Whether the list was shown since; the first answer still contains the address.
    shown: bool,
}

/// Returns the stream and the last part of a path below a suppression list.
pub(super) fn parts_of(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/message-streams/")?;
    rest.split_once("/suppressions/")
}

/// Returns the id in the path that activates a bounce.
pub(super) fn bounce_in(path: &str) -> Option<&str> {
    path.strip_prefix("/bounces/")?.strip_suffix("/activate")
}

/// Returns whether the address was reactivated after `since`.
pub(super) fn is_lifted(server: &Server, stream: &str, address: &str, since: Timestamp) -> bool {
    let same = |l: &&Lifted| l.stream == stream && l.address.eq_ignore_ascii_case(address);
    server.lifted.iter().any(|l| same(&l) && since <= l.at)
}

/// Answers with the whole list, which is not paged.
pub(super) fn dump(
    server: &mut Server,
    (quirks, now): (Quirks, Timestamp),
    stream: &str,
    received: &ReceivedRequest,
) -> Result<String, Refusal> {
    let lags = quirks.late_suppressions;
    let list = list(server, stream, now, lags)?;
    let fits = |s: &&Suppressed| {
        let is = |name: &str, value: &str| received.query(name).is_none_or(|v| v == value);
        is("SuppressionReason", &s.reason)
            && is("Origin", &s.origin)
            && received
                .query("EmailAddress")
                .is_none_or(|a| s.address.eq_ignore_ascii_case(a))
    };
    let stamp = |at| eastern::stamp(at, 12, Quirks::default());
    let rows: Vec<Value> = list
        .iter()
        .filter(fits)
        .map(|s| {
            json!({
                "EmailAddress": s.address, "SuppressionReason": s.reason, "Origin": s.origin,
                "CreatedAt": stamp(s.at),
            })
        })
        .collect();
    for lifted in &mut server.lifted {
        lifted.shown |= lifted.stream == stream;
    }
    Ok(json!({ "Suppressions": rows }).to_string())
}

/// Reactivates addresses; each gets an answer of its own.
pub(super) fn delete(
    server: &mut Server,
    now: Timestamp,
    stream: &str,
    body: &[u8],
) -> Result<String, Refusal> {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let wanted = body["Suppressions"].as_array().cloned().unwrap_or_default();
    if wanted.is_empty() || wanted.len() > MAX_DELETED {
        let text = "Between 1 and 50 suppressions must be given.";
        return Err(Refusal::invalid(1402, text));
    }
    let list = list(server, stream, now, false)?;
    let answers: Vec<Value> = wanted
        .iter()
        .map(|wish| answer(server, now, stream, &list, wish))
        .collect();
    Ok(json!({ "Suppressions": answers }).to_string())
}

/// Reactivates the address of a bounce.
pub(super) fn activate(
    server: &mut Server,
    (quirks, now): (Quirks, Timestamp),
    id: &str,
) -> Result<String, Refusal> {
    let view = View {
        server,
        quirks,
        now,
    };
    let Some((stream, bounce, item)) = bounces::find(&view, id) else {
        return Err(Refusal::invalid(1001, "The bounce was not found."));
    };
    if bounce.kind == bounces::COMPLAINT {
        let text = "This bounce cannot be activated.";
        return Err(Refusal::invalid(1003, text));
    }
    lift(server, &stream, &bounce.recipient, now);
    let mut item = item;
    item["Inactive"] = json!(false);
    Ok(json!({ "Message": "OK", "Bounce": item }).to_string())
}

/// Returns the suppression list of a stream: addresses added by hand, and those with hard bounces and complaints.
fn list(server: &Server, id: &str, now: Timestamp, lags: bool) -> Result<Vec<Suppressed>, Refusal> {
    let Some(stream) = server.stream(id) else {
        let text = "The message stream for the provided 'ID' was not found.";
        return Err(Refusal::invalid(1226, text));
    };
    let put = server.suppressed.iter().filter(|s| s.stream == id);
    let mut list: Vec<Suppressed> = put.cloned().collect();
    for listed in stream.bounces(super::messages::ALWAYS) {
        let bounce = &listed.bounce;
        if !bounces::is_inactive(&bounce.kind) {
            continue;
        }
        let reason = match bounce.kind.as_str() {
            bounces::COMPLAINT => bounces::COMPLAINT,
            "ManuallyDeactivated" => "ManualSuppression",
            _ => "HardBounce",
        };
        list.push(Suppressed {
            stream: id.to_owned(),
            address: bounce.recipient.clone(),
            reason: reason.to_owned(),
            origin: "Recipient".to_owned(),
            at: bounce.at,
        });
    }
    let off = |s: &Suppressed| {
        server.lifted.iter().any(|l| {
            let same = l.stream == id && l.address.eq_ignore_ascii_case(&s.address);
            same && s.at <= l.at && (l.shown || !lags)
        })
    };
    list.retain(|s| s.at <= now && !off(s));
    list.sort_by(|a, b| (&a.address, a.at).cmp(&(&b.address, b.at)));
    list.dedup_by(|later, first| later.address.eq_ignore_ascii_case(&first.address));
    Ok(list)
}

fn answer(
    server: &mut Server,
    now: Timestamp,
    stream: &str,
    list: &[Suppressed],
    wish: &Value,
) -> Value {
    let address = wish["EmailAddress"].as_str().unwrap_or_default();
    let failed = |why: &str| json!({ "EmailAddress": address, "Status": "Failed", "Message": why });
    if !address.contains('@') {
        return failed("An invalid email address was provided.");
    }
    let known = list
        .iter()
        .find(|s| s.address.eq_ignore_ascii_case(address));
    if known.is_some_and(|s| s.reason == bounces::COMPLAINT || s.origin == "Admin") {
        return failed("You do not have the required authority to change this suppression.");
    }
    lift(server, stream, address, now);
    json!({ "EmailAddress": address, "Status": "Deleted", "Message": null })
}

fn lift(server: &mut Server, stream: &str, address: &str, at: Timestamp) {
    server.lifted.push(Lifted {
        stream: stream.to_owned(),
        address: address.to_owned(),
        at,
        shown: false,
    });
}
