//! Incidents, their steps, and the one transaction of a judgement.

use crate::model::{
    BlindEvidence, Evidence, Incident, IncidentState, Rule, Severity, Step, Timestamp, Transition,
};
use crate::store::{CycleCommit, Database};

use super::{T0, at, message, poll, shop, span};

pub(super) fn incident(id: &str, rule: Rule, opened_at: Timestamp) -> Incident {
    let evidence = Evidence::Blind(BlindEvidence {
        since: opened_at,
        cycles: 2,
        reason: "HTTP 503".to_owned(),
        ..BlindEvidence::default()
    });
    let (id, warn) = (id.to_owned(), Severity::Warn);
    Incident {
        stream: (!rule.is_of_server()).then(super::outbound),
        ..Incident::opened(id, shop(), rule, warn, opened_at, evidence)
    }
}

pub(super) fn resolved(incident: &Incident, now: Timestamp) -> Incident {
    Incident {
        state: IncidentState::Resolved {
            at: now,
            unwatched: false,
            disabled: false,
        },
        judged_at: now,
        ..incident.clone()
    }
}

pub(super) fn keep(b: &mut Database, incidents: &[Incident]) {
    let judgement = CycleCommit {
        incidents: incidents.to_vec(),
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("committed");
}

fn step(incident: &Incident, step: Step, now: Timestamp) -> (Transition, String) {
    let transition = Transition {
        at: now,
        incident: incident.clone(),
        step,
        notified: true,
    };
    (transition, format!("{} {}", incident.id, step.name()))
}

/// The first poll of `shop`, at which `incidents` open and are told.
fn opening(b: &mut Database, incidents: &[Incident], now: Timestamp) -> CycleCommit {
    let before = b.server_state(&shop(), T0).expect("started");
    CycleCommit {
        servers: vec![poll(&before, now, true)],
        incidents: incidents.to_vec(),
        transitions: incidents
            .iter()
            .map(|i| step(i, Step::Opened, now))
            .collect(),
        messages: incidents.iter().map(|i| message(&i.id)).collect(),
        ..CycleCommit::default()
    }
}

pub(super) fn a_judgement_is_read_back(b: &mut Database) {
    let opened = incident("abc123", Rule::BounceRate, at(60));
    let judgement = opening(b, std::slice::from_ref(&opened), at(60));
    b.commit(&judgement).expect("committed");

    assert_eq!(
        b.latest_incidents(&shop()).expect("read"),
        judgement.incidents
    );
    assert_eq!(b.incident("abc123").expect("read"), Some(opened));
    assert_eq!(b.incident("other").expect("read"), None);
    let rows = b.transitions(span(0, 61)).expect("read");
    assert_eq!(rows[0].transition, judgement.transitions[0].0);
    assert_eq!(rows[0].text, "abc123 opened");
    let due = b.due_rows(at(60), super::LEASE).expect("read");
    assert_eq!(due[0].message, judgement.messages[0]);
    assert_eq!((due[0].created_at, due[0].attempts), (at(60), 0));
    assert_eq!(
        b.server_state(&shop(), at(900)).expect("read"),
        judgement.servers[0].1
    );
    assert_eq!(b.last_cycle_at().expect("read"), Some(at(60)));
}

pub(super) fn incidents_about_delivery_are_read_by_their_opening(b: &mut Database) {
    let mut past = incident("past", Rule::DeliveryDrop, at(60));
    past.state = IncidentState::Resolved {
        at: at(90),
        unwatched: false,
        disabled: false,
    };
    let old = Incident {
        id: "old".to_owned(),
        opened_at: at(0),
        ..past.clone()
    };
    let open = incident("open", Rule::DeliverySilence, at(120));
    let rate = incident("rate", Rule::BounceRate, at(120));
    keep(b, &[open.clone(), old, past.clone(), rate]);
    let found = b.delivery_incidents(&shop(), at(60)).expect("read");
    assert_eq!(found, [past, open]);
    let other = b.delivery_incidents(&"other".into(), at(0)).expect("read");
    assert_eq!(other, []);
}

pub(super) fn a_judgement_is_committed_whole_or_not_at_all(b: &mut Database) {
    keep(b, &[incident("first", Rule::BounceRate, at(0))]);
    let start = b.server_state(&shop(), T0).expect("started");
    let fits = incident("fits", Rule::SpamRate, at(60));
    let second = incident("second", Rule::BounceRate, at(60));
    let judgement = opening(b, &[fits.clone(), second], at(60));
    b.commit(&judgement).expect_err("a rule and stream has one");

    // A step of an incident that nobody knows fails only after the incidents were written.
    let mut orphan = opening(b, &[fits], at(60));
    let unknown = incident("unknown", Rule::SendSilence, at(60));
    orphan
        .transitions
        .push(step(&unknown, Step::Opened, at(60)));
    b.commit(&orphan).expect_err("no such incident");

    let ids: Vec<_> = b.latest_incidents(&shop()).expect("read");
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0].id, "first");
    assert_eq!(b.transitions(span(0, 900)).expect("read"), []);
    assert_eq!(b.count_pending().expect("read"), 0);
    assert_eq!(b.polls(&shop(), 9).expect("read"), []);
    assert_eq!(b.server_state(&shop(), at(900)).expect("read"), start);
}

