//! Less mail than expected, hour after hour: a cumulative sum of evidence for a fifth of the normal volume.
//!
//! E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954: each hour adds the logarithm of how much likelier its
//! count is at a fifth of what was expected than at all of it, and the sum never falls below zero. Counts are negative
//! binomial, of this stream's own dispersion, so that a bursty stream's quiet hours add little. What the sum may reach is
//! learned from the [`ExceedanceModel`] of the peaks that it reached before.

use crate::detect::encoding::encoded;
use crate::detect::exceedance::{ExceedanceFit, ExceedanceModel};
use crate::detect::hazard::{Hazard, RunningSums};
use crate::detect::hourly_series::{HourlySeries, WEEK};
use crate::detect::profile::{IntensityTable, Profile};
use crate::model::{HOUR, History, Span, Timestamp};

/// The share of normal volume that is looked for.
const TARGET_SHARE: f64 = 0.2;
/// The sum restarts once this share of at least [`MIN_EXPECTED`] expected messages was sent: hours that are regularly emptier
/// than their neighbours are no drop.
const RECOVERY_SHARE: f64 = 0.6;
const MIN_EXPECTED: f64 = 5.0;
/// Beyond this many limits the sum grows no further, so that the end of a long drop is seen soon.
const MAX_SUM_IN_LIMITS: f64 = 2.0;
/// No limit is below this.
const MIN_LIMIT: f64 = 4.0;
/// With fewer covered hours (four weeks) no drop is reported: the first holiday would be one.
const MIN_COVERED_HOURS: f64 = 672.0;
/// The hours of the first four weeks are judged by no profile of their time: there was none yet, and nothing was reported. Of a
/// shorter history it is the first half.
const UNKNOWN_HOURS: usize = 4 * WEEK;
/// Bounds of the dispersion: from all in one burst to purely random.
const DISPERSION_BOUNDS: (f64, f64) = (0.1, 1e4);

/// The cumulative sum of one stream, and the limit that its own past sets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cusum {
    /// The messages of each hour, in none less than a tenth of the mean of all: for limits. What people read is the plain mean of
    /// [`Baseline`](super::baseline::Baseline).
    pub mean: IntensityTable,
    dispersion: f64,
    /// An hour with more messages is left out, as one of a burst.
    max_usual_sent: u64,
    /// The end of the series that was learned from.
    end: Timestamp,
    /// The volume relative to the profile, at that end.
    level: f64,
    last: CusumState,
    pub tail: ExceedanceModel,
    /// The evidence above which it is a drop.
    pub limit: f64,
}

/// The sum since it last was zero: a time of less mail than expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CusumState {
    pub from: Timestamp,
    pub evidence: f64,
    /// The sum in the last hour with mail.
    pub at_last_mail: f64,
    /// Messages sent since `from`.
    pub sent: u64,
    /// Messages expected since `from`.
    pub expected: f64,
}

encoded!(Cusum {
    mean,
    dispersion,
    max_usual_sent,
    end,
    level,
    last,
    tail,
    limit
});
encoded!(CusumState {
    from,
    evidence,
    at_last_mail,
    sent,
    expected
});

impl CusumState {
    pub(super) const fn zero(at: Timestamp) -> Self {
        Self {
            from: at,
            evidence: 0.0,
            at_last_mail: 0.0,
            sent: 0,
            expected: 0.0,
        }
    }

    /// Adds one hour, in which `mean` messages were expected; `sent` is `None` where it was not covered.
    fn add(&mut self, hour: Timestamp, sent: Option<u64>, mean: f64, dispersion: f64, max: f64) {
        let Some(sent) = sent else { return };
        self.sent += sent;
        self.expected += mean;
        self.evidence += evidence(sent, mean, dispersion);
        let recovered =
            self.expected > MIN_EXPECTED && self.sent as f64 > RECOVERY_SHARE * self.expected;
        if self.evidence <= 0.0 || recovered {
            *self = Self::zero(hour + HOUR);
        }
        self.evidence = self.evidence.min(max);
        if sent > 0 {
            self.at_last_mail = self.evidence;
        }
    }
}

/// Returns the log-likelihood ratio of the target volume to the expected one.
fn evidence(sent: u64, expected: f64, dispersion: f64) -> f64 {
    let sent = sent as f64;
    let ratio = (dispersion + expected) / (dispersion + TARGET_SHARE * expected);
    sent * TARGET_SHARE.ln() + (sent + dispersion) * ratio.ln()
}

