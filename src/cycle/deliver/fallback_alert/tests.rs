use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::{Sources, StoreSettings, load};
use crate::sim::slack::{CHANNEL, Fault, Slack};
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
