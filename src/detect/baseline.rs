//! The baseline of one stream: what is normal, and which gap is not, learned from its own hours.
//!
//! The gap since the last mail is rescaled by an intensity, so that a night counts little and a Tuesday morning much (time
//! rescaling: E. N. Brown et al., "The time-rescaling theorem and its application to neural spike train data analysis",
//! Neural Computation 14, 2002). There is no one best intensity for all streams: several *intensity models* compete
//! (by hour of the week, with and without recent levels, flat, by day of the month). Each gets from the [`ExceedanceModel`]
//! of its own past gaps the threshold that keeps the budget of false alarms; the model that would notice a stop of this
//! stream soonest is taken. Beside it the [`GapBound`] holds, which knows no model: a gap scores the higher of both.

use std::time::Duration;

use crate::detect::bursts::BurstModel;
use crate::detect::cusum::Cusum;
use crate::detect::exceedance::ExceedanceModel;
use crate::detect::gap_bound::GapBound;
use crate::detect::gap_length::GapLengthModel;
use crate::detect::hazard::{Hazard, RunningSums};
use crate::detect::hourly_series::{Gap, HourlySeries, split_by_hour};
use crate::detect::outages::{expected_detection_delay, simulated_outages};
use crate::detect::profile::{Calendar, Profile};
use crate::detect::uneven_days;
use crate::model::{DAY, HOUR, History, Span, Timestamp};

/// The models by calendar, in the order of [`COMBINATIONS`], and whether the effect of recent levels is fitted; otherwise
/// growth and decline over weeks is all they follow. [`GAP_LENGTH`] comes after them.
const CALENDARS: [(Calendar, bool); GAP_LENGTH] = [
    (Calendar::Occupied { flat: 0.1 }, false),
    (Calendar::Mean { flat: 0.1 }, false),
    (Calendar::Occupied { flat: 0.0 }, false),
    (Calendar::Mean { flat: 0.0 }, false),
    (Calendar::Occupied { flat: 1.0 }, false),
    (Calendar::Occupied { flat: 0.1 }, true),
    (Calendar::Mean { flat: 0.1 }, true),
    (Calendar::Monthly, false),
];
/// The index of the mean by the hour of the week.
const MEAN: usize = 1;
/// The share of the budget that goes to drops.
const DROP_BUDGET_SHARE: f64 = 0.05;
/// The index of the model that knows only the length of gaps.
const GAP_LENGTH: usize = 8;
/// The models that are tried, alone and averaged.
const COMBINATIONS: [&[usize]; 11] = [
    &[0],
    &[1],
    &[2],
    &[3],
    &[4],
    &[5],
    &[6],
    &[7],
    &[GAP_LENGTH],
    &[5, 6],
    &[0, 1, 5, 6],
];
/// The threshold is set for this multiple of the budget, since each past gap counts for the worse of what it was by the
/// intensity of its time and by today's.
const BUDGET_FACTOR: f64 = 1.3;
/// No threshold is below this.
const MIN_THRESHOLD: f64 = 0.5;
/// How long a simulated outage is followed.
pub(super) const MAX_OUTAGE_HOURS: u32 = 45 * 24;
/// A younger stream learns daily, an older one weekly.
const YOUNG_STREAM: Duration = Duration::from_secs(5 * 7 * 86_400);

/// What is normal for one stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Baseline {
    series: HourlySeries,
    models: Vec<IntensityModel>,
    /// The index of each chosen model, with the share of its surprise.
    chosen: Vec<(usize, f64)>,
    pub tail: ExceedanceModel,
    /// The surprise above which a gap is silence.
    pub threshold: f64,
    pub bound: GapBound,
    pub cusum: Cusum,
    /// An hour with more messages is left out, as one of a burst.
    max_usual_sent: u64,
}

/// One way to measure a gap.
#[derive(Clone, Debug, PartialEq)]
enum IntensityModel {
    /// The integral of an intensity, hour by hour.
    Hourly {
        profile: Profile,
        hazard: Hazard,
        sums: RunningSums,
    },
    /// The length alone, for mail at regular intervals.
    GapLength(GapLengthModel),
}

