//! Nothing sent where own history expected mail.

use std::borrow::Cow;
use std::time::Duration;

use crate::detect::baseline::Baseline;
pub(super) use crate::detect::baseline::training_cutoff;
use crate::detect::bursts::{BurstModel, Overdue};
use crate::detect::encoding::encoded;
use crate::detect::training::{LearningSettings, Training};
use crate::model::{
    DAY, Evidence, Finding, HOUR, History, Rule, Severity, SilenceEvidence, Span, Tag, Timestamp,
    UNSETTLED, Verdict,
};

/// Postmark's index may lag this far: no silence opens on less.
pub(super) const INDEX_LAG: Duration = UNSETTLED;
/// A wake, not a warning, from this many times the threshold on.
const WAKE_FACTOR: f64 = 2.0;
/// Hours of normal volume that end a silence.
const RECOVERY_HOURS: u32 = 2;
/// The time that [`Silence::recovery`] looks at.
pub(super) const RECOVERY_TIME: Duration = HOUR.saturating_mul(RECOVERY_HOURS + 1);
/// Where less than this many messages are expected, their absence is no silence.
const MIN_EXPECTED: f64 = 0.5;
/// Share of the expected volume that is normal.
const NORMAL_SHARE: f64 = 0.5;
/// Where usual days miss that, what a low one has is normal, too, if it is as many messages as this.
const MIN_LOW_VOLUME: f64 = 2.0;
/// A pause that so many days in a row before had at the same hours, each with mail after it, is what the sender does now ...
const REPEATED_DAYS: u32 = 2;
/// ... where each began no later by more than this, or by a third of it.
const MAX_LATER: Duration = HOUR.saturating_mul(2);
/// A gap that was a false alarm lifts the limit to at most this multiple of itself.
const MAX_FALSE_ALARM_FACTOR: f64 = 1.2;

/// Detects silence of a stream, or of a tag, against its own baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    pub(super) baseline: Baseline,
    pub(super) bursts: BurstModel,
    min_history: Duration,
    false_alarms_per_year: f64,
    /// What is known without the gaps that were false alarms, where there were any: it judges gaps that these do not explain.
    without_false_alarms: Option<Box<Self>>,
}

encoded!(Silence {
    baseline,
    bursts,
    min_history,
    false_alarms_per_year,
    without_false_alarms
});

/// A history as it is judged: without the outages that people called real.
struct JudgedHistory<'h> {
    learned: Cow<'h, History>,
    /// The same without false alarms, and the longest gap that these explain; `None` where there are none.
    capped: Option<(History, Duration)>,
}

impl<'h> JudgedHistory<'h> {
    fn new(history: &'h History, at: Timestamp) -> Self {
        Self::judged(history.without_outages(at), at)
    }

    /// The past before `until`, which is learned from.
    fn past(history: &'h History, until: Timestamp) -> Self {
        Self::judged(history.past_without_outages(until), until)
    }

    fn judged(learned: Cow<'h, History>, at: Timestamp) -> Self {
        let capped = learned.longest_false_alarm(at).map(|longest| {
            let without = learned.without_false_alarms(at).into_owned();
            (without, longest.mul_f64(MAX_FALSE_ALARM_FACTOR))
        });
        Self { learned, capped }
    }
}

impl Silence {
    /// Learns what is normal for a stream, for an evaluation at `at`; `series` streams share the budget.
    #[cfg(test)]
    pub fn for_stream(
        history: &History,
        at: Timestamp,
        rules: &crate::model::Rules,
        series: usize,
    ) -> Self {
        crate::detect::KeptSilences::default().of_stream(
            &"outbound".into(),
            history,
            at,
            rules,
            series,
        )
    }

    /// Learns what is normal from the past, at the new level of a shift.
    pub(super) fn learn(training: &Training<'_>, settings: &LearningSettings) -> Self {
        let until = training.time.until;
        let learn = |history: &History| Self::learn_from(history, until, settings);
        let past = training.history();
        let JudgedHistory { learned, capped } = JudgedHistory::past(&past, until);
        Self {
            without_false_alarms: capped.map(|(history, _)| Box::new(learn(&history))),
            ..learn(&learned)
        }
    }

    fn learn_from(history: &History, until: Timestamp, settings: &LearningSettings) -> Self {
        let budget = settings.budget();
        let bursts = BurstModel::learn(history, until, budget);
        // Of bursts the distance counts, and a burst of a third of the usual size is one.
        let shift = settings.shift.filter(|_| !bursts.only_bursts);
        let shifted = shift.map(|shift| shift.apply(history));
        let today = shifted.as_ref().unwrap_or(history);
        Self {
            baseline: Baseline::learn(history, today, until, budget, &bursts),
            bursts: bursts.condensed(),
            min_history: settings.min_history,
            false_alarms_per_year: settings.false_alarms_per_year,
            without_false_alarms: None,
        }
    }

