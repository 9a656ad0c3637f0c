//! How uneven the days of a stream are beyond what its messages a day explain, and what that costs its budget.
//!
//! The threshold of a score counts gaps as if each were a draw of its own. Where the volume of a day is itself drawn anew every
//! day, the gaps of one day share that cause: a quiet day makes all of its gaps long at once, and history holds as many
//! independent draws as it has days, far fewer than it has gaps. So its tail is known worse than the number of gaps says,
//! and such a stream gets a smaller share of the budget. How much smaller is measured on simulated senders, not derived.

use crate::detect::hourly_series::{HourlySeries, hour_of_week};
use crate::model::DAY;

/// Days are compared within blocks of eight weeks, so that growth and seasons are not taken for unevenness.
const BLOCK_DAYS: usize = 56;
/// Fewer covered days say nothing.
const MIN_DAYS: usize = 28;
/// With fewer messages a day nearly every gap is a day of its own.
const MIN_PER_DAY: f64 = 2.0;
/// Ordinary senders stay below this: 20 public traces of two messages a day and more reach 0.49.
const USUAL_UNEVENNESS: f64 = 0.5;
/// How steeply the share falls with what is beyond that.
const STEEPNESS: f64 = 30.0;
/// In standard errors.
const MARGIN: f64 = 2.0;

/// So many of its own days are lower than what counts as usual: fewer would let a tenth of the mail be usual.
const LOW_DAYS: f64 = 1.0 / 3.0;
/// Fewer covered days show none of them.
const MIN_DAYS_OF_LOW: usize = 14;
/// How many days' worth of belief the mean of the day type (working days, weekend) brings to each weekday.
const SHRINK_TO_DAY_TYPE: f64 = 2.0;

/// The weekday (Monday is 0) and the messages of a covered day.
type DayCount = (usize, f64);

/// Returns the share of its budget that a stream gets for the threshold of its score, above 0 and at most 1: 1 unless its days
/// are surely more uneven than those of ordinary senders.
pub(super) fn budget_share(series: &HourlySeries) -> f64 {
    let excess = surely_uneven(&days(series)).unwrap_or(0.0) - USUAL_UNEVENNESS;
    1.0 / (1.0 + STEEPNESS * excess.max(0.0))
}

/// Returns the share of the mean of their weekday that all but [`LOW_DAYS`] of the last days reach; `None` where there are too few days
/// or messages.
pub(super) fn low_share(series: &HourlySeries) -> Option<f64> {
    let days = days(series);
    let block = &days[days.len().saturating_sub(BLOCK_DAYS)..];
    let sum = |is_one: &dyn Fn(usize) -> bool| {
        let own = block.iter().filter(|(weekday, _)| is_one(*weekday));
        own.fold((0.0, 0.0), |(n, sum), (_, sent)| (n + 1.0, sum + sent))
    };
    let (count, sent) = sum(&|_| true);
    if block.len() < MIN_DAYS_OF_LOW || sent < MIN_PER_DAY * count {
        return None;
    }
    let mean: [f64; 7] = std::array::from_fn(|weekday| {
        let of_type = sum(&|of| (of < 5) == (weekday < 5));
        let own = sum(&|of| of == weekday);
        (own.1 + SHRINK_TO_DAY_TYPE * of_type.1 / of_type.0) / (own.0 + SHRINK_TO_DAY_TYPE)
    });
    let usual = block.iter().filter(|(weekday, _)| mean[*weekday] > 0.0);
    let mut shares: Vec<f64> = usual.map(|(weekday, sent)| sent / mean[*weekday]).collect();
    shares.sort_by(f64::total_cmp);
    shares
        .get((LOW_DAYS * shares.len() as f64) as usize)
        .copied()
}

/// The days from 00:00 to 24:00 UTC that were covered throughout.
fn days(series: &HourlySeries) -> Vec<DayCount> {
    let first_day = series.begins.ceil(DAY);
    let hours = series.sent.get(series.hour(first_day)..).unwrap_or(&[]);
    let count = |(day, hours): (usize, &[Option<u64>])| {
        let sent: Option<u64> = hours.iter().copied().sum();
        let weekday = (hour_of_week(first_day) / 24 + day) % 7;
        sent.map(|sent| (weekday, sent as f64))
    };
    hours
        .chunks_exact(24)
        .enumerate()
        .filter_map(count)
        .collect()
}

/// Returns the squared variation of the level of a day, less two standard errors; `None` where there are too few days or
/// messages. Of several blocks the (lower) median counts: one odd week is no habit.
fn surely_uneven(days: &[DayCount]) -> Option<f64> {
    let blocks = days
        .rchunks(BLOCK_DAYS)
        .filter(|block| block.len() >= MIN_DAYS);
    let mut unevenness: Vec<f64> = blocks.clone().filter_map(unevenness).collect();
    unevenness.sort_by(f64::total_cmp);
    let median = unevenness.get(unevenness.len().checked_sub(1)? / 2)?;
    let (count, sent) = blocks
        .flatten()
        .fold((0.0, 0.0), |(count, sum), (_, sent)| {
            (count + 1.0, sum + sent)
        });
    (sent >= MIN_PER_DAY * count).then(|| median - MARGIN / sent.sqrt())
}

