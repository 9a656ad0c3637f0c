//! One cycle at a time on one file: the kernel frees the lock when its process dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::store::{Error, Problem};

use super::{beside, open_beside};

/// Held while a cycle works on the database.
#[derive(Debug)]
pub struct CycleLock {
    _file: File,
}

impl CycleLock {
    /// Takes the lock beside the database at `path`; `None` while another process holds it.
    pub fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let beside = beside(path, "-lock");
        let failed = |e: std::io::Error| {
            Error::new(
                format!("lock {}", beside.display()),
                Problem::Unopenable(match e.kind() {
                    ErrorKind::Other => e.to_string(),
                    kind => kind.to_string(),
                }),
            )
        };
        let file = open_beside(path, &beside).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_and_its_file_have_one_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let (disk, link) = (
            folder.path().join("disk"),
            folder.path().join("hushwatch.db"),
        );
        fs::create_dir(&disk).expect("created");
        // A link may lead to a file that is not there yet.
        symlink("disk/real.db", &link).expect("linked");
        let lock = CycleLock::try_take(&link).expect("taken");
        assert!(lock.is_some());
        let other = CycleLock::try_take(&disk.join("real.db")).expect("asked");
        assert!(other.is_none());
        assert!(disk.join("real.db-lock").exists());
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let (database, target) = (
            folder.path().join("hushwatch.db"),
            elsewhere.path().join("target"),
        );
        fs::write(&target, "as it was").expect("written");
        let link = beside(&database, "-lock");
        symlink(&target, &link).expect("linked");
        let taken = CycleLock::try_take(&database).map(|_| ());
        let refused = taken.expect_err("refused");
        assert!(
            refused.to_string().contains("it is a symbolic link"),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(&target).expect("read"), "as it was");
    }
}
