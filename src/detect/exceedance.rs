//! How often a value beyond everything seen so far is to be expected: the tail of a stream's own gaps.
//!
//! Peaks over a threshold follow a generalised Pareto distribution (J. Pickands, "Statistical inference using extreme
//! order statistics", Annals of Statistics 3, 1975). Its shape and scale are not estimated but averaged over their
//! posterior, so that few gaps give a wider tail than many (predictive exceedance as in S. G. Coles and J. A. Tawn, "A
//! Bayesian analysis of extreme rainfall data", Applied Statistics 45, 1996).

use crate::detect::encoding::encoded;

/// The share of the values that make the tail.
const TAIL_SHARE: f64 = 0.15;
const MIN_TAIL_VALUES: usize = 8;
const MAX_TAIL_VALUES: usize = 120;
/// The shape before anything was seen: a little heavier than exponential, as gaps in real mail are.
const PRIOR_SHAPE: f64 = 0.1;
/// Its standard deviation.
const PRIOR_SHAPE_DEVIATION: f64 = 0.1;
/// The threshold is widened by this many weeks over the weeks of history and the one that is judged: of so few weeks, that one is
/// as likely as each to be the oddest.
const CAUTION_WEEKS: f64 = 1.2;
/// Candidates of the shape, and of the scale as a logarithm.
const SHAPE_GRID: usize = 12;
const SCALE_GRID: usize = 25;
/// Excesses, in means of the tail, at which the posterior's exceedance is tabulated.
const TABULATED_EXCESSES: usize = 48;

/// The points of the table, of which the first is of no excess.
const POINTS: usize = TABULATED_EXCESSES + 1;

/// So many of the largest values are kept one by one, which are more than make the tail ...
const MAX_KEPT_VALUES: usize = MAX_TAIL_VALUES + 8;
/// ... and of the rest so many, at even ranks: how often an ordinary value is exceeded is told in round figures.
const MAX_KEPT_RANKS: usize = 64;

/// The tail of one kind of value, such as the surprise of gaps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExceedanceModel {
    /// The values, ascending, or the largest of them.
    sorted: Vec<f64>,
    /// Some of the values below those, ascending, each with how many are smaller.
    below: Vec<(usize, f64)>,
    /// How many values are below those in `sorted`.
    left_out: usize,
    years: f64,
    per_year: f64,
    /// `None` for too few values: they are taken as exponential, of a rate that is as uncertain as so few make it.
    pareto: Option<ParetoTail>,
}

/// Beyond `from` there were `count` values; `table` has −log of the chance that an excess is larger, by excess.
#[derive(Clone, Debug, PartialEq)]
struct ParetoTail {
    from: f64,
    count: f64,
    table: Vec<(f64, f64)>,
}

encoded!(ExceedanceModel {
    sorted,
    below,
    left_out,
    years,
    per_year,
    pareto
});
encoded!(ParetoTail { from, count, table });

/// A tail of which nothing is tabulated yet: one level is found from a few points of the table.
#[derive(Clone)]
pub(super) struct ExceedanceFit {
    /// Without its tail.
    model: ExceedanceModel,
    posterior: Option<Posterior>,
}

impl ExceedanceFit {
    /// Fits the tail of `values` seen in `years`, where `per_year` more are to come in a year.
    pub(super) fn new(mut values: Vec<f64>, years: f64, per_year: f64) -> Self {
        values.sort_by(f64::total_cmp);
        let posterior = (values.len() >= MIN_TAIL_VALUES).then(|| Posterior::fit(&values));
        let model = ExceedanceModel {
            pareto: None,
            sorted: values,
            below: Vec::new(),
            left_out: 0,
            years: years.max(1e-6),
            per_year,
        };
        Self { model, posterior }
    }

    /// Returns the level that the [model](Self::into_model) returns.
    pub(super) fn return_level(&self, annual_rate: f64) -> f64 {
        let tail = self.posterior.as_ref();
        let tail = tail.map(|tail| (tail.from, tail.count, |place| tail.point(place)));
        self.model.level(annual_rate, tail)
    }

    /// Returns the factor that widens a threshold after `weeks` weeks: the first holiday, the first long weekend are yet to
    /// come. Too few gaps for a tail have widened it already.
    pub(super) fn short_history_factor(&self, weeks: f64) -> f64 {
        match self.posterior {
            None => 1.0,
            Some(_) => 1.0 + CAUTION_WEEKS / (weeks + 1.0),
        }
    }

