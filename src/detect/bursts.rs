//! Mail in bursts: newsletters, campaigns, nightly and monthly runs.
//!
//! A burst is one event, however many messages it has: what is judged is the time between bursts of a usual size. When the
//! next one is due is read from the recurrence that fits best (after a usual interval, at hours of the week, on a day of the
//! month), and how far it may be late from how late the bursts before it were: the next lateness follows Student's t
//! (A. Gelman et al., "Bayesian Data Analysis", 3rd ed., section 3.2), taken at the stream's part of the budget.

mod find;
mod recurrence;

use std::time::Duration;

pub(super) use find::{Burst, find_unusual_bursts, is_within};
use find::{MAX_BURST_LENGTH, MAX_GROWTH, MIN_BURST_SENT, find_bursts};
use recurrence::{Recurrence, hours_of_month, hours_of_week, next_hour};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::detect::encoding::encoded;
use crate::model::{DAY, HOUR, History, Judgement, MINUTE, MissingBurst, Span, Timestamp, WEEK};

/// A burst that is due has come with this many times as many, if it is of a usual size.
const MIN_CONTRAST_OF_DUE: u64 = 1;
/// Bursts are of another kind from this ratio of their sizes on; a kind has at least [`MIN_BURSTS`].
const MIN_SIZE_RATIO: f64 = 3.0;
/// Fewer bursts show no recurrence.
const MIN_BURSTS: usize = 4;
/// The newest bursts show the recurrence of today.
const MAX_BURSTS: usize = 26;
/// A stream is nothing but bursts where they have at least this share of its mail ...
const MIN_SHARE_OF_MAIL: f64 = 0.9;
/// ... and the hours with other mail are at most so many times as many as the bursts.
const MAX_OTHER_HOURS: usize = 2;
/// A burst may be late by this share of the time between two, however regular they were.
const MIN_SLACK_SHARE: f64 = 0.07;
/// Beside other mail a recurrence is judged only if a burst is called late by this share of the time between two.
const MAX_SLACK_SHARE: f64 = 0.35;
/// The share of the budget that goes to late bursts.
const BUDGET_SHARE: f64 = 0.5;
/// A burst is given up when it is late by so many times the time between two, and by no less than [`MIN_GIVEN_UP_AFTER`].
const GIVEN_UP_AFTER_INTERVALS: u32 = 3;
const MIN_GIVEN_UP_AFTER: Duration = DAY.saturating_mul(28);
/// Bursts show no recurrence before they are known for this long: those of five working days know no weekend.
const MIN_KNOWN: Duration = WEEK;
/// A time between two is that of bursts which were missed in between, and no measure of the next one, where it is a multiple of the
/// usual one to within this share of it ...
const MAX_STRAY_OF_MISSED: f64 = 0.1;
/// ... if no more than this share of all times are such, or one, where no weekend can be the cause.
const MAX_MISSED_SHARE: f64 = 0.05;
const MIN_INTERVAL_BEYOND_WEEKEND: Duration = DAY.saturating_mul(4);
/// Bounds of the chance that a burst that is merely late is called missing.
const CHANCE_BOUNDS: (f64, f64) = (1e-4, 0.01);
const YEAR_S: f64 = 365.25 * 86_400.0;

/// The bursts of one stream, as far as it has any.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BurstModel {
    /// Whether the stream has bursts and, but for a few messages, no other mail.
    pub only_bursts: bool,
    /// The kinds of burst whose recurrence is known, the smallest first.
    schedules: Vec<BurstSchedule>,
    /// All of them, while the rest of what is normal is learned.
    bursts: Vec<Burst>,
    /// With more messages an hour after those that were learned from is one of a burst beside other mail.
    pub max_usual_sent: u64,
}

/// When the bursts of one kind come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BurstSchedule {
    /// From this many messages on a burst is of this kind.
    pub min_sent: u64,
    /// The median number of messages.
    pub usual_sent: u64,
    last: Burst,
    recurrence: Recurrence,
    /// The usual time between two.
    pub interval: Duration,
    /// The longest time between two.
    pub longest: Duration,
    freedom: f64,
    chance: f64,
}

/// A burst that did not come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Overdue<'a> {
    pub schedule: &'a BurstSchedule,
    /// The last burst of a usual size.
    pub last: Burst,
    /// When it began, or would have begun while the account could send nothing.
    began: Timestamp,
    /// When the next one was due.
    pub due: Timestamp,
    /// Whether so many were due that none is expected any more.
    pub is_given_up: bool,
    /// The time since the last burst, over the time after which the next one is missing: above 1 it is.
    pub lateness: f64,
    /// The longest time between two bursts before, in the same measure.
    pub longest: f64,
}

