//! What people answered to messages.

use crate::model::{Answer, DAY, Mute, Rule, StandingAnswer, Timestamp};
use crate::store::{
    AnswersRead, AttemptResult, CycleCommit, Database, MessageKind, NewMessage, Placement, Thread,
};

use super::incidents::{incident, keep};
use super::mutes::held;
use super::{LEASE, T0, at, message};

/// Posts a message about the incident `aaaa`, and returns its row.
fn post(b: &mut Database) -> i64 {
    let commit = CycleCommit {
        messages: vec![NewMessage {
            incident: Some("aaaa".to_owned()),
            placement: Placement {
                thread: Thread::Opens,
                ..Placement::default()
            },
            ..message("opened")
        }],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let seq = b.due_rows(T0, LEASE).expect("read")[0].seq;
    assert!(b.claim_row(seq, T0, LEASE).expect("asked"));
    let accepted = AttemptResult::Accepted {
        channel: Some("C0123".to_owned()),
        ts: Some("1.2".to_owned()),
    };
    b.record_attempt(seq, T0, T0, &accepted).expect("recorded");
    seq
}

fn eyes() -> StandingAnswer {
    StandingAnswer {
        answer: Answer::Acknowledged,
        user: "U0AMY".to_owned(),
    }
}

fn read(thread: i64, ts: &str) -> AnswersRead {
    AnswersRead {
        thread,
        ts: ts.to_owned(),
        at: T0,
        seen: vec![eyes()],
    }
}

pub(super) fn a_message_of_an_open_incident_may_be_answered(b: &mut Database) {
    keep(b, &[incident("aaaa", Rule::Blind, T0)]);
    assert_eq!(b.answerable_messages(T0).expect("read"), []);
    let seq = post(b);
    let found = b.answerable_messages(T0).expect("read");
    assert_eq!((found.len(), found[0].thread), (1, seq));
    assert_eq!((found[0].read_at, found[0].seen.len()), (None, 0));
    assert_eq!(found[0].handle.ts, "1.2");
    assert_eq!(found[0].incidents[0].id, "aaaa");
    b.save_answers_read(&[read(seq, "1.2")]).expect("stored");
    let found = b.answerable_messages(T0).expect("read");
    assert_eq!(
        (found[0].read_at, &found[0].seen),
        (Some(T0), &vec![eyes()])
    );
    b.save_answers_read(&[read(seq, "0.9")]).expect("stored");
    let found = b.answerable_messages(T0).expect("read");
    assert_eq!(found[0].seen, [], "that was another message");
}

pub(super) fn reads_of_the_last_minute_are_counted(b: &mut Database) {
    keep(b, &[incident("aaaa", Rule::Blind, T0)]);
    let seq = post(b);
    assert_eq!(b.count_answer_reads(Timestamp(0)).expect("read"), 0);
    b.save_answers_read(&[read(seq, "1.2")]).expect("stored");
    assert_eq!(b.count_answer_reads(T0 - LEASE).expect("read"), 1);
    assert_eq!(b.count_answer_reads(T0).expect("read"), 0);
}

pub(super) fn what_an_answer_does_is_stored_with_it(b: &mut Database) {
    let known = incident("aaaa", Rule::Blind, T0);
    keep(b, std::slice::from_ref(&known));
    let seq = post(b);
    let mute = Mute {
        id: 0,
        server: Some(known.server.clone()),
        rule: Some(known.rule),
        incident: Some("aaaa".to_owned()),
        from: T0,
        until: T0 + DAY,
        reason: "answered".to_owned(),
        by: "Amy".to_owned(),
        planned: false,
    };
    let edit = NewMessage {
        kind: MessageKind::Edit,
        incident: Some("aaaa".to_owned()),
        placement: Placement {
            thread: Thread::Continues(seq),
            ..Placement::default()
        },
        ..message("muted by Amy")
    };
    let commit = CycleCommit {
        at: Some(T0),
        mutes: vec![mute.clone()],
        answers: vec![read(seq, "1.2")],
        messages: vec![edit, message("another")],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let stored = b.mutes(T0).expect("read");
    assert_eq!(stored.len(), 1);
    assert_eq!(
        (&stored[0].incident, &stored[0].by),
        (&mute.incident, &mute.by)
    );
    assert_eq!(b.answerable_messages(T0).expect("read")[0].seen, [eyes()]);
    let rows = b.due_rows(T0, LEASE).expect("read");
    assert_eq!(
        (rows[0].message.kind, rows[0].created_at),
        (MessageKind::Edit, T0)
    );
    assert_eq!(
        held(b, at(1)),
        Vec::<i64>::new(),
        "an edit says that it is muted"
    );
    let ended = CycleCommit {
        at: Some(at(1)),
        ended_mutes: vec![stored[0].id],
        ..CycleCommit::default()
    };
    b.commit(&ended).expect("committed");
    assert_eq!(b.mutes(at(1)).expect("read"), []);
}

pub(super) fn a_mute_of_one_incident_holds_no_other(b: &mut Database) {
    let mut other = incident("bbbb", Rule::Blind, T0);
    other.server = "other".into();
    let known = incident("aaaa", Rule::Blind, T0);
    keep(b, &[known.clone(), other]);
    let about = |id: &str| NewMessage {
        incident: Some(id.to_owned()),
        ..message(id)
    };
    let commit = CycleCommit {
        at: Some(T0),
        mutes: vec![Mute {
            id: 0,
            server: Some(known.server),
            rule: Some(Rule::Blind),
            incident: Some("aaaa".to_owned()),
            from: T0,
            until: T0 + DAY,
            reason: String::new(),
            by: String::new(),
            planned: false,
        }],
        messages: vec![about("aaaa"), about("bbbb"), message("of none")],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let rows = b.due_rows(T0, LEASE).expect("read");
    assert_eq!(held(b, at(1)), [rows[0].seq]);
}
