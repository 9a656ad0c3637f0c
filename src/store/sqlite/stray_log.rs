//! A write-ahead log that another database left at the path. Nothing in a log says whose it is: `SQLite` plays each whose
//! checksums are right into whichever file lies beside it, and so mixes the two.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::{Error, Problem};

use super::beside;

/// Moves the log beside the database at `path` aside if it is another's: the file is whole without it, and not with it. Where
/// another process works on the two they belong together. To be called before they are opened.
///
/// # Errors
/// Where the file is damaged with the log and without it, or the log cannot be moved. Nothing is changed then.
pub(super) fn set_aside(path: &Path) -> Result<(), Error> {
    let log = beside(path, "-wal");
    if size(&log) == 0 {
        return Ok(());
    }
    let why = match size(path) {
        0 => "there is no such file, or it is empty".to_owned(),
        _ => match check_with_log(path).map_err(|error| error.problem().clone()) {
            Err(Problem::Damaged(why)) => {
                check_alone(path)?;
                why
            }
            // Whatever else is wrong with it, opening it tells.
            _ => return Ok(()),
        },
    };
    let aside = free_name(&log);
    let shown = (log.display(), aside.display());
    fs::rename(&log, &aside).map_err(|e| {
        let doing = format!(
            "move {}, the log of another database, to {}",
            shown.0, shown.1
        );
        Error::new(doing, Problem::Unopenable(e.kind().to_string()))
    })?;
    let _ = fs::remove_file(beside(path, "-shm"));
    tracing::error!(
        "{} is the log of another database (with it: {why}); it was moved to {}, and nothing of it is used",
        shown.0,
        shown.1
    );
    Ok(())
}

/// Fails where `connection` is not to a whole database.
pub(super) fn check_integrity(connection: &Connection) -> Result<(), Error> {
    // `quick_check` does not compare an index with its table, which is where a foreign log shows.
    let sql = "PRAGMA integrity_check(1)";
    let found: String = connection.query_row(sql, [], |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(Error::new(
            "check the database",
            Problem::Damaged(found.replace('\n', " ")),
        )),
    }
}

/// Checks the database as its log makes it, without writing the log into it; busy where another process works on it.
fn check_with_log(path: &Path) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    check_integrity(&connection)
}

/// Checks the file by itself, whatever lies beside it.
fn check_alone(path: &Path) -> Result<(), Error> {
    check_integrity(&open_alone(path)?)
}

/// Opens the file by itself, whatever lies beside it, and never to write.
pub(super) fn open_alone(path: &Path) -> Result<Connection, Error> {
    let escaped = path.to_string_lossy().replace('%', "%25");
    let escaped = escaped.replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{escaped}?immutable=1");
    Ok(Connection::open_with_flags(uri, flags)?)
}

/// Returns a name at which there is nothing yet.
fn free_name(log: &Path) -> PathBuf {
    let names = (1..).map(|nth| match nth {
        1 => beside(log, "-stray"),
        _ => beside(log, &format!("-stray-{nth}")),
    });
    let mut free = names.filter(|name| !name.exists());
    free.next().unwrap_or_else(|| beside(log, "-stray"))
}

/// Bytes of a file; 0 where there is none.
fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
