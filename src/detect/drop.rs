//! Far less was sent than own history expects: a first form, for streams with enough mail to tell.

use crate::detect::silence::Silence;
use crate::model::{
    DAY, Evidence, Finding, HOUR, History, Rule, Rules, Severity, Span, StreamId, Timestamp,
    Verdict,
};

/// Below this many expected messages a day's count says too little.
const MIN_EXPECTED: f64 = 30.0;
/// Only less than this share of the expected is a drop.
const DROP_SHARE: f64 = 0.4;
/// Only less than this share of the lowest day before is a drop.
const BELOW_LOWEST: f64 = 0.6;
/// Standard deviations of a Poisson count below its mean.
const DEVIATIONS: f64 = 6.0;
/// Days of history that are compared.
const DAYS: u32 = 56;
/// Fewest such days.
const MIN_DAYS: usize = 14;

/// The finding of `send_drop` at `at`.
pub(super) fn judge(
    history: &History,
    stream: &StreamId,
    at: Timestamp,
    rules: &Rules,
    silence: &Silence,
) -> Finding {
    let window = Span::before(at.floor(HOUR), DAY);
    let expected = silence.expected(window);
    let sent = sent_in_hours(history, window);
    let before: Vec<f64> = (1..=DAYS)
        .map(|back| Span::before(window.until - DAY * back, DAY))
        .filter(|day| {
            history.begins.is_some_and(|b| b <= day.from) && history.messages.covers(*day)
        })
        .filter(|day| silence.expected(*day) >= MIN_EXPECTED)
        .map(|day| sent_in_hours(history, day) as f64 / silence.expected(day))
        .collect();
    let lowest = before.iter().copied().fold(f64::INFINITY, f64::min);
    let share = sent as f64 / expected.max(1.0);
    let verdict = if silence.is_learning(history, at) || !history.messages.covers(window) {
        Verdict::Unknown
    } else if before.len() < MIN_DAYS || expected < MIN_EXPECTED || sent == 0 {
        silence.recovery(history, at)
    } else if share < DROP_SHARE.min(BELOW_LOWEST * lowest)
        && (sent as f64) < expected - DEVIATIONS * expected.sqrt()
    {
        Verdict::Breach
    } else {
        silence.recovery(history, at)
    };
    Finding {
        rule: Rule::SendDrop,
        stream: Some(stream.clone()),
        verdict,
        severity: Severity::Warn,
        evidence: Evidence::Drop {
            window,
            sent,
            expected,
            lowest_before: if lowest.is_finite() { lowest } else { 0.0 },
            false_alarms_per_year: rules.silence.false_alarms_per_year,
        },
    }
}

/// Messages sent in a span of whole hours, from the hourly counts.
fn sent_in_hours(history: &History, span: Span) -> u64 {
    let from = history.hours.partition_point(|h| h.start < span.from);
    let until = history.hours.partition_point(|h| h.start < span.until);
    history.hours[from..until.max(from)]
        .iter()
        .map(|h| h.sent)
        .sum()
}
