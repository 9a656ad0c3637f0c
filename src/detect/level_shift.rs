//! A lasting fall of the level: a kind of mail that ended, a client that left. It is told as a drop, and once it has lasted for
//! days the new level is what is normal.
//!
//! Day by day the volume since each possible beginning is compared with that of the same weekdays in the weeks before it, in
//! units of its own scatter (a scan for a change of mean; E. S. Page, "A test for a change in a parameter occurring at an
//! unknown point", Biometrika 42, 1955). Days are overdispersed (variance φ times the mean), so that a sender with uneven days
//! has no new level before it is certain.
//!
//! Bursts are left out, and an hour counts for no more than some usual ones: a newsletter that is missing is no lower level of what else
//! is sent.
//!
//! A fall that is clear enough is told once, though no hour shows it. Clear is what chance brings no more often than a share of the
//! budget: days that follow one another are alike (a first-order autoregression; G. E. P. Box and G. M. Jenkins, "Time Series
//! Analysis", 1970), their scatter is known from few of them (Student's t), and each day is looked at by every possible beginning
//! (D. Siegmund and E. S. Venkatraman, "Using the generalized likelihood ratio statistic for sequential detection of a
//! change-point", Annals of Statistics 23, 1995).

use std::collections::BTreeSet;

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::detect::bursts::{find_unusual_bursts, is_within};
use crate::model::{DAY, DropEvidence, HOUR, History, HourCount, NewLevel, Rules, Span, Timestamp};

/// The minimum and maximum number of days at the new level.
const NEW_DAYS: (usize, usize) = (5, 28);
/// The minimum and maximum number of days before it.
const OLD_DAYS: (usize, usize) = (21, 56);
/// After this many days the new level is normal.
const SETTLED_AFTER: usize = 7;
/// The new level is no more than this share of the old one.
const MAX_SHARE: f64 = 0.65;
/// A level below this share is no level but an outage, which is not learned from.
const MIN_SHARE: f64 = 0.12;
/// Each half of the time since is at the new level, too, and most of its days: some bad days that are over are no level.
const MAX_SHARE_OF_HALF: f64 = 0.8;
/// An hour counts for no more than this many times the hour up to which smaller ones have this share of the mail: a burst is no level.
const MAX_HOUR_FACTOR: u64 = 5;
const SHARE_OF_SMALLER: f64 = 0.25;
/// A day with a gap in which the new level would have had so many messages, in units of the variance of one, is of a stop ...
const MIN_MISSED_BY_STOP: f64 = 7.0;
/// ... unless there is one for at least this share of the days that could have one: then it is the level, such as no mail in the
/// afternoon.
const MIN_SHARE_OF_LEVEL: f64 = 2.0 / 3.0;
/// The newest days, one or so many together, have left the level where they have at least [`MAX_SHARE`], and so many standard
/// deviations more than the level explains. What lasted for longer than two weeks is not asked: then odd days are known.
const NEWEST_DAYS: usize = 2;
const MIN_DEVIATIONS_OF_NEWEST: f64 = 3.0;
const MAX_DAYS_TO_LEAVE: usize = 14;
/// In standard deviations of the volume since the change.
const MIN_DEVIATIONS: f64 = 4.5;
/// The share of the budget of a series that goes to falls of its level.
const BUDGET_SHARE: f64 = 0.025;
/// How many independent looks at one day the beginnings are. Normal deviations pass b by chance b φ(b) / 2 ∫ x ν(x)² dx times a
/// day, where x runs over b / √days and ν(x) is about exp(-0.583 x) (Siegmund and Venkatraman): 2 to 5 looks for b of 3.5 to 5.5.
const LOOKS_A_DAY: f64 = 5.0;
/// Days that resemble the one before more than this are no history of days.
const MAX_CORRELATION: f64 = 0.9;
/// Nothing is told before so many days are known: the first holiday would be a fall.
const MIN_DAYS_TOLD: usize = 28;
/// What was clear within so many days is not told again.
const TOLD_FOR: u32 = 28;
/// How many days' worth of belief the mean of the day type (working days, weekend) brings to each weekday.
const SHRINK_TO_DAY_TYPE: f64 = 2.0;

