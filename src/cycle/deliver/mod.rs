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
use crate::model::{MINUTE, ServerName, Timestamp};
use crate::notify::given_up;
use crate::retry::{self, Retryable};
use crate::slack::{self, Receipt, RetryClass};
use crate::store::{
    self, Attempt, Database, GivenUp, MessageKind, Note, OutboxRow, Store, UnconfirmedAttempt,
};

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
    /// Messages set aside, since nothing confirmed them and they were repeated once.
    pub given_up: u64,
}

/// When messages are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// In a cycle that began then by the machine's clock, or because a person asked: every destination is tried.
    Cycle {
        /// What was tried later was tried in this very cycle.
        began: Timestamp,
    },
    /// Every minute in between: what may be a repeat is tried a while after the first attempt.
    Between,
}

/// The maximum number of attempts that end without an answer: the first one and one repeat. One in which the process died
/// does not count, as it says nothing of Slack.
const MAX_UNANSWERED: u64 = 2;

/// An error as `retry` reads it.
pub(crate) struct Failed(pub(crate) slack::Error);

impl Retryable for Failed {
    fn is_transient(&self) -> bool {
        self.0.class == RetryClass::Retry
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
            Occasion::Cycle { .. } => ttl + LONGEST_WAIT,
            Occasion::Between => Duration::ZERO,
        };
        let mut notices = Notices::default();
        if let Some(turn) = Turn::take(&self.store, &self.holder, ttl, patience).await? {
            notices = self.deliver_all(occasion, &turn, at).await?;
            turn.end().await?;
        }
        let (pending, held) = self
            .store
            .call(move |s| Ok((s.count_pending()?, s.muted_rows(at)?.len() as u64)))
            .await?;
        Ok(Notices {
            pending: pending.saturating_sub(held),
            ..notices
        })
    }

    async fn deliver_all(
        &self,
        occasion: Occasion,
        turn: &Turn,
        at: Timestamp,
    ) -> Result<Notices, store::Error> {
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
        let mut all = Notices::default();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(of_channel) => {
                    let of_channel = of_channel?;
                    all.sent += of_channel.sent;
                    all.given_up += of_channel.given_up;
                }
                Err(error) => tracing::error!(%error, "a delivery broke off"),
            }
        }
        Ok(all)
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
    /// It is set aside, and the next may be tried.
    GivenUp,
}

impl Line {
    /// Sends until the destination fails or its time is over; how many were accepted or given up. A message that is refused
    /// for what it is stops no other, and one that is held only those of its own incident: the end of it must not be read
    /// before its beginning.
    async fn send_all(&self, rows: Vec<OutboxRow>) -> Result<Notices, store::Error> {
        let mut notices = Notices::default();
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
                Outcome::Accepted => notices.sent += 1,
                Outcome::GivenUp => notices.given_up += 1,
                Outcome::Skipped => {}
                Outcome::Held if is_step => held.extend(incidents()),
                Outcome::Held => {}
                Outcome::Stuck => break,
            }
        }
        Ok(notices)
    }

    async fn tell(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        let mut is_last = false;
        if let Some(doubt) = row.doubt {
            match reconcile::look_up(&self.outlet, &self.policy, self.pace, row, doubt).await {
                Fate::Posted(accepted) => {
                    return self.finish(row, doubt.last, Ok(accepted), &[]).await;
                }
                Fate::Open(error) => {
                    self.finish(row, doubt.last, Err(error), &[]).await?;
                    return Ok(Outcome::Held);
                }
                Fate::Unknowable if doubt.unanswered >= MAX_UNANSWERED => {
                    return self.give_up(row).await;
                }
                Fate::Unknowable if !self.may_repeat(row, doubt) => return Ok(Outcome::Held),
                Fate::Unknowable => is_last = doubt.unanswered + 1 >= MAX_UNANSWERED,
                Fate::Absent => {}
            }
        }
        let (seq, at, began) = (row.seq, self.at, clock::now());
        // Somebody may have muted it while those before it were sent.
        let channel = row.message.channel.clone();
        let claim = move |s: &mut Database| {
            let is_mine =
                !s.muted_rows(at)?.contains(&seq) && s.claim_row(seq, began, Duration::ZERO)?;
            Ok(is_mine.then_some(s.given_up_rows(&channel)?))
        };
        let Some(given_up) = self.store.call(claim).await? else {
            return Ok(Outcome::Skipped);
        };
        let answer = retry::retry(&self.policy, || self.send(row, &given_up)).await;
        let answer = answer.map_err(|failed| failed.0);
        let is_unknown = matches!(&answer, Err(error) if error.class == RetryClass::Unconfirmed);
        let outcome = self.finish(row, began, answer, &given_up).await?;
        if is_last && is_unknown {
            return self.give_up(row).await;
        }
        Ok(outcome)
    }

    /// Sets `row` aside where a cycle runs, whose report says so; between cycles it is only left alone.
    async fn give_up(&self, row: &OutboxRow) -> Result<Outcome, store::Error> {
        if self.occasion == Occasion::Between {
            return Ok(Outcome::Held);
        }
        let incident = row.message.incident.as_deref();
        let headline = row.message.text.lines().next().unwrap_or_default();
        let note = Note {
            at: self.at,
            server: ServerName(String::new()),
            text: given_up::line(incident, headline),
        };
        let seq = row.seq;
        let given_up = self.store.call(move |s| s.give_up_row(seq, &note)).await?;
        if !given_up {
            return Ok(Outcome::Skipped);
        }
        tracing::error!(
            incident,
            "a message was given up: it was sent twice, and Slack confirmed neither; the next message names it"
        );
        Ok(Outcome::GivenUp)
    }

    /// One attempt, if it is still our turn: a process that was frozen may find that another told this message long ago.
    async fn send(&self, row: &OutboxRow, given_up: &[GivenUp]) -> Result<Receipt, Failed> {
        let refused = |class, what: String| Failed(slack::Error::new(class, what));
        match self.turn.holds().await {
            Ok(true) => {}
            Ok(false) => {
                let what = "another hushwatch delivers now".to_owned();
                return Err(refused(RetryClass::Permanent, what));
            }
            Err(error) => return Err(refused(RetryClass::Permanent, error.to_string())),
        }
        match timeout(self.deadline, self.outlet.send_naming(row, given_up)).await {
            Ok(answer) => answer.map_err(Failed),
            Err(_) => Err(refused(
                RetryClass::Unconfirmed,
                "Slack did not answer in time".to_owned(),
            )),
        }
    }

    /// Whether to send what may have been posted: not in the cycle that sent it first, and not at once after it.
    fn may_repeat(&self, row: &OutboxRow, doubt: UnconfirmedAttempt) -> bool {
        let now = clock::now();
        match self.occasion {
            // An attempt of the future was made before the clock jumped back.
            Occasion::Cycle { began } => doubt.last < began || doubt.last > now,
            Occasion::Between => now >= doubt.last + patience(row.attempts),
        }
    }

    /// Records the end of the attempt at `row` that began at `began`, and of which messages given up it told.
    async fn finish(
        &self,
        row: &OutboxRow,
        began: Timestamp,
        answer: Result<Receipt, slack::Error>,
        named: &[GivenUp],
    ) -> Result<Outcome, store::Error> {
        let outcome = match &answer {
            Ok(_) => Outcome::Accepted,
            Err(error) if error.class == RetryClass::BadPayload => Outcome::Skipped,
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
        if matches!(outcome, Outcome::Accepted) && !named.is_empty() {
            let named: Vec<i64> = named.iter().map(|other| other.seq).collect();
            self.store.call(move |s| s.mark_named(&named)).await?;
        }
        Ok(outcome)
    }
}

