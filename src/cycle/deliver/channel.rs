//! The worker of one channel: sends its messages one after the other, in order.

mod refused;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::clock;
use crate::cycle::Notifier;
use crate::cycle::deliver::channel::refused::{
    bring_forward_least_tried, is_of_one_message, is_step, need_not_be_of_channel,
    waits_for_another,
};
use crate::cycle::deliver::notifier::Form;
use crate::cycle::deliver::reconcile::{Reconciled, reconcile};
use crate::cycle::deliver::turn::{Turn, failed_attempt};
use crate::cycle::deliver::{DeliveryCounts, Trigger};
use crate::model::{MINUTE, Timestamp};
use crate::notify::given_up;
use crate::retry;
use crate::slack::{self, Receipt, RetryClass};
use crate::store::{
    self, AttemptResult, GivenUp, Handle, MessageKind, OutboxRow, Thread, UnconfirmedAttempt,
};

/// The maximum number of attempts that end without an answer: the first one and one repeat. One in which the process died does
/// not count, as it says nothing about Slack.
const MAX_UNANSWERED: u64 = 2;
/// The number of attempts after which what is not taken, while other messages are, is sent in another form: an edit or a reply is
/// posted anew, a post is sent as plain text.
const MAX_STUCK_ATTEMPTS: u64 = 3;
/// The delay between attempts doubles this often at most; by then it is days.
const MAX_DOUBLINGS: u32 = 12;

/// Sends the messages of one channel.
pub(super) struct ChannelWorker {
    pub turn: Turn,
    pub notifier: Notifier,
    pub pace: Duration,
}

/// How it went with one message.
enum Outcome {
    /// It was accepted, now or in an earlier attempt.
    Accepted,
    /// It stays, and the next may be tried: another process has it.
    Skipped,
    /// It stays, and the next may be tried: its content was refused.
    Unfit,
    /// It stays until Slack says what became of an earlier attempt.
    Deferred,
    /// It stays, and nothing more is sent to this channel now.
    Blocked,
    /// It is set aside, and the next may be tried.
    GivenUp,
    /// Its edit or reply was not taken, which says nothing about other messages: it stays, and what names none of its incidents
    /// may be tried.
    Stuck,
    /// Its post was not taken, which need not say anything about the channel: it stays, and one other message is tried to know.
    Refused,
    /// The same of a repeat that was not answered either.
    Unanswered,
    /// The message that it edits is gone, or takes no edits or replies any more: it is posted anew.
    Gone,
}

impl ChannelWorker {
    /// Sends until the channel fails or the deadline is reached. A message that is refused by itself stops no other. One that is
    /// deferred stops those that name one of its incidents: the end of an incident must not be read before its beginning.
    pub(super) async fn send_all(
        &self,
        rows: Vec<OutboxRow>,
    ) -> Result<DeliveryCounts, store::Error> {
        let mut counts = DeliveryCounts::default();
        let mut deferred: BTreeSet<&str> = BTreeSet::new();
        let mut stuck: Vec<&OutboxRow> = Vec::new();
        let mut refused: Vec<&OutboxRow> = Vec::new();
        let mut queue: VecDeque<&OutboxRow> = rows.iter().collect();
        let (mut is_first, mut is_in_doubt) = (true, false);
        while let Some(row) = queue.pop_front() {
            let incidents = || row.message.incidents.iter().map(String::as_str);
            if waits_for_another(row, &deferred) {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                if Instant::now() >= self.turn.deadline {
                    tracing::warn!("delivery deadline reached; remaining messages deferred");
                    break;
                }
                self.pause().await;
            }
            match self.deliver_row(row).await? {
                Outcome::Accepted => counts.sent += 1,
                Outcome::GivenUp => counts.given_up += 1,
                Outcome::Deferred if is_step(row) => deferred.extend(incidents()),
                Outcome::Stuck => {
                    deferred.extend(incidents());
                    stuck.push(row);
                }
                Outcome::Unfit => refused.push(row),
                outcome @ (Outcome::Refused | Outcome::Unanswered) => {
                    deferred.extend(incidents().filter(|_| is_step(row)));
                    if matches!(outcome, Outcome::Refused) {
                        refused.push(row);
                    }
                    if counts.sent == 0 {
                        // Where no other is taken either, it is the channel.
                        if std::mem::replace(&mut is_in_doubt, true) {
                            break;
                        }
                        bring_forward_least_tried(&mut queue, &deferred);
                    }
                }
                Outcome::Deferred | Outcome::Skipped => {}
                Outcome::Blocked | Outcome::Gone => break,
            }
        }
        for row in stuck {
            self.forget_stuck(row).await?;
        }
        if counts.sent > 0 {
            for row in refused {
                match self.settle_refused(row).await? {
                    Outcome::Accepted => counts.sent += 1,
                    Outcome::GivenUp => counts.given_up += 1,
                    _ => {}
                }
            }
        }
        Ok(counts)
    }

