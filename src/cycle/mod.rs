//! One cycle: poll, evaluate, digest, deliver. [`run_cycle`] is the whole of it; each step is a file or a folder of its own.

pub(crate) mod answers;
pub(crate) mod charts;
mod clock;
pub(crate) mod closed;
pub mod collect;
mod context;
pub mod deliver;
pub mod digest;
pub(crate) mod evaluate;
mod health;
mod heartbeat;
mod hello;
pub mod incidents;
pub(crate) mod lease;
pub mod mutes;
pub(crate) mod notice;
pub(crate) mod outage;
pub(crate) mod poll;
pub(crate) mod readiness;
pub mod report;
mod sentry;
mod sinks;
pub(crate) mod stats;
pub(crate) mod stored_message;
pub(crate) mod unknown_name;

pub(crate) use context::CurrentContext;
pub use context::{Context, SetupError};
pub(crate) use deliver::fallback_alert::alert_outage;
pub use deliver::notifier::Notifier;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::config::StoreSettings;
use crate::cycle::answers::take_answers;
use crate::cycle::clock::{ClockSkew, cycle_instant, shared_clock};
use crate::cycle::deliver::fallback_alert::{alert_skew, end_outage};
use crate::cycle::deliver::{Trigger, deliver};
use crate::cycle::digest::{due_digest, write_due_digest};
use crate::cycle::evaluate::{OtherPolls, evaluate};
use crate::cycle::health::{send_heartbeat, why_withheld};
use crate::cycle::heartbeat::CycleHeartbeat;
use crate::cycle::hello::write_hello;
use crate::cycle::lease::Leases;
use crate::cycle::poll::all::{PollContext, poll_all};
use crate::cycle::poll::canary::poll_canary;
#[cfg(feature = "doctor")]
use crate::cycle::poll::dns::poll_dns;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::same_server::load_same_servers;
use crate::cycle::poll::servers::{ServerList, discover_servers};
use crate::cycle::report::CheckReport;
use crate::cycle::sentry::CycleSentry;
use crate::cycle::sinks::ReportedStep;
use crate::model::{HOURS_KEPT, Timestamp};
use crate::notify::describe::describe_same_server;
use crate::store::{self, CycleLock, Database, Store};

/// The maximum number of servers that are polled at the same time; how many of them ask at the same time follows from Postmark's
/// answers.
const MAX_CONCURRENT_POLLS: usize = 160;
/// As many as are polled at the same time in any case, though other workers could take some.
const MIN_CONCURRENT_POLLS: usize = 48;
const LOCK_WAIT: Duration = Duration::from_secs(30);
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How a cycle runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct CycleOptions {
    /// The instant that is taken for the present; `None` for the machine's.
    pub now: Option<Timestamp>,
    /// Whether the schedule started it. Then, as always on a database that several processes share, servers are skipped that
    /// were already polled at this instant.
    pub scheduled: bool,
}

/// Why there was no cycle.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// An argument is not possible: the instant of `--now`, or a server that does not exist.
    #[error("{0}")]
    Usage(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The machine's clock was never set. Going on would date everything wrongly, and forget what is known.
    #[error(
        "the clock of this machine says {0}; set it (NTP), nothing is polled until it is right"
    )]
    Clock(Timestamp),
    /// The clock differs from Postmark's. Going on would forget and prune what is known.
    #[error(
        "the clock says {}, Postmark's says {}; set it (NTP), nothing is recorded until it is right", .0.machine, .0.postmark
    )]
    ClockSkew(ClockSkew),
    /// Another process is in a cycle.
    #[error("another hushwatch is at work on {0}; try again when it is done")]
    Locked(String),
}

