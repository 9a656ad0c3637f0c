//! One body of SQL for every engine: what a store does, written on sessions.

mod case;
mod checks;
mod counted;
mod coverage;
mod digests;
mod followed;
mod history;
mod id;
mod incidents;
mod leases;
mod mail;
mod mutes;
mod outbox;
mod polls;
mod prune;
mod recent;
mod renamed;
mod rewind;
mod roster;
pub(in crate::store) mod schema;
mod session;
mod streams;
mod tags;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{
    AddressCheck, Bounce, BounceClass, CountedSpan, Coverage, History, Incident, Kind, Mail, Mute,
    Proof, ServerName, Span, StreamId, Tag, Timestamp,
};
use crate::store::{
    Asked, Attempt, Backend, Counted, Draw, Error, EventRow, FollowedMail, Judgement, Lease,
    NewMessage, Note, OutboxRow, PollRow, RosterChange, ServerState, TagRows, Telling, Told,
    TransitionRow, Volume,
};

use session::values;
pub(in crate::store) use session::{Row, Session, Value};

/// A database that takes this room's SQL.
pub(in crate::store) trait Engine: Send {
    /// A query for the present by the clock that every process on this database shares, in milliseconds since 1970.
    const CLOCK: &'static str;

    /// A query for the version of the schema, and for the least version that may work on it.
    const SCHEMA: &'static str;

    /// Runs `work` in one transaction that sees one state of the database and changes nothing.
    ///
    /// # Errors
    /// What `work` returns; what the engine says.
    fn read<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error>;

    /// Runs `work` in one transaction: all of it is stored, or nothing where it fails. Of two in the same scope the
    /// second begins when the first has ended.
    ///
    /// # Errors
    /// What `work` returns; what the engine says. Where the engine went away while it was to make the changes last, they
    /// may have.
    fn write<T>(
        &mut self,
        scope: Scope<'_>,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error>;

    /// See [`Backend::mend`].
    fn mend(&mut self) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

/// The name of a lease that nobody ever has.
const PROBE: &str = "(probe)";

/// What a transaction may change; two of the same scope, or one of them [`Scope::All`], never run side by side.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Scope<'a> {
    /// Anything.
    All,
    /// Leases, whose rows guard themselves.
    Leases,
    /// What belongs to one server.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "a file has one writer, whatever it writes")
    )]
    Server(&'a ServerName),
}