    /// Returns the model, with its table.
    pub(super) fn into_model(self) -> ExceedanceModel {
        let tail = |tail: Posterior| ParetoTail {
            from: tail.from,
            count: tail.count,
            table: (0..POINTS).map(|place| tail.point(place)).collect(),
        };
        ExceedanceModel {
            pareto: self.posterior.map(tail),
            ..self.model
        }
    }
}

impl ExceedanceModel {
    /// [Fits](ExceedanceFit::new) the tail of `values`.
    pub(super) fn fit(values: Vec<f64>, years: f64, per_year: f64) -> Self {
        ExceedanceFit::new(values, years, per_year).into_model()
    }

    /// Forgets most of what is not of the tail. Levels and rates of the tail stay the same to the bit.
    pub(super) fn condense(&mut self) {
        let rest = self.sorted.len().saturating_sub(MAX_KEPT_VALUES);
        if rest <= MAX_KEPT_RANKS {
            return;
        }
        let ranks = (0..MAX_KEPT_RANKS).map(|i| i * rest / MAX_KEPT_RANKS);
        self.below = ranks.map(|rank| (rank, self.sorted[rank])).collect();
        self.sorted = self.sorted.split_off(rest);
        self.left_out = rest;
    }

    fn count(&self) -> usize {
        self.left_out + self.sorted.len()
    }

    fn least(&self) -> f64 {
        let least = self.below.first().map(|(_, value)| value);
        least.or(self.sorted.first()).copied().unwrap_or(0.0)
    }

    /// Returns how many values are greater than `value`, of those that were left out about so many.
    fn count_above(&self, value: f64) -> f64 {
        let above = self.sorted.len() - self.sorted.partition_point(|v| *v <= value);
        let next = self.below.partition_point(|(_, v)| *v <= value);
        let next_known = self.below.get(next).copied();
        let first = self.sorted.first().map(|v| (self.left_out, *v));
        let (rank, known) = next_known.or(first).unwrap_or_default();
        if self.below.is_empty() || known <= value {
            return above as f64;
        }
        let (rank_before, before) = next.checked_sub(1).map_or((0, value), |i| self.below[i]);
        let part = (value - before) / (known - before).max(1e-300);
        let smaller = rank_before as f64 + part * (rank - rank_before) as f64;
        self.count() as f64 - smaller
    }

    /// Returns the value of the `rank`-th largest, of those that were left out one near it; the least where there are fewer.
    fn largest(&self, rank: usize) -> f64 {
        let smaller = self.count().saturating_sub(rank);
        match smaller.checked_sub(self.left_out) {
            Some(index) => self.sorted[index],
            None => {
                let near = self.below.partition_point(|(known, _)| *known <= smaller);
                self.below[near.saturating_sub(1)].1
            }
        }
    }

    /// Returns the value that is exceeded `annual_rate` times per year.
    pub(super) fn return_level(&self, annual_rate: f64) -> f64 {
        let tail = self.pareto.as_ref();
        let tail = tail.map(|tail| (tail.from, tail.count, |place: usize| tail.table[place]));
        self.level(annual_rate, tail)
    }

    /// Returns the same by where the tail begins, the number of its values, and the points of its table.
    fn level(
        &self,
        annual_rate: f64,
        tail: Option<(f64, f64, impl Fn(usize) -> (f64, f64))>,
    ) -> f64 {
        let Some((from, count, point)) = tail else {
            let surprise = (self.per_year / annual_rate).max(1.5).ln();
            let belief = self.count() as f64 + 1.0;
            return (belief * (surprise / belief).exp_m1()).max(self.max() * 1.25);
        };
        let wanted = annual_rate * self.years / (count + 0.5);
        if wanted >= 1.0 {
            let rank = (annual_rate * self.years) as usize + 1;
            return self.largest(rank);
        }
        let beyond = interpolate(-wanted.ln(), |place| {
            let (excess, surprise) = point(place);
            (surprise, excess)
        });
        // Where all values are in the tail, it begins below the least of them.
        (from + beyond).max(self.least())
    }