    /// Waits as long as one message of a channel has to come after another.
    async fn pause(&self) {
        if !matches!(self.notifier, Notifier::Writer(_)) {
            sleep(self.pace).await;
        }
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
        let done = AttemptResult::Accepted {
            channel: None,
            ts: None,
        };
        self.turn.record(row, clock::now(), done).await?;
        Ok(Outcome::Accepted)
    }

    /// Returns where the message lives that `row` edits; `None` where it is posted by itself.
    async fn handle(&self, row: &OutboxRow) -> Result<Option<Handle>, store::Error> {
        let is_change = matches!(row.message.placement.thread, Thread::Continues(_));
        if !is_change || !self.notifier.has_threads() {
            return Ok(None);
        }
        let seq = row.seq;
        self.turn.store.call(move |s| s.handle(seq)).await
    }

    /// Edits the message of `parent`, and records that before the reply is sent: whatever happens then, it is not edited again. An
    /// edit of unknown fate is repeated, which nobody sees.
    async fn edit(&self, row: &OutboxRow, parent: &Handle) -> Result<Outcome, store::Error> {
        let began = clock::now();
        if self.claim(row, began).await?.is_none() {
            return Ok(Outcome::Skipped);
        }
        let edit = || self.attempt(self.notifier.edit(row, parent));
        let result = retry::retry(&self.turn.retry, edit).await;
        match result {
            Ok(_) => {
                let (seq, at) = (row.seq, clock::now());
                self.turn
                    .store
                    .call(move |s| s.record_edit(seq, at))
                    .await?;
                Ok(Outcome::Accepted)
            }
            Err(mut error) => {
                if error.class == RetryClass::Unconfirmed {
                    error.class = RetryClass::Retry;
                }
                let is_gone = self.notifier.calls_for_new_post(row, parent, &error);
                let is_stuck = is_of_one_message(&error);
                let outcome = self.record(row, began, Err(error), &[]).await?;
                match outcome {
                    _ if is_gone => self.forget_handle(row).await,
                    Outcome::Blocked if is_stuck => Ok(Outcome::Stuck),
                    Outcome::Unfit => Ok(Outcome::Skipped),
                    outcome => Ok(outcome),
                }
            }
        }
    }

    /// Lets the next attempt at an edit or a reply that is not taken post it by itself, where Slack takes other messages.
    async fn forget_stuck(&self, row: &OutboxRow) -> Result<(), store::Error> {
        let seq = row.seq;
        let others_are_taken = self
            .turn
            .store
            .call(move |s| s.others_were_accepted(seq))
            .await?;
        if row.attempts + 1 >= MAX_STUCK_ATTEMPTS && others_are_taken {
            self.forget_handle(row).await?;
        }
        Ok(())
    }

