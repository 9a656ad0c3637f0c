//! What this process may work on: on a database that several share, each server is one process's at a time.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::model::{ServerName, Timestamp};
use crate::store::{self, Lease, LeaseAttempt, Store};

/// Leases are renewed so many times within their length.
const RENEWALS: u32 = 4;
/// The lease of all deliveries: messages go out in order, at Slack's pace.
const OUTBOX: &str = "outbox";

/// A name for this process that no other has.
pub(crate) fn new_holder() -> String {
    let draw = RandomState::new().hash_one(std::process::id());
    format!("process {} ({draw:016x})", std::process::id())
}

/// The leases that one cycle holds, kept alive until it ends.
pub(crate) struct Leases {
    store: Store,
    holder: String,
    ttl: Duration,
    held: Arc<Mutex<BTreeMap<String, Lease>>>,
    renewal: JoinHandle<()>,
}

impl Leases {
    /// None yet.
    pub(crate) fn new(store: &Store, holder: &str, ttl: Duration) -> Self {
        let held = Arc::new(Mutex::new(BTreeMap::new()));
        Self {
            store: store.clone(),
            holder: holder.to_owned(),
            ttl,
            renewal: tokio::spawn(keep(store.clone(), Arc::clone(&held), ttl)),
            held,
        }
    }

    /// How long one lasts unless it is renewed.
    pub(crate) const fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Takes the lease of a server; otherwise, until when somebody else has it.
    pub(crate) async fn take(
        &self,
        server: &ServerName,
    ) -> Result<Result<(), Timestamp>, store::Error> {
        let asked = ask(
            &self.store,
            Lease::name_for_server(server),
            &self.holder,
            self.ttl,
        )
        .await?;
        Ok(match asked {
            LeaseAttempt::Taken(lease) => {
                self.lock().insert(lease.name.clone(), lease);
                Ok(())
            }
            LeaseAttempt::Held { until, .. } => Err(until),
        })
    }

    /// The servers that others work on, with the ends of their leases.
    pub(crate) async fn of_others(&self) -> Result<BTreeMap<ServerName, Timestamp>, store::Error> {
        let holder = self.holder.clone();
        let held = self
            .store
            .call(move |s| s.leases_held_by_others(&holder))
            .await?;
        let of_server =
            |(name, until): (String, Timestamp)| Some((Lease::server_from_name(&name)?, until));
        Ok(held.into_iter().filter_map(of_server).collect())
    }

    /// Gives one up that turned out not to be needed.
    pub(crate) async fn give_back(&self, server: &ServerName) -> Result<(), store::Error> {
        let lease = self.lock().remove(&Lease::name_for_server(server));
        let leases: Vec<Lease> = lease.into_iter().collect();
        self.store.call(move |s| s.release_leases(&leases)).await
    }

    /// All that are held, for the transaction which gives them up. They are renewed no more.
    pub(crate) fn to_commit(&self) -> Vec<Lease> {
        self.renewal.abort();
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Lease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn ask(
    store: &Store,
    name: String,
    holder: &str,
    ttl: Duration,
) -> Result<LeaseAttempt, store::Error> {
    let (holder, alone) = (holder.to_owned(), !store.is_shared());
    store
        .call(move |s| s.acquire_lease(&name, &holder, ttl, alone))
        .await
}

/// Renews what is held until it is aborted. What was lost is found out when it is to be committed.
async fn keep(store: Store, held: Arc<Mutex<BTreeMap<String, Lease>>>, ttl: Duration) {
    loop {
        tokio::time::sleep(ttl / RENEWALS).await;
        let leases: Vec<Lease> = {
            let held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.values().cloned().collect()
        };
        if leases.is_empty() {
            continue;
        }
        if let Err(error) = store.call(move |s| s.renew_leases(&leases, ttl)).await {
            tracing::warn!("cannot keep what this process works on to itself: {error}");
        }
    }
}

/// The right to deliver, renewed before each message.
#[derive(Clone)]
pub(crate) struct Turn {
    store: Store,
    lease: Lease,
    ttl: Duration,
}

impl Turn {
    /// Takes the turn, or waits for it: a holder that lives gives it up in time, or goes on; `None` where it goes on.
    pub(crate) async fn take(
        store: &Store,
        holder: &str,
        ttl: Duration,
        patience: Duration,
    ) -> Result<Option<Self>, store::Error> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let LeaseAttempt::Taken(lease) = ask(store, OUTBOX.to_owned(), holder, ttl).await? {
                return Ok(Some(Self {
                    store: store.clone(),
                    lease,
                    ttl,
                }));
            }
            let pending = store.call(|s| s.count_pending()).await?;
            if pending == 0 || tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(patience / 50).await;
        }
    }

    /// Whether it is still ours, from now on for its whole length.
    pub(crate) async fn holds(&self) -> Result<bool, store::Error> {
        let (lease, ttl) = (vec![self.lease.clone()], self.ttl);
        let kept = self
            .store
            .call(move |s| s.renew_leases(&lease, ttl))
            .await?;
        Ok(kept == [true])
    }

    /// Gives it up.
    pub(crate) async fn end(self) -> Result<(), store::Error> {
        let lease = vec![self.lease];
        self.store.call(move |s| s.release_leases(&lease)).await
    }
}
