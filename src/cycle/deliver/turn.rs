//! One turn of the delivery: what every worker does with a row, whichever destination it sends to.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::cycle::Context;
use crate::cycle::deliver::Trigger;
use crate::cycle::deliver::counts::NotificationCounts;
use crate::cycle::lease::DeliveryLease;
use crate::model::{Hold, ServerName, Timestamp};
use crate::retry::{RetryClass, RetryPolicy};
use crate::store::{self, AttemptResult, Database, Note, OutboxRow, Store};

/// The maximum number of attempts within one cycle, so that one destination cannot hold up a cycle.
const MAX_ATTEMPTS_PER_CYCLE: u32 = 3;
/// The maximum delay between two attempts within one cycle.
pub(super) const MAX_RETRY_DELAY: Duration = Duration::from_secs(15);
/// How much longer than the timeouts of its requests an attempt may take.
const ATTEMPT_MARGIN: Duration = Duration::from_secs(1);
/// The maximum time that a destination is left alone, however long it asks to be.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// How long a destination gets in one cycle. No message is begun after it; the rest is left to the next cycle.
const MAX_DELIVERY_TIME: Duration = Duration::from_secs(300);

/// What the workers of one turn share, and what each of them does alike.
#[derive(Clone)]
pub(super) struct Turn {
    pub store: Store,
    pub counts: Arc<NotificationCounts>,
    pub lease: DeliveryLease,
    /// The maximum time of one attempt, in both its layouts: shorter than the lease.
    pub attempt_timeout: Duration,
    pub trigger: Trigger,
    /// What waits, as of the instant of the cycle.
    pub hold: Hold,
    /// No further message is begun after this.
    pub deadline: Instant,
    pub retry: RetryPolicy,
}

impl Turn {
    pub(super) fn new(
        context: &Context,
        trigger: Trigger,
        lease: &DeliveryLease,
        hold: Hold,
    ) -> Self {
        let retry = &context.config.retry;
        let timeout = context.config.slack.timeout;
        Self {
            store: context.store.clone(),
            counts: Arc::clone(&context.notification_counts),
            lease: lease.clone(),
            attempt_timeout: timeout.saturating_mul(2).saturating_add(ATTEMPT_MARGIN),
            trigger,
            hold,
            deadline: Instant::now() + MAX_DELIVERY_TIME,
            retry: RetryPolicy {
                attempts: retry.attempts.min(MAX_ATTEMPTS_PER_CYCLE),
                longest: retry.longest.min(MAX_RETRY_DELAY),
                ..retry.clone()
            },
        }
    }

    /// Claims `row` for an attempt. Returns what `read` reads in the same transaction, or `None` where another process has the row
    /// or somebody muted it while those before it were sent.
    pub(super) async fn claim<T: Send + 'static>(
        &self,
        row: &OutboxRow,
        began: Timestamp,
        read: impl Fn(&mut Database) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<Option<T>, store::Error> {
        let (seq, hold) = (row.seq, self.hold);
        let claim = move |s: &mut Database| {
            let is_ours = !s.is_row_held(seq, hold)? && s.claim_row(seq, began, Duration::ZERO)?;
            is_ours.then(|| read(s)).transpose()
        };
        self.store.call(claim).await
    }

    /// Makes one attempt, if this process still holds the lease: one that was frozen may find that another process sent this
    /// message long ago. `refuse` makes the error of an attempt that is not made, `unanswered` that of one that took too long.
    pub(super) async fn attempt<T, E>(
        &self,
        attempt: impl Future<Output = Result<T, E>>,
        refuse: impl Fn(String) -> E,
        unanswered: impl Fn() -> E,
    ) -> Result<T, E> {
        match self.lease.renew().await {
            Ok(true) => {}
            Ok(false) => return Err(refuse("another hushwatch delivers now".to_owned())),
            Err(error) => return Err(refuse(error.to_string())),
        }
        timeout(self.attempt_timeout, attempt)
            .await
            .unwrap_or_else(|_| Err(unanswered()))
    }

    /// Records how the attempt at `row` ended that began at `began`.
    pub(super) async fn record(
        &self,
        row: &OutboxRow,
        began: Timestamp,
        attempt: AttemptResult,
    ) -> Result<(), store::Error> {
        let (seq, at) = (row.seq, crate::clock::now());
        let record = || {
            let attempt = attempt.clone();
            self.store
                .call(move |s| s.record_attempt(seq, began, at, &attempt))
        };
        match record().await {
            // A result may be recorded twice, and is worth a second connection.
            Err(error) if error.is_lost() => record().await,
            recorded => recorded,
        }
    }

    /// Sets `row` aside in a cycle, whose report and digest say so in a `note`; between cycles it is only left alone. Returns whether it
    /// was set aside, `None` between cycles.
    pub(super) async fn give_up(
        &self,
        row: &OutboxRow,
        note: String,
    ) -> Result<Option<bool>, store::Error> {
        if self.trigger == Trigger::BetweenCycles {
            return Ok(None);
        }
        let note = Note {
            at: self.hold.at,
            server: ServerName(String::new()),
            text: note,
        };
        let seq = row.seq;
        let is_given_up = self.store.call(move |s| s.give_up_row(seq, &note)).await?;
        Ok(Some(is_given_up))
    }
}

/// Returns a failed attempt as the store records it, and logs it. `asked` is how long the destination asks to be left alone.
pub(super) fn failed_attempt(
    class: RetryClass,
    asked: Option<Duration>,
    error: &impl Display,
) -> AttemptResult {
    tracing::warn!(?class, %error, "an attempt to send a message failed");
    let wait = asked.map(|wait| wait.min(MAX_RETRY_AFTER));
    AttemptResult::Failed {
        why: error.to_string(),
        unknown: class == RetryClass::Unconfirmed,
        next_try_at: wait.map(|wait| crate::clock::now() + wait),
    }
}
