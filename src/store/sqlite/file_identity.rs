//! Which file is open, and whether its path still leads to it: `SQLite` goes on writing to a file that was deleted or
//! replaced, and reports no error.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::store::{Error, Problem};

use super::{BUSY_TIMEOUT, Sqlite, beside, create_private, follow_links, stray_log};

/// What `SQLite` keeps beside a database while it is open: the write-ahead log and its index.
const LOG_SUFFIXES: [&str; 2] = ["-wal", "-shm"];

/// Device and inode. No other file has them for as long as this one is open.
type Inode = (u64, u64);

/// Where a database was opened, and which files were opened there.
#[derive(Clone, Debug)]
pub(super) struct FileIdentity {
    path: PathBuf,
    /// `None` where there is no file, as in memory.
    database: Option<Inode>,
    /// In the order of [`LOG_SUFFIXES`].
    log: [Option<Inode>; 2],
}

impl FileIdentity {
    /// Returns the identity of the files that are at `path` now.
    pub(super) fn read(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            database: inode(path),
            log: LOG_SUFFIXES.map(|suffix| inode(&beside(path, suffix))),
        }
    }

    /// Removes the log at the path, unless other files were put there: `SQLite` would play it into whichever database is
    /// opened there next. The connection that uses it must still be open.
    fn remove_log(&self) {
        for (suffix, opened) in LOG_SUFFIXES.iter().zip(self.log) {
            let path = beside(&self.path, suffix);
            if opened.is_some() && inode(&path) == opened {
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl Sqlite {
    /// Whether the open file is still the one at its path, or was never a file.
    pub(in crate::store) fn is_in_place(&self) -> bool {
        let opened = self.file.database;
        self.connection.is_ok() && (opened.is_none() || inode(&self.file.path) == opened)
    }

    /// Goes on with the right file where the open one is no longer at its path: writes one that was deleted back, and opens
    /// one that was put in its place. Returns what was done; `None` where nothing had to be.
    ///
    /// # Errors
    /// Where that file cannot be used, or is damaged. No step uses any file then, until a later call succeeds.
    pub(in crate::store) fn recover_file(&mut self) -> Result<Option<String>, Error> {
        let opened = self.file.database;
        let path = self.file.path.clone();
        let found = inode(&path);
        let shown = path.display();
        match (&self.connection, found) {
            (Ok(_), _) if opened.is_none() || opened == found => Ok(None),
            (Ok(_), None) => {
                write_back(self, &path)
                    .map_err(|e| e.while_doing(format!("write {shown} back")))?;
                Ok(Some(format!(
                    "the database {shown} was deleted while it was in use; it was written back whole"
                )))
            }
            (_, Some(_)) => {
                self.release_file();
                make_private(&path);
                let checked = check_integrity(&path).map_err(|e| {
                    e.while_doing(format!(
                        "use the file that was put in place of the database {shown}"
                    ))
                });
                self.reopen(checked.and_then(|()| Self::open(&path)))?;
                Ok(Some(format!(
                    "another file was put in place of the database {shown}, and is used from now on"
                )))
            }
            (Err(_), None) => {
                self.reopen(Self::open(&path))?;
                Ok(Some(format!(
                    "the database {shown} could not be used and was moved away; a new one was created"
                )))
            }
        }
    }

    /// Closes the connection to a file that is no longer at its path, with everything that was written in that file, and
    /// takes its log away.
    fn release_file(&mut self) {
        let Ok(connection) = &self.connection else {
            return;
        };
        write_log(connection);
        self.file.remove_log();
        self.connection = Err(Error::interrupted());
    }

    /// Goes on with `opened`; where that failed, every step fails with the same error.
    fn reopen(&mut self, opened: Result<Self, Error>) -> Result<(), Error> {
        match opened {
            Ok(opened) => *self = opened,
            Err(error) => {
                self.connection = Err(error.clone());
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Makes the file, which somebody put in place, as one that is created here: it names who gets mail, and its log gets the same mode.
fn make_private(path: &Path) {
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
        tracing::warn!(
            "others may be able to read {}: {}",
            path.display(),
            error.kind()
        );
    }
}

/// Fails where the file at `path` is not a whole database.
fn check_integrity(path: &Path) -> Result<(), Error> {
    stray_log::set_aside(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    stray_log::check_integrity(&connection)
}

/// Writes what the log holds into the open file, which may only have been moved aside and is to be whole there.
fn write_log(connection: &Connection) {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    if let Err(error) = connection.query_row(sql, [], |_| Ok(())) {
        tracing::warn!("the log of the previous database was not written into it: {error}");
    }
}

fn write_back(sqlite: &mut Sqlite, path: &Path) -> Result<(), Error> {
    let copy = beside(path, "-copy");
    let _ = fs::remove_file(&copy);
    // `VACUUM INTO` takes an empty file for a new one.
    create_private(&copy);
    let connection = sqlite.connection()?;
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    write_log(connection);
    sqlite.file.remove_log();
    fs::rename(&copy, follow_links(path))
        .map_err(|e| Error::new("put the copy in place", Problem::Disk(e.to_string())))?;
    // Only now: until the copy is in place, the open connection is all there is.
    sqlite.connection = Err(Error::interrupted());
    sqlite.reopen(Sqlite::open(path))
}

fn inode(path: &Path) -> Option<Inode> {
    let file = fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}
