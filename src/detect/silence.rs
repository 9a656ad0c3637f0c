//! Nothing sent where own history expected mail.
//!
//! The gap since the last message is rescaled by the stream's own hour-of-week busyness (time rescaling: E. N. Brown et
//! al., "The time-rescaling theorem and its application to neural spike train data analysis", Neural Computation 14,
//! 2002), so that a night counts little and a Tuesday morning much. It is silence when the rescaled gap passes both what
//! chance explains within the budget of false alarms and the longest gap that own history shows.

use std::time::Duration;

use crate::detect::baseline::Baseline;
use crate::model::{
    Coverage, DAY, Evidence, Finding, HOUR, History, MINUTE, Rule, Rules, Severity, Span, StreamId,
    Timestamp, Verdict,
};

/// Postmark's index may lag this far: no silence opens on less.
const INDEX_LAG: Duration = Duration::from_secs(15 * 60);
/// Part of the budget that is spent; the rest is the margin for what history did not show.
const SPENT: f64 = 0.7;
/// How far beyond the longest gap of own history a gap must go.
const BEYOND_LONGEST: f64 = 1.25;
/// The gap's threshold is widened by this length over the length of history: two-fold after a week.
const SHORT_HISTORY: Duration = Duration::from_secs(7 * 86_400);
/// A gap with so many times more missing messages than any other was an outage.
const OUTAGE: f64 = 2.0;
/// Hours of normal volume that end a silence.
const RECOVERY_HOURS: u32 = 2;
/// Share of the expected volume that is normal.
const NORMAL_SHARE: f64 = 0.5;

/// What is expected of one stream, and how long a gap may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    baseline: Baseline,
    /// Rescaled length from which on a gap is silence; `None` while history is too short to say.
    threshold: Option<f64>,
    longest: f64,
    false_alarms_per_year: f64,
}

impl Silence {
    /// Learns from what had happened by the last message before `at`, so that a silence does not teach itself.
    pub fn learn(history: &History, at: Timestamp, rules: &Rules, series: usize) -> Self {
        let until = history.last_sent(at).unwrap_or(at).floor(DAY);
        let begins = history.begins.unwrap_or(at).min(until);
        let (baseline, gaps) = learn_habits(history, Span::new(begins, until), at);
        let longest = gaps.iter().map(|(_, gap)| *gap).fold(0.0, f64::max);
        let learned = history.covered_before(at);
        let budget = rules.silence.false_alarms_per_year * SPENT / series.max(1) as f64;
        let threshold = (learned >= rules.silence.min_history)
            .then(|| threshold(gaps.len(), longest, learned, budget));
        Self {
            baseline,
            threshold,
            longest,
            false_alarms_per_year: rules.silence.false_alarms_per_year,
        }
    }

    /// Messages expected in `span`.
    pub fn expected(&self, span: Span) -> f64 {
        self.baseline.expected(span)
    }

    /// Whether history is too short to speak of silence.
    pub fn is_learning(&self) -> bool {
        self.threshold.is_none()
    }

    /// How long a stop beginning at `from` would go unnoticed, to the full hour; `None` where longer than 60 days.
    pub fn unnoticed_from(&self, from: Timestamp) -> Option<Duration> {
        let threshold = self.threshold?;
        (1..=60 * 24)
            .map(|hours| HOUR * hours)
            .find(|length| self.baseline.busyness(Span::new(from, from + *length)) > threshold)
    }

    /// The finding of `send_silence` at `at`.
    pub(super) fn judge(&self, history: &History, stream: &StreamId, at: Timestamp) -> Finding {
        let gap = gap(history, at);
        let surprise = gap.map_or(0.0, |gap| self.baseline.busyness(gap));
        let threshold = self.threshold.unwrap_or(f64::INFINITY);
        let verdict = match gap {
            _ if self.is_learning() => Verdict::Unknown,
            None => Verdict::Unknown,
            Some(gap) if surprise > threshold && gap.length() > INDEX_LAG => Verdict::Breach,
            Some(_) => self.recovery(history, at),
        };
        let severity = if surprise > 2.0 * threshold {
            Severity::Wake
        } else {
            Severity::Warn
        };
        let gap = gap.unwrap_or(Span::new(at, at));
        Finding {
            rule: Rule::SendSilence,
            stream: Some(stream.clone()),
            verdict,
            severity,
            evidence: Evidence::Silence {
                last_sent: history.last_sent(at),
                gap,
                expected: self.expected(gap),
                surprise,
                threshold: self.threshold.unwrap_or(0.0),
                longest_before: self.longest,
                false_alarms_per_year: self.false_alarms_per_year,
            },
        }
    }

