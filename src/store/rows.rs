//! What the store takes and gives, in domain words.

mod waiting;

use std::collections::BTreeMap;

use crate::model::{
    BounceClass, Coverage, Feedback, Incident, Mute, ServerName, StandingAnswer, StreamKey,
    Timestamp, Transition,
};

pub use waiting::{HeldRows, MergedRows, SplitRow};

/// The state of the polls of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerState {
    /// The first cycle ever, whether it succeeded or not.
    pub first_start_at: Timestamp,
    pub last_cycle_at: Option<Timestamp>,
    pub last_complete_at: Option<Timestamp>,
    /// The first cycle in a row that was not complete.
    pub incomplete_since: Option<Timestamp>,
    pub incomplete_cycles: u64,
    pub reason: Option<String>,
}

/// Which of Postmark's servers is behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerIdentity {
    /// Postmark's number of it.
    pub number: i64,
    /// Whether it is a Sandbox, which delivers nothing; `None` until Postmark said so or not.
    pub sandbox: Option<bool>,
}

impl ServerIdentity {
    /// Returns whether it is known to be a Sandbox.
    pub fn is_sandbox(&self) -> bool {
        self.sandbox == Some(true)
    }
}

/// A server that takes the place of another under its name, because a person said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedServer {
    pub name: ServerName,
    pub number: i64,
    pub at: Timestamp,
}

/// One poll of one server, for `explain` and `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollRow {
    pub at: Timestamp,
    /// Requests made, retries included.
    pub requests: u64,
    /// Whether everything of the period was read.
    pub complete: bool,
    pub reason: Option<String>,
}

/// A sampled message whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSample {
    pub id: String,
    pub sent_at: Timestamp,
    pub checked_at: Option<Timestamp>,
}

/// A message to add to the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleCandidate {
    pub id: String,
    pub sent_at: Timestamp,
    pub tag: Option<String>,
    /// Its first recipient, which `recent` shows.
    pub recipient: String,
}

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
    /// A fault of hushwatch itself, which is never stored.
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

/// The message that later steps of the same incidents edit, and in whose thread they are told.
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

/// A message that was set aside: no attempt to post it was ever confirmed, and no further one is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    pub seq: i64,
    pub incident: Option<String>,
    pub headline: String,
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

/// The exclusive right to work on one thing, for a limited time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    pub name: String,
    pub holder: String,
    /// The fencing token, which grows each time the lease changes hands.
    pub fence: i64,
}

impl Lease {
    const SERVER: &str = "server ";

    pub fn name_for_server(server: &ServerName) -> String {
        format!("{}{server}", Self::SERVER)
    }

    pub fn server_from_name(name: &str) -> Option<ServerName> {
        name.strip_prefix(Self::SERVER).map(ServerName::from)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAttempt {
    Taken(Lease),
    Held {
        by: String,
        /// Until when, by the store's clock, unless it is renewed.
        until: Timestamp,
    },
}

/// What a cycle decided: committed together or not at all.
#[derive(Clone, Debug, Default)]
pub struct CycleCommit {
    /// Polls, with the server's state after them.
    pub servers: Vec<(ServerName, ServerState, PollRow)>,
    /// What is stored of the servers before these is set aside.
    pub accepted: Vec<AcceptedServer>,
    pub incidents: Vec<Incident>,
    pub transitions: Vec<(Transition, String)>,
    pub messages: Vec<NewMessage>,
    /// When it was decided, where no poll and no transition says so.
    pub at: Option<Timestamp>,
    /// What people said of incidents, by their ids.
    pub feedback: Vec<(String, Feedback)>,
    pub mutes: Vec<Mute>,
    /// The numbers of mutes that end at that time.
    pub ended_mutes: Vec<i64>,
    /// Which answers were read for it.
    pub answers: Vec<AnswersRead>,
    /// The leases of what was evaluated, which are released with it; where one was lost, nothing is stored.
    pub leases: Vec<Lease>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TransitionRow {
    pub transition: Transition,
    pub text: String,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastDigest {
    pub until: Timestamp,
    pub message: NewMessage,
}

/// What the first message of a database says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueHello {
    /// Whether it takes the place of one that was lost.
    pub is_anew: bool,
}

/// One event for `recent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// A number that is unique among events of its kind.
    pub id: i64,
    /// `None` for a delivery.
    pub class: Option<BounceClass>,
    pub message: Option<String>,
    pub recipient: Option<String>,
    pub tag: Option<String>,
    /// Postmark's bounce type.
    pub kind: Option<String>,
    pub description: Option<String>,
    pub at: Timestamp,
}

/// Something worth a line in the digest, and no alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub at: Timestamp,
    pub server: ServerName,
    /// What a person reads, after the server's name.
    pub text: String,
}

/// How a new list of the account's servers differs from the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerListChange {
    /// Whether none was listed before: then nobody joined, all were found.
    pub first: bool,
    /// Servers that are called otherwise than before: what they were called, and what they are called now.
    pub renamed: Vec<(ServerName, ServerName)>,
    pub joined: Vec<ServerName>,
    pub left: Vec<ServerName>,
}

/// What a stream sent in a span, and what bounced in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Messages.
    pub sent: u64,
    /// By class; none where there was none.
    pub bounces: BTreeMap<BounceClass, u64>,
}

/// An incident, with its last step and what a person said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentRow {
    pub incident: Incident,
    pub last_step: TransitionRow,
    pub feedback: Option<Feedback>,
}

/// The number of messages and bounces of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    pub sent: u64,
    pub bounces: u64,
}

/// A watched stream in a few figures.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFigures {
    pub stream: StreamKey,
    pub last_sent: Option<Timestamp>,
    /// When its history begins; `None` before the first start.
    pub first_seen_at: Option<Timestamp>,
    /// Messages by the hour, or by the span in which they were counted, in no order: where each begins, and how many.
    pub sent: Vec<(Timestamp, u64)>,
    /// Where its messages were seen.
    pub seen: Coverage,
}
