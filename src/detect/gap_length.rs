//! Mail at regular times: how unlikely a gap is by its length alone.
//!
//! The logarithms of gap lengths are taken as normal of unknown mean and variance, so that the length of the next one
//! follows Student's t (A. Gelman et al., "Bayesian Data Analysis", 3rd ed., section 3.2): a job that ran seven times at
//! 06:00 is missed at 07:00, and irregular mail is never missed by this measure before it is by the others.

use std::time::Duration;

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::detect::encoding::encoded;
use crate::model::{History, MINUTE, Span, Timestamp};

/// The newest gaps show the interval of today.
const MAX_GAPS: usize = 50;
/// Fewer show no interval.
const MIN_GAPS: usize = 5;
/// No job is more regular than this.
const MIN_JITTER: Duration = MINUTE;

/// The lengths of a stream's gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GapLengthModel {
    /// Mean and spread of the logarithm of the next gap's length in hours, and the degrees of freedom; `None` where too
    /// few are known.
    known: Option<(f64, f64, f64)>,
}

encoded!(GapLengthModel { known });

impl GapLengthModel {
    /// Learns from the gaps between hours with mail that had ended by `until`, in covered time.
    pub(super) fn learn(history: &History, until: Timestamp) -> Self {
        let end = history.hours.partition_point(|h| h.first_at < until);
        let lengths: Vec<f64> = history.hours[..end]
            .windows(2)
            .rev()
            .map(|pair| Span::new(pair[0].last_at, pair[1].first_at))
            .filter(|gap| history.messages.covers(*gap))
            .take(MAX_GAPS)
            .map(|gap| log_hours(gap.length()))
            .collect();
        if lengths.len() < MIN_GAPS {
            return Self { known: None };
        }
        let count = lengths.len() as f64;
        let mean = lengths.iter().sum::<f64>() / count;
        let variance = lengths.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let jitter = MIN_JITTER.as_secs_f64() / 3600.0 / mean.exp();
        let spread = (variance.max(jitter * jitter) * (1.0 + 1.0 / count)).sqrt();
        Self {
            known: Some((mean, spread, count - 1.0)),
        }
    }

    /// −log of the chance that a gap is longer than this.
    pub(super) fn surprise(&self, length: Duration) -> f64 {
        let Some((mean, spread, freedom)) = self.known.filter(|_| !length.is_zero()) else {
            return 0.0;
        };
        let standard = (log_hours(length) - mean) / spread;
        match StudentsT::new(0.0, 1.0, freedom) {
            Ok(student) => -student.sf(standard).max(1e-300).ln(),
            Err(_) => 0.0,
        }
    }
}

fn log_hours(length: Duration) -> f64 {
    (length.as_secs_f64() / 3600.0).max(1e-6).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Coverage, DAY, HOUR, HourCount};

    fn history(sent: impl Iterator<Item = Timestamp>) -> History {
        let hours: Vec<HourCount> = sent
            .map(|at| HourCount {
                start: at.floor(HOUR),
                sent: 1,
                first_at: at,
                last_at: at,
            })
            .collect();
        let whole = Span::new(Timestamp(0), Timestamp(0) + DAY * 400);
        History {
            hours,
            messages: Coverage::from_spans([whole]),
            ..History::default()
        }
    }

    #[test]
    fn a_daily_job_is_missed_within_the_hour_and_random_mail_is_not() {
        let daily = history((0..8u32).map(|day| Timestamp(0) + DAY * day + MINUTE * (day % 3)));
        let model = GapLengthModel::learn(&daily, Timestamp(0) + DAY * 8);
        assert!(model.surprise(23 * HOUR) < 1.0);
        assert!(
            model.surprise(25 * HOUR) > 6.0,
            "{}",
            model.surprise(25 * HOUR)
        );
        let gaps = [3u32, 50, 7, 1, 20, 90, 4, 11];
        let mut at = Timestamp(0);
        let random = history(gaps.into_iter().map(|gap| {
            at = at + HOUR * gap;
            at
        }));
        assert!(GapLengthModel::learn(&random, at + DAY).surprise(100 * HOUR) < 5.0);
    }

    #[test]
    fn a_few_gaps_have_no_rhythm() {
        let few = history((0..4u32).map(|day| Timestamp(0) + DAY * day));
        assert_eq!(
            GapLengthModel::learn(&few, Timestamp(0) + DAY * 9).surprise(900 * HOUR),
            0.0
        );
    }
}
