//! The instant of a cycle: that of the schedule where one is near, so that all hosts and all cycles agree on it.

use std::time::{Duration, Instant};

use crate::clock;
use crate::config::{self, Config, Schedule};
use crate::cycle::{Context, CycleError, CycleOptions};
use crate::model::{MINUTE, Span, Timestamp};
use crate::store::{self, Store};

/// The maximum by which the clock of a host may be ahead of the shared one where no schedule started the cycle; a scheduled
/// cycle may be early by a minute.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// The maximum by which a clock may differ from Postmark's.
pub(crate) const MAX_POSTMARK_SKEW: Duration = Duration::from_secs(5 * 60);

/// A clock that differs from Postmark's by more than [`MAX_POSTMARK_SKEW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSkew {
    pub(crate) machine: Timestamp,
    pub(crate) postmark: Timestamp,
}

impl ClockSkew {
    /// Compares the shared clock with the `Date` of an answer of Postmark's that was asked for at `asked`.
    pub(crate) async fn find(
        store: &Store,
        asked: Instant,
        postmark: Option<Timestamp>,
    ) -> Result<Option<Self>, store::Error> {
        let Some(postmark) = postmark else {
            return Ok(None);
        };
        let machine = shared_clock(store).await?;
        let differs = machine - asked.elapsed() > postmark + MAX_POSTMARK_SKEW
            || machine + MAX_POSTMARK_SKEW < postmark;
        Ok(differs.then_some(Self { machine, postmark }))
    }
}

/// Returns the instant of this cycle. Where the machine's clock moved backwards it is believed, unless Postmark's contradicts it,
/// and the data that later cycles covered or pruned is read again.
///
/// # Errors
/// Where `--now` is not possible, the clock was never set or is wrong, or the database fails.
pub(crate) async fn cycle_instant(
    context: &Context,
    options: CycleOptions,
) -> Result<Timestamp, CycleError> {
    let (config, store) = (&context.config, &context.store);
    // In this order: another process may be in a cycle of a moment ago.
    let last = store.call(|s| s.last_cycle_at()).await?;
    let mut machine = shared_clock(store).await?;
    if let Some(now) = options.now {
        return validate_now(config, now, last, machine);
    }
    if store.is_shared() {
        let max_skew = if options.scheduled {
            MINUTE
        } else {
            MAX_CLOCK_SKEW
        };
        machine = wait_for_scheduled_instant(&config.schedule, store, machine, max_skew).await?;
    }
    if !clock::is_plausible(machine) {
        return Err(CycleError::Clock(machine));
    }
    if let Some(last) = last.filter(|last| machine < *last) {
        let asked = Instant::now();
        if let Some(skew) = ClockSkew::find(store, asked, context.postmark.date().await).await? {
            return Err(CycleError::ClockSkew(skew));
        }
        tracing::warn!(%machine, last_cycle = %last, "system clock moved backwards; re-reading data since {machine}");
        let keep = config.store.keep;
        let pruned = Span::new(machine - keep, (last - keep).min(machine));
        store.call(move |s| s.reread(pruned)).await?;
        store.call(move |s| s.rewind(machine)).await?;
    }
    let is_alone = !options.scheduled && !store.is_shared();
    let last = last.filter(|_| is_alone);
    Ok(snap_to_schedule(&config.schedule, machine, last))
}

/// Returns the present for what is no cycle.
pub(crate) async fn current_instant(
    config: &Config,
    store: &Store,
    options: CycleOptions,
) -> Result<Timestamp, CycleError> {
    let machine = shared_clock(store).await?;
    let Some(now) = options.now else {
        return Ok(machine);
    };
    let last = store.call(|s| s.last_cycle_at()).await?;
    validate_now(config, now, last, machine)
}

/// Returns the time by the clock that every process on this database shares.
pub(crate) async fn shared_clock(store: &Store) -> Result<Timestamp, store::Error> {
    if store.is_shared() {
        store.call(|s| s.clock()).await
    } else {
        Ok(clock::now())
    }
}

/// Returns `now`, the instant that a person named, if a cycle can take it for the present.
fn validate_now(
    config: &Config,
    now: Timestamp,
    last: Option<Timestamp>,
    machine: Timestamp,
) -> Result<Timestamp, CycleError> {
    if let Some(last) = last.filter(|last| now < *last) {
        return Err(CycleError::Usage(format!(
            "--now {now} is earlier than the last cycle of this database ({last}); name a later instant, or another database"
        )));
    }
    if now > machine && !config::is_loopback(&config.postmark.base_url) {
        return Err(CycleError::Usage(format!(
            "--now {now} lies in the future; name an instant that is past"
        )));
    }
    Ok(now)
}

/// Waits for the next scheduled instant if it is less than `max_skew` away and nearer than the last one, so that hosts whose
/// clocks are slightly fast agree on the cycle's instant. Returns the time after that.
async fn wait_for_scheduled_instant(
    schedule: &Schedule,
    store: &Store,
    mut machine: Timestamp,
    max_skew: Duration,
) -> Result<Timestamp, store::Error> {
    let Some(due) = schedule.next(machine) else {
        return Ok(machine);
    };
    let late = machine.since(snap_to_schedule(schedule, machine, None));
    let is_later = late.is_zero() || due.since(machine) < late;
    while is_later && machine < due && due.since(machine) < max_skew {
        tokio::time::sleep(due.since(machine)).await;
        machine = shared_clock(store).await?;
    }
    Ok(machine)
}

/// Returns the scheduled instant if we are less than a minute late for it and `last`, the last cycle, did not take it; otherwise
/// `machine`.
fn snap_to_schedule(schedule: &Schedule, machine: Timestamp, last: Option<Timestamp>) -> Timestamp {
    let after = last.unwrap_or(Timestamp::MIN).max(machine - MINUTE);
    let instants = schedule.instants(after, machine);
    instants.last().copied().unwrap_or(machine)
}
