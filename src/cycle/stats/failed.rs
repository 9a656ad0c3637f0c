//! Mail of a day that bounced, in whatever class, and far more of it than is usual for its stream or tag. Bounces are listed whole, so
//! this asks no sample.

use crate::detect::interval::clopper_pearson;
use crate::model::{
    BounceClass, BounceEvent, Coverage, DAY, FailedMessages, History, KnownLoss, Span, Tag,
};
use crate::notify::digest::UnusualFailures;

use super::{BOUNCE_CONFIDENCE, HEALTHY_SHARE, MIN_BOUNCES, WEEKS_COMPARED};

/// Fewer messages of a tag say nothing of it.
const MIN_OF_TAG: u64 = 3;
/// The multiple of the usual share that is surely exceeded: good and bad days of one list are that far apart.
const UNUSUAL_FACTOR: f64 = 2.0;
/// No stream is normal of which surely more than this bounces, however long it does.
const MAX_USUAL: f64 = 0.2;
/// The share of mail in general that bounces, and its weight in messages.
const PRIOR_SHARE: f64 = 0.03;
const PRIOR_MESSAGES: f64 = 20.0;

/// The time that a day is compared with.
pub(super) fn weeks_before(day: Span) -> Span {
    Span::new(day.from - DAY * (7 * WEEKS_COMPARED), day.from)
}

/// Messages sent, and those of them that bounced.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    failed: u64,
    sent: u64,
}

impl Failures {
    /// Returns the share that is usual by these, of all days before: one standard error more, since it is not known for sure.
    fn usual_share(self) -> f64 {
        let messages = self.sent as f64 + PRIOR_MESSAGES;
        let failed = self.failed.min(self.sent) as f64;
        let share = (failed + PRIOR_MESSAGES * PRIOR_SHARE) / messages;
        share + (share * (1.0 - share) / messages).sqrt()
    }

    /// Returns whether surely more than `most` of them failed.
    fn surely_exceeds(self, most: f64) -> bool {
        let (low, _) = clopper_pearson(self.failed, self.sent.max(self.failed), BOUNCE_CONFIDENCE);
        low > most
    }

    /// Returns whether so many failed of a stream's day, where it had those of `before`, and `threshold` is that of its bounce rate.
    fn is_unusual(self, before: Self, threshold: f64) -> bool {
        let usual = (UNUSUAL_FACTOR * before.usual_share()).min(MAX_USUAL);
        self.failed >= MIN_BOUNCES
            && self.failed as f64 > threshold * self.sent as f64
            && self.surely_exceeds(usual.max(threshold * HEALTHY_SHARE))
    }

    /// Returns whether none of a tag's mail of the day arrived, where it had those of `before`.
    fn is_lost_tag(self, before: Self) -> bool {
        self.failed >= MIN_OF_TAG
            && self.failed >= self.sent
            && self.surely_exceeds(UNUSUAL_FACTOR * before.usual_share())
    }
}

/// Returns the bounces of `period` that are far more than usual: of the stream, or else of its tags. Mail of `losses`, of which incidents
/// tell, is left out; `threshold` is that of the rule `bounce_rate`.
pub(super) fn unusual_failures(
    history: &History,
    losses: &[KnownLoss],
    period: Span,
    threshold: f64,
) -> Vec<UnusualFailures> {
    let told = Coverage::from_spans(losses.iter().map(|loss| loss.span));
    let parts = told.holes(period).into_iter();
    let parts = parts.map(|part| history.whole_counts_within(part));
    let parts: Vec<Span> = parts.collect();
    let failures = |of: &History, tag: Option<&Tag>| {
        let is_of = |event: &BounceEvent| {
            tag.is_none_or(|tag| event.tag.as_ref() == Some(&tag.0)) && event.class.is_failure()
        };
        let failed = history.bounced_in(&parts, is_of);
        let day = Failures {
            failed: failed.messages - failed.sent_outside,
            sent: of.sent_in(&parts),
        };
        (day, before(history, of, tag, &told, period))
    };
    let found = |day: Failures, before: Failures, tag: Option<&Tag>| {
        let of_class = |class: BounceClass| {
            let is_of = |event: &BounceEvent| {
                event.class == class && tag.is_none_or(|tag| event.tag.as_ref() == Some(&tag.0))
            };
            let failed = history.bounced_in(&parts, is_of);
            (class, failed.messages - failed.sent_outside)
        };
        let failing = BounceClass::ALL
            .into_iter()
            .filter(|class| class.is_failure());
        UnusualFailures {
            tag: tag.cloned(),
            failed: day.failed,
            sent: day.sent.max(day.failed),
            classes: failing.map(of_class).filter(|(_, n)| *n > 0).collect(),
            usual: (before.sent > 0).then(|| before.failed as f64 / before.sent as f64),
        }
    };
    let (day, before) = failures(history, None);
    if day.is_unusual(before, threshold) {
        return vec![found(day, before, None)];
    }
    let tags = history.tags.iter().filter_map(|(tag, of)| {
        let (day, before) = failures(of, Some(tag));
        day.is_lost_tag(before)
            .then(|| found(day, before, Some(tag)))
    });
    tags.collect()
}

/// Returns what is known of the weeks before `period`, without the days of which incidents told that mail was lost.
fn before(
    history: &History,
    of: &History,
    tag: Option<&Tag>,
    told: &Coverage,
    period: Span,
) -> Failures {
    let begins = history.first_seen_at.unwrap_or(period.from);
    let is_usual = |day: &Span| {
        begins <= day.from
            && history.messages.covers(*day)
            && history.bounces.covers(*day)
            && told.parts(*day).next().is_none()
    };
    let weeks = weeks_before(period);
    let days = (0..7 * WEEKS_COMPARED)
        .map(|n| Span::new(weeks.from + DAY * n, weeks.from + DAY * (n + 1)));
    let mut sum = Failures::default();
    for day in days.filter(is_usual) {
        let failed = history.failed_before.iter();
        let failed = failed.filter(|of: &&FailedMessages| {
            of.day == day && (tag.is_none() || of.tag.as_ref() == tag)
        });
        sum.failed += failed.map(|of| of.messages).sum::<u64>();
        sum.sent += of.sent_by_hours(day);
    }
    sum
}

#[cfg(test)]
mod tests;
