//! A lasting fall of the level: a kind of mail that ended, a client that left. It is told as a drop, and once it has lasted for
//! days the new level is what is normal.
//!
//! Day by day the volume since each possible beginning is compared with that of the same weekdays in the weeks before it, in
//! units of its own scatter (a scan for a change of mean; E. S. Page, "A test for a change in a parameter occurring at an
//! unknown point", Biometrika 42, 1955). Days are overdispersed (variance φ times the mean), so that a sender with uneven days
//! has no new level before it is certain.
//!
//! A fall that is clear enough is told once, whatever the hours say. Clear is what chance brings no more
//! often than a share of the budget allows: days that follow one another are alike (a first-order autoregression; G. E. P. Box and
//! G. M. Jenkins, "Time Series Analysis", 1970), the scatter is known from few of them (Student's t), and each day is looked at by
//! every possible beginning (D. Siegmund and E. S. Venkatraman, "Using the generalized likelihood ratio statistic for sequential
//! detection of a change-point", Annals of Statistics 23, 1995).

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::model::{DAY, DropEvidence, History, HourCount, NewLevel, Span, Timestamp};

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
/// Each half of the time since is at the new level, too: one bad day that is over is no level.
const MAX_SHARE_OF_HALF: f64 = 0.8;
/// The newest days, one or so many together, have left the level where they have more than its largest share, and so many standard
/// deviations more than the level explains. What lasted for two weeks is not asked: then odd days are known.
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
/// What was told within so many days is not told again.
const TOLD_FOR: u32 = 28;
/// How many days' worth of belief the mean of the day type (working days, weekend) brings to each weekday.
const SHRINK_TO_DAY_TYPE: f64 = 2.0;

/// The volume of a stream fell to a part of what it was, and stayed there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LevelShift {
    /// The first day at the new level.
    pub from: Timestamp,
    /// Messages since then, and those that the old level would have had.
    pub sent: u64,
    pub expected: f64,
    days: usize,
    /// How far below the old level the volume is, in standard deviations of days that resemble one another.
    deviations: f64,
    /// Degrees of freedom of these.
    freedom: f64,
    /// How many days are known, of both levels.
    known_days: usize,
    /// Whether the newest days are back where they were.
    has_left: bool,
    /// Whether its first day was at the new level: else it may be one day shorter.
    begins_low: bool,
    /// The accepted number of such falls a year by chance; 0 where it is not asked for.
    accepted: f64,
    /// Whether it is as clear as that, and was not on a day before.
    is_news: bool,
}

impl LevelShift {
    /// Looks for a shift that lasts until the day of `at`, by what was sent before that day.
    pub(super) fn find(history: &History, at: Timestamp) -> Option<Self> {
        let days = DayCounts::new(history, at.floor(DAY));
        let shifts = (NEW_DAYS.0..=NEW_DAYS.1).filter_map(|new| days.shift(new));
        let best = shifts.max_by(|(a, _), (b, _)| a.total_cmp(b));
        best.filter(|(deviations, shift)| *deviations > MIN_DEVIATIONS && !shift.has_left)
            .map(|(_, shift)| shift)
    }

    /// Looks for one, and whether it is to be told on that day. `budget` is the accepted number of false alarms a year of the
    /// series.
    pub(super) fn find_news(history: &History, at: Timestamp, budget: f64) -> Option<Self> {
        let found = Self::find(history, at)?;
        let accepted = budget * BUDGET_SHARE;
        let is_news = found.is_clear(accepted) && !Self::was_told(history, at, accepted);
        Some(Self {
            accepted,
            is_news,
            ..found
        })
    }

    /// Whether chance brings a fall like this no more often than is accepted.
    fn is_clear(&self, accepted: f64) -> bool {
        self.lasted() >= NEW_DAYS.0
            && self.known_days >= MIN_DAYS_TOLD
            && self.times_a_year() <= accepted
    }

    /// Whether a fall was as clear on a day before that of `at`.
    fn was_told(history: &History, at: Timestamp, accepted: f64) -> bool {
        let mut days = (1..=TOLD_FOR).map(|back| at.floor(DAY) - DAY * back);
        days.any(|day| Self::find(history, day).is_some_and(|then| then.is_clear(accepted)))
    }

    /// How many falls as clear as this chance brings a year.
    fn times_a_year(&self) -> f64 {
        let chance = match StudentsT::new(0.0, 1.0, self.freedom) {
            Ok(student) => student.sf(self.deviations),
            Err(_) => 1.0,
        };
        365.25 * LOOKS_A_DAY * chance
    }

