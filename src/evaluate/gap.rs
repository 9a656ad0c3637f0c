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

/// Reminders of instants that are past remind nobody, unless they are the first that is told of their incident: `before`
/// are the incidents as they were before these steps, which are in order.
pub fn quiet_reminders(transitions: &mut [Transition], before: &[Incident], now: Timestamp) {
    let told = before.iter().filter(|i| i.told).map(|i| i.id.clone());
    let mut told: BTreeSet<String> = told.collect();
    for transition in transitions {
        let known = told.contains(&transition.incident.id);
        if known && transition.step == Step::Reminded && transition.at < now {
            transition.told = false;
        }
        if transition.told {
            told.insert(transition.incident.id.clone());
        }
    }
}
