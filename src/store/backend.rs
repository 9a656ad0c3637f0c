//! The face of the store: what every backend does, in domain words.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{
    Bounce, BounceClass, CountedSpan, Coverage, History, HourCount, Incident, Kind, Mail, Mute,
    Proof, ServerName, Span, StreamId, Tag, Ticks, Timestamp, Transition,
};
use crate::store::Error;

/// How the polls of one server went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerState {
    /// The first cycle ever, whether it succeeded or not.
    pub first_start_at: Timestamp,
    /// The last cycle.
    pub last_cycle_at: Option<Timestamp>,
    /// The last complete one.
    pub last_complete_at: Option<Timestamp>,
    /// The first cycle in a row that was not complete.
    pub incomplete_since: Option<Timestamp>,
    /// How many in a row were not complete.
    pub incomplete_cycles: u64,
    /// Why the last one was not.
    pub reason: Option<String>,
}

/// One poll of one server, for `explain` and `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollRow {
    /// The instant it took for the present.
    pub at: Timestamp,
    /// Requests made, retries included.
    pub requests: u64,
    /// Whether everything of the period was read.
    pub complete: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A message that is followed until it is proven, bounced or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedMail {
    /// Its Postmark id.
    pub id: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When its details were last read.
    pub checked_at: Option<Timestamp>,
}

/// A message that is drawn into the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Its Postmark id.
    pub id: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its tag.
    pub tag: Option<String>,
    /// Its first recipient, which `recent` shows.
    pub recipient: String,
}

/// A message to be told, frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// `alert`, `catch_up` or `digest`.
    pub kind: String,
    /// The incident it is of.
    pub incident: Option<String>,
    /// Where it goes; empty for the configured channel.
    pub channel: String,
    /// What a person reads.
    pub text: String,
    /// The message itself, as the shell wrote it.
    pub body: String,
}

/// A message not yet known to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place in line.
    pub seq: i64,
    /// What it is known by where it is sent; no other message of any database has the same.
    pub key: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The message.
    pub message: NewMessage,
    /// Attempts so far.
    pub attempts: u64,
    /// Not to be tried before this.
    pub next_try_at: Option<Timestamp>,
    /// Attempts that may have been accepted, though nobody was told.
    pub doubt: Option<Doubt>,
    /// The channel that took the latest message to the same destination.
    pub landed_in: Option<String>,
}

/// Attempts of which nobody knows how they ended: no answer settled it, or the process died before it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// When the first of them began.
    pub since: Timestamp,
    /// When the last of them began.
    pub last: Timestamp,
}

/// How an attempt to send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was accepted.
    Accepted {
        /// The channel that took it.
        channel: Option<String>,
        /// Its id there.
        ts: Option<String>,
    },
    /// It was not, or nobody knows.
    Failed {
        /// Why, in one line.
        why: String,
        /// Whether it may have been accepted all the same.
        unknown: bool,
        /// Not to be tried before this.
        next_try_at: Option<Timestamp>,
    },
}

/// The right to work on one thing, for a while.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// What it is of.
    pub name: String,
    /// Who has it.
    pub holder: String,
    /// Grows each time it is taken: one who lost it without noticing has a smaller one.
    pub fence: i64,
}

/// What became of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is ours.
    Taken(Lease),
    /// Somebody else has it.
    Held {
        /// Who.
        by: String,
        /// Until when, by the store's clock, unless it is renewed.
        until: Timestamp,
    },
}

/// What one evaluation decided: committed together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Polls, with the server's state after them.
    pub servers: Vec<(ServerName, ServerState, PollRow)>,
    /// Incidents as they are now.
    pub incidents: Vec<Incident>,
    /// Steps, each with its frozen text.
    pub transitions: Vec<(Transition, String)>,
    /// Messages to be told.
    pub messages: Vec<NewMessage>,
    /// The leases of what was judged, which are given up with it; where one was lost, nothing is stored.
    pub leases: Vec<Lease>,
}

/// A stored step.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionRow {
    /// The step, with its incident as it was after it.
    pub transition: Transition,
    /// Its frozen text.
    pub text: String,
}

/// What was told of a period, for `digest --print`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The end of the period.
    pub until: Timestamp,
    /// Its message.
    pub message: NewMessage,
}

/// One event for `recent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// A number that is unique among events of its kind.
    pub id: i64,
    /// `None` for a delivery.
    pub class: Option<BounceClass>,
    /// The message.
    pub message: Option<String>,
    /// The recipient, where it is stored.
    pub recipient: Option<String>,
    /// The message's tag.
    pub tag: Option<String>,
    /// Postmark's bounce type.
    pub kind: Option<String>,
    /// Postmark's description of it.
    pub description: Option<String>,
    /// When it happened.
    pub at: Timestamp,
}

