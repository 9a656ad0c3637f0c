//! `GET /messages/outbound`.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::model::{MINUTE, Span, Status, Timestamp};
use crate::sim::http::ReceivedRequest;

use super::eastern;
use super::http::{Refusal, View};
use super::ledger::{Entry, Stream};
use super::mail::Mail;
use super::query;

pub(super) const PARAMETERS: &[&str] = &[
    "count",
    "offset",
    "recipient",
    "fromemail",
    "tag",
    "subject",
    "status",
    "fromdate",
    "todate",
    "messagestream",
];

/// Postmark's error code for an invalid query of messages.
const INVALID: i64 = 700;

/// The default sender of simulated mail.
pub(super) const SENDER: &str = "sender@example.com";

pub(super) fn list(view: &View<'_>, received: &ReceivedRequest) -> Result<String, Refusal> {
    let page = query::page(view, received, INVALID)?;
    let span = query::window(view, received, INVALID)?;
    let status = status(received)?;
    let streams = query::streams(view, received, false)?;
    let found = |span: Span| {
        streams.iter().flat_map(move |stream| {
            let fits = move |entry: &Cow<'_, Entry>| {
                is_found(view, entry)
                    && status.is_none_or(|s| (s == Status::Queued) == entry.is_queued())
                    && fits(view, received, stream, entry)
            };
            let entries = stream.sent(span).filter(fits);
            entries.map(move |entry| (*stream, entry))
        })
    };
    let total = found(span).count();
    // Of millions of mails, only those that may be on the page are sorted.
    let near = if view.quirks.newest_first {
        newest(span, page.offset.saturating_add(page.count), |part| {
            found(part).count()
        })
    } else {
        span
    };
    let mut shown: Vec<(&Stream, Cow<'_, Entry>)> = found(near).collect();
    shown.sort_by_key(|(_, entry)| entry.sent_at);
    let rows: Vec<String> = query::rows(view, shown, page)
        .map(|(stream, entry)| item(view, &entry, &stream.mail(&entry)).to_string())
        .collect();
    Ok(query::listing(view, received, "Messages", total, &rows))
}

/// Returns the newest part of `span` that contains at least `wanted` mails, or all of it.
fn newest(span: Span, wanted: usize, count: impl Fn(Span) -> usize) -> Span {
    let mut length = MINUTE;
    loop {
        let part = Span::before(span.until, length).intersect(span);
        if part == span || count(part) >= wanted {
            return part;
        }
        length = length.saturating_mul(4);
    }
}

/// Returns whether the index has caught up with the mail.
pub(super) fn is_found(view: &View<'_>, entry: &Entry) -> bool {
    !view.quirks.late_index || entry.found_at() <= view.now
}

/// Returns whether the mail was sent by now and is within the retention.
pub(super) fn is_kept(view: &View<'_>, entry: &Entry) -> bool {
    let from = view.now - view.server.retention;
    let kept = entry.sent_at >= from || !view.quirks.retention;
    kept && entry.sent_at <= view.now
}

fn status(received: &ReceivedRequest) -> Result<Option<Status>, Refusal> {
    match received
        .query("status")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None => Ok(None),
        Some("queued") => Ok(Some(Status::Queued)),
        Some("sent" | "processed") => Ok(Some(Status::Sent)),
        Some(_) => Err(Refusal::invalid(
            INVALID,
            "Parameter 'status' has invalid value",
        )),
    }
}

/// Applies the filters that need the full mail, which is computed only if there are any.
fn fits(view: &View<'_>, received: &ReceivedRequest, stream: &Stream, entry: &Entry) -> bool {
    let filters = ["recipient", "tag", "subject", "fromemail"].map(|name| received.query(name));
    let has_metadata = received
        .query
        .iter()
        .any(|(n, _)| n.starts_with("metadata_"));
    if has_metadata {
        // No simulated mail has metadata.
        return false;
    }
    let [recipient, tag, subject, from] = filters;
    if tag.is_some_and(|tag| stream.tag_of(entry) != Some(tag)) {
        return false;
    }
    if [recipient, subject, from].iter().all(Option::is_none) {
        return true;
    }
    let mail = stream.mail(entry);
    recipient.is_none_or(|r| mail.recipients.iter().any(|m| m.eq_ignore_ascii_case(r)))
        && subject.is_none_or(|s| mail.subject.to_lowercase().contains(&s.to_lowercase()))
        && from.is_none_or(|f| f.eq_ignore_ascii_case(&view.server.sender))
}

/// Returns a row. One in eight lacks the newer fields, like those recorded in 2017; one in sixteen has an unknown field.
pub(super) fn item(view: &View<'_>, entry: &Entry, mail: &Mail) -> Value {
    let to = mail.recipients.iter();
    let to: Vec<Value> = to.map(|r| json!({ "Email": r, "Name": "" })).collect();
    let mut item = json!({
        "MessageID": mail.id,
        "To": to,
        "Cc": [],
        "Bcc": [],
        "Recipients": mail.recipients,
        "ReceivedAt": eastern::stamp(mail.sent_at, entry.seed, view.quirks),
        "From": from(entry.seed, &view.server.sender),
        "Subject": mail.subject,
        "Attachments": [],
        "Status": status_word(mail.status, entry.seed),
        "TrackOpens": true,
        "TrackLinks": "None",
    });
    if let Some(tag) = &mail.tag {
        item["Tag"] = json!(tag);
    } else if !view.quirks.absent_tag {
        item["Tag"] = Value::Null;
    }
    if !entry.seed.is_multiple_of(8) {
        item["MessageStream"] = json!(mail.stream);
        item["Metadata"] = json!({});
        item["Sandboxed"] = json!(view.server.sandbox);
    }
    if entry.seed % 16 == 1 {
        item["Introduced"] = json!({ "Later": [1, null] });
    }
    item
}

/// Returns the sender, in one of the two recorded forms.
fn from(seed: u64, sender: &str) -> String {
    match seed % 2 {
        0 => format!("Example <{sender}>"),
        _ => format!("\"Example\" <{sender}>"),
    }
}

const fn status_word(status: Status, seed: u64) -> &'static str {
    match status {
        Status::Queued => "Queued",
        Status::Sent if seed % 32 == 2 => "Processed",
        Status::Sent => "Sent",
    }
}

/// Returns the mail with this id, if it can be looked up.
pub(super) fn find_kept<'a>(
    view: &View<'_>,
    stream: &'a Stream,
    id: &str,
) -> Option<Cow<'a, Entry>> {
    let entry = stream.find(id)?;
    (is_kept(view, &entry) && is_found(view, &entry)).then_some(entry)
}

/// All of time.
pub(super) const ALWAYS: Span = Span::new(Timestamp::MIN, Timestamp(i64::MAX));
