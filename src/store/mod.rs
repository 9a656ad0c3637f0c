//! What was seen, judged and is to be told. The only room that knows SQL; the words of its face are those of the domain.

#[cfg(test)]
mod conformance;
mod copy;
mod database;
mod error;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pool::Pool;

pub use copy::{Copied, Place, copy};
pub use database::Database;
pub use error::{Error, Problem};
#[cfg(any(test, feature = "charts"))]
pub use rows::PicturePlace;
pub use rows::{
    AcceptedServer, AnswerableMessage, AnswersRead, AttemptOutcome, AttemptResult, AttemptRow,
    CycleCommit, DueHello, EventRow, FormerName, GivenUp, Handle, HeldRows, IncidentRow,
    KnownStreamList, LastDigest, Lease, LeaseAttempt, MergedRows, MessageKind, MessageThread,
    NewMessage, Note, NotificationRow, OpenSample, OutboxRow, Placement, PollRow, SampleCandidate,
    ServerIdentity, ServerListChange, ServerState, SpanCounts, SplitRow, StreamFigures,
    StreamListFetch, StreamPulse, Thread, TransitionRow, UnconfirmedAttempt, Volume,
};
use sqlite::Sqlite;
pub use sqlite::{
    CycleLock, FileFacts, Restored, back_up, check_access, find_denied_folder, may_exist, restore,
};

/// Connections to one `PostgreSQL` database, at most: several servers are polled at the same time.
#[cfg(feature = "postgres")]
const MAX_CONNECTIONS: usize = 4;

/// A handle on the store, cheap to clone. SQL blocks, so every call runs on a thread made for that.
#[derive(Clone)]
pub struct Store {
    pool: Arc<Pool>,
    /// Where the file is whose disk may become full; `None` for a store that is elsewhere.
    file: Option<PathBuf>,
    shared: bool,
    /// Whether a connection that was closed is made anew.
    reconnects: bool,
}

impl Store {
    /// Opens or creates the `SQLite` database at `path` and brings its schema up to date.
    ///
    /// # Errors
    /// Where the file cannot be opened or written, is damaged, or was written by a newer version.
    pub fn open_sqlite(path: &Path) -> Result<Self, Error> {
        let opened = match Sqlite::open(path) {
            Err(error) if error.is_of_disk() && free_reserve(path) => Sqlite::open(path),
            opened => opened,
        };
        let in_memory = path.as_os_str() == ":memory:";
        Ok(Self {
            file: (!in_memory).then(|| path.to_owned()),
            ..Self::single(opened?)
        })
    }

    /// The `SQLite` database at `path` as it stands: none is made, and its schema is not changed. After [`Self::close_idle`] it is
    /// that which lies at `path` then.
    ///
    /// # Errors
    /// Those of [`Self::open_sqlite`], and [`Problem::Behind`].
    pub fn look_at_sqlite(path: &Path) -> Result<Self, Error> {
        let opened = Sqlite::open_as_it_is(path)?;
        let path = path.to_owned();
        let connect = move |_| Sqlite::open_as_it_is(&path).map(Database::Sqlite);
        let pool = Pool::with_limit(1, Box::new(connect)).holding(Database::Sqlite(opened));
        Ok(Self {
            pool: Arc::new(pool),
            file: None,
            shared: false,
            reconnects: true,
        })
    }

    /// The `SQLite` database at `path` as it stands when it is read: none is made, and its schema is not changed. Until there is one it is
    /// an empty one in memory. It connects when it is first used, and again after [`Self::close_idle`].
    pub fn await_sqlite(path: &Path) -> Self {
        let (path, was_there) = (path.to_owned(), AtomicBool::new(false));
        let connect = move |_| {
            // One that was removed is not as if there had never been any.
            let is_there = may_exist(&path) || was_there.load(Ordering::Relaxed);
            was_there.store(is_there, Ordering::Relaxed);
            let opened = match is_there {
                true => Sqlite::open_as_it_is(&path),
                false => Sqlite::open(Path::new(":memory:")),
            };
            opened.map(Database::Sqlite)
        };
        Self {
            pool: Arc::new(Pool::with_limit(1, Box::new(connect))),
            file: None,
            shared: false,
            reconnects: true,
        }
    }

    /// The schema `hushwatch` of the `PostgreSQL` database at `address`, to which the first call connects.
    #[cfg(feature = "postgres")]
    pub fn postgres(address: &crate::database::Address) -> Result<Self, Error> {
        Ok(Self::on(
            postgres::Connector::new(address)?,
            MAX_CONNECTIONS,
        ))
    }

