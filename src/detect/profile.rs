//! How much mail a stream has in each hour of the week or of the month, learned from its own covered hours.
//!
//! Two measures: the mean number of messages, and the *occupancy*, −log P(no message in the hour), which one burst cannot
//! raise. Recent weeks weigh more; hours of the week borrow from the same hour of other work days (or weekend days) and
//! from their neighbours, so that a few weeks suffice.

use crate::detect::encoding::{Encoded, encoded};
use crate::detect::hourly_series::{
    HourlySeries, MONTH, WEEK, hour_of_month, hour_of_week, split_by_hour,
};
use crate::model::{Span, Timestamp};

/// After this many hours an observation weighs half (six weeks): a change of habit is learned within a season.
const HALF_LIFE: f64 = 42.0 * 24.0;
/// How many hours' worth of belief the profile of the day type brings to each hour of the week.
const SHRINK_TO_DAY: f64 = 3.0;
/// How many hours' worth of belief the overall level brings to each hour of the day type, or of the month.
const SHRINK_TO_LEVEL: f64 = 2.0;
/// The same where what people read is counted: an hour that never had mail may still have some.
const SHRINK_PLAIN_TO_LEVEL: f64 = 0.02;
/// No hour is held to have mail with more certainty than this, however long it always had some.
const MAX_OCCUPANCY: f64 = 1.0 - 1e-4;
/// No hour is held to have less than this share of the level: what was never seen is still possible.
const MIN_SHARE_OF_LEVEL: f64 = 0.01;

/// What is counted in an hour, and by which slots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Calendar {
    /// Occupancy by the hour of the week, mixed with this share of the flat level.
    Occupied { flat: f64 },
    /// Mean number of messages by the hour of the week, mixed with this share of the flat level.
    Mean { flat: f64 },
    /// Occupancy by day of the month and hour: what runs on the first is missed on the first.
    Monthly,
    /// Mean number of messages by the hour of the week as it was, without the caution that a threshold needs.
    Plain,
}

impl Calendar {
    fn slot(self, at: Timestamp) -> usize {
        match self {
            Self::Monthly => hour_of_month(at),
            _ => hour_of_week(at),
        }
    }

    /// What an hour with `sent` messages counts for.
    pub(super) fn counted(self, sent: u64) -> u64 {
        match self {
            Self::Mean { .. } | Self::Plain => sent,
            _ => u64::from(sent > 0),
        }
    }

    /// The same, to be compared with what was expected.
    pub(super) fn observed(self, sent: u64) -> f64 {
        self.counted(sent) as f64
    }

    /// What an hour of this intensity counts for, on average.
    pub(super) fn expected(self, intensity: f64) -> f64 {
        match self {
            Self::Mean { .. } | Self::Plain => intensity,
            _ => -(-intensity).exp_m1(),
        }
    }
}

/// The intensity of every hour of the week or month, each above zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct IntensityTable {
    calendar: Calendar,
    per_hour: Vec<f64>,
}

encoded!(IntensityTable { calendar, per_hour });

impl Encoded for Calendar {
    fn write(&self, to: &mut Vec<u8>) {
        let (kind, flat) = match self {
            Self::Occupied { flat } => (0u64, *flat),
            Self::Mean { flat } => (1, *flat),
            Self::Monthly => (2, 0.0),
            Self::Plain => (3, 0.0),
        };
        (kind, flat).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match Encoded::read(from)? {
            (0u64, flat) => Some(Self::Occupied { flat }),
            (1, flat) => Some(Self::Mean { flat }),
            (2, _) => Some(Self::Monthly),
            (3, _) => Some(Self::Plain),
            _ => None,
        }
    }
}

impl IntensityTable {
    /// Learns from all of `series`.
    pub(super) fn learn(series: &HourlySeries, calendar: Calendar) -> Self {
        let mut counts = WeightedCounts::new(calendar);
        for (hour, sent) in series.sent.iter().enumerate() {
            if let Some(sent) = sent {
                let slot = calendar.slot(series.start(hour));
                counts.add(slot, calendar.observed(*sent), hour);
            }
        }
        counts.intensities()
    }

    pub(super) const fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// The intensity of the hour that holds `at`.
    pub(super) fn at(&self, at: Timestamp) -> f64 {
        self.per_hour[self.calendar.slot(at)]
    }

