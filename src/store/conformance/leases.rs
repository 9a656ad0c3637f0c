//! Who may work on what, where several processes share the database.

use std::time::Duration;

use crate::model::MINUTE;
use crate::store::{CycleCommit, Database, Lease, LeaseAttempt, Problem};

use super::message;

fn take(b: &mut Database, holder: &str) -> Option<Lease> {
    match b
        .acquire_lease("shop", holder, MINUTE, false)
        .expect("asked")
    {
        LeaseAttempt::Taken(lease) => Some(lease),
        LeaseAttempt::Held { by, .. } => {
            assert_ne!(by, holder);
            None
        }
    }
}

pub(super) fn a_lease_is_one_holders_at_a_time(b: &mut Database) {
    let lease = take(b, "a").expect("free");
    assert_eq!(take(b, "b"), None);
    assert_eq!(b.leases_held_by_others("b").expect("leases").len(), 1);
    assert_eq!(b.leases_held_by_others("a").expect("leases"), []);
    b.release_leases(&[lease]).expect("released");
    assert!(take(b, "b").is_some());
}

pub(super) fn a_lease_that_ran_out_is_taken_over(b: &mut Database) {
    let LeaseAttempt::Taken(lost) = b
        .acquire_lease("shop", "a", Duration::ZERO, false)
        .expect("asked")
    else {
        panic!("it is free");
    };
    let taken = take(b, "b").expect("it ran out");
    assert!(taken.fence > lost.fence);
    assert_eq!(
        b.renew_leases(&[lost, taken], MINUTE).expect("asked"),
        [false, true]
    );
}

pub(super) fn a_lease_that_runs_on_for_ever_is_taken_over(b: &mut Database) {
    b.acquire_lease("shop", "a", 300 * MINUTE, false)
        .expect("asked");
    assert!(take(b, "b").is_some(), "it was written by a wrong clock");
}

pub(super) fn a_long_lease_is_safe_from_one_who_takes_short_ones(b: &mut Database) {
    for held in [MINUTE, 60 * MINUTE, 80 * MINUTE] {
        b.acquire_lease("shop", "a", held, false).expect("asked");
        let asked = b.acquire_lease("shop", "b", Duration::from_secs(5), false);
        assert!(matches!(asked, Ok(LeaseAttempt::Held { .. })), "{asked:?}");
    }
}

pub(super) fn one_who_is_alone_takes_the_leases_of_the_dead(b: &mut Database) {
    take(b, "a").expect("free");
    let asked = b.acquire_lease("shop", "b", MINUTE, true).expect("asked");
    assert!(matches!(asked, LeaseAttempt::Taken(_)));
}

pub(super) fn a_judgement_without_its_lease_is_not_stored(b: &mut Database) {
    let lost = take(b, "a").expect("free");
    b.acquire_lease("shop", "b", MINUTE, true).expect("taken");
    let mut judgement = CycleCommit {
        messages: vec![message("late")],
        leases: vec![lost],
        ..CycleCommit::default()
    };
    let refused = b.commit(&judgement).expect_err("it was taken over");
    assert_eq!(refused.problem(), &Problem::TakenOver("shop".to_owned()));
    assert_eq!(b.count_pending().expect("rows"), 0);
    judgement.leases = vec![];
    b.commit(&judgement).expect("stored");
    assert_eq!(b.count_pending().expect("rows"), 1);
}

pub(super) fn a_judgement_gives_its_leases_up(b: &mut Database) {
    let lease = take(b, "a").expect("free");
    let judgement = CycleCommit {
        leases: vec![lease],
        ..CycleCommit::default()
    };
    b.commit(&judgement).expect("stored");
    assert!(take(b, "b").is_some());
}

pub(super) fn a_probe_leaves_nothing_behind(store: &mut Database) {
    for _ in 0..2 {
        store.probe_write().expect("writable");
    }
    let asked = store
        .acquire_lease("(probe)", "a", MINUTE, false)
        .expect("asked");
    assert!(matches!(asked, LeaseAttempt::Taken(lease) if lease.fence == 1));
}