    /// Returns how many times per year `value` is exceeded.
    pub(super) fn annual_rate(&self, value: f64) -> f64 {
        let Some(tail) = &self.pareto else {
            let belief = self.count() as f64 + 1.0;
            return self.per_year * (-belief * (value.max(0.0) / belief).ln_1p()).exp();
        };
        if value <= tail.from {
            return self.count_above(value) / self.years;
        }
        let surprise = interpolate(value - tail.from, |place| tail.table[place]);
        (tail.count + 0.5) / self.years * (-surprise).exp()
    }

    pub(super) fn max(&self) -> f64 {
        self.sorted.last().copied().unwrap_or(0.0)
    }
}

/// What the excesses of a tail say of its shape and scale.
#[derive(Clone)]
struct Posterior {
    from: f64,
    count: f64,
    /// The mean of the excesses.
    mean: f64,
    /// Weight, shape and scale of each.
    candidates: Vec<(f64, f64, f64)>,
}

impl Posterior {
    /// Fits the largest of `sorted`, which has at least [`MIN_TAIL_VALUES`].
    fn fit(sorted: &[f64]) -> Self {
        let count = (sorted.len() as f64 * TAIL_SHARE) as usize;
        let count = count.clamp(MIN_TAIL_VALUES, MAX_TAIL_VALUES);
        let first = sorted.len() - count;
        let from = first.checked_sub(1).map_or(0.0, |before| sorted[before]);
        let excesses: Vec<f64> = sorted[first..].iter().map(|v| v - from).collect();
        let mean = excesses.iter().sum::<f64>() / count as f64 + 1e-9;
        Self {
            from,
            count: count as f64,
            mean,
            candidates: posterior(&excesses, mean),
        }
    }

    /// Returns an excess of the table, and −log of the chance that one is larger.
    fn point(&self, place: usize) -> (f64, f64) {
        let last = (TABULATED_EXCESSES - 1) as f64;
        let excess = match place.checked_sub(1) {
            None => 0.0,
            Some(i) => 0.02 * (500.0f64 / 0.02).powf(i as f64 / last),
        };
        let excess = self.mean * excess;
        let chance = self.candidates.iter().map(|(weight, shape, scale)| {
            let base = 1.0 + shape * excess / scale;
            if base > 0.0 {
                weight * base.powf(-1.0 / shape)
            } else {
                0.0
            }
        });
        (excess, -chance.sum::<f64>().max(1e-300).ln())
    }
}

/// Weight, shape and scale of every candidate that is worth its time.
fn posterior(excesses: &[f64], mean: f64) -> Vec<(f64, f64, f64)> {
    let mut candidates = Vec::with_capacity(SHAPE_GRID * SCALE_GRID);
    for i in 0..SHAPE_GRID {
        // The shape is never exactly zero, where the formula has a hole.
        let shape = -0.2 + 1.1 * i as f64 / (SHAPE_GRID - 1) as f64 + 1e-3;
        for j in 0..SCALE_GRID {
            let log_scale = -1.6 + 3.2 * j as f64 / (SCALE_GRID - 1) as f64;
            let scale = mean * log_scale.exp() * (1.0 - shape.min(0.5));
            let fits = excesses.iter().try_fold(0.0, |sum, x| {
                let base = 1.0 + shape * x / scale;
                (base > 1e-9).then(|| sum + base.ln())
            });
            if let Some(sum) = fits {
                let likelihood = -(excesses.len() as f64) * scale.ln() - (1.0 + 1.0 / shape) * sum;
                let prior = -0.5 * ((shape - PRIOR_SHAPE) / PRIOR_SHAPE_DEVIATION).powi(2);
                candidates.push((likelihood + prior, shape, scale));
            }
        }
    }
    let logs = candidates.iter().map(|c| c.0);
    let best = logs.fold(f64::NEG_INFINITY, f64::max);
    candidates.retain(|c| c.0 > best - 20.0);
    let total: f64 = candidates.iter().map(|c| (c.0 - best).exp()).sum();
    for candidate in &mut candidates {
        candidate.0 = (candidate.0 - best).exp() / total;
    }
    candidates
}