    /// Returns the table of what `change` makes of each intensity.
    pub(super) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            calendar: self.calendar,
            per_hour: self.per_hour.iter().copied().map(change).collect(),
        }
    }

    pub(super) fn mean(&self) -> f64 {
        self.per_hour.iter().sum::<f64>() / self.per_hour.len() as f64
    }

    /// The sum over `span`, hours in part for their part.
    pub(super) fn over(&self, span: Span) -> f64 {
        split_by_hour(span).fold(0.0, |sum, part| {
            sum + self.at(part.from) * part.length().as_secs_f64() / 3600.0
        })
    }
}

/// The tables of one calendar: for each week of the series the one learned from what lay before it (the first week from
/// itself), and the one learned from everything.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile {
    pub calendar: Calendar,
    /// The intensity of each hour of the series, by the table of its week.
    pub before: Vec<f64>,
    pub now: IntensityTable,
}

impl Profile {
    /// Learns from `series`; without any covered hour it expects nothing much.
    pub(super) fn learn(series: &HourlySeries, calendar: Calendar) -> Self {
        let mut counts = WeightedCounts::new(calendar);
        let mut before = Vec::with_capacity(series.len());
        let slot = |hour: usize| calendar.slot(series.start(hour));
        let slots: Vec<usize> = (0..series.len()).map(slot).collect();
        for week in 0..series.len().div_ceil(WEEK) {
            let hours = week * WEEK..((week + 1) * WEEK).min(series.len());
            let earlier = (week > 0).then(|| counts.intensities());
            for hour in hours.clone() {
                if let Some(sent) = series.sent[hour] {
                    counts.add(slots[hour], calendar.observed(sent), hour);
                }
            }
            let table = earlier.unwrap_or_else(|| counts.intensities());
            before.extend(hours.map(|hour| table.per_hour[slots[hour]]));
        }
        Self {
            calendar,
            before,
            now: counts.intensities(),
        }
    }

    /// Returns the profile with each hour of `series` by the table of today.
    pub(super) fn as_of_today(&self, series: &HourlySeries) -> Self {
        let hours = 0..series.len();
        Self {
            calendar: self.calendar,
            before: hours.map(|hour| self.now.at(series.start(hour))).collect(),
            now: self.now.clone(),
        }
    }

    /// Returns the profile of what `change` makes of each intensity.
    pub(super) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            calendar: self.calendar,
            before: self.before.iter().copied().map(&change).collect(),
            now: self.now.map(change),
        }
    }
}

/// Weighted counts by slot. Weights grow with time instead of shrinking with age, which keeps them in one pass.
struct WeightedCounts {
    calendar: Calendar,
    counted: Vec<f64>,
    weight: Vec<f64>,
    latest: usize,
}

impl WeightedCounts {
    fn new(calendar: Calendar) -> Self {
        let slots = if calendar == Calendar::Monthly {
            MONTH
        } else {
            WEEK
        };
        Self {
            calendar,
            counted: vec![0.0; slots],
            weight: vec![0.0; slots],
            latest: 0,
        }
    }

    fn add(&mut self, slot: usize, observed: f64, hour: usize) {
        // What comes once a month is not forgotten within a season.
        let weight = if self.calendar == Calendar::Monthly {
            1.0
        } else {
            (hour as f64 / HALF_LIFE).exp2()
        };
        self.counted[slot] += weight * observed;
        self.weight[slot] += weight;
        self.latest = hour;
    }

    fn intensities(&self) -> IntensityTable {
        let scale = match self.calendar {
            Calendar::Monthly => 1.0,
            _ => (-(self.latest as f64) / HALF_LIFE).exp2(),
        };
        let counted: Vec<f64> = self.counted.iter().map(|c| c * scale).collect();
        let weight: Vec<f64> = self.weight.iter().map(|w| w * scale).collect();
        let per_hour = match self.calendar {
            Calendar::Occupied { flat } => {
                mix(weekly(&counted, &weight, true), flat, occupancy_of_chance)
            }
            Calendar::Mean { flat } => mix(weekly(&counted, &weight, false), flat, |mean| mean),
            Calendar::Plain => plain(&counted, &weight),
            Calendar::Monthly => monthly(&counted, &weight),
        };
        IntensityTable {
            calendar: self.calendar,
            per_hour,
        }
    }
}

/// −log of the chance of an empty hour.
fn occupancy_of_chance(chance: f64) -> f64 {
    -(-chance.clamp(1e-6, MAX_OCCUPANCY)).ln_1p()
}

