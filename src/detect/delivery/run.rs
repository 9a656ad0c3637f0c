//! What else is known of a run of mail that was not delivered.

use std::collections::HashSet;
use std::time::Duration;

use super::{Delivered, DeliveryState, has_bounced, is_lost, state_at};
use crate::model::{DeliveredSince, History, SampledMessage, Span, Timestamp};

/// Where no more than this share of all mail bounced, sampled mail that all bounced is chance, not a silence.
const MAX_PARTIAL_BOUNCED: f64 = 0.75;

/// Returns the share that bounced of all the mail sent from the oldest to the newest of `run`, where all of `run` bounced and much
/// of that mail did not. Bounces are listed completely, the sample is a few messages of many.
pub(super) fn partial_bounced_share(
    history: &History,
    run: &[(&SampledMessage, DeliveryState)],
    at: Timestamp,
) -> Option<f64> {
    let (newest, oldest) = (run.first()?.0, run.last()?.0);
    if run
        .iter()
        .any(|(mail, state)| !has_bounced(mail, *state, at))
    {
        return None;
    }
    let span = history.whole_counts_within(Span::new(oldest.sent_at, newest.sent_at));
    let parts = history.seen(span);
    let was_sent_inside = |sent: Timestamp| parts.iter().any(|part| part.contains(sent));
    let events = history.bounce_events_in(Span::new(span.from, at)).iter();
    let bounced: HashSet<&str> = events
        .filter(|event| event.class.is_failure() && event.sent_at.is_some_and(was_sent_inside))
        .map(|event| event.message.as_str())
        .collect();
    let share = bounced.len() as f64 / history.sent_in(&parts).max(1) as f64;
    // A list that lacks the sampled mail is not complete.
    let is_complete = bounced.len() + 1 >= run.len();
    (is_complete && share <= MAX_PARTIAL_BOUNCED).then_some(share)
}

/// Returns the newest sampled mail up to `at`, where all of it that has a fate is delivered, and when the message before it was sent,
/// where that came late: `run` is what comes after `before`, without what is too young to have news. `comes_late` tells of how
/// long a message took whether that is unusual; one alone is chance.
pub(super) fn delivered_again(
    before: &[SampledMessage],
    run: &[(&SampledMessage, DeliveryState)],
    at: Timestamp,
    comes_late: impl Fn(Duration) -> bool,
) -> (Option<DeliveredSince>, Option<Timestamp>) {
    if run.iter().any(|(_, state)| is_lost(*state)) {
        return (None, None);
    }
    let is_late = |mail: &SampledMessage| {
        let took = mail.delivered_at.map(|at| at.since(mail.sent_at));
        is_lost(state_at(mail, at)) || took.is_some_and(&comes_late)
    };
    let mut again: Option<DeliveredSince> = None;
    for (index, mail) in before.iter().enumerate().rev() {
        let state = state_at(mail, at);
        let is_after_late = || before[..index].last().is_some_and(is_late);
        if is_lost(state) {
            return (again, None);
        }
        if state != Delivered {
            continue;
        }
        if is_late(mail) && is_after_late() {
            return (again, Some(mail.sent_at));
        }
        let number = again.map_or(0, |again| again.sampled) + 1;
        again = Some(DeliveredSince {
            since: mail.sent_at,
            sampled: number,
            delivered: number,
        });
    }
    (again, None)
}
