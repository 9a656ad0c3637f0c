//! How often a value beyond everything seen so far is to be expected: the tail of a stream's own gaps.
//!
//! Peaks over a threshold follow a generalised Pareto distribution (J. Pickands, "Statistical inference using extreme
//! order statistics", Annals of Statistics 3, 1975). Its shape and scale are not estimated but averaged over their
//! posterior, so that few gaps give a wider tail than many (predictive exceedance as in S. G. Coles and J. A. Tawn, "A
//! Bayesian analysis of extreme rainfall data", Applied Statistics 45, 1996).

/// The share of the values that make the tail.
const TAIL_SHARE: f64 = 0.15;
const MIN_TAIL_VALUES: usize = 8;
const MAX_TAIL_VALUES: usize = 120;
/// The shape before anything was seen: a little heavier than exponential, as gaps in real mail are.
const PRIOR_SHAPE: f64 = 0.1;
/// Its standard deviation.
const PRIOR_SHAPE_DEVIATION: f64 = 0.1;
/// The threshold is widened by this many weeks over the length of history.
const CAUTION_WEEKS: f64 = 1.1;
/// Candidates of the shape, and of the scale as a logarithm.
const SHAPE_GRID: usize = 12;
const SCALE_GRID: usize = 25;
/// Excesses, in means of the tail, at which the posterior's exceedance is tabulated.
const TABULATED_EXCESSES: usize = 48;

/// The tail of one kind of value, such as the surprise of gaps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExceedanceModel {
    years: f64,
    fit: Fit,
}

#[derive(Clone, Debug, PartialEq)]
enum Fit {
    /// Too few values: exponential, of a rate that is as uncertain as so few make it. `max` is the largest of the `seen`.
    Exponential { per_year: f64, seen: f64, max: f64 },
    /// Beyond `from` there were `count` values; −log of the chance that an excess is larger, at each of the tabulated.
    Pareto {
        sorted: Vec<f64>,
        from: f64,
        count: f64,
        table: Vec<(f64, f64)>,
    },
}

impl ExceedanceModel {
    /// Fits the tail of `values` seen in `years`, where `per_year` more are to come in a year.
    pub(super) fn fit(mut values: Vec<f64>, years: f64, per_year: f64) -> Self {
        let years = years.max(1e-6);
        values.sort_by(f64::total_cmp);
        let fit = if values.len() < MIN_TAIL_VALUES {
            Fit::Exponential {
                per_year,
                seen: values.len() as f64,
                max: values.last().copied().unwrap_or(0.0),
            }
        } else {
            fit_pareto(values)
        };
        Self { years, fit }
    }

    /// Returns the value that is exceeded `annual_rate` times per year.
    pub(super) fn return_level(&self, annual_rate: f64) -> f64 {
        match &self.fit {
            Fit::Exponential {
                per_year,
                seen,
                max,
            } => {
                let surprise = (per_year / annual_rate).max(1.5).ln();
                let belief = seen + 1.0;
                (belief * (surprise / belief).exp_m1()).max(max * 1.25)
            }
            Fit::Pareto {
                sorted,
                from,
                count,
                table,
            } => {
                let wanted = annual_rate * self.years / (count + 0.5);
                if wanted >= 1.0 {
                    let rank = (annual_rate * self.years) as usize + 1;
                    return sorted[sorted.len() - rank.min(sorted.len())];
                }
                let beyond = interpolate(table, -wanted.ln(), |(excess, surprise)| {
                    (*surprise, *excess)
                });
                // Where all values are in the tail, it begins below the least of them.
                (from + beyond).max(sorted[0])
            }
        }
    }

    /// Returns how many times per year `value` is exceeded.
    pub(super) fn annual_rate(&self, value: f64) -> f64 {
        match &self.fit {
            Fit::Exponential { per_year, seen, .. } => {
                let belief = seen + 1.0;
                per_year * (-belief * (value.max(0.0) / belief).ln_1p()).exp()
            }
            Fit::Pareto {
                sorted,
                from,
                count,
                table,
            } => {
                if value <= *from {
                    let above = sorted.len() - sorted.partition_point(|v| *v <= value);
                    return above as f64 / self.years;
                }
                let surprise = interpolate(table, value - from, |(excess, surprise)| {
                    (*excess, *surprise)
                });
                (count + 0.5) / self.years * (-surprise).exp()
            }
        }
    }

