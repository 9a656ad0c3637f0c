//! One cycle: poll, evaluate, digest, deliver, in this order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::app::App;
use crate::app::deliver::Occasion;
use crate::app::distress::cry;
use crate::app::evaluate::Evaluation;
use crate::app::poll::Polled;
use crate::app::report::{self, CheckReport};
use crate::app::roster::Roster;
use crate::clock;
use crate::config::{self, Mode};
use crate::model::{DAY, MINUTE, Rule, Timestamp};
use crate::store::{self, CycleLock};

/// Servers that are polled at the same time.
const AT_ONCE: usize = 48;
/// How long a cycle waits for another one on the same database.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// Hourly counts, incidents and what was told are kept this long.
const KEEP_AGGREGATES: Duration = Duration::from_secs(400 * 86_400);

/// How a cycle is to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The instant that is taken for the present; `None` for the machine's.
    pub now: Option<Timestamp>,
}

/// Why there was no cycle.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// `--now` cannot be.
    #[error("{0}")]
    Usage(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The machine's clock was never set. Going on would date everything wrongly, and forget what is known.
    #[error("the clock of this machine says {0}; set it (NTP), nothing is polled before")]
    Clock(Timestamp),
    /// Another process is in a cycle.
    #[error("another hushwatch is at work on {0}; try again when it is done")]
    Locked(String),
}

impl App {
    /// Runs one cycle.
    ///
    /// # Errors
    /// Where `now` cannot be, the database fails, or another process holds it.
    pub async fn cycle(self: &Arc<Self>, options: Options) -> Result<CheckReport, CycleError> {
        let ended = match self.try_cycle(options).await {
            // What was committed of it stays, and the rest is done again.
            Err(CycleError::Store(error)) if error.is_of_disk() && self.store.free_reserve() => {
                self.try_cycle(options).await
            }
            ended => ended,
        };
        match &ended {
            Ok(_) => self.store.keep_reserve(),
            Err(CycleError::Store(error)) if !self.cried.swap(true, Ordering::Relaxed) => {
                cry(&self.outlet, error).await;
            }
            Err(_) => {}
        }
        ended
    }

    async fn try_cycle(self: &Arc<Self>, options: Options) -> Result<CheckReport, CycleError> {
        let _lock = self.lock().await?;
        if let Some(mended) = self.store.call(|s| s.mend()).await? {
            tracing::error!("{mended}");
        }
        let now = self.present(options).await?;
        let roster = self.roster(now).await?;
        let expected = roster.servers.len() + usize::from(roster.account.is_some());
        let polled = self.poll_all(roster, now).await?;
        for (server, error) in polled
            .iter()
            .flat_map(|p| p.errors.iter().map(move |e| (p.name(), e)))
        {
            tracing::warn!(%server, "{error}");
        }
        let evaluation = self.evaluate(&polled, now).await?;
        self.write_due_digest(now).await?;
        let notices = self.deliver(Occasion::Cycle).await?;
        let keep = self.config.store.keep;
        self.store
            .call(move |s| s.prune(now - keep, now - KEEP_AGGREGATES.max(DAY)))
            .await?;
        self.beat(&polled, expected, &evaluation, now).await;
        let whole = polled.len() == expected;
        Ok(report::check(self, now, (&polled, whole), &evaluation, notices).await?)
    }

