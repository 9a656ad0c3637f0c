//! What is known of an outage of the database or the clock, outside of the database: whether people were alerted, each destination by itself. Processes that follow each other, as
//! under cron or after a restart, find it in a file.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};

use crate::config::StoreSettings;
use crate::model::{DAY, Timestamp};
use crate::ownership;

/// For as long as an outage lasts, the alert is repeated so often.
const REPEAT_AFTER: Duration = DAY;
/// In a folder with this bit, nobody but its owner removes or renames a file.
const STICKY: u32 = 0o1000;
/// The end of the name of the file which says that a database on a server was usable from here.
const USED_SUFFIX: &str = "-used";

/// What is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutageSubject {
    Database,
    Clock,
}

impl OutageSubject {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Clock => "clock",
        }
    }

    /// The end of the file's name, after that of the database.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Database => "-outage",
            Self::Clock => "-clock-outage",
        }
    }
}

/// How far people know of an outage; what they know more of comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// A connection was lost in the latest cycle, which may pass.
    Lost,
    /// An alert was sent, and nothing says whether it arrived.
    Unconfirmed,
    /// They were alerted.
    Alerted,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Lost, Self::Unconfirmed, Self::Alerted];

    const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Unconfirmed => "unconfirmed",
            Self::Alerted => "alerted",
        }
    }
}

/// What is remembered of an outage, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at: Timestamp,
    pub(crate) stage: Stage,
}

impl Mark {
    /// Whether people know at `now`. A mark of the future was made before the clock moved backwards, and counts for nothing.
    pub(crate) fn is_known_at(self, now: Timestamp) -> bool {
        self.stage == Stage::Alerted && self.at <= now && now < self.at + REPEAT_AFTER
    }

    /// Returns the later of two marks; of the same time, that of whoever knows more.
    fn max_by_time(self, other: Self) -> Self {
        std::cmp::max_by_key(self, other, |mark| (mark.at, mark.stage))
    }

    /// Reads a line, with the destination that it is of.
    fn parse(line: &str) -> Option<(String, Self)> {
        let mut words = line.trim().splitn(3, ' ');
        let at = Timestamp::parse(words.next()?)?;
        let stage = words.next()?;
        let stage = Stage::ALL.into_iter().find(|s| s.name() == stage)?;
        let destination = words.next().unwrap_or_default().to_owned();
        Some((destination, Self { at, stage }))
    }

    fn line(self, destination: &str) -> String {
        let line = format!("{} {} {destination}", self.at, self.stage.name());
        format!("{}\n", line.trim_end())
    }
}

/// What is remembered, by destination: a sink's channel, or empty for Slack and the terminal.
type Marks = BTreeMap<String, Mark>;

fn parse_marks(text: &str) -> Marks {
    text.lines().filter_map(Mark::parse).collect()
}

/// The memory of the outages of one subject, of a database or the clock that its cycles go by: this process's own, and a file where one can be written.
#[derive(Debug)]
pub(crate) struct Outage {
    /// In order of preference: beside the database, and in the state directory.
    files: Vec<PathBuf>,
    /// Where a folder of its own is made if it can write none of them.
    last_resorts: Vec<PathBuf>,
    /// The name of the file in such a folder, which has those of other databases too.
    shared_name: String,
    subject: OutageSubject,
    /// Where the data is, as it is named to people.
    place: String,
    own: Mutex<Marks>,
    /// In order of preference: where it is remembered that a database on a server was used.
    used: Vec<PathBuf>,
    is_on_server: bool,
    shared_used: String,
}

impl Outage {
    /// Returns the memory of `subject` for the database of `settings`.
    pub(crate) fn new(settings: &StoreSettings, subject: OutageSubject) -> Self {
        let mut name = settings.path.as_os_str().to_owned();
        name.push(subject.suffix());
        let beside = PathBuf::from(name);
        let state = settings.state_directory.as_deref();
        let in_state = state.and_then(|folder| Some(folder.join(beside.file_name()?)));
        let mut files: Vec<PathBuf> = [beside].into_iter().chain(in_state).collect();
        let mut used = Vec::new();
        if settings.database.is_some() {
            // Only the state directory is sure to be this service's own.
            files.reverse();
            used.extend(state.map(|folder| folder.join(format!("hushwatch{USED_SUFFIX}"))));
        }
        let mut last_resorts = settings.last_resorts.clone();
        if settings.path.as_os_str() == ":memory:" {
            files.clear();
            last_resorts.clear();
        }
        Self {
            files,
            last_resorts,
            shared_name: shared_name(settings, subject.suffix()),
            subject,
            place: settings.to_string(),
            own: Mutex::default(),
            used,
            is_on_server: settings.database.is_some(),
            shared_used: shared_name(settings, USED_SUFFIX),
        }
    }

