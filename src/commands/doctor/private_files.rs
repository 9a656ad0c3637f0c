//! Files that name who gets mail: whether other users of the machine can read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::commands::doctor::check::Check;

/// What others need of a file to read it, and of each folder above it to get there.
const READ: u32 = 0o004;
const ENTER: u32 = 0o001;

/// Warns of the database at `path` and the files beside it that others can read.
pub(crate) fn check(path: &Path) -> Option<Check> {
    let path = path.canonicalize().ok()?;
    let mut folders = path.ancestors().skip(1);
    if !folders.all(|folder| allows(folder, ENTER)) {
        return None;
    }
    let files = ["", "-wal", "-shm"].map(|end| {
        let mut file = path.clone().into_os_string();
        file.push(end);
        PathBuf::from(file)
    });
    let open = files.iter().filter(|file| allows(file, READ));
    let open: Vec<String> = open.map(|file| file.display().to_string()).collect();
    (!open.is_empty()).then(|| {
        let text = format!(
            "Every user of this machine can read {}, which names who gets mail",
            open.join(", ")
        );
        let remedy = format!("run `chmod 600 {}`", open.join(" "));
        Check::warn("database_access", text, remedy)
    })
}

/// Whether others have `right` to what is at `path`; not where that cannot be said.
fn allows(path: &Path, right: u32) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & right == right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_can_reach_and_read_is_named() {
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("h.db");
        assert_eq!(check(&path), None, "there is none");
        let log = folder.path().join("h.db-wal");
        for file in [&path, &log] {
            fs::write(file, "").expect("written");
            set(file, 0o640);
        }
        set(folder.path(), 0o755);
        assert_eq!(check(&path), None);
        set(&log, 0o644);
        let said = check(&path).map(|check| check.to_line());
        let log = log.canonicalize().expect("there");
        let expected = format!(
            "! Every user of this machine can read {0}, which names who gets mail; run `chmod 600 {0}`",
            log.display()
        );
        assert_eq!(said, Some(expected));
        set(folder.path(), 0o700);
        assert_eq!(check(&path), None, "nobody gets there");
    }
}
