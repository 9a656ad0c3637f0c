//! Lists of messages and bounces by what an operator knows of them.

use serde::{Deserialize, Serialize};

use crate::model::{StreamId, Timestamp, rfc3339};
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::Error;
use crate::postmark::search::summary::{self, MessageSummary};
use crate::postmark::server::{Page, Server};
use crate::postmark::{eastern, wire};

/// The types of bounces that Postmark documents.
pub const KINDS: [&str; 22] = [
    "HardBounce",
    "Transient",
    "Unsubscribe",
    "Subscribe",
    "AutoResponder",
    "AddressChange",
    "DnsError",
    "SpamNotification",
    "OpenRelayTest",
    "Unknown",
    "SoftBounce",
    "VirusNotification",
    "ChallengeVerification",
    "BadEmailAddress",
    "SpamComplaint",
    "ManuallyDeactivated",
    "Unconfirmed",
    "Blocked",
    "SMTPApiError",
    "InboundError",
    "DMARCPolicy",
    "TemplateRenderingFailed",
];

/// From when to when, open where an end is `None`. Postmark's bounds are wider: its answer may hold a little more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Which messages are asked for; each field that is `Some` narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    pub recipient: Option<String>,
    pub from: Option<String>,
    pub tag: Option<String>,
    /// `queued`, `sent` or `processed`, of which the last two mean the same.
    pub status: Option<String>,
    pub window: Window,
}

/// Which bounces are asked for; each field that is `Some` narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BounceFilter {
    pub recipient: Option<String>,
    pub tag: Option<String>,
    /// Of this type, one of [`KINDS`].
    pub kind: Option<String>,
    pub message: Option<String>,
    /// Whether the address was made inactive by it and still is.
    pub inactive: Option<bool>,
    pub window: Window,
}

/// A bounce as a list shows it, and as scripts read it. All text is from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BounceRow {
    /// Postmark's id of it; wrapped into the negative above `i64::MAX`.
    pub id: i64,
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    #[serde(rename = "type")]
    pub kind: String,
    pub recipient: String,
    /// The id of its message, where Postmark names it.
    pub message: Option<String>,
    pub tag: Option<String>,
    pub description: String,
    pub details: String,
    pub inactive: bool,
    /// Whether it can be activated again.
    pub can_activate: bool,
}

impl Window {
    pub fn holds(self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl Server {
    /// Returns `count` messages of `stream` that fit, skipping the newest `offset`; newest first. One request.
    ///
    /// `count` is at most [`crate::postmark::PAGE`]; `offset` + `count` above [`crate::postmark::MAX_RESULTS`] is refused.
    ///
    /// # Errors
    /// `Refused` where Postmark does not understand a filter; else any [`crate::postmark::ErrorKind`].
    pub async fn search_messages(
        &self,
        stream: &StreamId,
        filter: &MessageFilter,
        count: u32,
        offset: u32,
    ) -> Result<Page<MessageSummary>, Error> {
        let [from_date, to_date] = eastern::window(filter.window.since, filter.window.until);
        let filters = [
            ("recipient", filter.recipient.clone()),
            ("fromemail", filter.from.clone()),
            ("tag", filter.tag.clone()),
            ("status", filter.status.clone()),
            from_date,
            to_date,
        ];
        let what = ("list the messages", "/messages/outbound");
        let request = self.list(what, Some(stream), (count, offset), &filters);
        self.0.fetch(&request, messages).await
    }

    /// Returns `count` bounces and complaints of `stream` that fit, skipping the newest `offset`; newest first. One request.
    /// Without a stream those of `outbound`.
    pub async fn search_bounces(
        &self,
        stream: Option<&StreamId>,
        filter: &BounceFilter,
        count: u32,
        offset: u32,
    ) -> Result<Page<BounceRow>, Error> {
        let [from_date, to_date] = eastern::window(filter.window.since, filter.window.until);
        let filters = [
            ("emailFilter", filter.recipient.clone()),
            ("tag", filter.tag.clone()),
            ("type", filter.kind.clone()),
            ("messageID", filter.message.clone()),
            ("inactive", filter.inactive.map(|is_so| is_so.to_string())),
            from_date,
            to_date,
        ];
        let what = ("list the bounces", "/bounces");
        let request = self.list(what, stream, (count, offset), &filters);
        self.0.fetch(&request, bounces).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Bounce {
    #[serde(rename = "ID")]
    id: Option<wire::Integer>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    bounced_at: Option<String>,
    #[serde(rename = "MessageID")]
    message_id: Option<String>,
    tag: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    email: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    description: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    details: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    inactive: bool,
    #[serde(default, deserialize_with = "wire::or_default")]
    can_activate: bool,
}

pub(super) fn messages(body: &[u8]) -> Result<Page<MessageSummary>, Flaw> {
    convert::page(body, |list| list.messages, summary::summary)
}

pub(super) fn bounces(body: &[u8]) -> Result<Page<BounceRow>, Flaw> {
    convert::page(body, |list| list.bounces, bounce)
}

fn bounce(item: Bounce) -> Result<BounceRow, Flaw> {
    let kind = convert::optional(item.kind.as_deref()).ok_or("a bounce without Type")?;
    let (id, at) = (
        item.id.and_then(|id| id.wrapped()),
        item.bounced_at.as_deref(),
    );
    Ok(BounceRow {
        id: id.ok_or("a bounce without ID")?,
        at: convert::time(at, "a bounce without a readable BouncedAt")?,
        kind,
        recipient: convert::truncate(item.email),
        message: convert::optional(item.message_id.as_deref()),
        tag: convert::optional(item.tag.as_deref()),
        description: convert::truncate(item.description),
        details: convert::truncate(item.details),
        inactive: item.inactive,
        can_activate: item.can_activate,
    })
}