/// Runs one cycle. Where the disk is full, releases the reserve and runs it once more; where the database cannot be used at all,
/// alerts once per outage, and every 24 hours while it lasts.
///
/// # Errors
/// Where `now` is not possible, the database fails, or another process has it locked.
pub async fn run_cycle(
    context: &Arc<Context>,
    options: CycleOptions,
) -> Result<CheckReport, CycleError> {
    let mut began = None;
    let mut signals = Signals {
        heartbeat: CycleHeartbeat::new(context.config.heartbeat.clone()),
        sentry: CycleSentry::new(context),
    };
    let result = match run_steps(context, options, &mut began, &mut signals).await {
        // What was committed of it stays, and the rest is done again.
        Err(CycleError::Store(error)) if error.is_of_disk() && context.store.free_reserve() => {
            run_steps(context, options, &mut began, &mut signals).await
        }
        result => result,
    };
    if let Err(error) = &result {
        signals.heartbeat.fail(error).await;
    }
    match &result {
        Ok(_) => {
            context.store.keep_reserve();
            end_outage(&context.config, &context.outage).await;
            context.outage.remember_use();
            end_outage(&context.config, &context.clock_outage).await;
        }
        Err(CycleError::Store(error)) => {
            alert_outage(&context.notifier, &context.config, &context.outage, error).await;
        }
        Err(CycleError::ClockSkew(skew)) => {
            context.store.call(|s| s.forget_unpolled_servers()).await?;
            let outage = &context.clock_outage;
            alert_skew(&context.notifier, &context.config, outage, *skew).await;
        }
        Err(_) => {}
    }
    signals.sentry.end(result.as_ref().err()).await;
    result
}

/// The signs of life of one cycle.
struct Signals {
    heartbeat: CycleHeartbeat,
    sentry: CycleSentry,
}

/// One cycle, step by step. `began` is when its first try began, by the machine's clock: a second try is the same cycle.
async fn run_steps(
    context: &Arc<Context>,
    options: CycleOptions,
    began: &mut Option<Timestamp>,
    signals: &mut Signals,
) -> Result<CheckReport, CycleError> {
    let (config, store) = (&context.config, &context.store);
    let _lock = lock_database(store, &config.store).await?;
    let began = *began.get_or_insert_with(crate::clock::now);
    check_file(store).await?;
    let now = cycle_instant(context, options).await?;
    signals.heartbeat.begin();
    signals.sentry.begin();
    // Before the evaluation, so that nobody is reminded of what somebody takes care of.
    let answered = take_answers(context, now).await;
    let leases = Arc::new(Leases::new(store, &context.worker_id, config.store.lease));
    let servers = discover_servers(context, now, Some(&*leases)).await?;
    let mut polls = poll_servers(context, servers, &leases, options, now).await?;
    if let Some(skew) = polls.outcomes.iter().find_map(|poll| poll.skew) {
        let held = leases.take_for_commit();
        store.call(move |s| s.release_leases(&held)).await?;
        return Err(CycleError::ClockSkew(skew));
    }
    let others = OtherPolls {
        canary: poll_canary(context, &leases, now).await?,
        #[cfg(feature = "doctor")]
        dns: poll_dns(context, &leases, now).await?,
        #[cfg(not(feature = "doctor"))]
        dns: None,
    };
    let mut evaluation = evaluate(context, &mut polls.outcomes, &others, &leases, now).await?;
    let answered = answered.into_iter().map(ReportedStep::from);
    evaluation.transitions.splice(..0, answered);
    // Whichever process is the last to poll knows everything, and the whole day.
    let mut hello = None;
    if leases.held_by_others().await?.is_empty() {
        hello = write_hello(context, now).await?;
        write_due_digest(context, now).await?;
    }
    let deliveries = deliver(context, Trigger::Cycle { began }, now).await?;
    prune(context, &polls.outcomes, now).await?;
    let report = report::check(context, now, &polls, &evaluation, deliveries).await?;
    let why = why_withheld(context, &polls, &evaluation, &report, now).await;
    signals
        .sentry
        .note(&polls.outcomes, &evaluation, why.is_none());
    send_heartbeat(&mut signals.heartbeat, why, &report, &evaluation.open).await;
    Ok(report.with_hello(hello))
}

/// Removes what is too old to be kept. `--now` and the machine's clock may lie in the future, and what is pruned cannot be read again:
/// nothing is where Postmark's clock is not known.
async fn prune(
    context: &Context,
    polls: &[PollOutcome],
    now: Timestamp,
) -> Result<(), store::Error> {
    let Some(date) = polls.iter().filter_map(|poll| poll.postmark_date).min() else {
        return Ok(());
    };
    let store = &context.store;
    let present = now.min(shared_clock(store).await?).min(date);
    // Incidents and messages are kept as long as hours.
    let (keep_rows, keep_aggregates) = (present - context.config.store.keep, present - HOURS_KEPT);
    let prune = move |s: &mut Database| s.prune(keep_rows, keep_aggregates);
    store.call(prune).await
}

