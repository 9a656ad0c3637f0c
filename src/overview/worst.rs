//! Which open incident says how a server is.

use std::collections::BTreeMap;

use crate::model::{Incident, ServerName, StreamKey};

/// Returns where the worst open incident of each server stands among `incidents`; of several, the last one.
pub(super) fn worst_open(incidents: &[Incident]) -> BTreeMap<ServerName, usize> {
    let mut worst: BTreeMap<ServerName, usize> = BTreeMap::new();
    for (at, incident) in incidents.iter().enumerate().filter(|(_, i)| i.is_open()) {
        let servers = incident.evidence.streams().iter().map(StreamKey::server);
        for server in servers.chain([&incident.server]) {
            let known = worst.get(server).map(|at| incidents[*at].severity);
            if known.is_none_or(|known| known <= incident.severity) {
                worst.insert(server.clone(), at);
            }
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Evidence, Rule, Severity};
    use crate::notify::samples::course_of;

    fn incident(id: &str, server: &str, severity: Severity, step: &str) -> Incident {
        let course = course_of(Rule::BounceRate);
        Incident {
            id: id.to_owned(),
            server: server.into(),
            severity,
            ..course.step(step).incident.clone()
        }
    }

    #[test]
    fn the_worst_open_incident_of_a_server_is_a_wake_and_of_several_the_last() {
        let (warn, wake) = (Severity::Warn, Severity::Wake);
        let mut together = course_of(Rule::SendSilence).step("opened").incident.clone();
        together.server = ServerName::from(ServerName::ALL_SERVERS);
        if let Evidence::Silence(silence) = &mut together.evidence {
            let key = |server: &str| StreamKey::new(&server.into(), &"outbound".into());
            silence.streams = vec![key("news"), key("shop")];
        }
        together.severity = warn;
        let incidents = [
            incident("a", "shop", wake, "opened"),
            incident("b", "shop", warn, "opened"),
            incident("c", "blog", warn, "opened"),
            incident("d", "blog", warn, "opened"),
            incident("e", "gone", wake, "resolved"),
            together,
        ];
        let worst = worst_open(&incidents);
        let of = |server: &str| worst.get(&ServerName::from(server)).copied();
        let found = ["shop", "blog", "gone", "news"].map(of);
        assert_eq!(found, [Some(0), Some(3), None, Some(5)]);
    }
}
