//! What a stream's own sampled mail says of how it is delivered.
//!
//! Learning reads a [`DeliveryTraining`] and nothing else, as that of silence reads its own; [`DeliveryTraining::key`] digests all of it.

use std::time::Duration;

use super::{
    Bounced, CLUSTERING_AGE, Delivered, DeliveryModel, DeliveryState, MAX_TRAINING_RUN, PRIOR_LOSS,
    PRIOR_RUNS, Pending, Unchecked, UsualLoss, state_at, within,
};
use crate::detect::encoding::Encoded;
use crate::detect::training::Digest;
use crate::model::{
    Coverage, DAY, History, Judgement, LearnedKey, PackedWeeks, Rules, SAMPLE_LOOKBACK,
    SampledMessage, Span, Timestamp, WEEK, digest_delivered, split_by_week,
};

/// The share of the false-alarm budget that goes to `delivery_silence`: chance makes far fewer than it allows, since only whole
/// messages count, and at least [`MIN_RUN`](super::MIN_RUN) of them.
const SILENCE_BUDGET_SHARE: f64 = 0.4;
/// The share of the false-alarm budget that goes to `delivery_drop`.
const DROP_BUDGET_SHARE: f64 = 0.025;
/// Younger mail may still be on its way.
const SETTLED_AFTER: Duration = Duration::from_secs(2 * 3600);
/// Only the newest sampled messages are learned from.
const MAX_TRAINING_MESSAGES: usize = 20_000;
/// The number of the learner, as [`crate::detect::training::LEARNER`] is that of silence: to be raised with every change of what is learned from the same
/// sample, or of how that is written.
pub(in crate::detect) const DELIVERY_LEARNER: u32 = 1;

/// The sampled mail of one stream up to an instant, and what else is learned from.
#[derive(Debug)]
pub(in crate::detect) struct DeliveryTraining<'h> {
    until: Timestamp,
    /// The time whose mail had settled by then.
    settled: Span,
    pub(in crate::detect) mail: &'h [SampledMessage],
    /// The digests of weeks of it that are known.
    packed: &'h PackedWeeks,
    /// The times of which incidents and people say that mail was not delivered.
    outages: Coverage,
    /// Those of which people say that nothing was wrong.
    false_alarms: Coverage,
    false_alarms_per_year: f64,
    min_history: Duration,
    series: usize,
}

impl<'h> DeliveryTraining<'h> {
    /// Takes what had settled by `until`, but for the mail of `losses`, which incidents tell of; `series` share the budget.
    pub(in crate::detect) fn new(
        history: &'h History,
        losses: &[Span],
        until: Timestamp,
        rules: &Rules,
        series: usize,
    ) -> Self {
        let settled = Span::new(until - SAMPLE_LOOKBACK, until - SETTLED_AFTER);
        let real = history.marked_delivery(Judgement::Real).into_iter();
        Self {
            until,
            settled,
            mail: within(&history.sampled, settled),
            packed: &history.packed_samples,
            outages: Coverage::from_spans(real.chain(losses.iter().copied())),
            false_alarms: Coverage::from_spans(history.marked_delivery(Judgement::FalseAlarm)),
            false_alarms_per_year: rules.silence.false_alarms_per_year,
            min_history: rules.silence.min_history,
            series,
        }
    }

    /// Whether it has no mail, of which nothing can be learned.
    pub(in crate::detect) const fn is_empty(&self) -> bool {
        self.mail.is_empty()
    }

    /// Returns the digest of this.
    pub(in crate::detect) fn key(&self) -> LearnedKey {
        let mut digest = Digest::new();
        digest.add(&[
            i64::from(DELIVERY_LEARNER),
            self.until.0,
            self.false_alarms_per_year.to_bits().cast_signed(),
            self.min_history.as_millis() as i64,
            self.series as i64,
        ]);
        for times in [&self.outages, &self.false_alarms] {
            digest.add_each(times.spans(), |span| [span.from.0, span.until.0]);
        }
        for (week, of_week) in split_by_week(self.mail, |mail| mail.sent_at) {
            // Of a week that is learned from in part, another part is digested.
            let is_whole = week >= self.settled.from && week + WEEK <= self.settled.until;
            let known = self.packed.digest(week).filter(|_| is_whole);
            digest.add_week(week, &known.unwrap_or_else(|| digest_delivered(of_week)));
            let rest = of_week.iter().filter(|mail| mail.delivered_at.is_none());
            let rest: Vec<&SampledMessage> = rest.collect();
            let known = |at: Option<Timestamp>| at.map_or(i64::MIN, |at| at.0);
            digest.add_each(&rest, |mail| {
                [
                    mail.sent_at.0,
                    known(mail.checked_at),
                    known(mail.bounced_at),
                    i64::from(mail.unreadable),
                ]
            });
        }
        digest.finish()
    }
}

