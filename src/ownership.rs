//! Whose a new file is: what root creates where another user keeps theirs belongs to that user, whose next command works on it. And
//! who this process is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

/// The number of root.
const ROOT: u32 = 0;

/// Opens the file at `path`, or creates it as [`create_new`] does.
///
/// # Errors
/// Those of opening and creating it.
pub fn open_or_create(options: &OpenOptions, path: &Path, model: &Path) -> io::Result<File> {
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    match create_new(options, path, model) {
        // A link to what is not there yet, or another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            options.clone().create(true).open(path)
        }
        created => created,
    }
}

/// Creates the file at `path`, where nothing is. What root creates belongs to whom the file at `model` belongs to, or its folder
/// where there is none.
///
/// # Errors
/// Those of creating it.
pub fn create_new(options: &OpenOptions, path: &Path, model: &Path) -> io::Result<File> {
    // Before there is a file at `path`, which may be the model.
    let owner = fs::metadata(model).or_else(|_| fs::metadata(folder_of(model)));
    // No link is followed, which the folder's owner may have put there: only what is new is given away.
    let file = options.clone().create_new(true).open(path)?;
    if let Ok(owner) = owner
        && owner.uid() != ROOT
        && file.metadata().is_ok_and(|own| own.uid() == ROOT)
    {
        // Where it cannot be given away, as without that capability, it can be used all the same.
        let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
    }
    Ok(file)
}

/// Returns the number of the user of this process; `None` where the system does not say.
pub fn process_user() -> Option<u32> {
    Some(fs::metadata("/proc/self").ok()?.uid())
}

/// Returns the folder of the file at `path`, which may be in the current one.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    /// A user that owns nothing on any machine.
    const NOBODY: u32 = 65_534;

    fn owner(path: &Path) -> u32 {
        fs::metadata(path).expect("there").uid()
    }

    #[test]
    fn what_root_creates_belongs_to_the_owner_of_what_it_is_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let me = owner(folder.path());
        let path = |name: &str| folder.path().join(name);
        let mut options = OpenOptions::new();
        options.write(true);
        let open =
            |name: &str| open_or_create(&options, &path(name), &path("database")).expect("opened");
        open("before");
        assert_eq!(owner(&path("before")), me);
        if me != ROOT {
            return;
        }
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("given");
        open("before");
        assert_eq!(owner(&path("before")), ROOT, "only what is new");
        open("after");
        assert_eq!(owner(&path("after")), NOBODY);
        fs::write(path("database"), "").expect("written");
        chown(path("database"), Some(NOBODY - 1), None).expect("given");
        open("beside");
        assert_eq!(owner(&path("beside")), NOBODY - 1);
        // Where a link leads was not asked for by root.
        let elsewhere = tempfile::tempdir().expect("a folder");
        symlink(elsewhere.path().join("target"), path("link")).expect("linked");
        open("link");
        assert_eq!(owner(&elsewhere.path().join("target")), ROOT);
    }
}