impl Cusum {
    /// Learns from `series`; `budget` is the accepted number of false alarms per year.
    pub(super) fn learn(
        series: &HourlySeries,
        mean: &Profile,
        sums: &RunningSums,
        budget: f64,
        max_usual_sent: u64,
    ) -> Self {
        let level =
            |sums: &RunningSums, hour: usize| Hazard::GROWTH.level_multiplier(sums, hour, &[]);
        let expected = |profile: &Profile, sums: &RunningSums| -> Vec<f64> {
            let weeks = profile.before.chunks(WEEK).enumerate();
            let weeks = weeks.map(|(week, hours)| (hours, level(sums, week * WEEK)));
            weeks
                .flat_map(|(hours, level)| hours.iter().map(move |mean| mean * level))
                .collect()
        };
        let then = expected(mean, sums);
        // What today's profile has of a growth is no growth beyond it.
        let by_today = mean.as_of_today(series);
        let sums_by_today = RunningSums::new(series, &by_today);
        let today = expected(&by_today, &sums_by_today);
        let known = UNKNOWN_HOURS.min(series.len() / 2);
        let dispersion = dispersion(series, &then, known);
        let mut peaks = peaks(series, &then, dispersion, known, f64::INFINITY).1;
        let today = self::peaks(series, &today, dispersion, 0, f64::INFINITY).1;
        // Each peak counts for the worse of what it was by the profile of its time, as soon as that was known, and by today's, rank by
        // rank.
        peaks.resize(peaks.len().max(today.len()), 0.0);
        for (peak, today) in peaks.iter_mut().zip(today) {
            *peak = peak.max(today);
        }
        let covered = series.covered() as f64;
        let years = covered / (365.25 * 24.0);
        let per_year = peaks.len() as f64 / years.max(1e-6);
        let tail = ExceedanceFit::new(peaks, years, per_year.max(4.0));
        let limit = if covered < MIN_COVERED_HOURS {
            // A number that JSON has: it is stored with every step.
            f64::MAX
        } else {
            tail.return_level(budget).max(MIN_LIMIT)
                * tail.short_history_factor(covered / WEEK as f64)
        };
        // As it was judged then: a long drop that has ended is not far from its end again.
        let max = MAX_SUM_IN_LIMITS * limit;
        let (last, _) = self::peaks(series, &then, dispersion, known, max);
        Self {
            mean: mean.now.clone(),
            max_usual_sent,
            dispersion,
            end: series.start(series.len()),
            level: level(&sums_by_today, series.len()),
            last,
            tail: tail.into_model(),
            limit,
        }
    }

    /// Returns since when there was less mail than expected at the end of what was learned from.
    pub(super) const fn began(&self) -> Timestamp {
        self.last.from
    }

    /// Returns the state after the last full hour before `at`.
    pub(super) fn state_at(&self, history: &History, at: Timestamp) -> CusumState {
        self.continued(self.last, self.end, history, at)
    }

    /// Returns the state after the last full hour before `at`, of the time from `from` on alone.
    pub(super) fn state_since(
        &self,
        history: &History,
        from: Timestamp,
        at: Timestamp,
    ) -> CusumState {
        let hour = from.floor(HOUR);
        let first = if hour < from { hour + HOUR } else { hour };
        self.continued(CusumState::zero(first), first, history, at)
    }

    /// Returns the end of the hour in `span` up to which the sum grew, or stood at its bound: what came after it speaks against a drop.
    /// `None` where it never grew.
    pub(super) fn low_until(&self, history: &History, span: Span) -> Option<Timestamp> {
        let (mut state, mut highest, mut until) = (CusumState::zero(span.from), 0.0, None);
        let mut hour = span.from;
        while hour + HOUR <= span.until {
            state = self.continued(state, hour, history, hour + HOUR);
            hour = hour + HOUR;
            if state.evidence > 0.0 && state.evidence >= highest {
                (highest, until) = (state.evidence, Some(hour));
            }
        }
        until
    }

    fn continued(
        &self,
        mut state: CusumState,
        mut hour: Timestamp,
        history: &History,
        at: Timestamp,
    ) -> CusumState {
        let max = MAX_SUM_IN_LIMITS * self.limit;
        state.evidence = state.evidence.min(max);
        let mut counts = history.hours[history.hours.partition_point(|h| h.start < hour)..]
            .iter()
            .peekable();
        while hour + HOUR <= at {
            let covered = history.messages.covers(Span::new(hour, hour + HOUR));
            let sent = counts.next_if(|h| h.start == hour).map_or(0, |h| h.sent);
            let sent = Some(sent).filter(|sent| covered && *sent <= self.max_usual_sent);
            let expected = self.mean.at(hour) * self.level;
            state.add(hour, sent, expected, self.dispersion, max);
            hour = hour + HOUR;
        }
        state
    }
}

/// Returns the state at the end of `series`, of a sum that grows to no more than `max`, and the peaks before it, the highest first, from
/// the hour `known` on.
fn peaks(
    series: &HourlySeries,
    expected: &[f64],
    dispersion: f64,
    known: usize,
    max: f64,
) -> (CusumState, Vec<f64>) {
    let mut state = CusumState::zero(series.start(known));
    let (mut peaks, mut peak) = (Vec::new(), 0.0f64);
    for (hour, sent) in series.sent.iter().enumerate().skip(known) {
        state.add(series.start(hour), *sent, expected[hour], dispersion, max);
        if state.evidence > 0.0 {
            peak = peak.max(state.evidence);
        } else if peak > 0.0 {
            peaks.push(std::mem::take(&mut peak));
        }
    }
    peaks.sort_by(|a, b| b.total_cmp(a));
    (state, peaks)
}

/// The negative binomial's size, by moments of the hours from `known` on: the smaller, the more of the counts' variance is not chance.
fn dispersion(series: &HourlySeries, expected: &[f64], known: usize) -> f64 {
    let (mut squares, mut excess) = (0.0, 0.0);
    for (sent, mean) in series.sent.iter().zip(expected).skip(known) {
        if let Some(sent) = sent {
            squares += mean * mean;
            excess += (*sent as f64 - mean).powi(2) - mean;
        }
    }
    (squares / excess.max(1e-9)).clamp(DISPERSION_BOUNDS.0, DISPERSION_BOUNDS.1)
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
        let mut state = CusumState::zero(at);
        for hour in 0..5 {
            state.add(at + HOUR * hour, Some(1), 10.0, 50.0, 100.0);
        }
        let low = state;
        state.add(at + HOUR * 5, None, 10.0, 50.0, 100.0);
        assert_eq!(state, low);
        assert_eq!((state.sent, state.from), (5, at));
        for hour in 6..20 {
            state.add(at + HOUR * hour, Some(10), 10.0, 50.0, 100.0);
        }
        assert_eq!(state.evidence, 0.0);
    }
}
