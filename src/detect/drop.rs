//! Far less was sent than own history expects.

use std::time::Duration;

use crate::detect::level_shift::LevelShift;
use crate::detect::silence::{RECOVERY_TIME, Silence};
use crate::model::{
    DAY, DropEvidence, Evidence, Finding, HOUR, History, Rule, Rules, Severity, Span, Timestamp,
    Verdict,
};

/// A drop whose evidence was less than this share of the limit when mail was last sent is a silence, and told as such.
const MIN_SHARE_AT_LAST_MAIL: f64 = 0.5;

/// A drop is not over while its evidence is above this share of the limit: one good hour is no end. A day that is usual of a sender with
/// uneven days is one.
const MAX_SHARE_AT_END: f64 = 0.6;

/// A new level is not told as normal where the mail of this time is as before.
const NEWEST_TIME: Duration = HOUR.saturating_mul(12);

/// The finding of `send_drop` at `at`, with the fall of the level that lasts until then and the accepted number of false alarms a year
/// of this series.
pub(super) fn evaluate(
    history: &History,
    at: Timestamp,
    rules: &Rules,
    silence: &Silence,
    level: (Option<&LevelShift>, f64),
) -> Finding {
    let mut finding = evaluate_volume(history, at, rules, silence, level);
    let missing = missing_burst(history, at, rules, silence);
    let only_bursts = silence.bursts.only_bursts;
    if let Some((is_given_up, missing)) = missing.filter(|_| finding.verdict != Verdict::Unknown)
        && (only_bursts || finding.verdict != Verdict::Breach)
    {
        finding.verdict = match is_given_up {
            false => Verdict::Breach,
            // Whether the other mail is as usual, where there is any that is judged, stays so.
            true if only_bursts => Verdict::Within,
            true => finding.verdict,
        };
        finding.evidence = Evidence::Drop(missing);
    }
    finding
}

