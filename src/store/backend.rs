//! The face of the store: what every backend does, in domain words.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{
    AddressCheck, Bounce, BounceClass, CountedSpan, Coverage, History, Incident, Kind, Mail, Mute,
    Proof, ServerName, Span, StreamId, Tag, Timestamp,
};
use crate::store::{
    Asked, Attempt, Counted, Draw, Error, EventRow, FollowedMail, Judgement, Lease, NewMessage,
    Note, OutboxRow, PollRow, RosterChange, ServerState, TagRows, Telling, Told, TransitionRow,
    Volume,
};

/// A store. Every method is one transaction.
pub trait Backend: Send {
    /// Makes sure that what is written is found by the next process, where the place of the data may be taken away from
    /// under this one; what was repaired, in a sentence.
    fn mend(&mut self) -> Result<Option<String>, Error>;

    /// Writes, and takes it back: whether what a cycle will write could be written now.
    fn probe(&mut self) -> Result<(), Error>;

    /// Whether this version may still work on the database, which a newer one may have changed since it was opened. Also
    /// [`Self::commit`] refuses where it may not.
    fn check_schema(&mut self) -> Result<(), Error>;

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
    /// Servers of which an incident is open, or something is owed to people at the end of a mute, and that left the
    /// account, or that it never listed and nobody polled since `idle`.
    fn abandoned(&mut self, idle: Timestamp) -> Result<Vec<ServerName>, Error>;
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

    /// SampledMessage mail without news, in order of sending, after closing what bounced or was sent before `give_up_before`.
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

    /// What the list of suppressions of a stream said of each address that it was asked for.
    fn checks(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
    ) -> Result<Vec<AddressCheck>, Error>;
    /// Stores what it said, in place of what it said of that address before.
    fn save_check(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        check: &AddressCheck,
    ) -> Result<(), Error>;
    /// The last bounce of an address that counts, dated `since` or later.
    fn last_bounce_of(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        address: &str,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, Error>;

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

    /// Every step of an incident that is still stored, in the order in which they were recorded.
    fn course(&mut self, incident: &str) -> Result<Vec<TransitionRow>, Error>;
    /// The messages that name an incident, in the order in which they were written.
    fn tellings(&mut self, incident: &str) -> Result<Vec<Telling>, Error>;
    /// The polls of a server from the beginning of `span` to its end, both included, in order.
    fn polls_within(&mut self, server: &ServerName, span: Span) -> Result<Vec<PollRow>, Error>;
    /// The bounces and complaints of a stream in `span` that are of one of `classes`, newest first.
    fn marks(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        span: Span,
        classes: &[BounceClass],
        limit: u32,
    ) -> Result<Vec<EventRow>, Error>;

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