/// The volume of a stream fell to a part of what it was, and stayed there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LevelShift {
    /// The first day at the new level.
    pub from: Timestamp,
    until: Timestamp,
    /// Messages since then, and those that the old level would have had.
    pub sent: u64,
    pub expected: f64,
    /// The same of all mail, whatever an hour had.
    whole: (u64, f64),
    /// How many days since then are known, without those of stops.
    days: usize,
    /// The usual number of messages of each weekday, before it.
    usual: [f64; 7],
    /// The variance of a day's number, over the number.
    dispersion: f64,
    /// The first of the newest days that are back where they were.
    left_at: Option<Timestamp>,
    /// How far below the old level the volume is, in standard deviations of days that resemble one another, and their degrees of freedom.
    deviations: f64,
    freedom: f64,
    /// How many days are known, of both levels.
    known_days: usize,
    /// Whether its first day was at the new level: else it may be one day shorter.
    begins_low: bool,
}

impl LevelShift {
    /// Looks for a shift that lasts until the day of `at`, or that was normal and has been left since, by what was sent before that day.
    pub(super) fn find(history: &History, at: Timestamp) -> Option<Self> {
        let day = at.floor(DAY);
        // Hardly ever is there one, and bursts are looked for only then.
        DayCounts::new(history, day, false).clearest()?;
        let mut days = DayCounts::new(history, day, true);
        let found = days.clearest()?;
        for stop in days.stops(&found) {
            days.sent[stop] = None;
        }
        let lasts = |shift: &Self| shift.left_at.is_none() || shift.was_normal_until().is_some();
        days.clearest().filter(lasts)
    }

    /// Whether it is to be told on the day of `at`: chance brings one as clear no more often than is accepted, and it was not as clear
    /// on a day before. `budget` is the accepted number of false alarms a year of the series.
    pub(super) fn is_news(&self, history: &History, at: Timestamp, budget: f64) -> bool {
        let accepted = budget * BUDGET_SHARE;
        let mut before = (1..=TOLD_FOR).map(|back| at.floor(DAY) - DAY * back);
        let was_clear = |day| Self::find(history, day).is_some_and(|then| then.is_clear(accepted));
        self.is_clear(accepted) && !before.any(was_clear)
    }

    fn is_clear(&self, accepted: f64) -> bool {
        let lasted = self.days - usize::from(!self.begins_low);
        let is_known = lasted >= NEW_DAYS.0 && self.known_days >= MIN_DAYS_TOLD;
        is_known && self.goes_on() && self.times_a_year() <= accepted
    }

    /// Returns how many falls as clear as this chance brings a year.
    fn times_a_year(&self) -> f64 {
        let student = StudentsT::new(0.0, 1.0, self.freedom);
        let chance = student.map_or(1.0, |student| student.sf(self.deviations));
        365.25 * LOOKS_A_DAY * chance
    }

    /// Returns what is told of it, by whole days; `budget` as in [`Self::is_news`].
    pub(super) fn evidence(&self, rules: &Rules, budget: f64) -> DropEvidence {
        let chance = budget * BUDGET_SHARE / (365.25 * LOOKS_A_DAY);
        let limit = StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(self.deviations, |student| student.inverse_cdf(1.0 - chance));
        DropEvidence {
            window: Span::new(self.from, self.until),
            sent: self.sent,
            expected: self.expected,
            evidence: self.deviations,
            limit,
            times_a_year: self.times_a_year(),
            false_alarms_per_year: rules.silence.false_alarms_per_year,
            low_until: None,
            missing_burst: None,
            settled: None,
            streams: Vec::new(),
        }
    }

    /// Whether it goes on, and has lasted so long that the new level is normal.
    pub(super) const fn is_settled(&self) -> bool {
        self.goes_on() && self.days >= SETTLED_AFTER
    }