/// Returns the squared coefficient of variation of the level of a day: the variance about the mean of its weekday, without that
/// of a Poisson count, in squared means. About 0 for counts by chance alone, 1 for levels that are exponential.
fn unevenness(block: &[DayCount]) -> Option<f64> {
    let mut weekdays = [(0.0, 0.0); 7];
    for (weekday, sent) in block {
        weekdays[*weekday].0 += 1.0;
        weekdays[*weekday].1 += sent;
    }
    let mean = |weekday: usize| weekdays[weekday].1 / weekdays[weekday].0;
    let (mut squares, mut means, mut poisson) = (0.0, 0.0, 0.0);
    for (weekday, sent) in block {
        squares += (sent - mean(*weekday)).powi(2);
        means += mean(*weekday).powi(2);
        poisson += sent;
    }
    let degrees =
        1.0 - weekdays.iter().filter(|day| day.0 > 0.0).count() as f64 / block.len() as f64;
    (means > 0.0).then(|| (squares / degrees - poisson) / means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, Timestamp};

    /// From a Monday 05:00 on, so that the first day is not whole; all mail of a day comes at noon.
    fn series(days: usize, sent: impl Fn(usize) -> Option<u64>) -> HourlySeries {
        let hour = |hour: usize| {
            let day = sent(hour / 24)?;
            Some(if hour % 24 == 12 { day } else { 0 })
        };
        HourlySeries {
            begins: Timestamp::from_secs(4 * 86_400) + HOUR * 5,
            sent: (5..days * 24).map(hour).collect(),
        }
    }

    /// The quantiles of an exponential level, spread over the weekdays.
    fn exponential(day: usize) -> Option<u64> {
        let quantile = (day * 37 % 101) as f64 / 101.0 + 0.005;
        Some((-100.0 * (1.0 - quantile).ln()).round() as u64)
    }

    fn share(days: usize, sent: impl Fn(usize) -> Option<u64>) -> f64 {
        budget_share(&series(days, sent))
    }

    #[test]
    fn even_days_growth_and_empty_weekends_keep_the_whole_budget() {
        assert_eq!(share(0, |_| Some(1)), 1.0);
        assert_eq!(share(112, |_| Some(0)), 1.0);
        assert_eq!(share(112, |_| None), 1.0);
        assert_eq!(share(112, |day| Some(50 + day as u64 % 5)), 1.0);
        assert_eq!(
            share(112, |day| Some(if day % 7 < 5 { 100 } else { 0 })),
            1.0
        );
        assert_eq!(share(300, |day| Some(10 + day as u64)), 1.0);
        // Two thirds to four thirds of the usual.
        assert_eq!(share(112, |day| Some(100 + (day as u64 * 5) % 101)), 1.0);
    }

    #[test]
    fn exponential_days_leave_a_small_part_of_the_budget() {
        for days in [40, 60, 112, 300] {
            let share = share(days, exponential);
            assert!((0.02..0.25).contains(&share), "{days} days: {share}");
        }
    }

    #[test]
    fn most_days_have_the_low_share() {
        let low = |days, sent: &dyn Fn(usize) -> Option<u64>| low_share(&series(days, sent));
        assert_eq!(low(14, &exponential), None, "13 whole days");
        assert_eq!(
            low(60, &|day| Some(day as u64 % 7)).map(f64::round),
            Some(1.0)
        );
        assert_eq!(low(60, &|_| Some(1)), None, "too little mail");
        let of_exponential = low(120, &exponential).expect("known");
        assert!((0.25..0.55).contains(&of_exponential), "{of_exponential}");
        let closed = |day| Some(if day % 7 < 5 { 20 } else { 0 });
        assert_eq!(
            low(60, &closed),
            Some(1.0),
            "days that never had mail say nothing"
        );
    }

    #[test]
    fn few_days_little_mail_and_one_odd_day_cost_nothing() {
        assert_eq!(share(28, exponential), 1.0, "27 whole days");
        assert_eq!(
            share(112, |day| exponential(day).map(|sent| sent / 60)),
            1.0
        );
        let odd = |day| Some(if day == 80 { 5000 } else { 50 });
        assert_eq!(share(180, odd), 1.0);
        let half_known = |day| exponential(day).filter(|_| day % 4 == 0);
        assert_eq!(share(108, half_known), 1.0, "a day in four is covered");
    }

    #[test]
    fn days_are_compared_with_the_same_weekday() {
        let days = days(&series(9, |day| Some(day as u64)));
        let expected: Vec<DayCount> = (1..9).map(|day| (day % 7, day as f64)).collect();
        assert_eq!(days, expected);
    }
}
