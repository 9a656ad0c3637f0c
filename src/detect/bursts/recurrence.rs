//! How the next burst follows from the one before: after an interval, or by the hours of a calendar.

use std::time::Duration;

use crate::detect::encoding::Encoded;
use crate::detect::hourly_series::{MONTH, WEEK, hour_of_month, hour_of_week};
use crate::model::{DAY, HOUR, MINUTE, Timestamp};

/// No run is more punctual than this.
const MIN_JITTER: Duration = MINUTE.saturating_mul(5);
/// An hour of the week is in use if this share of the weeks had a burst in it.
const MIN_SHARE_OF_WEEKS: f64 = 0.75;

/// How the next burst follows from the one before, and how far it strays.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Recurrence {
    /// Mean and spread of the logarithm of the time between two, in seconds.
    Interval { mean: f64, spread: f64 },
    /// Hours of the week, or of the month, with the usual lateness and its spread in seconds.
    Calendar {
        hours: Vec<usize>,
        monthly: bool,
        spread: f64,
    },
}

impl Encoded for Recurrence {
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Interval { mean, spread } => (false, *mean, *spread).write(to),
            Self::Calendar {
                hours,
                monthly,
                spread,
            } => {
                true.write(to);
                hours.write(to);
                (*monthly, *spread).write(to);
            }
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        if bool::read(from)? {
            let hours = Encoded::read(from)?;
            let (monthly, spread) = Encoded::read(from)?;
            return Some(Self::Calendar {
                hours,
                monthly,
                spread,
            });
        }
        let (mean, spread) = Encoded::read(from)?;
        Some(Self::Interval { mean, spread })
    }
}

impl Recurrence {
    pub(super) fn interval(pairs: &[(Timestamp, Timestamp)]) -> Self {
        let count = pairs.len() as f64;
        let logs = || {
            pairs
                .iter()
                .map(|(a, b)| b.since(*a).as_secs_f64().max(1.0).ln())
        };
        let mean = logs().sum::<f64>() / count;
        let variance = logs().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let jitter = MIN_JITTER.as_secs_f64() / mean.exp();
        Self::Interval {
            mean,
            spread: (variance.max(jitter * jitter) * (1.0 + 1.0 / count)).sqrt(),
        }
    }

    /// At `hours` of the week or month; `None` where there are none, or where bursts came at other times too.
    pub(super) fn calendar(
        pairs: &[(Timestamp, Timestamp)],
        hours: Vec<usize>,
        monthly: bool,
    ) -> Option<Self> {
        if hours.is_empty() {
            return None;
        }
        let late = pairs.iter().map(|(a, b)| {
            let due = next_hour(*a, &hours, monthly);
            (b.since(due).as_secs_f64(), due.since(*b).as_secs_f64())
        });
        let squares: f64 = late.map(|(late, early)| late.max(early).powi(2)).sum();
        let count = pairs.len() as f64;
        let variance = squares / (count - 1.0) * (1.0 + 1.0 / count);
        Some(Self::Calendar {
            hours,
            monthly,
            spread: variance.sqrt().max(MIN_JITTER.as_secs_f64()),
        })
    }
}

/// Returns the hours of the week in which bursts began in most of the weeks.
pub(super) fn hours_of_week(pairs: &[(Timestamp, Timestamp)]) -> Vec<usize> {
    let (first, last) = (pairs[0].0, pairs[pairs.len() - 1].1);
    let weeks = (last.since(first).as_secs_f64() / (7 * DAY).as_secs_f64()).round();
    let starts = || [first].into_iter().chain(pairs.iter().map(|(_, b)| *b));
    usual_hours(starts().map(hour_of_week), WEEK, weeks.max(3.0))
}

/// Returns the hours of the month in which bursts began in most of the months.
pub(super) fn hours_of_month(pairs: &[(Timestamp, Timestamp)]) -> Vec<usize> {
    let (first, last) = (pairs[0].0, pairs[pairs.len() - 1].1);
    let months = (last.since(first).as_secs_f64() / (30.44 * 86_400.0)).round();
    let starts = || [first].into_iter().chain(pairs.iter().map(|(_, b)| *b));
    usual_hours(starts().map(hour_of_month), MONTH, months.max(3.0))
}

/// Returns the hours of a cycle of so many in which, with both neighbours, most of `turns` began; the busiest of each
/// three.
fn usual_hours(starts: impl Iterator<Item = usize>, cycle: usize, turns: f64) -> Vec<usize> {
    let mut counts = vec![0u32; cycle];
    for start in starts {
        counts[start] += 1;
    }
    let near = |hour: usize| {
        counts[(hour + cycle - 1) % cycle] + counts[hour] + counts[(hour + 1) % cycle]
    };
    let mut usual: Vec<usize> = Vec::new();
    let mut by_count: Vec<usize> = (0..cycle).filter(|hour| counts[*hour] > 0).collect();
    by_count.sort_by_key(|hour| (std::cmp::Reverse(counts[*hour]), *hour));
    for hour in by_count {
        let apart = |other: &usize| {
            let distance = hour.abs_diff(*other);
            distance.min(cycle - distance) > 2
        };
        if f64::from(near(hour)) >= MIN_SHARE_OF_WEEKS * turns && usual.iter().all(apart) {
            usual.push(hour);
        }
    }
    usual.sort_unstable();
    usual
}

/// Returns the middle of the first of `hours` that is at least six hours, and half an hour of the next, after `from`.
pub(super) fn next_hour(from: Timestamp, hours: &[usize], monthly: bool) -> Timestamp {
    let slot = if monthly { hour_of_month } else { hour_of_week };
    let after = from + 6 * HOUR;
    // The longest way to an hour of the month is over a month that lacks its day.
    let candidates = (0..62 * 24u32).map(|hour| after.floor(HOUR) + HOUR * hour);
    let mut found = candidates.filter(|at| hours.contains(&slot(*at)));
    found.next().unwrap_or(after) + HOUR / 2
}