    /// Whether the newest days are at the new level.
    pub(super) const fn goes_on(&self) -> bool {
        self.left_at.is_none()
    }

    /// Returns until when the new level was normal, of one that was left after that.
    pub(super) fn was_normal_until(&self) -> Option<Timestamp> {
        let left_at = self.left_at?;
        let days = left_at.since(self.from).as_secs() / DAY.as_secs();
        (days >= SETTLED_AFTER as u64).then_some(left_at)
    }

    /// Whether so many messages, where the new level has as many as `expected`, are nearer to the old one.
    pub(super) fn is_left_by(&self, sent: u64, expected: f64) -> bool {
        let share = self.sent as f64 / self.expected.max(1e-9);
        let usual = expected + MIN_DEVIATIONS_OF_NEWEST * (self.dispersion * expected).sqrt();
        sent as f64 > usual.max(expected * (1.0 + share) / (2.0 * share))
    }

    /// Returns what is said of the new level.
    pub(super) fn new_level(&self) -> NewLevel {
        let (days, capped) = (self.days as f64, (self.sent, self.expected));
        let is_fall = |(sent, before): &(u64, f64)| (*sent as f64) < *before;
        // A newsletter that began after a fall is no rise of what fell.
        let is_alike = is_fall(&self.whole) == is_fall(&capped);
        let (sent, before) = if is_alike { self.whole } else { capped };
        NewLevel {
            since: self.from,
            per_day: sent as f64 / days,
            per_day_before: before / days,
        }
    }

    /// What the new level is, for what was learned with it.
    pub(super) fn key(&self) -> (Timestamp, u32) {
        (self.from, self.percent())
    }

    /// The new level as a share of the old one, in whole percent.
    fn percent(&self) -> u32 {
        (100.0 * self.sent as f64 / self.expected).round() as u32
    }

    /// Returns `history` as if the stream had always been at the new level: of what was sent before, so many messages are left
    /// out, each for itself.
    pub(super) fn apply(&self, history: &History) -> History {
        let share = f64::from(self.percent()) / 100.0;
        let thinned = history.hours.iter().filter_map(|hour| match *hour {
            hour if hour.start < self.from => thin(hour, share),
            hour => Some(hour),
        });
        let hours = thinned.collect();
        History {
            first_seen_at: history.first_seen_at,
            messages: history.messages.clone(),
            sent: history.sent.clone(),
            hours,
            ..History::default()
        }
    }
}

