//! The store in the schema `hushwatch` of a `PostgreSQL` database; nothing outside that schema is touched.

mod connect;
mod error;
mod migrate;
mod session;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::model::ServerName;
use crate::store::sql::{Durability, Scope, Session};
use crate::store::{Error, Problem};

pub(super) use connect::Connector;
use connect::{BEGIN_EVENTUAL_WRITE, BEGIN_READ, BEGIN_WRITE};
#[cfg(test)]
pub(super) use migrate::MIGRATIONS;
use session::Open;

/// A connection that was not used for so long is not trusted: what stands between may have forgotten it.
const TRUSTED: Duration = Duration::from_secs(60);
/// The first half of the keys of our advisory locks, which are the database's.
const LOCKS: i32 = 0x6875_7368;

/// A connection to one database, made anew when it was lost.
pub struct Postgres {
    connector: Arc<Connector>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    open: Option<Open>,
}

impl Postgres {
    /// Connects; see [`Connector::connect`].
    pub(super) fn connect(connector: Arc<Connector>, beside_others: bool) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::new("use PostgreSQL", Problem::Other(e.to_string())))?;
        let open = connector.connect(&runtime, beside_others)?;
        Ok(Self {
            connector,
            runtime: Some(runtime),
            open: Some(open),
        })
    }

    /// Whether the connection stands, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|o| o.unused() < TRUSTED)
    }

    fn transaction<T>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (mut work, mut value) = (Some(work), None);
        self.transaction_of(begin, &mut |s| {
            if let Some(work) = work.take() {
                value = Some(work(s)?);
            }
            Ok(())
        })?;
        value.ok_or_else(Error::interrupted)
    }

    /// Runs `work`, which is called once, in a transaction. Not generic, so that it is compiled once.
    fn transaction_of(
        &mut self,
        begin: &str,
        work: &mut dyn FnMut(&mut dyn Session) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // Taken out: where `work` panics, the connection is closed with it, and the transaction undone.
        let mut open = self.begin(begin)?;
        let runtime = self.runtime()?;
        let ended = work(&mut open.on(runtime)).and_then(|()| open.batch(runtime, "COMMIT"));
        let sound = match &ended {
            Ok(()) => true,
            Err(error) if error.is_lost() => false,
            Err(_) => open.batch(runtime, "ROLLBACK").is_ok(),
        };
        self.open = sound.then_some(open);
        ended
    }

    /// A connection on which the transaction has begun.
    fn begin(&mut self, begin: &str) -> Result<Open, Error> {
        let kept = self.open.take();
        let runtime = self.runtime()?;
        if let Some(mut open) = kept {
            match open.batch(runtime, begin) {
                Ok(()) => return Ok(open),
                // Nothing was done on it yet.
                Err(error) if error.is_lost() => {}
                Err(error) => return Err(error),
            }
        }
        let mut open = self.connector.connect(runtime, false)?;
        match open.batch(runtime, begin) {
            Err(error) if error.is_lost() => {
                Err(Error::new("use the database", Problem::LostAtOnce))
            }
            begun => begun.map(|()| open),
        }
    }

    fn runtime(&self) -> Result<&Runtime, Error> {
        let gone = || Error::new("use PostgreSQL", Problem::Interrupted);
        self.runtime.as_ref().ok_or_else(gone)
    }
}

impl Postgres {
    /// The server's, so that several hosts agree.
    pub(super) const CLOCK_QUERY: &'static str =
        "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)";
    pub(super) const SCHEMA_QUERY: &'static str =
        "SELECT coalesce(max(version), 0), max(least) FROM schema";

    pub(super) fn read<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.transaction(BEGIN_READ, work)
    }

    pub(super) fn write<T>(
        &mut self,
        scope: Scope<'_>,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let begin = match scope.durability() {
            Durability::Immediate => BEGIN_WRITE,
            Durability::Eventual => BEGIN_EVENTUAL_WRITE,
        };
        let begin = match scope {
            Scope::All => format!("{begin}; SELECT pg_advisory_xact_lock({LOCKS}, 0)"),
            Scope::Leases => begin.to_owned(),
            Scope::Server(server) => format!(
                "{begin}; SELECT pg_advisory_xact_lock_shared({LOCKS}, 0), pg_advisory_xact_lock({LOCKS}, {})",
                key(server)
            ),
        };
        self.transaction(&begin, work)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may be dropped where nothing may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A lock's second half, the same in every version: FNV-1a of the name. Two servers that share one merely wait for each
/// other.
fn key(server: &ServerName) -> i32 {
    let hash = server.0.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    // 0 is the lock of everything.
    i32::try_from(hash >> 2).unwrap_or(i32::MAX).max(1)
}
