//! Delivery to a sink: one step after the other, in order. Nothing is edited there, and what is repeated bears the same key.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;
use crate::config::SinkConfig;
use crate::cycle::Context;
use crate::cycle::deliver::turn::{Turn, failed_attempt};
use crate::cycle::deliver::{DeliveryCounts, Trigger};
use crate::retry::{self, RetryClass, Retryable};
use crate::sink::{Error, SinkClient};
use crate::store::{self, AttemptResult, OutboxRow};

/// How long a step waits for a sink that does not accept it. Who was not reached by then is not helped by it any more.
const MAX_WAIT: Duration = Duration::from_secs(3 * 86_400);
/// The maximum number of attempts without an answer, where a repeat would be read twice.
const MAX_UNANSWERED: u64 = 2;
/// What failed so often is tried once in a cycle, and no more in each minute between them.
const MAX_QUICK_ATTEMPTS: u64 = 3;

/// Sends the steps of one sink.
pub(super) struct SinkWorker {
    turn: Turn,
    name: String,
    /// The client, or why there is none; `None` where no sink has this name any more.
    sink: Option<Result<SinkClient, String>>,
}

impl SinkWorker {
    /// Returns the worker of the sink called `name`.
    pub(super) fn new(context: &Context, name: &str, turn: Turn) -> Self {
        let timeout = context.config.slack.timeout;
        let configured = context.config.sinks.iter().find(|sink| sink.name == name);
        let open = |sink: &SinkConfig| {
            let client = SinkClient::new(&sink.name, sink.destination()?, timeout);
            client.map_err(|error| error.to_string())
        };
        Self {
            turn,
            name: name.to_owned(),
            sink: configured.map(open),
        }
    }

    /// Sends until the sink fails or the deadline is reached. A step that is refused by itself stops no other.
    pub(super) async fn send_all(
        &self,
        rows: Vec<OutboxRow>,
    ) -> Result<DeliveryCounts, store::Error> {
        let mut counts = DeliveryCounts::default();
        let mut waiting: BTreeSet<&str> = BTreeSet::new();
        for row in &rows {
            if Instant::now() >= self.turn.deadline {
                break;
            }
            let incident = row.message.incident.as_deref().unwrap_or_default();
            let is_tired =
                self.turn.trigger == Trigger::BetweenCycles && row.attempts >= MAX_QUICK_ATTEMPTS;
            if is_tired || waiting.contains(incident) {
                waiting.insert(incident);
                continue;
            }
            if let Some(why) = self.is_hopeless(row) {
                counts.given_up += u64::from(self.give_up(row, why).await?);
                continue;
            }
            let began = clock::now();
            if self.turn.claim(row, began, |_| Ok(())).await?.is_none() {
                continue;
            }
            let result = retry::retry(&self.turn.retry, || self.attempt(row)).await;
            for to_mend in result.iter().flatten() {
                tracing::warn!("{to_mend}");
            }
            let class = result.as_ref().err().map(|error| error.class);
            if let Some(Ok(sink)) = &self.sink {
                let counts = &self.turn.counts;
                counts.add(sink.kind().name(), class.map(RetryClass::name));
            }
            self.turn
                .record(row, began, to_attempt(row, result))
                .await?;
            match class {
                None => counts.sent += 1,
                Some(RetryClass::BadPayload) => {}
                Some(_) => break,
            }
        }
        Ok(counts)
    }

    /// Returns why no further attempt is made, if none is.
    fn is_hopeless(&self, row: &OutboxRow) -> Option<&'static str> {
        let unanswered = row.unconfirmed.map_or(0, |earlier| earlier.unanswered);
        let repeats = matches!(&self.sink, Some(Ok(sink)) if sink.kind().knows_repeats());
        if self.sink.is_none() {
            Some("no [[sink]] has this name any more")
        } else if self.turn.hold.at.since(row.created_at) > MAX_WAIT {
            Some("it did not accept it for three days")
        } else if !repeats && unanswered >= MAX_UNANSWERED {
            Some("it confirmed neither of two attempts")
        } else {
            None
        }
    }

    async fn attempt(&self, row: &OutboxRow) -> Result<Vec<String>, Error> {
        let refuse = |why: String| {
            let why = format!("sink `{}`: {why}", self.name);
            Error::new(RetryClass::Permanent, why)
        };
        let sink = match &self.sink {
            Some(Ok(sink)) => sink,
            Some(Err(why)) => return Err(refuse(why.clone())),
            None => return Err(refuse("it is not configured".to_owned())),
        };
        let send = sink.send(&row.key, &row.message.body, clock::now());
        let unanswered = || sink.without_answer();
        self.turn.attempt(send, refuse, unanswered).await
    }

    /// Sets `row` aside in a cycle; returns whether it was.
    async fn give_up(&self, row: &OutboxRow, why: &'static str) -> Result<bool, store::Error> {
        let headline = row.message.text.lines().next().unwrap_or_default();
        let fate = match row.unconfirmed {
            Some(_) => "never confirmed, it may have arrived",
            None => "never sent",
        };
        let note = format!("sink {}: {fate}: {headline}; {why}", self.name);
        let is_given_up = self.turn.give_up(row, note).await? == Some(true);
        if is_given_up {
            tracing::error!(sink = self.name, incident = ?row.message.incident, "gave up a message: {why}");
        }
        Ok(is_given_up)
    }
}

/// Returns the attempt as the store records it.
fn to_attempt<T>(row: &OutboxRow, result: Result<T, Error>) -> AttemptResult {
    match result {
        Ok(_) => AttemptResult::Accepted {
            channel: Some(row.message.channel.clone()),
            ts: None,
        },
        Err(error) => failed_attempt(error.class, error.retry_after, &error),
    }
}

impl Retryable for Error {
    fn is_transient(&self) -> bool {
        self.class == RetryClass::Retry
    }
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
