//! Of the sampled mail a smaller share is delivered than is usual for the stream.
//!
//! Each sampled message, oldest first, speaks for or against a loss beyond the usual one: the log of its likelihood ratio is
//! added to a sum, which begins anew where it falls below zero (the cumulative sum of E. S. Page, "Continuous inspection
//! schemes", Biometrika 41, 1954). G. Lorden ("Procedures for reacting to a change in distribution", Annals of
//! Mathematical Statistics 42, 1971) shows that under the usual loss a sum needs at least exp(limit) messages on average
//! to pass its limit, which turns the budget of false alarms into the limit. The same sum run backwards, from the loss to
//! the usual, tells the end.

use std::ops::Range;
use std::time::Duration;

use super::{
    Bounced, Delivered, DeliveryState, EVENT_LAG, MAX_TRAINING_RUN, PRIOR_RUNS, Pending, Unchecked,
    is_lost,
};
use crate::detect::encoding::encoded;
use crate::model::{Coverage, DeliveredSince, Timestamp, UsualDelivery};

/// The losses beyond the usual one that are tested for, as shares of the mail that usually arrives.
const EXTRA_LOSSES: [f64; 3] = [0.1, 0.3, 0.9];
/// The evidence, as a log of odds, at which a loss is over: it seems so by chance once in about a thousand messages.
const RECOVERY_EVIDENCE: f64 = 7.0;
/// A greater loss is taken for this one when its end is looked for: two messages that slip through are not the end.
const MAX_ENDING_LOSS: f64 = 0.75;
/// The evidence from which on the end is awaited.
const ENDING_EVIDENCE: f64 = RECOVERY_EVIDENCE / 2.0;
/// The part of the limit from which on the evidence keeps a loss that was told: what is learned anew while it lasts changes the odds a
/// little, and that is no recovery.
const KEEPING_SHARE: f64 = 0.5;
/// Fewer lost messages are no drop, whatever the odds.
const MIN_LOST: u64 = 5;
/// The usual loss where nothing is known: 97% of mail in general arrives.
pub(super) const PRIOR_LOSS: f64 = 0.03;
/// Fewer messages of which none was lost do not say what is usual of a stream.
const MIN_OWN_MESSAGES: f64 = 100.0;
/// The weight of [`PRIOR_LOSS`], in messages.
const PRIOR_MESSAGES: f64 = 20.0;
/// A loss of fewer messages is learned from like other mail.
const MIN_LONG_LOSS: u64 = 12;
/// Learning is repeated, each time without the losses that the last result shows: a loss that lasts is not the usual one.
const LEARNING_PASSES: usize = 3;

/// How much of a stream's mail is usually lost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UsualLoss {
    /// The share that is never delivered.
    share: f64,
    /// The share after a message that was lost: losses come in clusters.
    share_after_loss: f64,
    limit: f64,
    /// Whether the stream's own mail says it, and not what is believed of mail in general.
    is_own: bool,
}

encoded!(UsualLoss {
    share,
    share_after_loss,
    limit,
    is_own
});

/// A loss that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Loss {
    /// When the first message of it was sent.
    pub since: Timestamp,
    /// Messages sent since whose fate is known, or that are old enough to have one.
    pub settled: u64,
    /// Those of them that were delivered.
    pub delivered: u64,
    /// Whether the newest mail speaks for its end.
    pub is_ending: bool,
    /// That mail.
    pub again: Option<DeliveredSince>,
}

/// What the mail in order says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    /// The loss that goes on after the last of it.
    pub loss: Option<Loss>,
    /// The mail by which the last loss was found to be over, where none goes on.
    pub ended: Option<DeliveredSince>,
    /// Whether it speaks for a loss, though not enough to report one.
    pub is_suspected: bool,
}

/// The sums over messages in order.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    sums: [Sum; EXTRA_LOSSES.len()],
    ongoing: Option<Ongoing>,
    /// The mail that was the evidence for the end of the last one.
    ended: Option<Sum>,
    /// Whether the message before was lost.
    after_loss: bool,
}

/// The evidence for one extra loss, and what it rests on.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    evidence: f64,
    since: Option<Timestamp>,
    settled: u64,
    delivered: u64,
}

/// A loss whose sum passed the limit.
#[derive(Clone, Copy, Debug)]
struct Ongoing {
    sum: Sum,
    /// The share that is lost beyond the usual one, as seen until mail began to speak for its end.
    extra: f64,
    /// The evidence for its end.
    recovery: f64,
    /// The mail that is the evidence for its end.
    again: Sum,
}

