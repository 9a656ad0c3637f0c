//! A message as Slack keeps it.

use serde_json::Value;

use super::visible;

/// By which door a message came.
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
    /// Its number among all messages, from 0.
    pub order: u64,
    /// The channel it was sent to, as it was asked for.
    pub channel: String,
    /// Slack's id of the message in its channel.
    pub ts: String,
    /// The message to whose thread it belongs, if any.
    pub thread_ts: Option<String>,
    /// The fallback text, as it came.
    pub text: String,
    /// The blocks, as they came.
    pub blocks: Vec<Value>,
    /// What a person sees, a line each: the blocks, or the text where there is none.
    pub plain: String,
    /// Every mention, link and command that Slack would make of it, in blocks and text, such as `<!channel>`.
    pub markup: Vec<String>,
    /// The metadata, if any.
    pub metadata: Option<Value>,
    /// By which door it came.
    pub via: Via,
}

impl Received {
    /// The message of a payload that was checked.
    pub(super) fn of(payload: &Value, channel: &str, order: u64, ts: String, via: Via) -> Self {
        let string = |name: &str| payload[name].as_str().map(str::to_owned);
        let blocks = payload["blocks"].as_array().cloned().unwrap_or_default();
        let seen = visible::of(payload);
        Self {
            order,
            channel: channel.to_owned(),
            ts,
            thread_ts: string("thread_ts"),
            text: string("text").unwrap_or_default(),
            blocks,
            plain: seen.lines.join("\n"),
            markup: seen.markup,
            metadata: payload.get("metadata").filter(|m| !m.is_null()).cloned(),
            via,
        }
    }
}
