//! How many of the messages of a span were delivered, as far as the sample says.

use std::collections::HashSet;

use crate::detect::interval::{StratifiedShare, Stratum, clopper_pearson, stratified};
use crate::detect::{SampledPart, SampledParts, sample_outcome, sampled_parts};
use crate::model::{
    BounceClass, Coverage, DAY, History, KnownLoss, SampleOutcome, SampledMessage, Span,
};

/// The level of the interval of an estimate.
const STATED_CONFIDENCE: f64 = 0.95;
/// A smaller loss beyond the usual one is not worth a line.
const MIN_LOSS: f64 = 0.02;
/// The level at which the sample of a day must speak for a loss that is greater than that.
const LOSS_CONFIDENCE: f64 = 0.99;
/// The level at which the sample of one, two or three days must speak for any loss, where that of the last one seems to be greater. A
/// stream whose true share is the usual one is called unusual by each of them in at most 1 of 2,000 digests; a better one hardly ever.
const ANY_LOSS_CONFIDENCE: f64 = 0.999;
/// The days that are looked at together, at most: a loss of a tenth may take two to be more than chance.
const MAX_LOSS_DAYS: u32 = 3;
/// Where a message has fewer recipients on average, most that bounce bounce for all of them.
const MANY_RECIPIENTS: f64 = 2.0;

/// The messages of a span, in two parts: those that the list of bounces names, for one of their recipients at least, and the rest.
/// Bounces are listed whole, so that the sample stands for each part alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentMail {
    /// Messages sent.
    pub sent: u64,
    /// Those of which a recipient bounced, in whatever class that is a failure.
    pub failed: u64,
    /// Such recipients, of each message.
    pub failed_recipients: u64,
    /// Recipients of all of the messages; `None` where nothing is known of them.
    pub recipients: Option<u64>,
}

impl SentMail {
    /// Returns what is known of the `sent` messages of `span`.
    pub(crate) fn from_history(history: &History, span: Span, sent: u64) -> Self {
        let failed = history.bounced_in(&[span], |event| BounceClass::is_failure(event.class));
        let recipients = history.recipients_in(&[history.whole_counts_within(span)]);
        Self {
            sent,
            failed: failed.messages - failed.sent_outside,
            failed_recipients: failed.recipients - failed.recipients_outside,
            recipients: recipients.map(|sent| sent.recipients),
        }
    }

    /// Returns how many were delivered to any recipient. Where the sample says nothing of the rest, nothing speaks against it.
    pub(crate) fn delivered(self, sample: &WeighedSample) -> u64 {
        let share = |of: StratifiedShare| of.share;
        let rest = sample.of_rest().map_or(1.0, share);
        let failed = self.of_failed(sample).map(share);
        self.sum(rest, failed)
    }

    /// Returns the 95% interval of the same. Of the messages for which the sample does not stand none may be delivered, or all.
    pub(crate) fn delivered_range(self, sample: &WeighedSample) -> (u64, u64) {
        let (low, high) = self.sampled_range(sample);
        let unknown = sample.unknown + sample.guessed;
        let known = self.sent.saturating_sub(unknown) as f64 / self.sent.max(1) as f64;
        let of_known = |delivered: u64| (delivered as f64 * known).round() as u64;
        (of_known(low), (of_known(high) + unknown).min(self.sent))
    }

    /// Returns the same where the sample stands for all of the messages.
    fn sampled_range(self, sample: &WeighedSample) -> (u64, u64) {
        let range = |of: StratifiedShare| of.interval;
        let (low, high) = sample.of_rest().map_or((0.0, 1.0), range);
        let failed = self.of_failed(sample).map(range);
        (
            self.sum(low, failed.map(|(low, _)| low)),
            self.sum(high, failed.map(|(_, high)| high)),
        )
    }

    /// Returns the messages delivered, given the shares of the two parts.
    fn sum(self, rest: f64, failed: Option<f64>) -> u64 {
        let in_part = match failed {
            Some(share) => self.failed as f64 * share,
            None => self.failed as f64 - self.bounced_for_all(),
        };
        let sum = self.sent.saturating_sub(self.failed) as f64 * rest + in_part;
        (sum.round() as u64).min(self.sent)
    }

    /// Returns the share of the messages that a bounce names that was delivered, to other recipients; `None` where none of them is
    /// sampled, or each message has one recipient and bounced as a whole.
    fn of_failed(self, sample: &WeighedSample) -> Option<StratifiedShare> {
        let is_partly = sample.parts.iter().any(|part| part.outcome.partly > 0);
        let may_be_partly = is_partly || self.recipients_per_message() >= MANY_RECIPIENTS;
        sample.of_failed().filter(|_| may_be_partly)
    }

    /// Returns how many messages bounced for all of their recipients, by the number of these alone.
    fn bounced_for_all(self) -> f64 {
        let per_message = self.recipients_per_message();
        let failed = self.failed as f64;
        if per_message < MANY_RECIPIENTS {
            failed
        } else {
            failed.min(self.failed_recipients as f64 / per_message)
        }
    }

    fn recipients_per_message(self) -> f64 {
        let per_message = |recipients: u64| recipients as f64 / self.sent.max(1) as f64;
        self.recipients.map_or(1.0, per_message)
    }
}