encoded!(BurstModel {
    only_bursts,
    schedules,
    bursts,
    max_usual_sent
});
encoded!(BurstSchedule {
    min_sent,
    usual_sent,
    last,
    recurrence,
    interval,
    longest,
    freedom,
    chance
});

impl BurstModel {
    /// Learns from the mail that was sent by `until`; `budget` is the accepted number of false alarms per year.
    pub(super) fn learn(history: &History, until: Timestamp, budget: f64) -> Self {
        let end = history.hours.partition_point(|h| h.first_at < until);
        let hours = &history.hours[..end];
        let bursts = find_unusual_bursts(hours);
        let (of_bursts, all) = (
            bursts.iter().map(|burst| burst.sent).sum::<u64>(),
            hours.iter().map(|hour| hour.sent).sum::<u64>(),
        );
        let others = || {
            hours
                .iter()
                .filter(|hour| !is_within(&bursts, hour.first_at))
        };
        let busiest = others().map(|hour| hour.sent).max().unwrap_or(0);
        let only_bursts = !bursts.is_empty()
            && of_bursts as f64 >= MIN_SHARE_OF_MAIL * all as f64
            && others().count() <= MAX_OTHER_HOURS * bursts.len();
        let schedules = kinds(&bursts)
            .into_iter()
            .filter_map(|min_sent| BurstSchedule::learn(history, &bursts, min_sent, budget))
            .filter(|schedule| only_bursts || schedule.is_regular())
            .collect();
        Self {
            only_bursts,
            schedules,
            bursts,
            max_usual_sent: if only_bursts {
                u64::MAX
            } else {
                (MAX_GROWTH * busiest).max(MIN_BURST_SENT)
            },
        }
    }

    /// Returns what is judged by: the recurrences, without the bursts that these were read from.
    pub(super) fn condensed(self) -> Self {
        Self {
            bursts: Vec::new(),
            ..self
        }
    }

    /// Returns the bursts beside other mail, which is judged without them; none where there is nothing else.
    pub(super) fn beside_other_mail(&self) -> impl Iterator<Item = Span> {
        let bursts = self.bursts.iter().filter(|_| !self.only_bursts);
        bursts.map(|burst| burst.span)
    }

    /// Returns whether `gap` lies between two messages of one burst.
    pub(super) fn is_within_one(&self, gap: Span) -> bool {
        let burst = self
            .bursts
            .get(self.bursts.partition_point(|b| b.span.until < gap.until));
        burst.is_some_and(|burst| burst.span.from <= gap.from)
    }

    /// Returns the kind of burst that is latest at `at`, one that is given up after all others; `None` where no recurrence is known, and where the time in which it
    /// was due was not covered.
    pub(super) fn latest(&self, history: &History, at: Timestamp) -> Option<Overdue<'_>> {
        let known = self.schedules.iter().filter_map(|schedule| {
            let last = schedule.last_burst(history, at)?;
            let began = schedule.began(last, history, at);
            let due = schedule.due_after(began);
            let limit = schedule.limit_after(began);
            let slack = limit.since(due);
            let seen = Span::new(due.max(last.span.until + slack) - slack, at);
            let covered = history
                .known_sending()
                .covers(Span::new(seen.from.min(at), at - super::silence::INDEX_LAG));
            let patience = limit.since(began);
            covered.then_some(Overdue {
                schedule,
                last,
                began,
                due,
                is_given_up: at.since(due) >= schedule.given_up_after(),
                lateness: at.since(began).div_duration_f64(patience),
                longest: schedule.longest.div_duration_f64(patience),
            })
        });
        let key = |overdue: &Overdue| (!overdue.is_given_up, overdue.lateness);
        known.max_by(|a, b| {
            let ((expected, late), (other, later)) = (key(a), key(b));
            expected.cmp(&other).then(late.total_cmp(&later))
        })
    }

    /// Returns how long after `from` a stop is told that begins after the last burst before `from`; `None` where no
    /// recurrence is known.
    pub(super) fn detection_delay(&self, history: &History, from: Timestamp) -> Option<Duration> {
        let limits = self.schedules.iter().filter_map(|schedule| {
            let last = schedule.last_burst(history, from)?.span.from;
            // A stop in the future follows bursts that began when they were due.
            let last = schedule
                .begins_after(last)
                .take_while(|at| *at <= from)
                .last()
                .unwrap_or(last);
            Some(schedule.limit_after(last).ceil(HOUR).since(from))
        });
        limits.min()
    }
}

