//! Every server polled, some at the same time; a slow one delays nobody, and one that another process polls is left to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::lease::Leases;
use crate::cycle::poll::server::Polled;
use crate::cycle::poll::servers::Roster;
use crate::model::Timestamp;
use crate::store;

/// Looks at the leases of others within the length of one.
const LOOKS: u32 = 20;

/// What the polls of one cycle have in common.
pub(crate) struct Polling {
    /// The instant that is taken for the present.
    pub(crate) now: Timestamp,
    /// Whether a server is left alone that another process polled at this instant.
    pub(crate) skips: bool,
    /// When all must be done.
    pub(crate) deadline: Instant,
    /// Servers polled at the same time.
    pub(crate) permits: Semaphore,
    /// What this process works on.
    pub(crate) leases: Leases,
}

/// What became of one server.
enum Turn {
    /// It was polled.
    Polled(Box<Polled>),
    /// Another process polled it at this instant.
    Done,
    /// Another process works on it, until then or until it renews.
    Held(Timestamp),
}

impl Context {
    /// Polls every server that is nobody else's; how many it should have been.
    pub(crate) async fn poll_all(
        self: &Arc<Self>,
        roster: Roster,
        polling: &Arc<Polling>,
    ) -> Result<(Vec<Polled>, usize), store::Error> {
        let mut left: Vec<(usize, Arc<ServerConfig>)> =
            roster.servers.into_iter().enumerate().collect();
        let all = left.len() + usize::from(roster.account.is_some());
        let mut expected = all;
        let mut polled = BTreeMap::new();
        let mut held: BTreeMap<usize, Timestamp> = BTreeMap::new();
        let mut again = false;
        while !left.is_empty() {
            let mut tasks = JoinSet::new();
            for (index, server) in left.clone() {
                let (app, polling) = (Arc::clone(self), Arc::clone(polling));
                let skips = polling.skips || again;
                tasks.spawn(async move { (index, app.in_turn(&server, &polling, skips).await) });
            }
            let mut waiting = BTreeMap::new();
            while let Some(done) = tasks.join_next().await {
                let (index, result) = match done {
                    Ok(done) => done,
                    Err(error) => {
                        tracing::error!(%error, "the poll of a server broke off");
                        continue;
                    }
                };
                match result? {
                    Turn::Polled(one) => {
                        polled.insert(index, *one);
                    }
                    Turn::Done => expected -= 1,
                    // Whoever renewed it is alive, and polls it.
                    Turn::Held(until) if held.get(&index).is_some_and(|first| until > *first) => {
                        expected -= 1;
                    }
                    Turn::Held(until) => {
                        waiting.insert(index, *held.entry(index).or_insert(until));
                    }
                }
            }
            left.retain(|(index, _)| waiting.contains_key(index));
            if !left.is_empty() {
                expected -= self.wait(&mut left, &waiting, polling).await?;
                again = true;
            }
        }
        let polled: Vec<Polled> = polled.into_values().chain(roster.account).collect();
        if expected < all {
            tracing::info!("{} servers are polled by other processes", all - expected);
        }
        Ok((polled, expected))
    }

    /// Polls one server, if it is nobody else's.
    async fn in_turn(
        &self,
        server: &Arc<ServerConfig>,
        polling: &Polling,
        skips: bool,
    ) -> Result<Turn, store::Error> {
        let _permit = polling.permits.acquire().await;
        if let Err(until) = polling.leases.take(&server.name).await? {
            return Ok(Turn::Held(until));
        }
        let (name, now) = (server.name.clone(), polling.now);
        let state = self.store.call(move |s| s.server_state(&name, now)).await?;
        if skips && state.last_cycle_at.is_some_and(|last| last >= now) {
            polling.leases.give_back(&server.name).await?;
            return Ok(Turn::Done);
        }
        let polled = self.poll(server, now, polling.deadline).await?;
        Ok(Turn::Polled(Box::new(polled)))
    }

    /// Waits until some of those that others hold are free, or their holders showed that they live; these leave `left`, and
    /// are counted.
    async fn wait(
        &self,
        left: &mut Vec<(usize, Arc<ServerConfig>)>,
        since: &BTreeMap<usize, Timestamp>,
        polling: &Polling,
    ) -> Result<usize, store::Error> {
        let mut alive = 0;
        loop {
            tokio::time::sleep(polling.leases.ttl() / LOOKS).await;
            let others = polling.leases.of_others().await?;
            let is_alive = |index: &usize, server: &ServerConfig| {
                others
                    .get(&server.name)
                    .is_some_and(|until| until > &since[index])
            };
            let before = left.len();
            left.retain(|(index, server)| !is_alive(index, server));
            alive += before - left.len();
            if left
                .iter()
                .any(|(_, server)| !others.contains_key(&server.name))
                || left.is_empty()
            {
                return Ok(alive);
            }
        }
    }

    /// Whether another process is in a cycle.
    pub(crate) async fn others_poll(&self) -> Result<bool, store::Error> {
        let holder = self.holder.clone();
        let held = self
            .store
            .call(move |s| s.leases_held_by_others(&holder))
            .await?;
        Ok(!held.is_empty())
    }
}
