//! Far less was sent than own history expects.

use crate::detect::silence::{RECOVERY_TIME, Silence};
use crate::model::{
    Evidence, Finding, History, Rule, Rules, Severity, Span, StreamId, Timestamp, Verdict,
};

/// A drop whose evidence was less than this share of the limit when mail was last sent is a silence, and told as such.
const MIN_SHARE_AT_LAST_MAIL: f64 = 0.5;

/// The finding of `send_drop` at `at`.
pub(super) fn evaluate(
    history: &History,
    stream: &StreamId,
    at: Timestamp,
    rules: &Rules,
    silence: &Silence,
) -> Finding {
    let cusum = &silence.baseline.cusum;
    let (state, limit) = (cusum.state_at(history, at), cusum.limit);
    let window = Span::new(state.from, at);
    let covered = history.messages.covers(Span::before(at, RECOVERY_TIME));
    let verdict = if silence.is_learning(history, at) || !covered {
        Verdict::Unknown
    } else if state.evidence <= limit {
        silence.recovery(history, at)
    } else if state.at_last_mail > MIN_SHARE_AT_LAST_MAIL * limit {
        Verdict::Breach
    } else {
        Verdict::Unresolved
    };
    Finding {
        rule: Rule::SendDrop,
        stream: Some(stream.clone()),
        tag: None,
        verdict,
        severity: Severity::Warn,
        evidence: Evidence::Drop {
            window,
            sent: state.sent,
            expected: state.expected,
            evidence: state.evidence,
            limit,
            times_a_year: cusum.tail.annual_rate(state.evidence),
            false_alarms_per_year: rules.silence.false_alarms_per_year,
        },
    }
}
