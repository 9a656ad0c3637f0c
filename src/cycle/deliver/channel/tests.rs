use super::*;
use crate::cycle::deliver::turn::MAX_RETRY_AFTER;
use crate::cycle::lease::DeliveryLease;
use crate::model::Hold;
use crate::store::{CycleCommit, Database, NewMessage, Placement, Store};
use std::sync::{Arc, Mutex};

#[test]
fn the_delay_before_a_possible_repeat_starts_at_a_minute_and_doubles() {
    let minutes = [1, 2, 3, 6].map(|attempts| retry_delay(attempts).as_secs() / 60);
    assert_eq!(minutes, [1, 2, 4, 32]);
    assert!(retry_delay(0) == MINUTE && retry_delay(u64::MAX) < MINUTE * 60 * 24 * 3);
}

fn message(text: &str) -> NewMessage {
    NewMessage {
        kind: MessageKind::Alert,
        incident: None,
        incidents: Vec::new(),
        channel: String::new(),
        text: text.to_owned(),
        body: String::new(),
        placement: Placement::default(),
    }
}

#[test]
fn slack_is_tried_again_within_an_hour_however_long_it_asked_for() {
    let asked = slack::Error {
        retry_after: Some(Duration::MAX),
        ..slack::Error::new(RetryClass::Retry, "a pause")
    };
    let AttemptResult::Failed { next_try_at, .. } = to_attempt(Err(asked)) else {
        panic!("it was not accepted");
    };
    assert!(next_try_at.is_some_and(|at| at <= clock::now() + MAX_RETRY_AFTER));
}

async fn worker(store: &Store, trigger: Trigger) -> ChannelWorker {
    let lease = DeliveryLease::acquire(store, "test", MINUTE, Duration::ZERO).await;
    ChannelWorker {
        turn: Turn {
            lease: lease.expect("a store").expect("nobody else's"),
            counts: Arc::default(),
            attempt_timeout: MINUTE,
            store: store.clone(),
            trigger,
            hold: Hold::outside_quiet_hours(Timestamp(0)),
            deadline: Instant::now(),
            retry: retry::RetryPolicy::ONCE,
        },
        notifier: Notifier::Writer(Arc::new(Mutex::new(std::io::sink()))),
        pace: Duration::ZERO,
    }
}

#[tokio::test]
async fn an_unconfirmed_message_is_not_repeated_in_the_cycle_that_sent_it() {
    let store = Store::open_sqlite(":memory:".as_ref()).expect("a database");
    let commit = CycleCommit {
        messages: vec![message("a")],
        ..CycleCommit::default()
    };
    let due = move |s: &mut Database| {
        s.commit(&commit)?;
        s.due_rows(Timestamp::MAX, Duration::ZERO)
    };
    let row = store.call(due).await.expect("rows").remove(0);
    let began = clock::now() - MINUTE;
    let worker = worker(&store, Trigger::Cycle { began }).await;
    let is_due = |last| {
        let earlier = UnconfirmedAttempt {
            since: last,
            last,
            unanswered: 1,
        };
        worker.retry_is_due(&row, earlier)
    };
    assert!(!is_due(began) && !is_due(began + MINUTE / 2));
    assert!(is_due(began - MINUTE), "in an earlier cycle");
    assert!(is_due(began + MINUTE * 60), "before the clock jumped back");
}

#[tokio::test]
async fn a_channel_whose_deadline_is_reached_gets_one_message_and_the_others_stay() {
    let store = Store::open_sqlite(":memory:".as_ref()).expect("a database");
    let commit = CycleCommit {
        messages: ["a", "b", "c"].map(message).to_vec(),
        ..CycleCommit::default()
    };
    store
        .call(move |s| s.commit(&commit))
        .await
        .expect("written");
    let began = clock::now();
    let worker = worker(&store, Trigger::Cycle { began }).await;
    let due = |s: &mut Database| s.due_rows(Timestamp::MAX, Duration::ZERO);
    for left in [2, 1, 0] {
        let rows = store.call(due).await.expect("rows");
        assert_eq!(worker.send_all(rows).await.expect("sent").sent, 1);
        assert_eq!(store.call(|s| s.count_pending()).await.expect("rows"), left);
    }
}
