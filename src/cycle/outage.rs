//! What is known of an outage of the database or the clock, outside of the database: whether people were alerted. Processes that follow each other, as
//! under cron or after a restart, find it in a file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::StoreSettings;
use crate::model::{DAY, Timestamp};

/// For as long as an outage lasts, the alert is repeated so often.
const REPEAT_AFTER: Duration = DAY;
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

/// How far people know of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    fn parse(text: &str) -> Option<Self> {
        let (at, stage) = text.trim().split_once(' ')?;
        let stage = Stage::ALL.into_iter().find(|s| s.name() == stage)?;
        let at = Timestamp::parse(at)?;
        Some(Self { at, stage })
    }
}

/// The memory of the outages of one subject, of a database or the clock that its cycles go by: this process's own, and a file where one can be written.
#[derive(Debug)]
pub(crate) struct Outage {
    /// In order of preference: beside the database, and in the state directory.
    files: Vec<PathBuf>,
    subject: OutageSubject,
    /// Where the data is, as it is named to people.
    place: String,
    own: Mutex<Option<Mark>>,
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
        if settings.database.is_some() {
            // Only the state directory is sure to be this service's own.
            files.reverse();
        }
        if settings.path.as_os_str() == ":memory:" {
            files.clear();
        }
        Self {
            files,
            subject,
            place: settings.to_string(),
            own: Mutex::default(),
        }
    }

    /// Returns which database it is about.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) const fn subject(&self) -> OutageSubject {
        self.subject
    }

    /// Returns what is known, by this process or by an earlier one.
    pub(crate) fn read(&self) -> Option<Mark> {
        let read = |path: &PathBuf| Mark::parse(&fs::read_to_string(path).ok()?);
        self.own().or_else(|| self.files.iter().find_map(read))
    }

    /// Remembers `mark`. Returns whether later processes will know it too.
    pub(crate) fn write(&self, mark: Mark) -> bool {
        *self.own() = Some(mark);
        let line = format!("{} {}\n", mark.at, mark.stage.name());
        self.files.iter().any(|path| write(path, &line).is_ok())
    }

    /// Forgets the outage, which is over.
    pub(crate) fn clear(&self) {
        *self.own() = None;
        for path in &self.files {
            if let Err(error) = fs::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("cannot remove {}: {}", path.display(), error.kind());
            }
        }
    }

    fn own(&self) -> MutexGuard<'_, Option<Mark>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::model::HOUR;

    /// A memory beside a database in `folder`, as a new process has it.
    fn outage(folder: &Path) -> Outage {
        let path = folder.join("hushwatch.db").display().to_string();
        let sources = Sources {
            file: None,
            env: [("HUSHWATCH_STORE__PATH".to_owned(), path)].into(),
        };
        Outage::new(
            &load(&sources).expect("valid").store,
            OutageSubject::Database,
        )
    }

    #[test]
    fn what_one_process_knows_the_next_one_knows() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = Timestamp(1_700_000_000_000);
        for stage in Stage::ALL {
            assert!(outage(folder.path()).write(Mark { at, stage }));
            assert_eq!(outage(folder.path()).read(), Some(Mark { at, stage }));
        }
        outage(folder.path()).clear();
        assert_eq!(outage(folder.path()).read(), None);
    }

    #[test]
    fn what_cannot_be_written_is_known_to_this_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = outage(&folder.path().join("missing"));
        let mark = Mark {
            at: Timestamp(1_700_000_000_000),
            stage: Stage::Alerted,
        };
        assert!(!missing.write(mark));
        assert_eq!(missing.read(), Some(mark));
        missing.clear();
        assert_eq!(missing.read(), None);
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
