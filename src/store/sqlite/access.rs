//! Whether this process's user may use the files of a database: `SQLite` says only that it cannot open them.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::store::{Error, Problem};

use super::{beside, private_file};

/// The files beside a database that a process writes to, the database itself first.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-lock"];

/// Returns the same failure, but where the user of this process may not use the files: then which one, and what helps.
pub(super) fn explain(path: &Path, error: Error) -> Error {
    let is_of_access = matches!(error.problem(), Problem::Unopenable(_) | Problem::ReadOnly);
    match is_of_access.then(|| find_denied(path)).flatten() {
        Some(why) => Error::new("open it", Problem::Denied(why)),
        None => error,
    }
}

fn find_denied(path: &Path) -> Option<String> {
    for suffix in SUFFIXES {
        let file = beside(path, suffix);
        let opened = OpenOptions::new().read(true).write(true).open(&file);
        match opened.map_err(|error| error.kind()) {
            Err(ErrorKind::PermissionDenied) if file.exists() => return Some(denied(&file)),
            _ => {}
        }
    }
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
        (Ok(me), Ok(owner)) if me != owner => format!(
            "{shown} belongs to user {owner}, and user {me}, as which this runs, may not write to it; as root: chown {me} {shown}"
        ),
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
