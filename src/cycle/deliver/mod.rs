//! Outbox to Slack. A row is marked sent only after it was accepted; what is refused or unknown stays, and what is
//! unknown is looked up before it is sent again.

pub(crate) mod fallback_alert;
pub(crate) mod notifier;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::clock;
use crate::cycle::deliver::reconcile::Fate;
use crate::cycle::lease::Turn;
use crate::cycle::{Context, Outlet};
use crate::model::{MINUTE, Timestamp};
use crate::retry::{self, Retryable};
use crate::slack::{self, Accepted, Class};
use crate::store::{self, Attempt, Database, MessageKind, OutboxRow, Store, UnconfirmedAttempt};

/// Attempts within one cycle, at most: so that one destination cannot hold up a cycle.
const ATTEMPTS: u32 = 3;
/// What a deadline allows beyond the timeouts of its requests.
const A_MOMENT: Duration = Duration::from_secs(1);
/// Longest wait between them.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// A destination that takes its messages slowly is left after this, until the next cycle.
const LONGEST_DELIVERY: Duration = Duration::from_secs(300);
/// However long Slack asks to be left alone, it is asked again after this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// After so many attempts their distance grows no more; by then it is days.
const MOST_DOUBLINGS: u32 = 12;

/// How a delivery went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Notices {
    /// Messages accepted.
    pub sent: u64,
    /// Messages not yet accepted.
    pub pending: u64,
}

/// When messages are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// In a cycle, or because a person asked: every destination is tried.
    Cycle,
    /// Every minute in between: what may be a repeat is tried ever more rarely.
    Between,
}

/// An error as `retry` reads it.
pub(crate) struct Failed(pub(crate) slack::Error);

impl Retryable for Failed {
    fn is_transient(&self) -> bool {
        self.0.class == Class::Later
    }
    fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl Context {
    /// Tries every destination with due rows; one that fails stops no other.
    ///
    /// Of several processes on one database, one delivers at a time.
    ///
    /// What is muted at `at`, the instant of the cycle, waits for the end of its mute.
    pub(crate) async fn deliver(
        &self,
        occasion: Occasion,
        at: Timestamp,
    ) -> Result<Notices, store::Error> {
        let ttl = 2 * self.config.slack.timeout + self.config.store.lease;
        let patience = match occasion {
            Occasion::Cycle => ttl + LONGEST_WAIT,
            Occasion::Between => Duration::ZERO,
        };
        let mut sent = 0;
        if let Some(turn) = Turn::take(&self.store, &self.holder, ttl, patience).await? {
            sent = self.deliver_all(occasion, &turn, at).await?;
            turn.end().await?;
        }
        let (pending, held) = self
            .store
            .call(move |s| Ok((s.count_pending()?, s.muted_rows(at)?.len() as u64)))
            .await?;
        Ok(Notices {
            sent,
            pending: pending.saturating_sub(held),
        })
    }

    async fn deliver_all(
        &self,
        occasion: Occasion,
        turn: &Turn,
        at: Timestamp,
    ) -> Result<u64, store::Error> {
        // Leases and waits are the machine's business: they follow its clock, not the judged instant.
        let now = clock::now();
        // It is our turn: whoever took a row before and did not finish it is dead.
        let due = move |s: &mut Database| Ok((s.due_rows(now, Duration::ZERO)?, s.muted_rows(at)?));
        let (mut rows, held) = self.store.call(due).await?;
        rows.retain(|row| !held.contains(&row.seq));
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
                turn: turn.clone(),
                deadline: 2 * self.config.slack.timeout + A_MOMENT,
                occasion,
                at,
                pace: self.config.slack.pace,
                until: Instant::now() + LONGEST_DELIVERY,
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
        Ok(sent)
    }
}

/// One destination, whose messages go one after the other.
struct Line {
    store: Store,
    outlet: Outlet,
    turn: Turn,
    /// For one attempt, both its layouts: shorter than a turn.
    deadline: Duration,
    occasion: Occasion,
    /// What is muted then waits.
    at: Timestamp,
    pace: Duration,
    /// No further message is begun after this.
    until: Instant,
    policy: retry::Policy,
}

/// How it went with one message.
enum Outcome {
    /// It was accepted, now or by an earlier attempt.
    Accepted,
    /// It stays, and the next may be tried: it was refused for what it is, or another process has it.
    Skipped,
    /// It stays until its destination says what became of an earlier attempt.
    Held,
    /// It stays, and the destination is left alone.
    Stuck,
}

impl Line {
    /// Sends until the destination fails or its time is over; how many were accepted. A message that is refused for what it
    /// is stops no other, and one that is held only those of its own incident: the end of it must not be read before its
    /// beginning.
    async fn send_all(&self, rows: Vec<OutboxRow>) -> Result<u64, store::Error> {
        let mut sent = 0;
        let mut held: BTreeSet<&str> = BTreeSet::new();
        let prints = matches!(self.outlet, Outlet::Print(_));
        for (index, row) in rows.iter().enumerate() {
            // A digest says how things stand, whichever steps are still to be read.
            let is_step = row.message.kind != MessageKind::Digest;
            let incidents = || row.message.incidents.iter().map(String::as_str);
            if is_step && incidents().any(|id| held.contains(id)) {
                continue;
            }
            if index > 0 && Instant::now() >= self.until {
                tracing::warn!("messages are left for later: Slack takes them too slowly");
                break;
            }
            if index > 0 && !prints {
                tokio::time::sleep(self.pace).await;
            }
            match self.tell(row).await? {
                Outcome::Accepted => sent += 1,
                Outcome::Skipped => {}
                Outcome::Held if is_step => held.extend(incidents()),
                Outcome::Held => {}
                Outcome::Stuck => break,
            }
        }
        Ok(sent)
    }

