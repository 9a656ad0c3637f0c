//! A message without its body, as lists and details tell it alike.

use serde::Deserialize;

use crate::model::{StreamId, Timestamp};
use crate::postmark::convert::{self, Flaw};
use crate::postmark::wire;

/// A message without its body. All text is from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSummary {
    /// Postmark's `MessageID`.
    pub id: String,
    /// Its stream, where Postmark tells it.
    pub stream: Option<StreamId>,
    /// When Postmark received it.
    pub at: Timestamp,
    /// Postmark's `Status`, which tells nothing of its delivery.
    pub status: String,
    /// The sender, as the mail names it.
    pub from: String,
    /// Every recipient.
    pub recipients: Vec<String>,
    /// Its tag, if it has one.
    pub tag: Option<String>,
    /// What it is about.
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
    let id = convert::given(item.id.as_deref()).ok_or("a message without MessageID")?;
    let at = item.received_at.as_deref();
    let stream = convert::optional(item.message_stream.as_deref());
    Ok(MessageSummary {
        id: convert::fitting(id, "a message whose MessageID is too long")?.to_owned(),
        stream: stream.map(StreamId),
        at: convert::time(at, "a message without a readable ReceivedAt")?,
        status: convert::cut(item.status),
        from: convert::cut(item.from),
        recipients: item.recipients.into_iter().map(convert::cut).collect(),
        tag: convert::optional(item.tag.as_deref()),
        subject: convert::cut(item.subject),
    })
}
