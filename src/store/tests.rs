//! The same scenarios over every backend.

use super::*;
use crate::model::{
    Bounce, BounceClass, HOUR, Kind, MINUTE, Mail, Proof, ServerName, Span, Status, StreamId,
    StreamKey, Timestamp,
};
use proptest::prelude::*;
use std::time::Duration;

fn start() -> Timestamp {
    Timestamp::parse("2026-03-02T10:00:00Z").expect("valid")
}

fn shop() -> ServerName {
    ServerName::from("shop")
}

fn shop_outbound() -> StreamKey {
    StreamKey::new(&shop(), &outbound())
}

fn outbound() -> StreamId {
    StreamId::from("outbound")
}

/// Runs a scenario on each backend there is.
fn on_each(scenario: impl Fn(&mut Database)) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sqlite = Database::open_sqlite(&folder.path().join("test.db")).expect("opened");
    scenario(&mut sqlite);
}

fn mail(id: u32, at: Timestamp) -> Mail {
    Mail {
        id: format!("00000000-0000-0000-0000-{id:012x}"),
        stream: outbound(),
        sent_at: at,
        status: Status::Sent,
        tag: Some("welcome".to_owned()),
        recipients: Vec::new(),
    }
}

fn bounce(id: i64, message: u32, at: Timestamp) -> Bounce {
    Bounce {
        id,
        stream: outbound(),
        message: Some(mail(message, at).id),
        kind: "HardBounce".to_owned(),
        at,
        recipient: "someone@example.com".to_owned(),
        tag: None,
        description: String::new(),
    }
}

fn message(text: &str) -> NewMessage {
    NewMessage {
        kind: MessageKind::Alert,
        incident: None,
        incidents: Vec::new(),
        channel: String::new(),
        text: text.to_owned(),
        body: "{}".to_owned(),
        placement: Placement::default(),
    }
}

#[test]
fn storing_twice_counts_once() {
    on_each(|store| {
        store.server_state(&shop(), start()).expect("made");
        let mails: Vec<Mail> = (0..10).map(|i| mail(i, start() + MINUTE * i)).collect();
        let span = Span::new(start(), start() + HOUR);
        let first = store
            .save_messages(&shop_outbound(), &mails, Some(span))
            .expect("saved");
        let again = store
            .save_messages(&shop_outbound(), &mails, Some(span))
            .expect("saved");
        assert_eq!((first.len(), again.len()), (10, 0));
        for _ in 0..2 {
            store
                .save_bounces(
                    &shop_outbound(),
                    &[bounce(7, 3, start() + MINUTE * 9)],
                    None,
                )
                .expect("saved");
        }
        let history = store.history(&shop_outbound(), span, &[]).expect("loaded");
        assert_eq!(
            (
                history.sent.count(span),
                history.hours[0].sent,
                history.bounce_events.len()
            ),
            (10, 10, 1)
        );
        assert_eq!(history.bounce_events[0].sent_at, Some(start() + MINUTE * 3));
        assert_eq!(history.bounce_events[0].class, BounceClass::Hard);
    });
}

#[test]
fn a_bounce_seen_before_its_message_learns_when_it_was_sent() {
    on_each(|store| {
        store.server_state(&shop(), start()).expect("made");
        store
            .save_bounces(&shop_outbound(), &[bounce(1, 5, start() + HOUR)], None)
            .expect("saved");
        let range = Span::new(start(), start() + 2 * HOUR);
        assert_eq!(
            store
                .history(&shop_outbound(), range, &[])
                .expect("loaded")
                .bounce_events[0]
                .sent_at,
            None
        );
        store
            .save_messages(&shop_outbound(), &[mail(5, start() + MINUTE)], None)
            .expect("saved");
        let marks = store
            .history(&shop_outbound(), range, &[])
            .expect("loaded")
            .bounce_events;
        assert_eq!(marks[0].sent_at, Some(start() + MINUTE));
    });
}

#[test]
fn claims_join_and_history_begins_at_the_oldest_message_or_the_first_start() {
    on_each(|store| {
        store.server_state(&shop(), start()).expect("made");
        for (from, until) in [(2, 3), (0, 1), (1, 2), (5, 6)] {
            let span = Span::new(start() + HOUR * from, start() + HOUR * until);
            store
                .save_messages(&shop_outbound(), &[], Some(span))
                .expect("saved");
        }
        let coverage = store
            .coverage(&shop_outbound(), Kind::Messages)
            .expect("loaded");
        assert_eq!(coverage.spans().len(), 2);
        assert!(coverage.covers(Span::new(start(), start() + 3 * HOUR)));
        assert!(
            store
                .coverage(&shop_outbound(), Kind::Bounces)
                .expect("loaded")
                .spans()
                .is_empty()
        );
        let range = Span::new(start(), start() + HOUR);
        assert_eq!(
            store
                .history(&shop_outbound(), range, &[])
                .expect("loaded")
                .first_seen_at,
            Some(start())
        );
        let old = start() - 100 * HOUR;
        store
            .save_messages(&shop_outbound(), &[mail(1, old)], None)
            .expect("saved");
        assert_eq!(
            store
                .history(&shop_outbound(), range, &[])
                .expect("loaded")
                .first_seen_at,
            Some(old)
        );
    });
}

