//! Messages: what is written, where it belongs, what waits, and what became of each attempt.

use crate::model::{Incident, StandingAnswer, Timestamp};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Steps of incidents, while they happen or once they are no longer muted.
    Alert,
    /// Incidents that opened and were resolved while no cycle ran.
    CatchUp,
    Digest,
    /// The first message of a database.
    Hello,
    /// An edit of a message, of which nobody is notified.
    Edit,
    /// A picture in the thread of a digest. Its body says what it shows.
    Picture,
    /// A transition, as JSON, for a sink beside Slack.
    Sink,
    /// A fault of hushwatch itself; that nothing can be stored is never stored.
    Notice,
}

impl MessageKind {
    const ALL: [Self; 8] = [
        Self::Alert,
        Self::CatchUp,
        Self::Digest,
        Self::Hello,
        Self::Edit,
        Self::Picture,
        Self::Sink,
        Self::Notice,
    ];

    /// Returns the name under which it is stored, and which JSON reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::CatchUp => "catch_up",
            Self::Digest => "digest",
            Self::Hello => "hello",
            Self::Edit => "edit",
            Self::Picture => "picture",
            Self::Sink => "sink",
            Self::Notice => "notice",
        }
    }

    /// Returns the kind of that name. A kind that only a newer version knows is sent like an alert.
    pub fn from_name(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name).unwrap_or(Self::Alert)
    }
}

/// A message to send, with its text as it was when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    pub kind: MessageKind,
    /// The incident whose steps it reports, where it reports of no other.
    pub incident: Option<String>,
    /// Every incident that it names, in the order of their ids.
    pub incidents: Vec<String>,
    /// The channel it goes to; empty for the configured one.
    pub channel: String,
    pub text: String,
    pub body: String,
    pub placement: Placement,
}

/// Where a message stands among those of its incidents, where they live in one message that is edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    pub thread: Thread,
    /// What the message of the thread says from now on, in the form of a body; empty where it says the same.
    pub top: String,
    /// Whether the reply is shown in the channel too.
    pub broadcast: bool,
    /// Who is mentioned; empty for nobody.
    pub mention: String,
    /// The channel it goes to where its own refuses.
    pub fallback: Option<String>,
}

/// The message that later steps of the same incidents edit, and in whose thread they reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thread {
    /// There is none: it is a message by itself.
    #[default]
    None,
    /// It is this one.
    Opens,
    /// It is that of this row.
    Continues(i64),
}

/// A message whose incidents may go on.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageThread {
    /// The row that posted it.
    pub seq: i64,
    pub channel: String,
    /// What it names, as it is stored now.
    pub incidents: Vec<Incident>,
}

/// A message to which people may answer by emoji.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerableMessage {
    /// The row that posted it.
    pub thread: i64,
    pub channel: String,
    pub handle: Handle,
    /// When its answers were read last, by the machine's clock.
    pub read_at: Option<Timestamp>,
    /// The answers that stood below it then.
    pub seen: Vec<StandingAnswer>,
    /// What it names.
    pub incidents: Vec<Incident>,
}

/// Which answers stood below a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswersRead {
    /// The row that posted it.
    pub thread: i64,
    /// Its id at the destination, which another takes where it is posted anew.
    pub ts: String,
    /// When they were read, by the machine's clock.
    pub at: Timestamp,
    pub seen: Vec<StandingAnswer>,
}

/// Where a message lives that a row edits, and how far the row came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The id of the channel.
    pub channel: String,
    /// Its timestamp, which is its id.
    pub ts: String,
    /// Whether it was edited, so that the reply alone is left to send.
    pub is_edited: bool,
}

/// Where a picture is to be shown.
#[cfg(any(test, feature = "charts"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PicturePlace {
    /// In the thread of this message.
    Thread(Handle),
    /// Below a digest that is not posted yet.
    NotYet,
    /// Nowhere: its digest will not be posted any more, or has no thread.
    Gone,
}

/// A message not yet known to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    pub seq: i64,
    /// Its id at the destination, unique across all databases.
    pub key: String,
    pub created_at: Timestamp,
    pub message: NewMessage,
    pub attempts: u64,
    pub next_try_at: Option<Timestamp>,
    /// Attempts that may have been accepted, though no answer confirmed it.
    pub unconfirmed: Option<UnconfirmedAttempt>,
    /// The channel that took the latest message to the same destination.
    pub landed_in: Option<String>,
    /// Whether the message was edited that it changes, so that the reply alone is left to send.
    pub is_edited: bool,
}

/// Attempts whose outcome is unknown: no answer settled it, or the process died before it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnconfirmedAttempt {
    pub since: Timestamp,
    pub last: Timestamp,
    /// How many of them ended without an answer; the process died in the others.
    pub unanswered: u64,
}

/// A message that was set aside: no attempt to post it was ever accepted, and no further one is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    pub seq: i64,
    pub incident: Option<String>,
    pub headline: String,
    /// Whether each attempt was refused, so that it cannot have been posted.
    pub is_refused: bool,
}

/// How an attempt to send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    Accepted {
        channel: Option<String>,
        ts: Option<String>,
    },
    /// It failed, or its outcome is unknown.
    Failed {
        /// Why, in one line.
        why: String,
        /// Whether it may have been accepted all the same.
        unknown: bool,
        next_try_at: Option<Timestamp>,
    },
}

/// A message that names an incident, and its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRow {
    pub message: NewMessage,
    pub written_at: Timestamp,
    pub pending: bool,
    /// Whether it was given up: see [`GivenUp`].
    pub given_up: bool,
    /// When it was accepted, by the machine's clock.
    pub accepted_at: Option<Timestamp>,
    /// The channel that took it, as the destination names it.
    pub accepted_by: Option<String>,
    pub attempts: Vec<AttemptRow>,
}

/// How a stored attempt to send a message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It has begun, and no end of it was recorded: the process died in it, or is still at it.
    Begun,
    Accepted,
    Failed(String),
}

impl AttemptOutcome {
    /// Returns the text under which it is stored, and which JSON reports.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Begun => "begun",
            Self::Accepted => "accepted",
            Self::Failed(reason) => reason,
        }
    }

    /// Returns the outcome that is stored as `text`.
    pub fn from_text(text: String) -> Self {
        match text.as_str() {
            "begun" => Self::Begun,
            "accepted" => Self::Accepted,
            _ => Self::Failed(text),
        }
    }
}

/// One attempt to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// When it began, by the machine's clock.
    pub at: Timestamp,
    pub outcome: AttemptOutcome,
    /// Whether it may have been accepted, though no answer said so.
    pub unknown: bool,
}
