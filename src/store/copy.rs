//! One store copied into another, wherever the two are.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "postgres")]
use crate::database::Address;
use crate::database::is_postgres;
use crate::ownership::folder_of;
use crate::secret::Secret;
use crate::store::sql::copy::{self, CopiedTable};
use crate::store::sqlite::{CycleLock, lock_alone};
use crate::store::{Error, Problem, Store};

/// Where a store is, as a URL says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A `SQLite` file.
    File(PathBuf),
    /// The schema `hushwatch` of a `PostgreSQL` database.
    #[cfg(feature = "postgres")]
    Postgres(Box<Address>),
}

/// What [`copy()`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// In the order in which they were written; those without a row, too.
    pub tables: Vec<CopiedTable>,
}

impl Place {
    /// Reads a path, `sqlite:PATH` or `postgres://…`.
    ///
    /// # Errors
    /// Why it is none of them, without any part of a URL of `PostgreSQL`, and what to do.
    pub fn parse(url: &Secret) -> Result<Self, String> {
        let url = url.expose();
        if is_postgres(url) {
            return Self::postgres(url);
        }
        let path = match url.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if url.contains("://") => {
                return Err(
                    "is of another kind; use a path, sqlite:PATH or postgres://…".to_owned(),
                );
            }
            None => url,
        };
        match path {
            "" | ":memory:" => {
                Err("names no file; use a path, sqlite:PATH or postgres://…".to_owned())
            }
            path => Ok(Self::File(PathBuf::from(path))),
        }
    }

    #[cfg(feature = "postgres")]
    fn postgres(url: &str) -> Result<Self, String> {
        let parsed = Address::parse(url).map_err(|why| why.to_string())?;
        Ok(Self::Postgres(Box::new(parsed.0)))
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres(_: &str) -> Result<Self, String> {
        Err(
            "is of PostgreSQL, which this build does not know; build it with `--features full`"
                .to_owned(),
        )
    }

    /// Takes it for this process alone, where it is a file that is there.
    fn lock(&self) -> Result<Option<CycleLock>, Error> {
        match self {
            Self::File(path) => lock_alone(path).map(Some),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Ok(None),
        }
    }

    fn open_as_it_is(&self) -> Result<Store, Error> {
        match self {
            Self::File(path) => Store::look_at_sqlite(path),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => Store::look_at_postgres(address),
        }
    }

    fn open(&self) -> Result<Store, Error> {
        match self {
            Self::File(path) => Store::open_sqlite(path),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => Store::postgres(address),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match (self, other) {
            (Self::File(one), Self::File(other)) => real(one) == real(other),
            #[cfg(feature = "postgres")]
            (Self::Postgres(one), Self::Postgres(other)) => {
                (&one.host, one.port, &one.name) == (&other.host, other.port, &other.name)
            }
            #[cfg(feature = "postgres")]
            _ => false,
        }
    }
}

impl fmt::Display for Place {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the SQLite file {}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => write!(f, "schema hushwatch of {address}"),
        }
    }
}

/// Copies everything that is stored at `from` to `to`, which must hold no data and is made where there is none, and compares what
/// is read back. Blocks.
///
/// # Errors
/// Where both are the same, one cannot be used or is in use, `from` has the schema of another version, `to` holds data, or something is
/// not the same when it is read back. Nothing is left at `to` then that was not there.
pub fn copy(from: &Place, to: &Place) -> Result<Copied, Error> {
    if from.is_same(to) {
        let why = "both are the same database; name another to copy to".to_owned();
        return Err(Error::new("copy", Problem::Refused(why)));
    }
    if let Place::File(path) = from
        && !path.exists()
    {
        let why = format!(
            "there is no file {}; name the database to copy from",
            path.display()
        );
        return Err(Error::new("copy", Problem::Refused(why)));
    }
    let made = match to {
        Place::File(path) if !path.exists() => Some(path),
        _ => None,
    };
    if let Some(folder) = made.map(|path| folder_of(path))
        && !folder.is_dir()
    {
        let why = format!("there is no folder {}; create it", folder.display());
        return Err(Error::new("copy", Problem::Refused(why)));
    }
    let _locks = (from.lock()?, to.lock()?);
    let source = from.open_as_it_is()?;
    let target = to.open()?;
    let copied = source.pool.with(|s| target.pool.with(|t| copy::copy(s, t)));
    drop((source, target));
    if let (Err(_), Some(path)) = (&copied, made) {
        let _ = fs::remove_file(path);
    }
    Ok(Copied { tables: copied? })
}
