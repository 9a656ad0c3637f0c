//! A connection to the database, and its transactions. What can be done with it is in [`super::sql`], next to the
//! statements that do it.

#[cfg(test)]
use std::path::Path;
use std::time::Duration;

use crate::model::Timestamp;
use crate::store::Error;
#[cfg(feature = "postgres")]
use crate::store::postgres::Postgres;
use crate::store::sql::{Durability, Scope, Session, leases};
use crate::store::sqlite::Sqlite;

/// The name of a lease that no worker ever holds.
const PROBE_LEASE: &str = "(probe)";

/// A connection to the database, of whichever engine. Every method is one transaction, unless it says otherwise.
pub enum Database {
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

impl Database {
    #[cfg(test)]
    pub fn open_sqlite(path: &Path) -> Result<Self, Error> {
        Sqlite::open(path).map(Self::Sqlite)
    }

    /// Whether its connection stands, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.is_open(),
        }
    }

    /// Gives back the memory of what is only kept to have it at hand.
    pub(super) fn forget_cached(&mut self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.forget_cached(),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {}
        }
    }

    /// Recovers if the database file was deleted or replaced while it was open. Returns what was done, in a sentence;
    /// `None` where nothing had to be.
    pub fn recover_file(&mut self) -> Result<Option<String>, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.recover_file(),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Ok(None),
        }
    }

    /// Whether the database file is still at its path, so that a second connection would read what this one writes.
    pub fn is_in_place(&self) -> bool {
        match self {
            Self::Sqlite(sqlite) => sqlite.is_in_place(),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
        }
    }

    /// Checks that a cycle could write now, with a write that is rolled back.
    pub fn probe_write(&mut self) -> Result<(), Error> {
        let mut written = false;
        let rolled_back = self.write(Scope::Leases, |s| {
            let (name, holder) = (PROBE_LEASE, PROBE_LEASE);
            leases::take(s, name, holder, Timestamp(0), Duration::ZERO, false)?;
            written = true;
            // A transaction that fails leaves nothing behind.
            Err(Error::interrupted())
        });
        if written { Ok(()) } else { rolled_back }
    }

    /// Returns the present by the clock that all processes on this database share.
    pub fn clock(&mut self) -> Result<Timestamp, Error> {
        let sql = self.clock_query();
        self.read(|s| s.one(sql, &[], |row| row.get(0)))
    }

    /// Runs `work` in one transaction that sees one state of the database and changes nothing.
    pub(in crate::store) fn read<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(work),
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.read(work),
        }
    }

    /// Runs `work` in one transaction: all of it is stored, or nothing where it fails. Of two in the same scope the
    /// second begins when the first has ended.
    ///
    /// # Errors
    /// What `work` returns; what the engine reports. Where the connection was lost during the commit, the changes may
    /// have been stored.
    pub(in crate::store) fn write<T>(
        &mut self,
        scope: Scope<'_>,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self {
            // A file has one writer, so the scope is always all of it.
            Self::Sqlite(sqlite) => {
                let durability = match scope {
                    // The machine that fails takes their holders with it.
                    Scope::Leases => Durability::Eventual,
                    _ => scope.durability(),
                };
                sqlite.write(durability, work)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.write(scope, work),
        }
    }

    /// Returns a query for the present by the shared clock, in milliseconds since 1970.
    pub(in crate::store) const fn clock_query(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => Sqlite::CLOCK_QUERY,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Postgres::CLOCK_QUERY,
        }
    }

    /// Returns a query for the version of the schema, and for the oldest version that may work on it.
    pub(in crate::store) const fn schema_query(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => Sqlite::SCHEMA_QUERY,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Postgres::SCHEMA_QUERY,
        }
    }
}
