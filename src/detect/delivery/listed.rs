//! What the list of bounces, which is complete, says of the share of a stream's mail that is delivered, of which the rest of the room
//! knows a sample.

use std::time::Duration;

use super::{DeliveryModel, WAKE_SHARE};
use crate::detect::interval::clopper_pearson;
use crate::model::{
    BounceClass, BounceEvent, Coverage, DeliveryDropEvidence, Evidence, Finding, HOUR, History,
    KnownLoss, MINUTE, Severity, Span, Timestamp, Verdict,
};

/// How long the mail before a loss is looked at, and the newest where nothing of the sample says since when it is delivered again.
const LOOKBACK: Duration = Duration::from_secs(7 * 86_400);
const NEWEST: Duration = Duration::from_secs(6 * 3600);
/// Fewer bounces do not keep a loss.
const MIN_KEEPING: u64 = 3;
/// The level at which more must bounce than twice the share of before.
const KEEPING_CONFIDENCE: f64 = 0.99;
/// How far back the end of a loss is looked for.
const MAX_HOURS_SINCE_END: u32 = 48;
/// The share of mail in general that bounces, and its weight in messages.
const PRIOR_BOUNCED: f64 = 0.03;
const PRIOR_MESSAGES: f64 = 20.0;

/// Fewer bounces that no rate counts, or a smaller share of them, are no drop.
const MIN_OPENING: u64 = 10;
const MIN_OPENING_SHARE: f64 = 0.2;
/// The level at which more must bounce than twice the usual share: it is looked at in each cycle.
const OPENING_CONFIDENCE: f64 = 0.9999;

/// The same time of so many weeks before is looked at, too: what always bounces of a newsletter is usual of it.
const USUAL_WEEKS: u32 = 5;
/// Of a loss that the list tells the end is seen once so many messages were sent after its last bounce.
const MIN_SENT_SINCE: u64 = 3;

impl DeliveryModel {
    /// Corrects `drop` by the list of bounces: a loss goes on while as much bounces, and mail of which much bounces for now, or for a reason
    /// that no rate counts, is one: of a newsletter of hundreds five may be sampled.
    pub(in crate::detect) fn apply_list(
        &self,
        drop: &mut Finding,
        history: &History,
        losses: &[KnownLoss],
        at: Timestamp,
    ) {
        // A replay without deliveries knows of no share.
        let is_judged =
            history.covered_before(at) >= self.min_history && !history.sampled.is_empty();
        let Evidence::DeliveryDrop(evidence) = &mut drop.evidence else {
            return;
        };
        if drop.verdict == Verdict::Breach {
            return;
        }
        let open = losses.iter().filter(|loss| loss.lost_share > 0.0);
        let open = open.max_by_key(|loss| loss.span.from);
        let Some(loss) = open else {
            if let Some(listed) = listed_drop(history, losses, at).filter(|_| is_judged) {
                drop.verdict = Verdict::Breach;
                drop.severity = match listed.share() < WAKE_SHARE * listed.usual {
                    true => Severity::Wake,
                    false => Severity::Warn,
                };
                *evidence = listed;
            }
            return;
        };
        let since = evidence.again.map(|again| again.since);
        let goes_on = still_bounces(history, loss, since, at);
        if goes_on && drop.verdict != Verdict::Unknown {
            drop.verdict = Verdict::Unresolved;
            evidence.again = None;
        }
        if loss.by_list {
            drop.verdict = match goes_on || !is_followed(history, loss.span.from, at) {
                true => Verdict::Unresolved,
                false => Verdict::Within,
            };
            if drop.verdict == Verdict::Unresolved {
                *evidence = listed_since(history, losses, loss.span.from, at);
            }
        }
    }
}

