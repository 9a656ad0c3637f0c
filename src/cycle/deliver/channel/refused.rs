//! What the channel does not take of one message alone: it holds back no other, and is set aside in the end.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::clock;
use crate::cycle::deliver::Trigger;
use crate::cycle::deliver::channel::{ChannelWorker, MAX_STUCK_ATTEMPTS, Outcome};
use crate::model::HOUR;
use crate::slack::{self, RetryClass};
use crate::store::{self, MessageKind, OutboxRow, Thread, UnconfirmedAttempt};

/// The maximum number of attempts without an answer where the channel's history shows none of them, and no other message was
/// accepted since the first: Slack may well be down, but a history may also hide what was posted.
const MAX_UNSEEN: u64 = 6;
/// How long a post is refused by itself before it is set aside: a proxy or a stand-in for Slack may be mended meanwhile.
const MIN_REFUSED_TIME: Duration = HOUR.saturating_mul(2);

impl ChannelWorker {
    /// Sends a message as plain text that was often refused by itself, while the channel takes others, and sets it aside where it is
    /// refused even so: it would hold back its incidents for ever.
    pub(super) async fn settle_refused(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        let is_due = row.attempts + 1 >= MAX_STUCK_ATTEMPTS
            && self.turn.hold.at.since(row.created_at) >= MIN_REFUSED_TIME
            && self.turn.trigger != Trigger::BetweenCycles;
        if !is_due {
            return Ok(Outcome::Skipped);
        }
        self.pause().await;
        let began = clock::now();
        if self.claim(row, began).await?.is_none() {
            return Ok(Outcome::Skipped);
        }
        let result = self.attempt(self.notifier.send_plain(row)).await;
        let error = result.as_ref().err();
        let is_refused = error.is_some_and(|error| match error.class {
            RetryClass::BadPayload | RetryClass::Unconfirmed => true,
            _ => need_not_be_of_channel(error),
        });
        match self.record(row, began, result, &[]).await? {
            Outcome::Accepted => Ok(Outcome::Accepted),
            _ if is_refused => self.give_up(row).await,
            _ => Ok(Outcome::Skipped),
        }
    }

    /// Returns whether the history that shows no attempt at `row` is no longer believed: none was ever answered, while other
    /// messages were accepted since, or too many were not.
    pub(super) async fn is_unseen(
        &self,
        row: &OutboxRow,
        earlier: UnconfirmedAttempt,
    ) -> Result<bool, store::Error> {
        let seq = row.seq;
        let others = move |s: &mut store::Database| s.others_were_accepted(seq);
        // What was tried as a reply before is posted once more.
        let is_few = match row.message.placement.thread {
            Thread::Continues(_) => earlier.unanswered <= MAX_STUCK_ATTEMPTS,
            Thread::None | Thread::Opens => false,
        };
        Ok(earlier.unanswered >= MAX_UNSEEN || (!is_few && self.turn.store.call(others).await?))
    }
}

/// Whether `row` reports steps. A digest reports how things are, whichever steps are still to be read.
pub(super) fn is_step(row: &OutboxRow) -> bool {
    row.message.kind != MessageKind::Digest
}

/// Whether `row` names an incident of a message that is `deferred`.
pub(super) fn waits_for_another(row: &OutboxRow, deferred: &BTreeSet<&str>) -> bool {
    let mut incidents = row.message.incidents.iter();
    is_step(row) && incidents.any(|id| deferred.contains(id.as_str()))
}

/// Moves the message to the front of `queue` that was tried least of those that need not wait, so that each has its turn.
pub(super) fn bring_forward_least_tried(
    queue: &mut VecDeque<&OutboxRow>,
    deferred: &BTreeSet<&str>,
) {
    let free = queue.iter().enumerate();
    let free = free.filter(|(_, row)| !waits_for_another(row, deferred));
    let least = free.min_by_key(|(_, row)| row.attempts);
    if let Some(row) = least
        .map(|(place, _)| place)
        .and_then(|at| queue.remove(at))
    {
        queue.push_front(row);
    }
}

/// Returns whether a post was refused by an error that need not be one of the channel, the token or the address: a code that is not
/// known here, or a status that a proxy, a firewall or a stand-in for Slack may answer to one message alone.
pub(super) fn need_not_be_of_channel(error: &slack::Error) -> bool {
    let is_answered = error.status.is_some_and(|status| match status {
        401 | 404 | 407 | 410 | 429 => false,
        _ => !(300..400).contains(&status),
    });
    is_answered && error.code.is_none() && error.retry_after.is_none()
}

/// Returns whether an edit or a reply failed by an error that need not be one of the channel or the token: no answer, one that
/// is none of Slack's, or trouble at Slack that asks for no pause.
pub(super) fn is_of_one_message(error: &slack::Error) -> bool {
    match error.class {
        RetryClass::Retry => error.retry_after.is_none(),
        RetryClass::Unconfirmed => true,
        RetryClass::Permanent | RetryClass::BadPayload => !error.has_code,
    }
}