impl Overdue<'_> {
    /// Returns the messages of all bursts that were due by `at`.
    pub(super) fn expected(&self, at: Timestamp) -> f64 {
        let late = at.since(self.due).as_secs_f64() / self.schedule.interval.as_secs_f64().max(1.0);
        let missed = if at < self.due {
            0.0
        } else {
            1.0 + late.floor()
        };
        missed * self.schedule.usual_sent as f64
    }

    /// Returns how many times a year a burst is expected to be as late as this one is at `at`.
    pub(super) fn annual_rate(&self, at: Timestamp) -> f64 {
        let per_year = YEAR_S / self.schedule.interval.as_secs_f64().max(1.0);
        per_year * self.schedule.chance_of(self.began, at)
    }

    pub(super) fn evidence(self) -> MissingBurst {
        MissingBurst {
            usual: self.schedule.usual_sent,
            last_at: self.last.span.from,
            due_at: self.due,
        }
    }
}

impl BurstSchedule {
    /// Learns from the bursts of at least `min_sent`; `None` where there are too few.
    fn learn(history: &History, bursts: &[Burst], min_sent: u64, budget: f64) -> Option<Self> {
        let of_kind = || bursts.iter().filter(|burst| burst.sent >= min_sent);
        let skipped = of_kind().count().checked_sub(MIN_BURSTS)?;
        let kept: Vec<Burst> = of_kind().copied().collect();
        let newest = &kept[skipped.saturating_sub(MAX_BURSTS - MIN_BURSTS)..];
        // Where a burst may have been missed by us, the time between two is unknown.
        let pairs: Vec<(Timestamp, Timestamp)> = newest
            .windows(2)
            .map(|pair| (pair[0].span, pair[1].span))
            .filter(|(a, b)| history.messages.covers(Span::new(a.until, b.from)))
            .map(|(a, b)| (a.from, b.from))
            .collect();
        let known = newest[newest.len() - 1]
            .span
            .from
            .since(newest[0].span.from);
        if pairs.len() + 1 < MIN_BURSTS || known < MIN_KNOWN {
            return None;
        }
        let mut sizes: Vec<u64> = newest.iter().map(|burst| burst.sent).collect();
        sizes.sort_unstable();
        let mut intervals: Vec<Duration> = pairs.iter().map(|(a, b)| b.since(*a)).collect();
        intervals.sort_unstable();
        let interval = intervals[intervals.len() / 2];
        let on_time = without_missed(&pairs, interval, history);
        let per_year = YEAR_S / interval.as_secs_f64().max(3600.0);
        let schedule = |recurrence| Self {
            min_sent,
            usual_sent: sizes[sizes.len() / 2],
            last: kept[kept.len() - 1],
            recurrence,
            interval,
            longest: intervals[intervals.len() - 1],
            freedom: (on_time.len() - 1) as f64,
            chance: (BUDGET_SHARE * budget / per_year).clamp(CHANCE_BOUNDS.0, CHANCE_BOUNDS.1),
        };
        let fitting = [
            Some(Recurrence::interval(&on_time)),
            Recurrence::calendar(&on_time, hours_of_week(&pairs), false),
            Recurrence::calendar(&on_time, hours_of_month(&pairs), true),
        ];
        let wait = |schedule: &Self| -> f64 {
            let waits = on_time
                .iter()
                .map(|(a, _)| schedule.limit_after(*a).since(*a));
            waits.map(|wait| wait.as_secs_f64()).sum()
        };
        let schedules = fitting.into_iter().flatten().map(schedule);
        schedules.min_by(|a, b| wait(a).total_cmp(&wait(b)))
    }

    /// Returns how late a burst is that is expected no more.
    fn given_up_after(&self) -> Duration {
        (self.interval * GIVEN_UP_AFTER_INTERVALS).max(MIN_GIVEN_UP_AFTER)
    }

    fn is_regular(&self) -> bool {
        let last = self.last.span.from;
        let slack = self.limit_after(last).since(self.due_after(last));
        slack <= self.interval.mul_f64(MAX_SLACK_SHARE)
    }

    /// Returns the last burst of this kind before `at`.
    fn last_burst(&self, history: &History, at: Timestamp) -> Option<Burst> {
        let since = self.last.span.from;
        // What the hours before it have tells its messages from other mail.
        let beside = since - 2 * MAX_BURST_LENGTH - DAY;
        let first = history.hours.partition_point(|h| h.last_at < beside);
        let end = history.hours.partition_point(|h| h.first_at < at);
        let later = find_bursts(&history.hours[first..end.max(first)], MIN_CONTRAST_OF_DUE);
        let later = later
            .into_iter()
            .filter(|b| b.sent >= self.min_sent && b.span.from >= since);
        [self.last]
            .into_iter()
            .chain(later)
            .rfind(|burst| burst.span.from < at)
    }

