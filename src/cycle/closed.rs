//! What people closed that may go on: no incident is open of it, and nothing is told of it for a day.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{DAY, Incident, STAYS_CLOSED, ServerName, Timestamp};
use crate::store::{self, Database, ServerState};

/// How far back closings are looked for: a server that cannot be read keeps its own for longer than the day.
const LOOKBACK: Duration = DAY.saturating_mul(7);

/// Returns the incidents that a person closed and that no evaluation has seen to end since, or opened anew. `states` are those of
/// every server.
pub(crate) fn closed_incidents(
    s: &mut Database,
    states: &BTreeMap<ServerName, ServerState>,
) -> Result<Vec<Incident>, store::Error> {
    let cycles = states.values().filter_map(|state| state.last_cycle_at);
    let Some(last) = cycles.max() else {
        return Ok(Vec::new());
    };
    let recent = s.incidents_since(last - LOOKBACK)?;
    let judged_at = |server: &ServerName| match states.get(server) {
        Some(state) => state.last_complete_at,
        // Of no server, or of several.
        None => Some(last),
    };
    Ok(standing(&recent, judged_at))
}

/// Returns those of the `recent` incidents that stay closed, by when each server was last evaluated.
fn standing(
    recent: &[Incident],
    judged_at: impl Fn(&ServerName) -> Option<Timestamp>,
) -> Vec<Incident> {
    let stands = |incident: &&Incident| {
        let Some(closed_at) = incident.closed_and_may_go_on() else {
            return false;
        };
        // After that, whatever went on was opened again.
        let until = closed_at + STAYS_CLOSED;
        let mut others = recent.iter();
        let is_followed = others.any(|later| {
            let is_later = later.id != incident.id && later.opened_at >= closed_at;
            is_later && later.is_same_problem(incident)
        });
        !is_followed && judged_at(&incident.server).is_none_or(|at| at < until)
    };
    recent.iter().filter(stands).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, IncidentState, Rule};
    use crate::notify::samples::course_of;

    /// A stop that a person closed, with the time of that.
    fn closed() -> (Incident, Timestamp) {
        let opened = course_of(Rule::SendSilence).step("opened").incident.clone();
        let at = opened.judged_at + HOUR;
        let state = IncidentState::Resolved {
            at,
            unwatched: false,
            disabled: false,
        };
        let closed = Incident {
            state,
            closed_by: Some("ops".to_owned()),
            ..opened
        };
        (closed, at)
    }

    #[test]
    fn what_a_person_closed_stands_until_it_ends_or_opens_again_or_the_day_is_over() {
        let (stop, at) = closed();
        let ids = |recent: &[Incident], judged: Timestamp| {
            let standing = standing(recent, |_| Some(judged));
            standing.into_iter().map(|i| i.id).collect::<Vec<String>>()
        };
        let only = [stop.clone()];
        assert_eq!(ids(&only, at + HOUR), [stop.id.as_str()]);
        assert_eq!(ids(&only, at + 23 * HOUR), [stop.id.as_str()]);
        assert!(ids(&only, at + DAY).is_empty());
        let recovered = Incident {
            recovered_at: Some(at + HOUR),
            ..stop.clone()
        };
        assert!(ids(&[recovered], at + HOUR).is_empty());
        let by_itself = Incident {
            closed_by: None,
            ..stop.clone()
        };
        assert!(ids(&[by_itself], at + HOUR).is_empty());
        let again = Incident {
            id: "again".to_owned(),
            rule: Rule::SendDrop,
            opened_at: at + HOUR,
            state: IncidentState::Open { within_since: None },
            closed_by: None,
            ..stop.clone()
        };
        assert!(ids(&[stop.clone(), again.clone()], at + HOUR).is_empty());
        let elsewhere = Incident {
            stream: Some("broadcast".into()),
            ..again
        };
        assert_eq!(
            ids(&[stop.clone(), elsewhere], at + HOUR),
            [stop.id.as_str()]
        );
    }

    #[test]
    fn of_a_server_that_was_never_read_since_it_stands() {
        let (stop, _) = closed();
        assert_eq!(standing(&[stop], |_| None).len(), 1);
    }

    #[test]
    fn what_counts_as_good_because_a_person_said_so_does_not_stand() {
        let (stop, at) = closed();
        for rule in [Rule::ServerChanged, Rule::DnsDrift, Rule::OperatorBounce] {
            let accepted = Incident {
                rule,
                ..stop.clone()
            };
            assert!(standing(&[accepted], |_| Some(at)).is_empty(), "{rule}");
        }
    }
}