/// Interpolates linearly between the [points](POINTS) of a rising table; beyond its ends it is constant.
fn interpolate(x: f64, point: impl Fn(usize) -> (f64, f64)) -> f64 {
    let (mut after, mut end) = (0, POINTS);
    while after < end {
        let middle = after.midpoint(end);
        match point(middle).0 < x {
            true => after = middle + 1,
            false => end = middle,
        }
    }
    let (left, right) = (point(after.saturating_sub(1)), point(after.min(POINTS - 1)));
    let share = ((x - left.0) / (right.0 - left.0).max(1e-300)).clamp(0.0, 1.0);
    left.1 + share * (right.1 - left.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Quantiles of the exponential distribution: the gaps of purely random mail.
    fn exponential(count: usize) -> Vec<f64> {
        (0..count)
            .map(|i| -(1.0 - (i as f64 + 0.5) / count as f64).ln())
            .collect()
    }

    #[test]
    fn the_tail_of_random_gaps_is_nearly_exponential() {
        let tail = ExceedanceModel::fit(exponential(1000), 1.0, 1000.0);
        let limit = tail.return_level(4.0);
        let by_chance = (1000.0f64 / 4.0).ln();
        assert!(
            (0.9..1.4).contains(&(limit / by_chance)),
            "{limit} against {by_chance}"
        );
        let rarer = tail.return_level(0.4);
        assert!((0.9..1.6).contains(&(rarer / 2500.0f64.ln())), "{rarer}");
    }

    #[test]
    fn heavier_tails_and_shorter_histories_get_higher_limits() {
        let heavy: Vec<f64> = exponential(1000).iter().map(|x| x.powf(1.7)).collect();
        assert!(
            ExceedanceModel::fit(heavy, 1.0, 1000.0).return_level(1.0)
                > 2.0 * ExceedanceModel::fit(exponential(1000), 1.0, 1000.0).return_level(1.0)
        );
        let young = ExceedanceModel::fit(exponential(20), 0.02, 1000.0).return_level(4.0);
        assert!(
            young > ExceedanceModel::fit(exponential(1000), 1.0, 1000.0).return_level(4.0),
            "{young}"
        );
        assert!(
            ExceedanceModel::fit(exponential(3), 0.02, 150.0).return_level(4.0)
                > (150.0f64 / 4.0).ln()
        );
    }

    #[test]
    fn equal_gaps_have_a_limit_above_them() {
        let tail = ExceedanceModel::fit(vec![3.0; 200], 1.0, 200.0);
        assert!(
            (3.0..4.0).contains(&tail.return_level(4.0)),
            "{}",
            tail.return_level(4.0)
        );
    }

    proptest! {
        #[test]
        fn what_is_left_out_changes_nothing_of_the_tail(values in prop::collection::vec(0.0f64..50.0, 8..2000), at in 0.0f64..60.0) {
            let whole = ExceedanceModel::fit(values, 0.7, 300.0);
            let mut kept = whole.clone();
            kept.condense();
            prop_assert!(kept.sorted.len() + kept.below.len() <= MAX_KEPT_VALUES + MAX_KEPT_RANKS);
            prop_assert_eq!((kept.max(), kept.least()), (whole.max(), whole.least()));
            prop_assert_eq!(kept.return_level(0.5), whole.return_level(0.5));
            let (found, exact) = (kept.annual_rate(at), whole.annual_rate(at));
            let tail = whole.pareto.as_ref().expect("there are enough").from;
            if at >= tail {
                prop_assert_eq!(found, exact);
            } else {
                let step = whole.sorted.len() as f64 / MAX_KEPT_RANKS as f64 + 1.0;
                prop_assert!((found - exact).abs() <= step / 0.7, "{} is not {}", found, exact);
            }
        }

        #[test]
        fn rarer_is_higher_and_both_readings_agree(values in prop::collection::vec(0.0f64..50.0, 0..200), rate in 0.01f64..50.0) {
            let fit = ExceedanceFit::new(values, 0.7, 300.0);
            let untabulated = fit.return_level(rate);
            let tail = fit.into_model();
            let limit = tail.return_level(rate);
            prop_assert_eq!(untabulated, limit);
            prop_assert!(limit.is_finite() && limit >= 0.0);
            prop_assert!(tail.return_level(rate / 2.0) >= limit);
            prop_assert!(tail.annual_rate(limit + 1e-6) <= rate * 1.5 + 2.0 / 0.7);
        }
    }
}