    /// Returns which database it is about.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) const fn subject(&self) -> OutageSubject {
        self.subject
    }

    /// Returns what `destination` is known to know, by this process or by an earlier one.
    pub(crate) fn read(&self, destination: &str) -> Option<Mark> {
        self.marks().get(destination).copied()
    }

    fn marks(&self) -> Marks {
        let own = self.own().clone();
        if !own.is_empty() {
            return own;
        }
        let mut marks = Marks::new();
        // An older one may lie where nothing can be written any more.
        for path in self.files.iter().cloned().chain(self.shared_files()) {
            for (destination, mark) in parse_marks(&fs::read_to_string(path).unwrap_or_default()) {
                let newest = marks.entry(destination).or_insert(mark);
                *newest = (*newest).max_by_time(mark);
            }
        }
        marks
    }

    /// Remembers `mark` of `destination`. Returns whether later processes will know it too.
    pub(crate) fn write(&self, destination: &str, mark: Mark) -> bool {
        let mut marks = self.marks();
        marks.insert(destination.to_owned(), mark);
        self.write_all(marks)
    }

    /// Forgets what `destination` knows.
    pub(crate) fn forget(&self, destination: &str) {
        let mut marks = self.marks();
        marks.remove(destination);
        if marks.is_empty() {
            self.clear();
        } else {
            self.write_all(marks);
        }
    }

    fn write_all(&self, marks: Marks) -> bool {
        let lines = marks
            .iter()
            .map(|(destination, mark)| mark.line(destination));
        let lines: String = lines.collect();
        *self.own() = marks;
        self.keep(&self.files, &self.shared_name, &lines)
    }

    /// Writes `text` to the first of `files` that can be written, or to the file `shared` in a folder of its own.
    fn keep(&self, files: &[PathBuf], shared: &str, text: &str) -> bool {
        files.iter().any(|path| write(path, text).is_ok())
            || self.last_resorts.iter().any(|folder| {
                let own = make_own_folder(folder);
                own.is_some_and(|own| write(&own.join(shared), text).is_ok())
            })
    }

    /// Remembers that a database on a server was used from here: where it refuses later, nobody is at work on its configuration.
    pub(crate) fn remember_use(&self) {
        if self.is_on_server {
            self.keep(&self.used, &self.shared_used, &self.place);
        }
    }

    /// Returns whether an earlier process used this very database on a server.
    pub(crate) fn was_used(&self) -> bool {
        let shared = self.last_resorts.iter().filter_map(|at| own_folder(at));
        let shared = shared.map(|own| own.join(&self.shared_used));
        let mut kept = self.used.iter().cloned().chain(shared);
        self.is_on_server
            && kept.any(|path| fs::read_to_string(path).is_ok_and(|place| place == self.place))
    }

    /// Returns where its file may lie in folders that others may write, too.
    fn shared_files(&self) -> impl Iterator<Item = PathBuf> {
        let own = self
            .last_resorts
            .iter()
            .filter_map(|folder| own_folder(folder));
        own.map(|own| own.join(&self.shared_name))
    }

    /// Forgets the outage, which is over.
    pub(crate) fn clear(&self) {
        self.own().clear();
        for path in self.files.iter().cloned().chain(self.shared_files()) {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("cannot remove {}: {}", path.display(), error.kind());
            }
        }
        for folder in &self.last_resorts {
            // One that holds what is known of another database stays.
            let _ = own_folder(folder).map(fs::remove_dir);
        }
    }

    fn own(&self) -> MutexGuard<'_, Marks> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a name with this end that no other database has.
fn shared_name(settings: &StoreSettings, suffix: &str) -> String {
    let path = std::path::absolute(&settings.path).unwrap_or_else(|_| settings.path.clone());
    let of = format!("{} {}", path.display(), settings);
    let digest = digest(&SHA256, of.as_bytes());
    let name = digest.as_ref().iter().take(16);
    let name: String = name.map(|byte| format!("{byte:02x}")).collect();
    name + suffix
}

/// Returns the folder of this user within `folder`, and makes it. `None` where another user may have made it, or may put one in its
/// place: what it says would be that user's.
fn make_own_folder(folder: &Path) -> Option<PathBuf> {
    let user = ownership::process_user()?;
    // One that is there already is looked at below.
    let _ = DirBuilder::new()
        .mode(0o700)
        .create(folder_of(folder, user));
    own_folder(folder)
}

/// Returns the same where it is there.
fn own_folder(folder: &Path) -> Option<PathBuf> {
    let user = ownership::process_user()?;
    let own = folder_of(folder, user);
    // A link is none, wherever it leads.
    let found = fs::symlink_metadata(&own).ok()?;
    let is_own = found.is_dir() && found.uid() == user && found.mode() & 0o077 == 0;
    let around = fs::metadata(folder).ok()?;
    let is_sticky = around.mode() & STICKY != 0;
    let is_of_others = around.uid() != user && around.uid() != 0;
    let is_safe = !is_of_others && (is_sticky || around.mode() & 0o022 == 0);
    (is_own && is_safe).then_some(own)
}

