//! Streams that are new in a list which is not fetched in every cycle: what was so of them while nobody knew them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Schedule;
use crate::cycle::poll::outcome::PollOutcome;
use crate::decide::IncidentLog;
use crate::detect::PollHealth;
use crate::evaluate::Evaluator;
use crate::model::{History, StreamId, Timestamp, Transition};

/// Returns the instants at which streams that were found late could not be evaluated: those of the schedule since the list was fetched
/// without them, up to the last complete cycle.
pub(super) fn instants_of_found(schedule: &Schedule, poll: &PollOutcome) -> Vec<Timestamp> {
    let since = times_of_found(poll).into_iter().min();
    since.map_or_else(Vec::new, |since| instants_since(schedule, poll, since))
}

/// Returns the transitions of the streams that were found late at the instants at which they could not be evaluated.
pub(super) fn evaluate_found_late(
    evaluator: &mut Evaluator,
    log: &mut IncidentLog,
    poll: &PollOutcome,
    histories: &BTreeMap<StreamId, History>,
    schedule: &Schedule,
) -> Vec<Transition> {
    let mut transitions = Vec::new();
    for since in times_of_found(poll) {
        let mut found = histories.clone();
        found.retain(|stream, _| poll.judged_from.get(stream) == Some(&since));
        let instants = instants_since(schedule, poll, since);
        transitions.extend(evaluator.evaluate_found(log, &found, &instants));
    }
    transitions
}

/// Returns when the list was fetched without streams that were found since, each time once.
fn times_of_found(poll: &PollOutcome) -> BTreeSet<Timestamp> {
    let last = poll.previous_state.last_complete_at;
    let last = last.filter(|_| poll.health == PollHealth::Complete);
    let times = poll.judged_from.values().copied();
    // What is judged from later on only was unknown at none of these instants.
    times.filter(|since| Some(*since) <= last).collect()
}

fn instants_since(schedule: &Schedule, poll: &PollOutcome, since: Timestamp) -> Vec<Timestamp> {
    let Some(last) = poll.previous_state.last_complete_at else {
        return Vec::new();
    };
    let mut instants = schedule.instants(since, last);
    instants.push(last);
    instants
}
