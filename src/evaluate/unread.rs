//! The time of a stop, or of a drop, that could not be read: nobody knows whether mail was sent in it.

use crate::decide::{IncidentKey, IncidentLog};
use crate::model::{Finding, History, Rule, Span, Timestamp};

/// Adds to a finding that judges the incident it is about, at `at`, what was not read since that was judged last.
pub(super) fn add_unread(
    finding: &mut Finding,
    log: &IncidentLog,
    history: &History,
    at: Timestamp,
) {
    if finding.rule.problem() != Rule::SendSilence {
        return;
    }
    let judged_at = log.judged_at(&IncidentKey::from_finding(finding));
    finding.unread = judged_at.and_then(|judged_at| unread(history, Span::new(judged_at, at)));
}

/// Returns the time from the first to the last part of `span` that was not read; of a tag the end of it is read later.
fn unread(history: &History, span: Span) -> Option<Span> {
    let known = history.known_sending();
    let holes = known.holes(span).into_iter();
    let holes = holes.filter(|hole| hole.until < span.until);
    holes.reduce(Span::hull)
}
