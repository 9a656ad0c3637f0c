//! Mail was sent, and none of the sampled mail is delivered, or less than usual.
//!
//! Each sampled message without news weighs by how unlikely that is at its age, in this stream: −log of the share of
//! its mail that was not delivered at that age. A minute says little where greylisting is common and much where it is not.
//! A message that bounced, for whatever reason, weighs as one that has no news although it settled long ago. The
//! weights of an unbroken row of such messages, the newest ones, are added up (a sequential test of the kind of A. Wald,
//! "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16, 1945) until chance explains them
//! less often than the budget allows. How many fail is itself known only as well as the stream's past shows it, so each
//! message of the row makes the next failure likelier, as one drawn from G. Pólya's urn ("Sur quelques points de la
//! théorie des probabilités", Annales de l'institut Henri Poincaré 1, 1930): a new stream needs a longer row than one
//! that is known. [`share`] tells a part of the mail that is lost.

mod learn;
mod listed;
mod outcome;
mod parts;
mod run;
mod share;

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{
    BounceType, DAY, DeliveryDropEvidence, DeliveryEvidence, Evidence, Finding, HOUR, History,
    KnownLoss, MINUTE, Rule, SampledMessage, Severity, Span, Timestamp, Verdict,
};

/// The weight of [`PRIOR_SURVIVAL`], in messages.
const PRIOR_MESSAGES: f64 = 20.0;
/// The weight of the prior on consecutive undelivered messages, at the rate of chance.
const PRIOR_RUNS: f64 = 5.0;
/// The maximum number of undelivered messages in a row that teach: more of them are a breakdown, not the stream's habit.
const MAX_TRAINING_RUN: usize = 6;
/// Mail in general: the share not delivered once a message is so old; 97% of it arrives. Of young mail nothing much is
/// believed, since where greylisting is the rule many messages in a row have no news.
const PRIOR_SURVIVAL: [(Duration, f64); 4] = [
    (Duration::from_secs(3600), 0.03),
    (Duration::from_secs(300), 0.35),
    (Duration::from_secs(60), 0.5),
    (Duration::ZERO, 0.9),
];
/// The age at which it is measured whether undelivered messages follow one another more often than by chance.
const CLUSTERING_AGE: Duration = HOUR;
/// Postmark may report a delivery this late.
const EVENT_LAG: Duration = Duration::from_secs(60);
/// The minimum number of undelivered messages in a row that is a breach, where any of them bounced ...
const MIN_RUN: usize = 3;
/// ... and where there is no news of any. Bounces are of addresses, and two bad ones easily follow one another; mail that
/// vanishes is of the way, and a stream of one message a day would wait a day more for the third.
const MIN_RUN_WITHOUT_NEWS: usize = 2;
/// Fewer delivered messages do not show how surely a stream delivers: two without news are no breach.
const MIN_DELIVERED: usize = 20;
/// A message this old has usually been delivered, greylisting included.
const DUE_AFTER: Duration = Duration::from_secs(45 * 60);
/// Less of the mail that is delivered takes as long as what comes late.
const LATE_SHARE: f64 = 0.05;
/// Mail of this time says whether a part is lost.
const LOSS_LOOKBACK: Duration = Duration::from_secs(7 * 86_400);
/// Where less than this part of the usual share is delivered, a drop is a wake.
const WAKE_SHARE: f64 = 0.5;
/// Older mail says nothing about the present.
const LOOKBACK: Duration = Duration::from_secs(30 * 86_400);

/// How fast and how surely a stream delivers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DeliveryModel {
    /// Delays of delivered mail, ascending.
    delays: Vec<Duration>,
    /// Ages up to which mail without news was known to have none, ascending; of what bounced, all ages.
    open_ages: Vec<Duration>,
    /// How much likelier than by chance one that is late or bounced follows another.
    autocorrelation: f64,
    threshold: f64,
    usual_loss: UsualLoss,
    min_history: Duration,
    /// Whether too little was sampled yet to say what is usual.
    is_young: bool,
}

/// What is known of one sampled message at an instant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DeliveryState {
    Delivered,
    Bounced,
    /// No news up to this age.
    Pending(Duration),
    /// One recipient's bounce was listed before the other recipients were checked.
    Unchecked,
}