/// The same by the volume alone, whatever burst is missing.
pub(super) fn evaluate_volume(
    history: &History,
    at: Timestamp,
    rules: &Rules,
    silence: &Silence,
    (shift, budget): (Option<&LevelShift>, f64),
) -> Finding {
    let is_learning = silence.is_learning(history, at);
    // An outage that people called real is left out of the evidence; that it was a silence stays so.
    let (whole, history) = (history, &history.without_outages(at));
    let cusum = &silence.baseline.cusum;
    let (mut state, limit) = (cusum.state_at(history, at), cusum.limit);
    // What was normal until then is no drop by the level that is normal again.
    if let Some(left) = shift.and_then(LevelShift::was_normal_until)
        && state.from < left
    {
        state = cusum.state_since(history, left, at);
    }
    // The hours of a silence are told as that, and are no drop, unless what came before or after it is one too.
    let after_silence = |span: Span| {
        let gap = silence.longest_gap(whole, span)?;
        let before = cusum.state_since(history, span.from, gap.from).evidence;
        let since = cusum.state_since(history, gap.until, at);
        let is_alone = before <= limit && since.evidence < MIN_SHARE_AT_LAST_MAIL * limit;
        is_alone.then_some(since)
    };
    let mut max_at_end = MAX_SHARE_AT_END * limit;
    // Also what would only hold an incident open: mail that is as usual again is its end.
    if state.evidence > max_at_end
        && let Some(since) = after_silence(Span::new(state.from, at))
    {
        state = since;
        // What follows a silence is a drop from a lower limit on, and is over as far below that.
        max_at_end *= MIN_SHARE_AT_LAST_MAIL;
    }
    let known = history.known_sending();
    let covered = known.covers(Span::before(at, RECOVERY_TIME));
    let is_by_hours = state.evidence > limit && state.at_last_mail > MIN_SHARE_AT_LAST_MAIL * limit;
    // Days that are low by a stop that is over are no lower level.
    let is_of_stop = |shift: &LevelShift| after_silence(Span::new(shift.from, at)).is_some();
    let was_by_hours = |shift: &LevelShift| {
        let days = at.since(shift.from).as_secs() / DAY.as_secs();
        let mut days =
            (1..=u32::try_from(days).unwrap_or(u32::MAX)).map(|day| shift.from + DAY * day);
        days.any(|until| cusum.state_since(history, shift.from, until).evidence > limit)
    };
    let is_untold = |shift: &LevelShift| !is_by_hours && !is_of_stop(shift) && !was_by_hours(shift);
    // A newsletter that is left out makes the days low that have one.
    let has_bursts = || silence.bursts.latest(history, at).is_some();
    let fallen =
        shift.filter(|shift| shift.is_news(whole, at, budget) && is_untold(shift) && !has_bursts());
    let verdict = if is_learning || !covered {
        Verdict::Unknown
    } else if is_by_hours || fallen.is_some() {
        Verdict::Breach
    } else if state.evidence <= limit {
        let is_held = state.evidence > max_at_end;
        let is_lasting = is_held && !silence.is_usual_day(history, at)
            || shift
                .is_some_and(|shift| shift.goes_on() && !shift.is_settled() && !is_of_stop(shift));
        match silence.recovery(history, at) {
            Verdict::Within if is_lasting => Verdict::Unresolved,
            verdict => verdict,
        }
    } else {
        Verdict::Unresolved
    };
    // Before the day is over on which it is back where it was.
    let newest = Span::before(at, NEWEST_TIME);
    let is_back =
        |shift: &LevelShift| shift.is_left_by(history.sent_in(&[newest]), silence.expected(newest));
    // Hours of bursts were as many as they were, and are told with the rest.
    let window = Span::new(state.from, at);
    let beside = history.sent_in(&[window]).saturating_sub(state.sent);
    let by_hours = DropEvidence {
        window,
        sent: state.sent + beside,
        expected: state.expected + beside as f64,
        evidence: state.evidence,
        limit,
        times_a_year: cusum.tail.annual_rate(state.evidence),
        false_alarms_per_year: rules.silence.false_alarms_per_year,
        low_until: cusum.low_until(history, window),
        missing_burst: None,
        settled: shift
            .filter(|shift| shift.is_settled() && !is_back(shift))
            .map(LevelShift::new_level),
        streams: Vec::new(),
    };
    let evidence = fallen.map_or(by_hours, |shift| {
        let today = Span::new(at.floor(DAY), at.floor(HOUR));
        let hours = history.hours[history.hours.partition_point(|h| h.start < today.from)..].iter();
        let hours = hours.take_while(|hour| hour.start < today.until);
        let mut evidence = shift.evidence(rules, budget);
        evidence.window.until = at;
        evidence.sent += hours.map(|hour| hour.sent).sum::<u64>();
        evidence.expected += silence.expected(today);
        evidence
    });
    // The hours of a stream of nothing but bursts say nothing.
    let verdict = match verdict {
        Verdict::Unknown => Verdict::Unknown,
        _ if silence.bursts.only_bursts => Verdict::Within,
        verdict => verdict,
    };
    Finding::new(
        Rule::SendDrop,
        verdict,
        Severity::Warn,
        Evidence::Drop(evidence),
    )
}

/// Returns what speaks for a missing burst, and whether it is given up, where other mail was sent since the last one: without it, it is a
/// silence.
fn missing_burst(
    history: &History,
    at: Timestamp,
    rules: &Rules,
    silence: &Silence,
) -> Option<(bool, DropEvidence)> {
    let overdue = silence.bursts.latest(history, at)?;
    let window = Span::new(overdue.last.span.from, at);
    let sent = history.sent_in(&[window]) - overdue.last.sent.min(history.sent_in(&[window]));
    let is_drop = overdue.lateness > 1.0 && (sent > 0 || !silence.bursts.only_bursts);
    let evidence = || DropEvidence {
        window: Span::new(overdue.last.span.until, at),
        sent,
        expected: sent as f64 + overdue.expected(at),
        evidence: overdue.lateness,
        limit: 1.0,
        times_a_year: overdue.annual_rate(at),
        false_alarms_per_year: rules.silence.false_alarms_per_year,
        low_until: None,
        missing_burst: Some(overdue.evidence()),
        settled: None,
        streams: Vec::new(),
    };
    is_drop.then(|| (overdue.is_given_up, evidence()))
}
