//! What a gap between cycles hid.

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

/// Reminders of instants that are past remind nobody.
pub fn quiet_reminders(transitions: &mut [Transition], now: Timestamp) {
    for transition in transitions
        .iter_mut()
        .filter(|t| t.step == Step::Reminded && t.at < now)
    {
        let first_told = transition.incident.quiet_until.is_some();
        transition.told &= first_told;
    }
}