impl IntensityModel {
    fn hourly(series: &HourlySeries, calendar: Calendar, conditional: bool) -> Self {
        let profile = Profile::learn(series, calendar);
        let sums = RunningSums::new(series, &profile);
        let hazard = if conditional {
            Hazard::fit(series, &profile, &sums)
        } else if calendar == Calendar::Monthly {
            // By the day of the month there is too little mail for levels.
            Hazard::NONE
        } else {
            Hazard::GROWTH
        };
        Self::Hourly {
            profile,
            hazard,
            sums,
        }
    }

    /// Returns the factor on the intensity of a gap that begins before `hour`, from the levels until then: those of the
    /// series, and of the hours of `later` that follow it.
    fn level_multiplier(
        &self,
        series: &HourlySeries,
        hour: usize,
        later: Option<(&History, u64)>,
    ) -> f64 {
        match self {
            Self::Hourly {
                profile,
                hazard,
                sums,
            } => {
                let later = later.map(|(history, max_usual_sent)| {
                    hours_after(series, profile, history, hour, max_usual_sent)
                });
                hazard.level_multiplier(&sums.levels(hour, &later.unwrap_or_default()))
            }
            Self::GapLength(_) => 1.0,
        }
    }

    /// Returns what `part` adds to the surprise of a gap that began at `start`; `part` lies within one hour of the clock,
    /// the `elapsed`-th after that in which the gap began.
    fn score(&self, start: Timestamp, part: Span, elapsed: usize) -> f64 {
        match self {
            Self::Hourly {
                profile, hazard, ..
            } => hazard.intensity(profile.now.at(part.from), elapsed) * hours(part),
            Self::GapLength(lengths) => {
                lengths.surprise(part.until.since(start)) - lengths.surprise(part.from.since(start))
            }
        }
    }

    /// Returns the surprise of a past gap: the worse of what it was by the intensity of its time and by today's.
    fn surprise(&self, series: &HourlySeries, gap: &Gap) -> f64 {
        let Self::Hourly {
            profile, hazard, ..
        } = self
        else {
            return self.score(gap.span.from, gap.span, 0);
        };
        let measure = |span: Span| {
            let (mut then, mut today) = (0.0, 0.0);
            for (elapsed, part) in split_by_hour(span).enumerate() {
                let known = profile.intensity(series, series.hour(part.from));
                then += hazard.intensity(known, elapsed) * hours(part);
                today += hazard.intensity(profile.now.at(part.from), elapsed) * hours(part);
            }
            self.level_multiplier(series, gap.hour + 1, None) * f64::max(then, today)
        };
        // Polls saw the gap up to the full hour. In a stream that has shrunk since, they would see more of it.
        let level = self.level_multiplier(series, series.len(), None);
        let unseen_today = 0.5 * profile.now.mean() * level;
        let whole = measure(Span::new(gap.span.from, gap.ended)) - unseen_today;
        measure(gap.span).max(whole)
    }
}

fn hours(span: Span) -> f64 {
    span.length().as_secs_f64() / 3600.0
}

/// Returns until when to learn for an evaluation at `at`: never from the silence in question, and not at every poll anew, but
/// at once from what a person called a false alarm.
pub(super) fn training_cutoff(history: &History, at: Timestamp) -> Timestamp {
    let last = history.last_sent(at).unwrap_or(at);
    let age = last.since(history.first_seen_at.unwrap_or(last));
    let usual = last.floor(if age < YOUNG_STREAM { DAY } else { 7 * DAY });
    let false_alarm = history.last_false_alarm(last);
    let false_alarm = false_alarm.map(|ended| ended.floor(HOUR) + HOUR);
    let until = false_alarm.filter(|until| *until <= last);
    until.map_or(usual, |until| until.max(usual))
}

