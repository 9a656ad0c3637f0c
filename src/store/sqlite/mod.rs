//! The store in one `SQLite` file.

mod access;
mod backup;
pub(super) mod disk_reserve;
mod error;
mod file_identity;
mod lock;
mod migrate;
mod restore;
mod session;
mod stray_log;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::ownership;
use crate::store::Error;
use crate::store::sql::{Durability, Session, hello};

pub use access::{check_access, find_denied_folder, may_exist};
pub use backup::{FileFacts, back_up};
use file_identity::FileIdentity;
pub use lock::CycleLock;
#[cfg(test)]
pub(super) use migrate::MIGRATIONS;
pub use restore::{Restored, lock_alone, restore};
use session::On;

/// How long a step waits for another process to finish its own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a mere look waits for that.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);
/// Statements kept ready; there are about sixty.
const STATEMENTS: usize = 96;

pub struct Sqlite {
    /// Why there is none, where the file was replaced by one that cannot be used.
    connection: Result<Connection, Error>,
    file: FileIdentity,
    /// For which the connection is set; `None` until it writes.
    durability: Option<Durability>,
}

impl Sqlite {
    /// Opens or creates the file and brings its schema up to date.
    ///
    /// # Errors
    /// Where it cannot be opened or written, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // A reserve without its database: that one was lost.
        let is_anew = !path.exists() && disk_reserve::exists(path);
        let mut opened = Self::open_with(path, || {
            create_private(path);
            let mut connection = Connection::open(path)?;
            prepare(&mut connection)?;
            Ok(connection)
        })?;
        if is_anew {
            opened.write(Durability::Immediate, hello::mark_anew)?;
        }
        Ok(opened)
    }

    /// Opens the file as it stands: makes none, and changes nothing of its schema.
    ///
    /// # Errors
    /// Those of [`Self::open`], and where the schema is to be brought up to date first.
    pub fn open_as_it_is(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            set_up(&connection, LOOK_TIMEOUT)?;
            migrate::refuse_older(&connection)?;
            Ok(connection)
        })
    }

    /// Opens the file for reading, beside the connection that writes it. To be called only where the file at the path is the
    /// one that is written: the log of that one lies there.
    ///
    /// # Errors
    /// Those of [`Self::open_as_it_is`].
    pub fn open_for_reading(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            set_up(&connection, LOOK_TIMEOUT)?;
            migrate::refuse_older(&connection)?;
            Ok(connection)
        };
        // What is closed to this user cannot be looked for here: this process has the database open.
        let opened: Result<Connection, Error> = open();
        let doing = || format!("read the database {}", path.display());
        Ok(Self {
            connection: Ok(opened.map_err(|error| error.while_doing(doing()))?),
            file: FileIdentity::read(path),
            durability: None,
        })
    }

    fn open_with(
        path: &Path,
        connect: impl FnOnce() -> Result<Connection, Error>,
    ) -> Result<Self, Error> {
        let doing = || format!("open the database {}", path.display());
        let connection = stray_log::set_aside(path).and_then(|()| connect());
        let connection =
            connection.map_err(|error| access::explain(path, error).while_doing(doing()))?;
        Ok(Self {
            connection: Ok(connection),
            // Only now is it sure that there are a file and its log.
            file: FileIdentity::read(path),
            durability: None,
        })
    }

    /// Gives back the memory of the statements that are kept ready and of the pages that were read: up to 2 MB that the next cycle has
    /// again within milliseconds.
    pub fn forget_cached(&self) {
        let Ok(connection) = &self.connection else {
            return;
        };
        connection.flush_prepared_statement_cache();
        // Nothing depends on it.
        let _ = connection.release_memory();
    }

    fn connection(&mut self) -> Result<&mut Connection, Error> {
        self.connection.as_mut().map_err(|error| error.clone())
    }
}

/// Creates the file so that nobody else can read it: it names who gets mail. `SQLite` gives its log the same mode. A failure is
/// reported by opening it.
fn create_private(path: &Path) {
    if path.as_os_str() != ":memory:" {
        let path = follow_links(path);
        let _ = ownership::create_new(&private_file(), &path, &path);
    }
}

/// Opens or creates `file`, which lies beside the database at `path`. Where root creates it, it belongs to whom the database belongs to.
/// A link is not followed: who owns the folder could have root write elsewhere.
fn open_beside(path: &Path, file: &Path) -> io::Result<File> {
    if fs::symlink_metadata(file).is_ok_and(|found| found.is_symlink()) {
        return Err(io::Error::other("it is a symbolic link; remove it"));
    }
    ownership::open_or_create(&private_file(), file, &follow_links(path))
}

/// Returns how a file is created that only its owner may read.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Sets what every connection has, and how long its statements wait for another's.
fn set_up(connection: &Connection, timeout: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this guarantee a statement is parsed and planned anew whenever a value is bound to it that a plan could depend on, which is
    // every time, though no plan does: the database has no statistics.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn prepare(connection: &mut Connection) -> Result<(), Error> {
    set_up(connection, BUSY_TIMEOUT)?;
    // Before anything is changed: WAL is written into the file.
    migrate::refuse_newer(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    migrate::migrate(connection)
}

impl Sqlite {
    /// Every process on one file is on one machine.
    pub(super) const CLOCK_QUERY: &'static str =
        "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    pub(super) const SCHEMA_QUERY: &'static str =
        "SELECT user_version, (SELECT max(least) FROM schema) FROM pragma_user_version";

    pub(super) fn read<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let transaction = self.connection()?.transaction()?;
        work(&mut On(&transaction))
    }

    /// The transaction is taken at once: a later upgrade would fail without waiting.
    pub(super) fn write<T>(
        &mut self,
        durability: Durability,
        work: impl FnOnce(&mut dyn Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.durability != Some(durability) {
            // With a write-ahead log, a commit that is not synced is synced by the next one that is, and until then lost whole.
            let synchronous = match durability {
                Durability::Immediate => "FULL",
                Durability::Eventual => "NORMAL",
            };
            let connection = self.connection()?;
            connection.pragma_update(None, "synchronous", synchronous)?;
            self.durability = Some(durability);
        }
        let connection = self.connection()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&mut On(&transaction))?;
        transaction.commit()?;
        Ok(value)
    }
}

/// Returns the path of what lies beside the database: beside the file itself, as `SQLite` does it, where `path` is a link.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = follow_links(path).into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// Follows the links at `path`, also to a file that is not there yet, as far as the kernel would.
fn follow_links(path: &Path) -> PathBuf {
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = match path.parent() {
            Some(folder) => folder.join(target),
            None => target,
        };
    }
    path
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hushwatch.db");
        let opened = [
            Sqlite::open(&path),
            Sqlite::open_as_it_is(&path),
            Sqlite::open_for_reading(&path),
        ];
        for sqlite in opened {
            let mut sqlite = sqlite.expect("opened");
            let connection = sqlite.connection().expect("a connection");
            let sql =
                "SELECT from_at FROM coverage WHERE stream = ?1 AND kind = ?2 ORDER BY from_at";
            let mut statement = connection.prepare(sql).expect("prepared");
            for stream in 0..3 {
                let mut found = statement.query((stream, "messages")).expect("queried");
                assert!(found.next().expect("read").is_none());
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
