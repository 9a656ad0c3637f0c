//! Whether this process's user may use the files of a database: `SQLite` says only that it cannot open them.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::ownership;
use crate::store::{Error, Problem};

use super::{beside, follow_links, private_file};

/// The files beside a database that a process writes to, the database itself first.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-lock"];
/// What `SQLite` creates before it can read.
const LOG_SUFFIXES: [&str; 2] = ["-wal", "-shm"];
const USERS: &str = "/etc/passwd";

/// Fails where this process's user may not write to a file of the database at `path` that is there, or create one that is to lie beside
/// it: `SQLite` opens one that may be read alone, and fails at the first change. To be called before this process has the database
/// open, since closing one of its files gives up every lock that the process has on it.
///
/// # Errors
/// What it is, whose it is, and the remedy.
pub fn check_access(path: &Path) -> Result<(), Error> {
    let doing = || format!("open the database {}", path.display());
    let is_log_missing = || {
        let mut log = LOG_SUFFIXES.iter().map(|suffix| beside(path, suffix));
        log.any(|file| !file.exists())
    };
    let denied = find_denied_file(path).or_else(|| {
        let creates = may_exist(path) && is_log_missing();
        creates.then(|| find_denied_folder(path)).flatten()
    });
    match denied {
        Some(why) => Err(Error::new(doing(), Problem::Denied(why))),
        None => Ok(()),
    }
}

/// Returns whether something is at `path`, or this process's user may not see whether there is.
pub fn may_exist(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(_) => true,
        Err(why) => why.kind() == ErrorKind::PermissionDenied,
    }
}

/// Returns why this process's user can create no file beside the database at `path`, with the remedy; `None` where it can, or nobody could.
/// It opens no file of the database.
pub fn find_denied_folder(path: &Path) -> Option<String> {
    let folder = &folder_of(path);
    let trial = beside(path, &format!("-trial-{}", std::process::id()));
    match private_file().create_new(true).open(&trial) {
        Ok(_) => {
            let _ = fs::remove_file(trial);
            None
        }
        Err(why) if why.kind() == ErrorKind::PermissionDenied => {
            Some(match find_closed_folder(folder) {
                Some(closed) => Refusal::new(Wish::Enter, closed, path).to_string(),
                None => Refusal::new(Wish::CreateIn, folder, path).to_string(),
            })
        }
        // A disk that became read-only under its database is an outage.
        Err(why) if why.kind() == ErrorKind::ReadOnlyFilesystem && !path.exists() => {
            Some(read_only(folder))
        }
        Err(_) => None,
    }
}

/// Returns the same failure, but where the user of this process may not use the files: then which one, and what helps; or where there is no
/// folder for them. This process must not have the database open, as for [`check_access`].
pub(super) fn explain(path: &Path, error: Error) -> Error {
    let is_of_access = matches!(error.problem(), Problem::Unopenable(_) | Problem::ReadOnly);
    if !is_of_access {
        return error;
    }
    let folder = folder_of(path);
    let problem = match find_denied(path) {
        Some(why) => Problem::Denied(why),
        None if !folder.is_dir() => Problem::NoFolder(folder.display().to_string()),
        None if path.is_dir() => Problem::Unopenable("it is a folder".to_owned()),
        None => return error,
    };
    Error::new("open it", problem)
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
    let denied = files.find(is_denied)?;
    Some(Refusal::new(Wish::Write, &denied, path).to_string())
}

/// Returns where the file is, or would be, to which `path` leads.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    ownership::folder_of(&follow_links(path))
}

/// Returns the first folder on the way to what is in `folder` that this process's user may not enter.
fn find_closed_folder(folder: &Path) -> Option<&Path> {
    let is_closed = |folder: &&Path| {
        let entered = fs::metadata(folder.join("."));
        entered.is_err_and(|why| why.kind() == ErrorKind::PermissionDenied)
    };
    // The last ancestor of a relative path has no name.
    let named = folder.ancestors().filter(|of| !of.as_os_str().is_empty());
    named.filter(is_closed).last()
}

/// What a user wants to do with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Write,
    /// Create files in a folder.
    CreateIn,
    /// See what is in a folder.
    Enter,
}

/// What this process's user may not do. Displayed, it names the place, whose it is, and the remedy: the same for each command.
#[derive(Debug)]
struct Refusal {
    wish: Wish,
    /// From the root on: the remedy is carried out in another shell, which is in another folder.
    place: PathBuf,
    /// The user of this process; like the others `None` where the system does not say.
    me: Option<u32>,
    /// Whose the place is.
    owner: Option<u32>,
    /// Whose the folder of the database is.
    folder_owner: Option<u32>,
    /// Whose the database is; `None` also where there is none that this user may see.
    database_owner: Option<u32>,
    /// Whether the place is a folder in which other things are, or may be: such as `/`, or the home of root.
    holds_others: bool,
}