impl Baseline {
    /// Learns from what had happened by `until`; `budget` is the accepted number of false alarms per year.
    /// The hours of `bursts` beside other mail are left out, whether their recurrence is known or not. `today` is the history as it
    /// would be at the level of today; the bound holds by what `history` was.
    pub(super) fn learn(
        history: &History,
        today: &History,
        until: Timestamp,
        budget: f64,
        bursts: &BurstModel,
    ) -> Self {
        let mut series = HourlySeries::from_history(today, until);
        for burst in bursts.beside_other_mail() {
            series.leave_out(burst);
        }
        let hourly = CALENDARS.iter().map(|(calendar, conditional)| {
            IntensityModel::hourly(&series, *calendar, *conditional)
        });
        let gap_length = IntensityModel::GapLength(GapLengthModel::learn(today, until));
        let models: Vec<IntensityModel> = hourly.chain([gap_length]).collect();
        let IntensityModel::Hourly { profile, sums, .. } = &models[MEAN] else {
            unreachable!("the mean is by the hour of the week");
        };
        let gaps_of = |history: &History| {
            let mut gaps = series.gaps(history, until);
            if bursts.only_bursts {
                gaps.retain(|gap| !bursts.is_within_one(gap.span));
            }
            gaps
        };
        let gaps = gaps_of(today);
        let mut baseline = Self {
            bound: GapBound::learn(&series, &gaps_of(history), until, budget),
            cusum: Cusum::learn(
                &series,
                profile,
                sums,
                budget * DROP_BUDGET_SHARE,
                bursts.max_usual_sent,
            ),
            max_usual_sent: bursts.max_usual_sent,
            models,
            chosen: vec![(0, 1.0)],
            tail: ExceedanceModel::fit(Vec::new(), 1.0, 1.0),
            threshold: f64::INFINITY,
            series,
        };
        let share = uneven_days::budget_share(&baseline.series);
        baseline.choose(today, &gaps, until, budget * BUDGET_FACTOR * share);
        baseline
    }

    /// Returns how many gaps per year surprise more than this and are longer than `gap`.
    pub(super) fn annual_rate(&self, surprise: f64, gap: Span) -> f64 {
        let longer = self.bound.annual_rate(gap.length());
        self.tail.annual_rate(surprise).min(longer)
    }

    /// Returns the surprise of a gap that has lasted throughout `gap`: that of the chosen model, and at the bound of its
    /// length no less than the threshold.
    pub(super) fn surprise(&self, history: &History, gap: Span) -> f64 {
        let scorer = self.scorer(&self.chosen, gap.from, Some(history));
        let by_model: f64 = split_by_hour(gap)
            .enumerate()
            .map(|(elapsed, part)| scorer.score(part, elapsed))
            .sum();
        match self.bound.length(history, gap.from) {
            Some(bound) => {
                let share = gap.length().as_secs_f64() / bound.as_secs_f64().max(1.0);
                by_model.max(self.threshold * share)
            }
            None => by_model,
        }
    }

    /// Returns how long a stop after mail at `from` would go unnoticed by polls on the full hour, bounded as a gap that
    /// begins at `known`; `None` for more than 45 days.
    pub(super) fn detection_delay(
        &self,
        history: &History,
        from: Timestamp,
        known: Timestamp,
    ) -> Option<Duration> {
        let scorer = self.scorer(&self.chosen, from, Some(history));
        scorer.detection_delay(self.threshold, self.bound.length(history, known))
    }