    /// The lock of the database, waiting a while for another cycle to end.
    pub(super) async fn lock(&self) -> Result<CycleLock, CycleError> {
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            if let Some(lock) = CycleLock::try_take(&self.config.store.path)? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(CycleError::Locked(
                    self.config.store.path.display().to_string(),
                ));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The instant of this cycle. A machine's clock that jumped back is believed, and what was claimed for later is forgotten.
    pub(super) async fn present(&self, options: Options) -> Result<Timestamp, CycleError> {
        let last = self.store.call(|s| s.last_cycle_at()).await?;
        let machine = clock::now();
        let Some(now) = options.now else {
            if !clock::is_believable(machine) {
                return Err(CycleError::Clock(machine));
            }
            if last.is_some_and(|last| machine < last) {
                tracing::warn!(
                    "the clock is earlier than the last cycle: reading again what that cycle claimed to know"
                );
                self.store.call(move |s| s.rewind(machine)).await?;
            }
            return Ok(self.on_schedule(machine, last));
        };
        if let Some(last) = last.filter(|last| now < *last) {
            return Err(CycleError::Usage(format!(
                "--now {now} is earlier than the last cycle of this database ({last}); name a later instant, or another `store.path`"
            )));
        }
        if now > machine && !config::is_loopback(&self.config.postmark.base_url) {
            return Err(CycleError::Usage(format!(
                "--now {now} lies in the future; name an instant that is past"
            )));
        }
        Ok(now)
    }

    /// The instant of the schedule that a cycle is late for by less than a minute, unless a cycle took it already; else
    /// `machine`: a bell and a cron line ring a moment late, and that moment is no instant of its own.
    fn on_schedule(&self, machine: Timestamp, last: Option<Timestamp>) -> Timestamp {
        let after = last.unwrap_or(Timestamp::MIN).max(machine - MINUTE);
        let instants = self.config.schedule.instants(after, machine);
        instants.last().copied().unwrap_or(machine)
    }

    /// Polls every server, some at the same time; a slow one delays nobody.
    async fn poll_all(
        self: &Arc<Self>,
        roster: Roster,
        now: Timestamp,
    ) -> Result<Vec<Polled>, store::Error> {
        let settings = &self.config.postmark;
        let deadline = Instant::now() + settings.poll_time + settings.backfill_time;
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        for (index, server) in roster.servers.into_iter().enumerate() {
            let (app, permits) = (Arc::clone(self), Arc::clone(&permits));
            tasks.spawn(async move {
                let _permit = permits.acquire().await;
                (index, app.poll(&server, now, deadline).await)
            });
        }
        let mut polled = BTreeMap::new();
        while let Some(done) = tasks.join_next().await {
            let (index, result) = match done {
                Ok(done) => done,
                Err(error) => {
                    tracing::error!(%error, "the poll of a server broke off");
                    continue;
                }
            };
            polled.insert(index, result?);
        }
        Ok(polled.into_values().chain(roster.account).collect())
    }

    /// Pings the heartbeat unless a server cannot be seen and nobody was told of it yet.
    async fn beat(
        &self,
        polled: &[Polled],
        expected: usize,
        evaluation: &Evaluation,
        now: Timestamp,
    ) {
        let Some(url) = &self.config.heartbeat else {
            return;
        };
        let is_known = |poll: &Polled| {
            evaluation.open.iter().any(|i| {
                i.server == *poll.name()
                    && matches!(i.rule, Rule::Blind | Rule::AccountInactive)
                    && i.opened_at < now
                    && (i.told || self.config.mode == Mode::Digest)
            })
        };
        let sees = polled.len() == expected && polled.iter().all(|p| p.row.complete || is_known(p));
        if !sees {
            tracing::warn!(
                "no heartbeat: a server could not be polled, and nobody was told of it before"
            );
        } else if let Err(why) = crate::heartbeat::ping(url).await {
            tracing::warn!("{why}");
        }
    }
}

impl App {
    /// The last cycle's instant.
    pub(crate) async fn last_cycle_at(&self) -> Result<Option<Timestamp>, store::Error> {
        self.store.call(|s| s.last_cycle_at()).await
    }

    /// Tries what is pending and writes a digest that became due, unless a cycle is running elsewhere. Whether a digest
    /// waits for a cycle, since no poll has seen its period to the end.
    pub(crate) async fn between_cycles(&self) -> Result<bool, CycleError> {
        let Some(_lock) = CycleLock::try_take(&self.config.store.path)? else {
            return Ok(false);
        };
        let now = clock::now();
        let due = self.due_digest(now).await?;
        let seen = self.last_cycle_at().await?;
        let waits = due.is_some_and(|(period, _)| seen < Some(period.until));
        if !waits {
            self.write_due_digest(now).await?;
        }
        self.deliver(Occasion::Between).await?;
        Ok(waits)
    }
}

impl App {
    /// Messages not yet accepted.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn pending(&self) -> Result<u64, store::Error> {
        self.store.call(|s| s.pending()).await
    }
}
