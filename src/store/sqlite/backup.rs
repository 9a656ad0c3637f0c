//! A copy of a database file that is consistent while others write, and what a file holds before anything trusts it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::model::Timestamp;
use crate::ownership;
use crate::store::sql::schema::judge;
use crate::store::{Error, Problem};

use super::access::{self, folder_of};
use super::stray_log::{self, check_integrity, open_alone};
use super::{BUSY_TIMEOUT, beside, follow_links, private_file};

/// How long another process that locks the whole file is waited for between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// What every version keeps; a file without them is another program's.
const OWN_TABLES: [&str; 3] = ["servers", "streams", "outbox"];

/// What a database file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    pub bytes: u64,
    /// The version of its schema.
    pub schema: i64,
    /// When its last cycle was; `None` where none ever was.
    pub last_cycle_at: Option<Timestamp>,
    pub open_incidents: u64,
    /// Messages that were not accepted yet, without pictures.
    pub pending: u64,
}

/// Writes the database at `from`, as it is at one moment, to `to`: beside it first, checked, then renamed over what is there.
/// The writer is not held up, and no schema is changed.
///
/// # Errors
/// Where the database cannot be read or the copy not be written, or the copy is damaged. `to` is as it was then.
pub fn back_up(from: &Path, to: &Path) -> Result<FileFacts, Error> {
    let doing = || format!("back up {} to {}", from.display(), to.display());
    // A link stays one.
    let to = &follow_links(to);
    let unfinished = beside(to, ".unfinished");
    // Who made a backup keeps it, wherever that is put.
    let create = || private_file().create_new(true).open(&unfinished);
    let written = open_source(from)
        .and_then(|source| copy_pages(&source, &unfinished, create))
        .and_then(|()| inspect_alone(&unfinished))
        .and_then(|facts| put_in_place(&unfinished, to).map(|()| facts));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written.map_err(|error| access::explain(from, error).while_doing(doing()))
}

/// Checks that the file at `path` is a whole database of this program that this version may work on, and says what it holds. The
/// file is read by itself, whatever lies beside it, and nothing is written, so that it may be on a disk that cannot be written.
///
/// # Errors
/// Where it is not. A log that lies beside it is refused, too: it may be this file's, or another's.
pub fn inspect(path: &Path) -> Result<FileFacts, Error> {
    let refused = |why: String| {
        let doing = format!("use {}", path.display());
        Error::new(doing, Problem::Refused(why))
    };
    match fs::metadata(path) {
        Err(why) => {
            return Err(refused(format!(
                "{}; name a file that `backup` wrote",
                said(&why)
            )));
        }
        Ok(found) if !found.is_file() => {
            return Err(refused(
                "it is no file; name one that `backup` wrote".to_owned(),
            ));
        }
        // `SQLite` would say only that it cannot open it.
        Ok(_) => {
            if let Err(why) = File::open(path) {
                let why = said(&why);
                let remedy = "let this user read it, or run this with sudo";
                return Err(refused(format!("it cannot be read ({why}); {remedy}")));
            }
        }
    }
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let (log, file) = (log.display(), path.display());
        return Err(refused(format!(
            "{log} lies beside it, and nothing says whose it is; where the two were copied together, run `sqlite3 {file} 'PRAGMA \
             wal_checkpoint(TRUNCATE)'`, else move it away"
        )));
    }
    inspect_alone(path).map_err(|error| match error.problem() {
        Problem::Damaged(why) => refused(format!(
            "it is damaged or no database ({why}); name another backup"
        )),
        _ => error.while_doing(format!("use {}", path.display())),
    })
}

/// Copies the file at `from` to the new file `to`, whatever lies beside it. Where root does it, `to` belongs to whom the database at
/// `model` belongs to, or its folder where there is none.
pub(super) fn copy_alone(from: &Path, to: &Path, model: &Path) -> Result<(), Error> {
    let create = || ownership::create_new(&private_file(), to, model);
    copy_pages(&open_alone(from)?, to, create)
}

/// Renames `from` to `to` so that a power cut leaves one of the two files whole.
pub(super) fn put_in_place(from: &Path, to: &Path) -> Result<(), Error> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    let placed = sync(from)
        .and_then(|()| fs::rename(from, to))
        .and_then(|()| sync(&ownership::folder_of(to)));
    placed.map_err(|why| unwritable(to, &why))
}

/// The failure to write a file, with its remedy.
pub(super) fn unwritable(path: &Path, why: &io::Error) -> Error {
    let problem = match why.kind() {
        io::ErrorKind::StorageFull => Problem::Full,
        io::ErrorKind::NotFound => {
            Problem::Other("no such folder; create it, or name a file elsewhere".to_owned())
        }
        kind => Problem::Other(format!(
            "nothing can be created in {} ({kind}); check who may write there, and the disk",
            folder_of(path).display()
        )),
    };
    Error::new(format!("write {}", path.display()), problem)
}

fn said(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        kind => kind.to_string(),
    }
}

fn open_source(path: &Path) -> Result<Connection, Error> {
    stray_log::set_aside(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Copies everything in one step. In steps of some pages the copy would begin anew at each write of another process, and so might
/// never end; in one it reads the state of one moment, and a writer goes on in the log.
fn copy_pages(
    source: &Connection,
    to: &Path,
    create: impl FnOnce() -> io::Result<File>,
) -> Result<(), Error> {
    for path in [to.to_owned(), beside(to, "-wal"), beside(to, "-shm")] {
        if path.exists() {
            fs::remove_file(path).map_err(|why| unwritable(to, &why))?;
        }
    }
    create().map_err(|why| unwritable(to, &why))?;
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(source, &mut copy)?;
    let deadline = Instant::now() + BUSY_TIMEOUT;
    while backup.step(-1)? != StepResult::Done {
        if Instant::now() > deadline {
            return Err(Error::new("read the database", Problem::Busy));
        }
        std::thread::sleep(PAUSE);
    }
    drop(backup);
    // One plain file, which can be read where nothing can be written. The first start brings WAL back.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, error)| error.into())
}

fn inspect_alone(path: &Path) -> Result<FileFacts, Error> {
    let connection = open_alone(path)?;
    check_integrity(&connection)?;
    let schema: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for table in OWN_TABLES {
        if schema < 1 || !connection.table_exists(None, table)? {
            let why = "it is no database of hushwatch; name a file that `backup` wrote".to_owned();
            return Err(Error::new("read it", Problem::Refused(why)));
        }
    }
    let least = match connection.table_exists(None, "schema")? {
        true => connection.query_row("SELECT max(least) FROM schema", [], |row| row.get(0))?,
        false => None,
    };
    judge(schema, least)?;
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let count = |sql| one(sql).map(|n| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0));
    let kinds = "state IN ('pending', 'sending') AND kind <> 'picture'";
    Ok(FileFacts {
        bytes: fs::metadata(path).map_or(0, |file| file.len()),
        schema,
        last_cycle_at: one("SELECT max(last_cycle_at) FROM servers")?.map(Timestamp),
        open_incidents: count("SELECT count(*) FROM incidents WHERE open = 1")?,
        pending: count(&format!("SELECT count(*) FROM outbox WHERE {kinds}"))?,
    })
}

/// Returns a name for what is replaced at `path`, at which there is nothing yet.
pub(super) fn name_aside(path: &Path) -> PathBuf {
    let names = (1..).map(|nth| match nth {
        1 => beside(path, ".before-restore"),
        _ => beside(path, &format!(".before-restore-{nth}")),
    });
    let mut free = names.filter(|name| !name.exists());
    free.next()
        .unwrap_or_else(|| beside(path, ".before-restore"))
}
