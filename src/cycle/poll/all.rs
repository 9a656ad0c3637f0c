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
use crate::cycle::poll::server::ServerPoller;
use crate::cycle::poll::servers::ServerList;
use crate::model::Timestamp;
use crate::store::{self, Store};

/// How often the leases of other processes are checked within the lifetime of one.
const LEASE_CHECKS_PER_TTL: u32 = 20;

/// What the polls of one cycle share.
pub(crate) struct PollContext {
    pub poller: ServerPoller,
    /// Whether a server is skipped that another process polled at this instant.
    pub skip_if_polled: bool,
    /// When all polls must be done.
    pub deadline: Instant,
    /// Limits how many servers are polled at the same time.
    pub concurrency: Semaphore,
    /// The servers that this process works on.
    pub leases: Arc<Leases>,
}

/// What happened when it was one server's turn.
enum ServerTurn {
    Polled(Box<PollOutcome>),
    /// Another process polled it at this instant.
    AlreadyPolled,
    /// Another process has its lease until then, or until it renews it.
    LeasedElsewhere(Timestamp),
}

/// A server that is still to be polled, by its place in the list.
type Remaining = Vec<(usize, Arc<ServerConfig>)>;

/// Polls every server that no other process polls. Returns the outcomes, and how many there should be: fewer outcomes mean that
/// a poll broke.
pub(crate) async fn poll_all(
    list: ServerList,
    context: &Arc<PollContext>,
) -> Result<(Vec<PollOutcome>, usize), store::Error> {
    let mut remaining: Remaining = list.servers.into_iter().enumerate().collect();
    let all = remaining.len() + usize::from(list.account.is_some());
    let mut expected = all;
    let mut outcomes = BTreeMap::new();
    let mut leased_until: BTreeMap<usize, Timestamp> = BTreeMap::new();
    let mut has_waited = false;
    while !remaining.is_empty() {
        let mut tasks = JoinSet::new();
        for (index, server) in remaining.clone() {
            let context = Arc::clone(context);
            let skip_if_polled = context.skip_if_polled || has_waited;
            tasks.spawn(async move {
                let turn = poll_if_leased(&server, &context, skip_if_polled).await;
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
            expected -= wait_for_leases(&mut remaining, &waiting, &context.leases).await?;
            has_waited = true;
        }
    }
    if expected < all {
        tracing::info!("{} servers are polled by other processes", all - expected);
    }
    let outcomes = outcomes.into_values().chain(list.account);
    Ok((outcomes.collect(), expected))
}

/// Polls one server if this process gets its lease.
async fn poll_if_leased(
    server: &Arc<ServerConfig>,
    context: &PollContext,
    skip_if_polled: bool,
) -> Result<ServerTurn, store::Error> {
    let _permit = context.concurrency.acquire().await;
    if let Err(until) = context.leases.take(&server.name).await? {
        return Ok(ServerTurn::LeasedElsewhere(until));
    }
    let state = context.poller.load_state(server).await?;
    let now = context.poller.now;
    if skip_if_polled && state.last_cycle_at.is_some_and(|last| last >= now) {
        context.leases.give_back(&server.name).await?;
        return Ok(ServerTurn::AlreadyPolled);
    }
    let outcome = context.poller.poll_server(server, context.deadline).await?;
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
        tokio::time::sleep(leases.ttl() / LEASE_CHECKS_PER_TTL).await;
        let others = leases.of_others().await?;
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

/// Returns whether another process is in a cycle.
pub(crate) async fn others_are_polling(
    store: &Store,
    worker_id: &str,
) -> Result<bool, store::Error> {
    let worker_id = worker_id.to_owned();
    let held = store
        .call(move |s| s.leases_held_by_others(&worker_id))
        .await?;
    Ok(!held.is_empty())
}