impl Refusal {
    fn new(wish: Wish, place: &Path, database: &Path) -> Self {
        let owner = |place: &Path| fs::metadata(place).ok().map(|found| found.uid());
        Self {
            wish,
            place: whole(place),
            me: ownership::process_user(),
            owner: owner(place),
            folder_owner: owner(&folder_of(database)),
            database_owner: owner(database),
            holds_others: wish == Wish::CreateIn && holds_others(place, database),
        }
    }

    fn remedy(&self, me: u32, owner: u32) -> String {
        let place = self.place.display();
        let mine = name(me);
        if me == owner {
            let mode = match self.wish {
                Wish::Write => "u+rw",
                Wish::CreateIn | Wish::Enter => "u+rwx",
            };
            return format!("let it (chmod {mode} {place}), or change `store.path`");
        }
        match (self.wish, self.database_owner) {
            // A file in a folder of this user: others made it by mistake, most likely root.
            (Wish::Write, _) if self.folder_owner == Some(me) => {
                format!("as root: chown {mine} {place}")
            }
            (Wish::Write, _) => run_as(owner),
            (_, Some(database)) if database == me && self.holds_others => {
                "move the database to a folder of this user and change `store.path`".to_owned()
            }
            (_, Some(database)) if database == me => format!(
                "as root: chown {mine} {place}; or move the database to a folder of this user and change `store.path`"
            ),
            (_, Some(database)) => run_as(database),
            (Wish::CreateIn, None) if owner == 0 && self.holds_others => {
                "run this in a folder of this user, or change `store.path` to a file in one"
                    .to_owned()
            }
            (Wish::CreateIn, None) if owner == 0 => format!(
                "change `store.path` to a folder that this user may write to, or, where this one is for hushwatch alone, as root: \
                 chown {mine} {place}"
            ),
            (_, None) => format!("{}, or change `store.path`", run_as(owner)),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.place.display();
        let wish = match self.wish {
            Wish::Write => "write to it",
            Wish::CreateIn => "create files in it, as SQLite does beside a database",
            Wish::Enter => "enter it",
        };
        let (Some(me), Some(owner)) = (self.me, self.owner) else {
            return write!(
                f,
                "{place} is closed to this process's user, who may not {wish}; run this as the user whose database it is, or change \
                 `store.path`"
            );
        };
        let mine = user(me);
        let remedy = self.remedy(me, owner);
        match me == owner {
            true => write!(
                f,
                "{place} belongs to {mine}, as which this runs and which may not {wish}; {remedy}"
            ),
            false => write!(
                f,
                "{place} belongs to {}, and {mine}, as which this runs, may not {wish}; {remedy}",
                user(owner)
            ),
        }
    }
}

/// Returns the path from the root on, where the system says where this process is.
fn whole(place: &Path) -> PathBuf {
    std::path::absolute(place).unwrap_or_else(|_| place.to_owned())
}

/// Returns whether `folder` holds, or may hold, what is not of hushwatch.
fn holds_others(folder: &Path, database: &Path) -> bool {
    let database = follow_links(database);
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    let is_ours =
        |other: &str| other.starts_with(&*name) || matches!(other, "monitor.toml" | "lost+found");
    // What may not be listed may hold anything.
    fs::read_dir(folder).map_or(true, |entries| {
        entries
            .map_while(Result::ok)
            .any(|entry| !is_ours(&entry.file_name().to_string_lossy()))
    })
}

/// Returns how a command is run as the user of this number.
fn run_as(owner: u32) -> String {
    match (owner, name_of(owner)) {
        (0, _) => "run this as root: sudo hushwatch …".to_owned(),
        (_, Some(name)) => format!("run this as that user: sudo -u {name} hushwatch …"),
        (_, None) => format!("run this as that user: sudo -u '#{owner}' hushwatch …"),
    }
}

fn user(number: u32) -> String {
    match number {
        0 => "root".to_owned(),
        _ => format!("user {}", name(number)),
    }
}

/// Returns the user's name, or the number, which `chown` takes as well.
fn name(number: u32) -> String {
    name_of(number).unwrap_or_else(|| number.to_string())
}

fn name_of(number: u32) -> Option<String> {
    let users = fs::read_to_string(USERS).ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number.to_string()).then(|| name.to_owned())
    })
}