/// Returns an hour with a share of its messages; `None` where none is left. The same hour is thinned alike each time.
fn thin(hour: HourCount, share: f64) -> Option<HourCount> {
    let draw = |n: u64| {
        let mut mixed =
            (hour.start.0 as u64 / 3_600_000).wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let sent = match hour.sent {
        few @ 0..=64 => (0..few).filter(|n| draw(*n) < share).count() as u64,
        many => (many as f64 * share + draw(0)) as u64,
    };
    // The first of fewer messages comes later, the last earlier.
    let inward = 1.0 / (sent as f64 + 1.0) - 1.0 / (hour.sent as f64 + 1.0);
    let inward = hour.last_at.since(hour.first_at).mul_f64(inward.max(0.0));
    (sent > 0).then(|| HourCount {
        sent,
        first_at: hour.first_at + inward,
        last_at: hour.last_at - inward,
        ..hour
    })
}

/// Messages of the days before an instant, the last day first; `None` where a part of the day was not covered, or is of an outage that
/// people called real.
struct DayCounts {
    until: Timestamp,
    sent: Vec<Option<u64>>,
    /// The same with the whole of each hour.
    whole: Vec<u64>,
    /// Of each day, which of the week it is; the first two are those of a weekend.
    weekdays: Vec<usize>,
    /// The hours with mail, in order; those of bursts with a part of it.
    hours: Vec<HourCount>,
}

impl DayCounts {
    fn new(history: &History, until: Timestamp, without_bursts: bool) -> Self {
        let history = history.without_outages(until);
        let length = NEW_DAYS.1 + OLD_DAYS.1;
        let first = history.first_seen_at.unwrap_or(until);
        let begins = until - DAY * (length as u32 + 2);
        let from = history.hours.partition_point(|hour| hour.start < begins);
        let end = history.hours.partition_point(|hour| hour.start < until);
        let all = &history.hours[from..end.max(from)];
        let mut hours = all.to_vec();
        if without_bursts {
            let bursts = find_unusual_bursts(all);
            for hour in &mut hours {
                hour.sent *= u64::from(!is_within(&bursts, hour.first_at));
            }
        }
        let most = MAX_HOUR_FACTOR.saturating_mul(usual_hour(&hours));
        for hour in &mut hours {
            hour.sent = hour.sent.min(most);
        }
        let (mut sent, mut weekdays) = (Vec::with_capacity(length), Vec::with_capacity(length));
        let mut whole = Vec::with_capacity(length);
        for back in 1..=length as u32 {
            let day = Span::new(until - DAY * back, until - DAY * (back - 1));
            let covered = first <= day.from && history.messages.covers(day);
            let of_day = |hours| within(hours, day).iter().map(|hour| hour.sent).sum();
            sent.push(covered.then(|| of_day(&hours)));
            whole.push(of_day(all));
            // 1970-01-01 was a Thursday: Saturday is day 0.
            let days = day.from.0.div_euclid(86_400_000) + 5;
            weekdays.push(usize::try_from(days.rem_euclid(7)).unwrap_or(0));
        }
        Self {
            until,
            sent,
            whole,
            weekdays,
            hours,
        }
    }

    /// Returns the day that is so many days before the last one.
    fn day(&self, back: usize) -> Span {
        let until = self.until - DAY * u32::try_from(back).unwrap_or(u32::MAX);
        Span::new(until - DAY, until)
    }

    /// Returns the clearest shift.
    fn clearest(&self) -> Option<LevelShift> {
        let shifts = (NEW_DAYS.0..=NEW_DAYS.1).filter_map(|new| self.shift(new));
        let clearest = shifts.max_by(|(a, _), (b, _)| a.total_cmp(b));
        let clear = clearest.filter(|(deviations, _)| *deviations > MIN_DEVIATIONS);
        clear.map(|(_, shift)| shift)
    }

    /// Returns which days of `shift` have a gap that is none of its level.
    fn stops(&self, shift: &LevelShift) -> Vec<usize> {
        let new = usize::try_from(self.until.since(shift.from).as_secs() / DAY.as_secs());
        let new = new.unwrap_or(0);
        let mut usual = [[0.0f64; 24]; 2];
        for back in new..self.sent.len() {
            let of_type = &mut usual[usize::from(self.weekdays[back] >= 2)];
            for hour in within(&self.hours, self.day(back)) {
                of_type[hour_of_day(hour.start)] += hour.sent as f64;
            }
        }
        let share = shift.sent as f64 / shift.expected.max(1e-9);
        let is_missed = |sent: f64| share * sent > MIN_MISSED_BY_STOP * shift.dispersion;
        let can_be = |back: &usize| {
            self.sent[*back].is_some() && is_missed(shift.usual[self.weekdays[*back]])
        };
        // When the first gap began in which that day lacks too much.
        let stop = |back: &usize| {
            let of_hours = usual[usize::from(self.weekdays[*back] >= 2)];
            let of_day = shift.usual[self.weekdays[*back]] / of_hours.iter().sum::<f64>().max(1e-9);
            let missed = |gap: Span| {
                let hours = (0..24u32).map(|hour| {
                    let start = self.day(*back).from + HOUR * hour;
                    let missed = Span::new(start, start + HOUR).intersect(gap);
                    of_hours[hour as usize] * missed.length().div_duration_f64(HOUR)
                });
                of_day * hours.sum::<f64>()
            };
            let mut gaps = self.gaps(self.day(*back));
            let stop = gaps.find(|gap| is_missed(missed(*gap)));
            stop.map(|gap| (*back, gap.from))
        };
        let telling: Vec<usize> = (0..new).filter(can_be).collect();
        let stops: Vec<(usize, Timestamp)> = telling.iter().filter_map(stop).collect();
        let number = stops
            .iter()
            .map(|(_, began)| began)
            .collect::<BTreeSet<_>>();
        if number.len() as f64 >= MIN_SHARE_OF_LEVEL * telling.len() as f64 {
            return Vec::new();
        }
        stops.into_iter().map(|(back, _)| back).collect()
    }

    /// Returns the gaps between messages that reach into `day`.
    fn gaps(&self, day: Span) -> impl Iterator<Item = Span> {
        let sent = within(&self.hours, day);
        let before = self.hours.partition_point(|hour| hour.start < day.from);
        let last = before.checked_sub(1).map(|last| self.hours[last].last_at);
        let begins = std::iter::once(last.unwrap_or(day.from));
        let begins = begins.chain(sent.iter().map(|hour| hour.last_at));
        let ends = sent.iter().map(|hour| hour.first_at).chain([day.until]);
        begins.zip(ends).map(|(from, until)| Span::new(from, until))
    }

    /// Returns the shift of the last `new` days against those before, with how far it is in standard deviations.
    fn shift(&self, new: usize) -> Option<(f64, LevelShift)> {
        let of = |range: std::ops::Range<usize>| {
            let range = range.filter_map(|i| Some((self.weekdays[i], self.sent[i]?)));
            range.collect::<Vec<(usize, u64)>>()
        };
        let (after, before) = (of(0..new), of(new..(new + OLD_DAYS.1).min(self.sent.len())));
        // The first day is known, so that the fall is where it is said to be.
        if after.len() < NEW_DAYS.0 || self.sent[new - 1].is_none() || before.len() < OLD_DAYS.0 {
            return None;
        }
        let whole = |range: std::ops::Range<usize>| {
            let known = range.filter(|i| self.sent[*i].is_some());
            let known = known.map(|i| (self.weekdays[i], self.whole[i]));
            known.collect::<Vec<(usize, u64)>>()
        };
        let means = weekday_means(&before);
        let scatter: f64 = before
            .iter()
            .map(|(day, sent)| (*sent as f64 - means[*day]).powi(2))
            .sum();
        let old: f64 = before.iter().map(|(day, _)| means[*day]).sum();
        let dispersion = (scatter / old.max(1e-9)).max(1.0);
        let sent: u64 = after.iter().map(|(_, sent)| sent).sum();
        let expected: f64 = after.iter().map(|(day, _)| means[*day]).sum();
        let uncertain = 1.0 + after.len() as f64 / before.len() as f64;
        let scatter = (dispersion * expected * uncertain).max(1e-9).sqrt();
        let volume = |days: &[(usize, u64)]| {
            let sent: u64 = days.iter().map(|(_, sent)| sent).sum();
            let expected: f64 = days.iter().map(|(day, _)| means[*day]).sum();
            (sent as f64, expected)
        };
        let share_of = |days: &[(usize, u64)]| {
            let (sent, expected) = volume(days);
            sent / expected.max(1e-9)
        };
        let (late, early) = after.split_at(after.len() / 2);
        let is_low = |(day, sent): &&(usize, u64)| (*sent as f64) < MAX_SHARE_OF_HALF * means[*day];
        let low = after.iter().filter(is_low).count();
        // Of an outage, a day on which it is over makes no level.
        let is_level = (MIN_SHARE..MAX_SHARE).contains(&share_of(&after))
            && share_of(&after[1..]) >= MIN_SHARE
            && [late, early]
                .iter()
                .all(|half| (MIN_SHARE..MAX_SHARE_OF_HALF).contains(&share_of(half)))
            && 2 * low > after.len();
        let mut newest = (1..=NEWEST_DAYS).rev();
        let left = newest.find(|days| {
            let (newest, rest) = after.split_at(*days);
            let ((sent, expected), (low, full)) = (volume(newest), volume(rest));
            let usual = expected * low / full.max(1e-9);
            let most = usual + MIN_DEVIATIONS_OF_NEWEST * (dispersion * usual).sqrt() + 1.0;
            sent > most.max(MAX_SHARE * expected)
        });
        let whole_means = weekday_means(&whole(new..(new + OLD_DAYS.1).min(self.sent.len())));
        let whole_sent = whole(0..new).iter().map(|(_, sent)| sent).sum();
        let whole_before = after.iter().map(|(day, _)| whole_means[*day]).sum();
        let deviations = (expected - sent as f64) / scatter;
        let shift = LevelShift {
            from: self.until - DAY * u32::try_from(new).unwrap_or(u32::MAX),
            until: self.until,
            sent,
            expected,
            whole: (whole_sent, whole_before),
            days: after.len(),
            usual: means,
            dispersion,
            left_at: left
                .filter(|_| new <= MAX_DAYS_TO_LEAVE)
                .map(|days| self.until - DAY * days as u32),
            deviations: deviations / alike_factor(&before, &means).sqrt(),
            freedom: (before.len() - means.len()) as f64,
            known_days: before.len() + after.len(),
            begins_low: share_of(&after[after.len() - 1..]) < MAX_SHARE_OF_HALF,
        };
        is_level.then_some((deviations, shift))
    }
}

/// Returns how many times as large as for independent days the variance of a sum of days is, at least 1: that of a first-order
/// autoregression with the correlation of each day and the one before.
fn alike_factor(days: &[(usize, u64)], means: &[f64; 7]) -> f64 {
    let standard = days.iter().map(|(day, sent)| {
        let mean = means[*day].max(1e-9);
        (*sent as f64 - mean) / mean.sqrt()
    });
    let standard: Vec<f64> = standard.collect();
    let squares: f64 = standard.iter().map(|of| of * of).sum();
    let products: f64 = standard.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let correlation = (products / squares.max(1e-9)).clamp(0.0, MAX_CORRELATION);
    (1.0 + correlation) / (1.0 - correlation)
}

/// Returns those of `hours` that are within `day`.
fn within(hours: &[HourCount], day: Span) -> &[HourCount] {
    let from = hours.partition_point(|hour| hour.start < day.from);
    let until = hours.partition_point(|hour| hour.start < day.until);
    &hours[from..until.max(from)]
}

/// Returns the messages of the smallest hour with which those that are no larger have [`SHARE_OF_SMALLER`] of the mail.
fn usual_hour(hours: &[HourCount]) -> u64 {
    let mut counts: Vec<u64> = hours.iter().map(|hour| hour.sent).collect();
    counts.sort_unstable();
    let share = SHARE_OF_SMALLER * counts.iter().sum::<u64>() as f64;
    let mut smaller = 0;
    let usual = counts.iter().find(|count| {
        smaller += **count;
        smaller as f64 >= share
    });
    usual.copied().unwrap_or(0)
}

fn hour_of_day(at: Timestamp) -> usize {
    usize::try_from(at.0.div_euclid(3_600_000).rem_euclid(24)).unwrap_or(0)
}

/// Returns the mean of each weekday, shrunk to that of its day type.
fn weekday_means(days: &[(usize, u64)]) -> [f64; 7] {
    let mean_of = |is_one: &dyn Fn(usize) -> bool, belief: f64, usual: f64| {
        let own = days.iter().filter(|(day, _)| is_one(*day));
        let (count, sum) = own.fold((belief, belief * usual), |(n, sum), (_, sent)| {
            (n + 1.0, sum + *sent as f64)
        });
        sum / count.max(1e-9)
    };
    let types = [
        mean_of(&|day| day < 2, 0.0, 0.0),
        mean_of(&|day| day >= 2, 0.0, 0.0),
    ];
    std::array::from_fn(|day| {
        let usual = types[usize::from(day >= 2)];
        mean_of(&|of| of == day, SHRINK_TO_DAY_TYPE, usual)
    })
}
