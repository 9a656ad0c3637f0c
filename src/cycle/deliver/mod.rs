//! Delivery: outbox to Slack. A row is marked sent only after Slack accepted it. What is refused or unconfirmed stays, and what
//! is unconfirmed is looked up before it is sent again.

mod channel;
pub(crate) mod counts;
pub(crate) mod fallback_alert;
mod merge;
pub(crate) mod notifier;
#[cfg(feature = "charts")]
mod pictures;
mod reconcile;
mod sink;
mod split;
mod turn;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clock;
use crate::config::{SINK_CHANNEL, hold};
use crate::cycle::clock::current_instant;
use crate::cycle::deliver::channel::ChannelWorker;
use crate::cycle::deliver::merge::{merge_waiting, superseded_steps};
use crate::cycle::deliver::sink::SinkWorker;
use crate::cycle::deliver::split::{leave_as_reported, split_held};
use crate::cycle::deliver::turn::{MAX_RETRY_DELAY, Turn};
use crate::cycle::lease::DeliveryLease;
use crate::cycle::{Context, CycleError, CycleOptions};
use crate::model::{Hold, Timestamp};
use crate::store::{self, Database, MessageKind, OutboxRow, Store};

/// How many messages a delivery sent, and how many are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct DeliveryCounts {
    pub sent: u64,
    pub pending: u64,
    /// Messages set aside: nothing confirmed them and they were repeated once, or they alone were refused.
    pub given_up: u64,
}

impl DeliveryCounts {
    /// Adds what another part of the same delivery sent and gave up; what is pending is counted once, at its end.
    const fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.given_up += other.given_up;
    }
}

/// What makes messages be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// A cycle, or a person who asked: every channel is tried.
    Cycle {
        /// When it began, by the machine's clock: what was tried later was tried in this very cycle.
        began: Timestamp,
    },
    /// The minute between cycles: what may be a repeat waits a while after the first attempt.
    BetweenCycles,
}

/// Sends all due messages, each channel on its own, so that one that fails stops no other. Of several processes on one database,
/// one delivers at a time. What is muted at `at`, the instant of the cycle, waits for the end of its mute, and warnings for that of
/// quiet hours.
pub(crate) async fn deliver(
    context: &Context,
    trigger: Trigger,
    at: Timestamp,
) -> Result<DeliveryCounts, store::Error> {
    let store = &context.store;
    let ttl = 2 * context.config.slack.timeout + context.config.store.lease;
    let max_wait = match trigger {
        Trigger::Cycle { .. } => ttl + MAX_RETRY_DELAY,
        Trigger::BetweenCycles => Duration::ZERO,
    };
    let mut counts = DeliveryCounts::default();
    let lease = DeliveryLease::acquire(store, &context.worker_id, ttl, max_wait).await?;
    let hold = hold(&context.config.quiet_hours, at);
    if let Some(lease) = lease {
        counts = deliver_channels(context, trigger, &lease, hold).await?;
        lease.release().await?;
    }
    counts.pending = count_pending(store, hold).await?;
    Ok(counts)
}

/// Returns how many messages are not yet accepted, without those that wait for the end of a mute or of quiet hours.
pub(crate) async fn pending_messages(
    context: &Context,
    options: CycleOptions,
) -> Result<u64, CycleError> {
    let at = current_instant(&context.config, &context.store, options).await?;
    let hold = hold(&context.config.quiet_hours, at);
    Ok(count_pending(&context.store, hold).await?)
}

async fn count_pending(store: &Store, hold: Hold) -> Result<u64, store::Error> {
    let count = move |s: &mut Database| {
        let held = s.held_rows(hold)?.rows.len() as u64;
        Ok(s.count_pending()?.saturating_sub(held))
    };
    store.call(count).await
}

