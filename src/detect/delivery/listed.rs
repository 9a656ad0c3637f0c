//! What the list of bounces, which is complete, says of the share of a stream's mail that is delivered, of which the rest of the room
//! knows a sample.

use std::time::Duration;

use super::{DeliveryModel, WAKE_SHARE};
use crate::detect::interval::clopper_pearson;
use crate::model::{
    BounceEvent, DeliveryDropEvidence, Evidence, Finding, HOUR, History, KnownLoss, Severity, Span,
    Timestamp, Verdict,
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
        keep_while_bouncing(drop, history, losses, at);
        let is_known = history.covered_before(at) >= self.min_history;
        if !is_known || matches!(drop.verdict, Verdict::Breach | Verdict::Unresolved) {
            return;
        }
        if let (Evidence::DeliveryDrop(evidence), Some(listed)) =
            (&mut drop.evidence, listed_drop(history, at))
        {
            drop.verdict = Verdict::Breach;
            drop.severity = match listed.share() < WAKE_SHARE * listed.usual {
                true => Severity::Wake,
                false => Severity::Warn,
            };
            *evidence = DeliveryDropEvidence {
                last_delivered: evidence.last_delivered,
                ..listed
            };
        }
    }
}

/// Returns what bounced of the newest mail, where that is surely much more than usual without what the rates count.
fn listed_drop(history: &History, at: Timestamp) -> Option<DeliveryDropEvidence> {
    let is_uncounted = |event: &BounceEvent| event.class.is_failure() && !event.class.counts();
    let newest = Span::before(at, NEWEST);
    let (uncounted, sent) = failed_in(history, newest, is_uncounted);
    let before = Span::new(at - LOOKBACK, newest.from);
    let usual = usual_failed(failed_in(history, before, is_uncounted));
    let (least, _) = clopper_pearson(uncounted, sent, OPENING_CONFIDENCE);
    let is_much = uncounted >= MIN_OPENING && uncounted as f64 >= MIN_OPENING_SHARE * sent as f64;
    if !is_much || least <= 2.0 * usual {
        return None;
    }
    let is_failed = |event: &BounceEvent| event.class.is_failure();
    let (bounced, sampled) = failed_in(history, newest, is_failed);
    let times = history
        .bounce_events_in(newest)
        .iter()
        .filter(|e| is_failed(e));
    let times = times
        .filter_map(|e| e.sent_at)
        .filter(|at| newest.contains(*at));
    let (since, newest_lost) = (times.clone().min(), times.max());
    Some(DeliveryDropEvidence {
        since: since.unwrap_or(newest.from),
        sampled,
        delivered: sampled.saturating_sub(bounced),
        newest_lost,
        again: None,
        again_so_far: None,
        usual: 1.0 - usual_failed(failed_in(history, before, is_failed)),
        usual_in_general: false,
        bounced,
        reasons: Vec::new(),
        by_list: true,
        last_delivered: None,
    })
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

/// Keeps an open loss of which `drop` finds the end while the list of bounces says that it goes on.
fn keep_while_bouncing(drop: &mut Finding, history: &History, losses: &[KnownLoss], at: Timestamp) {
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
    let counts = |span| failed_in(history, span, |event| event.class.is_failure());
    let since = again.unwrap_or(at - NEWEST).max(loss.span.from);
    let (failed, sent) = counts(Span::new(since.min(at), at));
    let oldest = at - LOOKBACK;
    let before = counts(Span::new(oldest, loss.span.from.max(oldest)));
    let (usual, messages) = (usual_failed(before), before.1 as f64 + PRIOR_MESSAGES);
    let usual = usual + (usual * (1.0 - usual) / messages).sqrt();
    // The sample may have been lucky for a while before the loss ended: its bounces are no sign that it goes on, where surely less than
    // half as many do since.
    let has_ended = |hours: u32| {
        let cut = at - HOUR * hours;
        let (failed_since, sent_since) = counts(Span::new(cut, at));
        let (failed, sent) = (
            failed.saturating_sub(failed_since),
            sent.saturating_sub(sent_since),
        );
        let most = clopper_pearson(failed_since, sent_since, KEEPING_CONFIDENCE).1;
        sent > 0 && most < failed as f64 / sent as f64 / 2.0
    };
    let mut ends = (1..=MAX_HOURS_SINCE_END).take_while(|hours| at - HOUR * *hours > since);
    failed >= MIN_KEEPING
        && clopper_pearson(failed, sent, KEEPING_CONFIDENCE).0 > 2.0 * usual
        && !ends.any(has_ended)
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
        // The sample was lucky already while the loss went on, and for most of the time since.
        let again = Some(at - 30 * HOUR);
        let ended_later = history(at, at - 10 * HOUR);
        assert!(!still_bounces(&ended_later, &[loss(0.3)], again, at));
        assert!(still_bounces(&goes_on, &[loss(0.3)], again, at));
    }

    #[test]
    fn a_newsletter_of_which_much_bounces_for_now_is_a_drop() {
        let at = Timestamp::from_secs(1_772_532_000);
        // Three hundred messages an hour ago, of which this many bounced.
        let found = |lost: u32, class| {
            let mut history = history(at, at - 2 * DAY);
            let sent = (0..300u32).map(|n| at - HOUR + Duration::from_secs(1) * n);
            let events = sent.clone().take(lost as usize).enumerate();
            history
                .bounce_events
                .extend(events.map(|(n, sent)| BounceEvent {
                    at: sent + MINUTE,
                    message: format!("{n}"),
                    sent_at: Some(sent),
                    class,
                    recipient: "a@example.com".to_owned(),
                    tag: None,
                }));
            let week = Span::before(at, LOOKBACK);
            let usual = (0..7 * 24 * 20u32).map(|n| week.from + 3 * MINUTE * n);
            let mut times: Vec<Timestamp> = usual.chain(sent).collect();
            times.sort_unstable();
            history.sent = CumulativeCounts::from_counts(times.into_iter().map(|at| (at, 1)));
            listed_drop(&history, at).map(|drop| (drop.bounced, drop.sampled))
        };
        assert_eq!(found(145, BounceClass::Soft), Some((145, 420)));
        assert_eq!(found(60, BounceClass::Soft), None, "one in seven");
        assert_eq!(found(145, BounceClass::Hard), None, "a rate tells that");
        assert_eq!(found(145, BounceClass::Ignored), None);
    }
}