fn folder_of(folder: &Path, user: u32) -> PathBuf {
    folder.join(format!("hushwatch-{user}"))
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).truncate(true).mode(0o600);
    let mut file = ownership::open_or_create(&options, path, path)?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Sources, load};
    use crate::model::HOUR;

    /// A memory beside a database in `folder`, as a new process has it.
    fn outage(folder: &Path) -> Outage {
        let path = folder.join("hushwatch.db").display().to_string();
        with_last_resort(&path, Vec::new())
    }

    fn with_last_resort(path: &str, last_resorts: Vec<PathBuf>) -> Outage {
        let sources = Sources::of_env(&[("HUSHWATCH_STORE__PATH", path)]);
        let settings = StoreSettings {
            last_resorts,
            ..load(&sources).expect("valid").store
        };
        Outage::new(&settings, OutageSubject::Database)
    }

    #[test]
    fn where_nothing_else_can_be_written_a_folder_of_its_own_keeps_it() {
        let scene = tempfile::tempdir().expect("a folder");
        let shared = scene.path().join("tmp");
        fs::create_dir(&shared).expect("made");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("set");
        let of = |name: &str| {
            let path = scene.path().join("missing").join(name);
            with_last_resort(&path.display().to_string(), vec![shared.clone()])
        };
        let mark = Mark {
            at: Timestamp(1_700_000_000_000),
            stage: Stage::Alerted,
        };
        assert!(of("a.db").write("", mark));
        assert_eq!(of("a.db").read(""), Some(mark));
        assert_eq!(of("b.db").read(""), None, "another database");
        let user = fs::metadata(&shared).expect("there").uid();
        let own = folder_of(&shared, user);
        assert_eq!(fs::metadata(&own).expect("made").mode() & 0o777, 0o700);
        // One that others may write may be theirs.
        fs::set_permissions(&own, fs::Permissions::from_mode(0o770)).expect("set");
        assert_eq!(
            (of("a.db").read(""), of("a.db").write("", mark)),
            (None, false)
        );
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).expect("set");
        of("b.db").clear();
        assert_eq!(of("a.db").read(""), Some(mark), "of another database");
        of("a.db").clear();
        assert!(!own.exists(), "nothing is left behind");
        assert!(of("a.db").write("", mark));
        // So may a link, and what lies where others may put another in its place.
        let moved = scene.path().join("moved");
        fs::rename(&own, &moved).expect("moved");
        std::os::unix::fs::symlink(&moved, &own).expect("linked");
        assert!(!of("a.db").write("", mark));
        fs::remove_file(&own).expect("removed");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("set");
        assert!(!of("a.db").write("", mark));
    }

    #[test]
    fn what_one_process_knows_the_next_one_knows() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = Timestamp(1_700_000_000_000);
        for stage in Stage::ALL {
            assert!(outage(folder.path()).write("", Mark { at, stage }));
            assert_eq!(outage(folder.path()).read(""), Some(Mark { at, stage }));
        }
        outage(folder.path()).clear();
        assert_eq!(outage(folder.path()).read(""), None);
    }

    #[test]
    fn what_cannot_be_written_is_known_to_this_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = outage(&folder.path().join("missing"));
        let mark = Mark {
            at: Timestamp(1_700_000_000_000),
            stage: Stage::Alerted,
        };
        assert!(!missing.write("", mark));
        assert_eq!(missing.read(""), Some(mark));
        missing.clear();
        assert_eq!(missing.read(""), None);
    }

    #[test]
    fn each_destination_knows_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = Timestamp(1_700_000_000_000);
        let of = |stage| Some(Mark { at, stage });
        let (slack, sink) = (of(Stage::Alerted), of(Stage::Unconfirmed));
        outage(folder.path()).write("", slack.expect("a mark"));
        outage(folder.path()).write("sink:on call", sink.expect("a mark"));
        let known = outage(folder.path());
        assert_eq!((known.read(""), known.read("sink:on call")), (slack, sink));
        assert_eq!(known.read("sink:other"), None);
        known.forget("sink:on call");
        let known = outage(folder.path());
        assert_eq!((known.read(""), known.read("sink:on call")), (slack, None));
        known.forget("");
        assert!(!folder.path().join("hushwatch.db-outage").exists());
    }

    #[test]
    fn an_alert_counts_for_a_day() {
        let at = Timestamp(1_700_000_000_000);
        let alerted = Mark {
            at,
            stage: Stage::Alerted,
        };
        assert!(alerted.is_known_at(at) && alerted.is_known_at(at + 23 * HOUR));
        assert!(!alerted.is_known_at(at + DAY) && !alerted.is_known_at(at - HOUR));
        let unconfirmed = Mark {
            stage: Stage::Unconfirmed,
            ..alerted
        };
        assert!(!unconfirmed.is_known_at(at));
    }
}