    /// `Within` once normal volume has flowed for [`RECOVERY_HOURS`]; where less than one message is expected in the
    /// next longer time, with the first message.
    pub(super) fn recovery(&self, history: &History, at: Timestamp) -> Verdict {
        let span = |hours: u32| Span::before(at, HOUR * hours);
        let sent = |span| history.sent_in(&[span]);
        if self.expected(span(RECOVERY_HOURS + 1)) < 1.0 {
            return Verdict::Within;
        }
        let normal = (0..RECOVERY_HOURS).all(|back| {
            let hour = Span::before(at - HOUR * back, HOUR);
            let expected = self.expected(hour);
            expected < 1.0 || sent(hour) as f64 >= NORMAL_SHARE * expected
        });
        let some = sent(span(RECOVERY_HOURS)) as f64
            >= NORMAL_SHARE * self.expected(span(RECOVERY_HOURS)).max(1.0);
        if normal && some {
            Verdict::Within
        } else {
            Verdict::Holding
        }
    }
}

/// The covered time without mail before `at`; `None` where the time right before `at` is not covered.
fn gap(history: &History, at: Timestamp) -> Option<Span> {
    let span = history.since_beginning(Span::new(Timestamp::MIN, at));
    let tail = history
        .messages
        .parts(span)
        .last()
        .filter(|part| part.until == at)?;
    Some(Span::new(
        tail.from.max(history.last_sent(at).unwrap_or(tail.from)),
        at,
    ))
}

/// How much a gap must surprise: what chance explains once in `1/budget` years among this many gaps, or more than the
/// longest before; more while history is short.
fn threshold(gaps: usize, longest: f64, learned: Duration, budget: f64) -> f64 {
    let years = learned.as_secs_f64() / (365.25 * DAY.as_secs_f64());
    let by_chance = (gaps.max(4) as f64 / years / budget.max(1e-6))
        .max(2.0)
        .ln();
    let caution = 1.0 + SHORT_HISTORY.as_secs_f64() / learned.as_secs_f64().max(1.0);
    by_chance.max(longest * BEYOND_LONGEST) * caution
}

/// The baseline and the gaps of normal times. A single gap in which far more mail was missing than in any other was an
/// outage, not a habit: its time teaches nothing, or one silence would hide the next.
fn learn_habits(history: &History, span: Span, at: Timestamp) -> (Baseline, Vec<(Span, f64)>) {
    let learn = |covered: &Coverage| {
        let baseline = Baseline::learn(&history.hours, covered, span.from, span.until);
        let gaps = closed_gaps(history, &baseline, Span::new(span.from, at));
        (baseline, gaps)
    };
    let (baseline, gaps) = learn(&history.messages);
    // By missing messages: the busyness of its hours has already sunk by the outage itself.
    let mut missing: Vec<(Span, f64)> = gaps
        .iter()
        .map(|(gap, _)| (*gap, baseline.expected(*gap)))
        .collect();
    missing.sort_by(|a, b| b.1.total_cmp(&a.1));
    let outage = match missing.as_slice() {
        [longest, second, ..] if longest.1 > OUTAGE * second.1 && second.1 > 0.0 => longest.0,
        _ => return (baseline, gaps),
    };
    let (baseline, mut gaps) = learn(&history.messages.without(outage));
    gaps.retain(|(gap, _)| *gap != outage);
    (baseline, gaps)
}

/// The rescaled gaps between hours with mail, each as far as a poll on the hour saw it, in covered time only.
fn closed_gaps(history: &History, baseline: &Baseline, span: Span) -> Vec<(Span, f64)> {
    history
        .hours
        .windows(2)
        .filter(|pair| span.contains(pair[0].last_at) && pair[1].first_at < span.until)
        .map(|pair| Span::new(pair[0].last_at, (pair[1].first_at - MINUTE).floor(HOUR)))
        .filter(|gap| !gap.is_empty() && history.messages.covers(*gap))
        .map(|gap| (gap, baseline.busyness(gap)))
        .collect()
}