    /// Returns the messages expected in `span`.
    pub fn expected(&self, span: Span) -> f64 {
        self.baseline.mean.over(span)
    }

    /// Returns whether history is too short at `at` to speak of silence.
    pub fn is_learning(&self, history: &History, at: Timestamp) -> bool {
        history.covered_before(at) < self.min_history
    }

    /// Returns how long a stop from `from` on would go unnoticed, to the full hour; `None` for more than 45 days.
    pub fn detection_delay(&self, history: &History, from: Timestamp) -> Option<Duration> {
        // The mail at `from` may be the one that ended an incident.
        let judged = JudgedHistory::new(history, from + Duration::from_millis(1));
        self.delay(&judged, from, from)
    }

    /// Returns how long a stop known at `at` goes unnoticed at worst, to the full hour: the one that goes on, and one after
    /// any mail of the week before. `None` for more than 45 days, and where there was no mail.
    pub fn worst_detection_delay(&self, history: &History, at: Timestamp) -> Option<Duration> {
        let last = history.last_sent(at)?;
        let judged = JudgedHistory::new(history, at);
        if self.bursts.only_bursts {
            return self.delay(&judged, last, last);
        }
        let first = history
            .hours
            .partition_point(|h| h.last_at < last - 7 * DAY);
        let week = history.hours[first..]
            .iter()
            .take_while(|h| h.start <= last);
        let starts = week.map(|h| h.last_at.min(last)).chain([last]);
        starts.into_iter().try_fold(Duration::ZERO, |worst, from| {
            Some(worst.max(self.delay(&judged, from, last)?))
        })
    }

    /// Returns how long a stop from `from` on goes unnoticed, bounded as a gap that begins at `known`.
    fn delay(&self, of: &JudgedHistory, from: Timestamp, known: Timestamp) -> Option<Duration> {
        let usual = self.uncapped_delay(&of.learned, from, known);
        let capped = self.without_false_alarms.iter().zip(&of.capped);
        let capped = capped.filter_map(|(without, (history, cap))| {
            let past_cap = (from + *cap).floor(HOUR) + HOUR;
            let delay = without.uncapped_delay(history, from, known)?;
            Some(delay.max(past_cap.since(from)))
        });
        usual.into_iter().chain(capped).min()
    }

    fn uncapped_delay(
        &self,
        history: &History,
        from: Timestamp,
        known: Timestamp,
    ) -> Option<Duration> {
        if !self.bursts.only_bursts {
            let delay = self.baseline.detection_delay(history, from, known)?;
            let mut delays = (0..24).map(|hours| Span::new(from, from + delay + HOUR * hours));
            let told = delays.find(|gap| !self.is_repeated(history, *gap, gap.length()))?;
            return Some(told.length());
        }
        // In a stream of nothing but bursts, until the next one is missing.
        let missing = self.bursts.detection_delay(history, from);
        let bound = self.baseline.bound.length(history, from);
        missing.into_iter().chain(bound).min()
    }

    /// Returns the longest silence in `span` that ended: a gap of at least an hour beyond the threshold, with mail after it.
    pub(super) fn longest_gap(&self, history: &History, span: Span) -> Option<Span> {
        let from = history.hours.partition_point(|h| h.last_at < span.from);
        let until = history.hours.partition_point(|h| h.first_at < span.until);
        let hours = &history.hours[from.saturating_sub(1)..until.max(from)];
        let gaps = hours
            .windows(2)
            .map(|pair| Span::new(pair[0].last_at, pair[1].first_at));
        // The first of those that are equally long.
        let longest = gaps.rev().max_by_key(|gap| gap.length())?;
        let is_silence = longest.length() >= HOUR
            && history.messages.covers(longest)
            && self.baseline.surprise(history, longest) > self.baseline.threshold;
        is_silence.then_some(longest)
    }

    /// Returns the score of the pause that lasts at `at`, and the score beyond which it is a silence; `None` where it is still
    /// learned, or not known whether mail was sent.
    pub fn score(&self, history: &History, at: Timestamp) -> Option<(f64, f64)> {
        let finding = self.evaluate(history, None, at);
        match finding.evidence {
            Evidence::Silence(silence) if finding.verdict != Verdict::Unknown => {
                Some((silence.surprise, silence.threshold))
            }
            _ => None,
        }
    }

    /// The finding of `send_silence` at `at`; `history` is that of `tag`, where there is one.
    pub(super) fn evaluate(&self, history: &History, tag: Option<&Tag>, at: Timestamp) -> Finding {
        let mut finding = self.evaluate_capped(&JudgedHistory::new(history, at), tag, at);
        if self.is_learning(history, at) {
            finding.verdict = Verdict::Unknown;
        }
        finding
    }

