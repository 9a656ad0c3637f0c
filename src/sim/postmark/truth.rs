//! What really happened, counted from the ledger, in messages.

use std::collections::{HashMap, HashSet};

use crate::model::{BounceClass, Span, Timestamp};

use super::ledger::Stream;

/// The figures of a span as a monitor that missed nothing would count them: in messages, without bounce testing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Sent in the span.
    pub sent: u64,
    /// Of these, delivered to anybody by the simulated instant.
    pub delivered: u64,
    /// Of these, still queued.
    pub queued: u64,
    /// With a counting bounce (hard or blocked) dated in the span.
    pub bounced: u64,
    /// With a hard bounce dated in the span.
    pub hard: u64,
    /// With a blocked one.
    pub blocked: u64,
    /// With a soft one.
    pub soft: u64,
    /// Complained of in the span.
    pub complaints: u64,
    /// With an API error dated in the span.
    pub api: u64,
    /// Sent or bounced (counting) in the span: the denominator of the bounce rate.
    pub sent_or_bounced: u64,
    /// Sent or complained of in the span: the denominator of the complaint rate.
    pub sent_or_complained: u64,
}

/// A message: the place of its mail, or the id of a bounce without one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Mail(u64),
    Nobody(i64),
}

/// The truth of `span` as of `now`; what lies after `now` has not happened.
pub(super) fn truth(stream: &Stream, span: Span, now: Timestamp) -> Truth {
    let span = Span::new(
        span.from,
        span.until.min(Timestamp(now.0.saturating_add(1))),
    );
    let mut truth = Truth::default();
    for entry in stream.sent(span).filter(|e| !e.is_bounce_test()) {
        truth.sent += 1;
        truth.queued += u64::from(entry.is_queued());
        truth.delivered += u64::from(entry.delivered_at().is_some_and(|at| at <= now));
    }
    let classes = classes(stream, span);
    let with = |class| classes.values().filter(|c| c.contains(&class)).count() as u64;
    truth.hard = with(BounceClass::Hard);
    truth.blocked = with(BounceClass::Blocked);
    truth.soft = with(BounceClass::Soft);
    truth.complaints = with(BounceClass::Complaint);
    truth.api = with(BounceClass::Api);
    let counts = |c: &HashSet<BounceClass>| c.iter().any(|class| class.counts());
    truth.bounced = classes.values().filter(|c| counts(c)).count() as u64;
    truth.sent_or_bounced = truth.sent + beyond(stream, span, counts);
    truth.sent_or_complained =
        truth.sent + beyond(stream, span, |c| c.contains(&BounceClass::Complaint));
    truth
}

/// The classes of the bounces dated in `span`, for each message that has any.
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

/// How many messages that were not sent in `span` have bounces dated there which `matter`.
fn beyond(stream: &Stream, span: Span, matter: impl Fn(&HashSet<BounceClass>) -> bool) -> u64 {
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
