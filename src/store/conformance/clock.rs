//! What is left after cycles that ran on a wrong clock, years ahead.

use crate::model::{Incident, IncidentState, Kind, Proof, Rule, Status, Timestamp};
use crate::store::{AttemptResult, CycleCommit, Database, SampleCandidate, ServerState};

use super::incidents::{incident, keep, resolved};
use super::{LEASE, T0, at, history, mail, message, poll, save, sent, shop, shop_outbound, span};

/// Ten years after [`T0`], in seconds.
const WRONG: i64 = 10 * 365 * 86_400;

/// A cycle of `shop`; its state after it.
fn cycle(b: &mut Database, now: i64, complete: bool) -> ServerState {
    let before = b.server_state(&shop(), at(now)).expect("known");
    let polled = poll(&before, at(now), complete);
    let state = polled.1.clone();
    let judgement = CycleCommit {
        servers: vec![polled],
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("committed");
    state
}

pub(super) fn rewinding_forgets_coverage_from_after_the_last_good_cycle(b: &mut Database) {
    cycle(b, 0, true);
    save(b, &[mail("m1", at(-30))], Some(span(-60, 0)));
    cycle(b, 3600, true);
    save(b, &[], Some(span(0, 3600)));
    cycle(b, WRONG, true);
    save(b, &[mail("m2", at(3700))], Some(span(2700, WRONG)));
    b.save_bounces(&shop_outbound(), &[], Some(span(3600, WRONG)))
        .expect("claimed");
    b.rewind(at(7200)).expect("rewound");
    let mut coverage = |kind| b.coverage(&shop_outbound(), kind).expect("read");
    assert_eq!(coverage(Kind::Messages).spans(), [span(-60, 3600)]);
    assert_eq!(coverage(Kind::Bounces).spans(), []);
    assert_eq!(sent(b, 0, 120), 1, "messages bear Postmark's time");
}

pub(super) fn rewinding_brings_back_the_state_of_the_last_good_cycle(b: &mut Database) {
    cycle(b, 0, true);
    cycle(b, 3600, false);
    let good = cycle(b, 7200, false);
    cycle(b, WRONG, true);
    b.rewind(at(9000)).expect("rewound");
    assert_eq!(b.server_state(&shop(), at(9000)).expect("read"), good);
    assert_eq!(b.last_cycle_at().expect("read"), Some(at(7200)));
    assert_eq!(b.polls(&shop(), 9).expect("read").len(), 3);
}

pub(super) fn rewinding_with_no_good_cycle_forgets_them_all(b: &mut Database) {
    cycle(b, WRONG, false);
    save(b, &[], Some(span(-60, WRONG)));
    b.rewind(T0).expect("rewound");
    let fresh = ServerState {
        first_start_at: T0,
        ..ServerState::default()
    };
    assert_eq!(b.server_state(&shop(), at(60)).expect("read"), fresh);
    assert_eq!(b.first_start_at().expect("read"), Some(T0));
    assert_eq!(b.last_cycle_at().expect("read"), None);
    let coverage = b.coverage(&shop_outbound(), Kind::Messages);
    assert_eq!(coverage.expect("read").spans(), [span(-60, 0)]);
}

pub(super) fn rewinding_a_right_clock_changes_nothing(b: &mut Database) {
    cycle(b, 0, true);
    let state = cycle(b, 3600, false);
    save(b, &[], Some(span(-60, 3600)));
    let stands = incident("a", Rule::BounceRate, at(0));
    keep(b, std::slice::from_ref(&stands));
    b.save_digest(span(0, 3600), &message("digest"), false, at(3600))
        .expect("saved");
    b.rewind(at(3600)).expect("rewound");
    assert_eq!(b.server_state(&shop(), at(3600)).expect("read"), state);
    assert_eq!(b.latest_incidents(&shop()).expect("read"), [stands]);
    assert!(b.last_digest().expect("read").is_some());
    let coverage = b.coverage(&shop_outbound(), Kind::Messages);
    assert_eq!(coverage.expect("read").spans(), [span(-60, 3600)]);
}

pub(super) fn what_was_pruned_is_read_again_and_counted_once(b: &mut Database) {
    cycle(b, 0, true);
    let mails = [mail("m1", at(10)), mail("m2", at(70)), mail("m3", at(100))];
    save(b, &mails, Some(span(-60, 7200)));
    b.save_bounces(&shop_outbound(), &[], Some(span(-60, 7200)))
        .expect("claimed");
    // In the middle of a minute, of which a message stays.
    b.prune(at(90), Timestamp::MIN).expect("pruned");
    b.reread(span(-60, 90)).expect("forgotten");
    for kind in [Kind::Messages, Kind::Bounces] {
        let coverage = b.coverage(&shop_outbound(), kind).expect("read");
        assert_eq!(coverage.spans(), [span(120, 7200)], "{kind:?}");
    }
    save(b, &mails, Some(span(-60, 120)));
    assert_eq!((sent(b, 0, 1), sent(b, 1, 2)), (1, 2));
    let hours = history(b, span(0, 3600), &[]).hours;
    assert_eq!(hours.iter().map(|h| h.sent).collect::<Vec<_>>(), [3]);
    let known = b.coverage(&shop_outbound(), Kind::Messages).expect("read");
    b.reread(span(60, 60)).expect("nothing");
    let same = b.coverage(&shop_outbound(), Kind::Messages).expect("read");
    assert_eq!(same, known);
}

pub(super) fn a_server_that_was_never_polled_is_forgotten(b: &mut Database) {
    let other = "other".into();
    b.server_state(&other, at(WRONG)).expect("stored");
    cycle(b, 0, true);
    b.forget_unpolled_servers().expect("forgotten");
    let first = |b: &mut Database, server| b.server_state(server, at(60)).expect("read");
    assert_eq!(first(b, &other).first_start_at, at(60));
    assert_eq!(first(b, &shop()).first_start_at, at(0));
}

pub(super) fn rewinding_frees_what_waits_for_a_wrong_year(b: &mut Database) {
    b.server_state(&shop(), T0).expect("started");
    let judgement = CycleCommit {
        messages: vec![message("one"), message("two")],
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("committed");
    let seqs: Vec<i64> = b
        .due_rows(T0, LEASE)
        .expect("read")
        .iter()
        .map(|row| row.seq)
        .collect();
    for seq in &seqs {
        assert!(b.claim_row(*seq, at(WRONG), LEASE).expect("asked"));
    }
    let failed = AttemptResult::Failed {
        why: "HTTP 429".to_owned(),
        unknown: false,
        next_try_at: Some(at(WRONG + 30)),
    };
    b.record_attempt(seqs[0], at(WRONG), at(WRONG), &failed)
        .expect("recorded");
    assert_eq!(b.due_rows(at(60), LEASE).expect("read"), []);
    b.rewind(at(60)).expect("rewound");
    let rows = b.due_rows(at(60), LEASE).expect("read");
    assert_eq!(rows.len(), 2);
    let doubt = rows[1].unconfirmed.expect("it was begun");
    assert_eq!(doubt.since, at(60), "no attempt began in the future");
}

pub(super) fn rewinding_brings_incidents_back_to_now(b: &mut Database) {
    let wrong = Incident {
        state: IncidentState::Open {
            within_since: Some(at(WRONG)),
        },
        suppressed_until: Some(at(WRONG + 3600)),
        ..incident("a", Rule::BounceRate, at(WRONG))
    };
    keep(b, &[wrong]);
    b.rewind(at(60)).expect("rewound");
    let back = b.incident("a").expect("read").expect("still known");
    assert_eq!(back.opened_at, at(60));
    assert_eq!(back.judged_at, at(60));
    assert_eq!(back.last_reminder_at, at(60));
    assert_eq!(back.suppressed_until, Some(at(60)));
    let within_since = Some(at(60));
    assert_eq!(back.state, IncidentState::Open { within_since });
}

pub(super) fn rewinding_brings_closed_incidents_back_too(b: &mut Database) {
    let wrong = incident("a", Rule::BounceRate, at(WRONG));
    keep(b, &[resolved(&wrong, at(WRONG + 60))]);
    b.rewind(at(60)).expect("rewound");
    let back = b.incident("a").expect("read").expect("still known");
    assert_eq!(
        back.state,
        IncidentState::Resolved {
            at: at(60),
            unwatched: false,
            disabled: false,
        }
    );
    let next = incident("b", Rule::BounceRate, at(120));
    keep(b, std::slice::from_ref(&next));
    assert_eq!(b.latest_incidents(&shop()).expect("read"), [next]);
}

pub(super) fn rewinding_lets_the_next_digest_be_written(b: &mut Database) {
    let mut save = |until| {
        b.save_digest(span(0, until), &message("digest"), false, at(until))
            .expect("saved")
    };
    assert!(save(60));
    assert!(save(WRONG));
    b.rewind(at(90)).expect("rewound");
    let last = b.last_digest().expect("read").map(|told| told.until);
    assert_eq!(last, Some(at(60)));
    let wrote = b.save_digest(span(60, 120), &message("digest"), false, at(120));
    assert!(wrote.expect("saved"));
}

pub(super) fn rewinding_forgets_when_followed_mail_was_read(b: &mut Database) {
    let draw = SampleCandidate {
        id: "m1".to_owned(),
        sent_at: at(5),
        tag: None,
        recipient: String::new(),
    };
    let unproven = Proof {
        delivered_at: None,
        bounced_at: None,
        status: Status::Sent,
    };
    b.add_samples(&shop_outbound(), &[draw]).expect("followed");
    b.save_sample_result(&shop_outbound(), "m1", Some(&unproven), at(WRONG))
        .expect("saved");
    b.rewind(at(60)).expect("rewound");
    let open = b.open_samples(&shop_outbound(), Timestamp::MIN);
    assert_eq!(open.expect("read")[0].checked_at, None);
}

pub(super) fn the_clock_is_in_this_century_and_runs_on(b: &mut Database) {
    let first = b.clock().expect("read");
    let then = b.clock().expect("read");
    assert!(Timestamp::parse("2026-01-01T00:00:00Z").expect("valid") < first);
    assert!(first < Timestamp::parse("2100-01-01T00:00:00Z").expect("valid"));
    assert!(first <= then);
}