    /// Evaluates the gap; one that is longer than a false alarm explains, by what is known without it, too.
    fn evaluate_capped(&self, of: &JudgedHistory, tag: Option<&Tag>, at: Timestamp) -> Finding {
        let usual = self.evaluate_uncapped(&of.learned, tag, at);
        let (Some(without), Some((history, cap))) = (&self.without_false_alarms, &of.capped) else {
            return usual;
        };
        let is_explained = match &usual.evidence {
            Evidence::Silence(silence) => of.learned.longest_due(silence.gap) <= *cap,
            _ => true,
        };
        if is_explained || usual.verdict == Verdict::Breach {
            return usual;
        }
        let capped = without.evaluate_uncapped(history, tag, at);
        if capped.verdict == Verdict::Breach {
            capped
        } else {
            usual
        }
    }

    fn evaluate_uncapped(&self, history: &History, tag: Option<&Tag>, at: Timestamp) -> Finding {
        let gap = gap(history, at, tag.map_or(Duration::ZERO, |_| UNSETTLED));
        let overdue = gap.and_then(|gap| self.overdue(history, gap, at));
        let length = gap.map_or(Duration::ZERO, |gap| history.longest_due(gap));
        let (surprise, threshold) = match gap {
            Some(gap) if self.bursts.only_bursts => {
                let bound = self.baseline.bound.length(history, gap.from);
                let bounded = bound.map_or(0.0, |bound| length.div_duration_f64(bound));
                (overdue.map_or(0.0, |o| o.lateness).max(bounded), 1.0)
            }
            Some(gap) => (
                self.baseline.surprise(history, gap),
                self.baseline.threshold,
            ),
            None => (0.0, self.baseline.threshold),
        };
        // By the cautious mean: where next to nothing is known, the plain one expects nothing for ever.
        let is_missed = |gap: Span| {
            let cautious = |span| self.baseline.cusum.mean.over(span);
            expected_in_gap(history, gap, cautious) >= MIN_EXPECTED
        };
        let is_silence = |gap: Span| {
            surprise > threshold
                && length > INDEX_LAG
                && !self.is_repeated(history, gap, length)
                && (self.bursts.only_bursts || is_missed(gap))
        };
        let verdict = match gap {
            // Who never sent is not silent.
            _ if history.last_sent(at).is_none() => Verdict::Unknown,
            None => Verdict::Unknown,
            Some(gap) if is_silence(gap) => Verdict::Breach,
            Some(_) if self.bursts.only_bursts => Verdict::Within,
            Some(_) => self.recovery(history, at),
        };
        let severity = if surprise > WAKE_FACTOR * threshold {
            Severity::Wake
        } else {
            Severity::Warn
        };
        let gap = gap.map_or(Span::new(at, at), |gap| since_due(history, gap));
        let evidence = Evidence::Silence(SilenceEvidence {
            last_sent: history.last_sent(at),
            gap,
            ended_gaps: match verdict {
                Verdict::Breach => Vec::new(),
                _ => history.gaps_ended_by(at, INDEX_LAG),
            },
            expected: overdue.map_or_else(
                || expected_in_gap(history, gap, |span| self.expected(span)),
                |o| o.expected(at),
            ),
            surprise,
            threshold,
            longest_before: overdue.map_or_else(|| self.baseline.tail.max(), |o| o.longest),
            times_a_year: match overdue {
                Some(overdue) => overdue.annual_rate(at),
                None => self.baseline.annual_rate(surprise, length),
            },
            false_alarms_per_year: self.false_alarms_per_year,
            missing_burst: overdue.map(Overdue::evidence),
            streams: Vec::new(),
            not_due: Vec::new(),
            silent: Vec::new(),
        });
        Finding {
            tag: tag.cloned(),
            ..Finding::new(Rule::SendSilence, verdict, severity, evidence)
        }
    }

    /// Returns whether the days before `gap` had the same pause: the hours in which the sender sends are others now. The bound of its
    /// `length` holds all the same.
    fn is_repeated(&self, history: &History, gap: Span, length: Duration) -> bool {
        let later = MAX_LATER.min(gap.length() / 3);
        // By the hours, which the joint mail of several streams has of those days, too.
        let sends_in = |span: Span| {
            let next = history.hours.partition_point(|h| h.last_at < span.from);
            history
                .hours
                .get(next)
                .is_some_and(|h| h.first_at < span.until)
        };
        let had_pause = |back: u32| {
            let pause = Span::new(gap.from + later - DAY * back, gap.until - DAY * back);
            // A day without mail, as of a weekend, has no such pause.
            let before = Span::new(pause.until - DAY, pause.from);
            let after = Span::new(pause.until, pause.from + DAY - later);
            // One in which nothing was expected, as at a weekend, explains none in which much is.
            history.messages.covers(pause)
                && self.expected(pause)
                    >= NORMAL_SHARE * self.expected(Span::new(gap.from + later, gap.until))
                && !sends_in(pause)
                && sends_in(before)
                && sends_in(after)
        };
        let bound = || self.baseline.bound.length(history, gap.from);
        gap.length() < DAY
            && (1..=REPEATED_DAYS).all(had_pause)
            && bound().is_none_or(|bound| length <= bound)
    }

