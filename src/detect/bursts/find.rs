//! Which hours are those of a burst.

use std::time::Duration;

use crate::detect::encoding::encoded;
use crate::model::{DAY, HOUR, HourCount, Span, Timestamp};

/// A burst has at least so many messages ...
pub(super) const MIN_BURST_SENT: u64 = 10;
/// ... of an hour or of hours in a row, and no longer than this ...
pub(super) const MAX_BURST_LENGTH: Duration = HOUR.saturating_mul(12);
/// ... and so many times as many as there are before and after it, within [`MIN_SURROUNDINGS`] and [`SURROUNDINGS_IN_LENGTHS`]
/// on each side: a working day is no burst.
pub(super) const MIN_CONTRAST: u64 = 4;
const MIN_SURROUNDINGS: Duration = HOUR.saturating_mul(12);
const SURROUNDINGS_IN_LENGTHS: f64 = 3.5;
/// Hours beside the busiest one belong to a burst down to this share of it, and one hour more on each side ...
const MIN_SHARE_OF_PEAK: f64 = 0.01;
/// ... as long as they have more than [`MAX_GROWTH`] times the other mail: what so many hours of the day before or of the day after
/// have, none of which has this share of the busiest one.
const MIN_OTHER_HOURS: usize = 6;
const MAX_OTHER_SHARE: f64 = 0.1;
/// Beside other mail an hour with more than so many times the mail of the busiest one outside of bursts, or of the hours beside a
/// burst, is one of a burst.
pub(super) const MAX_GROWTH: u64 = 3;
/// A burst of more than two hours is the day as usual where this share of at least [`MIN_OTHER_DAYS`] of the [`OTHER_DAYS`] before it have half as much.
const MIN_LENGTH_OF_DAY: Duration = HOUR.saturating_mul(2);
const OTHER_DAYS: u32 = 28;
const MIN_OTHER_DAYS: usize = 7;
const MIN_SHARE_OF_DAYS: f64 = 1.0 / 3.0;

/// One burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) struct Burst {
    /// From its first to its last message.
    pub span: Span,
    pub sent: u64,
}

encoded!(Burst { span, sent });

/// Returns the bursts among all the `hours` of a stream, without those in which no more was sent than on other days.
pub(in crate::detect) fn find_unusual_bursts(hours: &[HourCount]) -> Vec<Burst> {
    let bursts = find_bursts(hours, MIN_CONTRAST);
    let is_unusual = |burst: &&Burst| !is_usual(hours, &bursts, burst);
    bursts.iter().filter(is_unusual).copied().collect()
}

/// Returns the bursts among `hours`, in order: those with `contrast` times as many messages as there are around them.
pub(super) fn find_bursts(hours: &[HourCount], contrast: u64) -> Vec<Burst> {
    let mut by_size: Vec<usize> = (0..hours.len())
        .filter(|i| hours[*i].sent * 2 >= MIN_BURST_SENT)
        .collect();
    by_size.sort_by_key(|i| (std::cmp::Reverse(hours[*i].sent), *i));
    let mut running: Vec<u64> = vec![0];
    for hour in hours {
        running.push(running[running.len() - 1] + hour.sent);
    }
    let mut taken = vec![false; hours.len()];
    let mut bursts = Vec::new();
    for peak in by_size {
        if taken[peak] {
            continue;
        }
        let least = hours[peak].sent as f64 * MIN_SHARE_OF_PEAK;
        let most_other = MAX_GROWTH * other_mail_beside(hours, peak);
        let apart = |a: usize, b: usize| hours[a.max(b)].start.since(hours[a.min(b)].start);
        let is_next = |from: usize, to: usize| {
            to < hours.len()
                && !taken[to]
                && apart(from, to) == HOUR
                && apart(peak, to) <= MAX_BURST_LENGTH + HOUR
                && hours[to].sent > most_other
        };
        let (mut first, mut last) = (peak, peak);
        while first > 0 && is_next(first, first - 1) {
            first -= 1;
            if (hours[first].sent as f64) < least {
                break;
            }
        }
        while is_next(last, last + 1) {
            last += 1;
            if (hours[last].sent as f64) < least {
                break;
            }
        }
        taken[first..=last].fill(true);
        let burst = Burst {
            span: Span::new(hours[first].first_at, hours[last].last_at),
            sent: running[last + 1] - running[first],
        };
        let length = burst.span.length();
        let surroundings = MIN_SURROUNDINGS.max(length.mul_f64(SURROUNDINGS_IN_LENGTHS));
        let from = burst.span.from - surroundings;
        let until = burst.span.until + surroundings;
        let around = running[hours.partition_point(|h| h.first_at < until)]
            - running[hours.partition_point(|h| h.last_at < from)];
        let is_burst = burst.sent >= MIN_BURST_SENT
            && length <= MAX_BURST_LENGTH
            && burst.sent >= contrast * (around - burst.sent);
        if is_burst {
            bursts.push(burst);
        }
    }
    bursts.sort_by_key(|burst| burst.span.from);
    bursts
}

