//! Messages that later steps of their incidents edit.

use crate::model::{Rule, Timestamp};
use crate::store::{
    AttemptResult, CycleCommit, Database, Handle, MergedRows, NewMessage, OutboxRow, Placement,
    SplitRow, Thread,
};

use super::incidents::{incident, keep};
use super::{LEASE, T0, at, message};

/// Commits messages about the incident `aaaa`, placed like this, and returns their rows.
fn push(b: &mut Database, placements: &[Placement]) -> Vec<OutboxRow> {
    let of = |placement: &Placement| NewMessage {
        incident: Some("aaaa".to_owned()),
        placement: placement.clone(),
        ..message("a step")
    };
    let commit = CycleCommit {
        messages: placements.iter().map(of).collect(),
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    b.due_rows(T0, LEASE).expect("read")
}

fn opens() -> Placement {
    Placement {
        thread: Thread::Opens,
        ..Placement::default()
    }
}

fn continues(opener: i64) -> Placement {
    Placement {
        thread: Thread::Continues(opener),
        top: "{\"now\":true}".to_owned(),
        broadcast: true,
        mention: "here".to_owned(),
        fallback: Some("C0MAIN".to_owned()),
    }
}

fn send(b: &mut Database, seq: i64, now: i64, ts: &str) {
    assert!(b.claim_row(seq, at(now), LEASE).expect("asked"));
    let accepted = AttemptResult::Accepted {
        channel: Some("C0123".to_owned()),
        ts: Some(ts.to_owned()),
    };
    b.record_attempt(seq, at(now), at(now), &accepted)
        .expect("recorded");
}

fn handle(ts: &str, is_edited: bool) -> Option<Handle> {
    Some(Handle {
        channel: "C0123".to_owned(),
        ts: ts.to_owned(),
        is_edited,
    })
}

pub(super) fn a_step_edits_the_message_of_its_thread_and_then_replies(b: &mut Database) {
    keep(b, &[incident("aaaa", Rule::Blind, T0)]);
    assert_eq!(b.message_threads(&["aaaa".to_owned()]).expect("read"), []);
    let opener = push(b, &[opens()])[0].seq;
    let placement = continues(opener);
    let rows = push(b, &[placement.clone(), Placement::default()]);
    let (step, single) = (rows[1].seq, rows[2].seq);
    assert_eq!(rows[1].message.placement, placement, "as it was written");
    assert_eq!(rows[0].message.placement, opens());
    let threads = b.message_threads(&["aaaa".to_owned(), "bbbb".to_owned()]);
    let threads = threads.expect("read");
    assert_eq!((threads.len(), threads[0].seq), (1, opener));
    assert_eq!(threads[0].incidents[0].id, "aaaa");

    assert_eq!(b.handle(step).expect("read"), None, "not posted yet");
    send(b, opener, 0, "1.1");
    assert_eq!(b.handle(step).expect("read"), handle("1.1", false));
    assert_eq!(b.handle(opener).expect("read"), None, "it edits none");
    assert_eq!(b.handle(single).expect("read"), None);

    assert!(b.claim_row(step, at(1), LEASE).expect("asked"));
    b.record_edit(step, at(2)).expect("recorded");
    assert_eq!(b.handle(step).expect("read"), handle("1.1", true));
    let due = b.due_rows(at(2), LEASE).expect("read");
    let row = due.iter().find(|row| row.seq == step).expect("the reply");
    assert_eq!(row.unconfirmed, None, "no attempt at the reply was made");
    send(b, step, 3, "1.2");
    let later = push(b, &[continues(opener)]).pop().expect("a row").seq;
    let parent = handle("1.1", false);
    assert_eq!(b.handle(later).expect("read"), parent, "no reply's");
}

pub(super) fn a_message_that_takes_no_edits_is_posted_anew_and_goes_on_there(b: &mut Database) {
    let opener = push(b, &[opens()])[0].seq;
    let rows = push(b, &[continues(opener), continues(opener)]);
    send(b, opener, 0, "1.1");
    let (step, next) = (rows[1].seq, rows[2].seq);
    assert!(b.claim_row(step, at(1), LEASE).expect("asked"));
    b.record_edit(step, at(1)).expect("recorded");
    assert!(b.claim_row(step, at(2), LEASE).expect("asked"));
    b.record_attempt(step, at(2), at(2), &refused(None))
        .expect("recorded");
    b.forget_handle(step).expect("recorded");
    assert_eq!(b.handle(step).expect("read"), None);
    let due = b.due_rows(at(2), LEASE).expect("read");
    let row = due.iter().find(|row| row.seq == step).expect("still due");
    assert_eq!(row.unconfirmed, None);
    send(b, step, 3, "2.1");
    assert_eq!(b.handle(next).expect("read"), handle("2.1", false));
}

fn refused(next_try_at: Option<Timestamp>) -> AttemptResult {
    AttemptResult::Failed {
        why: "message_not_found".to_owned(),
        unknown: false,
        next_try_at,
    }
}

pub(super) fn what_a_channel_took_since_an_attempt_is_known(b: &mut Database) {
    let rows = push(b, &[opens(), Placement::default()]);
    let (stuck, other) = (rows[0].seq, rows[1].seq);
    let asked = |b: &mut Database| b.others_were_accepted(stuck).expect("asked");
    send(b, other, 1, "1.0");
    assert!(!asked(b), "it was never tried");
    assert!(b.claim_row(stuck, at(2), LEASE).expect("asked"));
    assert!(!asked(b), "the other one was before");
    let later = push(b, &[Placement::default()]);
    let later = later.last().expect("a row").seq;
    send(b, later, 3, "3.0");
    assert!(asked(b));
}

pub(super) fn what_waits_for_a_channel_that_refuses_goes_to_another(b: &mut Database) {
    let in_wakes = |placement: Placement| NewMessage {
        channel: "C0WAKES".to_owned(),
        placement,
        ..message("a wake")
    };
    let fallback = Some("C0MAIN".to_owned());
    let first = in_wakes(Placement {
        fallback,
        ..opens()
    });
    let commit = |messages| CycleCommit {
        messages,
        ..CycleCommit::default()
    };
    b.commit(&commit(vec![first])).expect("committed");
    let opener = b.due_rows(T0, LEASE).expect("read")[0].seq;
    send(b, opener, 0, "1.1");
    let held = in_wakes(Placement::default());
    b.commit(&commit(vec![in_wakes(continues(opener)), held]))
        .expect("committed");
    let step = b.due_rows(T0, LEASE).expect("read")[0].seq;
    assert!(b.claim_row(step, at(1), LEASE).expect("asked"));
    b.record_attempt(step, at(1), at(1), &refused(Some(at(600))))
        .expect("recorded");

    assert_eq!(b.reroute_rows("C0WAKES").expect("written"), 1);
    let due = b.due_rows(at(2), LEASE).expect("read");
    let places: Vec<_> = due.iter().map(|r| r.message.channel.as_str()).collect();
    assert_eq!(places, ["C0MAIN", "C0WAKES"], "one has no other place");
    assert_eq!(b.handle(step).expect("read"), None, "it is posted there");
    assert_eq!(b.reroute_rows("C0WAKES").expect("written"), 0);
}

pub(super) fn messages_that_wait_become_one_of_them(b: &mut Database) {
    let rows = push(b, &[opens(), Placement::default(), Placement::default()]);
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let merged = MergedRows {
        kept: seqs[0],
        replaced: vec![seqs[1]],
        text: "all of it".to_owned(),
        body: "{}".to_owned(),
        broadcast: true,
        mention: "here".to_owned(),
        incident: None,
        incidents: vec!["aaaa".to_owned(), "bbbb".to_owned()],
    };
    b.merge_rows(&[merged]).expect("written");
    let due = b.due_rows(T0, LEASE).expect("read");
    let texts: Vec<_> = due.iter().map(|row| row.message.text.as_str()).collect();
    assert_eq!(texts, ["all of it", "a step"]);
    let placement = Placement {
        broadcast: true,
        mention: "here".to_owned(),
        ..opens()
    };
    assert_eq!(due[0].message.placement, placement);
    assert_eq!(due[0].message.incidents, ["aaaa", "bbbb"]);
    assert_eq!(due[0].message.incident, None, "of several now");
    assert_eq!(b.count_pending().expect("read"), 2);
    assert_eq!(b.notifications("aaaa").expect("read").len(), 2);
}

pub(super) fn what_is_past_is_not_sent_any_more(b: &mut Database) {
    let rows = push(b, &[opens(), opens(), opens(), opens()]);
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    send(b, seqs[0], 0, "1.1");
    assert!(b.claim_row(seqs[1], at(0), LEASE).expect("asked"));
    b.supersede_rows(&seqs[..3]).expect("written");
    let due = b.due_rows(T0 + LEASE, LEASE).expect("read");
    let due: Vec<i64> = due.iter().map(|row| row.seq).collect();
    assert_eq!(due, [seqs[1], seqs[3]], "what is on its way stays");
    assert_eq!(b.count_pending().expect("read"), 2);
    assert_eq!(b.given_up_rows("").expect("read"), [], "nothing is lost");
    let told = b.notifications("aaaa").expect("read");
    let accepted = told.iter().map(|row| row.accepted_at.is_some());
    assert_eq!(accepted.collect::<Vec<_>>(), [true, false, false]);
    b.supersede_rows(&[]).expect("written");
}

pub(super) fn a_message_of_several_is_split_with_its_incidents(b: &mut Database) {
    let ids = |ids: &[&str]| -> Vec<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
    let several = NewMessage {
        incidents: ids(&["aaaa", "bbbb", "cccc"]),
        placement: opens(),
        ..message("several")
    };
    let commit = |messages| CycleCommit {
        messages,
        at: Some(at(7)),
        ..CycleCommit::default()
    };
    b.commit(&commit(vec![several.clone(), several.clone()]))
        .expect("committed");
    let rows = b.due_rows(T0, LEASE).expect("read");
    let split = |seq| SplitRow {
        seq,
        text: "one".to_owned(),
        body: "{}".to_owned(),
        incident: Some("bbbb".to_owned()),
        rest: NewMessage {
            incidents: ids(&["aaaa", "cccc"]),
            ..several.clone()
        },
    };
    send(b, rows[1].seq, 1, "1.1");
    b.split_rows(&[split(rows[0].seq), split(rows[1].seq)])
        .expect("written");
    let due = b.due_rows(T0, LEASE).expect("read");
    let told: Vec<_> = due
        .iter()
        .map(|row| (row.message.text.as_str(), &row.message.incidents))
        .collect();
    assert_eq!(
        told,
        [
            ("one", &ids(&["bbbb"])),
            ("several", &ids(&["aaaa", "cccc"]))
        ],
        "what was sent is left"
    );
    assert_eq!(due[0].message.incident.as_deref(), Some("bbbb"));
    assert_eq!(due[1].created_at, due[0].created_at);
    assert_eq!(due[1].message.placement, opens(), "a message of its own");
    assert!(due[0].key != due[1].key);
}