    /// Whether it has lasted so long that the new level is normal.
    pub(super) const fn is_settled(&self) -> bool {
        self.lasted() >= SETTLED_AFTER
    }

    /// For how many days it surely lasted.
    const fn lasted(&self) -> usize {
        self.days - !self.begins_low as usize
    }

    /// Whether it is to be told, whatever the hours say.
    pub(super) const fn is_news(&self) -> bool {
        self.is_news
    }

    /// Returns what is told of it at `at`; `false_alarms_per_year` are accepted of the installation.
    pub(super) fn evidence(&self, at: Timestamp, false_alarms_per_year: f64) -> DropEvidence {
        let chance = self.accepted / (365.25 * LOOKS_A_DAY);
        let limit = StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(self.deviations, |student| student.inverse_cdf(1.0 - chance));
        DropEvidence {
            window: Span::new(self.from, at.floor(DAY)),
            sent: self.sent,
            expected: self.expected,
            evidence: self.deviations,
            limit,
            times_a_year: self.times_a_year(),
            false_alarms_per_year,
            missing_burst: None,
            fell_to: Some(self.new_level()),
            settled: None,
        }
    }

    fn per_day(&self) -> f64 {
        self.sent as f64 / self.days as f64
    }

    /// Returns what is said of the new level.
    pub(super) fn new_level(&self) -> NewLevel {
        NewLevel {
            since: self.from,
            per_day: self.per_day(),
            per_day_before: self.expected / self.days as f64,
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

/// Messages of the days before an instant, the last day first; `None` where a part of the day was not covered.
struct DayCounts {
    until: Timestamp,
    sent: Vec<Option<u64>>,
    /// Of each day, which of the week it is; the first two are those of a weekend.
    weekdays: Vec<usize>,
}

impl DayCounts {
    fn new(history: &History, until: Timestamp) -> Self {
        let length = NEW_DAYS.1 + OLD_DAYS.1;
        let first = history.first_seen_at.unwrap_or(until);
        let (mut sent, mut weekdays) = (Vec::with_capacity(length), Vec::with_capacity(length));
        for back in 1..=length as u32 {
            let day = Span::new(until - DAY * back, until - DAY * (back - 1));
            let covered = first <= day.from && history.messages.covers(day);
            sent.push(covered.then(|| history.sent_by_hours(day)));
            // 1970-01-01 was a Thursday: Saturday is day 0.
            let days = day.from.0.div_euclid(86_400_000) + 5;
            weekdays.push(usize::try_from(days.rem_euclid(7)).unwrap_or(0));
        }
        Self {
            until,
            sent,
            weekdays,
        }
    }

    /// Returns the shift of the last `new` days against those before, with how far it is in standard deviations of days of which
    /// each is a draw of its own.
    fn shift(&self, new: usize) -> Option<(f64, LevelShift)> {
        let of = |range: std::ops::Range<usize>| {
            let range = range.filter_map(|i| Some((self.weekdays[i], self.sent[i]?)));
            range.collect::<Vec<(usize, u64)>>()
        };
        let (after, before) = (of(0..new), of(new..(new + OLD_DAYS.1).min(self.sent.len())));
        if after.len() < new || before.len() < OLD_DAYS.0 {
            return None;
        }
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
        let (late, early) = after.split_at(new / 2);
        let is_level = (MIN_SHARE..MAX_SHARE).contains(&share_of(&after))
            && [late, early]
                .iter()
                .all(|half| (MIN_SHARE..MAX_SHARE_OF_HALF).contains(&share_of(half)));
        let has_left = (1..=NEWEST_DAYS).any(|days| {
            let (newest, rest) = after.split_at(days);
            let ((sent, expected), (low, full)) = (volume(newest), volume(rest));
            let usual = expected * low / full.max(1e-9);
            let most = usual + MIN_DEVIATIONS_OF_NEWEST * (dispersion * usual).sqrt() + 1.0;
            sent > most.max(MAX_SHARE * expected)
        });
        let deviations = (expected - sent as f64) / scatter;
        let shift = LevelShift {
            from: self.until - DAY * u32::try_from(new).unwrap_or(u32::MAX),
            sent,
            expected,
            days: new,
            deviations: deviations / alike_factor(&before, &means).sqrt(),
            freedom: (before.len() - means.len()) as f64,
            known_days: before.len() + new,
            has_left: has_left && new <= MAX_DAYS_TO_LEAVE,
            begins_low: share_of(&after[new - 1..]) < MAX_SHARE_OF_HALF,
            accepted: 0.0,
            is_news: false,
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
