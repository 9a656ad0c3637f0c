//! One server of a simulated Postmark, as a test or the demo holds it.

use std::time::Duration;

use crate::model::{DAY, Span, Timestamp};
use crate::sim::fault::{Fault, Plan};

use super::edit;
use super::generate;
use super::ledger::{Stream, StreamType};
use super::mail::{Bounce, Mail};
use super::profile::Profile;
use super::server::Server;
use super::suppressions::Suppressed;
use super::truth::{self, Truth};
use super::world::Shared;

/// A cheap clone that names a server. A stream that is named and unknown is made, as a transactional one.
#[derive(Clone)]
pub struct ServerHandle {
    world: Shared,
    name: String,
}

/// Settings.
impl ServerHandle {
    pub(super) fn new(world: Shared, name: &str) -> Self {
        Self {
            world,
            name: name.to_owned(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its token.
    pub fn token(&self) -> String {
        self.with(|server| server.token.clone())
    }

    /// Gives it another token; the old one is refused from now on.
    pub fn set_token(&self, token: &str) {
        self.with(|server| token.clone_into(&mut server.token));
    }

    /// Makes it a sandbox server, or a live one.
    pub fn set_sandbox(&self, sandbox: bool) {
        self.with(|server| server.sandbox = sandbox);
    }

    /// Has its mail come from another address than `sender@example.com`.
    pub fn set_sender(&self, address: &str) {
        self.with(|server| address.clone_into(&mut server.sender));
    }

    /// Shows only what is at most so many days old; 45 to begin with.
    pub fn set_retention(&self, days: u32) {
        self.with(|server| server.retention = days * DAY);
    }

    /// Whether `TotalCount` stops at 10,000; it is exact to begin with.
    pub fn set_total_capped(&self, capped: bool) {
        self.with(|server| server.caps_total = capped);
    }

    /// Gives this share of mails (0 to 1) a body of more than 2 MiB.
    pub fn set_big_bodies(&self, share: f64) {
        self.with(|server| server.big_bodies = share);
    }

    /// Adds a stream, or changes its type.
    pub fn add_stream(&self, id: &str, kind: StreamType) {
        self.with(|server| server.stream_mut(id).kind = kind);
    }

    /// Archives a stream at this instant.
    pub fn archive_stream(&self, id: &str, at: Timestamp) {
        self.with(|server| server.stream_mut(id).archived = Some(at));
    }

    /// Takes a stream away, as Postmark does 45 days after it was archived.
    pub fn remove_stream(&self, id: &str) {
        self.with(|server| server.streams.retain(|stream| stream.id != id));
    }
}

/// The ledger.
impl ServerHandle {
    /// Adds the mails of `span` as `profile` has them.
    pub fn generate(&self, stream: &str, span: Span, profile: &Profile) {
        let several = self.world.lock().quirks.several_recipients;
        let share = if several {
            profile.several_recipients
        } else {
            0.0
        };
        let profile = profile.clone().several_recipients(share);
        self.with(|server| generate::generate(server, stream, span, &profile));
    }

    /// Adds a flow of so many mails an hour at nearly equal gaps, two of three with one of these tags. It takes no memory,
    /// however much it sends; of what edits a ledger, only `stop_sending` and `flow_bounces` change it.
    pub fn flow(&self, stream: &str, span: Span, per_hour: u32, tags: &[&str]) {
        self.with(|server| server.stream_mut(stream).flow(span, per_hour, tags));
    }

    /// A share (0 to 1) of what the flows so far send in `span` bounces seconds after sending, in place of what bounced of it.
    pub fn flow_bounces(&self, stream: &str, span: Span, share: f64, kind: &str) {
        self.with(|server| {
            for flow in server.stream_mut(stream).flows_mut() {
                flow.bounce(span, share, kind);
            }
        });
    }

    /// Adds one mail, with the ids it lacks; its id.
    pub fn push(&self, mail: Mail) -> String {
        self.with(|server| server.push(mail))
    }

    /// Adds a bounce that belongs to no listed mail, as an `SMTPApiError` does; its id.
    pub fn push_bounce(&self, stream: &str, kind: &str, at: Timestamp, recipient: &str) -> i64 {
        self.with(|server| {
            let id = server.bounce_id();
            server.stream_mut(stream).push_orphan(Bounce {
                id,
                kind: kind.to_owned(),
                at,
                recipient: recipient.to_owned(),
            });
            id
        })
    }

    /// Puts an address on the list of a stream: `reason` is such as `HardBounce` or `ManualSuppression`, `origin` such as
    /// `Customer`; what is of origin `Admin` only Postmark takes off.
    pub fn suppress(
        &self,
        stream: &str,
        address: &str,
        (reason, origin): (&str, &str),
        at: Timestamp,
    ) {
        self.with(|server| {
            server.suppressed.push(Suppressed {
                stream: stream.to_owned(),
                address: address.to_owned(),
                reason: reason.to_owned(),
                origin: origin.to_owned(),
                at,
            });
        });
    }

    /// Takes out the mails sent in `span`, as if they never were.
    pub fn stop_sending(&self, stream: &str, span: Span) {
        self.with(|server| server.stream_mut(stream).remove(span));
    }

    /// The mails sent in `span` stay, and are never delivered, nor do they bounce.
    pub fn stop_delivery(&self, stream: &str, span: Span) {
        self.with(|server| edit::stop_delivery(server, stream, span, false));
    }

    /// The mails sent in `span` stay queued.
    pub fn queued(&self, stream: &str, span: Span) {
        self.with(|server| edit::stop_delivery(server, stream, span, true));
    }

    /// A share (0 to 1) of the mails sent in `span` bounces seconds after sending; how many do. Earlier bounces stay.
    pub fn bounce_wave(&self, stream: &str, span: Span, share: f64, kind: &str) -> usize {
        self.late_bounce_wave(stream, span, share, kind, Duration::ZERO)
    }

    /// As [`ServerHandle::bounce_wave`], so much later.
    pub fn late_bounce_wave(
        &self,
        stream: &str,
        span: Span,
        share: f64,
        kind: &str,
        later: Duration,
    ) -> usize {
        self.with(|server| edit::bounce_wave(server, stream, span, (share, kind), later))
    }

    /// At `at`, recipients of the last `n` delivered mails complain, under addresses at `domain`; how many could.
    pub fn complaints(&self, stream: &str, at: Timestamp, n: usize, domain: &str) -> usize {
        self.with(|server| edit::complaints(server, stream, at, n, domain))
    }

    /// The mails sent in `span` are not found before `until`: the index is behind.
    pub fn hide(&self, stream: &str, span: Span, until: Timestamp) {
        self.with(|server| server.stream_mut(stream).hide(span, until));
    }

    /// The mails sent in `span`, oldest first, with their future.
    pub fn mails(&self, stream: &str, span: Span) -> Vec<Mail> {
        self.settled(|server, _| {
            let stream = server.stream(stream);
            let entries = stream.map(|s| s.sent(span).map(|e| s.mail(&e).into_owned()));
            entries.into_iter().flatten().collect()
        })
    }

    /// What happened in `span`, up to the simulated instant, whether it is found yet or not.
    pub fn truth(&self, stream: &str, span: Span) -> Truth {
        self.settled(|server, now| {
            let stream = server.stream(stream);
            stream.map_or_else(Truth::default, |s: &Stream| truth::truth(s, span, now))
        })
    }
}

/// Faults, and what was asked.
impl ServerHandle {
    /// Adds a fault for requests with this server's token.
    pub fn fail(&self, plan: Plan<Fault>) {
        self.with(|server| server.faults.add(plan));
    }

    /// The next `times` requests get this fault.
    pub fn next(&self, times: u32, fault: Fault) {
        self.fail(Plan::next(times, fault));
    }

    /// Every request gets this fault until [`ServerHandle::clear_faults`].
    pub fn always(&self, fault: Fault) {
        self.fail(Plan::always(fault));
    }

    /// Ends all faults of this server.
    pub fn clear_faults(&self) {
        self.with(|server| server.faults.clear());
    }

    /// How many requests with this server's token had `part` in their `path?query`.
    pub fn count(&self, part: &str) -> usize {
        let world = self.world.lock();
        let mine = |server: &Option<String>| server.as_deref() == Some(&self.name);
        let requests = world.requests.iter().filter(|r| mine(&r.server));
        requests.filter(|r| r.target().contains(part)).count()
    }
}

impl ServerHandle {
    fn with<T>(&self, act: impl FnOnce(&mut Server) -> T) -> T {
        let mut world = self.world.lock();
        let place = world.place_of(&self.name);
        act(&mut world.servers[place])
    }

    fn settled<T>(&self, read: impl FnOnce(&Server, Timestamp) -> T) -> T {
        let now = self.world.lock().now;
        self.with(|server| {
            server.settle();
            read(server, now)
        })
    }
}
