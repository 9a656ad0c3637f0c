//! The daemon: a cycle on `schedule`, housekeeping every minute, and a clean shutdown.

mod pulse;
mod reload;
mod supervisor;

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::cycle::lease::{hide_daemon, show_daemon};
use crate::cycle::{Context, CycleError, CycleOptions, between_cycles, run_cycle};
use crate::model::{MINUTE, Timestamp};

pub(crate) use pulse::Pulse;
pub(crate) use reload::{Reload, Renewed};
use supervisor::{notify_reloaded, notify_reloading, notify_supervisor, run_watchdog};

/// The time a running cycle gets to finish after a shutdown was requested. Cutting it off is safe: transactions are atomic.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(15);

/// Runs cycles until `shutdown`, the first one at once, and reloads the configuration when `reload` is asked to: what it puts in
/// place is worked with from the next step on, and polled at once.
///
/// # Errors
/// If the scheduler cannot be started, or a newer version has migrated the database.
pub(crate) async fn run(
    mut context: Arc<Context>,
    pulse: &Pulse,
    mut reload: impl Reload,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let tick = Arc::new(Notify::new());
    let mut scheduler = start_scheduler(&context, &tick).await?;
    let watchdog = tokio::spawn(run_watchdog());
    notify_supervisor(&NotifyState::Ready);
    tick.notify_one();
    // A cycle runs at once, so the first housekeeping is due a minute later.
    let mut minute = tokio::time::interval_at(tokio::time::Instant::now() + MINUTE, MINUTE);
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut first, mut is_shown) = (true, false);
    let mut seen = clock::now();
    loop {
        pulse.waits();
        let scheduled = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = reload.asked() => {
                pulse.works();
                let Some(renewed) = renew(&mut reload, &context).await else { continue };
                pulse.expect(renewed.config.postmark.longest_poll());
                if renewed.config.schedule != context.config.schedule {
                    let started = start_scheduler(&renewed, &tick).await?;
                    stop_scheduler(std::mem::replace(&mut scheduler, started)).await;
                }
                context = renewed;
                false
            }
            () = tick.notified() => !std::mem::take(&mut first),
            // The scheduler may be late or dead: what is due is read from the store.
            _ = minute.tick() => {
                pulse.works();
                // The scheduler would wait for the next instant as the clock had it before.
                let moved_back = has_moved_back(&mut seen, clock::now());
                if moved_back {
                    let started = start_scheduler(&context, &tick).await?;
                    stop_scheduler(std::mem::replace(&mut scheduler, started)).await;
                }
                let due = match run_housekeeping(&context).await {
                    Ok(due) => {
                        is_shown = show_daemon(&context).await;
                        due || moved_back
                    }
                    Err(error) => {
                        tracing::error!("{error}");
                        // The cycle notifies people and ends the daemon.
                        is_outdated(&error) || moved_back
                    }
                };
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
        if matches!(ended, Some(Ok(_))) {
            is_shown = show_daemon(&context).await;
        }
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
    if is_shown {
        hide_daemon(&context).await;
    }
    watchdog.abort();
    drop(scheduler);
    tracing::info!("stopped");
    Ok(())
}

/// Reloads the configuration. Returns what to go on with where it changed.
async fn renew(reload: &mut impl Reload, context: &Arc<Context>) -> Option<Arc<Context>> {
    notify_reloading();
    let renewed = reload.renew(context).await;
    let (status, renewed) = match renewed {
        Renewed::Changed { context, status } => (status, Some(context)),
        Renewed::Kept { status } => (status, None),
    };
    notify_reloaded(&status);
    renewed
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

/// Stops the ticks of a scheduler while the process goes on: one that is only dropped ticks on.
async fn stop_scheduler(mut scheduler: JobScheduler) {
    if let Err(error) = scheduler.shutdown().await {
        tracing::warn!("cannot stop the scheduler: {error}");
    }
}

/// Waits for `shutdown` while monitoring is switched off. The supervisor that asks for a reload is told that there was none: what
/// switches it off is in the environment, which a process gets once.
pub(crate) async fn idle(hangup: &Notify, shutdown: CancellationToken) {
    notify_supervisor(&NotifyState::Ready);
    let watchdog = tokio::spawn(run_watchdog());
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = hangup.notified() => {
                notify_reloading();
                notify_reloaded("Not reloaded: switched off by FLAG_POSTMARK_DELIVERY_MONITOR; unset it and restart");
            }
        }
    }
    watchdog.abort();
}

/// Returns whether the clock, which was at `seen` a minute ago and is at `now`, was set back since. A cycle then holds it against
/// Postmark's.
fn has_moved_back(seen: &mut Timestamp, now: Timestamp) -> bool {
    now + MINUTE < std::mem::replace(seen, now)
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
