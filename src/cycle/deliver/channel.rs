//! The worker of one channel: sends its messages one after the other, in order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::clock;
use crate::cycle::Notifier;
use crate::cycle::deliver::counts::NotificationCounts;
use crate::cycle::deliver::notifier::Form;
use crate::cycle::deliver::reconcile::{Reconciled, reconcile};
use crate::cycle::deliver::{DeliveryCounts, Trigger};
use crate::cycle::lease::DeliveryLease;
use crate::model::{Hold, MINUTE, ServerName, Timestamp};
use crate::notify::given_up;
use crate::retry;
use crate::slack::{self, Receipt, RetryClass};
use crate::store::{
    self, AttemptResult, Database, GivenUp, Handle, MessageKind, Note, OutboxRow, Store, Thread,
    UnconfirmedAttempt,
};

/// The maximum delay between two attempts within one cycle.
pub(super) const MAX_RETRY_DELAY: Duration = Duration::from_secs(15);
/// The maximum time that Slack is left alone, however long it asks to be.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The maximum number of attempts that end without an answer: the first one and one repeat. One in which the process died does
/// not count, as it says nothing about Slack.
const MAX_UNANSWERED: u64 = 2;
/// The delay between attempts doubles this often at most; by then it is days.
const MAX_DOUBLINGS: u32 = 12;

/// Sends the messages of one channel.
pub(super) struct ChannelWorker {
    pub store: Store,
    pub notifier: Notifier,
    pub counts: Arc<NotificationCounts>,
    pub lease: DeliveryLease,
    /// The maximum time of one attempt, in both its layouts: shorter than the lease.
    pub attempt_timeout: Duration,
    pub trigger: Trigger,
    /// What waits, as of the instant of the cycle.
    pub hold: Hold,
    pub pace: Duration,
    /// No further message is begun after this.
    pub deadline: Instant,
    pub retry: retry::RetryPolicy,
}

/// How it went with one message.
enum Outcome {
    /// It was accepted, now or in an earlier attempt.
    Accepted,
    /// It stays, and the next may be tried: its content was refused, or another process has it.
    Skipped,
    /// It stays until Slack says what became of an earlier attempt.
    Deferred,
    /// It stays, and nothing more is sent to this channel now.
    Blocked,
    /// It is set aside, and the next may be tried.
    GivenUp,
    /// The message that it edits is gone, or takes no edits or replies any more: it is posted anew.
    Gone,
}

impl ChannelWorker {
    /// Sends until the channel fails or the deadline is reached. A message that is refused for its content stops no other. One
    /// that is deferred stops those that name one of its incidents: the end of an incident must not be read before its beginning.
    pub(super) async fn send_all(
        &self,
        rows: Vec<OutboxRow>,
    ) -> Result<DeliveryCounts, store::Error> {
        let mut counts = DeliveryCounts::default();
        let mut deferred: BTreeSet<&str> = BTreeSet::new();
        let is_terminal = matches!(self.notifier, Notifier::Writer(_));
        for (index, row) in rows.iter().enumerate() {
            // A digest reports how things are, whichever steps are still to be read.
            let is_step = row.message.kind != MessageKind::Digest;
            let incidents = || row.message.incidents.iter().map(String::as_str);
            if is_step && incidents().any(|id| deferred.contains(id)) {
                continue;
            }
            if index > 0 && Instant::now() >= self.deadline {
                tracing::warn!("delivery deadline reached; remaining messages deferred");
                break;
            }
            if index > 0 && !is_terminal {
                sleep(self.pace).await;
            }
            match self.deliver_row(row).await? {
                Outcome::Accepted => counts.sent += 1,
                Outcome::GivenUp => counts.given_up += 1,
                Outcome::Deferred if is_step => deferred.extend(incidents()),
                Outcome::Deferred | Outcome::Skipped => {}
                Outcome::Blocked | Outcome::Gone => break,
            }
        }
        Ok(counts)
    }

    async fn deliver_row(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        if row.message.kind == MessageKind::Edit {
            return self.deliver_edit(row).await;
        }
        let Some(parent) = self.handle(row).await? else {
            return self.deliver_as(row, &Form::Post, row.unconfirmed).await;
        };
        let replied = if parent.is_edited {
            let earlier = row.unconfirmed;
            self.deliver_as(row, &Form::Reply(parent), earlier).await?
        } else {
            match self.edit(row, &parent).await? {
                Outcome::Accepted => self.deliver_as(row, &Form::Reply(parent), None).await?,
                outcome => outcome,
            }
        };
        match replied {
            Outcome::Gone => self.deliver_as(row, &Form::Post, None).await,
            outcome => Ok(outcome),
        }
    }

    /// Edits the message and tells nothing; where there is none to edit, the next step posts it as it is then.
    async fn deliver_edit(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        let outcome = match self.handle(row).await? {
            Some(parent) if !parent.is_edited => self.edit(row, &parent).await?,
            _ => Outcome::Accepted,
        };
        if !matches!(outcome, Outcome::Accepted | Outcome::Gone) {
            return Ok(outcome);
        }
        let (seq, at) = (row.seq, clock::now());
        let done = AttemptResult::Accepted {
            channel: None,
            ts: None,
        };
        let record = move |s: &mut Database| s.record_attempt(seq, at, at, &done);
        self.store.call(record).await?;
        Ok(Outcome::Accepted)
    }