impl Loss {
    /// Returns the share that is lost.
    pub(super) fn share(&self) -> f64 {
        1.0 - self.delivered as f64 / self.settled as f64
    }
}

impl Sum {
    /// Adds a message and its log of the likelihood ratio; below zero the sum begins anew.
    fn add(&mut self, sent_at: Timestamp, state: DeliveryState, log_ratio: f64) {
        self.evidence += log_ratio;
        if self.evidence <= 0.0 {
            *self = Self::default();
            return;
        }
        self.since.get_or_insert(sent_at);
        self.count(state);
    }

    fn delivered_since(&self) -> Option<DeliveredSince> {
        self.since.map(|since| DeliveredSince {
            since,
            sampled: self.settled,
            delivered: self.delivered,
        })
    }

    fn count(&mut self, state: DeliveryState) {
        self.settled += u64::from(state == Delivered || is_lost(state));
        self.delivered += u64::from(state == Delivered);
    }
}

impl UsualLoss {
    /// Learns from sampled mail that has settled, oldest first. `messages_per_alarm` is the accepted mean number of followed
    /// messages from one false alarm to the next. What was lost within the times of `false_alarms` is usual, however long it
    /// lasted.
    pub(super) fn learn(
        mail: &[(Timestamp, DeliveryState)],
        messages_per_alarm: f64,
        false_alarms: &Coverage,
    ) -> Self {
        let limit = (messages_per_alarm * EXTRA_LOSSES.len() as f64)
            .max(2.0)
            .ln();
        let mut excluded = vec![false; mail.len()];
        let mut usual = Self::from_counts(mail, &excluded, limit);
        // While what is learned from may hold an outage, every lost message speaks for one.
        usual.share_after_loss = usual.share;
        for _ in 1..LEARNING_PASSES {
            excluded.fill(false);
            for index in usual.long_losses(mail).into_iter().flatten() {
                excluded[index] = !false_alarms.contains(mail[index].0);
            }
            usual = Self::from_counts(mail, &excluded, limit);
        }
        usual
    }

    /// Returns the losses that lasted for [`MIN_LONG_LOSS`] messages, by the indices of their mail. Shorter ones are this stream's
    /// habit, as of a list that is sent once a week.
    fn long_losses(&self, mail: &[(Timestamp, DeliveryState)]) -> Vec<Range<usize>> {
        let mut scan = Scan::default();
        let mut losses: Vec<Range<usize>> = Vec::new();
        let mut ongoing: Option<Ongoing> = None;
        for (index, (sent_at, state)) in mail.iter().enumerate() {
            scan.add(self, *sent_at, *state, 0.0);
            let ended = std::mem::replace(&mut ongoing, scan.ongoing);
            if scan.ongoing.is_some() && index + 1 < mail.len() {
                continue;
            }
            if let Some(Ongoing { sum, .. }) = ended.filter(|o| o.sum.settled >= MIN_LONG_LOSS) {
                let first = mail.partition_point(|(at, _)| Some(*at) < sum.since);
                losses.push(first..index + 1);
            }
        }
        losses
    }

    fn from_counts(mail: &[(Timestamp, DeliveryState)], excluded: &[bool], limit: f64) -> Self {
        let (mut settled, mut lost) = (PRIOR_MESSAGES, PRIOR_MESSAGES * PRIOR_LOSS);
        let (mut after_loss, mut pairs, mut run) = (0.0, 0.0, 0);
        for ((_, state), excluded) in mail.iter().zip(excluded) {
            if *excluded || *state == Unchecked {
                run = 0;
                continue;
            }
            let is_lost = is_lost(*state);
            let weight = f64::from(u8::from(is_lost));
            settled += 1.0;
            lost += weight;
            if (1..=MAX_TRAINING_RUN).contains(&run) {
                after_loss += 1.0;
                pairs += weight;
            }
            run = if is_lost { run + 1 } else { 0 };
        }
        // Where none was lost, the number is that of mail in general until enough arrived.
        let is_own = lost >= 1.0 || settled >= PRIOR_MESSAGES + MIN_OWN_MESSAGES;
        let share = lost / settled;
        // One standard error more: what is not known for sure raises no alarm.
        let share = share + (share * (1.0 - share) / settled).sqrt();
        let share_after_loss = (pairs + PRIOR_RUNS * share) / (after_loss + PRIOR_RUNS);
        Self {
            share,
            share_after_loss: share_after_loss.max(share),
            limit,
            is_own,
        }
    }

    /// Returns the share of mail that is usually delivered.
    pub(super) const fn delivered_share(&self) -> f64 {
        1.0 - self.share
    }