#[test]
fn followed_mail_is_open_until_it_has_news_or_is_given_up() {
    on_each(|store| {
        store.server_state(&shop(), start()).expect("made");
        let draw = |id: u32| SampleCandidate {
            id: mail(id, start()).id,
            sent_at: start() + MINUTE * id,
            tag: None,
            recipient: String::new(),
        };
        store
            .add_samples(&shop_outbound(), &[draw(1), draw(2), draw(3), draw(4)])
            .expect("followed");
        store
            .save_bounces(&shop_outbound(), &[bounce(1, 2, start() + HOUR)], None)
            .expect("saved");
        let proof = Proof {
            delivered_at: Some(start() + HOUR),
            bounced_at: None,
            status: Status::Sent,
        };
        store
            .save_sample_result(&shop_outbound(), &draw(3).id, Some(&proof), start() + HOUR)
            .expect("saved");
        let none = Proof {
            delivered_at: None,
            ..proof
        };
        store
            .save_sample_result(&shop_outbound(), &draw(4).id, Some(&none), start() + HOUR)
            .expect("saved");
        let open = store
            .open_samples(&shop_outbound(), start() + MINUTE * 2)
            .expect("loaded");
        let ids: Vec<&str> = open.iter().map(|m| m.id.as_str()).collect();
        assert_eq!(
            ids,
            [draw(4).id.as_str()],
            "1 is given up, 2 bounced, 3 is proven"
        );
        assert_eq!(open[0].checked_at, Some(start() + HOUR));
    });
}

#[test]
fn a_row_is_due_until_it_was_accepted_and_waits_as_it_was_asked_to() {
    on_each(|store| {
        let lease = Duration::from_secs(120);
        store
            .commit(&CycleCommit {
                messages: vec![message("one"), message("two")],
                ..CycleCommit::default()
            })
            .expect("ok");
        let due = |store: &mut Database, now| -> Vec<String> {
            store
                .due_rows(now, lease)
                .expect("loaded")
                .into_iter()
                .map(|r| r.message.text)
                .collect()
        };
        let now = start();
        assert_eq!(due(store, now), ["one", "two"]);
        let seq = store.due_rows(now, lease).expect("loaded")[0].seq;
        assert!(store.claim_row(seq, now, lease).expect("claimed"));
        assert!(
            !store.claim_row(seq, now, lease).expect("asked"),
            "another has it"
        );
        assert_eq!(due(store, now), ["two"]);
        assert_eq!(
            due(store, now + HOUR),
            ["one", "two"],
            "whoever had it is dead"
        );
        let later = AttemptResult::Failed {
            why: "busy".to_owned(),
            unknown: false,
            next_try_at: Some(now + 2 * HOUR),
        };
        store
            .record_attempt(seq, now, now, &later)
            .expect("finished");
        assert_eq!(
            due(store, now + HOUR),
            Vec::<String>::new(),
            "the whole destination waits"
        );
        assert_eq!(store.count_pending().expect("counted"), 2);
        store
            .record_attempt(
                seq,
                now,
                now,
                &AttemptResult::Accepted {
                    channel: None,
                    ts: None,
                },
            )
            .expect("finished");
        assert_eq!(due(store, now + 3 * HOUR), ["two"]);
    });
}

#[test]
fn a_digest_is_written_once_per_period() {
    on_each(|store| {
        let period = Span::new(start(), start() + 24 * HOUR);
        assert!(
            store
                .save_digest(period, &message("a"), false, period.until)
                .expect("saved")
        );
        assert!(
            !store
                .save_digest(period, &message("b"), false, period.until)
                .expect("asked")
        );
        assert!(
            store
                .save_digest(period, &message("c"), true, period.until)
                .expect("saved")
        );
        assert_eq!(
            store
                .last_digest()
                .expect("loaded")
                .expect("there")
                .message
                .text,
            "c"
        );
        assert_eq!(store.count_pending().expect("counted"), 2);
    });
}

fn poll(store: &mut Database, at: Timestamp) {
    let state = ServerState {
        last_cycle_at: Some(at),
        last_complete_at: Some(at),
        ..store.server_state(&shop(), at).expect("there")
    };
    let row = PollRow {
        at,
        requests: 3,
        complete: true,
        reason: None,
    };
    store
        .commit(&CycleCommit {
            servers: vec![(shop(), state, row)],
            ..CycleCommit::default()
        })
        .expect("committed");
}

