//! Everything that Postmark tells of one message.

use serde::Deserialize;

use crate::model::Timestamp;
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::{Error, ErrorKind};
use crate::postmark::exchange::Ask;
use crate::postmark::search::shown;
use crate::postmark::search::summary::{self, MessageSummary};
use crate::postmark::server::{LIST_LIMIT, Server, is_message_id};
use crate::postmark::wire;

/// A message with what became of it. All text is from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The message itself.
    pub message: MessageSummary,
    /// What became of it, in no particular order.
    pub events: Vec<Event>,
}

/// Something that became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// When; `None` where Postmark's time cannot be read.
    pub at: Option<Timestamp>,
    /// Postmark's `Type`, such as `Delivered`, `Transient`, `Bounced`, `Opened` or `LinkClicked`.
    pub kind: String,
    /// Whose.
    pub recipient: String,
    /// The receiver's server, where there is one.
    pub server: Option<String>,
    /// What was said of it: the receiver's answer, a summary, the link that was followed.
    pub text: Option<String>,
    /// The bounce, where it is one.
    pub bounce: Option<i64>,
}

impl Server {
    /// The message with this `MessageID`, and its events. One request; the answer may be megabytes.
    ///
    /// # Errors
    /// `NotFound` for a message unknown or beyond retention (without a request where `id` cannot be one), `TooLarge` above
    /// 32 MiB; else any [`ErrorKind`].
    pub async fn timeline(&self, id: &str) -> Result<Timeline, Error> {
        const DOING: &str = "read the details of a message";
        if !is_message_id(id) {
            return Err(Error::new(DOING, ErrorKind::NotFound));
        }
        let path = ["messages", "outbound", id, "details"];
        let ask = Ask {
            doing: DOING.to_owned(),
            path: "/messages/outbound/{id}/details",
            stream: None,
            url: self.caller().url(&path, &[]),
            limit: LIST_LIMIT,
        };
        self.caller().fetch(&ask, timeline).await
    }
}

/// What details have beside the message.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Course {
    #[serde(default, deserialize_with = "wire::entries")]
    message_events: Vec<Happening>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Happening {
    #[serde(rename = "Type", default, deserialize_with = "wire::or_default")]
    kind: String,
    received_at: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    recipient: String,
    details: Option<About>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct About {
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
    let course: Course = convert::json(body)?;
    let events = course.message_events.into_iter().map(event).collect();
    Ok(Timeline { message, events })
}

fn event(happening: Happening) -> Event {
    let about = happening.details.unwrap_or_default();
    let said = [
        about.delivery_message,
        about.link,
        about.summary,
        about.origin,
    ];
    Event {
        at: shown(happening.received_at.as_deref()),
        kind: convert::cut(happening.kind),
        recipient: convert::cut(happening.recipient),
        server: convert::optional(about.destination_server.as_deref()),
        text: said.iter().find_map(|s| convert::optional(s.as_deref())),
        bounce: about.bounce_id.and_then(|id| id.wrapped()),
    }
}
