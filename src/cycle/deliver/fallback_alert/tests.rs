use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::{Sources, StoreSettings, load};
use crate::sim::receiver::Receiver;
use crate::sim::slack::{CHANNEL, Fault, Slack};
use crate::sim::{self, Plan};
use crate::store::Problem;

struct Scene {
    slack: Slack,
    folder: tempfile::TempDir,
    last_resorts: Vec<PathBuf>,
}

impl Scene {
    fn new() -> Self {
        Self {
            slack: Slack::start().expect("slack"),
            folder: tempfile::tempdir().expect("a folder"),
            last_resorts: Vec::new(),
        }
    }

    /// What a process of its own does about `problem`, its database in `subfolder`.
    async fn process(&self, problem: Problem, subfolder: &str) {
        let env = [
            ("SLACK_BOT_TOKEN", self.slack.bot_token()),
            ("SLACK_OPERATOR_DM_CHANNEL", CHANNEL.to_owned()),
        ];
        self.process_with(env.to_vec(), problem, subfolder).await;
    }

    async fn process_with(&self, env: Vec<(&str, String)>, problem: Problem, subfolder: &str) {
        let path = self.folder.path().join(subfolder).join("hushwatch.db");
        let common = [
            ("HUSHWATCH_STORE__PATH", path.display().to_string()),
            ("HUSHWATCH_SLACK__BASE_URL", self.slack.base_url()),
        ];
        let env = env.into_iter().chain(common);
        let sources = Sources {
            file: None,
            env: env.map(|(k, v)| (k.to_owned(), v)).collect(),
        };
        let config = load(&sources).expect("valid");
        let store_settings = StoreSettings {
            last_resorts: self.last_resorts.clone(),
            ..config.store.clone()
        };
        let notifier = Notifier::new(&config.slack, std::io::sink()).expect("a notifier");
        let error = store::Error::new("use the database", problem);
        self.slack.set_now(clock::now());
        alert_outage(
            &notifier,
            &config,
            &Outage::new(&store_settings, OutageSubject::Database),
            &error,
        )
        .await;
    }
}

#[tokio::test]
async fn a_connection_lost_in_two_cycles_running_is_told() {
    let scene = Scene::new();
    for (problem, told) in [
        (Problem::Busy, 0),
        (Problem::Lost, 0),
        (Problem::Lost, 1),
        (Problem::Lost, 1),
        (Problem::Full, 1),
    ] {
        scene.process(problem.clone(), "").await;
        assert_eq!(scene.slack.messages().len(), told, "{problem}");
    }
}

#[tokio::test]
async fn an_alert_of_unknown_fate_is_repeated_once() {
    let scene = Scene::new();
    scene.slack.always(Fault::AcceptThenReset);
    for sent in [1, 2, 2, 2] {
        scene.process(Problem::Full, "").await;
        assert_eq!(scene.slack.messages().len(), sent);
    }
}

#[tokio::test]
async fn where_nothing_can_be_written_the_channel_tells_what_was_sent() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.process(Problem::Full, "missing").await;
    }
    assert_eq!(scene.slack.messages().len(), 1);
}

/// A webhook has no history that could be asked.
#[tokio::test]
async fn where_the_database_has_no_folder_a_webhook_is_told_once() {
    let scene = Scene::new();
    let scene = Scene {
        last_resorts: vec![scene.folder.path().to_owned()],
        ..scene
    };
    let webhook = vec![("SLACK_WEBHOOK_URL", scene.slack.webhook_url())];
    for _ in 0..3 {
        let run = scene.process_with(webhook.clone(), Problem::Full, "missing");
        run.await;
    }
    assert_eq!(scene.slack.messages().len(), 1);
}

#[tokio::test]
async fn an_alert_that_the_channel_has_is_not_repeated_after_a_death() {
    let scene = Scene::new();
    scene.slack.next(1, Fault::AcceptThenReset);
    for _ in 0..3 {
        scene.process(Problem::Full, "").await;
        assert_eq!(scene.slack.messages().len(), 1);
    }
}

/// The process died between the repetition and the mark that it was accepted.
#[tokio::test]
async fn a_repetition_is_marked_before_it_is_sent() {
    let scene = Scene::new();
    scene.slack.always(Fault::AcceptThenHang);
    let webhook = vec![("SLACK_WEBHOOK_URL", scene.slack.webhook_url())];
    let dies = Duration::from_millis(300);
    let path = scene.folder.path().join("hushwatch.db-outage");
    for stage in ["unconfirmed", "alerted"] {
        let cut =
            tokio::time::timeout(dies, scene.process_with(webhook.clone(), Problem::Full, ""))
                .await;
        assert!(cut.is_err(), "it hangs");
        let mark = std::fs::read_to_string(&path).expect("a mark");
        assert!(mark.ends_with(&format!("{stage}\n")), "{mark}");
    }
}

