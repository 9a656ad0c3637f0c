//! Messages to be told, and which periods a digest told of.

use crate::model::{Hold, MINUTE, Timestamp, WaitReason, WaitingMessages};
use crate::store::{
    AttemptOutcome, AttemptResult, AttemptRow, CycleCommit, Database, MessageKind, NewMessage,
    Note, UnconfirmedAttempt,
};

use super::{LEASE, T0, at, message, poll, shop, span};

const NONE: [i64; 0] = [];

/// Puts `texts` in line at [`T0`] and tells their places.
fn push(b: &mut Database, texts: &[&str]) -> Vec<i64> {
    let before = b.server_state(&shop(), T0).expect("started");
    let judgement = CycleCommit {
        servers: vec![poll(&before, T0, true)],
        messages: texts.iter().map(|text| message(text)).collect(),
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("committed");
    due(b, T0)
}

fn due(b: &mut Database, now: Timestamp) -> Vec<i64> {
    let rows = b.due_rows(now, LEASE).expect("read");
    rows.iter().map(|row| row.seq).collect()
}

fn claim(b: &mut Database, seq: i64, now: Timestamp) -> bool {
    b.claim_row(seq, now, LEASE).expect("asked")
}

fn accept(b: &mut Database, seq: i64, now: Timestamp) {
    let accepted = AttemptResult::Accepted {
        channel: Some("C0123".to_owned()),
        ts: Some("1700000000.000100".to_owned()),
    };
    b.record_attempt(seq, T0, now, &accepted).expect("recorded");
}

fn fail(b: &mut Database, seq: i64, now: Timestamp, next_try_at: Option<Timestamp>) {
    let failed = AttemptResult::Failed {
        why: "HTTP 503".to_owned(),
        unknown: false,
        next_try_at,
    };
    b.record_attempt(seq, T0, now, &failed).expect("recorded");
}

pub(super) fn rows_are_due_in_the_order_they_were_written(b: &mut Database) {
    push(b, &["one", "two", "three"]);
    let rows = b.due_rows(at(60), LEASE).expect("read");
    let texts: Vec<_> = rows.iter().map(|row| row.message.text.as_str()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert!(rows.is_sorted_by_key(|row| row.seq));
    assert_eq!(b.count_pending().expect("read"), 3);
}

pub(super) fn a_claimed_row_is_left_alone_within_its_lease(b: &mut Database) {
    let seq = push(b, &["one", "two"]);
    assert!(claim(b, seq[0], at(0)));
    assert!(!claim(b, seq[0], at(0)), "taken");
    assert_eq!(due(b, at(119)), [seq[1]]);
    assert!(!claim(b, seq[0], at(119)));
    assert_eq!(b.count_pending().expect("read"), 2, "taken is not accepted");
    assert_eq!(due(b, at(120)), seq, "its taker is taken for dead");
    assert!(claim(b, seq[0], at(120)));
    assert!(!claim(b, seq[0], at(239)), "a lease of its own");
    assert!(!claim(b, 999, at(0)), "no such row");
}

pub(super) fn a_failed_row_stays_pending(b: &mut Database) {
    let seq = push(b, &["one"])[0];
    assert!(claim(b, seq, at(0)));
    fail(b, seq, at(1), Some(at(60)));
    assert_eq!(b.count_pending().expect("read"), 1);
    assert_eq!(due(b, at(59)), NONE);
    let row = &b.due_rows(at(60), LEASE).expect("read")[0];
    assert_eq!((row.seq, row.attempts), (seq, 1));
    assert_eq!(row.next_try_at, Some(at(60)));
    assert!(claim(b, seq, at(60)));
    fail(b, seq, at(61), None);
    let row = &b.due_rows(at(61), LEASE).expect("read")[0];
    assert_eq!((row.attempts, row.next_try_at), (2, None));
}

pub(super) fn what_waits_for_each_channel_is_known_with_the_reason(b: &mut Database) {
    let quiet = Hold {
        at: at(60),
        is_quiet: true,
    };
    let waiting = |b: &mut Database, clock| b.waiting_messages(quiet, clock).expect("read");
    assert_eq!(waiting(b, at(60)), []);
    let to = |channel: &str| NewMessage {
        channel: channel.to_owned(),
        ..message("one")
    };
    let commit = CycleCommit {
        messages: vec![to("sink:bell"), to(""), to("sink:bell"), to("sink:pager")],
        at: Some(T0),
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let seq = due(b, T0);
    let of = |channel: &str, count, reason| WaitingMessages {
        channel: channel.to_owned(),
        count,
        since: T0,
        reason,
    };
    assert_eq!(waiting(b, at(1))[0], of("", 1, WaitReason::NotTried));
    let fail_with = |b: &mut Database, seq, began, why: &str, unknown, next_try_at| {
        assert!(claim(b, seq, began));
        let failed = AttemptResult::Failed {
            why: why.to_owned(),
            unknown,
            next_try_at,
        };
        b.record_attempt(seq, began, began, &failed)
            .expect("recorded");
    };
    fail_with(b, seq[2], at(1), "HTTP 500", false, None);
    fail_with(b, seq[0], at(2), "HTTP 410", false, None);
    assert!(claim(b, seq[3], T0));
    accept(b, seq[3], at(1));
    let gone = WaitReason::Failing {
        failing_since: at(1),
        why: "HTTP 410".to_owned(),
    };
    let expected = [of("", 1, WaitReason::NotTried), of("sink:bell", 2, gone)];
    assert_eq!(waiting(b, at(3)), expected);
    fail_with(b, seq[0], at(3), "HTTP 429", false, Some(at(9)));
    let limited = WaitReason::RateLimited {
        until: at(9),
        why: "HTTP 429".to_owned(),
    };
    assert_eq!(waiting(b, at(4))[1].reason, limited);
    fail_with(b, seq[1], at(10), "no answer", true, None);
    let unconfirmed = |why: Option<&str>| WaitReason::Unconfirmed {
        failing_since: at(10),
        why: why.map(str::to_owned),
    };
    assert_eq!(waiting(b, at(11))[0].reason, unconfirmed(Some("no answer")));
    assert!(claim(b, seq[1], at(12)), "an attempt without an end");
    assert_eq!(waiting(b, at(13))[0].reason, unconfirmed(None));
}

pub(super) fn an_accepted_row_never_comes_back(b: &mut Database) {
    let seq = push(b, &["one"])[0];
    assert!(claim(b, seq, at(0)));
    accept(b, seq, at(1));
    b.rewind(at(0)).expect("rewound");
    assert_eq!(due(b, at(86_400)), NONE);
    assert!(!claim(b, seq, at(86_400)));
    assert_eq!(b.count_pending().expect("read"), 0);
}

pub(super) fn a_late_failure_does_not_undo_an_acceptance(b: &mut Database) {
    let seq = push(b, &["one"])[0];
    assert!(claim(b, seq, at(0)));
    assert!(claim(b, seq, at(300)), "the first taker is late");
    accept(b, seq, at(301));
    fail(b, seq, at(302), None);
    assert_eq!(due(b, at(86_400)), NONE);
    assert_eq!(b.count_pending().expect("read"), 0);
}

/// The attempts in doubt of the first row that is due.
fn doubt(b: &mut Database, now: Timestamp) -> Option<UnconfirmedAttempt> {
    b.due_rows(now, LEASE).expect("read")[0].unconfirmed
}

pub(super) fn an_attempt_that_was_begun_and_never_finished_is_in_doubt(b: &mut Database) {
    let seq = push(b, &["one"])[0];
    assert_eq!(doubt(b, at(0)), None);
    assert!(claim(b, seq, at(0)));
    assert!(claim(b, seq, at(300)));
    let (since, last) = (at(0), at(300));
    let unanswered = 0;
    assert_eq!(
        doubt(b, at(900)),
        Some(UnconfirmedAttempt {
            since,
            last,
            unanswered
        })
    );
}

pub(super) fn only_an_unknown_end_leaves_an_attempt_in_doubt(b: &mut Database) {
    let seq = push(b, &["one"])[0];
    let mut attempt = |began, unknown| {
        assert!(claim(b, seq, began));
        let failed = AttemptResult::Failed {
            why: "an end".to_owned(),
            unknown,
            next_try_at: None,
        };
        b.record_attempt(seq, began, began, &failed)
            .expect("recorded");
        doubt(b, began)
    };
    assert_eq!(attempt(at(0), false), None);
    let (since, last) = (at(60), at(60));
    let expected = Some(UnconfirmedAttempt {
        since,
        last,
        unanswered: 1,
    });
    assert_eq!(attempt(at(60), true), expected);
    let doubt = attempt(at(120), false);
    assert_eq!(doubt, expected, "a later one settles nothing");
}

pub(super) fn every_row_has_a_key_of_its_own(b: &mut Database) {
    push(b, &["one", "one"]);
    let mut keys = |now| -> Vec<String> {
        let rows = b.due_rows(now, LEASE).expect("read");
        rows.into_iter().map(|row| row.key).collect()
    };
    let first = keys(at(0));
    assert_ne!(first[0], first[1]);
    assert!(first[0].len() >= 16, "{first:?}");
    assert_eq!(keys(at(60)), first);
}

pub(super) fn a_row_knows_where_the_last_message_to_its_destination_landed(b: &mut Database) {
    let seq = push(b, &["one", "two"]);
    let mut landed = |now| b.due_rows(now, LEASE).expect("read")[0].landed_in.clone();
    assert_eq!(landed(at(0)), None);
    assert!(claim(b, seq[0], at(0)));
    accept(b, seq[0], at(1));
    let row = &b.due_rows(at(2), LEASE).expect("read")[0];
    assert_eq!(row.landed_in.as_deref(), Some("C0123"));
}

pub(super) fn a_message_is_found_by_every_incident_that_it_names(b: &mut Database) {
    let of = |text: &str, incident: Option<&str>, incidents: &[&str]| NewMessage {
        incident: incident.map(str::to_owned),
        incidents: incidents.iter().map(|id| (*id).to_owned()).collect(),
        ..message(text)
    };
    let commit = CycleCommit {
        messages: vec![
            of("one", Some("aaaa"), &[]),
            of("both", None, &["aaaa", "bbbb"]),
            of("mentions aaaa and bbbb", None, &[]),
        ],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let rows = b.due_rows(T0, LEASE).expect("read");
    let named: Vec<_> = rows.iter().map(|r| r.message.incidents.clone()).collect();
    assert_eq!(named, [vec!["aaaa"], vec!["aaaa", "bbbb"], vec![]]);
    assert!(claim(b, rows[1].seq, T0));
    fail(b, rows[1].seq, at(1), None);
    assert!(claim(b, rows[1].seq, at(2)));
    for (incident, texts) in [("aaaa", vec!["one", "both"]), ("bbbb", vec!["both"])] {
        let found = b.notifications(incident).expect("read");
        let found: Vec<_> = found.iter().map(|n| n.message.text.as_str()).collect();
        assert_eq!(found, texts, "{incident}");
    }
    assert_eq!(b.notifications("cccc").expect("read"), []);
    let both = b.notifications("bbbb").expect("read").remove(0);
    assert_eq!(both.message, rows[1].message);
    let attempt = |at, outcome, unknown| AttemptRow {
        at,
        outcome,
        unknown,
    };
    let failed = AttemptOutcome::Failed("HTTP 503".to_owned());
    assert_eq!(
        both.attempts,
        [
            attempt(T0, failed, false),
            attempt(at(2), AttemptOutcome::Begun, true)
        ]
    );
}

pub(super) fn a_message_given_up_is_no_longer_due_and_is_named_once(b: &mut Database) {
    let seq = push(b, &["one\nand more", "two", "three"]);
    let note = Note {
        at: at(5),
        server: shop(),
        text: "an unconfirmed message".to_owned(),
    };
    assert!(claim(b, seq[0], at(0)));
    assert!(b.give_up_row(seq[0], &note).expect("written"));
    assert!(!b.give_up_row(seq[0], &note).expect("written"), "once");
    assert_eq!(
        b.notes(span(0, 10)).expect("read"),
        std::slice::from_ref(&note)
    );
    assert_eq!(due(b, at(3600)), seq[1..]);
    assert!(!claim(b, seq[0], at(3600)));
    assert_eq!(b.count_pending().expect("read"), 2);
    assert!(claim(b, seq[1], at(0)));
    accept(b, seq[1], at(1));
    assert!(!b.give_up_row(seq[1], &note).expect("written"), "accepted");

    let [unnamed] = &b.given_up_rows("").expect("read")[..] else {
        panic!("one message");
    };
    let (headline, incident) = (unnamed.headline.as_str(), &unnamed.incident);
    assert_eq!((unnamed.seq, headline, incident), (seq[0], "one", &None));
    assert_eq!(b.given_up_rows("C0OTHER").expect("read"), []);
    b.mark_named(&[seq[0], seq[1]]).expect("written");
    assert_eq!(b.given_up_rows("").expect("read"), []);
    assert_eq!(due(b, at(3600)), [seq[2]], "what was sent stays sent");

    // One whose answer came after all.
    accept(b, seq[0], at(2));
    b.prune(at(3600), at(3600)).expect("pruned");
    assert_eq!(due(b, at(3600)), [seq[2]]);
}

pub(super) fn a_digest_is_written_once_a_period(b: &mut Database) {
    assert_eq!(b.last_digest().expect("read"), None);
    let mut save = |text: &str, until| {
        b.save_digest(span(0, until), &message(text), false, at(until))
            .expect("saved")
    };
    assert!(save("monday", 60));
    assert!(!save("monday again", 60));
    assert!(save("tuesday", 120));
    let last = b.last_digest().expect("read").expect("one was told");
    assert_eq!((last.until, last.message), (at(120), message("tuesday")));
    assert_eq!(due(b, at(120)).len(), 2);
}

pub(super) fn a_digest_knows_when_it_was_written(b: &mut Database) {
    let digest = NewMessage {
        kind: MessageKind::Digest,
        ..message("digest")
    };
    let mut save = |until, again, now| {
        b.save_digest(span(0, until), &digest, again, at(now))
            .expect("saved")
    };
    assert!(save(60, false, 65) && save(120, false, 300) && save(120, true, 400));
    let mut written = |until| b.digest_written_at(at(until)).expect("read");
    assert_eq!(written(60), Some(at(65)));
    assert_eq!(written(120), Some(at(300)), "first, not again");
    assert_eq!(written(500), None);
}

pub(super) fn a_digest_may_be_written_again(b: &mut Database) {
    for text in ["monday", "monday again"] {
        let wrote = b.save_digest(span(0, 60), &message(text), true, at(60));
        assert!(wrote.expect("saved"));
    }
    let last = b.last_digest().expect("read").expect("one was told");
    assert_eq!(last.message, message("monday again"));
    assert_eq!(due(b, at(60)).len(), 2);
}

pub(super) fn an_older_period_is_not_told_after_a_newer_one(b: &mut Database) {
    let mut save = |until, now| {
        b.save_digest(span(0, until), &message("digest"), false, at(now))
            .expect("saved")
    };
    assert!(save(120, 120));
    assert!(!save(60, 121));
    assert_eq!(b.count_pending().expect("read"), 1);
}

pub(super) fn pruning_keeps_what_was_not_accepted(b: &mut Database) {
    let seq = push(b, &["one", "two"]);
    assert!(claim(b, seq[0], at(0)));
    accept(b, seq[0], at(1));
    assert!(claim(b, seq[1], at(0)));
    fail(b, seq[1], at(1), None);
    let later = at(3600) + MINUTE;
    b.prune(later, later).expect("pruned");
    assert_eq!(due(b, later), [seq[1]]);
}