    /// Returns where the message lives that `row` edits; `None` where it is posted by itself.
    async fn handle(&self, row: &OutboxRow) -> Result<Option<Handle>, store::Error> {
        let is_change = matches!(row.message.placement.thread, Thread::Continues(_));
        if !is_change || !self.notifier.has_threads() {
            return Ok(None);
        }
        let seq = row.seq;
        self.store.call(move |s| s.handle(seq)).await
    }

    /// Edits the message of `parent`, and records that before the reply is sent: whatever happens then, it is not edited again. An
    /// edit of unknown fate is repeated, which nobody sees.
    async fn edit(&self, row: &OutboxRow, parent: &Handle) -> Result<Outcome, store::Error> {
        let began = clock::now();
        if self.claim(row, began).await?.is_none() {
            return Ok(Outcome::Skipped);
        }
        let edit = || self.attempt(self.notifier.edit(row, parent));
        let result = retry::retry(&self.retry, edit).await;
        match result {
            Ok(_) => {
                let (seq, at) = (row.seq, clock::now());
                self.store.call(move |s| s.record_edit(seq, at)).await?;
                Ok(Outcome::Accepted)
            }
            Err(mut error) => {
                if error.class == RetryClass::Unconfirmed {
                    error.class = RetryClass::Retry;
                }
                let is_gone = self.notifier.calls_for_new_post(row, parent, &error);
                let outcome = self.record(row, began, Err(error), &[]).await?;
                if is_gone {
                    self.forget_handle(row).await
                } else {
                    Ok(outcome)
                }
            }
        }
    }

    async fn forget_handle(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        let seq = row.seq;
        self.store.call(move |s| s.forget_handle(seq)).await?;
        Ok(Outcome::Gone)
    }

    /// Sends `row` in this form, or finds it where an `earlier` attempt brought it.
    async fn deliver_as(
        &self,
        row: &OutboxRow,
        form: &Form,
        earlier: Option<UnconfirmedAttempt>,
    ) -> Result<Outcome, store::Error> {
        let mut is_last = false;
        if let Some(earlier) = earlier {
            let looked_up = (row, form);
            match reconcile(&self.notifier, &self.retry, self.pace, looked_up, earlier).await {
                Reconciled::Delivered(accepted) => {
                    return self.record(row, earlier.last, Ok(accepted), &[]).await;
                }
                Reconciled::Pending(error) => {
                    self.record(row, earlier.last, Err(error), &[]).await?;
                    return Ok(Outcome::Deferred);
                }
                Reconciled::Unknown if earlier.unanswered >= MAX_UNANSWERED => {
                    return self.give_up(row).await;
                }
                Reconciled::Unknown if !self.retry_is_due(row, earlier) => {
                    return Ok(Outcome::Deferred);
                }
                Reconciled::Unknown => is_last = earlier.unanswered + 1 >= MAX_UNANSWERED,
                Reconciled::NotDelivered => {}
            }
        }
        let began = clock::now();
        let Some(given_up) = self.claim(row, began).await? else {
            return Ok(Outcome::Skipped);
        };
        let send = || self.attempt(self.notifier.send(row, form, &given_up));
        let result = retry::retry(&self.retry, send).await;
        let error = result.as_ref().err();
        let is_unconfirmed = error.is_some_and(|e| e.class == RetryClass::Unconfirmed);
        let is_refused = match (form, error) {
            (Form::Reply(parent), Some(error)) => {
                self.notifier.calls_for_new_post(row, parent, error)
            }
            _ => false,
        };
        let outcome = self.record(row, began, result, &given_up).await?;
        if is_refused {
            return self.forget_handle(row).await;
        }
        if is_last && is_unconfirmed {
            return self.give_up(row).await;
        }
        Ok(outcome)
    }

    /// Moves what waits for the channel of `row`, which refuses it, to the one that stands in for it.
    async fn reroute(&self, row: &OutboxRow) -> Result<(), store::Error> {
        let channel = row.message.channel.clone();
        let rows = self.store.call(move |s| s.reroute_rows(&channel)).await?;
        tracing::error!(
            channel = row.message.channel,
            rows,
            "slack.wake_channel does not take messages; the next attempt goes to the channel of the server or the default one. Check wake_channel, and invite the app"
        );
        Ok(())
    }

    /// Claims `row` for an attempt. Returns the given-up messages that it is to name, or `None` where another process has the row
    /// or somebody muted it while those before it were sent.
    pub(super) async fn claim(
        &self,
        row: &OutboxRow,
        began: Timestamp,
    ) -> Result<Option<Vec<GivenUp>>, store::Error> {
        let (seq, hold, channel) = (row.seq, self.hold, row.message.channel.clone());
        let claim = move |s: &mut Database| {
            let is_ours = !s.is_row_held(seq, hold)? && s.claim_row(seq, began, Duration::ZERO)?;
            Ok(is_ours.then_some(s.given_up_rows(&channel)?))
        };
        self.store.call(claim).await
    }