    /// Returns the same as people are told it.
    pub(super) const fn usual(&self) -> UsualDelivery {
        let share = match self.is_own {
            true => 1.0 - self.share,
            false => 1.0 - PRIOR_LOSS,
        };
        UsualDelivery {
            share,
            is_own: self.is_own,
        }
    }

    /// Returns how it stands after the last of `mail`, which is in order of time sent. `late` returns the share of delivered mail
    /// that takes longer than an age.
    pub(super) fn standing(
        &self,
        mail: impl Iterator<Item = (Timestamp, DeliveryState)>,
        late: impl Fn(Duration) -> f64,
    ) -> Standing {
        let mut scan = Scan::default();
        for (sent_at, state) in mail {
            let late = match state {
                Pending(age) => late(age.saturating_sub(EVENT_LAG)),
                _ => 0.0,
            };
            scan.add(self, sent_at, state, late);
        }
        let loss = scan.ongoing.and_then(|ongoing| {
            let Ongoing {
                sum,
                recovery,
                again,
                ..
            } = ongoing;
            Some(Loss {
                since: sum.since?,
                settled: sum.settled,
                delivered: sum.delivered,
                is_ending: recovery > ENDING_EVIDENCE,
                again: again.delivered_since(),
            })
        });
        let keeping = KEEPING_SHARE * self.limit;
        Standing {
            loss,
            ended: scan.ended.and_then(|ended| ended.delivered_since()),
            is_suspected: scan.sums.iter().any(|sum| sum.evidence > keeping),
        }
    }

    /// Returns the share of the usually delivered mail that is lost.
    fn extra_loss(&self, sum: &Sum) -> f64 {
        let lost = (sum.settled - sum.delivered) as f64;
        let share = (lost + 0.5) / (sum.settled as f64 + 1.0);
        let extra = (share - self.share) / (1.0 - self.share);
        extra.clamp(EXTRA_LOSSES[0], MAX_ENDING_LOSS)
    }

    /// Returns the log of the odds of `extra` loss that one more message adds; `late` is the share of delivered mail that
    /// takes longer than a pending one has.
    fn log_ratio(&self, state: DeliveryState, late: f64, extra: f64, after_loss: bool) -> f64 {
        let usual = if after_loss {
            self.share_after_loss
        } else {
            self.share
        };
        let loss = (self.share + (1.0 - self.share) * extra).max(usual);
        match state {
            Delivered => ((1.0 - loss) / (1.0 - usual).max(f64::MIN_POSITIVE)).ln(),
            Bounced | Pending(_) => {
                let seen = |share: f64| share + (1.0 - share) * late;
                (seen(loss) / seen(usual)).ln()
            }
            Unchecked => 0.0,
        }
    }
}

impl Scan {
    fn add(&mut self, usual: &UsualLoss, sent_at: Timestamp, state: DeliveryState, late: f64) {
        if state == Unchecked {
            return;
        }
        let after_loss = std::mem::replace(&mut self.after_loss, is_lost(state));
        if let Some(ongoing) = &mut self.ongoing {
            ongoing.sum.count(state);
            if ongoing.recovery == 0.0 {
                ongoing.extra = usual.extra_loss(&ongoing.sum);
            }
            let ratio = usual.log_ratio(state, late, ongoing.extra, after_loss);
            ongoing.recovery = (ongoing.recovery - ratio).max(0.0);
            if ongoing.recovery > 0.0 {
                ongoing.again.since.get_or_insert(sent_at);
                ongoing.again.count(state);
            } else {
                ongoing.again = Sum::default();
            }
            if ongoing.recovery > RECOVERY_EVIDENCE {
                self.ended = Some(ongoing.again);
                self.ongoing = None;
            }
            return;
        }
        // What is delivered speaks against every loss; where none is in doubt that changes nothing, and it is most mail.
        if state == Delivered && self.sums.iter().all(|sum| sum.evidence == 0.0) {
            return;
        }
        for (sum, extra) in self.sums.iter_mut().zip(EXTRA_LOSSES) {
            sum.add(
                sent_at,
                state,
                usual.log_ratio(state, late, extra, after_loss),
            );
            if sum.evidence > usual.limit && sum.settled - sum.delivered >= MIN_LOST {
                self.ongoing = Some(Ongoing {
                    sum: *sum,
                    extra: usual.extra_loss(sum),
                    recovery: 0.0,
                    again: Sum::default(),
                });
            }
        }
        if self.ongoing.is_some() {
            self.ended = None;
            self.sums = Default::default();
        }
    }
}

#[cfg(test)]
mod tests;