fn mix((own, level): (Vec<f64>, f64), flat: f64, intensity: impl Fn(f64) -> f64) -> Vec<f64> {
    let level = intensity(level);
    own.into_iter()
        .map(|own| (1.0 - flat) * intensity(own).max(MIN_SHARE_OF_LEVEL * level) + flat * level)
        .collect()
}

/// The mean of all slots.
fn level(counted: &[f64], weight: &[f64]) -> f64 {
    (counted.iter().sum::<f64>() + 0.5) / (weight.iter().sum::<f64>() + 1.0)
}

/// What was counted at each hour of a day of each type, and its weight.
fn by_day_type(counted: &[f64], weight: &[f64]) -> [(f64, f64); 48] {
    let mut day = [(0.0, 0.0); 48];
    for slot in 0..WEEK {
        day[day_type(slot)].0 += counted[slot];
        day[day_type(slot)].1 += weight[slot];
    }
    day
}

/// Per hour of the week, shrunk towards its day type, which is shrunk towards the level; and the level.
fn weekly(counted: &[f64], weight: &[f64], chance: bool) -> (Vec<f64>, f64) {
    let (day, level) = (by_day_type(counted, weight), level(counted, weight));
    // A chance is pulled below one by half an hour without mail.
    let (less, little) = if chance { (0.5, 0.25) } else { (0.0, 0.0) };
    let own = (0..WEEK).map(|slot| {
        let (day_counted, day_weight) = day[day_type(slot)];
        let usual = (day_counted + SHRINK_TO_LEVEL * level) / (day_weight + SHRINK_TO_LEVEL + less);
        (smooth(counted, slot) + SHRINK_TO_DAY * usual)
            / (smooth(weight, slot) + SHRINK_TO_DAY + little)
    });
    (own.collect(), level)
}

/// The mean of each hour of the week as it was: shrunk towards its day type, and that next to nothing towards the level, so that what
/// has no mail at night or at the weekend expects none then.
fn plain(counted: &[f64], weight: &[f64]) -> Vec<f64> {
    let (day, level) = (by_day_type(counted, weight), level(counted, weight));
    let own = (0..WEEK).map(|slot| {
        let (day_counted, day_weight) = day[day_type(slot)];
        let usual =
            (day_counted + SHRINK_PLAIN_TO_LEVEL * level) / (day_weight + SHRINK_PLAIN_TO_LEVEL);
        (counted[slot] + SHRINK_TO_DAY * usual) / (weight[slot] + SHRINK_TO_DAY)
    });
    own.collect()
}

/// Per hour of the month, shrunk towards the level.
fn monthly(counted: &[f64], weight: &[f64]) -> Vec<f64> {
    let level = level(counted, weight);
    let chance = |(counted, weight): (&f64, &f64)| (counted + level) / (weight + 1.25);
    let chances = counted.iter().zip(weight).map(chance);
    chances.map(occupancy_of_chance).collect()
}

/// An hour with a quarter of both neighbours.
fn smooth(values: &[f64], slot: usize) -> f64 {
    0.25 * values[(slot + WEEK - 1) % WEEK] + 0.5 * values[slot] + 0.25 * values[(slot + 1) % WEEK]
}

