//! What is told of the sample beside the findings: what became of it, what is usual, and whether it deserves a closer look.

use std::time::Duration;

use super::{
    Bounced, DUE_AFTER, Delivered, DeliveryModel, DeliveryState, EVENT_LAG, PRIOR_LOSS, Pending,
    Unchecked, has_bounced, is_lost, is_overdue, state_at, within,
};
use crate::model::{
    DAY, Evidence, Finding, History, ListedBounces, Rule, SampleOutcome, SampledMessage, Span,
    Timestamp, UsualDelivery,
};

/// The minimum number of overdue or bounced messages that is worth a closer look.
const MIN_SUSPICIOUS: usize = 3;
/// Chance makes so many messages without news once in a thousand digests: the negative log of that.
const MIN_UNCONFIRMED_EVIDENCE: f64 = 6.9;
/// What is suspicious is younger.
const SUSPICIOUS_LOOKBACK: Duration = Duration::from_secs(2 * 86_400);

/// The time before the first start for which the mail after it stands, as a guess: none of it was sampled.
pub(super) const GUESSED_BEFORE: Duration = DAY;
/// A time without sampled mail that is no longer than this may be left to the mail around it.
const MAX_UNSAMPLED: Duration = Duration::from_secs(3 * 3600);
/// Nor is one with less mail than this multiple of what is sent on average for each sampled message: where any message is as likely to be
/// drawn, a longer row without one comes once in exp(7), or about a thousand, of them.
const MAX_UNSAMPLED_SHARES: f64 = 7.0;

/// Returns whether so much is overdue that the rest of a cycle's requests should go into looking closer.
pub fn is_suspicious(sampled: &[SampledMessage], at: Timestamp) -> bool {
    let recent = within(sampled, Span::before(at, SUSPICIOUS_LOOKBACK));
    let overdue = recent
        .iter()
        .rev()
        .filter(|mail| !mail.unreadable)
        .map(|mail| state_at(mail, at))
        .take_while(|state| *state != Delivered)
        .filter(|state| matches!(state, Pending(_) | Bounced))
        .count();
    overdue >= MIN_SUSPICIOUS
}

/// Returns what became of the sampled mail sent in `span`, as known at its end.
pub fn sample_outcome(sampled: &[SampledMessage], span: Span) -> SampleOutcome {
    outcome_of(within(sampled, span), span.until)
}

/// Returns what became of `sampled`, as known at `at`.
pub(super) fn outcome_of(sampled: &[SampledMessage], at: Timestamp) -> SampleOutcome {
    let mut outcome = SampleOutcome::default();
    for mail in sampled {
        match state_at(mail, at) {
            Delivered => {
                outcome.delivered += 1;
                let has_bounced = mail.bounced_at.is_some_and(|bounced_at| bounced_at <= at);
                outcome.partly += u64::from(has_bounced);
            }
            Bounced => {
                outcome.bounced += 1;
                outcome.unlisted += u64::from(mail.bounce.is_none());
            }
            state if is_lost(state) && has_bounced(mail, state, at) => outcome.bounced += 1,
            state if is_lost(state) => outcome.without_news += 1,
            Pending(_) | Unchecked => {}
        }
    }
    outcome
}

/// Returns whether it has a fate, or is so old that it should have one.
pub(super) fn is_known(state: DeliveryState) -> bool {
    matches!(state, Delivered | Bounced) || is_lost(state)
}

/// Returns the parts of `span` of which the sample says nothing: hours in a row since the first start with far more mail than is sent for
/// each sampled message, which is more than the chance of the draw leaves out; the newest mail, where what was sampled of it has no news
/// yet; and what was sent long before the first start.
pub(super) fn unsampled(history: &History, span: Span) -> Vec<Span> {
    let begin = history.installed_at.unwrap_or(span.from).max(span.from);
    let before = Span::new(span.from, span.from.max(begin - GUESSED_BEFORE));
    let span = Span::new(begin, span.until);
    let sampled = within(&history.sampled, span).iter();
    let known = sampled.filter(|mail| is_known(state_at(mail, span.until)));
    let known: Vec<Timestamp> = known.map(|mail| mail.sent_at).collect();
    let sent_per_known = history.sent.count(span) as f64 / known.len().max(1) as f64;
    let begins = std::iter::once(span.from).chain(known.iter().copied());
    let ends = known.iter().copied().chain([span.until]);
    let between = begins.zip(ends).map(|(from, until)| Span::new(from, until));
    let is_unsampled = |gap: &Span| {
        gap.length() > MAX_UNSAMPLED
            && history.sent.count(*gap) as f64 > MAX_UNSAMPLED_SHARES * sent_per_known
    };
    let newest = awaited_since(&history.sampled, known.last().copied(), span);
    let parts = std::iter::once(before).filter(|before| !before.is_empty());
    let parts = parts.chain(between.filter(|gap| is_unsampled(gap) || Some(*gap) == newest));
    parts.collect()
}

