//! One cycle: poll, evaluate, digest, deliver, in this order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::clock;
use crate::config::{self, Mode, ServerConfig};
use crate::cycle::Context;
use crate::cycle::deliver::Occasion;
use crate::cycle::deliver::fallback_alert::cry;
use crate::cycle::evaluate::Evaluation;
use crate::cycle::lease::Leases;
use crate::cycle::poll::all::{PollContext, others_are_polling, poll_all};
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::server::ServerPoller;
use crate::cycle::poll::servers::{Discovery, watched_servers};
use crate::cycle::report::{self, CheckReport};
use crate::model::{DAY, Incident, MINUTE, Mute, Rule, ServerName, Timestamp};
use crate::store::{self, CycleLock, Database};

/// Servers that are polled at the same time.
const AT_ONCE: usize = 48;
/// How far ahead of the shared clock a host may be whose cron line asks for a cycle; a bell says itself that it rang.
const AHEAD: Duration = Duration::from_secs(5);
/// How long a cycle waits for another one on the same database.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// Hourly counts, incidents and what was told are kept this long.
const KEEP_AGGREGATES: Duration = Duration::from_secs(400 * 86_400);

/// How a cycle is to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The instant that is taken for the present; `None` for the machine's.
    pub now: Option<Timestamp>,
    /// Whether the schedule asks: then, as always on a database that several share, servers are left alone that were polled
    /// at this instant already.
    pub scheduled: bool,
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

impl Context {
    /// Runs one cycle.
    ///
    /// # Errors
    /// Where `now` cannot be, the database fails, or another process holds it.
    pub async fn cycle(self: &Arc<Self>, options: Options) -> Result<CheckReport, CycleError> {
        let mut began = None;
        let ended = match self.try_cycle(options, &mut began).await {
            // What was committed of it stays, and the rest is done again.
            Err(CycleError::Store(error)) if error.is_of_disk() && self.store.free_reserve() => {
                self.try_cycle(options, &mut began).await
            }
            ended => ended,
        };
        match &ended {
            Ok(_) => {
                self.store.keep_reserve();
                self.cried.store(false, Ordering::Relaxed);
            }
            Err(CycleError::Store(error))
                if !error.is_passing() && !self.cried.swap(true, Ordering::Relaxed) =>
            {
                cry(&self.outlet, error).await;
            }
            Err(_) => {}
        }
        ended
    }

    async fn try_cycle(
        self: &Arc<Self>,
        options: Options,
        began: &mut Option<Timestamp>,
    ) -> Result<CheckReport, CycleError> {
        let _lock = self.lock().await?;
        // A second try is the same cycle.
        let began = *began.get_or_insert_with(clock::now);
        if let Some(mended) = self.store.call(|s| s.recover_file()).await? {
            tracing::error!("{mended}");
        }
        self.store.call(|s| s.check_schema()).await?;
        let now = self.present(options).await?;
        let leases = Leases::new(&self.store, &self.holder, self.config.store.lease);
        let discovery = Discovery {
            config: &self.config,
            store: &self.store,
            postmark: &self.postmark,
            account_servers: &self.account_servers,
        };
        let servers = discovery.discover_servers(now, Some(&leases)).await?;
        let polling = PollContext {
            poller: ServerPoller::new(&self.config, &self.store, &self.postmark, now),
            // Two cron lines on one database are one instant, like two daemons.
            skip_if_polled: options.scheduled || self.store.is_shared(),
            deadline: Instant::now() + self.config.postmark.longest_poll(),
            concurrency: Semaphore::new(AT_ONCE),
            leases,
        };
        let polling = Arc::new(polling);
        let (polled, expected) = poll_all(servers, &polling).await?;
        for (server, error) in polled
            .iter()
            .flat_map(|p| p.errors.iter().map(move |e| (p.name(), e)))
        {
            tracing::warn!(%server, "{error}");
        }
        let evaluation = self.evaluate(&polled, &polling.leases, now).await?;
        // Whoever of several is done last knows the whole day.
        if polling.leases.of_others().await?.is_empty() {
            self.write_due_digest(now).await?;
        }
        let notices = self.deliver(Occasion::Cycle { began }, now).await?;
        let keep = self.config.store.keep;
        self.store
            .call(move |s| s.prune(now - keep, now - KEEP_AGGREGATES.max(DAY)))
            .await?;
        if notices.given_up > 0 {
            tracing::warn!("no heartbeat: a message was given up");
        } else {
            self.beat(&polled, expected, &evaluation, now).await;
        }
        let whole = polled.len() >= expected;
        Ok(report::check(self, now, (&polled, whole), &evaluation, notices).await?)
    }