/// Something worth a line in the digest, and no alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When it was noticed.
    pub at: Timestamp,
    /// On which server.
    pub server: ServerName,
    /// What a person reads, after the server's name.
    pub text: String,
}

/// What a new list of the account's servers changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterChange {
    /// Whether none was listed before: then nobody joined, all were found.
    pub first: bool,
    /// Servers that were not listed before.
    pub joined: Vec<ServerName>,
    /// Servers that are listed no more.
    pub left: Vec<ServerName>,
}

/// How much a call stored that was not known before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Positions, in what was given, of what was new.
    pub new: Vec<usize>,
}

/// What is stored of the mail that bears one tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagRows {
    /// Every hour with such mail, in order.
    pub hours: Vec<HourCount>,
    /// Its messages.
    pub sent: Ticks,
    /// Where it was counted, in order.
    pub counted: Vec<CountedSpan>,
}

/// How much there was of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Messages.
    pub sent: u64,
    /// Bounces and complaints of every class.
    pub bounces: u64,
}

/// A store. Every method is one transaction.
pub trait Backend: Send {
    /// Makes sure that what is written is found by the next process, where the place of the data may be taken away from
    /// under this one; what was repaired, in a sentence.
    fn mend(&mut self) -> Result<Option<String>, Error>;

    /// Writes, and takes it back: whether what a cycle will write could be written now.
    fn probe(&mut self) -> Result<(), Error>;

    /// The present, by the clock that all processes on this database share: what one writes of it, the others can judge.
    fn clock(&mut self) -> Result<Timestamp, Error>;

    /// Takes the lease of that name for `ttl`, by the store's clock, unless another holder has it. Where `alone` no other
    /// process can be at work, and whoever has it is dead.
    fn lease(
        &mut self,
        name: &str,
        holder: &str,
        ttl: Duration,
        alone: bool,
    ) -> Result<Asked, Error>;
    /// Keeps leases for another `ttl`; whether each is still held.
    fn renew(&mut self, leases: &[Lease], ttl: Duration) -> Result<Vec<bool>, Error>;
    /// Gives leases up; those that were lost stay with their new holders.
    fn release(&mut self, leases: &[Lease]) -> Result<(), Error>;
    /// The leases that others hold, with their ends.
    fn held_by_others(&mut self, holder: &str) -> Result<Vec<(String, Timestamp)>, Error>;

    /// The last cycle of any server.
    fn last_cycle_at(&mut self) -> Result<Option<Timestamp>, Error>;
    /// Forgets what was claimed for instants after `now`, back to the last cycle before it: the clock was wrong.
    fn rewind(&mut self, now: Timestamp) -> Result<(), Error>;

    /// The state of a server; a server that is new starts at `now`.
    fn server(&mut self, server: &ServerName, now: Timestamp) -> Result<ServerState, Error>;
    /// The last polls of a server, newest first.
    fn polls(&mut self, server: &ServerName, limit: u32) -> Result<Vec<PollRow>, Error>;
    /// Marks `streams` as those which Postmark lists now; others are kept, but no longer watched.
    fn save_streams(&mut self, server: &ServerName, streams: &[StreamId]) -> Result<(), Error>;
    /// The streams that are watched.
    fn streams(&mut self, server: &ServerName) -> Result<Vec<StreamId>, Error>;

    /// Stores which servers the account lists now, with Postmark's numbers; streams of those that left are no longer watched.
    fn save_roster(
        &mut self,
        listed: &[(ServerName, i64)],
        now: Timestamp,
    ) -> Result<RosterChange, Error>;
    /// The servers that the account listed last, by name.
    fn roster(&mut self) -> Result<Vec<ServerName>, Error>;
    /// Servers that left while an incident was open on them.
    fn abandoned(&mut self) -> Result<Vec<ServerName>, Error>;
    /// Stores a note.
    fn note(&mut self, note: &Note) -> Result<(), Error>;
    /// Notes of `span`, in order.
    fn notes(&mut self, span: Span) -> Result<Vec<Note>, Error>;

    /// What was listed completely.
    fn coverage(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        kind: Kind,
    ) -> Result<Coverage, Error>;
    /// Stores messages; one that is known changes no count, and one that lies where messages were counted is left out.
    /// `covered` is claimed in the same transaction.
    fn save_messages(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        mails: &[Mail],
        covered: Option<Span>,
    ) -> Result<Counted, Error>;
    /// Stores bounces; one that is known changes no count. `covered` is claimed in the same transaction.
    fn save_bounces(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        bounces: &[Bounce],
        covered: Option<Span>,
    ) -> Result<Counted, Error>;