    /// Returns the beginning of the burst at `at` after which the next one is judged: of the last one, or of the last that could not be
    /// sent when it was due, since the account was not active.
    fn began(&self, last: Burst, history: &History, at: Timestamp) -> Timestamp {
        let mut began = last.span.from;
        loop {
            let due = self.due_after(began);
            let slack = self.limit_after(began).since(due);
            // What was over an hour before it was due kept nothing back.
            let time = Span::new((due - slack.min(HOUR)).max(last.span.until), due + slack);
            if due >= at || due <= began || history.is_due_throughout(time) {
                return began;
            }
            began = due;
        }
    }

    /// Returns when the next burst is due after one that began at `from`.
    fn due_after(&self, from: Timestamp) -> Timestamp {
        match &self.recurrence {
            Recurrence::Interval { mean, .. } => from + Duration::from_secs_f64(mean.exp()),
            Recurrence::Calendar { hours, monthly, .. } => next_hour(from, hours, *monthly),
        }
    }

    /// Returns when bursts are due after one that began at `from`.
    fn begins_after(&self, from: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(Some(self.due_after(from)), |began| {
            Some(self.due_after(*began))
        })
    }

    /// Returns from when on the burst after one that began at `from` is missing.
    fn limit_after(&self, from: Timestamp) -> Timestamp {
        let least = self.due_after(from) + self.interval.mul_f64(MIN_SLACK_SHARE);
        let strays = StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(3.0, |student| student.inverse_cdf(1.0 - self.chance));
        let limit = match &self.recurrence {
            Recurrence::Interval { mean, spread } => {
                let log = (mean + strays * spread).min((10.0 * YEAR_S).ln());
                from + Duration::from_secs_f64(log.exp())
            }
            Recurrence::Calendar { spread, .. } => {
                self.due_after(from) + Duration::from_secs_f64(strays * spread)
            }
        };
        limit.max(least)
    }

    /// Returns the chance that the burst after one that began at `from` comes later than `at`: from the time on at which it is missing,
    /// what was accepted, however regular the few before it were.
    fn chance_of(&self, from: Timestamp, at: Timestamp) -> f64 {
        let due = self.due_after(from);
        let slack = self.limit_after(from).since(due);
        let late = at.since(due).div_duration_f64(slack.max(MINUTE));
        StudentsT::new(0.0, 1.0, self.freedom).map_or(0.0, |student| {
            student.sf(late * student.inverse_cdf(1.0 - self.chance))
        })
    }
}

/// Returns the least size of each kind of burst, the smallest kind first.
fn kinds(bursts: &[Burst]) -> Vec<u64> {
    let mut sizes: Vec<u64> = bursts.iter().map(|burst| burst.sent).collect();
    sizes.sort_unstable();
    let smaller = |i: usize| match i.checked_sub(1) {
        Some(before) => sizes[before] as f64,
        None => 1.0,
    };
    let kinds = (0..sizes.len())
        .filter(|i| sizes[*i] as f64 >= MIN_SIZE_RATIO * smaller(*i))
        .map(|i| (sizes[i] as f64 / MIN_SIZE_RATIO).max((sizes[i] as f64 * smaller(i)).sqrt()));
    kinds.map(|least| least as u64).collect()
}

/// Returns the pairs of bursts of which the second followed the first: where one or two that were due did not come, the time between two
/// says nothing of how late the next may be, unless it is what a person called a false alarm.
fn without_missed(
    pairs: &[(Timestamp, Timestamp)],
    interval: Duration,
    history: &History,
) -> Vec<(Timestamp, Timestamp)> {
    let is_missed = |(from, until): &(Timestamp, Timestamp)| {
        let intervals = until.since(*from).div_duration_f64(interval.max(MINUTE));
        let times = intervals.round();
        let is_expected = || {
            let time = Span::new(*from, *until);
            let mut marked = history.marked.iter();
            marked.any(|mark| {
                let is_false_alarm = mark.feedback.judgement == Judgement::FalseAlarm;
                is_false_alarm && !mark.span.intersect(time).is_empty()
            })
        };
        times >= 2.0 && (intervals - times).abs() <= MAX_STRAY_OF_MISSED && !is_expected()
    };
    let missed = pairs.iter().filter(|pair| is_missed(pair)).count();
    let one = usize::from(interval >= MIN_INTERVAL_BEYOND_WEEKEND);
    let most = ((MAX_MISSED_SHARE * pairs.len() as f64) as usize).max(one);
    let left = pairs.len() - missed;
    if missed > most || left + 1 < MIN_BURSTS {
        return pairs.to_vec();
    }
    let on_time = pairs.iter().filter(|pair| !is_missed(pair));
    on_time.copied().collect()
}