#[test]
fn a_clock_that_ran_ahead_is_forgotten_back_to_the_last_right_cycle() {
    on_each(|store| {
        poll(store, start());
        let year = 365 * 24 * HOUR;
        store
            .save_messages(
                &shop_outbound(),
                &[],
                Some(Span::new(start() - HOUR, start() + year)),
            )
            .expect("saved");
        poll(store, start() + year);
        store.rewind(start() + HOUR).expect("rewound");
        assert_eq!(store.last_cycle_at().expect("loaded"), Some(start()));
        let coverage = store
            .coverage(&shop_outbound(), Kind::Messages)
            .expect("loaded");
        assert_eq!(
            coverage.end(),
            Some(start()),
            "what that cycle claimed is read again"
        );
    });
}

#[test]
fn pruning_drops_rows_and_keeps_hours() {
    on_each(|store| {
        store.server_state(&shop(), start()).expect("made");
        store
            .save_messages(&shop_outbound(), &[mail(1, start())], None)
            .expect("saved");
        store.prune(start() + HOUR, start() - HOUR).expect("pruned");
        let range = Span::new(start(), start() + HOUR);
        let history = store.history(&shop_outbound(), range, &[]).expect("loaded");
        assert_eq!((history.sent.count(range), history.hours.len()), (0, 1));
    });
}

#[test]
fn a_newer_database_and_a_file_that_is_none_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let newer = folder.path().join("newer.db");
    drop(Database::open_sqlite(&newer).expect("opened"));
    rusqlite::Connection::open(&newer)
        .expect("opened")
        .execute_batch("UPDATE schema SET least = 999; PRAGMA user_version = 999;")
        .expect("set");
    let error = Database::open_sqlite(&newer).err().expect("refused");
    assert!(error.to_string().contains("newer hushwatch"), "{error}");
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "these are notes, no database at all ".repeat(100)).expect("written");
    let before = std::fs::read(&text).expect("read");
    assert!(Database::open_sqlite(&text).is_err());
    assert_eq!(std::fs::read(&text).expect("read"), before);
    assert!(Database::open_sqlite(&folder.path().join("no/such/folder.db")).is_err());
}

#[test]
fn one_cycle_at_a_time_holds_the_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.db");
    let held = CycleLock::try_take(&path).expect("asked").expect("taken");
    assert!(CycleLock::try_take(&path).expect("asked").is_none());
    drop(held);
    assert!(CycleLock::try_take(&path).expect("asked").is_some());
}

#[tokio::test]
async fn a_store_that_gives_back_what_it_cached_keeps_its_connection() {
    // With its connection a database in memory would be gone.
    let store = Store::open_sqlite(Path::new(":memory:")).expect("opened");
    let made = store.call(|s| s.server_state(&shop(), start())).await;
    made.expect("made");
    for _ in 0..2 {
        store.close_idle();
        let states = store.call(Database::server_states).await.expect("read");
        assert!(states.contains_key(&shop()));
    }
}

#[tokio::test]
async fn a_database_that_is_awaited_is_seen_as_soon_as_there_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.db");
    let awaited = Store::await_sqlite(&path);
    let states = || async {
        awaited.close_idle();
        awaited.call(Database::server_states).await
    };
    assert!(states().await.expect("an empty one").is_empty());
    assert!(!path.exists(), "none is made");
    let made = Store::open_sqlite(&path).expect("opened");
    let written = made.call(|s| s.server_state(&shop(), start())).await;
    written.expect("written");
    drop(made);
    assert!(states().await.expect("that one").contains_key(&shop()));
    std::fs::remove_file(&path).expect("removed");
    states().await.expect_err("it was there");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn counts_are_those_of_the_ledger_at_every_cut(
        sent in prop::collection::vec(0u32..7200, 200),
        batches in prop::collection::vec(prop::collection::vec(0u32..200, 0..30), 1..5),
        cuts in prop::collection::vec(0u32..7_200_000, 2..6),
    ) {
        on_each(|store| {
            store.server_state(&shop(), start()).expect("made");
            let mut ledger = std::collections::BTreeMap::new();
            for batch in &batches {
                let mails: Vec<Mail> = batch.iter().map(|id| mail(*id, start() + Duration::from_secs(u64::from(sent[*id as usize])))).collect();
                for mail in &mails {
                    ledger.entry(mail.id.clone()).or_insert(mail.sent_at);
                }
                store.save_messages(&shop_outbound(), &mails, None).expect("saved");
            }
            let mut at: Vec<Timestamp> = cuts.iter().map(|ms| start() + Duration::from_millis(u64::from(*ms))).collect();
            at.sort();
            let range = Span::new(start(), start() + 2 * HOUR);
            let history = store.history(&shop_outbound(), range, &at).expect("loaded");
            for pair in at.windows(2) {
                let span = Span::new(pair[0], pair[1]);
                let wanted = ledger.values().filter(|t| span.contains(**t)).count() as u64;
                assert_eq!(history.sent.count(span), wanted, "{span}");
            }
        });
    }
}