async fn deliver_channels(
    context: &Context,
    trigger: Trigger,
    lease: &DeliveryLease,
    hold: Hold,
) -> Result<DeliveryCounts, store::Error> {
    let turn = || Turn::new(context, trigger, lease, hold);
    let channels = due_by_channel(context, hold).await?;
    let can_move = |row: &&OutboxRow| row.message.placement.fallback.is_some();
    let movable: BTreeMap<i64, String> = channels
        .values()
        .flatten()
        .filter(can_move)
        .map(|row| (row.seq, row.message.channel.clone()))
        .collect();
    let mut total = send_by_channel(context, turn, channels).await?;
    if movable.is_empty() {
        return Ok(total);
    }
    // From cron the next attempt would be an hour later, and what was moved has one other channel only: it is moved once.
    let mut channels = due_by_channel(context, hold).await?;
    let is_moved = |row: &OutboxRow| {
        let before = movable.get(&row.seq);
        before.is_some_and(|channel| *channel != row.message.channel)
    };
    channels.retain(|_, rows| rows.iter().any(is_moved));
    if !channels.is_empty() {
        // The other channel may have been sent a message a moment ago.
        sleep(context.config.slack.pace).await;
        total.add(send_by_channel(context, turn, channels).await?);
    }
    Ok(total)
}

/// Sends these rows, each channel on its own.
async fn send_by_channel(
    context: &Context,
    turn: impl Fn() -> Turn,
    channels: BTreeMap<String, Vec<OutboxRow>>,
) -> Result<DeliveryCounts, store::Error> {
    let mut workers = JoinSet::new();
    let mut pictures = Vec::new();
    for (channel, mut rows) in channels {
        if let Some(name) = channel.strip_prefix(SINK_CHANNEL) {
            let worker = SinkWorker::new(context, name, turn());
            workers.spawn(async move { worker.send_all(rows).await });
            continue;
        }
        pictures.extend(rows.extract_if(.., |row| row.message.kind == MessageKind::Picture));
        let worker = channel_worker(context, turn());
        workers.spawn(async move { worker.send_all(rows).await });
    }
    let mut total = DeliveryCounts::default();
    while let Some(joined) = workers.join_next().await {
        match joined {
            Ok(counts) => total.add(counts?),
            Err(error) => tracing::error!(%error, "delivery task panicked"),
        }
    }
    #[cfg(feature = "charts")]
    {
        let worker = channel_worker(context, turn());
        pictures::upload_pictures(&worker, pictures).await?;
    }
    #[cfg(not(feature = "charts"))]
    drop(pictures);
    Ok(total)
}

fn channel_worker(context: &Context, turn: Turn) -> ChannelWorker {
    ChannelWorker {
        turn,
        notifier: context.notifier.clone(),
        pace: context.config.slack.pace,
    }
}

/// Returns the rows that are due and not held back, by their channel, in the order in which they were written. What waited of the same
/// incidents has become one of them, of what waited for a sink that does not want each step the last is left, and what is held back of several incidents waits in a row of its own.
async fn due_by_channel(
    context: &Context,
    hold: Hold,
) -> Result<BTreeMap<String, Vec<OutboxRow>>, store::Error> {
    let store = &context.store;
    // Claims and retries are times of the machine: they follow its clock, not the instant of the cycle.
    let now = clock::now();
    // We hold the lease for delivery: a process that claimed a row and did not finish it is dead.
    let load = move |s: &mut Database| {
        let held = s.held_rows(hold)?;
        let mut rows = s.due_rows(now, Duration::ZERO)?;
        rows.retain(|row| !held.rows.contains(&row.seq));
        Ok((rows, held.incidents))
    };
    let style = context.style();
    let (mut rows, mut held) = store.call(load).await?;
    let merged = merge_waiting(&rows, style);
    let superseded = superseded_steps(&rows, &context.config.sinks);
    if !merged.is_empty() || !superseded.is_empty() {
        let merge = move |s: &mut Database| {
            s.merge_rows(&merged)?;
            s.supersede_rows(&superseded)
        };
        store.call(merge).await?;
        (rows, held) = store.call(load).await?;
    }
    let mut split = split_held(&rows, &held, style);
    if !split.is_empty() {
        let part = move |s: &mut Database| {
            leave_as_reported(s, &mut split, &held, (hold.at, style))?;
            s.split_rows(&split)
        };
        store.call(part).await?;
        (rows, _) = store.call(load).await?;
    }
    let mut channels: BTreeMap<String, Vec<OutboxRow>> = BTreeMap::new();
    for row in rows {
        let channel = row.message.channel.clone();
        channels.entry(channel).or_default().push(row);
    }
    Ok(channels)
}