/// How long a message that may have been posted waits for the next attempt: a minute, and twice as long each time.
fn patience(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    MINUTE * 2u32.pow(doublings.min(MOST_DOUBLINGS))
}

fn attempt(answer: Result<Receipt, slack::Error>) -> Attempt {
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
                unknown: error.class == RetryClass::Unconfirmed,
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
            retry_after: Some(Duration::MAX),
            ..slack::Error::new(RetryClass::Retry, "a pause")
        };
        let Attempt::Failed { next_try_at, .. } = attempt(Err(asked)) else {
            panic!("it was not accepted");
        };
        assert!(next_try_at.is_some_and(|at| at <= clock::now() + LONGEST_RETRY_AFTER));
    }

    async fn line(store: &Store, occasion: Occasion) -> Line {
        let turn = Turn::take(store, "test", MINUTE, Duration::ZERO).await;
        Line {
            turn: turn.expect("a store").expect("nobody else's"),
            deadline: MINUTE,
            store: store.clone(),
            outlet: Outlet::Print(Arc::new(Mutex::new(std::io::sink()))),
            occasion,
            at: Timestamp(0),
            pace: Duration::ZERO,
            until: Instant::now(),
            policy: retry::Policy::ONCE,
        }
    }

    #[tokio::test]
    async fn a_message_of_unknown_fate_is_not_repeated_in_the_cycle_that_sent_it() {
        let store = Store::open_sqlite(":memory:".as_ref()).expect("a database");
        let judgement = CycleCommit {
            messages: vec![message("a")],
            ..CycleCommit::default()
        };
        let due = move |s: &mut Database| {
            s.commit(&judgement)?;
            s.due_rows(Timestamp::MAX, Duration::ZERO)
        };
        let row = store.call(due).await.expect("rows").remove(0);
        let began = clock::now() - MINUTE;
        let line = line(&store, Occasion::Cycle { began }).await;
        let sent = |last| {
            let doubt = UnconfirmedAttempt {
                since: last,
                last,
                unanswered: 1,
            };
            line.may_repeat(&row, doubt)
        };
        assert!(!sent(began) && !sent(began + MINUTE / 2));
        assert!(sent(began - MINUTE), "in an earlier cycle");
        assert!(sent(began + MINUTE * 60), "before the clock jumped back");
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
        let began = clock::now();
        let line = line(&store, Occasion::Cycle { began }).await;
        let due = |s: &mut Database| s.due_rows(Timestamp::MAX, Duration::ZERO);
        for left in [2, 1, 0] {
            let rows = store.call(due).await.expect("rows");
            assert_eq!(line.send_all(rows).await.expect("sent").sent, 1);
            assert_eq!(store.call(|s| s.count_pending()).await.expect("rows"), left);
        }
    }
}