    /// The same as it stands: every call fails with [`Problem::Behind`] where the schema is to be brought up to date.
    #[cfg(feature = "postgres")]
    pub fn look_at_postgres(address: &crate::database::Address) -> Result<Self, Error> {
        let connector = postgres::Connector::new(address)?;
        Ok(Self::on(connector.without_migration(), MAX_CONNECTIONS))
    }

    /// The same, which also fails where there is no schema and this user may create none.
    #[cfg(all(feature = "postgres", feature = "doctor"))]
    pub fn look_at_postgres_to_create(address: &crate::database::Address) -> Result<Self, Error> {
        let connector = postgres::Connector::new(address)?.able_to_create();
        Ok(Self::on(connector.without_migration(), MAX_CONNECTIONS))
    }

    #[cfg(feature = "postgres")]
    fn on(connector: postgres::Connector, connections: usize) -> Self {
        let connector = Arc::new(connector);
        let connect = move |beside_others| {
            let made = postgres::Postgres::connect(Arc::clone(&connector), beside_others)?;
            Ok(Database::Postgres(made))
        };
        Self {
            pool: Arc::new(Pool::with_limit(connections, Box::new(connect))),
            file: None,
            shared: true,
            reconnects: true,
        }
    }

    /// A second store on the same data for reading alone, beside the calls on this one and never in their way: `SQLite`
    /// shows it the state before the transaction that is running, `PostgreSQL` gives it one connection of its own. It connects when
    /// it is first used, and again after [`Self::close_idle`]. A database in memory is read by this one.
    ///
    /// # Errors
    /// Where the address of the database is of no use.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, reason = "no database has an address")
    )]
    pub fn reader(&self, address: Option<&crate::database::Address>) -> Result<Self, Error> {
        #[cfg(feature = "postgres")]
        if let Some(address) = address {
            let connector = postgres::Connector::new(address)?;
            return Ok(Self::on(connector.without_migration(), 1));
        }
        let Some(path) = self.file.clone() else {
            return Ok(self.clone());
        };
        let connect = move |_| Sqlite::open_for_reading(&path).map(Database::Sqlite);
        Ok(Self {
            // A short reading need not wait for a long one.
            pool: Arc::new(Pool::with_limit(2, Box::new(connect))),
            file: self.file.clone(),
            shared: false,
            reconnects: true,
        })
    }

    fn single(sqlite: Sqlite) -> Self {
        Self {
            pool: Arc::new(Pool::single(Database::Sqlite(sqlite))),
            file: None,
            shared: false,
            reconnects: false,
        }
    }

    /// Whether other processes may work on this store at the same time, each on servers of its own.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Gives back what nobody uses now. Connections to a server are closed, since others may have none but these; that to a file
    /// stays, and forgets what it has cached.
    pub fn close_idle(&self) {
        if self.reconnects {
            self.pool.close_idle();
        } else {
            self.pool.each_idle(Database::forget_cached);
        }
    }

    /// Creates a reserve on the disk for when it is full, as far as there is room.
    pub fn keep_reserve(&self) {
        let kept = self
            .file
            .as_deref()
            .map_or(Ok(()), sqlite::disk_reserve::create);
        if let Err(why) = kept {
            tracing::warn!("failed to create the disk reserve: {}", why.kind());
        }
    }

    /// Releases the reserve, and returns whether there was one.
    pub fn free_reserve(&self) -> bool {
        self.file.as_deref().is_some_and(free_reserve)
    }

    /// Runs `work` on a connection. All of one transaction belongs in one call.
    pub async fn call<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, Error> + Send + 'static,
    {
        let work: ErasedWork = Box::new(move |database| {
            let worked = work(database)?;
            Ok(Box::new(worked) as Box<dyn Any + Send>)
        });
        let worked = self.call_erased(work).await?;
        worked
            .downcast::<T>()
            .map(|worked| *worked)
            .map_err(|_| Error::interrupted())
    }

    /// Runs `work` likewise, whatever it returns: compiled once, where each of some two hundred calls would have a task of its own.
    async fn call_erased(&self, work: ErasedWork) -> Result<Box<dyn Any + Send>, Error> {
        let pool = Arc::clone(&self.pool);
        let turn = pool.turn().await;
        let task = tokio::task::spawn_blocking(move || {
            let worked = pool.with(work);
            drop(turn);
            worked
        });
        task.await.unwrap_or_else(|_| Err(Error::interrupted()))
    }
}

/// What a call does, and whatever it returns.
type ErasedWork = Box<dyn FnOnce(&mut Database) -> Result<Box<dyn Any + Send>, Error> + Send>;

fn free_reserve(path: &Path) -> bool {
    let freed = sqlite::disk_reserve::release(path);
    if freed {
        tracing::error!("the disk is full: going on with the room that was kept for this");
    }
    freed
}
