//! A database file put in the place of another, while nobody has that open.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::sql::{Durability, restored};
use crate::store::{CycleLock, Error, Problem};

use super::backup::{copy_alone, inspect, name_aside, put_in_place, unwritable};
use super::{FileFacts, Sqlite, access, beside, follow_links};

/// What `SQLite` keeps beside a database, and plays into whichever file lies there when it is opened.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What [`restore`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the file held.
    pub facts: FileFacts,
    /// Where the database is that was there; `None` where there was none.
    pub replaced: Option<PathBuf>,
    /// Messages that the file holds as not sent, and that may have been sent since.
    pub in_doubt: u64,
}

/// Puts a copy of the database `file` at `place`, brought up to date. What is there is kept beside it, which needs `force`. Messages
/// that were not sent when the file was written may have been since: an attempt of unknown end is recorded for each, so that
/// Slack's history is asked before it is sent again.
///
/// # Errors
/// Where the file is no whole database that this version may work on; where there is a database and no `force`; while another process
/// has that open; where something cannot be written. The database at `place` is as it was then.
pub fn restore(file: &Path, place: &Path, force: bool) -> Result<Restored, Error> {
    let facts = inspect(file)?;
    // A link stays one.
    let place = &follow_links(place);
    let is_there = place.exists();
    let is_same = is_there && fs::canonicalize(file).ok() == fs::canonicalize(place).ok();
    let shown = place.display();
    let refused = |why: String| Error::new(format!("restore {shown}"), Problem::Refused(why));
    if is_same {
        return Err(refused(
            "it is the file to restore from; name another".to_owned(),
        ));
    }
    if is_there && !force {
        return Err(refused(
            "a database is there; use --force to replace it, which keeps it beside".to_owned(),
        ));
    }
    let _lock = lock_alone(place)?;
    let new = beside(place, "-restoring");
    let placed = write_new(file, &new, place).and_then(|in_doubt| {
        let replaced = set_aside(place, is_there)?;
        put_in_place(&new, place)?;
        Ok(Restored {
            facts,
            replaced,
            in_doubt,
        })
    });
    if placed.is_err() {
        let _ = fs::remove_file(&new);
    }
    placed.map_err(|error| error.while_doing(format!("restore {shown}")))
}

/// Takes the lock of the cycles on the database at `path`, and checks that no other process has the file open, be it idle: `run`
/// keeps it open from its start to its end. A file that is damaged is nobody's.
///
/// # Errors
/// Where another process has it open, or the lock cannot be taken.
pub fn lock_alone(path: &Path) -> Result<CycleLock, Error> {
    let shown = path.display();
    let in_use = || {
        let why = "another process has it open; stop `hushwatch run` and whatever else works on it (Litestream, sqlite3), then try \
                   again";
        Error::new(format!("use {shown} alone"), Problem::Other(why.to_owned()))
    };
    let lock = CycleLock::try_take(path)
        .map_err(|error| access::explain(path, error).while_doing(format!("use {shown} alone")))?;
    let lock = lock.ok_or_else(in_use)?;
    if !path.exists() {
        return Ok(lock);
    }
    match take_whole_file(path).map_err(|error| error.problem().clone()) {
        Ok(()) | Err(Problem::Damaged(_)) => Ok(lock),
        Err(Problem::Busy) => Err(in_use()),
        Err(problem) => {
            let error = access::explain(path, Error::new("use it", problem));
            Err(error.while_doing(format!("use {shown} alone")))
        }
    }
}

/// Takes the file for this process alone for a moment, and writes its log into it. Every connection to a file in WAL mode holds a shared
/// lock on it for as long as it is open, not only in a transaction.
fn take_whole_file(path: &Path) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    Ok(connection.query_row(sql, [], |_| Ok(()))?)
}

/// Writes the copy that is to stand at `place`, in the newest schema, and returns how many of its messages are in doubt.
fn write_new(file: &Path, new: &Path, place: &Path) -> Result<u64, Error> {
    copy_alone(file, new, place)?;
    let mut copy = Sqlite::open(new)?;
    let in_doubt = copy.write(Durability::Immediate, restored::mark_in_doubt)?;
    drop(copy);
    // Closing it wrote its log into it.
    for suffix in BESIDE {
        let _ = fs::remove_file(beside(new, suffix));
    }
    Ok(in_doubt)
}

/// Keeps the database at `place` under another name, with what lies beside it; in `place` itself it stays until the new one takes its
/// place, where the file system knows links.
fn set_aside(place: &Path, is_there: bool) -> Result<Option<PathBuf>, Error> {
    let aside = name_aside(place);
    let failed = |why: std::io::Error| unwritable(&aside, &why);
    for suffix in BESIDE {
        let path = beside(place, suffix);
        if path.exists() {
            fs::rename(path, beside(&aside, suffix)).map_err(failed)?;
        }
    }
    if is_there {
        fs::hard_link(place, &aside)
            .or_else(|_| fs::rename(place, &aside))
            .map_err(failed)?;
    }
    Ok(is_there.then_some(aside))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, chown};

    use super::*;
    use crate::store::back_up;

    #[test]
    fn what_root_restores_belongs_to_whom_the_database_belonged_to_or_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, copy) = (
            folder.path().join("hushwatch.db"),
            folder.path().join("copy.db"),
        );
        let owner = |path: &Path| fs::metadata(path).expect("there").uid();
        drop(Sqlite::open(&database).expect("made"));
        back_up(&database, &copy).expect("backed up");
        let me = owner(&copy);
        if me != 0 {
            return;
        }
        chown(&database, Some(65_534), Some(65_534)).expect("given");
        restore(&copy, &database, true).expect("restored");
        assert_eq!(owner(&database), 65_534);
        fs::remove_file(&database).expect("removed");
        chown(folder.path(), Some(65_533), Some(65_533)).expect("given");
        restore(&copy, &database, false).expect("restored");
        assert_eq!(owner(&database), 65_533);
        assert_eq!(owner(&copy), 0, "a backup is its maker's");
    }
}
