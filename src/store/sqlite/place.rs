//! Whether the open file is still the one at its path: a file that was deleted takes what is written with it, and says
//! nothing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::Error;

use super::Sqlite;

/// Where a database was opened, and which file that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    /// Device and inode; `None` where there is no file, as in memory.
    file: Option<(u64, u64)>,
}

impl Place {
    pub(super) fn of(path: &Path) -> Self {
        let file = std::fs::metadata(path).ok();
        Self {
            path: path.to_owned(),
            file: file.map(|file| (file.dev(), file.ino())),
        }
    }
}

/// Writes a file that was deleted back from the open one; opens one that was put in its place.
pub(super) fn mend(sqlite: &mut Sqlite) -> Result<Option<String>, Error> {
    let now = Place::of(&sqlite.file.path);
    if sqlite.file.file.is_none() || now == sqlite.file {
        return Ok(None);
    }
    let path = now.path;
    let shown = path.display();
    if now.file.is_some() {
        *sqlite = Sqlite::open(&path)?;
        return Ok(Some(format!(
            "another file was put in place of the database {shown}, and is used from now on"
        )));
    }
    write_back(sqlite, &path).map_err(|e| e.while_doing(format!("write {shown} back")))?;
    Ok(Some(format!(
        "the database {shown} was deleted while it was in use; it was written back whole"
    )))
}

fn write_back(sqlite: &mut Sqlite, path: &Path) -> Result<(), Error> {
    let copy = with_suffix(path, "-copy");
    let _ = std::fs::remove_file(&copy);
    sqlite
        .connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    // The log of the deleted file must not be taken for that of the new one.
    drop(std::mem::replace(
        &mut sqlite.connection,
        Connection::open_in_memory()?,
    ));
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(with_suffix(path, suffix));
    }
    std::fs::rename(&copy, path).map_err(|e| {
        Error::new(
            "put the copy in place",
            crate::store::Problem::Disk(e.to_string()),
        )
    })?;
    *sqlite = Sqlite::open(path)?;
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
