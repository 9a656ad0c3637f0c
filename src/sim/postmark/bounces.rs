//! `GET /bounces` and `GET /deliverystats`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::http::ReceivedRequest;

use super::derive;
use super::eastern;
use super::http::{Refusal, View};
use super::ledger::{Listed, Stream};
use super::mail::Bounce;
use super::{messages, query, suppressions};

pub(super) const PARAMETERS: &[&str] = &[
    "count",
    "offset",
    "type",
    "inactive",
    "emailFilter",
    "tag",
    "messageID",
    "fromdate",
    "todate",
    "messagestream",
];

/// Postmark's error code for an invalid query of bounces.
const INVALID: i64 = 1000;

pub(super) const COMPLAINT: &str = "SpamComplaint";

/// Postmark's documented bounce types: `Type`, `TypeCode`, `Name`.
const TYPES: [(&str, i64, &str); 22] = [
    ("HardBounce", 1, "Hard bounce"),
    ("Transient", 2, "Message delayed"),
    ("Unsubscribe", 16, "Unsubscribe request"),
    ("Subscribe", 32, "Subscribe request"),
    ("AutoResponder", 64, "Auto responder"),
    ("AddressChange", 128, "Address change"),
    ("DnsError", 256, "DNS error"),
    ("SpamNotification", 512, "Spam notification"),
    ("OpenRelayTest", 1024, "Open relay test"),
    ("Unknown", 2048, "Unknown"),
    ("SoftBounce", 4096, "Soft bounce"),
    ("VirusNotification", 8192, "Virus notification"),
    (
        "ChallengeVerification",
        16384,
        "Spam challenge verification",
    ),
    ("BadEmailAddress", 100_000, "Invalid email address"),
    (COMPLAINT, 100_001, "Spam complaint"),
    ("ManuallyDeactivated", 100_002, "Manually deactivated"),
    ("Unconfirmed", 100_003, "Registration not confirmed"),
    ("Blocked", 100_006, "ISP block"),
    ("SMTPApiError", 100_007, "SMTP API error"),
    ("InboundError", 100_008, "Processing failed"),
    ("DMARCPolicy", 100_009, "DMARC policy"),
    (
        "TemplateRenderingFailed",
        100_010,
        "Template rendering failed",
    ),
];

