//! What is answered while the mail of a cycle is still read.

use super::*;
use crate::config::{Sources, load};
use crate::cycle::Notifier;
use crate::metrics::{MetricsView, TextFormat, render};
use crate::model::MINUTE;
use crate::store::{CycleCommit, Database, PollRow, ServerState};

/// A daemon of two servers that was asked before its first cycle, with its folder.
async fn asked_before_the_first_cycle() -> (tempfile::TempDir, Live) {
    let servers = "[[server]]\nname = \"shop\"\ntoken_env = \"A\"\n[[server]]\nname = \"blog\"\ntoken_env = \"B\"\n";
    let (folder, mut sources) = Sources::of_file(servers, &[("A", "a"), ("B", "b")]);
    let path = folder.path().join("hushwatch.db");
    let path = path.to_string_lossy().into_owned();
    sources.env.insert("HUSHWATCH_STORE__PATH".to_owned(), path);
    let config = load(&sources).expect("valid");
    let longest = config.postmark.longest_poll();
    crate::tls::install_provider();
    let notifier = Notifier::new(&config.slack, std::io::sink()).expect("a notifier");
    let context = Arc::new(Context::open(config, notifier).expect("opened"));
    let current = Arc::new(CurrentContext::new(context));
    let live = Live::new(current, Arc::new(Pulse::new(longest))).expect("valid");
    live.warm().await;
    assert!(live.0.kept_mail().is_some(), "what is read ahead");
    (folder, live)
}

/// Stores the first poll of each server, which was complete.
async fn store_first_cycle(live: &Live, at: Timestamp) {
    let poll = |name: &str| {
        let state = ServerState {
            first_start_at: at,
            last_cycle_at: Some(at),
            last_complete_at: Some(at),
            ..ServerState::default()
        };
        let row = PollRow {
            at,
            requests: 3,
            complete: true,
            reason: None,
        };
        (ServerName::from(name), state, row)
    };
    let commit = CycleCommit {
        servers: vec![poll("shop"), poll("blog")],
        ..CycleCommit::default()
    };
    let store = &live.0.context().store;
    let write = move |s: &mut Database| {
        for (name, ..) in &commit.servers {
            s.server_state(name, at)?;
        }
        s.commit(&commit)
    };
    store.call(write).await.expect("stored");
}

#[tokio::test]
async fn right_after_the_first_cycle_every_server_is_known_though_its_mail_is_not_read_yet() {
    let (_folder, live) = asked_before_the_first_cycle().await;
    let at = clock::now() - MINUTE;
    store_first_cycle(&live, at).await;
    // As while the mail of many servers is read, which takes longer than a request waits.
    let _reading = live.0.reading.lock().await;
    let status = live.status().await.expect("a status");
    let names: Vec<&str> = status.servers.iter().map(|s| s.name.0.as_str()).collect();
    assert_eq!(names, ["shop", "blog"]);
    assert_eq!(status.last_cycle_at, Some(at));
    assert!(status.servers.iter().all(|server| server.streams.is_none()));
    assert!(status.readiness.is_ready());
    let view = MetricsView {
        status: &status,
        now: clock::now(),
        counters: None,
    };
    let metrics = render(&view, TextFormat::Classic);
    for name in names {
        let up = format!("server=\"{name}\"");
        assert!(metrics.contains(&up), "{name}: {metrics}");
    }
}