use DeliveryState::{Bounced, Delivered, Pending, Unchecked};
#[cfg(test)]
pub(super) use learn::DELIVERY_LEARNER;
pub(super) use learn::DeliveryTraining;
pub(super) use outcome::add_listed_bounces;
pub use outcome::{DeliveryToday, is_suspicious, sample_outcome, undelivered};
pub use parts::{SampledPart, SampledParts, sampled_parts};
use run::{delivered_again, partial_bounced_share};
use share::{PRIOR_LOSS, Standing, UsualLoss};

impl DeliveryModel {
    /// Returns how much of this stream's mail was not delivered at this age, and of how much that is known; the prior included.
    fn failed(&self, age: Duration) -> (f64, f64) {
        let later = self.delays.len() - self.delays.partition_point(|delay| *delay <= age);
        let never = self.open_ages.len() - self.open_ages.partition_point(|known| *known < age);
        let prior = prior_survival(age);
        let seen = (self.delays.len() + never) as f64;
        let failed = (later + never) as f64 + PRIOR_MESSAGES * prior;
        (failed, seen + PRIOR_MESSAGES)
    }

    /// Returns the share of mail that is delivered in the end but not at this age.
    fn late_share(&self, age: Duration) -> f64 {
        let later = self.delays.len() - self.delays.partition_point(|delay| *delay <= age);
        let prior = PRIOR_MESSAGES * prior_survival(age);
        (later as f64 + prior) / (self.delays.len() as f64 + PRIOR_MESSAGES)
    }

    /// Returns −log of the chance of a run of undelivered messages, newest first or oldest first alike, where at least `lost` of
    /// the mail is not delivered at any age.
    fn log_evidence(&self, run: impl Iterator<Item = DeliveryState>, lost: f64) -> f64 {
        run.enumerate()
            .map(|(place, state)| {
                let age = match state {
                    Pending(age) => age.saturating_sub(EVENT_LAG),
                    _ => CLUSTERING_AGE,
                };
                let (failed, seen) = self.failed(age);
                let by_urn = (failed + place as f64) / (seen + place as f64);
                let by_habit = match place {
                    0 => by_urn,
                    _ => self.autocorrelation * failed / seen,
                };
                // Both say that one failure follows another: together they would say it twice.
                -by_habit.max(by_urn).max(lost).min(1.0).ln()
            })
            .sum()
    }

    /// Returns how many in a row are a breach at least, where some of them bounced or none did.
    const fn min_run(&self, has_bounced: bool) -> usize {
        if has_bounced || self.delays.len() < MIN_DELIVERED {
            MIN_RUN
        } else {
            MIN_RUN_WITHOUT_NEWS
        }
    }

    /// Returns how many in a row, at least `min`, are a breach once they are old.
    fn min_run_length(&self, min: usize, lost: f64) -> u64 {
        let many = std::iter::repeat_n(Pending(12 * HOUR), 100);
        let enough =
            (min..100).find(|n| self.log_evidence(many.clone().take(*n), lost) > self.threshold);
        enough.unwrap_or(100) as u64
    }

    /// The findings of `delivery_silence` and `delivery_drop` at `at`; `told` is the share of the mail of which an open incident says that
    /// it is lost.
    pub(super) fn evaluate(&self, history: &History, told: f64, at: Timestamp) -> [Finding; 2] {
        let recent = within(&history.sampled, Span::before(at, LOOKBACK));
        let newest = recent.iter().rposition(|m| state_at(m, at) == Delivered);
        let (before, run) = recent.split_at(newest.map_or(0, |index| index + 1));
        let standing = self.standing(before, at);
        let lost = standing.loss.map_or(told, |loss| loss.share());
        let silence = self.evaluate_silence(history, (before, run), lost, at);
        let standing = match run {
            [] => standing,
            _ => self.standing(recent, at),
        };
        let drop = self.evaluate_drop(history, recent, standing, at);
        [silence, drop]
    }

