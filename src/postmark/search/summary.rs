//! A message without its body, as lists and details tell it alike.

use serde::{Deserialize, Serialize};

use crate::model::{StreamId, Timestamp, rfc3339};
use crate::postmark::convert::{self, Flaw};
use crate::postmark::wire;

/// A message without its body, as scripts read it. All text is from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageSummary {
    pub id: String,
    pub stream: Option<StreamId>,
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// Postmark's `Status`, which says nothing of its delivery.
    pub status: String,
    /// The sender, as the mail names it.
    pub from: String,
    pub recipients: Vec<String>,
    pub tag: Option<String>,
    pub subject: String,
}

/// A message on the wire, as far as it is shown.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    #[serde(rename = "MessageID")]
    id: Option<String>,
    message_stream: Option<String>,
    received_at: Option<String>,
    tag: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    status: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    from: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    subject: String,
    #[serde(default, deserialize_with = "wire::entries")]
    recipients: Vec<String>,
}

pub(super) fn summary(item: Message) -> Result<MessageSummary, Flaw> {
    let id = convert::non_empty(item.id.as_deref()).ok_or("a message without MessageID")?;
    let at = item.received_at.as_deref();
    let stream = convert::optional(item.message_stream.as_deref());
    Ok(MessageSummary {
        id: convert::checked_id(id, "a message whose MessageID is too long")?.to_owned(),
        stream: stream.map(StreamId),
        at: convert::time(at, "a message without a readable ReceivedAt")?,
        status: convert::truncate(item.status),
        from: convert::truncate(item.from),
        recipients: item.recipients.into_iter().map(convert::truncate).collect(),
        tag: convert::optional(item.tag.as_deref()),
        subject: convert::truncate(item.subject),
    })
}