    /// Returns the scorer of a gap from `from` on, by models with their shares; `later` has the hours after the series, if
    /// they are to count.
    fn scorer(
        &self,
        shares: &[(usize, f64)],
        from: Timestamp,
        later: Option<&History>,
    ) -> GapScorer<'_> {
        let hour = self.series.hour(from) + 1;
        let weighted = shares.iter().map(|(index, share)| {
            let model = &self.models[*index];
            let later = later.map(|history| (history, self.max_usual_sent));
            let level = model.level_multiplier(&self.series, hour, later);
            (model, share * level)
        });
        GapScorer {
            weighted: weighted.collect(),
            start: from,
        }
    }

    /// Sets the threshold of every combination and takes the one that would notice a stop soonest.
    fn choose(&mut self, history: &History, gaps: &[Gap], until: Timestamp, budget: f64) {
        let covered = self.series.covered();
        let years = covered as f64 / (365.25 * 24.0);
        let per_year = (recent_rate(&self.series) * 365.25 * 24.0).max(4.0);
        let fit = |surprises: Vec<f64>| {
            let tail = ExceedanceModel::fit(surprises, years, per_year);
            let threshold = tail.return_level(budget).max(MIN_THRESHOLD);
            (tail, threshold)
        };
        let by_model = |model: &IntensityModel| -> Vec<f64> {
            let surprises = gaps.iter().map(|gap| model.surprise(&self.series, gap));
            surprises.collect()
        };
        let surprises: Vec<Vec<f64>> = self.models.iter().map(by_model).collect();
        let thresholds: Vec<f64> = surprises.iter().map(|s| fit(s.clone()).1).collect();
        let stops = simulated_outages(history, until);
        let bound = self.bound.length(history, until);
        let mut best = f64::INFINITY;
        for combination in COMBINATIONS {
            let share = |model: usize| match combination.len() {
                1 => 1.0,
                models => 5.0 / thresholds[model] / models as f64,
            };
            let shares: Vec<(usize, f64)> = combination.iter().map(|m| (*m, share(*m))).collect();
            let mixed = (0..gaps.len()).map(|gap| {
                shares
                    .iter()
                    .map(|(model, share)| share * surprises[*model][gap])
                    .sum()
            });
            let (tail, threshold) = fit(mixed.collect());
            let scorers = stops.iter().map(|s| self.scorer(&shares, s.from, None));
            let found = expected_detection_delay(scorers, &stops, (threshold, bound), best);
            if let Some(delay) = found.filter(|delay| *delay < best) {
                best = delay;
                self.threshold = threshold * tail.short_history_factor(covered as f64 / 168.0);
                self.chosen = shares;
                self.tail = tail;
            }
        }
    }
}

/// Scores one gap, hour by hour.
pub(super) struct GapScorer<'a> {
    weighted: Vec<(&'a IntensityModel, f64)>,
    start: Timestamp,
}

impl GapScorer<'_> {
    fn score(&self, part: Span, elapsed: usize) -> f64 {
        let weighted = self.weighted.iter();
        weighted
            .map(|(model, share)| share * model.score(self.start, part, elapsed))
            .sum()
    }

    /// Returns the time to the first full hour at which the surprise exceeds `threshold` or the length `bound`.
    pub(super) fn detection_delay(
        &self,
        threshold: f64,
        bound: Option<Duration>,
    ) -> Option<Duration> {
        let mut surprise = 0.0;
        let longest = Span::new(self.start, self.start + HOUR * MAX_OUTAGE_HOURS);
        for (elapsed, part) in split_by_hour(longest).enumerate() {
            surprise += self.score(part, elapsed);
            let length = part.until.since(self.start);
            let is_silence = surprise > threshold || bound.is_some_and(|bound| length > bound);
            if is_silence && length > super::silence::INDEX_LAG {
                return Some(length);
            }
        }
        None
    }
}

/// Returns observed and expected counts of the hours after `series` and before `hour`.
fn hours_after(
    series: &HourlySeries,
    profile: &Profile,
    history: &History,
    hour: usize,
    max_usual_sent: u64,
) -> Vec<(f64, f64)> {
    let first = series.start(series.len());
    let mut sent = history.hours[history.hours.partition_point(|h| h.start < first)..]
        .iter()
        .peekable();
    let each = |later: usize| {
        let start = series.start(later);
        let count = sent.next_if(|h| h.start <= start).map_or(0, |h| h.sent);
        let covered = history.messages.covers(Span::new(start, start + HOUR));
        let calendar = profile.calendar;
        if (covered || count > 0) && count <= max_usual_sent {
            let expected = calendar.expected(profile.now.at(start));
            (calendar.observed(count), expected)
        } else {
            (0.0, 0.0)
        }
    };
    (series.len()..hour).map(each).collect()
}

/// Returns the messages per covered hour of the last 60 days.
fn recent_rate(series: &HourlySeries) -> f64 {
    let recent = &series.sent[series.len().saturating_sub(60 * 24)..];
    let hours = recent.iter().flatten().count().max(1);
    recent.iter().flatten().sum::<u64>() as f64 / hours as f64
}
