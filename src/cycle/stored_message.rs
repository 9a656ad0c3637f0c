//! Messages as the outbox stores them: frozen, so that a later attempt sends what was written.

use crate::model::Timestamp;
use crate::notify::grouping::ChannelMessage;
use crate::notify::{Level, Message};
use crate::store::{MessageKind, NewMessage, OutboxRow};

/// Returns the outbox row of `message`, for the configured channel and about no single incident.
pub(crate) fn to_row(kind: MessageKind, message: &Message) -> NewMessage {
    NewMessage {
        kind,
        incident: None,
        incidents: Vec::new(),
        channel: String::new(),
        text: message.to_text(),
        body: serde_json::to_string(message).unwrap_or_default(),
    }
}

/// Returns a row of a notice that is sent at once and not stored, under the id `key`.
pub(crate) fn to_unstored_row(key: String, at: Timestamp, notice: &Message) -> OutboxRow {
    OutboxRow {
        seq: 0,
        key,
        created_at: at,
        message: to_row(MessageKind::Notice, notice),
        attempts: 0,
        next_try_at: None,
        unconfirmed: None,
        landed_in: None,
    }
}

/// Returns the outbox row of a message of a cycle.
pub(crate) fn channel_row(kind: MessageKind, message: ChannelMessage) -> NewMessage {
    NewMessage {
        incident: message.incident,
        incidents: message.incidents,
        channel: message.channel,
        ..to_row(kind, &message.message)
    }
}

/// Returns the message that a row stores; where it cannot be read, one made of its text.
pub(crate) fn from_row(row: &NewMessage) -> Message {
    serde_json::from_str(&row.body).unwrap_or_else(|_| {
        let mut lines = row.text.lines().map(str::to_owned);
        let headline = lines.next().unwrap_or_default();
        Message::new(Level::Info, &headline, lines, "")
    })
}