/// Hour of the day, on work days 0 to 23 and at the weekend 24 to 47.
const fn day_type(slot: usize) -> usize {
    slot % 24 + if slot / 24 >= 5 { 24 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DAY, HOUR};

    const MEAN: Calendar = Calendar::Mean { flat: 0.1 };
    const OCCUPIED: Calendar = Calendar::Occupied { flat: 0.1 };

    /// A series from a Monday on, with so many messages in each hour; `None` where nothing was covered.
    fn series(hours: usize, sent: impl Fn(usize) -> Option<u64>) -> HourlySeries {
        HourlySeries {
            begins: monday(),
            sent: (0..hours).map(sent).collect(),
        }
    }

    fn monday() -> Timestamp {
        Timestamp::from_secs(4 * 86_400)
    }

    #[test]
    fn the_epoch_is_a_thursday_and_months_begin_on_their_first() {
        assert_eq!(hour_of_week(Timestamp(0)), 72);
        assert_eq!(hour_of_week(monday()), 0);
        let first = Timestamp::parse("2026-03-01T06:30:00Z").expect("valid");
        assert_eq!(hour_of_month(first), 6);
        assert_eq!(hour_of_month(first - DAY), 27 * 24 + 6);
    }

    #[test]
    fn a_steady_stream_expects_its_rate_in_any_span() {
        let profile = Profile::learn(&series(28 * 24, |_| Some(20)), MEAN);
        let at = monday() + 60 * DAY;
        assert!((profile.now.over(Span::new(at, at + 7 * DAY)) - 20.0 * 168.0).abs() < 2.0);
        assert!((profile.now.over(Span::new(at, at + HOUR / 2)) - 10.0).abs() < 0.1);
    }

    #[test]
    fn what_is_counted_plainly_is_what_each_hour_had_and_little_where_nothing_was() {
        let office = |h: usize| {
            let is_at_work = h / 24 % 7 < 5 && (8..18).contains(&(h % 24));
            Some(if is_at_work { 20 } else { 0 })
        };
        for weeks in [1, 6] {
            let of_weeks = series(weeks * WEEK, office);
            let table = IntensityTable::learn(&of_weeks, Calendar::Plain);
            let monday = monday() + 70 * DAY;
            let hours =
                |from: u32, until: u32| Span::new(monday + HOUR * from, monday + HOUR * until);
            let (work, night) = (table.over(hours(8, 18)), table.over(hours(18, 32)));
            let weekend = table.over(hours(120, 168));
            assert!((199.0..201.0).contains(&work), "{weeks}: {work}");
            assert!((0.0..1.0).contains(&night), "{weeks}: {night}");
            assert!((0.0..4.0).contains(&weekend), "{weeks}: {weekend}");
        }
    }

    #[test]
    fn a_weekend_without_mail_is_hardly_busy_and_a_working_hour_is() {
        let office = |h: usize| {
            Some(if h / 24 % 7 < 5 && (8..18).contains(&(h % 24)) {
                20
            } else {
                0
            })
        };
        let profile = Profile::learn(&series(42 * 24, office), OCCUPIED);
        let saturday = monday() + 47 * DAY;
        assert!(profile.now.over(Span::new(saturday, saturday + 2 * DAY)) < 4.0);
        assert!(profile.now.at(saturday + 2 * DAY + 10 * HOUR) > 2.0);
    }

    #[test]
    fn one_burst_raises_the_mean_and_not_the_occupancy() {
        let steady = |h: usize| u64::from(h % 24 == 6);
        let burst = |h: usize| Some(if h == 1000 { 100_000 } else { steady(h) });
        let (steady, burst) = (series(56 * 24, |h| Some(steady(h))), series(56 * 24, burst));
        let at = monday() + HOUR * (56 * 24 + 1000 % 168);
        let by = |series: &HourlySeries, calendar| Profile::learn(series, calendar).now.at(at);
        assert!(by(&burst, MEAN) > 1000.0 * by(&steady, MEAN));
        assert!(by(&burst, OCCUPIED) < by(&steady, OCCUPIED) + 0.5);
    }

    #[test]
    fn hours_that_were_not_covered_teach_nothing() {
        let profile = Profile::learn(&series(28 * 24, |h| (h < 14 * 24).then_some(5)), MEAN);
        assert!((profile.now.at(monday() + 28 * DAY) - 5.0).abs() < 0.1);
    }

    #[test]
    fn the_past_is_measured_by_what_lay_before_it() {
        let grown = series(4 * WEEK, |h| Some(if h < 2 * WEEK { 1 } else { 100 }));
        let profile = Profile::learn(&grown, MEAN);
        assert!(profile.before[2 * WEEK] < 2.0, "nobody knew yet");
        assert!(profile.before[3 * WEEK] > 20.0 && profile.now.at(monday()) > 40.0);
    }

    #[test]
    fn what_runs_on_the_first_of_the_month_is_expected_then() {
        let begins = Timestamp::parse("2025-01-01T00:00:00Z").expect("valid");
        let monthly = |h: usize| {
            u64::from(hour_of_month(begins + HOUR * u32::try_from(h).expect("few")) == 6)
        };
        let sent = (0..300 * 24).map(|h| Some(monthly(h))).collect();
        let profile = Profile::learn(&HourlySeries { begins, sent }, Calendar::Monthly);
        let first = Timestamp::parse("2026-02-01T06:00:00Z").expect("valid");
        assert!(profile.now.at(first) > 1.5 && profile.now.at(first + DAY) < 0.01);
    }
}
