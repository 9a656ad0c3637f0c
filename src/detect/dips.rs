//! Less mail than expected, hour after hour: a cumulative sum of evidence for a fifth of the normal volume.
//!
//! E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954: each hour adds the logarithm of how much likelier its
//! count is at a fifth of what was expected than at all of it, and the sum never falls below zero. Counts are negative
//! binomial, of this stream's own dispersion, so that a bursty stream's quiet hours add little. What the sum may reach is
//! learned from the [`Tail`] of the peaks that it reached before.

use crate::detect::hazard::{Hazard, Running};
use crate::detect::profile::Profile;
use crate::detect::tail::Tail;
use crate::detect::timeline::{Timeline, WEEK};
use crate::model::{HOUR, History, Span, Timestamp};

/// The share of normal volume that is looked for.
const LOOKED_FOR: f64 = 0.2;
/// With this share of what was expected, of at least so many messages, there is no dip: hours that are regularly emptier
/// than their neighbours make none.
const USUAL: f64 = 0.6;
const ENOUGH: f64 = 5.0;
/// Beyond this many limits the sum grows no further, so that the end of a long drop is seen soon.
const MOST: f64 = 2.0;
/// No limit is below this.
const LOWEST: f64 = 4.0;
/// Before so many covered hours (four weeks) nothing is said of drops: the first holiday would be one.
const LEARNING: f64 = 672.0;
/// Bounds of the dispersion: from all in one burst to purely random.
const DISPERSION: (f64, f64) = (0.1, 1e4);

/// What dips a stream has had.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dips {
    dispersion: f64,
    /// Against the profile, at the end of the timeline.
    level: f64,
    /// The dip in which the timeline ended.
    last: Dip,
    tail: Tail,
    limit: f64,
}

/// A time of less mail than expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dip {
    /// Since when.
    pub from: Timestamp,
    /// The sum of evidence.
    pub evidence: f64,
    /// What it was in the last hour that had mail.
    pub with_mail: f64,
    /// Messages sent meanwhile.
    pub sent: u64,
    /// Messages expected meanwhile.
    pub expected: f64,
}

impl Dip {
    pub(super) const fn none(at: Timestamp) -> Self {
        Self {
            from: at,
            evidence: 0.0,
            with_mail: 0.0,
            sent: 0,
            expected: 0.0,
        }
    }

    /// One hour more; `None` for its count where it was not covered.
    fn add(
        &mut self,
        hour: Timestamp,
        sent: Option<u64>,
        expected: f64,
        dispersion: f64,
        most: f64,
    ) {
        let Some(sent) = sent else { return };
        self.sent += sent;
        self.expected += expected;
        self.evidence += evidence(sent, expected, dispersion);
        let usual = self.expected > ENOUGH && self.sent as f64 > USUAL * self.expected;
        if self.evidence <= 0.0 || usual {
            *self = Self::none(hour + HOUR);
        }
        self.evidence = self.evidence.min(most);
        if sent > 0 {
            self.with_mail = self.evidence;
        }
    }
}

/// How much likelier so few are at the volume that is looked for, as a logarithm.
fn evidence(sent: u64, expected: f64, dispersion: f64) -> f64 {
    let sent = sent as f64;
    let ratio = (dispersion + expected) / (dispersion + LOOKED_FOR * expected);
    sent * LOOKED_FOR.ln() + (sent + dispersion) * ratio.ln()
}

