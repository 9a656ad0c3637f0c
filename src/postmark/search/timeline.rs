//! Everything that Postmark tells of one message.

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, rfc3339};
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::Error;
use crate::postmark::search::readable_time;
use crate::postmark::search::summary::{self, MessageSummary};
use crate::postmark::server::{MAX_LIST_BYTES, Server};
use crate::postmark::wire;

/// A message with what became of it, as scripts read it. All text is from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    #[serde(flatten)]
    pub message: MessageSummary,
    /// In no particular order.
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Event {
    /// `None` where Postmark's time cannot be read.
    #[serde(serialize_with = "rfc3339")]
    pub at: Option<Timestamp>,
    /// Postmark's `Type`, such as `Delivered`, `Transient`, `Bounced`, `Opened` or `LinkClicked`.
    #[serde(rename = "type")]
    pub kind: String,
    pub recipient: String,
    /// The receiver's server, where there is one.
    #[serde(rename = "destination")]
    pub server: Option<String>,
    /// What was said of it: the receiver's answer, a summary, the link that was followed.
    #[serde(rename = "details")]
    pub text: Option<String>,
    /// The id of the bounce, where it is one.
    pub bounce: Option<i64>,
}

impl Server {
    /// Returns the message with this `MessageID`, and its events. One request; the answer may be megabytes.
    ///
    /// # Errors
    /// As [`Server::details`], but `TooLarge` above 32 MiB.
    pub async fn timeline(&self, id: &str) -> Result<Timeline, Error> {
        let request = self.details_request(id)?.max_bytes(MAX_LIST_BYTES);
        self.0.fetch(&request, timeline).await
    }
}

/// What details have beside the message.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Events {
    #[serde(default, deserialize_with = "wire::entries")]
    message_events: Vec<EventItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventItem {
    #[serde(rename = "Type", default, deserialize_with = "wire::or_default")]
    kind: String,
    received_at: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    recipient: String,
    details: Option<EventDetails>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct EventDetails {
    delivery_message: Option<String>,
    destination_server: Option<String>,
    summary: Option<String>,
    link: Option<String>,
    origin: Option<String>,
    #[serde(rename = "BounceID")]
    bounce_id: Option<wire::Integer>,
}

/// Reads the answer twice, so that no list has room for the events that details alone have.
pub(super) fn timeline(body: &[u8]) -> Result<Timeline, Flaw> {
    let message = summary::summary(convert::json(body)?)?;
    let events: Events = convert::json(body)?;
    let events = events.message_events.into_iter().map(event).collect();
    Ok(Timeline { message, events })
}

fn event(item: EventItem) -> Event {
    let details = item.details.unwrap_or_default();
    let said = [
        details.delivery_message,
        details.link,
        details.summary,
        details.origin,
    ];
    Event {
        at: readable_time(item.received_at.as_deref()),
        kind: convert::truncate(item.kind),
        recipient: convert::truncate(item.recipient),
        server: convert::optional(details.destination_server.as_deref()),
        text: said.iter().find_map(|s| convert::optional(s.as_deref())),
        bounce: details.bounce_id.and_then(|id| id.wrapped()),
    }
}