pub(super) fn list(view: &View<'_>, received: &ReceivedRequest) -> Result<String, Refusal> {
    let page = query::page(view, received, INVALID)?;
    let span = query::window(view, received, INVALID)?;
    let kind = kind(received)?;
    let inactive = flag(received, "inactive")?;
    let mut found: Vec<(&Stream, Listed<'_>)> = Vec::new();
    for stream in query::streams(view, received, false)? {
        let listed = stream.bounces(span).filter(|listed| {
            is_found(view, &listed.bounce)
                && kind.is_none_or(|kind| listed.bounce.kind == kind)
                && inactive.is_none_or(|i| is_now_inactive(view, stream, &listed.bounce) == i)
                && fits(received, listed)
        });
        found.extend(listed.map(|listed| (stream, listed)));
    }
    found.sort_by_key(|(_, listed)| listed.bounce.at);
    let total = found.len();
    let rows: Vec<String> = query::rows(view, found, page)
        .map(|(stream, listed)| item(view, stream, &listed).to_string())
        .collect();
    Ok(query::listing(view, received, "Bounces", total, &rows))
}

fn is_found(view: &View<'_>, bounce: &Bounce) -> bool {
    let lag_ms = derive::index_lag_ms(bounce.id.cast_unsigned());
    let lag = Duration::from_millis(u64::from(lag_ms));
    (view.quirks.complaints_are_bounces || bounce.kind != COMPLAINT)
        && (!view.quirks.late_index || bounce.at + lag <= view.now)
}

fn kind(received: &ReceivedRequest) -> Result<Option<&str>, Refusal> {
    match received.query("type") {
        Some(kind) if !TYPES.iter().any(|(known, ..)| *known == kind) => {
            let text = "Parameter 'type' has invalid value";
            Err(Refusal::invalid(INVALID, text))
        }
        kind => Ok(kind),
    }
}

fn flag(received: &ReceivedRequest, name: &str) -> Result<Option<bool>, Refusal> {
    match received.query(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => {
            let text = format!("Parameter '{name}' has invalid value");
            Err(Refusal::invalid(INVALID, text))
        }
    }
}

fn fits(received: &ReceivedRequest, listed: &Listed<'_>) -> bool {
    let mail = listed.mail();
    let tag = mail.and_then(|mail| mail.tag.as_deref());
    let id = mail.map_or(String::new(), |mail| mail.id.clone());
    received.query("tag").is_none_or(|t| tag == Some(t))
        && received
            .query("messageID")
            .is_none_or(|m| m.eq_ignore_ascii_case(&id))
        && received
            .query("emailFilter")
            .is_none_or(|e| listed.bounce.recipient.contains(e))
}

/// Returns a row. One in eight lacks the newer fields, like those recorded in 2016.
fn item(view: &View<'_>, stream: &Stream, listed: &Listed<'_>) -> Value {
    let bounce = listed.bounce.as_ref();
    let seed = derive::mix(bounce.id.cast_unsigned());
    let known = TYPES.iter().find(|(kind, ..)| *kind == bounce.kind);
    let (code, name) = known.map_or((0, bounce.kind.as_str()), |(_, code, name)| (*code, *name));
    // An API error names a message that cannot be looked up.
    let id = listed
        .mail()
        .map_or_else(|| derive::id(bounce.at, seed), |mail| mail.id.clone());
    let mut item = json!({
        "ID": bounce.id,
        "Type": bounce.kind,
        "TypeCode": code,
        "Name": name,
        "MessageID": id,
        "Description": description(&bounce.kind, name),
        "Details": "action: failed\r\n",
        "Email": bounce.recipient,
        "BouncedAt": eastern::stamp(bounce.at, seed, view.quirks),
        "DumpAvailable": seed.is_multiple_of(2),
        "Inactive": is_now_inactive(view, stream, bounce),
        "CanActivate": bounce.kind != COMPLAINT,
        "Subject": listed.mail().map_or("", |mail| mail.subject.as_str()),
    });
    let tag = listed.mail().and_then(|mail| mail.tag.as_deref());
    if tag.is_some() || !view.quirks.absent_tag {
        item["Tag"] = json!(tag);
    }
    if !seed.is_multiple_of(8) {
        item["RecordType"] = json!("Bounce");
        item["ServerID"] = json!(view.server.id);
        item["MessageStream"] = json!(stream.id);
        if bounce.kind != COMPLAINT || !view.quirks.complaints_without_from {
            item["From"] = json!(messages::SENDER);
        }
    }
    item
}

/// Returns the description; the first one was recorded.
fn description<'a>(kind: &str, name: &'a str) -> &'a str {
    match kind {
        "HardBounce" => {
            "The server was unable to deliver your message (ex: unknown user, mailbox not found)."
        }
        _ => name,
    }
}

fn is_now_inactive(view: &View<'_>, stream: &Stream, bounce: &Bounce) -> bool {
    let lifted = || suppressions::is_lifted(view.server, &stream.id, &bounce.recipient, bounce.at);
    is_inactive(&bounce.kind) && !lifted()
}

/// Returns the stream of the bounce with this id, the bounce, and its row.
pub(super) fn find(view: &View<'_>, id: &str) -> Option<(String, Bounce, Value)> {
    let id: i64 = id.parse().ok()?;
    view.server.streams.iter().find_map(|stream| {
        let mut listed = stream.bounces(messages::ALWAYS);
        let listed = listed.find(|listed| listed.bounce.id == id)?;
        let shown = item(view, stream, &listed);
        let is_known = listed.bounce.at <= view.now;
        is_known.then(|| (stream.id.clone(), listed.bounce.into_owned(), shown))
    })
}

/// Returns whether a bounce of this type suppresses its address.
pub(super) fn is_inactive(kind: &str) -> bool {
    matches!(kind, "HardBounce" | COMPLAINT | "ManuallyDeactivated")
}

/// Answers `GET /deliverystats`: the number of all bounces, by type.
pub(super) fn summary(view: &View<'_>, _: &ReceivedRequest) -> Result<String, Refusal> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for stream in &view.server.streams {
        for listed in stream.bounces(messages::ALWAYS) {
            if listed.bounce.at <= view.now {
                *counts.entry(listed.bounce.kind.clone()).or_default() += 1;
            }
        }
    }
    let all: u64 = counts.values().sum();
    let inactive = counts.iter().filter(|(kind, _)| is_inactive(kind));
    let inactive: u64 = inactive.map(|(_, count)| count).sum();
    let mut rows = vec![json!({ "Name": "All", "Count": all })];
    rows.extend(counts.iter().map(|(kind, count)| {
        let known = TYPES.iter().find(|(k, ..)| *k == kind.as_str());
        json!({ "Type": kind, "Name": known.map_or(kind.as_str(), |(.., name)| name), "Count": count })
    }));
    Ok(json!({ "InactiveMails": inactive, "Bounces": rows }).to_string())
}