impl Dips {
    /// Learns from the timeline, for so many accepted false alarms a year.
    pub(super) fn learn(
        timeline: &Timeline,
        mean: &Profile,
        running: &Running,
        budget: f64,
    ) -> Self {
        let level_at = |hour: usize| Hazard::GROWTH.effect(&running.levels(hour, &[]));
        let levels: Vec<f64> = (0..=timeline.len() / WEEK)
            .map(|week| level_at(week * WEEK))
            .collect();
        let by = |mean: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..timeline.len())
                .map(|hour| mean(hour) * levels[hour / WEEK])
                .collect()
        };
        let then = by(&|hour| mean.before[hour]);
        let today = by(&|hour| mean.now.at(timeline.start(hour)));
        let dispersion = dispersion(timeline, &then);
        let (dip, mut peaks) = peaks(timeline, &then, dispersion);
        let (_, by_today) = self::peaks(timeline, &today, dispersion);
        // Each dip counts for the worse of what it was by the profile of its time and by today's, rank by rank.
        peaks.resize(peaks.len().max(by_today.len()), 0.0);
        for (peak, today) in peaks.iter_mut().zip(by_today) {
            *peak = peak.max(today);
        }
        let covered = timeline.covered() as f64;
        let years = covered / (365.25 * 24.0);
        let per_year = peaks.len() as f64 / years.max(1e-6);
        let tail = Tail::of(peaks, years, per_year.max(4.0));
        let limit = if covered < LEARNING {
            // A number that JSON has: it is stored with every step.
            f64::MAX
        } else {
            tail.exceeded(budget).max(LOWEST) * tail.caution(covered / WEEK as f64)
        };
        Self {
            dispersion,
            level: level_at(timeline.len()),
            last: dip,
            tail,
            limit,
        }
    }

    /// From what evidence on it is a drop.
    pub(super) fn limit(&self) -> f64 {
        self.limit
    }

    /// How many dips a year reach as far.
    pub(super) fn times_a_year(&self, evidence: f64) -> f64 {
        self.tail.times_a_year(evidence)
    }

    /// The dip at `at`, in full hours.
    pub(super) fn at(
        &self,
        timeline: &Timeline,
        mean: &Profile,
        history: &History,
        at: Timestamp,
    ) -> Dip {
        let mut dip = self.last;
        dip.evidence = dip.evidence.min(MOST * self.limit);
        let mut hour = timeline.start(timeline.len());
        let mut counts = history.hours[history.hours.partition_point(|h| h.start < hour)..]
            .iter()
            .peekable();
        while hour + HOUR <= at {
            let covered = history.messages.covers(Span::new(hour, hour + HOUR));
            let sent = counts.next_if(|h| h.start == hour).map_or(0, |h| h.sent);
            let expected = mean.now.at(hour) * self.level;
            dip.add(
                hour,
                covered.then_some(sent),
                expected,
                self.dispersion,
                MOST * self.limit,
            );
            hour = hour + HOUR;
        }
        dip
    }
}

/// The dip in which the timeline ends, and the peaks of all before it, the highest first.
fn peaks(timeline: &Timeline, expected: &[f64], dispersion: f64) -> (Dip, Vec<f64>) {
    let mut dip = Dip::none(timeline.begins);
    let (mut peaks, mut peak) = (Vec::new(), 0.0f64);
    for (hour, sent) in timeline.sent.iter().enumerate() {
        dip.add(
            timeline.start(hour),
            *sent,
            expected[hour],
            dispersion,
            f64::INFINITY,
        );
        if dip.evidence > 0.0 {
            peak = peak.max(dip.evidence);
        } else if peak > 0.0 {
            peaks.push(std::mem::take(&mut peak));
        }
    }
    peaks.sort_by(|a, b| b.total_cmp(a));
    (dip, peaks)
}

/// The negative binomial's size, by moments: the smaller, the more of the counts' variance is not chance.
fn dispersion(timeline: &Timeline, expected: &[f64]) -> f64 {
    let (mut squares, mut excess) = (0.0, 0.0);
    for (sent, mean) in timeline.sent.iter().zip(expected) {
        if let Some(sent) = sent {
            squares += mean * mean;
            excess += (*sent as f64 - mean).powi(2) - mean;
        }
    }
    (squares / excess.max(1e-9)).clamp(DISPERSION.0, DISPERSION.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_hours_speak_against_a_drop_and_empty_busy_ones_for_it() {
        assert!(evidence(20, 20.0, 50.0) < -5.0);
        assert!(evidence(0, 20.0, 50.0) > 5.0);
        assert!(evidence(4, 20.0, 50.0) > 2.0);
        assert!(
            evidence(0, 20.0, 0.1) < 0.2,
            "an empty hour of a stream that comes in bursts says little"
        );
    }

    #[test]
    fn a_dip_ends_when_mail_is_usual_again_and_time_that_was_not_seen_says_nothing() {
        let at = Timestamp(0);
        let mut dip = Dip::none(at);
        for hour in 0..5 {
            dip.add(at + HOUR * hour, Some(1), 10.0, 50.0, 100.0);
        }
        let low = dip;
        dip.add(at + HOUR * 5, None, 10.0, 50.0, 100.0);
        assert_eq!(dip, low);
        assert_eq!((dip.sent, dip.from), (5, at));
        for hour in 6..20 {
            dip.add(at + HOUR * hour, Some(10), 10.0, 50.0, 100.0);
        }
        assert_eq!(dip.evidence, 0.0);
    }
}