    async fn forget_handle(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        let seq = row.seq;
        self.turn.store.call(move |s| s.forget_handle(seq)).await?;
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
            match reconcile(
                &self.notifier,
                &self.turn.retry,
                self.pace,
                looked_up,
                earlier,
            )
            .await
            {
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
                Reconciled::NotDelivered if earlier.unanswered < MAX_UNANSWERED => {}
                Reconciled::NotDelivered if self.is_unseen(row, earlier).await? => {
                    return self.give_up(row).await;
                }
                Reconciled::NotDelivered if !self.retry_is_due(row, earlier) => {
                    return Ok(Outcome::Deferred);
                }
                Reconciled::NotDelivered => {}
            }
        }
        let began = clock::now();
        let Some(given_up) = self.claim(row, began).await? else {
            return Ok(Outcome::Skipped);
        };
        let send = || self.attempt(self.notifier.send(row, form, &given_up));
        let result = retry::retry(&self.turn.retry, send).await;
        let error = result.as_ref().err();
        let is_unconfirmed = error.is_some_and(|e| e.class == RetryClass::Unconfirmed);
        let is_refused = match (form, error) {
            (Form::Reply(parent), Some(error)) => {
                self.notifier.calls_for_new_post(row, parent, error)
            }
            _ => false,
        };
        let is_stuck = error.is_some_and(|error| match form {
            Form::Reply(_) => is_of_one_message(error),
            // The first time it is left to the next cycle, as nobody knows whether it was posted.
            Form::Post if is_unconfirmed => earlier.is_some(),
            Form::Post => need_not_be_of_channel(error),
        });
        let outcome = self.record(row, began, result, &given_up).await?;
        if is_refused {
            return self.forget_handle(row).await;
        }
        if is_last && is_unconfirmed {
            return self.give_up(row).await;
        }
        Ok(match (outcome, form) {
            (Outcome::Blocked, Form::Reply(_)) if is_stuck => Outcome::Stuck,
            (Outcome::Blocked, Form::Post) if is_stuck && is_unconfirmed => Outcome::Unanswered,
            (Outcome::Blocked, Form::Post) if is_stuck => Outcome::Refused,
            (outcome, _) => outcome,
        })
    }

    /// Moves what waits for the channel of `row`, which refuses it, to the one that stands in for it.
    async fn reroute(&self, row: &OutboxRow) -> Result<(), store::Error> {
        let channel = row.message.channel.clone();
        let rows = self
            .turn
            .store
            .call(move |s| s.reroute_rows(&channel))
            .await?;
        tracing::error!(
            channel = row.message.channel,
            rows,
            "this channel does not take messages; the next attempt goes to the channel of the server or the default one. Check `wake_channel`, and \
             `channel` of [[server]], and invite the app"
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
        let channel = row.message.channel.clone();
        let is_repeat = row.attempts > 0;
        let given_up = move |s: &mut store::Database| {
            let mut given_up = s.given_up_rows(&channel)?;
            // The name of what was refused may be refused, too.
            given_up.retain(|other| !(is_repeat && other.is_refused));
            Ok(given_up)
        };
        self.turn.claim(row, began, given_up).await
    }

    /// Sets `row` aside in a cycle, whose report says so; between cycles it is only left alone.
    async fn give_up(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        let incident = row.message.incident.as_deref();
        let headline = row.message.text.lines().next().unwrap_or_default();
        let is_refused = row.unconfirmed.is_none();
        let note = given_up::line(incident, headline, is_refused);
        Ok(match self.turn.give_up(row, note).await? {
            None => Outcome::Deferred,
            Some(false) => Outcome::Skipped,
            Some(true) => {
                let why = match is_refused {
                    true => "Slack refused it each time, also as plain text, and takes others",
                    false => "Slack confirmed no attempt to send it",
                };
                tracing::error!(
                    incident,
                    "gave up a message: {why}; the next message names it"
                );
                Outcome::GivenUp
            }
        })
    }

    /// Makes one attempt.
    pub(super) async fn attempt(
        &self,
        attempt: impl Future<Output = Result<Receipt, slack::Error>>,
    ) -> Result<Receipt, slack::Error> {
        let refuse = |why| slack::Error::new(RetryClass::Permanent, why);
        let unanswered =
            || slack::Error::new(RetryClass::Unconfirmed, "Slack did not answer in time");
        self.turn.attempt(attempt, refuse, unanswered).await
    }

    /// Whether to repeat a message that may have been posted: not in the cycle that sent it first, and not at once after it.
    fn retry_is_due(&self, row: &OutboxRow, earlier: UnconfirmedAttempt) -> bool {
        let now = clock::now();
        match self.turn.trigger {
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
            Err(error) if error.class == RetryClass::BadPayload => Outcome::Unfit,
            Err(_) => Outcome::Blocked,
        };
        let failure = result.as_ref().err().map(|error| error.class.name());
        self.turn.counts.add(self.notifier.kind(), failure);
        let has_fallback = row.message.placement.fallback.is_some();
        let is_refused = matches!(&result, Err(error) if error.is_about_channel());
        self.turn.record(row, began, to_attempt(result)).await?;
        if has_fallback && is_refused {
            self.reroute(row).await?;
        }
        if matches!(outcome, Outcome::Accepted) && !named.is_empty() {
            let named: Vec<i64> = named.iter().map(|other| other.seq).collect();
            self.turn.store.call(move |s| s.mark_named(&named)).await?;
        }
        Ok(outcome)
    }
}

/// Returns how long a message that may have been posted waits for the next attempt: a minute, doubled with each attempt.
fn retry_delay(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    MINUTE * 2u32.pow(doublings.min(MAX_DOUBLINGS))
}

/// Returns the attempt as the store records it.
fn to_attempt(result: Result<Receipt, slack::Error>) -> AttemptResult {
    match result {
        Ok(accepted) => AttemptResult::Accepted {
            channel: accepted.channel,
            ts: accepted.ts,
        },
        Err(error) => failed_attempt(error.class, error.retry_after, &error),
    }
}

#[cfg(test)]
mod tests;
