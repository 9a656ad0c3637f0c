//! Far less was sent than own history expects.

use crate::detect::silence::Silence;
use crate::model::{
    Evidence, Finding, History, Rule, Rules, Severity, Span, StreamId, Timestamp, Verdict,
};

/// A dip whose evidence was less than this share of the limit when mail was last sent is a silence, and told as such.
const WITH_MAIL: f64 = 0.5;

/// The finding of `send_drop` at `at`.
pub(super) fn judge(
    history: &History,
    stream: &StreamId,
    at: Timestamp,
    rules: &Rules,
    silence: &Silence,
) -> Finding {
    let (dip, limit) = silence.dip(history, at);
    let window = Span::new(dip.from, at);
    let covered = history
        .messages
        .covers(Span::before(at, silence.recovery_time()));
    let verdict = if silence.is_learning(history, at) || !covered {
        Verdict::Unknown
    } else if dip.evidence <= limit {
        silence.recovery(history, at)
    } else if dip.with_mail > WITH_MAIL * limit {
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
            sent: dip.sent,
            expected: dip.expected,
            evidence: dip.evidence,
            limit,
            times_a_year: silence.dips_a_year(dip.evidence),
            false_alarms_per_year: rules.silence.false_alarms_per_year,
        },
    }
}
