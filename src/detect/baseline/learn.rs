//! Making a baseline: candidate models, what past gaps would have scored by each, and the choice among them.

use std::time::Duration;

use crate::detect::baseline::{Baseline, GapScorer, IntensityModel, LearnedHours, hours};
use crate::detect::bursts::BurstModel;
use crate::detect::cusum::Cusum;
use crate::detect::exceedance::ExceedanceFit;
use crate::detect::gap_bound::GapBound;
use crate::detect::gap_length::GapLengthModel;
use crate::detect::hazard::{Hazard, RunningSums};
use crate::detect::hourly_series::{Gap, HourlySeries, WEEK, split_by_hour};
use crate::detect::outages::{expected_detection_delay, simulated_outages};
use crate::detect::profile::{Calendar, IntensityTable, Profile};
use crate::detect::uneven_days;
use crate::model::{History, Span, Timestamp};

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
/// The index of the mean by the hour of the week, with which limits are set.
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
/// The level is known of gaps that began no longer than this before the end of what was learned from, in hours.
const KEPT_LEVELS: usize = 2 * WEEK;

/// A model that may be chosen.
struct Candidate {
    model: IntensityModel,
    /// The intensity of each hour of the series, by the table of its week; none for the length alone.
    profile: Option<Profile>,
}

impl Candidate {
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
        Self {
            model: IntensityModel::Hourly {
                now: profile.now.clone(),
                hazard,
                sums,
            },
            profile: Some(profile),
        }
    }

    /// Returns the surprise of each past gap: the worse of what it was by the intensity of its time and by today's.
    fn surprises(&self, series: &HourlySeries, gaps: &[Gap]) -> Vec<f64> {
        let (IntensityModel::Hourly { now, hazard, .. }, Some(profile)) =
            (&self.model, &self.profile)
        else {
            let score = |gap: &Gap| self.model.score(gap.span.from, gap.span, 0);
            return gaps.iter().map(score).collect();
        };
        let learned = series.into();
        // Polls saw the gap up to the full hour. In a stream that has shrunk since, they would see more of it.
        let level = self.model.level_multiplier(learned, series.len(), None);
        let unseen_today = 0.5 * now.mean() * level;
        // Powers are slow, and each of an hour, a slot or a length is asked for many times.
        let known = profile.map(|profile| hazard.of_profile(profile));
        let longest = gaps.iter().map(|gap| gap.ended.since(gap.span.from));
        let longest = longest.max().unwrap_or_default().as_secs() / 3600 + 2;
        let of_elapsed: Vec<f64> = (0..longest as usize)
            .map(|elapsed| hazard.of_elapsed(elapsed))
            .collect();
        let surprise = |gap: &Gap| {
            let level = self.model.level_multiplier(learned, gap.hour + 1, None);
            let measure = |span: Span| {
                let (mut then, mut today) = (0.0, 0.0);
                for (part, of_elapsed) in split_by_hour(span).zip(&of_elapsed) {
                    let of_today = known.now.at(part.from);
                    let of_hour = known.before.get(series.hour(part.from));
                    then += of_hour.unwrap_or(&of_today) * of_elapsed * hours(part);
                    today += of_today * of_elapsed * hours(part);
                }
                level * f64::max(then, today)
            };
            let whole = measure(Span::new(gap.span.from, gap.ended)) - unseen_today;
            measure(gap.span).max(whole)
        };
        gaps.iter().map(surprise).collect()
    }
}

impl From<&HourlySeries> for LearnedHours {
    fn from(series: &HourlySeries) -> Self {
        Self {
            begins: series.begins,
            count: series.len(),
        }
    }
}

/// What is taken of the candidates.
struct Choice {
    /// The indices of the models, each with the share of its surprise.
    shares: Vec<(usize, f64)>,
    tail: ExceedanceFit,
    threshold: f64,
}

