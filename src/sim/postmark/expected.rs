//! The figures a monitor should show, counted from the ledger, in messages.

use std::collections::{HashMap, HashSet};

use crate::model::{BounceClass, Span, Timestamp};

use super::ledger::Stream;

/// The figures of a span as a monitor that missed nothing would count them: in messages, without bounce tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedStats {
    /// Messages sent in the span.
    pub sent: u64,
    /// Of these, delivered to any recipient by the simulated instant.
    pub delivered: u64,
    /// Of these, still queued.
    pub queued: u64,
    /// Messages with a counting bounce (hard or blocked) dated in the span.
    pub bounced: u64,
    /// Messages with a hard bounce dated in the span.
    pub hard: u64,
    /// Messages with a blocked bounce.
    pub blocked: u64,
    /// Messages with a soft bounce.
    pub soft: u64,
    /// Messages with a complaint dated in the span.
    pub complaints: u64,
    /// Messages with an API error dated in the span.
    pub api: u64,
    /// Messages sent, or with a counting bounce, in the span: the denominator of the bounce rate.
    pub sent_or_bounced: u64,
    /// Messages sent, or with a complaint, in the span: the denominator of the complaint rate.
    pub sent_or_complained: u64,
}

/// A message: the index of its mail, or the id of a bounce without a mail.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Mail(u64),
    Nobody(i64),
}

/// Computes the figures of `span` as of `now`.
pub(super) fn compute(stream: &Stream, span: Span, now: Timestamp) -> ExpectedStats {
    let span = Span::new(
        span.from,
        span.until.min(Timestamp(now.0.saturating_add(1))),
    );
    let mut stats = ExpectedStats::default();
    for entry in stream.sent(span).filter(|e| !e.is_bounce_test()) {
        stats.sent += 1;
        stats.queued += u64::from(entry.is_queued());
        stats.delivered += u64::from(entry.delivered_at().is_some_and(|at| at <= now));
    }
    let classes = classes(stream, span);
    let with = |class| classes.values().filter(|c| c.contains(&class)).count() as u64;
    stats.hard = with(BounceClass::Hard);
    stats.blocked = with(BounceClass::Blocked);
    stats.soft = with(BounceClass::Soft);
    stats.complaints = with(BounceClass::Complaint);
    stats.api = with(BounceClass::Api);
    let counts = |c: &HashSet<BounceClass>| c.iter().any(|class| class.counts());
    stats.bounced = classes.values().filter(|c| counts(c)).count() as u64;
    stats.sent_or_bounced = stats.sent + count_sent_elsewhere(stream, span, counts);
    stats.sent_or_complained =
        stats.sent + count_sent_elsewhere(stream, span, |c| c.contains(&BounceClass::Complaint));
    stats
}

/// Returns the classes of the bounces dated in `span`, for each message that has any.
fn classes(stream: &Stream, span: Span) -> HashMap<Whose, HashSet<BounceClass>> {
    let mut classes: HashMap<Whose, HashSet<BounceClass>> = HashMap::new();
    for listed in stream.bounces(span) {
        let whose = match &listed.of {
            Some((place, _)) => Whose::Mail(*place),
            None => Whose::Nobody(listed.bounce.id),
        };
        if let Some(class) = listed.bounce.counted_class() {
            classes.entry(whose).or_default().insert(class);
        }
    }
    classes
}

/// Returns the number of messages not sent in `span` with bounces dated there that `matter`.
fn count_sent_elsewhere(
    stream: &Stream,
    span: Span,
    matter: impl Fn(&HashSet<BounceClass>) -> bool,
) -> u64 {
    let mut places: HashMap<u64, Timestamp> = HashMap::new();
    for listed in stream.bounces(span) {
        if let Some((place, mail)) = listed.of {
            places.insert(place, mail.sent_at);
        }
    }
    let elsewhere = |whose: &Whose| match whose {
        Whose::Mail(place) => places.get(place).is_none_or(|at| !span.contains(*at)),
        Whose::Nobody(_) => true,
    };
    let classes = classes(stream, span);
    let found = classes.iter().filter(|(w, c)| elsewhere(w) && matter(c));
    found.count() as u64
}