/// Returns the time after the last message with a known fate, where messages sent since were looked for and have no news: several, or
/// one that is overdue.
fn awaited_since(sampled: &[SampledMessage], known: Option<Timestamp>, span: Span) -> Option<Span> {
    let gap = Span::new(known?, span.until);
    let awaited = within(sampled, gap)
        .iter()
        .filter(|mail| mail.checked_at.is_some());
    let ages = awaited.filter_map(|mail| match state_at(mail, span.until) {
        Pending(age) if age > EVENT_LAG => Some(age),
        _ => None,
    });
    let ages: Vec<Duration> = ages.collect();
    let is_overdue = ages.iter().any(|age| *age >= DUE_AFTER);
    (ages.len() > 1 || is_overdue).then_some(gap)
}

/// How a stream delivers, and what is not delivered of its newest mail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeliveryToday {
    /// The share of its mail that is usually delivered; while history is too short to say, that of mail in general.
    pub usual: UsualDelivery,
    /// Its newest sampled mail, where none of it has news, and chance hardly explains that.
    pub unconfirmed: Option<Unconfirmed>,
}

/// Sampled messages in a row without news, the newest ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    pub sampled: u64,
    /// When the message before them was sent, or the first of them.
    pub since: Timestamp,
}

impl DeliveryModel {
    /// Returns how the stream delivers at `at`.
    pub(in crate::detect) fn today(&self, history: &History, at: Timestamp) -> DeliveryToday {
        let usual = match history.covered_before(at) >= self.min_history {
            true => self.usual_loss.usual(),
            false => UsualDelivery {
                share: 1.0 - PRIOR_LOSS,
                is_own: false,
            },
        };
        DeliveryToday {
            usual,
            unconfirmed: unconfirmed(self, &history.sampled, at),
        }
    }
}

fn unconfirmed(
    model: &DeliveryModel,
    sampled: &[SampledMessage],
    at: Timestamp,
) -> Option<Unconfirmed> {
    let recent = within(sampled, Span::before(at, SUSPICIOUS_LOOKBACK));
    let delivered = recent
        .iter()
        .rposition(|mail| state_at(mail, at) == Delivered);
    let (before, run) = recent.split_at(delivered.map_or(0, |index| index + 1));
    if run
        .iter()
        .any(|mail| has_bounced(mail, state_at(mail, at), at))
    {
        return None;
    }
    let is_awaited = |state: &DeliveryState| matches!(state, Pending(age) if *age > EVENT_LAG);
    let states = run.iter().rev().map(|mail| state_at(mail, at));
    let awaited: Vec<DeliveryState> = states.filter(is_awaited).collect();
    let by_chance = model.log_evidence(awaited.iter().copied(), 0.0);
    let since = before.last().or(run.first())?.sent_at;
    (awaited.len() >= MIN_SUSPICIOUS && by_chance > MIN_UNCONFIRMED_EVIDENCE).then_some(
        Unconfirmed {
            sampled: awaited.len() as u64,
            since,
        },
    )
}

/// Returns how many of the sampled messages sent in `span` should have been delivered by its end, where none of them was.
pub fn undelivered(sampled: &[SampledMessage], span: Span) -> Option<u64> {
    let mail = within(sampled, span).iter();
    let known: Vec<DeliveryState> = mail.map(|mail| state_at(mail, span.until)).collect();
    let overdue = known.iter().filter(|state| is_overdue(**state)).count() as u64;
    (overdue > 0 && !known.contains(&Delivered)).then_some(overdue)
}

/// Adds what the rates say of the hour to findings about sampled mail that bounced.
pub(in crate::detect) fn add_listed_bounces(findings: &mut [Finding], rates: &[Finding]) {
    let listed = rates.iter().find_map(|rate| match &rate.evidence {
        Evidence::Rate(of) if rate.rule == Rule::BounceRate && of.lasting.is_none() => {
            Some(ListedBounces {
                bounced: of.numerator,
                recipients: of.denominator,
                unit: of.unit,
                window: Span::before(of.until?, of.window),
            })
        }
        _ => None,
    });
    for finding in findings {
        if let Evidence::Delivery(of) = &mut finding.evidence {
            of.listed = listed.filter(|listed| of.bounced > 0 && listed.bounced > 0);
        }
    }
}
