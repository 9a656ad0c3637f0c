//! Delivery to a sink: one transition after the other, in order. Nothing is edited there, and what is repeated bears the same key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::clock;
use crate::config::SinkConfig;
use crate::cycle::Context;
use crate::cycle::deliver::counts::NotificationCounts;
use crate::cycle::deliver::{DeliveryCounts, Trigger};
use crate::cycle::lease::DeliveryLease;
use crate::model::{Hold, ServerName, Timestamp};
use crate::retry::{self, RetryPolicy, Retryable};
use crate::sink::{Error, SendFailure, SinkClient};
use crate::store::{self, AttemptResult, Database, Note, OutboxRow, Store};

/// How long a transition waits for a sink that does not take it. Who was not reached by then is not helped by it any more.
const MAX_WAIT: Duration = Duration::from_secs(3 * 86_400);
/// The maximum number of attempts without an answer, where a repeat would be told twice.
const MAX_UNANSWERED: u64 = 2;
/// What failed so often is tried once in a cycle, and no more in each minute between them.
const MAX_QUICK_ATTEMPTS: u64 = 3;
/// The maximum time that a sink is left alone, however long it asks to be.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Sends the transitions of one sink.
pub(super) struct SinkWorker {
    name: String,
    /// The client, or why there is none; `None` where no sink has this name any more.
    sink: Option<Result<SinkClient, String>>,
    store: Store,
    counts: Arc<NotificationCounts>,
    lease: DeliveryLease,
    attempt_timeout: Duration,
    trigger: Trigger,
    hold: Hold,
    deadline: Instant,
    retry: RetryPolicy,
}

impl SinkWorker {
    /// Returns the worker of the sink called `name`. `attempt_timeout` is shorter than the lease.
    pub(super) fn new(
        context: &Context,
        name: &str,
        lease: &DeliveryLease,
        (trigger, hold): (Trigger, Hold),
        (attempt_timeout, deadline): (Duration, Instant),
        retry: RetryPolicy,
    ) -> Self {
        let timeout = context.config.slack.timeout;
        let configured = context.config.sinks.iter().find(|sink| sink.name == name);
        let open = |sink: &SinkConfig| {
            let client = SinkClient::new(&sink.name, sink.destination()?, timeout);
            client.map_err(|error| error.to_string())
        };
        Self {
            name: name.to_owned(),
            sink: configured.map(open),
            store: context.store.clone(),
            counts: Arc::clone(&context.notification_counts),
            lease: lease.clone(),
            attempt_timeout,
            trigger,
            hold,
            deadline,
            retry,
        }
    }

    /// Sends until the sink fails or the deadline is reached. A transition that is refused by itself stops no other.
    pub(super) async fn send_all(
        &self,
        rows: Vec<OutboxRow>,
    ) -> Result<DeliveryCounts, store::Error> {
        let mut counts = DeliveryCounts::default();
        let mut waiting: BTreeSet<&str> = BTreeSet::new();
        for row in &rows {
            if Instant::now() >= self.deadline {
                break;
            }
            let incident = row.message.incident.as_deref().unwrap_or_default();
            let is_tired =
                self.trigger == Trigger::BetweenCycles && row.attempts >= MAX_QUICK_ATTEMPTS;
            if is_tired || waiting.contains(incident) {
                waiting.insert(incident);
                continue;
            }
            if let Some(why) = self.is_hopeless(row) {
                counts.given_up += u64::from(self.give_up(row, why).await?);
                continue;
            }
            let began = clock::now();
            if !self.claim(row, began).await? {
                continue;
            }
            let result = retry::retry(&self.retry, || self.attempt(row)).await;
            let failure = result.as_ref().err().map(|error| error.failure);
            self.record(row, began, result).await?;
            match failure {
                None => counts.sent += 1,
                Some(SendFailure::Refused) => {}
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
        } else if self.hold.at.since(row.created_at) > MAX_WAIT {
            Some("it did not take it for three days")
        } else if !repeats && unanswered >= MAX_UNANSWERED {
            Some("it confirmed neither of two attempts")
        } else {
            None
        }
    }

    async fn claim(&self, row: &OutboxRow, began: Timestamp) -> Result<bool, store::Error> {
        let (seq, hold) = (row.seq, self.hold);
        let claim = move |s: &mut Database| {
            Ok(!s.is_row_held(seq, hold)? && s.claim_row(seq, began, Duration::ZERO)?)
        };
        self.store.call(claim).await
    }

    /// Makes one attempt, if this process still holds the lease.
    async fn attempt(&self, row: &OutboxRow) -> Result<(), Error> {
        let refuse = |why: String| Error::new(SendFailure::Permanent, why);
        let sink = match &self.sink {
            Some(Ok(sink)) => sink,
            Some(Err(why)) => return Err(refuse(format!("sink `{}`: {why}", self.name))),
            None => return Err(refuse(format!("sink `{}` is not configured", self.name))),
        };
        match self.lease.renew().await {
            Ok(true) => {}
            Ok(false) => return Err(refuse("another hushwatch delivers now".to_owned())),
            Err(error) => return Err(refuse(error.to_string())),
        }
        let send = sink.send(&row.key, &row.message.body, clock::now());
        timeout(self.attempt_timeout, send)
            .await
            .unwrap_or_else(|_| Err(sink.without_answer()))
    }

    async fn record(
        &self,
        row: &OutboxRow,
        began: Timestamp,
        result: Result<(), Error>,
    ) -> Result<(), store::Error> {
        if let Some(Ok(sink)) = &self.sink {
            let failure = result.as_ref().err().map(|error| error.failure.name());
            self.counts.add_named(sink.kind().name(), failure);
        }
        let (seq, at) = (row.seq, clock::now());
        let attempt = match result {
            Ok(()) => AttemptResult::Accepted {
                channel: Some(row.message.channel.clone()),
                ts: None,
            },
            Err(error) => {
                tracing::warn!(failure = error.failure.name(), %error, "transition not delivered; it stays pending");
                let wait = error.retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
                AttemptResult::Failed {
                    why: error.to_string(),
                    unknown: error.failure == SendFailure::Unconfirmed,
                    next_try_at: wait.map(|wait| at + wait),
                }
            }
        };
        let record = move |s: &mut Database| s.record_attempt(seq, began, at, &attempt);
        self.store.call(record).await
    }

    /// Sets `row` aside in a cycle, whose report and digest say so; between cycles it is only left alone.
    async fn give_up(&self, row: &OutboxRow, why: &'static str) -> Result<bool, store::Error> {
        if self.trigger == Trigger::BetweenCycles {
            return Ok(false);
        }
        let headline = row.message.text.lines().next().unwrap_or_default();
        let name = &self.name;
        let note = Note {
            at: self.hold.at,
            server: ServerName(String::new()),
            text: format!("sink {name} was not told: {headline}; {why}"),
        };
        tracing::error!(sink = %name, incident = ?row.message.incident, "gave up a transition: {why}");
        let seq = row.seq;
        self.store.call(move |s| s.give_up_row(seq, &note)).await
    }
}

impl Retryable for Error {
    fn is_transient(&self) -> bool {
        self.failure == SendFailure::Retry
    }
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
