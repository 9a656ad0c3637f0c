//! Whether this process's user may use the files of a database: `SQLite` says only that it cannot open them.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::store::{Error, Problem};

use super::{beside, private_file};

/// The files beside a database that a process writes to, the database itself first.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-lock"];

/// Fails where this process's user may not write to a file of the database at `path` that is there: `SQLite` opens one that may be read
/// alone, and fails at the first change. To be called before this process has the database open, since closing one of its files gives
/// up every lock that the process has on it.
///
/// # Errors
/// Which file it is, whose it is, and the remedy.
pub fn check_access(path: &Path) -> Result<(), Error> {
    let doing = || format!("open the database {}", path.display());
    match find_denied_file(path) {
        Some(why) => Err(Error::new(doing(), Problem::Denied(why))),
        None => Ok(()),
    }
}

/// Returns the same failure, but where the user of this process may not use the files: then which one, and what helps.
pub(super) fn explain(path: &Path, error: Error) -> Error {
    let is_of_access = matches!(error.problem(), Problem::Unopenable(_) | Problem::ReadOnly);
    match is_of_access.then(|| find_denied(path)).flatten() {
        Some(why) => Error::new("open it", Problem::Denied(why)),
        None => error,
    }
}

fn find_denied(path: &Path) -> Option<String> {
    find_denied_file(path).or_else(|| find_denied_folder(path))
}

/// Returns what is wrong with the first of the files that are there.
fn find_denied_file(path: &Path) -> Option<String> {
    let is_denied = |file: &PathBuf| {
        let opened = OpenOptions::new().read(true).write(true).open(file);
        let is_refused = opened.is_err_and(|why| why.kind() == ErrorKind::PermissionDenied);
        is_refused && file.exists()
    };
    let mut files = SUFFIXES.iter().map(|suffix| beside(path, suffix));
    files.find(is_denied).map(|file| denied(&file))
}

fn find_denied_folder(path: &Path) -> Option<String> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // A disk that became read-only under its database is an outage, and is not reached here.
    let created = private_file().create_new(true).open(path);
    match created.map_err(|error| error.kind()) {
        Err(ErrorKind::PermissionDenied) => Some(denied(folder)),
        Err(ErrorKind::ReadOnlyFilesystem) => Some(read_only(folder)),
        Ok(_) => {
            // It was a trial.
            let _ = fs::remove_file(path);
            None
        }
        Err(_) => None,
    }
}

fn denied(place: &Path) -> String {
    let shown = place.display();
    let user = |place: &Path| fs::metadata(place).map(|found| found.uid());
    match (user(Path::new("/proc/self")), user(place)) {
        (Ok(me), Ok(owner)) if me != owner => {
            // What root has was made by mistake; what another has is likely that of the service.
            let as_owner = if owner == 0 {
                ""
            } else {
                "run this as that user, or "
            };
            format!(
                "{shown} belongs to user {owner}, and user {me}, as which this runs, may not write to it; {as_owner}as root: chown {me} {shown}"
            )
        }
        (Ok(me), _) => format!(
            "user {me}, as which this runs, may not write to {shown}; let it (chmod u+rwX, in a folder that it may enter), or change `store.path`"
        ),
        (Err(_), _) => {
            format!("this process's user may not write to {shown}; let it, or change `store.path`")
        }
    }
}

fn read_only(place: &Path) -> String {
    format!(
        "{} is read-only for this process; change `store.path` to a place that it may write to (a volume of the container; \
         ReadWritePaths= of the unit)",
        place.display()
    )
}
