//! Leases: on a database that several processes share, each server is polled by one of them at a time.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::cycle::Context;
use crate::model::{MINUTE, ServerName, Timestamp};
use crate::store::{self, Database, Lease, LeaseAttempt, Store};

/// How often leases are renewed within their lifetime.
const RENEWALS_PER_TTL: u32 = 4;
/// How often the delivery lease is tried within the wait for it.
const LEASE_CHECKS_PER_WAIT: u32 = 50;
/// The name of the lease for delivery: messages go out in order, at Slack's pace.
const OUTBOX: &str = "outbox";
/// The name of the lease by which a daemon is seen between its cycles.
const DAEMON: &str = "daemon";
/// How long a daemon is seen that was killed: it renews that lease every minute.
const DAEMON_TTL: Duration = Duration::from_secs(3 * MINUTE.as_secs());

/// Returns a name for this process that no other process has.
pub(crate) fn new_worker_id() -> String {
    let draw = RandomState::new().hash_one(std::process::id());
    format!("process {} ({draw:016x})", std::process::id())
}

/// Shows for some minutes that a daemon works on the database, to whoever would copy it from under it. That of a file needs no sign,
/// since it is open. Returns whether it is this process that shows it: of several daemons one does.
pub(crate) async fn show_daemon(context: &Context) -> bool {
    context.store.is_shared() && hold_for_daemon(context, DAEMON_TTL).await
}

/// Takes back what [`show_daemon`] shows, so that nobody waits for its end.
pub(crate) async fn hide_daemon(context: &Context) {
    hold_for_daemon(context, Duration::ZERO).await;
}

/// A failure is no matter: the cycle and the housekeeping report whatever is wrong with the database.
async fn hold_for_daemon(context: &Context, ttl: Duration) -> bool {
    let name = DAEMON.to_owned();
    match acquire(&context.store, name, &context.worker_id, ttl).await {
        Ok(attempt) => matches!(attempt, LeaseAttempt::Taken(_)),
        Err(error) => {
            tracing::debug!("the lease of the daemon was not renewed: {error}");
            false
        }
    }
}

/// The leases that one cycle holds, renewed until it ends.
pub(crate) struct Leases {
    store: Store,
    worker_id: String,
    /// How long a lease lasts unless it is renewed.
    pub ttl: Duration,
    held: Arc<Mutex<BTreeMap<String, Lease>>>,
    renewal: JoinHandle<()>,
}

impl Leases {
    /// Returns an empty set, and begins to renew what is added to it.
    pub(crate) fn new(store: &Store, worker_id: &str, ttl: Duration) -> Self {
        let held = Arc::new(Mutex::new(BTreeMap::new()));
        Self {
            store: store.clone(),
            worker_id: worker_id.to_owned(),
            ttl,
            renewal: tokio::spawn(renew_loop(store.clone(), Arc::clone(&held), ttl)),
            held,
        }
    }

    /// Takes the lease of a server. Returns `Err` with its end where another process holds it.
    pub(crate) async fn take(
        &self,
        server: &ServerName,
    ) -> Result<Result<(), Timestamp>, store::Error> {
        let name = Lease::name_for_server(server);
        let attempt = acquire(&self.store, name, &self.worker_id, self.ttl);
        Ok(match attempt.await? {
            LeaseAttempt::Taken(lease) => {
                self.lock().insert(lease.name.clone(), lease);
                Ok(())
            }
            LeaseAttempt::Held { until, .. } => Err(until),
        })
    }

    /// Returns the servers that other processes poll, with the ends of their leases.
    pub(crate) async fn held_by_others(
        &self,
    ) -> Result<BTreeMap<ServerName, Timestamp>, store::Error> {
        let worker_id = self.worker_id.clone();
        let read = move |s: &mut Database| s.leases_held_by_others(&worker_id);
        let held = self.store.call(read).await?.into_iter();
        let server_lease =
            |(name, until): (String, Timestamp)| Some((Lease::server_from_name(&name)?, until));
        Ok(held.filter_map(server_lease).collect())
    }

    /// Releases the lease of a server that needs no poll.
    pub(crate) async fn release(&self, server: &ServerName) -> Result<(), store::Error> {
        let lease = self.lock().remove(&Lease::name_for_server(server));
        let leases: Vec<Lease> = lease.into_iter().collect();
        self.store.call(move |s| s.release_leases(&leases)).await
    }

    /// Takes all leases out, for the transaction that releases them, and stops renewing them.
    pub(crate) fn take_for_commit(&self) -> Vec<Lease> {
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

async fn acquire(
    store: &Store,
    name: String,
    worker_id: &str,
    ttl: Duration,
) -> Result<LeaseAttempt, store::Error> {
    let (worker_id, alone) = (worker_id.to_owned(), !store.is_shared());
    store
        .call(move |s| s.acquire_lease(&name, &worker_id, ttl, alone))
        .await
}

/// Renews all held leases until the task is aborted. The commit finds out which were lost.
async fn renew_loop(store: Store, held: Arc<Mutex<BTreeMap<String, Lease>>>, ttl: Duration) {
    loop {
        tokio::time::sleep(ttl / RENEWALS_PER_TTL).await;
        let leases: Vec<Lease> = {
            let held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.values().cloned().collect()
        };
        if leases.is_empty() {
            continue;
        }
        if let Err(error) = store.call(move |s| s.renew_leases(&leases, ttl)).await {
            tracing::warn!(%error, "failed to renew leases");
        }
    }
}

/// The lease for delivery, renewed before each message.
#[derive(Clone)]
pub(crate) struct DeliveryLease {
    store: Store,
    lease: Lease,
    ttl: Duration,
}

impl DeliveryLease {
    /// Takes the lease, waiting up to `max_wait` for another process to release it. Returns `None` where that goes on delivering,
    /// or nothing is pending.
    pub(crate) async fn acquire(
        store: &Store,
        worker_id: &str,
        ttl: Duration,
        max_wait: Duration,
    ) -> Result<Option<Self>, store::Error> {
        let deadline = tokio::time::Instant::now() + max_wait;
        loop {
            let attempt = acquire(store, OUTBOX.to_owned(), worker_id, ttl).await?;
            if let LeaseAttempt::Taken(lease) = attempt {
                let store = store.clone();
                return Ok(Some(Self { store, lease, ttl }));
            }
            let pending = store.call(|s| s.count_pending()).await?;
            if pending == 0 || tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(max_wait / LEASE_CHECKS_PER_WAIT).await;
        }
    }

    /// Renews the lease, and returns whether this process still held it.
    pub(crate) async fn renew(&self) -> Result<bool, store::Error> {
        let (lease, ttl) = (vec![self.lease.clone()], self.ttl);
        let renewed = self.store.call(move |s| s.renew_leases(&lease, ttl));
        Ok(renewed.await? == [true])
    }

    pub(crate) async fn release(self) -> Result<(), store::Error> {
        let lease = vec![self.lease];
        self.store.call(move |s| s.release_leases(&lease)).await
    }
}