    async fn tell(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        if let Some(doubt) = row.doubt {
            match reconcile::look_up(&self.outlet, &self.policy, self.pace, row, doubt).await {
                Fate::Posted(accepted) => {
                    return self.finish(row, doubt.last, Ok(accepted)).await;
                }
                Fate::Open(error) => {
                    self.finish(row, doubt.last, Err(error)).await?;
                    return Ok(Outcome::Held);
                }
                Fate::Unknowable if !self.may_repeat(row, doubt) => return Ok(Outcome::Held),
                Fate::Absent | Fate::Unknowable => {}
            }
        }
        let (seq, at, began) = (row.seq, self.at, clock::now());
        // Somebody may have muted it while those before it were sent.
        let claim = move |s: &mut Database| {
            Ok(!s.muted_rows(at)?.contains(&seq) && s.claim_row(seq, began, Duration::ZERO)?)
        };
        if !self.store.call(claim).await? {
            return Ok(Outcome::Skipped);
        }
        let answer = retry::retry(&self.policy, || self.send(row)).await;
        self.finish(row, began, answer.map_err(|failed| failed.0))
            .await
    }

    /// One attempt, if it is still our turn: a process that was frozen may find that another told this message long ago.
    async fn send(&self, row: &OutboxRow) -> Result<Accepted, Failed> {
        let refused = |class, what: String| {
            Failed(slack::Error {
                class,
                retry_after: None,
                what,
            })
        };
        match self.turn.holds().await {
            Ok(true) => {}
            Ok(false) => {
                let what = "another hushwatch delivers now".to_owned();
                return Err(refused(Class::Never, what));
            }
            Err(error) => return Err(refused(Class::Never, error.to_string())),
        }
        match timeout(self.deadline, self.outlet.send(row)).await {
            Ok(answer) => answer.map_err(Failed),
            Err(_) => Err(refused(
                Class::Unknown,
                "Slack did not answer in time".to_owned(),
            )),
        }
    }