/// Returns what bounced of the newest mail, where that is surely much more than usual without what the rates count, and nothing that was
/// told before.
fn listed_drop(
    history: &History,
    losses: &[KnownLoss],
    at: Timestamp,
) -> Option<DeliveryDropEvidence> {
    let newest = Span::before(at, NEWEST);
    let (uncounted, sent) = failed_in(history, newest, is_uncounted);
    if uncounted < MIN_OPENING || (uncounted as f64) < MIN_OPENING_SHARE * sent as f64 {
        return None;
    }
    let before = Span::new(at - LOOKBACK * USUAL_WEEKS, newest.from);
    let usual = usual_failed(failed_before(history, losses, before, is_uncounted));
    let is_told = |span: Span| {
        let mut losses = losses.iter();
        losses.any(|loss| !loss.span.intersect(span).is_empty())
    };
    let weeks = (1..=USUAL_WEEKS).map(|week| at - LOOKBACK * week);
    let weeks = weeks.map(|then| Span::new(then - NEWEST, then + NEWEST));
    let shares = weeks.filter(|span| !is_told(*span)).filter_map(|span| {
        let (failed, sent) = failed_in(history, span, is_uncounted);
        (failed >= MIN_OPENING).then(|| failed as f64 / sent as f64)
    });
    let usual = shares.fold(usual, f64::max);
    let (least, _) = clopper_pearson(uncounted, sent, OPENING_CONFIDENCE);
    if least <= 2.0 * usual {
        return None;
    }
    // It began with the first of many within an hour: a stray one before it is no part of it.
    let mut times: Vec<Timestamp> = sent_times(history, newest, is_uncounted);
    times.sort_unstable();
    let many = times.windows(MIN_OPENING as usize);
    let mut many = many.filter(|of| of[of.len() - 1] < of[0] + HOUR);
    let since = many.next().map_or(times.first(), |of| of.first()).copied();
    let since = since.unwrap_or(newest.from);
    let was_told = losses.iter().any(|loss| loss.span.until >= since);
    (!was_told).then(|| listed_since(history, losses, since, at))
}

/// Returns how many messages of `span` bounced, and how many were sent, without the times that incidents tell of: these are not usual,
/// unless a person called one a false alarm.
fn failed_before(
    history: &History,
    losses: &[KnownLoss],
    span: Span,
    counts: impl Fn(&BounceEvent) -> bool,
) -> (u64, u64) {
    let times = Coverage::from_spans([span]);
    let times = losses
        .iter()
        .fold(times, |times, loss| times.without(loss.span));
    let of = times
        .spans()
        .iter()
        .map(|span| failed_in(history, *span, &counts));
    of.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
}

/// Returns what the list says of the mail sent from `since` on.
fn listed_since(
    history: &History,
    losses: &[KnownLoss],
    since: Timestamp,
    at: Timestamp,
) -> DeliveryDropEvidence {
    let (bounced, sampled) = failed_in(history, Span::new(since, at), is_failed);
    let before = Span::new(since - LOOKBACK * USUAL_WEEKS, since);
    let before = failed_before(history, losses, before, is_failed);
    DeliveryDropEvidence {
        since,
        sampled,
        delivered: sampled.saturating_sub(bounced),
        newest_lost: newest_failure(history, since, at),
        again: None,
        again_so_far: None,
        usual: 1.0 - usual_failed(before),
        usual_in_general: (before.1 as f64) < 5.0 * PRIOR_MESSAGES,
        bounced,
        reasons: Vec::new(),
        by_list: true,
        last_delivered: history.last_delivered(at + MINUTE),
    }
}

/// Whether enough was sent after the last bounce since `from` to say that it is over.
fn is_followed(history: &History, from: Timestamp, at: Timestamp) -> bool {
    let since = newest_failure(history, from, at).map_or(from, |newest| newest + MINUTE);
    let sent = history.sent_in(&[Span::new(since.min(at), at)]);
    sent >= MIN_SENT_SINCE || has_ended(history, from, at)
}

fn newest_failure(history: &History, from: Timestamp, at: Timestamp) -> Option<Timestamp> {
    sent_times(history, Span::new(from, at), is_failed)
        .into_iter()
        .max()
}

/// Returns when the messages sent in `span` were sent that have a bounce in it for which `counts` holds.
fn sent_times(
    history: &History,
    span: Span,
    counts: impl Fn(&BounceEvent) -> bool,
) -> Vec<Timestamp> {
    let events = history.bounce_events_in(span).iter();
    let times = events
        .filter(|event| counts(event))
        .filter_map(|e| e.sent_at);
    times.filter(|sent| span.contains(*sent)).collect()
}

