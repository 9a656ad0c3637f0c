//! Messages as the outbox stores them: frozen, so that a later attempt sends what was written.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::notify::grouping::ChannelMessage;
use crate::notify::telling::Telling;
use crate::notify::{Level, Message};
use crate::store::{MessageKind, NewMessage, OutboxRow, Placement, Thread};

/// Returns the outbox row of `message`, for the configured channel and about no single incident.
pub(crate) fn to_row(kind: MessageKind, message: &Message) -> NewMessage {
    NewMessage {
        kind,
        incident: None,
        incidents: Vec::new(),
        channel: String::new(),
        text: message.to_text(),
        body: to_body(message),
        placement: Placement::default(),
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
        is_edited: false,
    }
}

/// Returns the outbox row of a message of a cycle.
pub(crate) fn channel_row(kind: MessageKind, message: ChannelMessage) -> NewMessage {
    let target = message.target;
    NewMessage {
        incident: message.incident,
        incidents: message.incidents,
        channel: target.channel,
        placement: Placement {
            thread: match target.thread {
                Some(thread) => Thread::Continues(thread),
                None if message.opens_thread => Thread::Opens,
                None => Thread::None,
            },
            top: message.live.as_ref().map(to_body).unwrap_or_default(),
            broadcast: target.broadcast,
            mention: target.mention,
            fallback: target.fallback,
        },
        body: to_telling_body(&message.message, message.telling.as_ref()),
        ..to_row(kind, &message.message)
    }
}

/// A body that says what it tells, too, which readers of the message pass over.
#[derive(Serialize)]
struct TellingBody<'b> {
    #[serde(flatten)]
    message: &'b Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    telling: Option<&'b Telling>,
}

/// Returns `message`, which tells `telling`, in the form of a stored body.
pub(crate) fn to_telling_body(message: &Message, telling: Option<&Telling>) -> String {
    serde_json::to_string(&TellingBody { message, telling }).unwrap_or_default()
}

/// Returns what a row tells of each incident; `None` where it does not say, as one of an older version.
pub(crate) fn telling_of_row(row: &NewMessage) -> Option<Telling> {
    #[derive(Deserialize)]
    struct StoredBody {
        telling: Option<Telling>,
    }
    let notified: StoredBody = serde_json::from_str(&row.body).ok()?;
    notified.telling.filter(|telling| !telling.steps.is_empty())
}

/// Returns what the message of a thread says from this row on; `None` where the row does not say.
pub(crate) fn top_of_row(row: &NewMessage) -> Option<Message> {
    serde_json::from_str(&row.placement.top).ok()
}

/// Returns `message` in the form of a stored body.
pub(crate) fn to_body(message: &Message) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

/// Returns the message that a row stores; where it cannot be read, one made of its text.
pub(crate) fn from_row(row: &NewMessage) -> Message {
    serde_json::from_str(&row.body).unwrap_or_else(|_| {
        let mut lines = row.text.lines().map(str::to_owned);
        let headline = lines.next().unwrap_or_default();
        Message::new(Level::Info, &headline, lines, "")
    })
}