    /// Sets `row` aside in a cycle, whose report says so; between cycles it is only left alone.
    async fn give_up(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        if self.trigger == Trigger::BetweenCycles {
            return Ok(Outcome::Deferred);
        }
        let incident = row.message.incident.as_deref();
        let headline = row.message.text.lines().next().unwrap_or_default();
        let note = Note {
            at: self.hold.at,
            server: ServerName(String::new()),
            text: given_up::line(incident, headline),
        };
        let seq = row.seq;
        if !self.store.call(move |s| s.give_up_row(seq, &note)).await? {
            return Ok(Outcome::Skipped);
        }
        tracing::error!(
            incident,
            "gave up a message: it was sent twice, and Slack confirmed neither; the next message names it"
        );
        Ok(Outcome::GivenUp)
    }

    /// Makes one attempt, if this process still holds the lease: one that was frozen may find that another process sent this
    /// message long ago.
    pub(super) async fn attempt(
        &self,
        attempt: impl Future<Output = Result<Receipt, slack::Error>>,
    ) -> Result<Receipt, slack::Error> {
        match self.lease.renew().await {
            Ok(true) => {}
            Ok(false) => {
                let what = "another hushwatch delivers now";
                return Err(slack::Error::new(RetryClass::Permanent, what));
            }
            Err(error) => return Err(slack::Error::new(RetryClass::Permanent, error.to_string())),
        }
        timeout(self.attempt_timeout, attempt)
            .await
            .unwrap_or_else(|_| {
                let what = "Slack did not answer in time";
                Err(slack::Error::new(RetryClass::Unconfirmed, what))
            })
    }

    /// Whether to repeat a message that may have been posted: not in the cycle that sent it first, and not at once after it.
    fn retry_is_due(&self, row: &OutboxRow, earlier: UnconfirmedAttempt) -> bool {
        let now = clock::now();
        match self.trigger {
            // An attempt in the future was made before the clock moved backwards.
            Trigger::Cycle { began } => earlier.last < began || earlier.last > now,
            Trigger::BetweenCycles => now >= earlier.last + retry_delay(row.attempts),
        }
    }

    /// Records how the attempt at `row` ended that began at `began`, and which given-up messages it named.
    async fn record(
        &self,
        row: &OutboxRow,
        began: Timestamp,
        result: Result<Receipt, slack::Error>,
        named: &[GivenUp],
    ) -> Result<Outcome, store::Error> {
        let outcome = match &result {
            Ok(_) => Outcome::Accepted,
            Err(error) if error.class == RetryClass::BadPayload => Outcome::Skipped,
            Err(_) => Outcome::Blocked,
        };
        let failure = result.as_ref().err().map(|error| error.class);
        self.counts.add(self.notifier.kind(), failure);
        let has_fallback = row.message.placement.fallback.is_some();
        let is_refused = matches!(&result, Err(error) if error.is_about_channel());
        let (seq, at, attempt) = (row.seq, clock::now(), to_attempt(result));
        let record = || {
            let attempt = attempt.clone();
            self.store
                .call(move |s| s.record_attempt(seq, began, at, &attempt))
        };
        match record().await {
            // A result may be recorded twice, and is worth a second connection.
            Err(error) if error.is_lost() => record().await?,
            recorded => recorded?,
        }
        if has_fallback && is_refused {
            self.reroute(row).await?;
        }
        if matches!(outcome, Outcome::Accepted) && !named.is_empty() {
            let named: Vec<i64> = named.iter().map(|other| other.seq).collect();
            self.store.call(move |s| s.mark_named(&named)).await?;
        }
        Ok(outcome)
    }
}

/// Returns how long a message that may have been posted waits for the next attempt: a minute, doubled with each attempt.
fn retry_delay(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    MINUTE * 2u32.pow(doublings.min(MAX_DOUBLINGS))
}

/// Returns the attempt as the store records it, and logs a failure.
fn to_attempt(result: Result<Receipt, slack::Error>) -> AttemptResult {
    match result {
        Ok(accepted) => AttemptResult::Accepted {
            channel: accepted.channel,
            ts: accepted.ts,
        },
        Err(error) => {
            tracing::warn!(class = ?error.class, %error, "message not delivered; it stays pending");
            let wait = error.retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
            AttemptResult::Failed {
                why: error.to_string(),
                unknown: error.class == RetryClass::Unconfirmed,
                next_try_at: wait.map(|wait| clock::now() + wait),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CycleCommit, NewMessage, Placement};
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
            lease: lease.expect("a store").expect("nobody else's"),
            counts: Arc::default(),
            attempt_timeout: MINUTE,
            store: store.clone(),
            notifier: Notifier::Writer(Arc::new(Mutex::new(std::io::sink()))),
            trigger,
            hold: Hold::outside_quiet_hours(Timestamp(0)),
            pace: Duration::ZERO,
            deadline: Instant::now(),
            retry: retry::RetryPolicy::ONCE,
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
}
