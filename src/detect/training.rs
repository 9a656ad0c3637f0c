//! What a silence is learned from, and the key by which what was learned is known again.
//!
//! Learning reads a [`Training`] and nothing else: what was sent and seen up to an instant that is past, what people said of it, the
//! settings, and the share of the budget. So what is learned is a function of these, whenever and however often a process runs, and
//! [`Training::key`] digests all of them.

use std::time::Duration;

use ring::digest::{Context, SHA256};

use crate::detect::level_shift::LevelShift;
use crate::detect::silence::training_cutoff;
use crate::model::{
    Coverage, HOUR, History, HourCount, Judgement, LearnedKey, MarkedTime, PackedWeeks, Rules,
    Span, Timestamp, WEEK, WeekDigest, by_week,
};

/// The number of the learner: to be raised with every change of what is learned from the same past, or of how that is written, so
/// that nothing is judged by what an earlier version kept. A test holds it.
pub(super) const LEARNER: u32 = 7;

/// What is older than this before the week of the last mail teaches nothing: 54 weeks. Hourly counts are kept for 400 days, so all
/// of it is known, whenever in the two weeks after that it is learned.
const MAX_AGE: Duration = WEEK.saturating_mul(54);
/// The same where nothing was ever sent: that nothing was expected either is known after some weeks. It is not kept, but learned in each cycle.
const MAX_AGE_OF_NONE: Duration = WEEK.saturating_mul(8);

/// What was sent before a pause of at least this length ...
const MIN_PAUSE: Duration = WEEK.saturating_mul(2);
/// ... in a time so many times as short, was a trial, if every pause since is so many times as short ...
const TRIAL_IN_PAUSE: u32 = 2;
const USE_IN_PAUSE: u32 = 4;
/// ... in at least this time, with more mail, and so many hours with mail: of fewer gaps too little is known.
const MIN_USE: Duration = WEEK;
const MIN_USED_HOURS: usize = 50;

/// Settings that change what is learned of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LearningSettings {
    pub false_alarms_per_year: f64,
    pub min_history: Duration,
    /// How many share the budget.
    pub series: usize,
    /// The settled new level, if there is one.
    pub shift: Option<LevelShift>,
}

impl LearningSettings {
    /// Where `series` share the budget; a `shift` counts once it is settled.
    pub(super) fn new(rules: &Rules, series: usize, shift: Option<LevelShift>) -> Self {
        Self {
            false_alarms_per_year: rules.silence.false_alarms_per_year,
            min_history: rules.silence.min_history,
            series,
            shift: shift.filter(LevelShift::is_settled),
        }
    }

    /// Returns all of this that changes what is learned.
    pub(super) fn inputs(&self) -> LearningInputs {
        let shift = self.shift.as_ref().map(LevelShift::key);
        let per_year = self.false_alarms_per_year;
        (per_year, self.min_history, self.series, shift)
    }

    /// Returns the accepted number of false alarms per year of the series.
    pub(super) fn budget(&self) -> f64 {
        self.false_alarms_per_year / self.series.max(1) as f64
    }
}

/// The settings by which something was learned; of a level what is new of it.
pub(super) type LearningInputs = (f64, Duration, usize, Option<(Timestamp, u32)>);

/// The time whose mail is learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LearnedTime {
    since: Timestamp,
    pub until: Timestamp,
}

/// Returns when a stream went into use that was only tried before, and paused for weeks in between, by its mail until `until`; `None`
/// where there was no such trial. Of when it sends, the trial and the pause say nothing.
pub(super) fn went_into_use(history: &History, until: Timestamp) -> Option<Timestamp> {
    let hours = &history.hours[..history.hours.partition_point(|h| h.first_at < until)];
    let (first, last) = (hours.first()?.first_at, hours.last()?.last_at);
    let gap = |pair: &[HourCount]| Span::new(pair[0].last_at, pair[1].first_at);
    let most = last.since(first) / (1 + TRIAL_IN_PAUSE);
    let early = hours.windows(2).map(gap).enumerate();
    let early = early.take_while(|(_, pause)| pause.from.since(first) <= most);
    let (place, pause) = early.max_by_key(|(_, pause)| pause.length())?;
    if pause.length() < MIN_PAUSE || pause.length() <= pause.from.since(first) * TRIAL_IN_PAUSE {
        return None;
    }
    let (trial, used) = hours.split_at(place + 1);
    // By its first weeks, so that no holiday or outage of later makes the pause a habit from one day to the next.
    let first_weeks = used.partition_point(|hour| hour.first_at < pause.until + 2 * pause.length());
    let first_weeks = used[..first_weeks]
        .windows(2)
        .map(|pair| gap(pair).length());
    let longest = first_weeks.max()?;
    let sent = |hours: &[HourCount]| hours.iter().map(|hour| hour.sent).sum::<u64>();
    let is_expected = |mark: &MarkedTime| {
        let is_false_alarm = mark.feedback.judgement == Judgement::FalseAlarm;
        is_false_alarm && !mark.span.intersect(pause).is_empty()
    };
    let was_tried = longest * USE_IN_PAUSE <= pause.length()
        && last.since(pause.until) >= MIN_USE
        && used.len() >= MIN_USED_HOURS
        && sent(trial) < sent(used)
        && history.messages.covers(pause)
        && !history.marked.iter().any(is_expected);
    was_tried.then(|| pause.until.floor(HOUR))
}