const fn is_failed(event: &BounceEvent) -> bool {
    event.class.is_failure()
}

/// Whether no rate counts it, though it was a message that was sent.
const fn is_uncounted(event: &BounceEvent) -> bool {
    matches!(event.class, BounceClass::Soft | BounceClass::Other)
}

/// Returns how many of the messages sent in `span` have a bounce in it for which `counts` holds, and how many were sent.
fn failed_in(history: &History, span: Span, counts: impl Fn(&BounceEvent) -> bool) -> (u64, u64) {
    let parts: Vec<Span> = history.seen(history.whole_counts_within(span));
    let failed = history.bounced_in(&parts, counts);
    let sent = history.sent_in(&parts);
    (
        failed
            .messages
            .saturating_sub(failed.sent_outside)
            .min(sent),
        sent,
    )
}

/// Returns the share that usually bounces of mail of which this many of this many did, with what is so of mail in general.
fn usual_failed((failed, sent): (u64, u64)) -> f64 {
    (failed as f64 + PRIOR_MESSAGES * PRIOR_BOUNCED) / (sent as f64 + PRIOR_MESSAGES)
}

/// Returns whether `loss` goes on by the list of bounces, which is complete: whether of the mail sent since `again`, where its sample is
/// delivered again, surely more bounces than did before the loss. A sample may miss a tag all of whose mail bounces.
fn still_bounces(
    history: &History,
    loss: &KnownLoss,
    again: Option<Timestamp>,
    at: Timestamp,
) -> bool {
    let counts = |span| failed_in(history, span, is_failed);
    let since = again.unwrap_or(at - NEWEST).max(loss.span.from).min(at);
    let (failed, sent) = counts(Span::new(since, at));
    let oldest = at - LOOKBACK;
    let before = counts(Span::new(oldest, loss.span.from.max(oldest)));
    let (usual, messages) = (usual_failed(before), before.1 as f64 + PRIOR_MESSAGES);
    let usual = usual + (usual * (1.0 - usual) / messages).sqrt();
    failed >= MIN_KEEPING
        && clopper_pearson(failed, sent, KEEPING_CONFIDENCE).0 > 2.0 * usual
        && !has_ended(history, since, at)
}

