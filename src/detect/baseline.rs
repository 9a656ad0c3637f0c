//! How busy a stream is in each hour of the week, learned from its own covered history.
//!
//! Two measures: the mean number of messages, and the *busyness* −log P(no message in the hour), which one burst cannot
//! raise. Recent weeks weigh more; hours of the week borrow from the same hour of other work days (or weekend days) and
//! from their neighbours, so that a few weeks suffice.

use crate::model::{Coverage, DAY, HOUR, HourCount, Span, Timestamp};

/// Hours of a week.
const WEEK: usize = 168;
/// Oldest history that is looked at, in hours (26 weeks).
const LOOKBACK_HOURS: u64 = 26 * 168;
/// After this many hours an observation weighs half (six weeks): a change of habit is learned within a season.
const HALF_LIFE_HOURS: f64 = 42.0 * 24.0;
/// Weight of the flat intensity: what has never been seen at some hour is still possible there.
const FLAT_SHARE: f64 = 0.1;
/// How many hours' worth of belief the profile of the day type brings to each hour of the week.
const SHRINK_TO_DAY: f64 = 3.0;
/// How many hours' worth of belief the overall level brings to each hour of the day type.
const SHRINK_TO_LEVEL: f64 = 2.0;
/// No hour is held to have mail with more certainty than this, however long it always had some.
const CERTAIN: f64 = 1.0 - 1e-4;

/// What one stream does in each hour of the week (hour 0 is Monday 00:00 UTC).
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    mean: [f64; WEEK],
    busy: [f64; WEEK],
}

impl Baseline {
    /// Learns from the covered hours of `hours` before `until`; an empty history gives a baseline that expects nothing.
    pub fn learn(
        hours: &[HourCount],
        covered: &Coverage,
        begins: Timestamp,
        until: Timestamp,
    ) -> Self {
        let oldest = begins.max(until - HOUR * u32::try_from(LOOKBACK_HOURS).unwrap_or(u32::MAX));
        let mut tally = Tally::default();
        let mut next = hours.partition_point(|h| h.start < oldest);
        for span in covered.parts(Span::new(oldest, until)) {
            let mut start = span.from.ceil(HOUR);
            while start + HOUR <= span.until {
                while next < hours.len() && hours[next].start < start {
                    next += 1;
                }
                let sent = hours
                    .get(next)
                    .filter(|h| h.start == start)
                    .map_or(0, |h| h.sent);
                let age_hours = until.since(start).as_secs() / 3600;
                tally.add(
                    start,
                    sent as f64,
                    0.5f64.powf(age_hours as f64 / HALF_LIFE_HOURS),
                );
                start = start + HOUR;
            }
        }
        tally.finish()
    }

    /// Messages expected in `span`.
    pub fn expected(&self, span: Span) -> f64 {
        integrate(&self.mean, span)
    }

    /// The busyness of `span`: the exponent of the chance that it stays empty.
    pub fn busyness(&self, span: Span) -> f64 {
        integrate(&self.busy, span)
    }
}

/// Weighted counts by hour of the week.
struct Tally {
    weight: [f64; WEEK],
    sent: [f64; WEEK],
    nonempty: [f64; WEEK],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            weight: [0.0; WEEK],
            sent: [0.0; WEEK],
            nonempty: [0.0; WEEK],
        }
    }
}

impl Tally {
    fn add(&mut self, hour: Timestamp, sent: f64, weight: f64) {
        let slot = hour_of_week(hour);
        self.weight[slot] += weight;
        self.sent[slot] += weight * sent;
        self.nonempty[slot] += if sent > 0.0 { weight } else { 0.0 };
    }

    fn finish(&self) -> Baseline {
        let (mean, mean_level) = shrink(&self.sent, &self.weight);
        let (chance, chance_level) = shrink(&self.nonempty, &self.weight);
        let busyness = |p: f64| -(1.0 - p.clamp(0.0, CERTAIN)).ln();
        let mix = |own: f64, level: f64| (1.0 - FLAT_SHARE) * own + FLAT_SHARE * level;
        Baseline {
            mean: mean.map(|own| mix(own, mean_level)),
            busy: chance.map(|own| mix(busyness(own), busyness(chance_level))),
        }
    }
}

/// Per hour of the week, shrunk towards its day type, which is shrunk towards the level; and the level.
fn shrink(sum: &[f64; WEEK], weight: &[f64; WEEK]) -> ([f64; WEEK], f64) {
    let total: f64 = weight.iter().sum();
    if total <= 0.0 {
        return ([0.0; WEEK], 0.0);
    }
    let level = sum.iter().sum::<f64>() / total;
    let mut day = [(0.0, 0.0); 48];
    for slot in 0..WEEK {
        day[day_type(slot)].0 += sum[slot];
        day[day_type(slot)].1 += weight[slot];
    }
    let (sum, weight) = (smooth(sum), smooth(weight));
    let own = std::array::from_fn(|slot| {
        let (day_sum, day_weight) = day[day_type(slot)];
        let usual = (day_sum + SHRINK_TO_LEVEL * level) / (day_weight + SHRINK_TO_LEVEL);
        (sum[slot] + SHRINK_TO_DAY * usual) / (weight[slot] + SHRINK_TO_DAY)
    });
    (own, level)
}

