//! The time of a stop, or of a drop, that could not be read: nobody knows whether mail was sent in it.

use std::collections::BTreeMap;

use crate::decide::{IncidentKey, IncidentLog};
use crate::detect::Together;
use crate::model::{Finding, History, Rule, Span, StreamId, Timestamp};

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

/// Leaves of the unread time of each incident what no later poll has read either.
pub(super) fn forget_read(
    log: &mut IncidentLog,
    histories: &BTreeMap<StreamId, History>,
    together: &Together,
) {
    log.update_unread(|key, unread| {
        let history = match (&key.stream, &key.tag) {
            (None, _) => together.joint()?,
            (Some(stream), None) => histories.get(stream)?,
            (Some(stream), Some(tag)) => histories.get(stream)?.tags.get(tag)?,
        };
        let holes = history.known_sending().holes(unread).into_iter();
        let found = history.mail_after(Span::new(unread.from, unread.from));
        let found = found.filter(|at| *at < unread.until);
        Some((holes.reduce(Span::hull), found))
    });
}
