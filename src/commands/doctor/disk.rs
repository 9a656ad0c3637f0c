//! The disk under the database: whether it takes what is written, and whether it keeps it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::commands::doctor::check::Check;
use crate::ownership;
use crate::store;

const NAME: &str = "disk";

/// How much is written to try it: more than fits beside a file's name.
const PROBE_BYTES: usize = 64 << 10;

/// Whether what stands at `path` is kept. Where `is_denied`, it was told already that this process's user may not write there.
pub(crate) async fn checks(path: PathBuf, is_kept: bool, is_denied: bool) -> Option<Check> {
    if !is_kept {
        let text = "The disk is a dyno's: it is emptied at least once a day, and with it the history, incidents and unsent messages";
        let remedy = "attach Heroku Postgres and use a build with `--features full`, which reads its DATABASE_URL";
        return Some(Check::warn(NAME, text, remedy));
    }
    let folder = ownership::folder_of(&path);
    if path.exists()
        && let Err(refused) = probe_write(folder.clone()).await
        && !(is_denied && refused.is_of_permission())
    {
        let text = format!(
            "Cannot write to the folder of {}: {refused}",
            path.display()
        );
        let check = match store::find_denied_folder(&path) {
            Some(why) => Check::fail(NAME, format!("{text} — {why}"), ""),
            None => Check::fail(NAME, text, refused.remedy()),
        };
        return Some(check);
    }
    // Where there is no such list, nothing can be said.
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let folder = folder.canonicalize().ok().filter(|f| f.is_dir())?;
    Some(check_filesystem(filesystem(&mounts, &folder)?))
}

/// Why a folder did not take a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", reason(*.0))]
pub(crate) struct Refused(ErrorKind);

impl Refused {
    fn is_of_permission(self) -> bool {
        self.0 == ErrorKind::PermissionDenied
    }

    pub(crate) const fn remedy(self) -> &'static str {
        match self.0 {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                "create the folder, give it to the user that runs hushwatch, or change `store.path`"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "free some space: SQLite creates files beside the database"
            }
            ErrorKind::ReadOnlyFilesystem => {
                "mount it so that it can be written, or change `store.path`"
            }
            _ => "check the disk: SQLite creates files beside the database",
        }
    }
}

fn reason(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "no such folder".to_owned(),
        kind => kind.to_string(),
    }
}

/// Writes a file into `folder`, down to the disk, and removes it.
pub(crate) async fn probe_write(folder: PathBuf) -> Result<(), Refused> {
    let written = tokio::task::spawn_blocking(move || {
        let probe = folder.join(format!(".hushwatch-doctor-{}", std::process::id()));
        let written = write_whole(&probe);
        let _ = fs::remove_file(&probe);
        written
    });
    let written = written
        .await
        .unwrap_or_else(|_| Err(ErrorKind::Interrupted.into()));
    written.map_err(|error| Refused(error.kind()))
}

fn write_whole(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(&vec![0; PROBE_BYTES])?;
    file.sync_all()
}

fn check_filesystem(filesystem: &str) -> Check {
    let (text, remedy) = match filesystem {
        "tmpfs" | "ramfs" => (
            format!(
                "The disk is memory ({filesystem}): it is empty after a restart of the machine"
            ),
            "set `store.path` to a disk that is kept",
        ),
        "overlay" | "aufs" => (
            format!("The disk is a container's own ({filesystem}): it goes with the container"),
            "set `store.path` to a volume",
        ),
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "fuse.sshfs" => (
            format!("The disk is on the network ({filesystem}), where SQLite's locks may not hold"),
            "set `store.path` to a local disk, or use PostgreSQL",
        ),
        _ => {
            return Check::pass(
                NAME,
                format!("The disk keeps what is written ({filesystem})"),
            );
        }
    };
    Check::warn(NAME, text, remedy)
}

/// The kind of the file system that holds `folder`: of the mounts above it, the nearest, and of those the last.
fn filesystem<'m>(mounts: &'m str, folder: &Path) -> Option<&'m str> {
    let mount = |line: &'m str| {
        // "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" (proc(5))
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?.replace("\\040", " ");
        let kind = after.split(' ').next()?;
        folder.starts_with(&point).then_some((point.len(), kind))
    };
    let nearest = mounts
        .lines()
        .filter_map(mount)
        .max_by_key(|(length, _)| *length);
    nearest.map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Outcome;

    const MOUNTS: &str = "\
22 1 0:20 / / rw - overlay overlay rw
23 22 8:1 / /var/lib rw,noatime shared:1 - ext4 /dev/sda1 rw
24 22 0:21 / /tmp\\040dir rw - tmpfs tmpfs rw
a line of tomorrow";

    #[test]
    fn the_nearest_mount_says_what_the_disk_is() {
        let of = |path: &str| filesystem(MOUNTS, Path::new(path));
        assert_eq!(of("/var/lib/hushwatch"), Some("ext4"));
        assert_eq!(of("/var/library"), Some("overlay"));
        assert_eq!(of("/tmp dir/x"), Some("tmpfs"));
        assert_eq!(filesystem("", Path::new("/")), None);
    }

    #[test]
    fn a_disk_that_forgets_warns() {
        for (kind, outcome) in [
            ("ext4", Outcome::Pass),
            ("tmpfs", Outcome::Warn),
            ("overlay", Outcome::Warn),
            ("nfs4", Outcome::Warn),
        ] {
            assert_eq!(check_filesystem(kind).outcome, outcome, "{kind}");
        }
    }

    #[tokio::test]
    async fn what_is_written_to_try_it_is_gone_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(probe_write(folder.path().to_owned()).await, Ok(()));
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
        let missing = folder.path().join("missing");
        let refused = probe_write(missing).await.expect_err("no folder");
        assert_eq!(refused.to_string(), "no such folder");
    }

    #[test]
    fn space_is_asked_for_only_where_there_is_none() {
        let asks = |kind| Refused(kind).remedy().contains("free some space");
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            assert!(asks(kind), "{kind}");
        }
        for kind in [
            ErrorKind::PermissionDenied,
            ErrorKind::NotFound,
            ErrorKind::ReadOnlyFilesystem,
            ErrorKind::Other,
        ] {
            assert!(!asks(kind), "{kind}");
        }
    }
}