pub(super) fn a_rule_and_stream_have_one_open_incident(b: &mut Database) {
    for rule in [Rule::Blind, Rule::BounceRate] {
        let one = incident(&format!("{rule}1"), rule, at(0));
        keep(b, std::slice::from_ref(&one));
        keep(b, &[one]);
        let two = CycleCommit {
            incidents: vec![incident(&format!("{rule}2"), rule, at(9))],
            ..CycleCommit::default()
        };
        b.commit(&two).expect_err("one is open");
    }
    let elsewhere = Incident {
        stream: Some("news".into()),
        ..incident("news", Rule::BounceRate, at(9))
    };
    keep(b, &[elsewhere]);
    assert_eq!(b.latest_incidents(&shop()).expect("read").len(), 3);
}

pub(super) fn each_tag_of_a_stream_has_an_incident_of_its_own(b: &mut Database) {
    let all = incident("all", Rule::SendSilence, at(0));
    let of = |tag: &str| Incident {
        tag: Some(tag.into()),
        ..incident(tag, Rule::SendSilence, at(0))
    };
    let kept = [all, of("receipt"), of("reset")];
    keep(b, &kept);
    let mut found = b.latest_incidents(&shop()).expect("read");
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, kept);
}

pub(super) fn one_may_close_as_the_next_opens(b: &mut Database) {
    let first = incident("z-first", Rule::BounceRate, at(0));
    let next = incident("a-next", Rule::BounceRate, at(60));
    keep(b, std::slice::from_ref(&first));
    keep(b, &[next.clone(), resolved(&first, at(60))]);
    assert_eq!(b.latest_incidents(&shop()).expect("read"), [next]);
}

pub(super) fn the_open_incident_is_the_latest(b: &mut Database) {
    let gone = incident("a", Rule::BounceRate, at(60));
    let stands = incident("b", Rule::BounceRate, at(60));
    let older = incident("c", Rule::SpamRate, at(10));
    let newer = incident("d", Rule::SpamRate, at(60));
    keep(b, &[resolved(&gone, at(60)), resolved(&newer, at(90))]);
    keep(b, &[stands.clone(), older.clone()]);
    let mut latest = b.latest_incidents(&shop()).expect("read");
    latest.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(latest, [stands, older]);
}

pub(super) fn the_latest_of_each_rule_and_stream_is_told(b: &mut Database) {
    let first = resolved(&incident("a", Rule::BounceRate, at(0)), at(30));
    let last = resolved(&incident("b", Rule::BounceRate, at(60)), at(90));
    let blind = incident("c", Rule::Blind, at(10));
    keep(b, &[last.clone(), first, blind.clone()]);
    let mut latest = b.latest_incidents(&shop()).expect("read");
    latest.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(latest, [last, blind]);
    assert_eq!(b.latest_incidents(&"blog".into()).expect("read"), []);
}

