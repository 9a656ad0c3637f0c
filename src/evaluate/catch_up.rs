//! Transitions at instants that were missed: which of them still deserve a message.

use std::collections::BTreeSet;

use crate::model::{Incident, Step, Timestamp, Transition};

/// Returns the incidents that opened before `now` and have resolved by now: only the catch-up message mentions them.
pub fn opened_and_resolved(
    transitions: &[Transition],
    incidents: &[Incident],
    now: Timestamp,
) -> Vec<Incident> {
    let opened = |t: &&Transition| t.step == Step::Opened && t.at < now;
    let mut ended: Vec<Incident> = Vec::new();
    for transition in transitions.iter().filter(opened) {
        let id = &transition.incident.id;
        let resolved = transitions
            .iter()
            .rev()
            .find(|t| t.incident.id == *id && t.step == Step::Resolved);
        let still_open = incidents.iter().any(|i| i.id == *id && i.is_open());
        if let Some(resolved) =
            resolved.filter(|_| !still_open && !ended.iter().any(|e| e.id == *id))
        {
            ended.push(resolved.incident.clone());
        }
    }
    ended
}

/// Marks reminders that a later notified step supersedes as not notified, unless they are the first notification of their
/// incident. `transitions` are in order; `before` are the incidents as they were before them.
pub fn drop_superseded_reminders(transitions: &mut [Transition], before: &[Incident]) {
    let notified = before.iter().filter(|i| i.notified).map(|i| i.id.clone());
    let mut notified: BTreeSet<String> = notified.collect();
    for index in 0..transitions.len() {
        let (until, rest) = transitions.split_at_mut(index + 1);
        let step = &mut until[index];
        let same = |t: &Transition| t.notified && t.incident.id == step.incident.id;
        let superseded = rest.iter().any(same);
        if step.step == Step::Reminded && superseded && notified.contains(&step.incident.id) {
            step.notified = false;
        }
        if step.notified {
            notified.insert(step.incident.id.clone());
        }
    }
}
