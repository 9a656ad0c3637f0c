//! Which servers the account lists, and what is noted of them.

use crate::model::{MINUTE, Rule, ServerName, Step, Transition};
use crate::store::{CycleCommit, Database, Lease, LeaseAttempt, Note, Problem, ServerListChange};

use super::incidents::{incident, keep, resolved};
use super::{T0, at, poll, shop, span};

fn save(b: &mut Database, listed: &[(&str, i64)]) -> ServerListChange {
    let listed: Vec<_> = listed
        .iter()
        .map(|(n, id)| (ServerName::from(*n), *id))
        .collect();
    b.save_account_servers(&listed, at(0), |_| Vec::new())
        .expect("saved")
}

fn listed(b: &mut Database, names: &[&str]) -> (Vec<String>, Vec<String>, bool) {
    let id = |name: &str| i64::from(name.as_bytes()[0]);
    let listed: Vec<_> = names.iter().map(|n| (*n, id(n))).collect();
    let change = save(b, &listed);
    let names = |of: Vec<ServerName>| of.into_iter().map(|n| n.0).collect();
    (names(change.joined), names(change.left), change.first)
}

pub(super) fn a_roster_tells_who_came_and_went(b: &mut Database) {
    let all = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(listed(b, &["a", "b"]), (all(&["a", "b"]), vec![], true));
    assert_eq!(listed(b, &["b", "c"]), (all(&["c"]), all(&["a"]), false));
    assert_eq!(listed(b, &["a", "b", "c"]), (all(&["a"]), vec![], false));
    assert_eq!(b.account_servers().expect("roster").len(), 3);
    assert_eq!(listed(b, &["b", "c"]).1, all(&["a"]));
    let ids = b.account_server_ids().expect("roster");
    assert_eq!(
        ids,
        [i64::from(b'b'), i64::from(b'c')],
        "without those that left"
    );
}

fn pair(old: &str, new: &str) -> (ServerName, ServerName) {
    (old.into(), new.into())
}

pub(super) fn a_server_keeps_what_is_stored_of_it_under_another_name(b: &mut Database) {
    save(b, &[("shop", 1), ("other", 2)]);
    let open = incident("aaaa", Rule::Blind, at(0));
    let transition = Transition {
        at: at(0),
        incident: open.clone(),
        step: Step::Opened,
        notified: true,
    };
    let before = b.server_state(&shop(), at(0)).expect("read");
    let judgement = CycleCommit {
        servers: vec![poll(&before, at(0), true)],
        incidents: vec![open],
        transitions: vec![(transition, "text".to_owned())],
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("stored");
    b.save_streams(&shop(), &["outbound".into()])
        .expect("stored");
    let lease = b
        .acquire_lease(&Lease::name_for_server(&shop()), "a", MINUTE, false)
        .expect("asked");
    b.save_reported_token(&shop(), at(0)).expect("stored");
    // Of a server that had the new name, and is long gone.
    let new = ServerName::from("store");
    b.save_reported_token(&new, at(0)).expect("stored");
    let change = save(b, &[("store", 1), ("other", 2)]);
    assert_eq!(change.renamed, [pair("shop", "store")]);
    assert_eq!((change.joined, change.left), (vec![], vec![]));
    assert_eq!(
        b.account_servers().expect("read"),
        ["other".into(), new.clone()]
    );
    assert_eq!(b.watched_streams(&new).expect("read"), ["outbound".into()]);
    assert_eq!(b.polls(&new, 9).expect("read").len(), 1);
    let reported = b.reported_tokens().expect("read");
    assert_eq!(reported, std::slice::from_ref(&new), "its outage goes on");
    assert_eq!(b.latest_incidents(&shop()).expect("read"), []);
    let incidents = b.latest_incidents(&new).expect("read");
    assert!(
        incidents.len() == 1 && incidents[0].server == new,
        "{incidents:?}"
    );
    let steps = b.incident_transitions("aaaa").expect("read");
    assert_eq!(steps[0].transition.incident.server, new);
    let LeaseAttempt::Taken(lease) = lease else {
        panic!("it was free")
    };
    let late = CycleCommit {
        leases: vec![lease],
        ..CycleCommit::default()
    };
    let refused = b.commit(&late).expect_err("of the old name");
    assert!(
        matches!(refused.problem(), Problem::TakenOver(_)),
        "{refused}"
    );
    assert_eq!(save(b, &[("store", 1), ("other", 2)]).renamed, []);
}

pub(super) fn servers_may_change_their_names_for_each_others(b: &mut Database) {
    save(b, &[("a", 1), ("b", 2), ("c", 3)]);
    for (name, stream) in [("a", "one"), ("b", "two"), ("c", "three")] {
        b.save_streams(&name.into(), &[stream.into()])
            .expect("stored");
    }
    let change = save(b, &[("b", 1), ("a", 2)]);
    assert_eq!(change.renamed, [pair("a", "b"), pair("b", "a")]);
    assert_eq!(change.left, ["c".into()]);
    assert_eq!(
        b.watched_streams(&"b".into()).expect("read"),
        ["one".into()]
    );
    assert_eq!(
        b.watched_streams(&"a".into()).expect("read"),
        ["two".into()]
    );
    // The name of one that left is free; what is stored of it is kept beside.
    let change = save(b, &[("c", 1), ("a", 2)]);
    assert_eq!(change.renamed, [pair("b", "c")]);
    assert_eq!(
        b.watched_streams(&"c".into()).expect("read"),
        ["one".into()]
    );
    let back = save(b, &[("c", 1), ("a", 2), ("d", 3)]);
    assert_eq!(back.renamed, [pair("c (3)", "d")]);
}

pub(super) fn a_name_that_is_taken_by_something_else_is_left_alone(b: &mut Database) {
    save(b, &[("a", 1)]);
    b.server_state(&"b".into(), at(0)).expect("one of the file");
    b.save_streams(&"b".into(), &["own".into()])
        .expect("stored");
    let change = save(b, &[("b", 1)]);
    assert_eq!(change.renamed, []);
    assert_eq!(change.left, ["a".into()]);
    assert_eq!(
        b.watched_streams(&"b".into()).expect("read"),
        ["own".into()]
    );
}

pub(super) fn a_server_that_left_is_kept_in_mind_while_it_has_something_to_tell(b: &mut Database) {
    listed(b, &["shop", "other"]);
    let open = incident("aaaa", Rule::Blind, at(0));
    keep(b, std::slice::from_ref(&open));
    assert_eq!(b.unwatched_servers(T0).expect("asked"), [], "it is watched");
    listed(b, &["other"]);
    assert_eq!(b.unwatched_servers(T0).expect("asked"), [shop()]);
    let mut over = resolved(&open, at(60));
    over.notification_deferred = true;
    keep(b, std::slice::from_ref(&over));
    assert_eq!(b.unwatched_servers(T0).expect("asked"), [shop()]);
    over.notification_deferred = false;
    keep(b, &[over]);
    assert_eq!(b.unwatched_servers(T0).expect("asked"), []);
}

pub(super) fn notes_are_told_of_their_span(b: &mut Database) {
    for second in [0, 10, 20] {
        let note = Note {
            at: at(second),
            server: "shop".into(),
            text: format!("note {second}"),
        };
        b.save_note(&note).expect("stored");
    }
    let told = b.notes(span(0, 20)).expect("notes");
    let texts: Vec<&str> = told.iter().map(|n| n.text.as_str()).collect();
    assert_eq!(texts, ["note 0", "note 10"]);
}
