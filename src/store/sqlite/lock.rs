//! One cycle at a time on one file: the kernel frees the lock when its process dies, however it dies.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::store::{Error, Problem};

use super::{private_file, with_suffix};

/// Held while a cycle works on the database.
#[derive(Debug)]
pub struct CycleLock {
    _file: File,
}

impl CycleLock {
    /// Takes the lock beside the database at `path`; `None` while another process holds it.
    pub fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let beside = with_suffix(path, "-lock");
        let failed = |e: std::io::Error| {
            Error::new(
                format!("lock {}", beside.display()),
                Problem::Unopenable(e.to_string()),
            )
        };
        let open = private_file().create(true).truncate(false).open(&beside);
        let file = open.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
