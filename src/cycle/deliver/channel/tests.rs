use super::*;
use crate::cycle::deliver::turn::MAX_RETRY_AFTER;
use crate::cycle::lease::DeliveryLease;
use crate::model::{HOUR, Hold};
use crate::secret::Secret;
use crate::sim::slack::{CHANNEL, Fault, Slack};
use crate::sim::{self, Plan};
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

/// A bot's channel, and what a database holds for it.
struct Scene {
    slack: Slack,
    store: Store,
    worker: ChannelWorker,
}

impl Scene {
    async fn new() -> Self {
        let slack = Slack::start().expect("slack");
        let store = Store::open_sqlite(":memory:".as_ref()).expect("a database");
        let sink = slack::Sink::Bot {
            token: Secret::new(&slack.bot_token()).expect("not empty"),
            base_url: slack.base_url(),
        };
        let client = slack::Slack::new(sink, MINUTE).expect("a client");
        let mut worker = worker(
            &store,
            Trigger::Cycle {
                began: Timestamp(0),
            },
        )
        .await;
        worker.notifier = Notifier::Slack {
            slack: client,
            channel: Some(CHANNEL.to_owned()),
        };
        worker.turn.deadline = Instant::now() + MINUTE;
        Self {
            slack,
            store,
            worker,
        }
    }

    /// Writes these messages, each of an incident of its name.
    async fn write(&self, names: &[&str]) {
        let of = |name: &&str| NewMessage {
            incident: Some((*name).to_owned()),
            incidents: vec![(*name).to_owned()],
            ..message(&format!("WAKE {name}: what Slack does not like"))
        };
        let commit = CycleCommit {
            messages: names.iter().map(of).collect(),
            ..CycleCommit::default()
        };
        let written = self.store.call(move |s| s.commit(&commit)).await;
        written.expect("written");
    }

    /// A cycle at `hour`; returns how many messages were sent, given up and wait.
    async fn cycle(&mut self, hour: u32) -> [u64; 3] {
        let at = Timestamp(0) + HOUR * hour;
        self.worker.turn.hold = Hold::outside_quiet_hours(at);
        // What was tried a moment ago was tried in an earlier cycle.
        sleep(Duration::from_millis(5)).await;
        let began = clock::now();
        self.worker.turn.trigger = Trigger::Cycle { began };
        let due = |s: &mut Database| s.due_rows(Timestamp::MAX, Duration::ZERO);
        let rows = self.store.call(due).await.expect("rows");
        let counts = self.worker.send_all(rows).await.expect("sent");
        let pending = self.store.call(|s| s.count_pending()).await.expect("rows");
        self.slack.clear_faults();
        [counts.sent, counts.given_up, pending]
    }

    /// Refuses the request after `others` more.
    fn refuse(&self, others: u32) {
        let fault = Fault::slack_error("message_blocked_by_dlp");
        let plan = Plan::next(1, fault).after(others);
        self.slack.fail(plan.on("chat.postMessage"));
    }

    fn posted(&self) -> Vec<String> {
        let messages = self.slack.messages();
        let title = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        messages.iter().map(|m| title(&m.plain)).collect()
    }
}

#[tokio::test]
async fn a_post_that_is_refused_by_itself_holds_back_no_other_and_is_set_aside() {
    let mut scene = Scene::new().await;
    scene.write(&["a", "b", "c"]).await;
    scene.refuse(0);
    assert_eq!(scene.cycle(0).await, [2, 0, 1], "b and c");
    scene.refuse(0);
    assert_eq!(scene.cycle(1).await, [0, 0, 1], "there is no other");
    scene.write(&["d"]).await;
    scene.refuse(0);
    scene.refuse(2);
    assert_eq!(scene.cycle(2).await, [1, 1, 0], "also as plain text");
    scene.write(&["e"]).await;
    assert_eq!(scene.cycle(3).await, [1, 0, 0]);
    let named = scene.slack.messages().pop().expect("e").plain;
    let line =
        "Slack refused an earlier message, so it is missing here: WAKE a (hushwatch explain a)";
    assert!(named.lines().any(|said| said == line), "{named}");
    let titles = ["b", "c", "d", "e"].map(|name| format!("WAKE {name}: what Slack does not like"));
    assert_eq!(scene.posted(), titles);
}

#[tokio::test]
async fn a_post_that_is_refused_by_itself_is_tried_as_plain_text() {
    let mut scene = Scene::new().await;
    scene.write(&["a"]).await;
    for hour in 0..2 {
        scene.refuse(0);
        assert_eq!(scene.cycle(hour).await, [0, 0, 1]);
    }
    scene.write(&["b"]).await;
    scene.refuse(0);
    assert_eq!(scene.cycle(2).await, [2, 0, 0]);
    let plain = scene.slack.messages().pop().expect("a");
    assert!(plain.text.starts_with("WAKE a: "), "{plain:?}");
    assert_eq!(plain.metadata, None);
}

#[tokio::test]
async fn a_channel_that_refuses_everything_is_asked_twice_in_a_cycle_and_loses_nothing() {
    let mut scene = Scene::new().await;
    scene.write(&["a", "b", "c", "d"]).await;
    for hour in 0..6 {
        let refused = Fault::slack_error("a_code_of_tomorrow");
        scene.slack.always(refused);
        assert_eq!(scene.cycle(hour).await, [0, 0, 4]);
        let asked = scene.slack.count("chat.postMessage");
        assert_eq!(asked, 2 * (hour as usize + 1));
    }
    assert_eq!(scene.cycle(6).await, [4, 0, 0]);
    let titles = ["a", "b", "c", "d"].map(|name| format!("WAKE {name}: what Slack does not like"));
    assert_eq!(scene.posted(), titles, "in order");
}

#[tokio::test]
async fn an_error_of_the_channel_ends_its_turn() {
    for code in ["invalid_auth", "channel_not_found", "restricted_action"] {
        let mut scene = Scene::new().await;
        scene.write(&["a", "b"]).await;
        scene.slack.always(Fault::slack_error(code));
        assert_eq!(scene.cycle(0).await, [0, 0, 2]);
        assert_eq!(scene.slack.count("chat.postMessage"), 1, "{code}");
    }
}

/// Its history never shows it, though it may have been posted each time.
#[tokio::test]
async fn a_message_that_is_never_answered_while_others_are_is_set_aside() {
    let mut scene = Scene::new().await;
    let unanswered = || Plan::next(1, sim::Fault::Reset).on("chat.postMessage");
    scene.write(&["a", "b"]).await;
    scene.slack.fail(unanswered());
    assert_eq!(scene.cycle(0).await, [0, 0, 2]);
    scene.slack.fail(unanswered());
    assert_eq!(scene.cycle(1).await, [1, 0, 1], "b");
    scene.write(&["c"]).await;
    assert_eq!(scene.cycle(2).await, [1, 1, 0], "c");
    let named = scene.slack.messages().pop().expect("c").plain;
    let line = "Slack never confirmed an earlier message, so it may be missing here: WAKE a (hushwatch explain a)";
    assert!(named.lines().any(|said| said == line), "{named}");
}

#[tokio::test]
async fn a_message_that_is_never_answered_alone_is_not_repeated_for_ever() {
    let mut scene = Scene::new().await;
    scene.write(&["a"]).await;
    for hour in 0..6 {
        let unanswered = Plan::always(sim::Fault::Reset).on("chat.postMessage");
        scene.slack.fail(unanswered);
        assert_eq!(scene.cycle(hour).await, [0, 0, 1]);
    }
    assert_eq!(scene.cycle(6).await, [0, 1, 0]);
}
