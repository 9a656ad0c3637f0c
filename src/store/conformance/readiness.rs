//! What tells whether hushwatch does its work.

use crate::model::{Mute, Rule};
use crate::store::{CycleCommit, Database, NewMessage};

use super::incidents::{incident, keep};
use super::{T0, at, message, poll, shop};

pub(super) fn the_state_of_every_server_is_told_and_none_is_stored(b: &mut Database) {
    assert!(b.server_states().expect("read").is_empty());
    let before = b.server_state(&shop(), T0).expect("started");
    let commit = CycleCommit {
        servers: vec![poll(&before, at(60), true)],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    b.server_state(&"blog".into(), at(120)).expect("started");
    let states = b.server_states().expect("read");
    assert_eq!(
        states
            .keys()
            .map(|name| name.0.as_str())
            .collect::<Vec<_>>(),
        ["blog", "shop"]
    );
    assert_eq!(states[&shop()].last_complete_at, Some(at(60)));
    assert_eq!(states["blog"].first_start_at, at(120));
}

pub(super) fn every_open_incident_is_told_oldest_first(b: &mut Database) {
    keep(
        b,
        &[
            incident("bbbb", Rule::SpamRate, at(60)),
            incident("aaaa", Rule::Blind, T0),
        ],
    );
    let open = b.all_open_incidents().expect("read");
    assert_eq!(
        open.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(),
        ["aaaa", "bbbb"]
    );
}

pub(super) fn the_oldest_message_that_waits_is_one_that_no_mute_holds(b: &mut Database) {
    assert_eq!(b.oldest_undelivered(T0).expect("read"), None);
    keep(b, &[incident("aaaa", Rule::Blind, T0)]);
    let of_incident = NewMessage {
        incident: Some("aaaa".to_owned()),
        ..message("blind")
    };
    for (seconds, message) in [(0, of_incident), (60, message("other"))] {
        let before = b.server_state(&shop(), T0).expect("started");
        let commit = CycleCommit {
            servers: vec![poll(&before, at(seconds), true)],
            messages: vec![message],
            ..CycleCommit::default()
        };
        b.commit(&commit).expect("committed");
    }
    assert_eq!(b.oldest_undelivered(at(90)).expect("read"), Some(T0));
    let mute = Mute {
        id: 0,
        server: None,
        rule: Some(Rule::Blind),
        incident: None,
        from: T0,
        until: at(3_600),
        reason: "known".to_owned(),
        by: "jane".to_owned(),
    };
    b.save_mute(&mute, &[]).expect("stored");
    assert_eq!(b.oldest_undelivered(at(90)).expect("read"), Some(at(60)));
}
