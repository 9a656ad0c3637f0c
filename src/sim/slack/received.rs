//! A message as Slack stores it.

use serde_json::Value;

use super::visible;

/// The interface a message was posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `chat.postMessage`.
    Bot,
    /// The incoming webhook.
    Webhook,
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The number among all messages, from 0.
    pub order: u64,
    /// The channel, as the request named it.
    pub channel: String,
    /// Slack's id of the message in its channel.
    pub ts: String,
    /// The message to whose thread it belongs, if any.
    pub thread_ts: Option<String>,
    /// Whether a reply in a thread is shown in the channel too.
    pub broadcast: bool,
    /// The fallback text, as received.
    pub text: String,
    /// The blocks, as received.
    pub blocks: Vec<Value>,
    /// What a person sees, as lines: the blocks, or the text if there are none.
    pub plain: String,
    /// Every mention, link and command that Slack would act on, in blocks and text, such as `<!channel>`.
    pub markup: Vec<String>,
    /// The metadata, if any.
    pub metadata: Option<Value>,
    /// The interface it was posted to.
    pub via: Via,
}

impl Received {
    /// Creates the message of a checked payload.
    pub(super) fn from_payload(
        payload: &Value,
        channel: &str,
        order: u64,
        ts: String,
        via: Via,
    ) -> Self {
        let string = |name: &str| payload[name].as_str().map(str::to_owned);
        let blocks = payload["blocks"].as_array().cloned().unwrap_or_default();
        let seen = visible::render(payload);
        Self {
            order,
            channel: channel.to_owned(),
            ts,
            thread_ts: string("thread_ts"),
            broadcast: payload["reply_broadcast"] == true,
            text: string("text").unwrap_or_default(),
            blocks,
            plain: seen.lines.join("\n"),
            markup: seen.markup,
            metadata: payload.get("metadata").filter(|m| !m.is_null()).cloned(),
            via,
        }
    }
}

/// A message of a channel as people see it now, with the thread below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The message, as its last edit left it.
    pub message: Received,
    /// How often it was edited.
    pub edits: usize,
    /// The replies in its thread, in order.
    pub replies: Vec<Received>,
}

impl Shown {
    /// Returns the first line of the message.
    pub fn title(&self) -> &str {
        self.message.plain.lines().next().unwrap_or_default()
    }
}