impl LearnedTime {
    /// Returns what an evaluation at `at` learns from.
    pub(super) fn at(history: &History, at: Timestamp) -> Self {
        let until = training_cutoff(history, at);
        // Of a stream that has been silent for long, the oldest weeks go one by one.
        let week = until.floor(WEEK).max(at.floor(WEEK) - WEEK);
        let max_age = if history.hours.is_empty() {
            MAX_AGE_OF_NONE
        } else {
            MAX_AGE
        };
        let since = week - max_age;
        let is_all_known = history.first_seen_at.is_none_or(|first| first >= since);
        let since = if is_all_known { Timestamp::MIN } else { since };
        let in_use = went_into_use(history, until);
        Self {
            since: in_use.map_or(since, |in_use| in_use.max(since)),
            until,
        }
    }
}

/// The past of one series up to an instant.
#[derive(Debug)]
pub(super) struct Training<'h> {
    pub time: LearnedTime,
    first_seen_at: Option<Timestamp>,
    /// What was covered.
    messages: Coverage,
    /// The times in which the account could send nothing.
    inactive: Coverage,
    hours: &'h [HourCount],
    /// The digests of weeks of them that are known.
    packed: &'h PackedWeeks,
    /// What people said.
    marked: &'h [MarkedTime],
}

impl<'h> Training<'h> {
    /// Takes what teaches from `history`.
    pub(super) fn new(history: &'h History, time: LearnedTime) -> Self {
        let LearnedTime { since, until } = time;
        let hours = &history.hours;
        let from = hours.partition_point(|hour| hour.start < since);
        let end = hours.partition_point(|hour| hour.first_at < until);
        let known = history.messages.parts(Span::new(since, until));
        let inactive = history.inactive.parts(Span::new(since, until));
        Self {
            time,
            first_seen_at: history.first_seen_at.map(|first| first.max(since)),
            messages: Coverage::from_spans(known),
            inactive: Coverage::from_spans(inactive),
            hours: &hours[from..end.max(from)],
            packed: &history.packed,
            marked: &history.marked,
        }
    }

    /// Whether it has no mail, of which nothing can be learned.
    pub(super) const fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// Returns it as a history, of which nothing else is known.
    pub(super) fn history(&self) -> History {
        History {
            first_seen_at: self.first_seen_at,
            messages: self.messages.clone(),
            inactive: self.inactive.clone(),
            hours: self.hours.to_vec(),
            marked: self.marked.to_vec(),
            ..History::default()
        }
    }

    /// Returns the digest of this and of `settings`.
    pub(super) fn key(&self, settings: &LearningSettings) -> LearnedKey {
        let mut digest = Digest::new();
        let shift = settings.shift.map(|shift| shift.key());
        let (from, percent) = shift.unwrap_or_default();
        digest.add(&[
            i64::from(LEARNER),
            self.time.until.0,
            settings.false_alarms_per_year.to_bits().cast_signed(),
            settings.min_history.as_millis() as i64,
            settings.series as i64,
            i64::from(shift.is_some()),
            from.0,
            i64::from(percent),
            i64::from(self.first_seen_at.is_some()),
            self.first_seen_at.unwrap_or_default().0,
        ]);
        let spans = self.messages.spans();
        digest.add_each(spans, |span| [span.from.0, span.until.0]);
        // Of most accounts there are none: what was learned of these is known by the key that it had before.
        let inactive = self.inactive.spans();
        if !inactive.is_empty() {
            digest.add_each(inactive, |span| [span.from.0, span.until.0]);
        }
        let marks = self.marked.iter();
        let marks = marks.filter(|mark| mark.rule.learns_from_sending());
        let marks: Vec<_> = marks.collect();
        digest.add_each(&marks, |mark| {
            let is_real = mark.feedback.judgement == Judgement::Real;
            [mark.span.from.0, mark.span.until.0, i64::from(is_real)]
        });
        self.digest_hours(&mut digest);
        digest.finish()
    }

    /// Adds a digest of each week with mail. It is the same whether it was known or is made of the hours, so that what was learned is
    /// known again by either.
    fn digest_hours(&self, digest: &mut Digest) {
        for (week, of_week) in by_week(self.hours) {
            // Of a week that is learned from in part, another part is digested.
            let is_whole = week >= self.time.since && week + WEEK <= self.time.until;
            let known = self.packed.digest(week).filter(|_| is_whole);
            let of_week = known.unwrap_or_else(|| WeekDigest::of_hours(of_week));
            digest.add_week(week, &of_week);
        }
    }
}

/// Numbers, digested as eight bytes each, the lowest first; lists after their length.
pub(super) struct Digest(Context);

impl Digest {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn add(&mut self, numbers: &[i64]) {
        for number in numbers {
            self.0.update(&number.to_le_bytes());
        }
    }

    pub(super) fn add_each<T, const N: usize>(
        &mut self,
        list: &[T],
        numbers: impl Fn(&T) -> [i64; N],
    ) {
        self.add(&[list.len() as i64]);
        let mut bytes = Vec::with_capacity(list.len() * N * 8);
        for number in list.iter().flat_map(numbers) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.0.update(&bytes);
    }

    pub(super) fn add_week(&mut self, week: Timestamp, digest: &WeekDigest) {
        self.add(&[week.0]);
        self.0.update(digest.as_bytes());
    }

    pub(super) fn finish(self) -> LearnedKey {
        let digest = self.0.finish();
        LearnedKey::from_digest(digest.as_ref())
    }
}
