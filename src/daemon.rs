//! The daemon: a cycle on `schedule`, housekeeping every minute, and a clean shutdown.

mod pulse;

use std::ffi::OsStr;
use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
#[cfg(target_os = "linux")]
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::cycle::{Context, CycleError, CycleOptions, between_cycles, run_cycle};
use crate::model::MINUTE;

pub(crate) use pulse::Pulse;

/// The time a running cycle gets to finish after a shutdown was requested. Cutting it off is safe: transactions are atomic.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(15);

/// Runs cycles until `shutdown`, the first one at once.
///
/// # Errors
/// If the scheduler cannot be started, or a newer version has migrated the database.
pub(crate) async fn run(
    context: Arc<Context>,
    pulse: &Pulse,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let tick = Arc::new(Notify::new());
    let scheduler = start_scheduler(&context, &tick).await?;
    let watchdog = tokio::spawn(run_watchdog());
    notify_supervisor(&NotifyState::Ready);
    tick.notify_one();
    // A cycle runs at once, so the first housekeeping is due a minute later.
    let mut minute = tokio::time::interval_at(tokio::time::Instant::now() + MINUTE, MINUTE);
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut first = true;
    loop {
        pulse.waits();
        let scheduled = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = tick.notified() => !std::mem::take(&mut first),
            // The scheduler may be late or dead: what is due is read from the store.
            _ = minute.tick() => {
                pulse.works();
                let due = run_housekeeping(&context).await.unwrap_or_else(|error| {
                    tracing::error!("{error}");
                    // The cycle notifies people and ends the daemon.
                    is_outdated(&error)
                });
                context.store.close_idle();
                if !due { continue }
                false
            }
        };
        pulse.works();
        let options = CycleOptions {
            now: None,
            scheduled,
        };
        let cycle = run_cycle(&context, options);
        tokio::pin!(cycle);
        let ended = tokio::select! {
            ended = &mut cycle => Some(ended),
            () = shutdown.cancelled() => tokio::time::timeout(SHUTDOWN_GRACE, cycle).await.ok(),
        };
        context.store.close_idle();
        match ended {
            Some(Ok(report)) => tracing::info!("{}", report.to_line()),
            Some(Err(error)) if is_outdated(&error) => return Err(error.into()),
            Some(Err(error)) => tracing::error!("{error}"),
            None => {
                tracing::warn!("the running cycle was cut off; the next start resumes it")
            }
        }
    }
    notify_supervisor(&NotifyState::Stopping);
    watchdog.abort();
    drop(scheduler);
    tracing::info!("stopped");
    Ok(())
}

/// Returns whether a newer version has migrated the database, so that this one cannot go on.
fn is_outdated(error: &CycleError) -> bool {
    matches!(error, CycleError::Store(error) if error.is_of_newer_schema())
}

/// Starts the scheduler, which only sends ticks: it starts overlapping jobs and forgets missed ones, so the work is not
/// done in its jobs.
async fn start_scheduler(context: &Context, tick: &Arc<Notify>) -> anyhow::Result<JobScheduler> {
    let scheduler = JobScheduler::new().await?;
    let tick = Arc::clone(tick);
    let job = Job::new_async(context.config.schedule.expression(), move |_, _| {
        let tick = Arc::clone(&tick);
        Box::pin(async move { tick.notify_one() })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Tells systemd regularly that the runtime is alive.
async fn run_watchdog() {
    let Some(every) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        notify_supervisor(&NotifyState::Watchdog);
        tokio::time::sleep(every / 3).await;
    }
}

/// Tells systemd, or another supervisor with `NOTIFY_SOCKET`, about the state; a failure is logged.
fn notify_supervisor(state: &NotifyState<'_>) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send_state(&socket, state)
    {
        tracing::warn!("failed to tell the supervisor \"{state}\" (NOTIFY_SOCKET): {error}");
    }
}

/// Sends a state to a socket, which is a file, or where it begins with `@` an abstract name (`sd_notify(3)`); the crate knows
/// files alone.
fn send_state(socket: &OsStr, state: &NotifyState<'_>) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    match socket.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => sender.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        _ => sender.connect(socket)?,
    }
    sender.send(format!("{state}\n").as_bytes()).map(drop)
}

/// Waits for `shutdown` while monitoring is switched off.
pub async fn idle(shutdown: CancellationToken) {
    notify_supervisor(&NotifyState::Ready);
    let watchdog = tokio::spawn(run_watchdog());
    shutdown.cancelled().await;
    watchdog.abort();
}

/// Retries messages and writes a digest that became due, between cycles. Returns whether a cycle is due.
async fn run_housekeeping(context: &Context) -> Result<bool, CycleError> {
    if between_cycles(context).await? {
        tracing::info!("a digest is due; polling first, so that it covers its whole period");
        return Ok(true);
    }
    let Some(last) = context.store.call(|s| s.last_cycle_at()).await? else {
        // The first cycle failed before anything was stored.
        return Ok(true);
    };
    let due = context.config.schedule.next(last);
    let is_overdue = due.is_some_and(|due| due + 2 * MINUTE < clock::now());
    if is_overdue {
        tracing::warn!("the scheduler missed a cycle; running it now");
    }
    Ok(is_overdue)
}

#[cfg(test)]
mod tests;