impl Baseline {
    /// Learns from what had happened by `until`; `budget` is the accepted number of false alarms per year.
    /// The hours of `bursts` beside other mail are left out, whether their recurrence is known or not. `today` is the history as it
    /// would be at the level of today; the bound holds by what `history` was.
    pub(in crate::detect) fn learn(
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
        let hourly = CALENDARS
            .iter()
            .map(|(calendar, conditional)| Candidate::hourly(&series, *calendar, *conditional));
        let gap_length = Candidate {
            model: IntensityModel::GapLength(GapLengthModel::learn(today, until)),
            profile: None,
        };
        let candidates: Vec<Candidate> = hourly.chain([gap_length]).collect();
        let Candidate {
            model: IntensityModel::Hourly { sums, .. },
            profile: Some(profile),
        } = &candidates[MEAN]
        else {
            unreachable!("the mean is by the hour of the week");
        };
        let gaps_of = |history: &History| {
            let mut gaps = series.gaps(history, until);
            if bursts.only_bursts {
                gaps.retain(|gap| !bursts.is_within_one(gap.span));
            }
            gaps
        };
        let mut bound = GapBound::learn(&series, &gaps_of(history), until, budget);
        let share = uneven_days::budget_share(&series);
        let mut cusum = Cusum::learn(
            &series,
            profile,
            sums,
            budget * DROP_BUDGET_SHARE * share,
            bursts.max_usual_sent,
        );
        let past = Past {
            history: today,
            gaps: gaps_of(today),
            bound: bound.length(today, until),
            series: &series,
        };
        let choice = past.choose(&candidates, until, budget * BUDGET_FACTOR * share);
        // A gap since the sum of a drop began may be judged anew, and it began with the mail before that.
        let before = history.hours.partition_point(|h| h.last_at < cusum.began());
        let before = history.hours[..before].last();
        let before = before.map_or(0, |hour| series.hour(hour.last_at));
        let judged = before.min(series.len().saturating_sub(KEPT_LEVELS));
        let chosen = choice.take(candidates, judged);
        let mut tail = choice.tail.into_model();
        for tail in [&mut tail, &mut bound.tail, &mut cusum.tail] {
            tail.condense();
        }
        Self {
            learned: (&series).into(),
            chosen,
            tail,
            threshold: choice.threshold,
            bound,
            cusum,
            mean: IntensityTable::learn(&series, Calendar::Plain),
            low_share: uneven_days::low_share(&series),
            max_usual_sent: bursts.max_usual_sent,
        }
    }
}

/// What the candidates are measured on.
struct Past<'h> {
    history: &'h History,
    series: &'h HourlySeries,
    gaps: Vec<Gap>,
    bound: Option<Duration>,
}

impl Past<'_> {
    /// Sets the threshold of every combination and returns the one that would notice a stop soonest.
    fn choose(&self, candidates: &[Candidate], until: Timestamp, budget: f64) -> Choice {
        let Self { series, gaps, .. } = self;
        let covered = series.covered();
        let years = covered as f64 / (365.25 * 24.0);
        let per_year = (recent_rate(series) * 365.25 * 24.0).max(4.0);
        let fit = |surprises: Vec<f64>| {
            let tail = ExceedanceFit::new(surprises, years, per_year);
            let threshold = tail.return_level(budget).max(MIN_THRESHOLD);
            (tail, threshold)
        };
        let by_model = candidates.iter().map(|c| c.surprises(series, gaps));
        let surprises: Vec<Vec<f64>> = by_model.collect();
        let fits: Vec<_> = surprises.iter().map(|s| fit(s.clone())).collect();
        let stops = simulated_outages(self.history, until);
        let mut best = f64::INFINITY;
        let mut choice = Choice {
            shares: vec![(0, 1.0)],
            tail: ExceedanceFit::new(Vec::new(), 1.0, 1.0),
            threshold: f64::INFINITY,
        };
        for combination in COMBINATIONS {
            let share = |model: usize| match combination.len() {
                1 => 1.0,
                models => 5.0 / fits[model].1 / models as f64,
            };
            let shares: Vec<(usize, f64)> = combination.iter().map(|m| (*m, share(*m))).collect();
            let mixed = (0..gaps.len()).map(|gap| {
                let shared = shares.iter();
                let shared = shared.map(|(model, share)| share * surprises[*model][gap]);
                shared.sum()
            });
            let (tail, threshold) = match combination {
                [alone] => fits[*alone].clone(),
                _ => fit(mixed.collect()),
            };
            let scorers = stops.iter().map(|stop| {
                let models = shares
                    .iter()
                    .map(|(i, share)| (&candidates[*i].model, *share));
                GapScorer::new(models, (*series).into(), stop.from, None)
            });
            let found = expected_detection_delay(scorers, &stops, (threshold, self.bound), best);
            if let Some(delay) = found.filter(|delay| *delay < best) {
                best = delay;
                choice = Choice {
                    threshold: threshold * tail.short_history_factor(covered as f64 / 168.0),
                    shares,
                    tail,
                };
            }
        }
        choice
    }
}

impl Choice {
    /// Returns the chosen models with their shares, as far as gaps need them that begin from the hour `judged` on.
    fn take(&self, candidates: Vec<Candidate>, judged: usize) -> Vec<(IntensityModel, f64)> {
        let share_of = |index: usize| {
            let chosen = self.shares.iter().find(|(chosen, _)| *chosen == index);
            chosen.map(|(_, share)| *share)
        };
        let chosen = candidates.into_iter().enumerate();
        let chosen = chosen.filter_map(|(index, candidate)| {
            let mut model = candidate.model;
            if let IntensityModel::Hourly { hazard, sums, .. } = &mut model {
                sums.condense(*hazard, judged);
            }
            Some((model, share_of(index)?))
        });
        chosen.collect()
    }
}

/// Returns the messages per covered hour of the last 60 days.
fn recent_rate(series: &HourlySeries) -> f64 {
    let recent = &series.sent[series.len().saturating_sub(60 * 24)..];
    let hours = recent.iter().flatten().count().max(1);
    recent.iter().flatten().sum::<u64>() as f64 / hours as f64
}