impl DeliveryModel {
    /// Learns how fast and how surely a stream delivers.
    pub(in crate::detect) fn learn(training: &DeliveryTraining<'_>) -> Self {
        let DeliveryTraining {
            until,
            mail,
            outages,
            false_alarms,
            min_history,
            ..
        } = training;
        let (until, min_history) = (*until, *min_history);
        let first = mail.iter().find(|m| !outages.contains(m.sent_at));
        let sampled_for = first.map_or(Duration::ZERO, |m| until.since(m.sent_at));
        let is_young = sampled_for < min_history;
        let mail = &mail[mail.len().saturating_sub(MAX_TRAINING_MESSAGES)..];
        let span = mail.first().map_or(DAY, |m| until.since(m.sent_at));
        let span = span.max(DAY);
        let per_year = (mail.len() as f64 / span.as_secs_f64() * 365.25 * 86_400.0).max(52.0);
        // Undelivered mail at the end may be the silence in question: it teaches nothing.
        let proven = mail.iter().rposition(|m| state_at(m, until) == Delivered);
        let mail = &mail[..proven.map_or(0, |last| last + 1)];
        let mut settled = Vec::with_capacity(mail.len());
        let (mut delays, mut open_ages) = (Vec::new(), Vec::new());
        let (mut late, mut pairs, mut before, mut run) = (0u32, 0u32, false, 0usize);
        // What was never read says nothing.
        for message in mail.iter().filter(|message| !message.unreadable) {
            if outages.contains(message.sent_at) {
                (before, run) = (false, 0);
                continue;
            }
            let state = state_at(message, until);
            settled.push((message.sent_at, as_first_judged(message, state)));
            let is_breakdown = run >= MAX_TRAINING_RUN && !false_alarms.contains(message.sent_at);
            if state == Unchecked || (state != Delivered && is_breakdown) {
                continue;
            }
            let age = match state {
                Pending(age) => age,
                Bounced | Unchecked => Duration::MAX,
                Delivered => {
                    let delivered_at = message.delivered_at.unwrap_or(message.sent_at);
                    delivered_at.since(message.sent_at)
                }
            };
            if state == Delivered {
                delays.push(age);
                run = 0;
            } else {
                open_ages.push(age);
                run += 1;
            }
            let is_late = age > CLUSTERING_AGE;
            late += u32::from(is_late);
            pairs += u32::from(is_late && before);
            before = is_late;
        }
        // Of a young sample a loss that goes on may be most; until it is older, what is usual for mail in general is taken.
        let most = (PRIOR_LOSS * (delays.len() + open_ages.len()) as f64).ceil() as usize;
        if is_young && open_ages.len() > most {
            open_ages.truncate(most);
            (late, pairs) = (0, 0);
        }
        delays.sort_unstable();
        open_ages.sort_unstable();
        let budget = training.false_alarms_per_year / training.series.max(1) as f64;
        let mut learned = Self {
            delays,
            open_ages,
            autocorrelation: 1.0,
            threshold: (per_year / (budget * SILENCE_BUDGET_SHARE)).max(2.0).ln(),
            usual_loss: UsualLoss::learn(&[], 2.0, &Coverage::default()),
            min_history,
            is_young,
        };
        let (failed, seen) = learned.failed(CLUSTERING_AGE);
        let by_chance = failed / seen;
        let repeated = (f64::from(pairs) + PRIOR_RUNS * by_chance) / (f64::from(late) + PRIOR_RUNS);
        learned.autocorrelation = (repeated / by_chance).max(1.0);
        let per_alarm = per_year / (budget * DROP_BUDGET_SHARE);
        let usual = match is_young {
            true => &[],
            false => settled.as_slice(),
        };
        learned.usual_loss = UsualLoss::learn(usual, per_alarm, false_alarms);
        learned
    }
}

impl Encoded for DeliveryModel {
    fn write(&self, to: &mut Vec<u8>) {
        let Self {
            delays,
            open_ages,
            autocorrelation,
            threshold,
            usual_loss,
            min_history,
            is_young,
        } = self;
        delays.len().write(to);
        // In order, each is written as what it has more than the one before; they are of whole milliseconds.
        delays.iter().fold(0, |before, delay| {
            let delay = delay.as_millis() as u64;
            (delay - before).write(to);
            delay
        });
        open_ages.write(to);
        (*autocorrelation, *threshold).write(to);
        usual_loss.write(to);
        (*min_history, *is_young).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let more = Vec::<u64>::read(from)?.into_iter();
        let delays = more.scan(0u64, |delay, more| {
            *delay = delay.saturating_add(more);
            Some(Duration::from_millis(*delay))
        });
        let (delays, open_ages) = (delays.collect(), Encoded::read(from)?);
        let (autocorrelation, threshold) = Encoded::read(from)?;
        let usual_loss = UsualLoss::read(from)?;
        let (min_history, is_young) = Encoded::read(from)?;
        Some(Self {
            delays,
            open_ages,
            autocorrelation,
            threshold,
            usual_loss,
            min_history,
            is_young,
        })
    }
}

/// Returns how it was judged while it was young: what came late had been lost until then.
fn as_first_judged(mail: &SampledMessage, state: DeliveryState) -> DeliveryState {
    match mail.delivered_at {
        Some(delivered_at) if delivered_at.since(mail.sent_at) > CLUSTERING_AGE => {
            Pending(delivered_at.since(mail.sent_at))
        }
        _ => state,
    }
}
