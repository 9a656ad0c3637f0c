//! Streams that are new in a list which is not fetched in every cycle: what was so of them while nobody knew them.

use std::collections::BTreeMap;

use crate::config::Schedule;
use crate::cycle::poll::outcome::PollOutcome;
use crate::decide::IncidentLog;
use crate::detect::PollHealth;
use crate::evaluate::Evaluator;
use crate::model::{History, StreamId, Timestamp, Transition};

/// Returns the instants at which streams that were found late could not be evaluated: those of the schedule since the list was fetched
/// without them, up to the last complete cycle.
pub(super) fn instants_of_found(schedule: &Schedule, poll: &PollOutcome) -> Vec<Timestamp> {
    let last = poll.previous_state.last_complete_at;
    let (PollHealth::Complete, Some(found), Some(last)) = (&poll.health, &poll.found_late, last)
    else {
        return Vec::new();
    };
    let mut instants = schedule.instants(found.since, last);
    instants.push(last);
    instants
}

/// Returns the transitions of the streams that were found late at `instants`, at which they could not be evaluated.
pub(super) fn evaluate_found_late(
    evaluator: &mut Evaluator,
    log: &mut IncidentLog,
    poll: &PollOutcome,
    histories: &BTreeMap<StreamId, History>,
    instants: &[Timestamp],
) -> Vec<Transition> {
    let Some(found) = &poll.found_late else {
        return Vec::new();
    };
    let mut found_late = histories.clone();
    found_late.retain(|stream, _| found.streams.contains(stream));
    evaluator.evaluate_found(log, &found_late, instants)
}
