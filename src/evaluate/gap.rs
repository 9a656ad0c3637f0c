//! What a gap between cycles hid.

use std::collections::BTreeSet;

use crate::model::{Incident, Step, Timestamp, Transition};

/// Incidents that opened at an instant before `now` and are over by now: only the catch-up tells of them.
pub fn began_and_ended(
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

/// Reminders that a later step overtook remind nobody, unless they are the first that is told of their incident: `before`
/// are the incidents as they were before these steps, which are in order.
pub fn quiet_reminders(transitions: &mut [Transition], before: &[Incident]) {
    let told = before.iter().filter(|i| i.told).map(|i| i.id.clone());
    let mut told: BTreeSet<String> = told.collect();
    for index in 0..transitions.len() {
        let (until, rest) = transitions.split_at_mut(index + 1);
        let step = &mut until[index];
        let same = |t: &Transition| t.told && t.incident.id == step.incident.id;
        let overtaken = rest.iter().any(same);
        if step.step == Step::Reminded && overtaken && told.contains(&step.incident.id) {
            step.told = false;
        }
        if step.told {
            told.insert(step.incident.id.clone());
        }
    }
}
