//! Connections that are lent for one call each.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::{Database, Error};

/// Makes one more connection.
type Make = Box<dyn Fn() -> Result<Database, Error> + Send + Sync>;

/// A limited number of connections, made when they are needed.
pub(super) struct Pool {
    idle: Mutex<Vec<Database>>,
    permits: Arc<Semaphore>,
    make: Make,
}

impl Pool {
    /// Returns a pool of this one connection.
    pub(super) fn single(database: Database) -> Self {
        Self {
            idle: Mutex::new(vec![database]),
            permits: Arc::new(Semaphore::new(1)),
            make: Box::new(|| Err(Error::interrupted())),
        }
    }

    /// Returns a pool of up to `limit` connections.
    #[cfg(feature = "postgres")]
    pub(super) fn with_limit(limit: usize, make: Make) -> Self {
        Self {
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(limit)),
            make,
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

    fn take(&self) -> Result<Database, Error> {
        let idle = self.idle().pop();
        idle.map_or_else(&self.make, Ok)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Database>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Given back on every way out: a panic rolled its transaction back, and the connection is still good.
struct Lent<'p> {
    pool: &'p Pool,
    database: Option<Database>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.idle().extend(self.database.take());
    }
}