/// Returns whether on other days of the weeks before, beside bursts, as much was sent in the hours of one that lasts for hours: after
/// days of a drop the first usual day stands alone.
fn is_usual(hours: &[HourCount], bursts: &[Burst], burst: &Burst) -> bool {
    let first = hours.first().map_or(burst.span.from, |hour| hour.start);
    let last = burst.span.until.floor(HOUR) + HOUR;
    let same_hours = |back: u32| {
        let (from, until) = (burst.span.from.floor(HOUR) - DAY * back, last - DAY * back);
        let is_known = from >= first;
        let from = hours.partition_point(|h| h.start < from);
        let until = hours.partition_point(|h| h.start < until);
        let of_day = &hours[from..until.max(from)];
        let mut starts = of_day.iter().map(|hour| hour.first_at);
        let is_other = is_known && !starts.any(|at| is_within(bursts, at));
        is_other.then(|| of_day.iter().map(|hour| hour.sent).sum::<u64>())
    };
    let others: Vec<u64> = (1..=OTHER_DAYS).filter_map(same_hours).collect();
    let as_many = others.iter().filter(|sent| **sent * 2 >= burst.sent);
    burst.span.length() > MIN_LENGTH_OF_DAY
        && others.len() >= MIN_OTHER_DAYS
        && as_many.count() as f64 >= MIN_SHARE_OF_DAYS * others.len() as f64
}

/// Returns how many messages of other mail an hour of the days beside the one at `peak` has; 0 where there is little else than bursts.
fn other_mail_beside(hours: &[HourCount], peak: usize) -> u64 {
    let peak = hours[peak];
    let most = peak.sent as f64 * MAX_OTHER_SHARE;
    let of_day = |day: Span| {
        let from = hours.partition_point(|h| h.start < day.from);
        let until = hours.partition_point(|h| h.start < day.until);
        let sent = hours[from..until].iter().map(|hour| hour.sent);
        let mut others: Vec<u64> = sent.filter(|sent| (*sent as f64) < most).collect();
        others.sort_unstable_by(|a, b| b.cmp(a));
        others.get(MIN_OTHER_HOURS - 1).copied().unwrap_or(0)
    };
    let before = of_day(Span::before(peak.start - MAX_BURST_LENGTH, DAY));
    let after = peak.start + MAX_BURST_LENGTH + HOUR;
    before.max(of_day(Span::new(after, after + DAY)))
}

/// Returns whether `at` is within one of `bursts`, which are in order.
pub(in crate::detect) fn is_within(bursts: &[Burst], at: Timestamp) -> bool {
    let burst = bursts.get(bursts.partition_point(|burst| burst.span.until < at));
    burst.is_some_and(|burst| burst.span.from <= at)
}