    /// The lock of the database, waiting a while for another cycle to end; one that is shared needs none.
    pub(crate) async fn lock(&self) -> Result<Option<CycleLock>, CycleError> {
        let deadline = Instant::now() + LOCK_WAIT;
        while !self.store.is_shared() {
            if let Some(lock) = CycleLock::try_take(&self.config.store.path)? {
                return Ok(Some(lock));
            }
            if Instant::now() >= deadline {
                return Err(CycleError::Locked(self.config.store.to_string()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(None)
    }

    /// The instant of this cycle. A machine's clock that jumped back is believed, and what was claimed for later is forgotten.
    pub(crate) async fn present(&self, options: Options) -> Result<Timestamp, CycleError> {
        // In this order: another process may be in a cycle of a moment ago.
        let last = self.store.call(|s| s.last_cycle_at()).await?;
        let mut machine = self.clock().await?;
        if let Some(now) = options.now {
            return self.named(now, last, machine);
        }
        if self.store.is_shared() {
            let ahead = if options.scheduled { MINUTE } else { AHEAD };
            machine = self.until_instant(machine, ahead).await?;
        }
        if !clock::is_plausible(machine) {
            return Err(CycleError::Clock(machine));
        }
        if last.is_some_and(|last| machine < last) {
            tracing::warn!(
                "the clock is earlier than the last cycle: reading again what that cycle claimed to know"
            );
            self.store.call(move |s| s.rewind(machine)).await?;
        }
        let alone = !options.scheduled && !self.store.is_shared();
        Ok(self.on_schedule(machine, last.filter(|_| alone)))
    }

    /// The present for what is no cycle.
    pub(crate) async fn instant(&self, options: Options) -> Result<Timestamp, CycleError> {
        let machine = self.clock().await?;
        let Some(now) = options.now else {
            return Ok(machine);
        };
        let last = self.store.call(|s| s.last_cycle_at()).await?;
        self.named(now, last, machine)
    }

    /// An instant that a person named, if it can be.
    fn named(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        machine: Timestamp,
    ) -> Result<Timestamp, CycleError> {
        if let Some(last) = last.filter(|last| now < *last) {
            return Err(CycleError::Usage(format!(
                "--now {now} is earlier than the last cycle of this database ({last}); name a later instant, or another database"
            )));
        }
        if now > machine && !config::is_loopback(&self.config.postmark.base_url) {
            return Err(CycleError::Usage(format!(
                "--now {now} lies in the future; name an instant that is past"
            )));
        }
        Ok(now)
    }

    /// The time, by the clock that every process on this database shares.
    async fn clock(&self) -> Result<Timestamp, store::Error> {
        match self.store.is_shared() {
            true => self.store.call(|s| s.clock()).await,
            false => Ok(clock::now()),
        }
    }

    /// The present, once the instant of the schedule is reached that is due within `ahead` and nearer than the last one: a
    /// bell rings by the clock of its host, and where that is ahead, the instant is that of the others all the same.
    async fn until_instant(
        &self,
        mut machine: Timestamp,
        ahead: Duration,
    ) -> Result<Timestamp, store::Error> {
        let Some(due) = self.config.schedule.next(machine) else {
            return Ok(machine);
        };
        let late = machine.since(self.on_schedule(machine, None));
        let is_later = late.is_zero() || due.since(machine) < late;
        while is_later && machine < due && due.since(machine) < ahead {
            tokio::time::sleep(due.since(machine)).await;
            machine = self.clock().await?;
        }
        Ok(machine)
    }

    /// The instant of the schedule that a cycle is late for by less than a minute, unless a cycle took it already; else
    /// `machine`: a bell and a cron line ring a moment late, and that moment is no instant of its own.
    fn on_schedule(&self, machine: Timestamp, last: Option<Timestamp>) -> Timestamp {
        let after = last.unwrap_or(Timestamp::MIN).max(machine - MINUTE);
        let instants = self.config.schedule.instants(after, machine);
        instants.last().copied().unwrap_or(machine)
    }

    /// Pings the heartbeat unless a server cannot be seen and nobody was told of it yet.
    async fn beat(
        &self,
        polled: &[PollOutcome],
        expected: usize,
        evaluation: &Evaluation,
        now: Timestamp,
    ) {
        let Some(url) = &self.config.heartbeat else {
            return;
        };
        let is_known = |poll: &PollOutcome| {
            self.tells_of_blindness(&evaluation.open, poll.name(), now)
                || evaluation
                    .mutes
                    .iter()
                    .any(|mute| mute.covers(poll.name(), Rule::Blind))
        };
        let sees =
            polled.len() >= expected && polled.iter().all(|p| p.record.complete || is_known(p));
        let others_see = self
            .others_see(polled, &evaluation.mutes, now)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!("cannot tell what other processes see: {error}");
                false
            });
        if !sees || !others_see {
            tracing::warn!(
                "no heartbeat: a server could not be polled, and nobody was told of it before"
            );
        } else if let Err(why) = crate::heartbeat::ping(url).await {
            tracing::warn!("{why}");
        }
    }
}

impl Context {
    /// Whether people were told before `now` that a server cannot be seen, or will be by the digest.
    fn tells_of_blindness(&self, open: &[Incident], server: &ServerName, now: Timestamp) -> bool {
        open.iter().any(|i| {
            i.server == *server
                && matches!(i.rule, Rule::Blind | Rule::AccountInactive)
                && i.opened_at < now
                && (i.notified || self.config.mode == Mode::Digest)
        })
    }

    /// Whether the servers that other processes poll were seen when they were last polled, or somebody was told.
    async fn others_see(
        &self,
        polled: &[PollOutcome],
        mutes: &[Mute],
        now: Timestamp,
    ) -> Result<bool, store::Error> {
        for server in self.left_to_others(polled).await? {
            let name = server.name.clone();
            if mutes.iter().any(|mute| mute.covers(&name, Rule::Blind)) {
                continue;
            }
            let read = move |s: &mut Database| {
                Ok((s.server_state(&name, now)?, s.latest_incidents(&name)?))
            };
            let (state, incidents) = self.store.call(read).await?;
            let open: Vec<Incident> = incidents.into_iter().filter(Incident::is_open).collect();
            let unseen = state.incomplete_since.is_some();
            if unseen && !self.tells_of_blindness(&open, &server.name, now) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every server that is watched and was not polled here.
    pub(crate) async fn left_to_others(
        &self,
        polled: &[PollOutcome],
    ) -> Result<Vec<Arc<ServerConfig>>, store::Error> {
        let mut servers = watched_servers(&self.config, &self.store).await?;
        servers.retain(|server| !polled.iter().any(|p| p.name() == &server.name));
        Ok(servers)
    }

    /// The last cycle's instant.
    pub(crate) async fn last_cycle_at(&self) -> Result<Option<Timestamp>, store::Error> {
        self.store.call(|s| s.last_cycle_at()).await
    }

    /// Tries what is pending and writes a digest that became due, unless a cycle is running elsewhere. Whether a digest
    /// waits for a cycle, since no poll has seen its period to the end.
    pub(crate) async fn between_cycles(&self) -> Result<bool, CycleError> {
        let _lock = match self.store.is_shared() {
            true => None,
            false => match CycleLock::try_take(&self.config.store.path)? {
                Some(lock) => Some(lock),
                None => return Ok(false),
            },
        };
        self.store.call(|s| s.check_schema()).await?;
        let now = self.clock().await?;
        let due = self.due_digest(now).await?;
        let seen = self.last_cycle_at().await?;
        let waits = due.is_some_and(|(period, _)| seen < Some(period.until));
        if !waits && !others_are_polling(&self.store, &self.holder).await? {
            self.write_due_digest(now).await?;
        }
        self.deliver(Occasion::Between, now).await?;
        Ok(waits)
    }
}

impl Context {
    /// Messages not yet accepted, but for those that wait for the end of a mute.
    ///
    /// # Errors
    /// As [`Context::cycle`].
    pub async fn pending(&self, options: Options) -> Result<u64, CycleError> {
        let at = self.instant(options).await?;
        let left = move |s: &mut Database| {
            Ok(s.count_pending()?
                .saturating_sub(s.muted_rows(at)?.len() as u64))
        };
        Ok(self.store.call(left).await?)
    }
}
