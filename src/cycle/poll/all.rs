//! Polls all servers, several at the same time, so that a slow one delays no other. A server that another process polls is left
//! to that process.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::ServerConfig;
use crate::cycle::lease::Leases;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::server::{load_state, poll_server};
use crate::cycle::poll::servers::ServerList;
use crate::cycle::{Context, PollResults};
use crate::model::Timestamp;
use crate::store;

/// How often the leases of other processes are checked within the lifetime of one.
const LEASE_CHECKS_PER_TTL: u32 = 20;

/// What the polls of one cycle share.
pub(crate) struct PollContext {
    pub context: Arc<Context>,
    pub now: Timestamp,
    /// Whether a server is skipped that another process polled at this instant.
    pub skip_if_polled: bool,
    pub deadline: Instant,
    /// Limits how many servers are polled at the same time.
    pub concurrency: Semaphore,
    /// The servers that this process works on.
    pub leases: Arc<Leases>,
}

enum ServerTurn {
    Polled(Box<PollOutcome>),
    /// Another process polled it at this instant.
    AlreadyPolled,
    /// Another process has its lease until then, or until it renews it.
    LeasedElsewhere(Timestamp),
}

/// A server that is still to be polled, by its place in the list.
type Remaining = Vec<(usize, Arc<ServerConfig>)>;

/// Polls every server that no other process polls.
pub(crate) async fn poll_all(
    list: ServerList,
    polling: &Arc<PollContext>,
) -> Result<PollResults, store::Error> {
    let mut remaining: Remaining = list.servers.into_iter().enumerate().collect();
    let all = remaining.len() + usize::from(list.account.is_some());
    let mut expected = all;
    let mut outcomes = BTreeMap::new();
    let mut leased_until: BTreeMap<usize, Timestamp> = BTreeMap::new();
    let mut has_waited = false;
    while !remaining.is_empty() {
        let mut tasks = JoinSet::new();
        for (index, server) in remaining.clone() {
            let polling = Arc::clone(polling);
            let skip_if_polled = polling.skip_if_polled || has_waited;
            tasks.spawn(async move {
                let turn = poll_if_leased(&server, &polling, skip_if_polled).await;
                (index, turn)
            });
        }
        let mut waiting = BTreeMap::new();
        while let Some(joined) = tasks.join_next().await {
            let (index, turn) = match joined {
                Ok(joined) => joined,
                Err(error) => {
                    tracing::error!(%error, "poll task panicked");
                    continue;
                }
            };
            match turn? {
                ServerTurn::Polled(outcome) => {
                    outcomes.insert(index, *outcome);
                }
                ServerTurn::AlreadyPolled => expected -= 1,
                ServerTurn::LeasedElsewhere(until) => {
                    let first = *leased_until.entry(index).or_insert(until);
                    // A process that renewed its lease is alive, and polls the server.
                    if until > first {
                        expected -= 1;
                    } else {
                        waiting.insert(index, first);
                    }
                }
            }
        }
        remaining.retain(|(index, _)| waiting.contains_key(index));
        if !remaining.is_empty() {
            expected -= wait_for_leases(&mut remaining, &waiting, &polling.leases).await?;
            has_waited = true;
        }
    }
    if expected < all {
        tracing::info!("{} servers are polled by other processes", all - expected);
    }
    let outcomes = outcomes.into_values().chain(list.account).collect();
    Ok(PollResults { outcomes, expected })
}

/// Polls one server if this process gets its lease.
async fn poll_if_leased(
    server: &Arc<ServerConfig>,
    polling: &PollContext,
    skip_if_polled: bool,
) -> Result<ServerTurn, store::Error> {
    let (context, now) = (&polling.context, polling.now);
    let _permit = polling.concurrency.acquire().await;
    if let Err(until) = polling.leases.take(&server.name).await? {
        return Ok(ServerTurn::LeasedElsewhere(until));
    }
    let state = load_state(&context.store, server, now).await?;
    if skip_if_polled && state.last_cycle_at.is_some_and(|last| last >= now) {
        polling.leases.release(&server.name).await?;
        return Ok(ServerTurn::AlreadyPolled);
    }
    let outcome = poll_server(context, server, now, polling.deadline).await?;
    Ok(ServerTurn::Polled(Box::new(outcome)))
}

/// Waits until the lease of one of the servers is free, or all were renewed. Those whose lease was renewed leave `remaining`;
/// returns how many.
async fn wait_for_leases(
    remaining: &mut Remaining,
    leased_until: &BTreeMap<usize, Timestamp>,
    leases: &Leases,
) -> Result<usize, store::Error> {
    let mut renewed = 0;
    loop {
        tokio::time::sleep(leases.ttl / LEASE_CHECKS_PER_TTL).await;
        let others = leases.held_by_others().await?;
        let is_renewed = |index: &usize, server: &ServerConfig| {
            let until = others.get(&server.name);
            until.is_some_and(|until| until > &leased_until[index])
        };
        let before = remaining.len();
        remaining.retain(|(index, server)| !is_renewed(index, server));
        renewed += before - remaining.len();
        let mut servers = remaining.iter();
        if remaining.is_empty() || servers.any(|(_, server)| !others.contains_key(&server.name)) {
            return Ok(renewed);
        }
    }
}