#[tokio::test]
async fn each_sink_that_takes_wakes_is_told_once_whatever_the_others_do() {
    let receiver = Receiver::start().expect("a receiver");
    let base = receiver.base_url();
    let text = format!(
        "[[sink]]\nname = \"bell\"\ntype = \"webhook\"\nurl = \"{base}/bell\"\n\
         [[sink]]\nname = \"pager\"\ntype = \"pagerduty\"\nurl = \"{base}/v2/enqueue\"\nrouting_key_env = \"PAGER_KEY\"\n\
         [[sink]]\nname = \"calm\"\ntype = \"webhook\"\nurl = \"{base}/calm\"\nseverities = [\"warn\"]\n"
    );
    let (folder, sources) = Sources::of_file(&text, &[("PAGER_KEY", "R0UT1NGKEY")]);
    let config = load(&sources).expect("valid");
    let store_settings = StoreSettings {
        path: folder.path().join("hushwatch.db"),
        ..config.store.clone()
    };
    let notifier = Notifier::new(&config.slack, std::io::sink()).expect("a notifier");
    let error = store::Error::new("use the database", Problem::Full);
    receiver.fail(Plan::next(1, sim::Fault::Status(503)).on("/bell"));
    for _ in 0..3 {
        let outage = Outage::new(&store_settings, OutageSubject::Database);
        alert_outage(&notifier, &config, &outage, &error).await;
    }
    let taken = receiver.take();
    let taken: Vec<_> = taken.iter().filter(|delivery| delivery.taken).collect();
    let paths: Vec<&str> = taken.iter().map(|d| d.target.as_str()).collect();
    assert_eq!(
        paths,
        ["/v2/enqueue", "/bell"],
        "the bell did not take it at first"
    );
    let bell = taken[1].json();
    assert_eq!(
        (&bell["incident"], &bell["transition"], &bell["severity"]),
        (&json!(null), &json!("opened"), &json!("wake"))
    );
    let headline = "🔴 WAKE hushwatch cannot use its database: monitoring and alerting are stopped";
    let text = bell["text"].as_str().unwrap_or_default();
    assert_eq!(text.lines().next(), Some(headline));
    let pager = taken[0].json();
    assert_eq!(pager["event_action"], "trigger");
    assert_eq!(pager["payload"]["severity"], "critical");
    assert!(
        pager["dedup_key"]
            .as_str()
            .is_some_and(|key| key.starts_with("hushwatch-"))
    );
    // The end is of the same alert; who does not take it is told by the next cycle, and who was told is not told again.
    receiver.fail(Plan::next(1, sim::Fault::Status(503)).on("/enqueue"));
    for _ in 0..3 {
        let outage = Outage::new(&store_settings, OutageSubject::Database);
        end_outage(&config, &outage).await;
    }
    let ends = receiver.take();
    let ends: Vec<_> = ends.iter().filter(|delivery| delivery.taken).collect();
    let paths: Vec<&str> = ends.iter().map(|d| d.target.as_str()).collect();
    assert_eq!(paths, ["/bell", "/v2/enqueue"]);
    assert_eq!(ends[0].json()["transition"], "resolved");
    let end = ends[1].json();
    assert_eq!(end["event_action"], "resolve");
    assert_eq!(end["dedup_key"], pager["dedup_key"]);
}

/// Where it never worked, somebody is at work on it.
#[cfg(feature = "postgres")]
#[test]
fn that_a_database_on_a_server_was_used_is_known_to_later_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().display().to_string();
    let outage = |url: &str| {
        let env = [("HUSHWATCH_DATABASE_URL", url), ("STATE_DIRECTORY", &state)];
        let config = load(&Sources::of_env(&env)).expect("valid");
        Outage::new(&config.store, OutageSubject::Database)
    };
    let url = "postgres://u:old@db.example.com/app";
    assert!(!outage(url).was_used());
    outage(url).remember_use();
    let rotated = "postgres://u:new@db.example.com/app";
    assert!(outage(url).was_used() && outage(rotated).was_used());
    assert!(!outage("postgres://u:old@db.example.com/other").was_used());
    outage(url).clear();
    assert!(
        outage(url).was_used(),
        "the end of an outage is no reason to forget"
    );
}