    /// Evaluates `run`, the newest mail, of which none is delivered; the mail `before` it ends with one that is. Where half of the mail
    /// is `lost`, a few lost in a row are no silence: the mail before says so, and what was told of it does while that mail alone does not.
    fn evaluate_silence(
        &self,
        history: &History,
        (before, run): (&[SampledMessage], &[SampledMessage]),
        lost: f64,
        at: Timestamp,
    ) -> Finding {
        let run: Vec<(&SampledMessage, DeliveryState)> = run
            .iter()
            .rev()
            .map(|mail| (mail, state_at(mail, at)))
            .filter(|(_, state)| match state {
                Pending(age) => *age > EVENT_LAG,
                state => *state == Bounced,
            })
            .collect();
        let share_before = (lost > 0.0).then_some(1.0 - lost);
        let lost = lost.max(partial_bounced_share(history, &run, at).unwrap_or(0.0));
        let log_evidence = self.log_evidence(run.iter().map(|(_, state)| *state), lost);
        let bounced = || {
            run.iter()
                .filter(|(mail, state)| has_bounced(mail, *state, at))
        };
        let min_run = self.min_run(bounced().next().is_some());
        let verdict = if run.len() >= min_run && log_evidence > self.threshold {
            Verdict::Breach
        } else if run.iter().any(|(_, state)| is_overdue(*state)) {
            Verdict::Unresolved
        } else if before.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Within
        };
        // What takes as long as most mail is not late.
        let shorter = |took: Duration| took.saturating_sub(Duration::from_millis(1));
        let in_time: Cell<Option<Duration>> = Cell::new(None);
        let comes_late = |took| {
            // What takes no longer than other mail that is not late is not late.
            let may_be = in_time.get().is_none_or(|known| took > known);
            let is_late = may_be && self.late_share(shorter(took)) < LATE_SHARE;
            in_time.set(in_time.get().max((!is_late).then_some(took)));
            is_late
        };
        let newest = within(before, Span::before(at, LOSS_LOOKBACK));
        let (again, newest_late) = delivered_again(newest, &run, at, comes_late);
        let evidence = Evidence::Delivery(DeliveryEvidence {
            unproven: run.len() as u64,
            bounced: bounced().count() as u64,
            reasons: reasons(bounced().map(|(mail, _)| *mail)),
            listed: None,
            needed: self.min_run_length(min_run, lost),
            share_before,
            queued: run.iter().filter(|(mail, _)| mail.queued).count() as u64,
            since: run.last().map(|(mail, _)| mail.sent_at),
            newest_lost: run
                .iter()
                .find(|(_, state)| is_overdue(*state))
                .or(run.first())
                .map(|(mail, _)| mail.sent_at),
            newest_late,
            again,
            last_proven_sent: before.last().map(|mail| mail.sent_at),
            last_delivered: history.last_delivered(at + MINUTE),
        });
        Finding::new(Rule::DeliverySilence, verdict, Severity::Wake, evidence)
    }

    /// Evaluates the share of the sampled mail that is delivered.
    fn evaluate_drop(
        &self,
        history: &History,
        recent: &[SampledMessage],
        standing: Standing,
        at: Timestamp,
    ) -> Finding {
        let Standing {
            loss,
            ended,
            is_suspected,
        } = standing;
        let usual = self.usual_loss.delivered_share();
        let told = self.usual_loss.usual();
        // What is told when nothing is lost is the last day.
        let since = loss.map_or(at - DAY, |loss| loss.since);
        let judged: Vec<(&SampledMessage, DeliveryState)> = within(recent, Span::new(since, at))
            .iter()
            .map(|mail| (mail, state_at(mail, at)))
            .filter(|(_, state)| *state == Delivered || is_lost(*state))
            .collect();
        let delivered = judged
            .iter()
            .filter(|(_, state)| *state == Delivered)
            .count() as u64;
        let bounced = || {
            judged
                .iter()
                .filter(|(mail, state)| has_bounced(mail, *state, at))
        };
        let verdict = match loss {
            _ if history.covered_before(at) < self.min_history => Verdict::Unknown,
            Some(loss) if loss.is_ending => Verdict::Unresolved,
            Some(_) => Verdict::Breach,
            None if delivered == 0 => Verdict::Unknown,
            None if is_suspected => Verdict::Unresolved,
            None => Verdict::Within,
        };
        let evidence = Evidence::DeliveryDrop(DeliveryDropEvidence {
            since,
            sampled: judged.len() as u64,
            delivered,
            newest_lost: judged
                .iter()
                .rev()
                .find(|(_, state)| *state != Delivered)
                .map(|(mail, _)| mail.sent_at),
            again: match loss {
                Some(loss) => loss.again.filter(|_| loss.is_ending),
                None => ended,
            },
            again_so_far: loss.and_then(|loss| loss.again.filter(|_| !loss.is_ending)),
            usual: told.share,
            usual_in_general: !told.is_own,
            bounced: bounced().count() as u64,
            reasons: reasons(bounced().map(|(mail, _)| *mail)),
            by_list: false,
            last_delivered: history.last_delivered(at + MINUTE),
        });
        let severity = if (delivered as f64) < WAKE_SHARE * usual * judged.len() as f64 {
            Severity::Wake
        } else {
            Severity::Warn
        };
        Finding::new(Rule::DeliveryDrop, verdict, severity, evidence)
    }

    /// Returns how it stands after the last of `mail`.
    fn standing(&self, mail: &[SampledMessage], at: Timestamp) -> Standing {
        let from = mail.partition_point(|mail| mail.sent_at < at - LOSS_LOOKBACK);
        let readable = mail[from..].iter().filter(|m| !m.unreadable);
        let states = readable.map(|m| (m.sent_at, state_at(m, at)));
        self.usual_loss.standing(states, |age| self.late_share(age))
    }
}

