//! A reserve on the disk, released when the disk is full so that a cycle can still be recorded.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{beside, open_beside};

/// Bytes of the reserve: several cycles of a small installation, one of a large one.
const RESERVE_BYTES: usize = 4 << 20;

/// Creates a reserve beside the database at `path`, where there is none and room for twice as much.
///
/// # Errors
/// Where it cannot be written; nothing of it is left then.
pub(in crate::store) fn create(path: &Path) -> io::Result<()> {
    let reserve = reserve_path(path);
    if fs::metadata(&reserve).is_ok_and(|file| file.len() >= RESERVE_BYTES as u64) {
        return Ok(());
    }
    let written = write(path, &reserve);
    if written.is_err() {
        let _ = fs::remove_file(&reserve);
    }
    written
}

/// Releases the reserve of the database at `path`, and returns whether there was one.
pub(in crate::store) fn release(path: &Path) -> bool {
    fs::remove_file(reserve_path(path)).is_ok()
}

/// Returns whether there is one beside the database at `path`.
pub(super) fn exists(path: &Path) -> bool {
    reserve_path(path).exists()
}

fn write(path: &Path, reserve: &Path) -> io::Result<()> {
    let mut file = open_beside(path, reserve)?;
    file.set_len(0)?;
    // Random, since a file system may keep zeros for nothing.
    let mut random = fastrand::Rng::with_seed(1);
    let chunk: Vec<u8> = (0..1 << 16).map(|_| random.u8(..)).collect();
    for _ in 0..2 * RESERVE_BYTES / chunk.len() {
        file.write_all(&chunk)?;
    }
    file.sync_all()?;
    file.set_len(RESERVE_BYTES as u64)
}

fn reserve_path(path: &Path) -> PathBuf {
    beside(path, "-reserve")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_once_and_freed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hushwatch.db");
        assert!(!release(&path));
        create(&path).expect("kept");
        create(&path).expect("kept");
        let file = fs::metadata(reserve_path(&path)).expect("there");
        assert_eq!(file.len(), RESERVE_BYTES as u64);
        assert!(release(&path));
        assert!(!release(&path));
    }

    #[test]
    fn what_cannot_be_kept_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(create(&folder.path().join("missing").join("hushwatch.db")).is_err());
    }
}
