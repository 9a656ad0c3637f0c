//! How many of the messages of a span were delivered, as far as the sample says.

use crate::detect::interval::clopper_pearson;
use crate::detect::sample_outcome;
use crate::model::{BounceClass, Coverage, DAY, History, SampleOutcome, SampledMessage, Span};

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
    pub(crate) fn delivered(self, sample: SampleOutcome) -> u64 {
        let share = |(delivered, known): (u64, u64)| delivered as f64 / known as f64;
        let rest = of_rest(sample).map_or(1.0, share);
        let failed = self.of_failed(sample).map(share);
        self.sum(rest, failed)
    }

    /// Returns the 95% interval of the same, where the sample does not stand for `unknown` of the messages: none of them may be
    /// delivered, or all.
    pub(crate) fn delivered_range(self, sample: SampleOutcome, unknown: u64) -> (u64, u64) {
        let (low, high) = self.sampled_range(sample);
        let known = self.sent.saturating_sub(unknown) as f64 / self.sent.max(1) as f64;
        let of_known = |delivered: u64| (delivered as f64 * known).round() as u64;
        (of_known(low), (of_known(high) + unknown).min(self.sent))
    }

    /// Returns the same where the sample stands for all of the messages.
    fn sampled_range(self, sample: SampleOutcome) -> (u64, u64) {
        let range = |(delivered, known)| clopper_pearson(delivered, known, STATED_CONFIDENCE);
        let (low, high) = of_rest(sample).map_or((0.0, 1.0), range);
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

    /// Returns how many of the sampled messages that a bounce names were delivered, to other recipients, and how many there are; `None`
    /// where there are none, or each message has one recipient and bounced as a whole.
    fn of_failed(self, sample: SampleOutcome) -> Option<(u64, u64)> {
        let known = sample.bounced - sample.unlisted + sample.partly;
        let may_be_partly = sample.partly > 0 || self.recipients_per_message() >= MANY_RECIPIENTS;
        (known > 0 && may_be_partly).then_some((sample.partly, known))
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

/// Returns how many of the sampled messages that no bounce of the list names were delivered, and how many of them have a known fate; `None`
/// of none.
fn of_rest(sample: SampleOutcome) -> Option<(u64, u64)> {
    let delivered = sample.delivered - sample.partly;
    let known = delivered + sample.without_news + sample.unlisted;
    (known > 0).then_some((delivered, known))
}

/// Returns whether the sample of `period`, or of the days up to its end, says that less than the `usual` share of the mail was delivered.
/// Mail of `losses`, which incidents told of, is left out of the days before.
pub(super) fn is_below(history: &History, losses: &[Span], period: Span, usual: f64) -> bool {
    let sample = sample_outcome(&history.sampled, period);
    let below = |sample: SampleOutcome, share: f64, level: f64| {
        let settled = sample.settled();
        settled > 0 && clopper_pearson(sample.delivered, settled, level).1 < share
    };
    let seems_below = (sample.delivered as f64) < (usual - MIN_LOSS) * sample.settled() as f64;
    if !seems_below || below(sample, usual - MIN_LOSS, LOSS_CONFIDENCE) {
        return seems_below;
    }
    let told = Coverage::from_spans(losses.iter().copied());
    let untold =
        |mail: &&SampledMessage| period.contains(mail.sent_at) || !told.contains(mail.sent_at);
    let untold: Vec<SampledMessage> = history.sampled.iter().filter(untold).copied().collect();
    (0..MAX_LOSS_DAYS).any(|before| {
        let days = Span::new(period.from - DAY * before, period.until);
        below(sample_outcome(&untold, days), usual, ANY_LOSS_CONFIDENCE)
    })
}