pub(super) fn transitions_are_told_by_their_recording_in_order_of_their_instants(b: &mut Database) {
    let before = b.server_state(&shop(), T0).expect("started");
    let one = incident("a", Rule::BounceRate, at(0));
    keep(b, std::slice::from_ref(&one));
    let steps = [
        (at(60), Step::Escalated),
        (at(30), Step::Opened),
        (at(60), Step::Resolved),
    ];
    let judgement = CycleCommit {
        servers: vec![poll(&before, at(90), true)],
        transitions: steps.map(|(now, taken)| step(&one, taken, now)).to_vec(),
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("committed");
    let steps = |b: &mut Database, within| -> Vec<Step> {
        let rows = b.transitions(within).expect("read");
        rows.iter().map(|row| row.transition.step).collect()
    };
    assert_eq!(
        steps(b, span(90, 91)),
        [Step::Opened, Step::Escalated, Step::Resolved]
    );
    assert_eq!(steps(b, span(0, 90)), []);
}

pub(super) fn polls_are_told_newest_first(b: &mut Database) {
    let mut state = b.server_state(&shop(), T0).expect("started");
    for (now, complete) in [(0, true), (60, false), (120, false), (120, false)] {
        let polled = poll(&state, at(now), complete);
        state = polled.1.clone();
        let judgement = CycleCommit {
            servers: vec![polled],
            ..CycleCommit::default()
        };
        b.commit(&judgement).expect("committed");
    }
    let polls = b.polls(&shop(), 2).expect("read");
    let told: Vec<_> = polls.iter().map(|p| (p.at, p.complete)).collect();
    assert_eq!(told, [(at(120), false), (at(60), false)]);
    assert_eq!(b.server_state(&shop(), at(900)).expect("read"), state);
}

pub(super) fn pruning_keeps_open_incidents(b: &mut Database) {
    let stands = incident("stands", Rule::BounceRate, at(0));
    let gone = resolved(&incident("gone", Rule::SpamRate, at(0)), at(30));
    let judgement = CycleCommit {
        incidents: vec![stands.clone(), gone.clone()],
        transitions: vec![
            step(&stands, Step::Opened, at(0)),
            step(&gone, Step::Resolved, at(30)),
        ],
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("committed");
    b.prune(at(90), at(20)).expect("pruned");
    assert!(
        b.incident("gone").expect("read").is_some(),
        "its last step is kept"
    );
    b.prune(at(90), at(90)).expect("pruned");
    assert_eq!(b.latest_incidents(&shop()).expect("read"), [stands]);
    assert_eq!(b.transitions(span(0, 900)).expect("read"), []);
}

pub(super) fn no_mail_is_due_while_the_account_was_refused(b: &mut Database) {
    let id = |number: u32| format!("00000000-0000-0000-0000-{number:012}");
    let sent = [(1, -600), (2, 7200), (3, 20_000)];
    let sent = sent.map(|(number, seconds)| super::mail(&id(number), at(seconds)));
    super::save(b, &sent, Some(span(-7200, 36_000)));
    let account = incident("acct", Rule::AccountInactive, at(0));
    let again = incident("acc2", Rule::AccountInactive, at(10_000));
    let known = |b: &mut Database| {
        let history = super::history(b, span(-7200, 36_000), &[]);
        history.inactive.spans().to_vec()
    };
    assert_eq!(known(b), []);
    let opened = opening(b, std::slice::from_ref(&account), at(0));
    b.commit(&opened).expect("committed");
    // From the last mail before to the first one after.
    assert_eq!(known(b), [span(-600, 7200)]);
    let end = CycleCommit {
        incidents: vec![resolved(&account, at(3600))],
        transitions: vec![step(&account, Step::Resolved, at(3600))],
        ..CycleCommit::default()
    };
    b.commit(&end).expect("committed");
    assert_eq!(known(b), [span(-600, 3600)]);
    let opened = opening(b, &[again], at(10_000));
    b.commit(&opened).expect("committed");
    let times = [span(-600, 3600), span(7200, 20_000)];
    assert_eq!(known(b), times, "nobody was answered since");
    let of_other = crate::model::StreamKey::new(&"other".into(), &super::outbound());
    let other = b.history(&of_other, span(0, 36_000), &[]).expect("read");
    assert_eq!(other.inactive.spans(), []);
}

pub(super) fn an_account_that_a_person_closed_is_refused_until_it_is_served(b: &mut Database) {
    let id = |number: u32| format!("00000000-0000-0000-0000-{number:012}");
    let sent = [(1, -600), (2, 20_000)];
    let sent = sent.map(|(number, seconds)| super::mail(&id(number), at(seconds)));
    super::save(b, &sent, Some(span(-7200, 36_000)));
    let account = incident("acct", Rule::AccountInactive, at(0));
    let opened = opening(b, std::slice::from_ref(&account), at(0));
    b.commit(&opened).expect("committed");
    let closed = Incident {
        closed_by: Some("ops".to_owned()),
        ..resolved(&account, at(1800))
    };
    let mut close = |closed: &Incident, transitions| {
        let commit = CycleCommit {
            incidents: vec![closed.clone()],
            transitions,
            ..CycleCommit::default()
        };
        b.commit(&commit).expect("committed");
        let history = super::history(b, span(-7200, 36_000), &[]);
        history.inactive.spans().to_vec()
    };
    let by_hand = vec![step(&closed, Step::Resolved, at(1800))];
    assert_eq!(close(&closed, by_hand), [span(-600, 20_000)]);
    let served = Incident {
        recovered_at: Some(at(9000)),
        ..closed
    };
    assert_eq!(close(&served, Vec::new()), [span(-600, 9000)]);
}
