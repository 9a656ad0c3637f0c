//! Outbox to Slack. A row is marked sent only after it was accepted; what is refused or unknown stays.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::evaluate::frozen;
use crate::app::{App, Outlet};
use crate::clock;
use crate::retry::{self, Retryable};
use crate::slack::{self, Accepted, Class};
use crate::store::{self, Attempt, OutboxRow, Store};

/// Attempts within one cycle, at most: so that one destination cannot hold up a cycle.
const ATTEMPTS: u32 = 3;
/// Longest wait between them.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// However long Slack asks to be left alone, it is asked again after this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How a delivery went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Notices {
    /// Messages accepted.
    pub sent: u64,
    /// Messages not yet accepted.
    pub pending: u64,
}

struct Failed(slack::Error);

impl Retryable for Failed {
    fn is_transient(&self) -> bool {
        self.0.class == Class::Later
    }
    fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl App {
    /// Tries every destination with due rows; one that fails stops no other.
    pub(super) async fn deliver(&self) -> Result<Notices, store::Error> {
        // Leases and waits are the machine's business: they follow its clock, not the judged instant.
        let now = clock::now();
        // The lock of the cycle is held: whoever took a row before and did not finish it is dead.
        let rows = self.store.call(move |s| s.due(now, Duration::ZERO)).await?;
        let mut channels: BTreeMap<String, Vec<OutboxRow>> = BTreeMap::new();
        for row in rows {
            channels
                .entry(row.message.channel.clone())
                .or_default()
                .push(row);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for rows in channels.into_values() {
            let line = Line {
                store: self.store.clone(),
                outlet: self.outlet.clone(),
                pace: self.config.slack.pace,
                policy: retry::Policy {
                    attempts: self.config.retry.attempts.min(ATTEMPTS),
                    longest: self.config.retry.longest.min(LONGEST_WAIT),
                    ..self.config.retry.clone()
                },
            };
            tasks.spawn(async move { line.send_all(rows).await });
        }
        let mut sent = 0;
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(count) => sent += count?,
                Err(error) => tracing::error!(%error, "a delivery broke off"),
            }
        }
        let pending = self.store.call(|s| s.pending()).await?;
        Ok(Notices { sent, pending })
    }
}

/// One destination, whose messages go one after the other.
struct Line {
    store: Store,
    outlet: Outlet,
    pace: Duration,
    policy: retry::Policy,
}

impl Line {
    /// Sends until the destination fails; how many were accepted. A message that is refused for what it is stops no other.
    async fn send_all(&self, rows: Vec<OutboxRow>) -> Result<u64, store::Error> {
        let mut sent = 0;
        let prints = matches!(self.outlet, Outlet::Print(_));
        for (index, row) in rows.into_iter().enumerate() {
            if index > 0 && !prints {
                tokio::time::sleep(self.pace).await;
            }
            let (seq, began) = (row.seq, clock::now());
            if !self
                .store
                .call(move |s| s.claim(seq, began, Duration::ZERO))
                .await?
            {
                continue;
            }
            let answer = self.send(&row).await;
            let (accepted, goes_on) = (
                answer.is_ok(),
                !matches!(&answer, Err(error) if error.class != Class::Payload),
            );
            let attempt = attempt(answer);
            let at = clock::now();
            self.store
                .call(move |s| s.finish(seq, began, at, &attempt))
                .await?;
            if !goes_on {
                break;
            }
            sent += u64::from(accepted);
        }
        Ok(sent)
    }

    async fn send(&self, row: &OutboxRow) -> Result<Accepted, slack::Error> {
        let message = frozen(&row.message);
        let incident = row.message.incident.as_deref();
        let answer = retry::retry(&self.policy, || async {
            self.outlet
                .send(&row.message.channel, &message, incident)
                .await
                .map_err(Failed)
        });
        answer.await.map_err(|failed| failed.0)
    }
}

fn attempt(answer: Result<Accepted, slack::Error>) -> Attempt {
    match answer {
        Ok(accepted) => Attempt::Accepted {
            channel: accepted.channel,
            ts: accepted.ts,
        },
        Err(error) => {
            tracing::warn!(class = ?error.class, "a message is still pending: {error}");
            let wait = error.retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER));
            Attempt::Failed {
                why: error.to_string(),
                unknown: error.class == Class::Unknown,
                next_try_at: wait.map(|wait| clock::now() + wait),
            }
        }
    }
}