pub(crate) struct PollResults {
    pub outcomes: Vec<PollOutcome>,
    /// How many there should be; fewer outcomes mean that a poll broke.
    pub expected: usize,
}

impl PollResults {
    pub(crate) const fn is_whole(&self) -> bool {
        self.outcomes.len() >= self.expected
    }
}

/// Locks the database, waiting a while for another cycle to end. A database that several processes share needs no lock.
async fn lock_database(
    store: &Store,
    settings: &StoreSettings,
) -> Result<Option<CycleLock>, CycleError> {
    let deadline = Instant::now() + LOCK_WAIT;
    while !store.is_shared() {
        if let Some(lock) = CycleLock::try_take(&settings.path)? {
            return Ok(Some(lock));
        }
        if Instant::now() >= deadline {
            return Err(CycleError::Locked(settings.to_string()));
        }
        tokio::time::sleep(LOCK_RETRY_DELAY).await;
    }
    Ok(None)
}

/// Recovers a database file that was replaced or deleted, and checks that this version may work on its schema.
async fn check_file(store: &Store) -> Result<(), store::Error> {
    if let Some(recovered) = store.call(|s| s.recover_file()).await? {
        tracing::error!("{recovered}");
    }
    store.call(|s| s.check_schema()).await
}

/// Polls every server that no other process polls, and logs what went wrong.
async fn poll_servers(
    context: &Arc<Context>,
    servers: ServerList,
    leases: &Arc<Leases>,
    options: CycleOptions,
    now: Timestamp,
) -> Result<PollResults, store::Error> {
    // Of a database that workers share, one leaves half of the servers to the others until it has ended some.
    let concurrent_polls = match context.store.is_shared() {
        true => (servers.servers.len() / 2).clamp(MIN_CONCURRENT_POLLS, MAX_CONCURRENT_POLLS),
        false => MAX_CONCURRENT_POLLS,
    };
    let polling = PollContext {
        context: Arc::clone(context),
        now,
        // Two cron lines on one database are one instant, like two daemons.
        skip_if_polled: options.scheduled || context.store.is_shared(),
        deadline: Instant::now() + context.config.postmark.longest_poll(),
        concurrency: Semaphore::new(concurrent_polls),
        leases: Arc::clone(leases),
    };
    let results = poll_all(servers, &Arc::new(polling)).await?;
    for poll in &results.outcomes {
        for error in &poll.errors {
            match poll.known_errors.contains(error) {
                true => tracing::debug!(server = %poll.name(), "{error}"),
                false => tracing::warn!(server = %poll.name(), "{error}"),
            }
        }
    }
    for same in load_same_servers(&context.config, &context.store).await? {
        tracing::warn!("{}", describe_same_server(&same));
    }
    Ok(results)
}

/// Takes what people answered, sends the messages that may be retried and writes a digest that became due, unless a cycle is running
/// elsewhere. Returns whether a digest waits for a cycle, since no poll has seen its period to the end.
///
/// # Errors
/// Where the database fails.
pub async fn between_cycles(context: &Context) -> Result<bool, CycleError> {
    let (config, store) = (&context.config, &context.store);
    let _lock = if store.is_shared() {
        None
    } else {
        match CycleLock::try_take(&config.store.path)? {
            Some(lock) => Some(lock),
            None => return Ok(false),
        }
    };
    store.call(|s| s.check_schema()).await?;
    let now = shared_clock(store).await?;
    let due = due_digest(config, store, now).await?;
    let last = store.call(|s| s.last_cycle_at()).await?;
    let waits = due.is_some_and(|(period, _)| last < Some(period.until));
    let worker_id = context.worker_id.clone();
    let held_by_others = move |s: &mut Database| s.leases_held_by_others(&worker_id);
    if !waits && store.call(held_by_others).await?.is_empty() {
        write_due_digest(context, now).await?;
    }
    take_answers(context, now).await;
    deliver(context, Trigger::BetweenCycles, now).await?;
    Ok(waits)
}
