//! What is muted, and what waits for the end of it.

use crate::model::{DAY, Hold, Incident, Mute, Rule, ServerName, Severity, Timestamp};
use crate::store::{CycleCommit, Database, HeldRows, MessageKind, NewMessage};

use super::incidents::{incident, keep};
use super::{T0, at, message, shop};

fn mute(server: Option<ServerName>, rule: Option<Rule>, from: Timestamp, until: Timestamp) -> Mute {
    Mute {
        id: 0,
        server,
        rule,
        incident: None,
        from,
        until,
        reason: "a migration".to_owned(),
        by: "ops".to_owned(),
        planned: false,
    }
}

/// The rows that wait outside quiet hours.
pub(super) fn held(b: &mut Database, at: Timestamp) -> Vec<i64> {
    let hold = Hold::outside_quiet_hours(at);
    b.held_rows(hold).expect("read").rows
}

pub(super) fn a_mute_runs_until_it_ends(b: &mut Database) {
    let mut set = mute(Some(shop()), Some(Rule::BounceRate), T0, at(60));
    set.id = b.save_mute(&set, &[]).expect("stored");
    assert_eq!(b.mutes(at(59)).expect("read"), [set.clone()]);
    assert_eq!(b.mutes(at(60)).expect("read"), []);
    b.end_mutes(&[set.id], at(30)).expect("ended");
    assert_eq!(b.mutes(at(30)).expect("read"), []);
    b.end_mutes(&[set.id], at(50)).expect("asked");
    let ended = Mute {
        until: at(30),
        ..set
    };
    assert_eq!(b.mutes(at(29)).expect("read"), [ended], "it ended before");
}

