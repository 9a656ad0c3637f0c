//! What the store takes and gives, in domain words.

mod messages;
mod waiting;

use std::collections::BTreeMap;

use crate::model::{
    BounceClass, Coverage, Feedback, Incident, Mute, ServerName, StreamId, StreamKey, Timestamp,
    Transition,
};

#[cfg(any(test, feature = "charts"))]
pub use messages::PicturePlace;
pub use messages::{
    AnswerableMessage, AnswersRead, AttemptOutcome, AttemptResult, AttemptRow, GivenUp, Handle,
    MessageKind, MessageThread, NewMessage, NotificationRow, OutboxRow, Placement, Thread,
    UnconfirmedAttempt,
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

/// What Postmark listed of a server's streams, when it was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownStreamList {
    /// Those that there are, whether they are watched or not.
    pub listed: Vec<StreamId>,
    /// Those that the configuration named, and that there are not.
    pub missing: Vec<StreamId>,
}

/// When a server's [`KnownStreamList`] was fetched without a flaw, and with which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamListFetch {
    pub at: Timestamp,
    /// A digest of the token and the settings that decide what the list says.
    pub settings_digest: String,
}

/// How lively a stream is that has had mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPulse {
    pub stream: StreamId,
    /// When its newest message was sent.
    pub newest: Timestamp,
    /// The messages of its busiest hour; where they were counted, of its busiest counted span.
    pub peak: u64,
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
    /// Its id at Postmark.
    pub id: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its tag, if it has one.
    pub tag: Option<String>,
    /// Its first recipient, which `recent` shows.
    pub recipient: String,
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

/// A name under which something of one of Postmark's servers is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerName {
    pub name: ServerName,
    /// Postmark's number of the server.
    pub number: i64,
    pub last_cycle_at: Option<Timestamp>,
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
