//! `GET /messages/outbound`.

use std::borrow::Cow;

use serde::Serialize;

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
    let filters = &Filters::new(received);
    let found = |span: Span| {
        streams.iter().flat_map(move |stream| {
            let fits = move |entry: &Cow<'_, Entry>| {
                is_found(view, entry)
                    && status.is_none_or(|s| (s == Status::Queued) == entry.is_queued())
                    && filters.fit(view, stream, entry)
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
        .map(|(stream, entry)| {
            let mail = stream.mail(&entry);
            serde_json::to_string(&item(view, &entry, &mail)).unwrap_or_default()
        })
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

/// The filters of a query. They are applied to each mail of the window, often a million, so they are looked up once.
struct Filters<'a> {
    recipient: Option<&'a str>,
    tag: Option<&'a str>,
    subject: Option<String>,
    from: Option<&'a str>,
    has_metadata: bool,
}

impl<'a> Filters<'a> {
    fn new(received: &'a ReceivedRequest) -> Self {
        let mut names = received.query.iter().map(|(name, _)| name);
        Self {
            recipient: received.query("recipient"),
            tag: received.query("tag"),
            subject: received.query("subject").map(str::to_lowercase),
            from: received.query("fromemail"),
            has_metadata: names.any(|name| name.starts_with("metadata_")),
        }
    }

    /// Returns whether a mail fits. It is computed in full only if a filter needs it.
    fn fit(&self, view: &View<'_>, stream: &Stream, entry: &Entry) -> bool {
        if self.has_metadata {
            // No simulated mail has metadata.
            return false;
        }
        if self
            .tag
            .is_some_and(|tag| stream.tag_of(entry) != Some(tag))
        {
            return false;
        }
        if self.recipient.is_none() && self.subject.is_none() && self.from.is_none() {
            return true;
        }
        let mail = stream.mail(entry);
        let subject = self.subject.as_ref();
        self.recipient
            .is_none_or(|r| mail.recipients.iter().any(|m| m.eq_ignore_ascii_case(r)))
            && subject.is_none_or(|s| mail.subject.to_lowercase().contains(s))
            && self
                .from
                .is_none_or(|f| f.eq_ignore_ascii_case(&view.server.sender))
    }
}

/// A row of the list. Pages have 500 of them, so it is written without a tree in between.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Item<'a> {
    #[serde(rename = "MessageID")]
    id: &'a str,
    to: Vec<Address<'a>>,
    cc: [(); 0],
    bcc: [(); 0],
    recipients: &'a [String],
    received_at: String,
    from: String,
    subject: &'a str,
    attachments: [(); 0],
    status: &'static str,
    track_opens: bool,
    track_links: &'static str,
    /// Outside absent, inside `null` or the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Option<&'a str>>,
    #[serde(flatten)]
    newer: Option<Newer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introduced: Option<Introduced>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Address<'a> {
    email: &'a str,
    name: &'static str,
}

/// The fields that rows recorded in 2017 lack.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Newer<'a> {
    message_stream: &'a str,
    metadata: Empty,
    sandboxed: bool,
}

/// `{}`
#[derive(Serialize)]
struct Empty {}

/// A field that nobody knows.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Introduced {
    later: (u8, Option<()>),
}

/// Returns a row. One in eight lacks the newer fields, like those recorded in 2017; one in sixteen has an unknown field.
pub(super) fn item<'a>(view: &View<'_>, entry: &Entry, mail: &'a Mail) -> Item<'a> {
    let to = mail.recipients.iter();
    Item {
        id: &mail.id,
        to: to.map(|email| Address { email, name: "" }).collect(),
        cc: [],
        bcc: [],
        recipients: &mail.recipients,
        received_at: eastern::stamp(mail.sent_at, entry.seed, view.quirks),
        from: from(entry.seed, &view.server.sender),
        subject: &mail.subject,
        attachments: [],
        status: status_word(mail.status, entry.seed),
        track_opens: true,
        track_links: "None",
        tag: (mail.tag.is_some() || !view.quirks.absent_tag).then_some(mail.tag.as_deref()),
        newer: (!entry.seed.is_multiple_of(8)).then_some(Newer {
            message_stream: &mail.stream,
            metadata: Empty {},
            sandboxed: view.server.sandbox,
        }),
        introduced: (entry.seed % 16 == 1).then_some(Introduced { later: (1, None) }),
    }
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
