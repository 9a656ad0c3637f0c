//! Files that others read: written as a whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::ownership;

/// Writes `bytes` so that a reader finds what was there before or all of it, and a full disk leaves what was there. A link is
/// followed; a device or a pipe is written to as it is.
///
/// # Errors
/// Where it cannot be written; what was there stays.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Where there is no file yet, there is no link to follow.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let is_special = fs::metadata(&path).is_ok_and(|found| !found.is_file());
    if is_special {
        return fs::write(&path, bytes);
    }
    let unfinished = unfinished(&path);
    let written = write_new(&path, &unfinished, bytes);
    let written = written.and_then(|()| fs::rename(&unfinished, &path));
    match written {
        Ok(()) => Ok(()),
        // A folder in which nothing can be created may hold a file that can be written.
        Err(why) if why.kind() == ErrorKind::PermissionDenied && path.exists() => {
            fs::write(&path, bytes)
        }
        Err(why) => {
            let _ = fs::remove_file(&unfinished);
            Err(why)
        }
    }
}

/// Writes what is to replace `path`, and to belong to whom that belongs to, or its folder where there is none, if root does it.
fn write_new(path: &Path, unfinished: &Path, bytes: &[u8]) -> io::Result<()> {
    // One of a process that had this number, and was ended.
    let _ = fs::remove_file(unfinished);
    let mut options = OpenOptions::new();
    options.write(true);
    let mut file = ownership::create_new(&options, unfinished, path)?;
    file.write_all(bytes)
}

/// Returns the name under which it is written first: one that no collector of `*.prom` reads.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, symlink};

    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (
            folder.path().join("real.prom"),
            folder.path().join("link.prom"),
        );
        write_whole(&real, b"old").expect("written");
        symlink(&real, &link).expect("linked");
        write_whole(&link, b"new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&real).expect("read"), b"new");
        let names = fs::read_dir(folder.path()).expect("listed").count();
        assert_eq!(names, 2, "nothing is left beside them");
        // Through a link, so that a mistake would replace that and no device.
        let device = folder.path().join("full");
        symlink("/dev/full", &device).expect("linked");
        assert!(write_whole(&device, b"new").is_err(), "it is full");
        let kind = fs::metadata(&device).expect("there").file_type();
        assert!(kind.is_char_device());
    }
}