    /// Whether to send what may have been posted: where answers are lost for long, it would be a message every minute.
    fn may_repeat(&self, row: &OutboxRow, doubt: UnconfirmedAttempt) -> bool {
        self.occasion == Occasion::Cycle || clock::now() >= doubt.last + patience(row.attempts)
    }

    /// Records the end of the attempt at `row` that began at `began`.
    async fn finish(
        &self,
        row: &OutboxRow,
        began: Timestamp,
        answer: Result<Accepted, slack::Error>,
    ) -> Result<Outcome, store::Error> {
        let outcome = match &answer {
            Ok(_) => Outcome::Accepted,
            Err(error) if error.class == Class::Payload => Outcome::Skipped,
            Err(_) => Outcome::Stuck,
        };
        let (seq, at, attempt) = (row.seq, clock::now(), attempt(answer));
        let record = || {
            let attempt = attempt.clone();
            self.store
                .call(move |s| s.record_attempt(seq, began, at, &attempt))
        };
        match record().await {
            // What is known may be recorded twice, and is worth a second connection.
            Err(error) if error.is_lost() => record().await?,
            recorded => recorded?,
        }
        Ok(outcome)
    }
}

/// How long a message that may have been posted waits for the next attempt: a minute, and twice as long each time.
fn patience(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    MINUTE * 2u32.pow(doublings.min(MOST_DOUBLINGS))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::store::{CycleCommit, NewMessage};
    use std::sync::{Arc, Mutex};

    #[test]
    fn what_may_be_a_repeat_is_tried_after_a_minute_and_ever_more_rarely() {
        let minutes = [1, 2, 3, 6].map(|attempts| patience(attempts).as_secs() / 60);
        assert_eq!(minutes, [1, 2, 4, 32]);
        assert!(patience(0) == MINUTE && patience(u64::MAX) < MINUTE * 60 * 24 * 3);
    }

    fn message(text: &str) -> NewMessage {
        NewMessage {
            kind: MessageKind::Alert,
            incident: None,
            incidents: Vec::new(),
            channel: String::new(),
            text: text.to_owned(),
            body: String::new(),
        }
    }

    #[test]
    fn slack_is_asked_again_within_an_hour_however_long_it_asked_for() {
        let asked = slack::Error {
            class: Class::Later,
            retry_after: Some(Duration::MAX),
            what: "a pause".to_owned(),
        };
        let Attempt::Failed { next_try_at, .. } = attempt(Err(asked)) else {
            panic!("it was not accepted");
        };
        assert!(next_try_at.is_some_and(|at| at <= clock::now() + LONGEST_RETRY_AFTER));
    }

    #[tokio::test]
    async fn a_destination_whose_time_is_over_gets_one_message_and_the_others_stay() {
        let store = Store::open_sqlite(":memory:".as_ref()).expect("a database");
        let judgement = CycleCommit {
            messages: ["a", "b", "c"].map(message).to_vec(),
            ..CycleCommit::default()
        };
        store
            .call(move |s| s.commit(&judgement))
            .await
            .expect("written");
        let turn = Turn::take(&store, "test", MINUTE, Duration::ZERO).await;
        let line = Line {
            turn: turn.expect("a store").expect("nobody else's"),
            deadline: MINUTE,
            store: store.clone(),
            outlet: Outlet::Print(Arc::new(Mutex::new(std::io::sink()))),
            occasion: Occasion::Cycle,
            at: Timestamp(0),
            pace: Duration::ZERO,
            until: Instant::now(),
            policy: retry::Policy::ONCE,
        };
        let due = |s: &mut Database| s.due_rows(Timestamp::MAX, Duration::ZERO);
        for left in [2, 1, 0] {
            let rows = store.call(due).await.expect("rows");
            assert_eq!(line.send_all(rows).await.expect("sent"), 1);
            assert_eq!(store.call(|s| s.count_pending()).await.expect("rows"), left);
        }
    }
}