    /// Stores how many messages were sent in a span, of one tag or of all mail, in place of all that was known of that:
    /// rows, and every count that reaches into it, of which the rest is unknown again. For all mail `covered`, which holds
    /// the span, is claimed in the same transaction.
    fn save_count(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        tag: Option<&Tag>,
        counted: &CountedSpan,
        covered: Span,
    ) -> Result<(), Error>;
    /// Forgets that anything of `span` was covered and, of messages, every count of any tag that reaches into it: it is
    /// to be read anew. Rows stay.
    fn reopen(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        kind: Kind,
        span: Span,
    ) -> Result<(), Error>;
    /// The counts of all mail that reach into `span`, in order.
    fn counted(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        span: Span,
    ) -> Result<Vec<CountedSpan>, Error>;
    /// How much there was since the hour of `since` began.
    fn volume(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        since: Timestamp,
    ) -> Result<Volume, Error>;

    /// Followed mail without news, in order of sending, after closing what bounced or was sent before `give_up_before`.
    fn open_followed(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        give_up_before: Timestamp,
    ) -> Result<Vec<FollowedMail>, Error>;
    /// Follows these from now on; one that is followed already is left as it is.
    fn follow(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        draws: &[Draw],
    ) -> Result<(), Error>;
    /// Stores what a message's details told; `None` where they cannot be had.
    fn save_proof(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        message: &str,
        proof: Option<&Proof>,
        at: Timestamp,
    ) -> Result<(), Error>;

    /// What is known of a stream; counts are exact at each of `cuts`, and at every full minute of `range`.
    fn history(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<History, Error>;

    /// What is known of each tag of a stream that was used of late, with the same precision as [`Self::history`]: every
    /// hour with its mail, and its messages. Tags of a few messages are left out.
    fn tags(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<BTreeMap<Tag, TagRows>, Error>;

    /// The latest incident of each rule, stream and tag of a server.
    fn incidents(&mut self, server: &ServerName) -> Result<Vec<Incident>, Error>;
    /// One incident.
    fn incident(&mut self, id: &str) -> Result<Option<Incident>, Error>;
    /// Steps recorded in `span`, in order of the instants that were judged.
    fn transitions(&mut self, span: Span) -> Result<Vec<TransitionRow>, Error>;
    /// Commits what was decided.
    fn commit(&mut self, judgement: &Judgement) -> Result<(), Error>;

    /// Stores a mute, and ends those whose place it takes; its number.
    fn mute(&mut self, mute: &Mute, instead_of: &[i64]) -> Result<i64, Error>;
    /// Ends mutes, unless they ended before.
    fn unmute(&mut self, mutes: &[i64], at: Timestamp) -> Result<(), Error>;
    /// The mutes that end after `after`, in the order in which they were set.
    fn mutes(&mut self, after: Timestamp) -> Result<Vec<Mute>, Error>;
    /// Messages not yet accepted that a mute holds back at `at`, by their places in line. Digests are never held.
    fn held(&mut self, at: Timestamp) -> Result<Vec<i64>, Error>;

    /// The end of the last period for which a digest was written.
    fn last_digest(&mut self) -> Result<Option<Told>, Error>;
    /// Writes a digest and its outbox row, unless one of the same period exists and `again` is false; whether it wrote.
    fn save_digest(
        &mut self,
        period: Span,
        message: &NewMessage,
        again: bool,
        now: Timestamp,
    ) -> Result<bool, Error>;
    /// The first cycle of any server.
    fn first_start_at(&mut self) -> Result<Option<Timestamp>, Error>;

    /// Rows that may be tried at `now`, in order; a row that another process took less than `lease` ago is left to it.
    fn due(&mut self, now: Timestamp, lease: Duration) -> Result<Vec<OutboxRow>, Error>;
    /// Takes a row for one attempt, which begins `now` and is in doubt until it is finished; false where another process
    /// took it.
    fn claim(&mut self, seq: i64, now: Timestamp, lease: Duration) -> Result<bool, Error>;
    /// Records how the attempt that was claimed at `began` ended.
    fn finish(
        &mut self,
        seq: i64,
        began: Timestamp,
        now: Timestamp,
        attempt: &Attempt,
    ) -> Result<(), Error>;
    /// How many watched streams ever had mail: they share the budget of false silence alarms.
    fn series(&mut self) -> Result<usize, Error>;
    /// Rows not yet accepted.
    fn pending(&mut self) -> Result<u64, Error>;

    /// The newest events by `now`, newest first.
    fn recent(&mut self, now: Timestamp, limit: u32) -> Result<Vec<EventRow>, Error>;
    /// Deletes rows of messages, bounces and followed mail older than `rows_before`, and aggregates, incidents and
    /// messages told older than `aggregates_before`.
    fn prune(&mut self, rows_before: Timestamp, aggregates_before: Timestamp) -> Result<(), Error>;
}