/// Returns the share of mail in general that is not delivered at this age.
fn prior_survival(age: Duration) -> f64 {
    let known = PRIOR_SURVIVAL.iter().find(|(from, _)| age >= *from);
    known.map_or(0.9, |(_, share)| *share)
}

/// Returns whether it bounced, or is so old that it should have been delivered.
fn is_lost(state: DeliveryState) -> bool {
    match state {
        Bounced => true,
        Pending(age) => age > CLUSTERING_AGE,
        Delivered | Unchecked => false,
    }
}

/// Returns whether it bounced, as its details or the list of bounces say.
fn has_bounced(mail: &SampledMessage, state: DeliveryState, at: Timestamp) -> bool {
    state == Bounced
        || (state != Delivered && mail.listed_bounce_at.is_some_and(|listed| listed <= at))
}

/// Returns the sampled mail sent in `span`.
fn within(sampled: &[SampledMessage], span: Span) -> &[SampledMessage] {
    let from = sampled.partition_point(|mail| mail.sent_at < span.from);
    let until = sampled.partition_point(|mail| mail.sent_at < span.until);
    &sampled[from..until.max(from)]
}

/// Returns Postmark's types of these bounces with their numbers, the most frequent first.
fn reasons<'f>(bounced: impl Iterator<Item = &'f SampledMessage>) -> Vec<(String, u64)> {
    let mut types: BTreeMap<BounceType, u64> = BTreeMap::new();
    for kind in bounced.filter_map(|mail| mail.bounce) {
        *types.entry(kind).or_default() += 1;
    }
    let mut types: Vec<(BounceType, u64)> = types.into_iter().collect();
    types.sort_by_key(|(_, number)| Reverse(*number));
    let named = |(kind, number): (BounceType, u64)| (kind.name().to_owned(), number);
    types.into_iter().map(named).collect()
}

/// Returns whether it should have been delivered by now.
fn is_overdue(state: DeliveryState) -> bool {
    match state {
        Bounced => true,
        Pending(age) => age >= DUE_AFTER,
        Delivered | Unchecked => false,
    }
}

fn state_at(mail: &SampledMessage, at: Timestamp) -> DeliveryState {
    let by_then = |when: Option<Timestamp>| when.is_some_and(|when| when <= at);
    if by_then(mail.delivered_at) {
        Delivered
    } else if by_then(mail.bounced_at) {
        match mail.checked_at {
            Some(_) => Bounced,
            None => Unchecked,
        }
    } else if mail.delivered_at.is_some() {
        // Known to have come later than `at`: it had been looked at, in hindsight, at every instant before.
        Pending(at.since(mail.sent_at))
    } else {
        let known_until = mail.checked_at.unwrap_or(mail.sent_at).min(at);
        Pending(known_until.since(mail.sent_at))
    }
}

/// Returns what was known by `until` of the times in which mail was not delivered.
pub(super) fn known_by(losses: &[KnownLoss], until: Timestamp) -> Vec<Span> {
    let losses = losses.iter().map(|loss| loss.span);
    let known = losses.filter(|loss| loss.from < until);
    let known = known.map(|loss| Span::new(loss.from, loss.until.min(until)));
    known.collect()
}

#[cfg(test)]
mod tests;
