//! What else is known of a run of mail that was not delivered.

use std::collections::HashSet;
use std::time::Duration;

use super::{Delivered, DeliveryState, has_bounced, is_lost, state_at};
use crate::detect::interval::clopper_pearson;
use crate::model::{
    DeliveredSince, Evidence, Finding, History, KnownLoss, SampledMessage, Span, Timestamp, Verdict,
};

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

/// How long the mail before a loss is looked at, and the newest where nothing of the sample says since when it is delivered again.
const LOOKBACK: Duration = Duration::from_secs(7 * 86_400);
const NEWEST: Duration = Duration::from_secs(6 * 3600);
/// Fewer bounces do not keep a loss.
const MIN_KEEPING: u64 = 3;
/// The level at which more must bounce than twice the share of before.
const KEEPING_CONFIDENCE: f64 = 0.99;
/// The share of mail in general that bounces, and its weight in messages.
const PRIOR_BOUNCED: f64 = 0.03;
const PRIOR_MESSAGES: f64 = 20.0;

/// Keeps an open loss of which `drop` finds the end while the list of bounces says that it goes on.
pub(in crate::detect) fn keep_while_bouncing(
    drop: &mut Finding,
    history: &History,
    losses: &[KnownLoss],
    at: Timestamp,
) {
    let Evidence::DeliveryDrop(evidence) = &mut drop.evidence else {
        return;
    };
    let is_ending = matches!(drop.verdict, Verdict::Within | Verdict::Unresolved);
    let since = evidence.again.map(|again| again.since);
    if is_ending && still_bounces(history, losses, since, at) {
        drop.verdict = Verdict::Unresolved;
        evidence.again = None;
    }
}

/// Returns whether the open one of `losses` goes on by the list of bounces, which is complete: whether of the mail sent since `again`,
/// where its sample is delivered again, surely more bounces than did before the loss. A sample may miss a tag all of whose mail bounces.
fn still_bounces(
    history: &History,
    losses: &[KnownLoss],
    again: Option<Timestamp>,
    at: Timestamp,
) -> bool {
    let open = losses.iter().filter(|loss| loss.lost_share > 0.0);
    let Some(loss) = open.max_by_key(|loss| loss.span.from) else {
        return false;
    };
    let counts = |span: Span| {
        let parts: Vec<Span> = history.seen(history.whole_counts_within(span));
        let failed = history.bounced_in(&parts, |event| event.class.is_failure());
        let sent = history.sent_in(&parts);
        ((failed.messages - failed.sent_outside).min(sent), sent)
    };
    let since = again.unwrap_or(at - NEWEST).max(loss.span.from);
    let (failed, sent) = counts(Span::new(since.min(at), at));
    let oldest = at - LOOKBACK;
    let (failed_before, sent_before) = counts(Span::new(oldest, loss.span.from.max(oldest)));
    let messages = sent_before as f64 + PRIOR_MESSAGES;
    let usual = (failed_before as f64 + PRIOR_MESSAGES * PRIOR_BOUNCED) / messages;
    let usual = usual + (usual * (1.0 - usual) / messages).sqrt();
    failed >= MIN_KEEPING && clopper_pearson(failed, sent, KEEPING_CONFIDENCE).0 > 2.0 * usual
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BounceClass, BounceEvent, Coverage, CumulativeCounts, DAY, HOUR, MINUTE};

    /// Twenty messages an hour for a week, of which each tenth bounces from the second last day on, up to `until`.
    fn history(at: Timestamp, until: Timestamp) -> History {
        let week = Span::before(at, LOOKBACK);
        let sent = (0..7 * 24 * 20u32).map(|n| week.from + 3 * MINUTE * n);
        let lost = sent.clone().step_by(10);
        let lost = lost.filter(|sent| *sent >= at - 2 * DAY && *sent < until);
        let event = |sent: Timestamp| BounceEvent {
            at: sent + MINUTE,
            message: format!("{sent}"),
            sent_at: Some(sent),
            class: BounceClass::Soft,
            recipient: "a@example.com".to_owned(),
            tag: Some("reset".to_owned()),
        };
        let seen = Coverage::from_spans([week]);
        History {
            first_seen_at: Some(week.from),
            messages: seen.clone(),
            bounces: seen,
            sent: CumulativeCounts::from_counts(sent.map(|sent| (sent, 1))),
            bounce_events: lost.map(event).collect(),
            ..History::default()
        }
    }

    #[test]
    fn a_loss_goes_on_while_as_much_bounces() {
        let at = Timestamp::from_secs(1_772_532_000);
        let loss = |lost_share| KnownLoss {
            span: Span::before(at, 2 * DAY),
            lost_share,
        };
        let again = Some(at - 8 * HOUR);
        let (goes_on, ended) = (history(at, at), history(at, at - 8 * HOUR));
        assert!(still_bounces(&goes_on, &[loss(0.3)], again, at));
        assert!(still_bounces(&goes_on, &[loss(0.3)], None, at));
        assert!(!still_bounces(&ended, &[loss(0.3)], again, at));
        assert!(
            !still_bounces(&goes_on, &[loss(0.0)], again, at),
            "none is open"
        );
    }
}