pub(super) fn a_planned_mute_holds_nothing_before_it_begins(b: &mut Database) {
    let commit = CycleCommit {
        messages: vec![message("an alert")],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let mut planned = Mute {
        planned: true,
        ..mute(None, None, at(60), at(120))
    };
    planned.id = b.save_mute(&planned, &[]).expect("stored");
    assert_eq!(b.mutes(T0).expect("read"), [planned]);
    let waiting = [59, 60, 119, 120].map(|s| held(b, at(s)).len());
    assert_eq!(waiting, [0, 1, 1, 0]);
    b.rewind(T0).expect("rewound");
    assert_eq!(b.mutes(at(119)).expect("read").len(), 1, "no wrong clock");
}

pub(super) fn a_new_mute_ends_those_whose_place_it_takes(b: &mut Database) {
    let old = b
        .save_mute(&mute(None, None, T0, at(600)), &[])
        .expect("stored");
    let other = mute(Some(shop()), None, T0, at(600));
    b.save_mute(&other, &[]).expect("stored");
    b.save_mute(&mute(None, None, at(60), at(120)), &[old])
        .expect("stored");
    let ends: Vec<Timestamp> = b
        .mutes(at(60))
        .expect("read")
        .iter()
        .map(|mute| mute.until)
        .collect();
    assert_eq!(ends, [at(600), at(120)]);
}

pub(super) fn a_muted_message_is_held_and_a_digest_is_not(b: &mut Database) {
    keep(b, &[incident("aaaa", Rule::Blind, T0)]);
    let of = |kind: MessageKind, incident: Option<&str>| NewMessage {
        kind,
        incident: incident.map(str::to_owned),
        ..message(kind.name())
    };
    let judgement = CycleCommit {
        messages: vec![
            of(MessageKind::Alert, Some("aaaa")),
            of(MessageKind::Alert, None),
            of(MessageKind::CatchUp, None),
            of(MessageKind::Digest, None),
        ],
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("committed");
    let all: Vec<i64> = b
        .due_rows(T0, super::LEASE)
        .expect("read")
        .iter()
        .map(|row| row.seq)
        .collect();
    let mut held_by = |mute: &Mute| {
        let id = b.save_mute(mute, &[]).expect("stored");
        let waiting = held(b, at(1));
        assert!(held(b, at(60)).is_empty(), "it is over");
        b.end_mutes(&[id], at(1)).expect("ended");
        waiting
    };
    assert_eq!(held_by(&mute(None, None, T0, at(60))), all[..3]);
    for (server, rule) in [
        (Some(shop()), None),
        (None, Some(Rule::Blind)),
        (Some(shop()), Some(Rule::Blind)),
    ] {
        assert_eq!(held_by(&mute(server, rule, T0, at(60))), all[..1]);
    }
    for (server, rule) in [
        (Some(ServerName::from("other")), None),
        (Some(shop()), Some(Rule::SpamRate)),
    ] {
        assert!(held_by(&mute(server, rule, T0, at(60))).is_empty());
    }
}

pub(super) fn a_message_of_several_incidents_is_held_while_all_of_them_are_muted(b: &mut Database) {
    let of_other = Incident {
        server: ServerName::from("other"),
        ..incident("bbbb", Rule::Blind, T0)
    };
    keep(
        b,
        &[
            incident("aaaa", Rule::Blind, T0),
            of_other,
            incident("cccc", Rule::SpamRate, T0),
        ],
    );
    let of = |incidents: &[&str]| NewMessage {
        incidents: incidents.iter().map(|id| (*id).to_owned()).collect(),
        ..message("several")
    };
    let commit = CycleCommit {
        messages: vec![
            of(&["aaaa", "bbbb"]),
            of(&["aaaa", "cccc"]),
            of(&["aaaa", "unknown"]),
        ],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let rows = b.due_rows(T0, super::LEASE).expect("read");
    let rows: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let (shop, other) = (Some(shop()), Some(ServerName::from("other")));
    for (mutes, wanted) in [
        (vec![(None, None)], vec![0, 1, 2]),
        (vec![(None, Some(Rule::Blind))], vec![0]),
        (vec![(shop.clone(), None)], vec![1]),
        (vec![(other.clone(), None)], vec![]),
        (
            vec![(shop.clone(), Some(Rule::Blind)), (other, None)],
            vec![0],
        ),
        (
            vec![
                (shop.clone(), Some(Rule::Blind)),
                (shop, Some(Rule::SpamRate)),
            ],
            vec![1],
        ),
    ] {
        let set = mutes.iter().map(|(server, rule)| {
            let mute = mute(server.clone(), *rule, T0, at(60));
            b.save_mute(&mute, &[]).expect("stored")
        });
        let set: Vec<i64> = set.collect();
        let wanted: Vec<i64> = wanted.into_iter().map(|index: usize| rows[index]).collect();
        assert_eq!(held(b, at(1)), wanted, "{mutes:?}");
        b.end_mutes(&set, at(1)).expect("ended");
    }
}

pub(super) fn rewinding_shifts_a_mute_of_a_wrong_clock(b: &mut Database) {
    let set = mute(None, None, at(1_000_000), at(1_000_060));
    b.save_mute(&set, &[]).expect("stored");
    b.rewind(T0).expect("rewound");
    assert_eq!(b.mutes(at(59)).expect("read").len(), 1);
    assert_eq!(b.mutes(at(60)).expect("read"), []);
}

pub(super) fn warnings_wait_in_quiet_hours_and_wakes_do_not(b: &mut Database) {
    let warning = incident("aaaa", Rule::BounceRate, T0);
    let wake = Incident {
        severity: Severity::Wake,
        ..incident("bbbb", Rule::SendSilence, T0)
    };
    keep(b, &[warning, wake]);
    let of = |kind, incidents: &[&str]| NewMessage {
        kind,
        incidents: incidents.iter().map(|id| (*id).to_owned()).collect(),
        ..message("a step")
    };
    let commit = CycleCommit {
        messages: vec![
            of(MessageKind::Alert, &["aaaa"]),
            of(MessageKind::Alert, &["bbbb"]),
            of(MessageKind::Alert, &["aaaa", "bbbb"]),
            of(MessageKind::Hello, &[]),
            of(MessageKind::Edit, &["aaaa"]),
            of(MessageKind::CatchUp, &["aaaa"]),
        ],
        at: Some(T0),
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let rows = b.due_rows(T0, super::LEASE).expect("read");
    let rows: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let quiet = |is_quiet| Hold {
        at: at(1),
        is_quiet,
    };
    assert_eq!(
        b.held_rows(quiet(false)).expect("read"),
        HeldRows::default()
    );
    let held = b.held_rows(quiet(true)).expect("read");
    assert_eq!(held.rows, [rows[0], rows[5]]);
    assert_eq!(held.incidents.into_iter().collect::<Vec<_>>(), ["aaaa"]);
    let is_held = |b: &mut Database, row: usize| b.is_row_held(rows[row], quiet(true));
    assert!(is_held(b, 0).expect("read") && !is_held(b, 1).expect("read"));
    let oldest = b.oldest_undelivered(quiet(true)).expect("read");
    assert_eq!(oldest, Some(T0), "the wake");
    let days = |days| Hold {
        at: T0 + DAY * days,
        is_quiet: true,
    };
    assert_eq!(b.held_rows(days(6)).expect("read").rows, [rows[0], rows[5]]);
    assert_eq!(b.held_rows(days(7)).expect("read"), HeldRows::default());
    let waited = Incident {
        outlasts_quiet_hours: true,
        ..b.incident("aaaa").expect("read").expect("known")
    };
    super::incidents::keep(b, &[waited]);
    assert_eq!(b.held_rows(quiet(true)).expect("read"), HeldRows::default());
}
