use super::supervisor::send_state;
use super::*;
use std::collections::BTreeMap;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::config::{self, Sources};
use crate::cycle::Notifier;
use crate::model::HOUR;
use crate::sim;
use crate::sim::postmark::Postmark;
use crate::sim::slack::{Fault, Slack};

/// A server without a token, which is told through a webhook at the first cycle.
struct Blind {
    context: Arc<Context>,
    slack: Slack,
    _postmark: Postmark,
    _folder: tempfile::TempDir,
}

impl Blind {
    async fn after_a_cycle(fault: impl Into<Fault>) -> Self {
        let (postmark, slack) = (Postmark::start(), Slack::start());
        let (postmark, slack) = (postmark.expect("postmark"), slack.expect("slack"));
        slack.always(fault);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("monitor.toml");
        std::fs::write(&file, "").expect("written");
        let store = folder.path().join("hushwatch.db").display().to_string();
        let env = [
            ("HUSHWATCH_POSTMARK__BASE_URL", postmark.base_url()),
            ("HUSHWATCH_RETRY__ATTEMPTS", "1".to_owned()),
            ("HUSHWATCH_STORE__PATH", store),
            ("SLACK_WEBHOOK_URL", slack.webhook_url()),
        ];
        let env: BTreeMap<String, String> =
            env.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let sources = Sources {
            file: Some(file),
            env,
        };
        let config = config::load(&sources).expect("a valid configuration");
        let notifier = Notifier::new(&config.slack, std::io::sink()).expect("a notifier");
        let context = Arc::new(Context::open(config, notifier).expect("a context"));
        let report = run_cycle(&context, CycleOptions::default())
            .await
            .expect("a cycle");
        assert!(!report.is_complete(), "the message is pending");
        Self {
            context,
            slack,
            _postmark: postmark,
            _folder: folder,
        }
    }

    async fn minutes(&self, minutes: usize) {
        for _ in 0..minutes {
            run_housekeeping(&self.context).await.expect("housekeeping");
        }
    }
}

#[tokio::test]
async fn what_may_have_been_posted_is_not_sent_again_at_every_look() {
    let blind = Blind::after_a_cycle(Fault::AcceptThenReset).await;
    blind.minutes(3).await;
    assert_eq!(blind.slack.messages().len(), 1);
    let again = run_cycle(&blind.context, CycleOptions::default()).await;
    assert!(
        again.is_ok() && blind.slack.messages().len() == 2,
        "a cycle tries it"
    );
}

#[test]
fn a_clock_that_is_set_back_is_noticed_once() {
    let mut seen = Timestamp::from_secs(1_800_000_000);
    let at = seen;
    let mut moved = |now| has_moved_back(&mut seen, now);
    assert!(!moved(at + MINUTE));
    // A correction of some seconds is none.
    assert!(!moved(at + MINUTE - Duration::from_secs(20)));
    assert!(moved(at - HOUR * 3));
    assert!(!moved(at - HOUR * 3 + MINUTE));
    assert!(!moved(at + HOUR * 10), "forward is housekeeping's");
}

#[tokio::test]
async fn what_was_not_posted_is_tried_at_every_look() {
    let blind = Blind::after_a_cycle(sim::Fault::Status(500)).await;
    blind.minutes(2).await;
    assert_eq!(blind.slack.count("/services"), 3);
    blind.slack.clear_faults();
    blind.minutes(2).await;
    assert_eq!(blind.slack.messages().len(), 1);
}

#[test]
fn without_the_name_of_a_socket_no_supervisor_is_told() {
    let told = send_state("".as_ref(), &NotifyState::Ready);
    assert!(told.is_ok(), "{told:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_supervisor_is_told_by_a_file_or_an_abstract_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notify");
    let name = format!("hushwatch-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    for (socket, listener) in [
        (file.clone().into(), UnixDatagram::bind(&file)),
        (format!("@{name}").into(), UnixDatagram::bind_addr(&address)),
    ] {
        let socket: std::ffi::OsString = socket;
        let listener = listener.expect("bound");
        send_state(&socket, &NotifyState::Ready).expect("told");
        let mut said = [0; 64];
        let length = listener.recv(&mut said).expect("a state");
        assert_eq!(&said[..length], b"READY=1\n", "{socket:?}");
        drop(listener);
        std::fs::remove_file(&file).ok();
        assert!(
            send_state(&socket, &NotifyState::Ready).is_err(),
            "{socket:?}"
        );
    }
}