    /// Returns the factor that widens a threshold after so many weeks: the first holiday, the first long weekend are yet to come. So
    /// few gaps that their rate is uncertain have widened it already.
    pub(super) fn short_history_factor(&self, weeks: f64) -> f64 {
        match self.fit {
            Fit::Exponential { .. } => 1.0,
            Fit::Pareto { .. } => 1.0 + CAUTION_WEEKS / weeks.max(0.1),
        }
    }

    /// Returns the largest value seen.
    pub(super) fn max(&self) -> f64 {
        match &self.fit {
            Fit::Exponential { max, .. } => *max,
            Fit::Pareto { sorted, .. } => sorted.last().copied().unwrap_or(0.0),
        }
    }
}

fn fit_pareto(sorted: Vec<f64>) -> Fit {
    let count =
        ((sorted.len() as f64 * TAIL_SHARE) as usize).clamp(MIN_TAIL_VALUES, MAX_TAIL_VALUES);
    let count = count.min(sorted.len());
    let from = match sorted.len().checked_sub(count + 1) {
        Some(before) => sorted[before],
        None => 0.0,
    };
    let excesses: Vec<f64> = sorted[sorted.len() - count..]
        .iter()
        .map(|v| v - from)
        .collect();
    let mean = excesses.iter().sum::<f64>() / count as f64 + 1e-9;
    let candidates = posterior(&excesses, mean);
    let table = std::iter::once(0.0)
        .chain(
            (0..TABULATED_EXCESSES)
                .map(|i| 0.02 * (500.0f64 / 0.02).powf(i as f64 / (TABULATED_EXCESSES - 1) as f64)),
        )
        .map(|excess| {
            let excess = mean * excess;
            let chance: f64 = candidates
                .iter()
                .map(|(weight, shape, scale)| {
                    let base = 1.0 + shape * excess / scale;
                    if base > 0.0 {
                        weight * base.powf(-1.0 / shape)
                    } else {
                        0.0
                    }
                })
                .sum();
            (excess, -chance.max(1e-300).ln())
        })
        .collect();
    Fit::Pareto {
        sorted,
        from,
        count: count as f64,
        table,
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
    let best = candidates
        .iter()
        .map(|c| c.0)
        .fold(f64::NEG_INFINITY, f64::max);
    candidates.retain(|c| c.0 > best - 20.0);
    let total: f64 = candidates.iter().map(|c| (c.0 - best).exp()).sum();
    for candidate in &mut candidates {
        candidate.0 = (candidate.0 - best).exp() / total;
    }
    candidates
}

/// Linear between the points of a rising table, and at its ends beyond them.
fn interpolate(table: &[(f64, f64)], x: f64, read: impl Fn(&(f64, f64)) -> (f64, f64)) -> f64 {
    let after = table.partition_point(|point| read(point).0 < x);
    let (Some(left), Some(right)) = (
        after.checked_sub(1).map(|i| read(&table[i])),
        table.get(after).map(&read),
    ) else {
        let end = if after == 0 {
            table.first()
        } else {
            table.last()
        };
        return end.map_or(0.0, |point| read(point).1);
    };
    let share = (x - left.0) / (right.0 - left.0).max(1e-300);
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
        fn rarer_is_higher_and_both_readings_agree(values in prop::collection::vec(0.0f64..50.0, 0..200), rate in 0.01f64..50.0) {
            let tail = ExceedanceModel::fit(values, 0.7, 300.0);
            let limit = tail.return_level(rate);
            prop_assert!(limit.is_finite() && limit >= 0.0);
            prop_assert!(tail.return_level(rate / 2.0) >= limit);
            prop_assert!(tail.annual_rate(limit + 1e-6) <= rate * 1.5 + 2.0 / 0.7);
        }
    }
}