impl<E: Engine> Backend for E {
    fn mend(&mut self) -> Result<Option<String>, Error> {
        Engine::mend(self)
    }
    fn probe(&mut self) -> Result<(), Error> {
        let mut written = false;
        let undone = self.write(Scope::Leases, |s| {
            leases::take(s, PROBE, PROBE, Timestamp(0), Duration::ZERO, false)?;
            written = true;
            // A transaction that fails leaves nothing behind.
            Err(Error::interrupted())
        });
        if written { Ok(()) } else { undone }
    }
    fn check_schema(&mut self) -> Result<(), Error> {
        self.read(|s| schema::check(s, E::SCHEMA))
    }
    fn clock(&mut self) -> Result<Timestamp, Error> {
        self.read(|s| s.one(E::CLOCK, &[], |row| row.get(0)))
    }
    fn lease(
        &mut self,
        name: &str,
        holder: &str,
        ttl: Duration,
        alone: bool,
    ) -> Result<Asked, Error> {
        self.write(Scope::Leases, |s| {
            let now = s.one(E::CLOCK, &[], |row| row.get(0))?;
            leases::take(s, name, holder, now, ttl, alone)
        })
    }
    fn renew(&mut self, leases: &[Lease], ttl: Duration) -> Result<Vec<bool>, Error> {
        self.write(Scope::Leases, |s| {
            let now: Timestamp = s.one(E::CLOCK, &[], |row| row.get(0))?;
            leases::renew(s, leases, now + ttl)
        })
    }
    fn release(&mut self, leases: &[Lease]) -> Result<(), Error> {
        self.write(Scope::Leases, |s| {
            leases::renew(s, leases, Timestamp(0)).map(|_| ())
        })
    }
    fn held_by_others(&mut self, holder: &str) -> Result<Vec<(String, Timestamp)>, Error> {
        self.read(|s| {
            let now = s.one(E::CLOCK, &[], |row| row.get(0))?;
            leases::held_by_others(s, holder, now)
        })
    }
    fn last_cycle_at(&mut self) -> Result<Option<Timestamp>, Error> {
        self.read(polls::last_cycle_at)
    }
    fn rewind(&mut self, now: Timestamp) -> Result<(), Error> {
        self.write(Scope::All, |s| rewind::rewind(s, now))
    }
    fn server(&mut self, server: &ServerName, now: Timestamp) -> Result<ServerState, Error> {
        self.write(Scope::Server(server), |s| polls::server(s, server, now))
    }
    fn polls(&mut self, server: &ServerName, limit: u32) -> Result<Vec<PollRow>, Error> {
        self.read(|s| polls::polls(s, server, limit))
    }
    fn save_streams(&mut self, server: &ServerName, streams: &[StreamId]) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| streams::save(s, server, streams))
    }
    fn streams(&mut self, server: &ServerName) -> Result<Vec<StreamId>, Error> {
        self.read(|s| streams::watched(s, server))
    }
    fn save_roster(
        &mut self,
        listed: &[(ServerName, i64)],
        now: Timestamp,
    ) -> Result<RosterChange, Error> {
        self.write(Scope::All, |s| roster::save(s, listed, now))
    }
    fn roster(&mut self) -> Result<Vec<ServerName>, Error> {
        self.read(roster::watched)
    }
    fn abandoned(&mut self, idle: Timestamp) -> Result<Vec<ServerName>, Error> {
        self.read(|s| roster::abandoned(s, idle))
    }
    fn note(&mut self, note: &Note) -> Result<(), Error> {
        self.write(Scope::Server(&note.server), |s| roster::note(s, note))
    }
    fn notes(&mut self, span: Span) -> Result<Vec<Note>, Error> {
        self.read(|s| roster::notes(s, span))
    }
    fn coverage(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        kind: Kind,
    ) -> Result<Coverage, Error> {
        self.read(|s| coverage::of(s, server, stream, kind))
    }
    fn save_messages(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        mails: &[Mail],
        covered: Option<Span>,
    ) -> Result<Counted, Error> {
        self.write(Scope::Server(server), |s| {
            mail::save_messages(s, server, stream, mails, covered)
        })
    }
    fn save_bounces(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        bounces: &[Bounce],
        covered: Option<Span>,
    ) -> Result<Counted, Error> {
        self.write(Scope::Server(server), |s| {
            mail::save_bounces(s, server, stream, bounces, covered)
        })
    }
    fn save_count(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        tag: Option<&Tag>,
        counted: &CountedSpan,
        covered: Span,
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            counted::save(s, server, stream, tag, counted, covered)
        })
    }
    fn reopen(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        kind: Kind,
        span: Span,
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            counted::reopen(s, server, stream, kind, span)
        })
    }
    fn counted(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        span: Span,
    ) -> Result<Vec<CountedSpan>, Error> {
        self.read(|s| counted::within(s, server, stream, span))
    }
    fn volume(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        since: Timestamp,
    ) -> Result<Volume, Error> {
        self.read(|s| counted::volume(s, server, stream, since))
    }
    fn open_followed(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        give_up_before: Timestamp,
    ) -> Result<Vec<FollowedMail>, Error> {
        self.write(Scope::Server(server), |s| {
            followed::open(s, server, stream, give_up_before)
        })
    }
    fn follow(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        draws: &[Draw],
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            followed::follow(s, server, stream, draws)
        })
    }
    fn save_proof(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        message: &str,
        proof: Option<&Proof>,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            followed::save_proof(s, server, stream, message, proof, at)
        })
    }
    fn checks(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
    ) -> Result<Vec<AddressCheck>, Error> {
        self.read(|s| checks::of(s, server, stream))
    }
    fn save_check(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        check: &AddressCheck,
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            checks::save(s, server, stream, check)
        })
    }
    fn last_bounce_of(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        address: &str,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.read(|s| checks::last_bounce(s, server, stream, address, since))
    }
    fn history(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<History, Error> {
        self.read(|s| history::load(s, server, stream, range, cuts))
    }
    fn tags(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<BTreeMap<Tag, TagRows>, Error> {
        self.read(|s| history::tags(s, server, stream, range, cuts))
    }
    fn incidents(&mut self, server: &ServerName) -> Result<Vec<Incident>, Error> {
        self.read(|s| incidents::latest(s, server))
    }
    fn incident(&mut self, id: &str) -> Result<Option<Incident>, Error> {
        self.read(|s| incidents::one(s, id))
    }
    fn transitions(&mut self, span: Span) -> Result<Vec<TransitionRow>, Error> {
        self.read(|s| incidents::transitions(s, span))
    }
    fn commit(&mut self, judgement: &Judgement) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            schema::check(s, E::SCHEMA)?;
            incidents::commit(s, judgement)
        })
    }
    fn course(&mut self, incident: &str) -> Result<Vec<TransitionRow>, Error> {
        self.read(|s| case::course(s, incident))
    }
    fn tellings(&mut self, incident: &str) -> Result<Vec<Telling>, Error> {
        self.read(|s| case::tellings(s, incident))
    }
    fn polls_within(&mut self, server: &ServerName, span: Span) -> Result<Vec<PollRow>, Error> {
        self.read(|s| case::polls_within(s, server, span))
    }
    fn marks(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        span: Span,
        classes: &[BounceClass],
        limit: u32,
    ) -> Result<Vec<EventRow>, Error> {
        self.read(|s| case::marks(s, server, stream, span, classes, limit))
    }
    fn mute(&mut self, mute: &Mute, instead_of: &[i64]) -> Result<i64, Error> {
        self.write(Scope::All, |s| {
            mutes::end(s, instead_of, mute.from)?;
            mutes::add(s, mute)
        })
    }
    fn unmute(&mut self, mutes: &[i64], at: Timestamp) -> Result<(), Error> {
        self.write(Scope::All, |s| mutes::end(s, mutes, at))
    }
    fn mutes(&mut self, after: Timestamp) -> Result<Vec<Mute>, Error> {
        self.read(|s| mutes::running_after(s, after))
    }
    fn held(&mut self, at: Timestamp) -> Result<Vec<i64>, Error> {
        self.read(|s| mutes::held(s, at))
    }
    fn last_digest(&mut self) -> Result<Option<Told>, Error> {
        self.read(digests::last)
    }
    fn save_digest(
        &mut self,
        period: Span,
        message: &NewMessage,
        again: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.write(Scope::All, |s| {
            digests::save(s, period, message, again, now)
        })
    }
    fn first_start_at(&mut self) -> Result<Option<Timestamp>, Error> {
        self.read(polls::first_start_at)
    }
    fn due(&mut self, now: Timestamp, lease: Duration) -> Result<Vec<OutboxRow>, Error> {
        self.read(|s| outbox::due(s, now, lease))
    }
    fn claim(&mut self, seq: i64, now: Timestamp, lease: Duration) -> Result<bool, Error> {
        self.write(Scope::All, |s| outbox::claim(s, seq, now, lease))
    }
    fn finish(
        &mut self,
        seq: i64,
        began: Timestamp,
        now: Timestamp,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        self.write(Scope::All, |s| outbox::finish(s, seq, began, now, attempt))
    }
    fn series(&mut self) -> Result<usize, Error> {
        self.read(streams::series)
    }
    fn pending(&mut self) -> Result<u64, Error> {
        self.read(outbox::pending)
    }
    fn recent(&mut self, now: Timestamp, limit: u32) -> Result<Vec<EventRow>, Error> {
        self.read(|s| recent::recent(s, now, limit))
    }
    fn prune(&mut self, rows_before: Timestamp, aggregates_before: Timestamp) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            prune::prune(s, rows_before, aggregates_before)
        })
    }
}