fn read_only(place: &Path) -> String {
    format!(
        "{} is read-only for this process; change `store.path` to a place that it may write to (a volume of the container; \
         ReadWritePaths= of the unit)",
        whole(place).display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that have no name on any machine.
    const ME: u32 = 3_999_999_001;
    const SERVICE: u32 = 3_999_999_002;

    fn told(wish: Wish, owners: [u32; 2], database_owner: Option<u32>) -> String {
        refusal(wish, owners, database_owner).to_string()
    }

    fn refusal(wish: Wish, owners: [u32; 2], database_owner: Option<u32>) -> Refusal {
        let [owner, folder_owner] = owners;
        let place = match wish {
            Wish::Write => "/data/h.db",
            Wish::CreateIn | Wish::Enter => "/data",
        };
        Refusal {
            wish,
            place: PathBuf::from(place),
            me: Some(ME),
            owner: Some(owner),
            folder_owner: Some(folder_owner),
            database_owner,
            holds_others: false,
        }
    }

    #[test]
    fn the_remedy_takes_no_database_away_from_whom_it_belongs_to() {
        use Wish::{CreateIn, Enter, Write};
        let texts = [
            told(Write, [SERVICE, SERVICE], Some(SERVICE)),
            told(Write, [0, 0], Some(0)),
            // A folder that everybody may write to.
            told(Write, [SERVICE, 0], Some(SERVICE)),
            told(Write, [0, ME], Some(0)),
            told(Write, [ME, ME], Some(ME)),
            told(CreateIn, [SERVICE, SERVICE], Some(SERVICE)),
            told(CreateIn, [0, 0], Some(ME)),
            told(CreateIn, [0, 0], None),
            told(CreateIn, [SERVICE, SERVICE], None),
            told(CreateIn, [ME, ME], None),
            told(Enter, [SERVICE, SERVICE], None),
            told(Enter, [0, 0], None),
        ];
        let file = "and user 3999999001, as which this runs, may not write to it;";
        let create = "may not create files in it, as SQLite does beside a database;";
        let folder = format!("and user 3999999001, as which this runs, {create}");
        let own = "belongs to user 3999999001, as which this runs and which";
        assert_eq!(
            texts,
            [
                format!("/data/h.db belongs to user 3999999002, {file} run this as that user: sudo -u '#3999999002' hushwatch …"),
                format!("/data/h.db belongs to root, {file} run this as root: sudo hushwatch …"),
                format!("/data/h.db belongs to user 3999999002, {file} run this as that user: sudo -u '#3999999002' hushwatch …"),
                format!("/data/h.db belongs to root, {file} as root: chown 3999999001 /data/h.db"),
                format!("/data/h.db {own} may not write to it; let it (chmod u+rw /data/h.db), or change `store.path`"),
                format!("/data belongs to user 3999999002, {folder} run this as that user: sudo -u '#3999999002' hushwatch …"),
                format!("/data belongs to root, {folder} as root: chown 3999999001 /data; or move the database to a folder of this user and change `store.path`"),
                format!("/data belongs to root, {folder} change `store.path` to a folder that this user may write to, or, where this one is for hushwatch alone, as root: chown 3999999001 /data"),
                format!("/data belongs to user 3999999002, {folder} run this as that user: sudo -u '#3999999002' hushwatch …, or change `store.path`"),
                format!("/data {own} {create} let it (chmod u+rwx /data), or change `store.path`"),
                "/data belongs to user 3999999002, and user 3999999001, as which this runs, may not enter it; run this as that user: sudo -u '#3999999002' hushwatch …, or change `store.path`".to_owned(),
                "/data belongs to root, and user 3999999001, as which this runs, may not enter it; run this as root: sudo hushwatch …, or change `store.path`".to_owned(),
            ]
        );
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_given_to_nobody() {
        for database in [None, Some(ME)] {
            let refusal = Refusal {
                holds_others: true,
                ..refusal(Wish::CreateIn, [0, 0], database)
            };
            let told = refusal.to_string();
            assert!(told.contains("a folder of this user"), "{told}");
            assert!(!told.contains("chown"), "{told}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("h.db");
        for name in ["h.db-lock", "monitor.toml", "lost+found"] {
            fs::write(folder.path().join(name), "").expect("written");
            assert!(!holds_others(folder.path(), &database), "{name}");
        }
        fs::write(folder.path().join("notes"), "").expect("written");
        assert!(holds_others(folder.path(), &database));
        assert!(holds_others(&folder.path().join("missing"), &database));
    }

    #[test]
    fn a_place_is_named_from_the_root_on() {
        let here = std::env::current_dir().expect("a folder");
        let refusal = Refusal::new(Wish::CreateIn, Path::new("."), Path::new("h.db"));
        assert_eq!(refusal.place, here);
        assert!(refusal.holds_others, "the repository");
    }

    #[test]
    fn users_are_named_as_the_system_names_them() {
        assert_eq!(user(0), "root");
        assert_eq!(user(ME), "user 3999999001");
        assert_eq!(name(ME), "3999999001");
    }

    #[test]
    fn what_is_created_to_try_a_folder_is_gone_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("h.db");
        assert_eq!(find_denied_folder(&path), None);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
        assert!(!may_exist(&path) && may_exist(folder.path()));
        assert!(!may_exist(&folder.path().join("missing/h.db")));
    }
}