/// What became of the sampled mail of a span, and for how much of the mail it stands.
#[derive(Clone, Debug)]
pub(crate) struct WeighedSample {
    parts: Vec<WeighedPart>,
    /// Messages of hours of which the sample says nothing.
    pub unknown: u64,
    /// Messages of before the first start: see [`SampledParts::guessed`].
    guessed: u64,
}

/// A part of the span for which its sample stands alone.
#[derive(Clone, Copy, Debug)]
struct WeighedPart {
    /// Messages sent, and those of them that the list of bounces names.
    sent: u64,
    failed: u64,
    outcome: SampleOutcome,
}

impl WeighedSample {
    /// Returns what the sample says of `span`, each of its parts weighed by what was sent in it.
    pub(crate) fn from_history(history: &History, span: Span) -> Self {
        let SampledParts {
            parts,
            unknown,
            guessed,
        } = sampled_parts(history, span);
        let events = history.bounce_events_in(span).iter();
        let failures = events.filter(|event| event.class.is_failure());
        let failures: Vec<_> = failures
            .filter_map(|event| Some((event.sent_at?, event.message.as_str())))
            .collect();
        if parts.is_empty() {
            return Self {
                unknown,
                guessed,
                ..Self::even(sample_outcome(&history.sampled, span))
            };
        }
        let weigh = |part: SampledPart| {
            let within = failures.iter().filter(|(at, _)| part.times.contains(*at));
            let failed: HashSet<&str> = within.map(|(_, message)| *message).collect();
            WeighedPart {
                sent: part.sent,
                failed: failed.len() as u64,
                outcome: part.outcome,
            }
        };
        Self {
            parts: parts.into_iter().map(weigh).collect(),
            unknown,
            guessed,
        }
    }

    /// Returns a sample that stands for all of the mail alike.
    pub(crate) fn even(outcome: SampleOutcome) -> Self {
        let part = WeighedPart {
            sent: 0,
            failed: 0,
            outcome,
        };
        Self {
            parts: vec![part],
            unknown: 0,
            guessed: 0,
        }
    }

    /// Returns the share of the mail that was delivered, with the interval of level `confidence`, bounced or not; `None` where nothing is
    /// known.
    fn share(&self, confidence: f64) -> Option<StratifiedShare> {
        let stratum = |part: &WeighedPart| Stratum {
            weight: part.sent.max(part.outcome.settled()) as f64,
            part: part.outcome.delivered,
            whole: part.outcome.settled(),
        };
        self.stratified(stratum, confidence)
    }

    /// Returns the share delivered of the messages that no bounce of the list names; `None` where none of them has a known fate.
    fn of_rest(&self) -> Option<StratifiedShare> {
        let stratum = |of: &WeighedPart| {
            let delivered = of.outcome.delivered - of.outcome.partly;
            let known = delivered + of.outcome.without_news + of.outcome.unlisted;
            Stratum {
                weight: of.sent.saturating_sub(of.failed).max(known) as f64,
                part: delivered,
                whole: known,
            }
        };
        self.stratified(stratum, STATED_CONFIDENCE)
    }

    /// Returns the share delivered, to other recipients, of those that a bounce names.
    fn of_failed(&self) -> Option<StratifiedShare> {
        let stratum = |of: &WeighedPart| {
            let known = of.outcome.bounced - of.outcome.unlisted + of.outcome.partly;
            Stratum {
                weight: of.failed.max(known) as f64,
                part: of.outcome.partly,
                whole: known,
            }
        };
        self.stratified(stratum, STATED_CONFIDENCE)
    }

    fn stratified(
        &self,
        stratum: impl Fn(&WeighedPart) -> Stratum,
        confidence: f64,
    ) -> Option<StratifiedShare> {
        let strata: Vec<Stratum> = self.parts.iter().map(stratum).collect();
        stratified(&strata, confidence)
    }
}

/// Returns whether the sample of `period`, or of the days up to its end, says that less than the `usual` share of the mail was delivered.
/// Mail of `losses`, which incidents told of, is left out of the days before.
pub(super) fn is_below(history: &History, losses: &[KnownLoss], period: Span, usual: f64) -> bool {
    let sample = WeighedSample::from_history(history, period);
    let Some(day) = sample.share(LOSS_CONFIDENCE) else {
        return false;
    };
    let seems_below = day.share < usual - MIN_LOSS;
    if !seems_below || day.interval.1 < usual - MIN_LOSS {
        return seems_below;
    }
    let is_any_loss = |of: StratifiedShare| of.interval.1 < usual;
    if sample.share(ANY_LOSS_CONFIDENCE).is_some_and(is_any_loss) {
        return true;
    }
    let below = |sample: SampleOutcome| {
        let settled = sample.settled();
        settled > 0 && clopper_pearson(sample.delivered, settled, ANY_LOSS_CONFIDENCE).1 < usual
    };
    let told = Coverage::from_spans(losses.iter().map(|loss| loss.span));
    let untold =
        |mail: &&SampledMessage| period.contains(mail.sent_at) || !told.contains(mail.sent_at);
    let untold: Vec<SampledMessage> = history.sampled.iter().filter(untold).copied().collect();
    (1..MAX_LOSS_DAYS).any(|before| {
        let days = Span::new(period.from - DAY * before, period.until);
        below(sample_outcome(&untold, days))
    })
}
