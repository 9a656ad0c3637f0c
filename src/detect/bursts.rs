//! Mail in bursts: newsletters, campaigns, nightly and monthly runs.
//!
//! A burst is one event, however many messages it has: what is judged is the time between bursts of a usual size. When the
//! next one is due is read from the recurrence that fits best (after a usual interval, at hours of the week, on a day of the
//! month), and how far it may be late from how late the bursts before it were: the next lateness follows Student's t
//! (A. Gelman et al., "Bayesian Data Analysis", 3rd ed., section 3.2), taken at the stream's part of the budget.

mod recurrence;

use std::time::Duration;

use recurrence::{Recurrence, hours_of_month, hours_of_week, next_hour};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::detect::encoding::encoded;
use crate::model::{DAY, HOUR, History, HourCount, MINUTE, MissingBurst, Span, Timestamp};

/// A burst has at least so many messages ...
const MIN_BURST_SENT: u64 = 10;
/// ... of an hour or of hours in a row, and no longer than this ...
const MAX_BURST_LENGTH: Duration = HOUR.saturating_mul(12);
/// ... and so many times as many as there are before and after it, within [`MIN_SURROUNDINGS`] and [`SURROUNDINGS_IN_LENGTHS`]
/// on each side: a working day is no burst.
const MIN_CONTRAST: u64 = 4;
const MIN_SURROUNDINGS: Duration = HOUR.saturating_mul(12);
const SURROUNDINGS_IN_LENGTHS: f64 = 3.5;
/// A burst that is due has come with this many times as many, if it is of a usual size.
const MIN_CONTRAST_OF_DUE: u64 = 1;
/// Hours beside the busiest one belong to a burst down to this share of it, and one hour more on each side ...
const MIN_SHARE_OF_PEAK: f64 = 0.01;
/// ... as long as they have more than [`MAX_GROWTH`] times the other mail: what so many hours of the day before or of the day after
/// have, none of which has this share of the busiest one.
const MIN_OTHER_HOURS: usize = 6;
const MAX_OTHER_SHARE: f64 = 0.1;
/// Bursts are of another kind from this ratio of their sizes on; a kind has at least [`MIN_BURSTS`].
const MIN_SIZE_RATIO: f64 = 3.0;
/// Beside other mail an hour with more than so many times the mail of the busiest one outside of bursts, or of the hours beside a
/// burst, is one of a burst.
const MAX_GROWTH: u64 = 3;
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
/// Bounds of the chance that a burst that is merely late is called missing.
const CHANCE_BOUNDS: (f64, f64) = (1e-4, 0.01);
const YEAR_S: f64 = 365.25 * 86_400.0;

/// One burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    /// From its first to its last message.
    pub span: Span,
    pub sent: u64,
}

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
encoded!(Burst { span, sent });
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
        let bursts = find_bursts(hours, MIN_CONTRAST);
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

    /// Returns the kind of burst that is latest at `at`; `None` where no recurrence is known, and where the time in which it
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
                lateness: at.since(began).div_duration_f64(patience),
                longest: schedule.longest.div_duration_f64(patience),
            })
        });
        known.max_by(|a, b| a.lateness.total_cmp(&b.lateness))
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
        if pairs.len() + 1 < MIN_BURSTS {
            return None;
        }
        let mut sizes: Vec<u64> = newest.iter().map(|burst| burst.sent).collect();
        sizes.sort_unstable();
        let mut intervals: Vec<Duration> = pairs.iter().map(|(a, b)| b.since(*a)).collect();
        intervals.sort_unstable();
        let interval = intervals[intervals.len() / 2];
        let per_year = YEAR_S / interval.as_secs_f64().max(3600.0);
        let schedule = |recurrence| Self {
            min_sent,
            usual_sent: sizes[sizes.len() / 2],
            last: kept[kept.len() - 1],
            recurrence,
            interval,
            longest: intervals[intervals.len() - 1],
            freedom: (pairs.len() - 1) as f64,
            chance: (BUDGET_SHARE * budget / per_year).clamp(CHANCE_BOUNDS.0, CHANCE_BOUNDS.1),
        };
        let fitting = [
            Some(Recurrence::interval(&pairs)),
            Recurrence::calendar(&pairs, hours_of_week(&pairs), false),
            Recurrence::calendar(&pairs, hours_of_month(&pairs), true),
        ];
        let wait = |schedule: &Self| -> f64 {
            let waits = pairs
                .iter()
                .map(|(a, _)| schedule.limit_after(*a).since(*a));
            waits.map(|wait| wait.as_secs_f64()).sum()
        };
        let schedules = fitting.into_iter().flatten().map(schedule);
        schedules.min_by(|a, b| wait(a).total_cmp(&wait(b)))
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

/// Returns the bursts among `hours`, in order: those with `contrast` times as many messages as there are around them.
fn find_bursts(hours: &[HourCount], contrast: u64) -> Vec<Burst> {
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

fn is_within(bursts: &[Burst], at: Timestamp) -> bool {
    let burst = bursts.get(bursts.partition_point(|burst| burst.span.until < at));
    burst.is_some_and(|burst| burst.span.from <= at)
}