/// Each hour with a quarter of both neighbours.
fn smooth(values: &[f64; WEEK]) -> [f64; WEEK] {
    std::array::from_fn(|slot| {
        0.25 * values[(slot + WEEK - 1) % WEEK]
            + 0.5 * values[slot]
            + 0.25 * values[(slot + 1) % WEEK]
    })
}

/// Hour of the day, on work days 0 to 23 and at the weekend 24 to 47.
const fn day_type(slot: usize) -> usize {
    slot % 24 + if slot / 24 >= 5 { 24 } else { 0 }
}

/// 1970-01-01 was a Thursday, so Monday 00:00 lies 72 hours into its week.
fn hour_of_week(at: Timestamp) -> usize {
    let hours = at.floor(HOUR).0.div_euclid(3_600_000) + 72;
    usize::try_from(hours.rem_euclid(WEEK as i64)).unwrap_or(0)
}

fn integrate(per_hour: &[f64; WEEK], span: Span) -> f64 {
    if span.is_empty() {
        return 0.0;
    }
    // Whole weeks at once, so that no span is long.
    let week = 7 * DAY;
    let weeks = span.length().as_millis() / week.as_millis();
    let mut from = span.from + week * u32::try_from(weeks).unwrap_or(u32::MAX);
    let mut sum = weeks as f64 * per_hour.iter().sum::<f64>();
    while from < span.until {
        let until = (from.floor(HOUR) + HOUR).min(span.until);
        sum += per_hour[hour_of_week(from)] * until.since(from).as_secs_f64() / 3600.0;
        from = until;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(count: i64, sent: impl Fn(i64) -> u64) -> Vec<HourCount> {
        (0..count)
            .map(|h| (Timestamp::from_secs(h * 3600), sent(h)))
            .filter(|(_, sent)| *sent > 0)
            .map(|(start, sent)| HourCount {
                start,
                sent,
                first_at: start,
                last_at: start,
            })
            .collect()
    }

    fn learn(count: i64, sent: impl Fn(i64) -> u64) -> Baseline {
        let end = Timestamp::from_secs(count * 3600);
        let covered = Coverage::of([Span::new(Timestamp(0), end)]);
        Baseline::learn(&hours(count, sent), &covered, Timestamp(0), end)
    }

    #[test]
    fn the_epoch_is_a_thursday() {
        assert_eq!(hour_of_week(Timestamp(0)), 72);
        assert_eq!(
            hour_of_week(Timestamp::parse("2026-11-16T00:30:00Z").expect("valid")),
            0
        );
    }

    #[test]
    fn a_steady_stream_expects_its_rate_in_any_span() {
        let baseline = learn(28 * 24, |_| 20);
        let week = Span::new(Timestamp::from_secs(0), Timestamp::from_secs(168 * 3600));
        assert!((baseline.expected(week) - 20.0 * 168.0).abs() < 1e-6);
        let half_hour = Span::new(Timestamp::from_secs(900), Timestamp::from_secs(2700));
        assert!((baseline.expected(half_hour) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_weekend_without_mail_is_hardly_busy_and_a_working_hour_is() {
        // 1970-01-03 is a Saturday.
        let office = |h: i64| {
            if (h / 24 + 3) % 7 < 5 && (8..18).contains(&(h % 24)) {
                20
            } else {
                0
            }
        };
        let baseline = learn(42 * 24, office);
        let saturday = Timestamp::from_secs((42 + 2) * 86_400);
        let weekend = Span::new(saturday, saturday + 2 * DAY);
        let monday = Span::new(
            saturday + 2 * DAY + 10 * HOUR,
            saturday + 2 * DAY + 11 * HOUR,
        );
        assert!(
            baseline.busyness(weekend) < 3.0,
            "{}",
            baseline.busyness(weekend)
        );
        assert!(
            baseline.busyness(monday) > 2.5,
            "{}",
            baseline.busyness(monday)
        );
    }

    #[test]
    fn one_burst_does_not_make_an_hour_busy() {
        let quiet = learn(56 * 24, |h| u64::from(h % 24 == 6));
        let burst = learn(56 * 24, |h| {
            if h == 1000 {
                100_000
            } else {
                u64::from(h % 24 == 6)
            }
        });
        let at = Timestamp::from_secs((56 * 24 + 1000 % 168) * 3600);
        let hour = Span::new(at, at + HOUR);
        assert!(burst.busyness(hour) < quiet.busyness(hour) + 0.5);
    }

    #[test]
    fn hours_that_were_not_covered_teach_nothing() {
        let end = Timestamp::from_secs(28 * 86_400);
        let seen = Coverage::of([Span::new(Timestamp(0), Timestamp::from_secs(14 * 86_400))]);
        let sent = |h: i64| if h < 14 * 24 { 5 } else { 0 };
        let baseline = Baseline::learn(&hours(28 * 24, sent), &seen, Timestamp(0), end);
        let hour = Span::new(end, end + HOUR);
        assert!((baseline.expected(hour) - 5.0).abs() < 1e-6);
    }

    #[test]
    fn no_history_expects_nothing() {
        let baseline = Baseline::learn(
            &[],
            &Coverage::none(),
            Timestamp(0),
            Timestamp::from_secs(86_400),
        );
        assert_eq!(
            baseline.expected(Span::new(Timestamp(0), Timestamp::from_secs(864_000))),
            0.0
        );
    }
}
