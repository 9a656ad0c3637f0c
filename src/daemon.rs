//! The daemon: a bell on `schedule`, a look every minute, and a clean end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::cycle::{Context, CycleError, Options};
use crate::model::MINUTE;

/// How long a cycle in hand may go on after the end was asked for; every transaction is whole or not at all.
const FINISH_WITHIN: Duration = Duration::from_secs(15);

/// Runs cycles until `shutdown`; the first one at once.
///
/// # Errors
/// Where the bell cannot be set up, and where a newer version takes over the database.
pub async fn run(app: Arc<Context>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let bell = Arc::new(Notify::new());
    let scheduler = ring(&app, &bell).await?;
    let watchdog = tokio::spawn(watchdog());
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    bell.notify_one();
    // A cycle comes at once, so the first look is due a minute later.
    let mut minute = tokio::time::interval_at(tokio::time::Instant::now() + MINUTE, MINUTE);
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut first = true;
    loop {
        let scheduled = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = bell.notified() => !std::mem::take(&mut first),
            // The bell may be late or dead: what is due is read from the store.
            _ = minute.tick() => {
                let due = app.minute().await.unwrap_or_else(|error| {
                    tracing::error!("{error}");
                    // The cycle tells people, and ends the daemon.
                    is_outdated(&error)
                });
                if !due { continue }
                false
            }
        };
        let cycle = app.cycle(Options {
            now: None,
            scheduled,
        });
        tokio::pin!(cycle);
        let ended = tokio::select! {
            ended = &mut cycle => Some(ended),
            () = shutdown.cancelled() => tokio::time::timeout(FINISH_WITHIN, cycle).await.ok(),
        };
        match ended {
            Some(Ok(report)) => tracing::info!("{}", report.to_line()),
            Some(Err(error)) if is_outdated(&error) => return Err(error.into()),
            Some(Err(error)) => tracing::error!("{error}"),
            None => {
                tracing::warn!("the cycle in hand was broken off; the next start goes on with it")
            }
        }
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    watchdog.abort();
    drop(scheduler);
    tracing::info!("stopped");
    Ok(())
}

/// Whether only a newer version can go on: whoever starts this one again may start that.
fn is_outdated(error: &CycleError) -> bool {
    matches!(error, CycleError::Store(error) if error.is_of_newer_schema())
}

/// The scheduler only rings: it starts overlapping jobs and forgets what it missed, so no work is done in its jobs.
async fn ring(app: &Context, bell: &Arc<Notify>) -> anyhow::Result<JobScheduler> {
    let scheduler = JobScheduler::new().await?;
    let bell = Arc::clone(bell);
    let job = Job::new_async(app.config().schedule.expression(), move |_, _| {
        let bell = Arc::clone(&bell);
        Box::pin(async move { bell.notify_one() })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Tells systemd that the runtime still turns.
async fn watchdog() {
    let Some(every) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        tokio::time::sleep(every / 3).await;
    }
}

/// Idles while the monitor is switched off.
pub async fn idle(shutdown: CancellationToken) {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let watchdog = tokio::spawn(watchdog());
    shutdown.cancelled().await;
    watchdog.abort();
}

impl Context {
    /// Between cycles: messages that may be tried again, a digest that became due. Whether a cycle is wanted.
    async fn minute(self: &Arc<Self>) -> Result<bool, CycleError> {
        if self.between_cycles().await? {
            tracing::info!("a digest is due: polling first, so that it knows its whole day");
            return Ok(true);
        }
        let last = self.last_cycle_at().await?;
        let Some(last) = last else {
            // The first one failed before anything was stored.
            return Ok(true);
        };
        let due = self.config().schedule.next(last);
        let overdue = due.is_some_and(|due| due + 2 * MINUTE < clock::now());
        if overdue {
            tracing::warn!("the bell did not ring: a cycle was due");
        }
        Ok(overdue)
    }
}

#[cfg(test)]
mod tests;