    /// Returns the burst that is latest in a stream of nothing but bursts, where no other mail was sent since the last one.
    fn overdue(&self, history: &History, gap: Span, at: Timestamp) -> Option<Overdue<'_>> {
        let overdue = self.bursts.latest(history, at)?;
        (self.bursts.only_bursts && gap.from <= overdue.last.span.until).then_some(overdue)
    }

    /// `Within` once normal volume has flowed for [`RECOVERY_HOURS`]; where less than one message is expected in the
    /// next longer time, with the first message, unless that was sent when far more was expected. A sender whose days are uneven is as
    /// usual with what its low days have.
    pub(super) fn recovery(&self, history: &History, at: Timestamp) -> Verdict {
        let sent = |span| history.sent_in(&[span]);
        if self.expected(Span::before(at, RECOVERY_TIME)) < 1.0 {
            // The first mail of a quiet time is its end, one stray mail of a busy time before it is none.
            let newest = history.last_sent(at).unwrap_or(at);
            let since = Span::new(newest.floor(HOUR), at);
            let expected = self.expected(since);
            let is_normal = expected < 1.0 || sent(since) as f64 >= NORMAL_SHARE * expected;
            return match is_normal {
                true => Verdict::Within,
                false => Verdict::Unresolved,
            };
        }
        let normal = (0..RECOVERY_HOURS).all(|back| {
            let hour = Span::before(at - HOUR * back, HOUR);
            let expected = self.expected(hour);
            expected < 1.0 || sent(hour) as f64 >= NORMAL_SHARE * expected
        });
        let whole = Span::before(at, HOUR * RECOVERY_HOURS);
        let some = sent(whole) as f64 >= NORMAL_SHARE * self.expected(whole).max(1.0);
        if normal && some || self.is_usual_day(history, at) {
            Verdict::Within
        } else {
            Verdict::Unresolved
        }
    }

    /// Returns whether so much was sent in the last day, or since a silence that ended in it, as most days have of a sender whose volume
    /// is drawn anew every day: the mean that ends other silences is that of few full days.
    pub(super) fn is_usual_day(&self, history: &History, at: Timestamp) -> bool {
        let Some(share) = self.baseline.low_share.filter(|low| *low < NORMAL_SHARE) else {
            return false;
        };
        if history.sent_in(&[Span::before(at, RECOVERY_TIME)]) == 0 {
            return false;
        }
        let day = Span::before(at, DAY);
        let returned = self.longest_gap(history, day);
        let returned = returned.map_or(day.from, |gap| gap.until);
        let since = Span::new(returned.max(day.from), at);
        let least = share * self.expected(since);
        least >= MIN_LOW_VOLUME && history.sent_in(&[since]) as f64 >= least
    }
}

/// Returns the messages expected in a gap, by `mean` of a span: of the hour in which it began, no more than that hour still lacked. A
/// newsletter that has gone out is not missed.
fn expected_in_gap(history: &History, gap: Span, mean: impl Fn(Span) -> f64) -> f64 {
    let hour = Span::new(gap.from.floor(HOUR), gap.from.floor(HOUR) + HOUR);
    let expected = |span: Span| {
        let due = history.due_parts(span).into_iter();
        due.fold(0.0, |sum, part| sum + mean(part))
    };
    let sent = history.sent_in(&[Span::new(hour.from, gap.from + Duration::from_millis(1))]);
    let lacking = (mean(hour) - sent as f64).max(0.0);
    let too_much = (expected(hour.intersect(gap)) - lacking).max(0.0);
    expected(gap) - too_much
}

/// The known time without mail before `at`; `None` where it ends more than `lag` before. The mail of a tag is
/// counted where the index has settled, and no later.
fn gap(history: &History, at: Timestamp, lag: Duration) -> Option<Span> {
    let span = history.since_beginning(Span::new(Timestamp::MIN, at));
    let known = history.known_sending();
    let tail = known
        .parts(span)
        .last()
        .filter(|part| part.until + lag >= at)?;
    Some(Span::new(
        tail.from.max(history.last_sent(at).unwrap_or(tail.from)),
        tail.until,
    ))
}

/// Returns `gap` from when mail was due on: one that came with the suspension of the account is told from the end of that.
fn since_due(history: &History, gap: Span) -> Span {
    let due = history.due_parts(gap);
    let from = due.first().map_or(gap.until, |part| part.from);
    Span::new(from, gap.until)
}