/// Returns whether a loss of the mail sent from `since` on is over: of the newest surely less than half as much bounces. The sample may
/// have been lucky for a while before that.
fn has_ended(history: &History, since: Timestamp, at: Timestamp) -> bool {
    let counts = |from| failed_in(history, Span::new(from, at), is_failed);
    let (failed, sent) = counts(since);
    let hours = (1..=MAX_HOURS_SINCE_END).map(|hours| at - HOUR * hours);
    let mut cuts = hours.take_while(|cut| *cut > since);
    cuts.any(|cut| {
        let (failed_since, sent_since) = counts(cut);
        let before = sent.saturating_sub(sent_since);
        let share = failed.saturating_sub(failed_since) as f64 / before.max(1) as f64;
        let most = clopper_pearson(failed_since, sent_since, KEEPING_CONFIDENCE).1;
        before > 0 && most < share / 2.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CumulativeCounts, DAY};

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
            by_list: false,
        };
        let again = Some(at - 8 * HOUR);
        let (goes_on, ended) = (history(at, at), history(at, at - 8 * HOUR));
        assert!(still_bounces(&goes_on, &loss(0.3), again, at));
        assert!(still_bounces(&goes_on, &loss(0.3), None, at));
        assert!(!still_bounces(&ended, &loss(0.3), again, at));
        // The sample was lucky already while the loss went on, and for most of the time since.
        let again = Some(at - 30 * HOUR);
        let ended_later = history(at, at - 10 * HOUR);
        assert!(!still_bounces(&ended_later, &loss(0.3), again, at));
        assert!(still_bounces(&goes_on, &loss(0.3), again, at));
    }

    /// A quiet day of twenty messages an hour, and three hundred of a newsletter an hour ago, of which this many bounced.
    fn newsletter(at: Timestamp, lost: u32, class: BounceClass) -> History {
        let mut history = history(at, at - 2 * DAY);
        let sent = (0..300u32).map(|n| at - HOUR + Duration::from_secs(1) * n);
        let events = sent.clone().take(lost as usize).enumerate();
        let bounced = events.map(|(n, sent)| BounceEvent {
            at: sent + MINUTE,
            message: format!("{n}"),
            sent_at: Some(sent),
            class,
            recipient: "a@example.com".to_owned(),
            tag: None,
        });
        history.bounce_events.extend(bounced);
        let week = Span::before(at, LOOKBACK);
        let usual = (0..7 * 24 * 20u32).map(|n| week.from + 3 * MINUTE * n);
        let mut times: Vec<Timestamp> = usual.chain(sent).collect();
        times.sort_unstable();
        history.sent = CumulativeCounts::from_counts(times.into_iter().map(|at| (at, 1)));
        history
    }

    #[test]
    fn a_newsletter_of_which_much_bounces_for_now_is_a_drop() {
        let at = Timestamp::from_secs(1_772_532_000);
        let found = |lost, class, losses: &[KnownLoss]| {
            let drop = listed_drop(&newsletter(at, lost, class), losses, at);
            drop.map(|drop| (drop.since, drop.bounced))
        };
        let half = Some((at - HOUR, 145));
        assert_eq!(found(145, BounceClass::Soft, &[]), half);
        assert_eq!(found(60, BounceClass::Soft, &[]), None, "one in seven");
        assert_eq!(
            found(145, BounceClass::Hard, &[]),
            None,
            "a rate tells that"
        );
        assert_eq!(found(145, BounceClass::Api, &[]), None, "it was no message");
        assert_eq!(found(145, BounceClass::Ignored, &[]), None);
        let told = |until| KnownLoss {
            span: Span::new(at - 2 * HOUR, until),
            lost_share: 0.0,
            by_list: true,
        };
        assert_eq!(
            found(145, BounceClass::Soft, &[told(at)]),
            None,
            "it is told"
        );
        let before = told(at - HOUR - MINUTE);
        assert_eq!(
            found(145, BounceClass::Soft, &[before]),
            half,
            "another one"
        );
    }

    #[test]
    fn what_always_bounces_of_a_newsletter_is_usual() {
        let at = Timestamp::from_secs(1_772_532_000);
        let mut history = newsletter(at, 145, BounceClass::Soft);
        let earlier = history.clone();
        let week = LOOKBACK;
        let shifted = |event: &BounceEvent| BounceEvent {
            at: event.at - week,
            message: format!("{} before", event.message),
            sent_at: event.sent_at.map(|at| at - week),
            ..event.clone()
        };
        let old: Vec<BounceEvent> = earlier.bounce_events.iter().map(shifted).collect();
        history.bounce_events.splice(0..0, old);
        let sent = (0..300u32).map(|n| at - HOUR - week + Duration::from_secs(1) * n);
        let now = (0..300u32).map(|n| at - HOUR + Duration::from_secs(1) * n);
        history.sent = CumulativeCounts::from_counts(sent.chain(now).map(|at| (at, 1)));
        let span = Span::before(at, 2 * week);
        history.first_seen_at = Some(span.from);
        history.messages = Coverage::from_spans([span]);
        history.bounces = Coverage::from_spans([span]);
        assert_eq!(listed_drop(&history, &[], at), None);
        let told = KnownLoss {
            span: Span::before(at - week, 2 * HOUR),
            lost_share: 0.0,
            by_list: true,
        };
        assert!(
            listed_drop(&history, &[told], at).is_some(),
            "it was trouble then"
        );
    }

    #[test]
    fn a_loss_that_the_list_told_is_over_once_mail_came_after_it() {
        let at = Timestamp::from_secs(1_772_532_000);
        let history = newsletter(at, 145, BounceClass::Soft);
        assert!(!is_followed(&history, at - HOUR, at - HOUR + 3 * MINUTE));
        // The last 155 of it did not bounce.
        assert!(is_followed(&history, at - HOUR, at));
    }
}
