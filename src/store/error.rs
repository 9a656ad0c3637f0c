//! Why the store could not do something, and what to do about it.

use thiserror::Error;

/// A failed step, with what was being done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("failed to {doing}: {problem}")]
pub struct Error {
    doing: String,
    problem: Problem,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The file or its folder cannot be opened or created.
    #[error("{0}; check `store.path` and who may write there")]
    Unopenable(String),
    /// There is no such folder.
    #[error("there is no folder {0}; create it, or change `store.path`")]
    NoFolder(String),
    /// This process's user may not use the files; with the remedy.
    #[error("{0}")]
    Denied(String),
    #[error("the disk is full; free some space, nothing was lost")]
    Full,
    #[error("the disk cannot be read or written ({0}); check it, and how much room is on it")]
    Disk(String),
    #[error("the database is read-only; check who may write to `store.path` and its folder")]
    ReadOnly,
    #[error("another process is using the database; try again when it is done")]
    Busy,
    /// The file is not a healthy database.
    #[error("the database is damaged ({0}); move it aside and start anew, or restore a copy")]
    Damaged(String),
    #[error(
        "the database has schema {found}, this version knows up to {known}; use the newer hushwatch"
    )]
    Newer { found: i64, known: i64 },
    /// The schema is older than this version works on, or there is none yet, and it was not to be changed.
    #[error(
        "the database has schema {found}, this version works on {known}; the next check, run or migrate brings it up to date"
    )]
    Behind {
        /// Its schema; 0 where there is none.
        found: usize,
        known: i64,
    },
    #[error(
        "another hushwatch took over {0} in the meantime, and does its work; nothing of ours was stored"
    )]
    TakenOver(String),
    /// The server cannot be reached, or takes nobody in for now.
    #[error(
        "the server cannot be used ({0}); check that it runs, and host and port of the database URL"
    )]
    Unreachable(String),
    /// The server, or its pooler, has no connection to spare.
    #[error(
        "the server has too many connections already; let others use fewer, or raise the limit of the server, its pooler or the user (one is enough for hushwatch, which uses up to four)"
    )]
    Crowded,
    /// The server was reached and refuses for a reason that will not pass; with the remedy.
    #[error("{0}")]
    Refused(String),
    #[error("the server is a read-only standby; name the primary in the database URL")]
    Standby,
    /// The connection went away under this step. If that was to be made last, it may have been.
    #[error("the connection to the server was lost; the next step makes a new one")]
    Lost,
    /// A new connection went away at its first step, so that a newer one would not last either.
    #[error(
        "the server ends each connection at its first step; check that it runs, and let the database URL name PostgreSQL itself or a pooler in session or transaction mode"
    )]
    LostAtOnce,
    #[error("a stored value cannot be read ({0})")]
    Unreadable(String),
    /// The step was interrupted; its transaction was rolled back.
    #[error("it was interrupted")]
    Interrupted,
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// From what was being done (an infinitive without "to") and what went wrong.
    pub fn new(doing: impl Into<String>, problem: Problem) -> Self {
        Self {
            doing: doing.into(),
            problem,
        }
    }

    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether the disk is full or fails.
    pub const fn is_of_disk(&self) -> bool {
        matches!(self.problem, Problem::Full | Problem::Disk(_))
    }

    /// Whether it will pass by itself.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self.problem,
            Problem::Busy | Problem::Interrupted | Problem::Lost | Problem::TakenOver(_)
        )
    }

    pub const fn is_lost(&self) -> bool {
        matches!(self.problem, Problem::Lost)
    }

    /// Whether the server has no connection to spare.
    pub(super) const fn is_crowded(&self) -> bool {
        matches!(self.problem, Problem::Crowded)
    }

    /// Whether the server was reached and refuses for a reason that will not pass.
    pub const fn is_refused(&self) -> bool {
        matches!(self.problem, Problem::Refused(_))
    }

    /// Whether nothing but another configuration helps, here or on the server.
    pub const fn is_of_configuration(&self) -> bool {
        matches!(
            self.problem,
            Problem::Refused(_) | Problem::Newer { .. } | Problem::Denied(_)
        )
    }

    /// Whether a newer version wrote the database, and nothing but that version helps.
    pub const fn is_of_newer_schema(&self) -> bool {
        matches!(self.problem, Problem::Newer { .. })
    }

    /// A step that was broken off.
    pub(super) fn interrupted() -> Self {
        Self::new("run a step on the database", Problem::Interrupted)
    }

    /// The same failure, said of a larger step.
    #[must_use]
    pub fn while_doing(self, doing: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            ..self
        }
    }
}
