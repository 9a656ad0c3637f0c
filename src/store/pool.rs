//! Connections that are lent for one call each.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::{Database, Error};

/// Makes one more connection; is told whether others are at hand.
type Connect = Box<dyn Fn(bool) -> Result<Database, Error> + Send + Sync>;

/// How long no further connection is tried after one was refused while others were at hand.
const CROWDED: Duration = Duration::from_secs(600);
/// How long a server without a connection to spare is asked again where none is at hand.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A limited number of connections, made when they are needed. Where the server has fewer to spare, those at hand are
/// waited for.
pub(super) struct Pool {
    state: Mutex<State>,
    /// Told whenever a call that waits may go on.
    changed: Condvar,
    permits: Arc<Semaphore>,
    connect: Connect,
}

#[derive(Default)]
struct State {
    idle: Vec<Database>,
    lent: usize,
    /// One connection is made at a time, so that the next knows whether there is another.
    connecting: bool,
    crowded_until: Option<Instant>,
}

impl State {
    fn is_crowded(&self) -> bool {
        self.crowded_until.is_some_and(|end| Instant::now() < end)
    }
}

impl Pool {
    /// Returns a pool of this one connection.
    pub(super) fn single(database: Database) -> Self {
        Self::with_limit(1, Box::new(|_| Err(Error::interrupted()))).holding(database)
    }

    /// Returns the pool with a connection that is made already.
    pub(super) fn holding(self, database: Database) -> Self {
        self.state().idle.push(database);
        self
    }

    /// Returns a pool of up to `limit` connections.
    pub(super) fn with_limit(limit: usize, connect: Connect) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            permits: Arc::new(Semaphore::new(limit)),
            connect,
        }
    }

    /// Waits for a connection to be free, and returns the right to use it.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Runs `work` on a connection, which is one of the idle ones again afterwards, however it ends. Blocks.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut lent = Lent {
            pool: self,
            database: Some(self.take()?),
        };
        match &mut lent.database {
            Some(database) => work(database),
            None => Err(Error::interrupted()),
        }
    }

    /// Closes the connections that are idle.
    pub(super) fn close_idle(&self) {
        self.state().idle.clear();
    }

    /// Does `work` to each connection that is idle.
    pub(super) fn each_idle(&self, work: impl FnMut(&mut Database)) {
        self.state().idle.iter_mut().for_each(work);
    }

    /// Takes an idle connection, or makes one, or waits for one that is lent.
    fn take(&self) -> Result<Database, Error> {
        let began = Instant::now();
        let mut state = self.state();
        loop {
            if let Some(database) = state.idle.pop() {
                if database.is_open() {
                    state.lent += 1;
                    return Ok(database);
                }
                continue;
            }
            if state.connecting || (state.lent > 0 && state.is_crowded()) {
                state = self.wait(state, PATIENCE);
                continue;
            }
            let beside_others = state.lent > 0;
            state.connecting = true;
            drop(state);
            let made = self.make(beside_others);
            state = self.state();
            match made {
                Ok(database) => {
                    state.lent += 1;
                    return Ok(database);
                }
                Err(error) if !error.is_crowded() => return Err(error),
                Err(_) if beside_others => {
                    tracing::info!(
                        connections = state.lent,
                        "the database has no further connection to spare; going on with those at hand"
                    );
                    state.crowded_until = Some(Instant::now() + CROWDED);
                }
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => state = self.wait(state, ASK_AGAIN),
            }
        }
    }

    fn make(&self, beside_others: bool) -> Result<Database, Error> {
        let _connecting = Connecting(self);
        (self.connect)(beside_others)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, or for as long as `limit`.
    fn wait<'s>(&self, state: MutexGuard<'s, State>, limit: Duration) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Ends on every way out, so that nobody waits for it in vain.
struct Connecting<'p>(&'p Pool);

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.0.state().connecting = false;
        self.0.changed.notify_all();
    }
}

/// Given back on every way out: a panic rolled its transaction back, and the connection is still good.
struct Lent<'p> {
    pool: &'p Pool,
    database: Option<Database>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.lent -= 1;
        state.idle.extend(self.database.take());
        self.pool.changed.notify_all();
    }
}
