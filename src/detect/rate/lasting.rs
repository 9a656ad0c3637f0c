//! An excess that lasts, of mail that is too little for a window to tell: added up over days.
//!
//! A Bernoulli CUSUM (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954; M. R. Reynolds, Z. G. Stoumbos, "A CUSUM chart
//! for monitoring a proportion when inspecting continuously", Journal of Quality Technology 31, 1999): each recipient adds the logarithm
//! of how much likelier its fate is at twice the threshold than at the stream's own usual rate, and the sum never falls below zero. An
//! excursion begins with a bounce and passes the limit by chance with a probability of at most exp(-limit) (A. Wald, "Sequential tests
//! of statistical hypotheses", Annals of Mathematical Statistics 16, 1945), so the limit follows from how many bounces are usual in the
//! 45 days that share what `confidence` leaves to chance.

mod mail;
mod scan;

use std::collections::HashMap;

use crate::detect::rate::{Counting, HEALTHY_BOUNCE_RATE, RateTest, STATED_CONFIDENCE};
use crate::model::{BounceEvent, HOUR, History, LastingExcess, MarkedTime, Span, Timestamp};

pub use mail::lasting_reach;
pub(super) use mail::{MAX_REACH, sent_to_by_hours};
use mail::{RecipientsOf, events_of, hours_of};
use scan::Scan;

/// What the sum says at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lasting {
    pub state: State,
    /// From the day of its first bounce; of one that is over, the mail that showed it, and all since.
    pub window: Span,
    /// Its first bounce.
    pub since: Timestamp,
    pub excess: LastingExcess,
    /// The share of the recipients before it, where enough are known.
    pub usual: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The rate is higher than usual, and than the threshold.
    Ongoing,
    /// It was, as an incident tells, and the first mail of the window showed its end.
    Over,
    /// It was, and the mail of the last week shows no end.
    Unseen,
}

/// Returns what the bounces that count say at `at`; `None` where they say nothing.
pub(super) fn find(
    history: &History,
    at: Timestamp,
    test: &RateTest,
    counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
) -> Option<Lasting> {
    let settings = (test.healthy?, test.rule.confidence?);
    scan(history, at, test, settings, counting).result(at)
}

/// Returns how many recipients bounced up to `at`, and of how many, without those of an excess that lasts and of what a person called real:
/// the usual rate is of these.
pub(in crate::detect) fn usual_counts(
    history: &History,
    at: Timestamp,
    test: &RateTest,
    counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
) -> (f64, f64) {
    let confidence = test.rule.confidence.unwrap_or(STATED_CONFIDENCE);
    let healthy = test.healthy.unwrap_or(HEALTHY_BOUNCE_RATE);
    let past = scan(history, at, test, (healthy, confidence), counting).past;
    (past.bounced, past.recipients)
}

/// Returns the sums at `at`.
fn scan<'t>(
    history: &History,
    at: Timestamp,
    test: &'t RateTest,
    (healthy, confidence): (f64, f64),
    counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
) -> Scan<'t> {
    let alpha = 1.0 - confidence;
    let reach = history.since_beginning(lasting_reach(history, at));
    let parts = history.seen(reach);
    let recipients_of = RecipientsOf::new(history, &parts, at);
    let mut scan = Scan::new(test, healthy, alpha, reach);
    let is_own = |marked: &&MarkedTime| marked.rule == test.name;
    let marked: Vec<&MarkedTime> = history.marked.iter().filter(is_own).collect();
    let mark = |at| marked.iter().rev().find(|marked| marked.span.contains(at));
    let mut counted = HashMap::new();
    for part in parts {
        let mut events = events_of(
            history,
            part,
            &counting.counts,
            (recipients_of.unit, &mut counted),
        )
        .into_iter()
        .peekable();
        for (hours, sent) in hours_of(history, part, at) {
            let hour = hours.from;
            while let Some(before) = events.next_if(|event| *event < hour) {
                scan.bounce(before, mark(before).copied());
            }
            let within: Vec<Timestamp> =
                std::iter::from_fn(|| events.next_if(|event| *event < hour + HOUR)).collect();
            // The mail of an hour lies evenly between its bounces.
            let recipients = recipients_of.sent(hours, sent) / (within.len() + 1) as f64;
            scan.send(hour, recipients, mark(hour).copied());
            for bounced in within {
                scan.bounce(bounced, mark(bounced).copied());
                scan.send(bounced, recipients, mark(bounced).copied());
            }
        }
        for bounced in events {
            scan.bounce(bounced, mark(bounced).copied());
        }
    }
    scan
}

#[cfg(test)]
mod tests;
