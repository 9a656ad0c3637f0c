//! A handle to one server of the simulated Postmark, for tests and the demo.

use std::time::Duration;

use crate::model::{DAY, Span, Timestamp};
use crate::sim::fault::{Fault, Plan};

use super::edit;
use super::email::SentMail;
#[cfg(any(test, feature = "sim"))]
use super::expected::{self, ExpectedStats};
use super::generate;
use super::ledger::StreamType;
use super::mail::{Bounce, Mail};
use super::profile::Profile;
use super::server::Server;
use super::suppressions::Suppressed;
use super::world::Shared;

/// A handle to a server; clones are cheap. Methods that name an unknown stream create it, as a transactional one.
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

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the token.
    pub fn token(&self) -> String {
        self.with(|server| server.token.clone())
    }

    /// Makes this a sandbox server, or a live one.
    pub fn set_sandbox(&self, sandbox: bool) {
        self.with(|server| server.sandbox = sandbox);
    }

    /// Sets the sender of all mail; the default is `sender@example.com`.
    pub fn set_sender(&self, address: &str) {
        self.with(|server| address.clone_into(&mut server.sender));
    }

    /// Sets the retention in days; the default is 45.
    pub fn set_retention(&self, days: u32) {
        self.with(|server| server.retention = days * DAY);
    }

    /// Sets whether `TotalCount` stops at 10,000; by default it is exact.
    pub fn set_total_capped(&self, capped: bool) {
        self.with(|server| server.caps_total = capped);
    }

    /// Sets the share of mails (0 to 1) that have a body of more than 2 MiB.
    pub fn set_big_bodies(&self, share: f64) {
        self.with(|server| server.big_bodies = share);
    }

    /// Sets what becomes of the mail that clients send from now on.
    pub fn set_sent_mail(&self, sent: SentMail) {
        self.with(|server| server.sent_mail = sent);
    }

    /// Adds a stream, or changes its type.
    pub fn add_stream(&self, id: &str, kind: StreamType) {
        self.with(|server| server.stream_mut(id).kind = kind);
    }

    /// Archives a stream at this instant.
    pub fn archive_stream(&self, id: &str, at: Timestamp) {
        self.with(|server| server.stream_mut(id).archived = Some(at));
    }

    /// Removes a stream, as Postmark does 45 days after it was archived.
    pub fn remove_stream(&self, id: &str) {
        self.with(|server| server.streams.retain(|stream| stream.id != id));
    }
}

/// The ledger.
impl ServerHandle {
    /// Adds mails sent in `span`, generated from `profile`.
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

    /// Adds this many mails an hour at nearly equal gaps; two of three have one of these tags. They take no memory, however
    /// many they are; of the methods that edit a ledger, only `stop_sending` and `bounce_traffic` affect them.
    pub fn add_traffic(&self, stream: &str, span: Span, per_hour: u32, tags: &[&str]) {
        self.with(|server| server.stream_mut(stream).add_traffic(span, per_hour, tags));
    }

    /// Makes a share (0 to 1) of the traffic in `span` bounce seconds after sending, instead of what bounced of it before.
    pub fn bounce_traffic(&self, stream: &str, span: Span, share: f64, kind: &str) {
        self.with(|server| {
            for traffic in server.stream_mut(stream).traffic_mut() {
                traffic.bounce(span, share, kind);
            }
        });
    }

    /// Adds one mail, filling in missing ids; returns its id.
    pub fn push(&self, mail: Mail) -> String {
        self.with(|server| server.push(mail))
    }

    /// Adds a bounce without a listed mail, such as an `SMTPApiError`; returns its id.
    pub fn push_bounce(&self, stream: &str, kind: &str, at: Timestamp, recipient: &str) -> i64 {
        self.with(|server| {
            let id = server.next_bounce_id();
            server.stream_mut(stream).push_orphan(Bounce {
                id,
                kind: kind.to_owned(),
                at,
                recipient: recipient.to_owned(),
            });
            id
        })
    }

    /// Adds an address to the suppression list of a stream. `reason` is one of Postmark's, such as `HardBounce` or
    /// `ManualSuppression`, and so is `origin`, such as `Customer`; only Postmark can remove one of origin `Admin`.
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

    /// Removes the mails sent in `span`, as if nothing had been sent.
    pub fn stop_sending(&self, stream: &str, span: Span) {
        self.with(|server| server.stream_mut(stream).remove(span));
    }

    /// Removes the deliveries and bounces of the mails sent in `span`; the mails stay.
    pub fn stop_delivery(&self, stream: &str, span: Span) {
        self.with(|server| edit::stop_delivery(server, stream, span, false));
    }

    /// Keeps the mails sent in `span` queued.
    pub fn keep_queued(&self, stream: &str, span: Span) {
        self.with(|server| edit::stop_delivery(server, stream, span, true));
    }

    /// Makes a share (0 to 1) of the mails sent in `span` bounce seconds after sending, besides those that bounced already;
    /// returns how many.
    pub fn bounce_wave(&self, stream: &str, span: Span, share: f64, kind: &str) -> usize {
        self.late_bounce_wave(stream, span, share, kind, Duration::ZERO)
    }

    /// As [`ServerHandle::bounce_wave`], but the bounces arrive `later` than that.
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

    /// Adds complaints at `at` by recipients of the last `n` delivered mails, with addresses at `domain`; returns how many.
    pub fn add_complaints(&self, stream: &str, at: Timestamp, n: usize, domain: &str) -> usize {
        self.with(|server| edit::complaints(server, stream, at, n, domain))
    }

    /// Delays the index, so that the mails sent in `span` are not found before `until`.
    pub fn delay_index(&self, stream: &str, span: Span, until: Timestamp) {
        self.with(|server| server.stream_mut(stream).hide(span, until));
    }

    /// Returns the mails sent in `span`, oldest first, including what happens to them later.
    pub fn mails(&self, stream: &str, span: Span) -> Vec<Mail> {
        self.read_sorted(|server, _| {
            let stream = server.stream(stream);
            let entries = stream.map(|s| s.sent(span).map(|e| s.mail(&e).into_owned()));
            entries.into_iter().flatten().collect()
        })
    }

    /// Returns the figures of `span` up to the simulated instant, whether the index has caught up or not.
    #[cfg(any(test, feature = "sim"))]
    pub fn expected(&self, stream: &str, span: Span) -> ExpectedStats {
        self.read_sorted(|server, now| {
            let stream = server.stream(stream);
            stream.map_or_else(ExpectedStats::default, |s: &super::ledger::Stream| {
                expected::compute(s, span, now)
            })
        })
    }
}

/// Faults and requests.
impl ServerHandle {
    /// Adds a fault for requests with this server's token.
    pub fn fail(&self, plan: Plan<Fault>) {
        self.with(|server| server.faults.add(plan));
    }

    /// Applies `fault` to the next `times` requests.
    pub fn next(&self, times: u32, fault: Fault) {
        self.fail(Plan::next(times, fault));
    }

    /// Applies `fault` to every request until [`ServerHandle::clear_faults`].
    pub fn always(&self, fault: Fault) {
        self.fail(Plan::always(fault));
    }

    /// Removes all faults of this server.
    pub fn clear_faults(&self) {
        self.with(|server| server.faults.clear());
    }

    /// Returns the number of requests with this server's token whose `path?query` contains `part`.
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
        let place = world.server_index(&self.name);
        act(&mut world.servers[place])
    }

    fn read_sorted<T>(&self, read: impl FnOnce(&Server, Timestamp) -> T) -> T {
        let now = self.world.lock().now;
        self.with(|server| {
            server.sort();
            read(server, now)
        })
    }
}
