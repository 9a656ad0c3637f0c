//! Lists of messages and bounces by what an operator knows of them.

use reqwest::Url;
use serde::Deserialize;

use crate::model::{StreamId, Timestamp};
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::Error;
use crate::postmark::exchange::Ask;
use crate::postmark::search::summary::{self, Message, MessageSummary};
use crate::postmark::server::{LIST_LIMIT, Page, Server};
use crate::postmark::{eastern, quote, wire};

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
    /// Then or later.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

/// Which messages are asked for; each field that is `Some` narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// To this address.
    pub recipient: Option<String>,
    /// From this address.
    pub from: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// `queued`, `sent` or `processed`, of which the last two mean the same.
    pub status: Option<String>,
    /// When they were sent.
    pub window: Window,
}

/// Which bounces are asked for; each field that is `Some` narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BounceFilter {
    /// Of addresses that hold this text.
    pub recipient: Option<String>,
    /// Of messages with this tag.
    pub tag: Option<String>,
    /// Of this type, one of [`KINDS`].
    pub kind: Option<String>,
    /// Of this message.
    pub message: Option<String>,
    /// Whether the address was made inactive by it and still is.
    pub inactive: Option<bool>,
    /// When they happened.
    pub window: Window,
}

/// A bounce as a list tells it. All text is from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceRow {
    /// Postmark's id of it; wrapped into the negative above `i64::MAX`.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Postmark's `Type`.
    pub kind: String,
    /// Whose.
    pub recipient: String,
    /// Of which message, where Postmark names it.
    pub message: Option<String>,
    /// That message's tag, if it has one.
    pub tag: Option<String>,
    /// What the type means.
    pub description: String,
    /// What the receiver said.
    pub details: String,
    /// Whether the address is inactive since.
    pub inactive: bool,
    /// Whether it can be activated again.
    pub can_activate: bool,
}

impl Window {
    /// Whether `at` lies in it.
    pub fn holds(self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl Server {
    /// `count` messages of `stream` that fit, skipping the newest `offset`; newest first. One request.
    ///
    /// `count` is at most [`crate::postmark::PAGE`]; `offset` + `count` above [`crate::postmark::CAP`] is refused.
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
        let narrowed = [
            ("recipient", filter.recipient.clone()),
            ("fromemail", filter.from.clone()),
            ("tag", filter.tag.clone()),
            ("status", filter.status.clone()),
            ("fromdate", filter.window.since.map(eastern::from)),
            ("todate", filter.window.until.map(eastern::to)),
        ];
        let path = ["messages", "outbound"];
        let ask = Ask {
            doing: format!("list the messages of stream `{}`", quote::clean(&stream.0)),
            path: "/messages/outbound",
            stream: Some(stream),
            url: self.search_url(&path, Some(stream), &narrowed, (count, offset)),
            limit: LIST_LIMIT,
        };
        self.caller().fetch(&ask, messages).await
    }

    /// `count` bounces and complaints of `stream` that fit, skipping the newest `offset`; newest first. One request.
    /// Without a stream those of `outbound`.
    ///
    /// # Errors
    /// Those of [`Server::search_messages`].
    pub async fn search_bounces(
        &self,
        stream: Option<&StreamId>,
        filter: &BounceFilter,
        count: u32,
        offset: u32,
    ) -> Result<Page<BounceRow>, Error> {
        let narrowed = [
            ("emailFilter", filter.recipient.clone()),
            ("tag", filter.tag.clone()),
            ("type", filter.kind.clone()),
            ("messageID", filter.message.clone()),
            (
                "inactive",
                filter.inactive.map(|inactive| inactive.to_string()),
            ),
            ("fromdate", filter.window.since.map(eastern::from)),
            ("todate", filter.window.until.map(eastern::to)),
        ];
        let of = stream.map_or_else(String::new, |s| {
            format!(" of stream `{}`", quote::clean(&s.0))
        });
        let ask = Ask {
            doing: format!("list the bounces{of}"),
            path: "/bounces",
            stream,
            url: self.search_url(&["bounces"], stream, &narrowed, (count, offset)),
            limit: LIST_LIMIT,
        };
        self.caller().fetch(&ask, bounces).await
    }

    fn search_url<const N: usize>(
        &self,
        path: &[&str],
        stream: Option<&StreamId>,
        narrowed: &[(&str, Option<String>); N],
        (count, offset): (u32, u32),
    ) -> Url {
        let (count, offset) = (count.to_string(), offset.to_string());
        let mut url = self
            .caller()
            .url(path, &[("count", &count), ("offset", &offset)]);
        let stream = stream.map(|stream| ("messagestream", stream.0.as_str()));
        let narrowed = narrowed
            .iter()
            .filter_map(|(k, v)| Some((*k, v.as_deref()?)));
        url.query_pairs_mut()
            .extend_pairs(stream.into_iter().chain(narrowed));
        url
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Messages {
    total_count: Option<wire::Integer>,
    #[serde(default, deserialize_with = "wire::list")]
    messages: Option<Vec<Message>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Bounces {
    total_count: Option<wire::Integer>,
    #[serde(default, deserialize_with = "wire::list")]
    bounces: Option<Vec<Bounce>>,
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
    let answer: Messages = convert::json(body)?;
    convert::page(answer.total_count, answer.messages, summary::summary)
}

pub(super) fn bounces(body: &[u8]) -> Result<Page<BounceRow>, Flaw> {
    let answer: Bounces = convert::json(body)?;
    convert::page(answer.total_count, answer.bounces, bounce)
}

fn bounce(item: Bounce) -> Result<BounceRow, Flaw> {
    let kind = convert::given(item.kind.as_deref()).ok_or("a bounce without Type")?;
    let at = item.bounced_at.as_deref();
    Ok(BounceRow {
        id: item
            .id
            .and_then(|id| id.wrapped())
            .ok_or("a bounce without ID")?,
        at: convert::time(at, "a bounce without a readable BouncedAt")?,
        kind: convert::cut(kind.to_owned()),
        recipient: convert::cut(item.email),
        message: convert::optional(item.message_id.as_deref()),
        tag: convert::optional(item.tag.as_deref()),
        description: convert::cut(item.description),
        details: convert::cut(item.details),
        inactive: item.inactive,
        can_activate: item.can_activate,
    })
}
