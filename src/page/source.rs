//! Where the answers come from.

use std::sync::Arc;
use std::time::Duration;

use crate::metrics::Counters;
use crate::model::{ServerName, Timestamp};
use crate::notify::alert::Style;
use crate::notify::describe::SWITCHED_OFF;
use crate::output::json::ListedIncident;
use crate::output::readiness::Readiness;
use crate::output::status::StatusReport;
use crate::overview::DayTotals;
use crate::page::response::Response;
use crate::store::{self, EventRow};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("cannot read what the page shows: {0}")]
    Store(#[from] store::Error),
    /// Another file lies at the path of the database, or none.
    #[error("the database file was replaced or removed; the next cycle goes on with the right one")]
    Replaced,
    /// A task of the page came to nothing.
    #[error("reading what the page shows was interrupted")]
    Interrupted,
    /// Monitoring is switched off, and what is stored cannot be shown.
    #[error("{SWITCHED_OFF}; what is stored cannot be shown: {0}")]
    Disabled(String),
}

impl From<SourceError> for Response {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Disabled(_) => {
                tracing::debug!("{error}");
                Self::switched_off()
            }
            _ => {
                tracing::warn!("{error}");
                Self::unavailable()
            }
        }
    }
}

/// How it is worded.
#[derive(Clone, Debug)]
pub(crate) struct Wording {
    pub style: Style,
}

/// The newest events, and the counts of the last 24 hours.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentEvents {
    /// Newest first, at most 100.
    pub events: Vec<EventRow>,
    pub totals: DayTotals,
}

/// Where the answers come from.
pub(crate) trait Source: Send + Sync + 'static {
    fn wording(&self) -> Wording;

    /// Returns the present, as the clock has it.
    fn now(&self) -> Timestamp;

    /// Whether the daemon turns.
    fn is_alive(&self) -> bool;

    /// Whether it does its work.
    async fn readiness(&self) -> Result<Readiness, SourceError>;

    /// Returns what `status` shows.
    async fn status(&self) -> Result<Arc<StatusReport>, SourceError>;

    /// Returns what this process counted since it started.
    async fn counters(&self) -> Result<Counters, SourceError>;

    async fn recent(&self) -> Result<Arc<RecentEvents>, SourceError>;

    /// Returns the overview of the servers whose names have `filter` in them, as HTML.
    async fn overview_page(&self, filter: &str) -> Result<String, SourceError>;

    /// Returns the page of a server, as HTML; `None` where it is not watched.
    async fn server_page(&self, name: &ServerName) -> Result<Option<String>, SourceError>;

    /// Returns the page of an incident, as HTML; `None` where no incident has this id.
    async fn incident_page(&self, id: &str) -> Result<Option<String>, SourceError>;

    /// Returns the incidents that are open or opened within `age`, newest first.
    async fn incidents(&self, age: Duration) -> Result<Vec<ListedIncident>, SourceError>;

    /// Reads ahead what takes long, so that who asks first need not wait for it.
    async fn warm(&self) {}

    /// Gives back what is held for the next request, where none comes.
    fn rest(&self) {}
}

/// Nothing: monitoring is switched off, and what is stored cannot be read.
pub(crate) struct Disabled {
    pub wording: Wording,
    /// Why it cannot.
    pub why: String,
}

impl Disabled {
    fn refused<T>(&self) -> Result<T, SourceError> {
        Err(SourceError::Disabled(self.why.clone()))
    }
}

impl Source for Disabled {
    fn wording(&self) -> Wording {
        self.wording.clone()
    }

    fn now(&self) -> Timestamp {
        crate::clock::now()
    }

    fn is_alive(&self) -> bool {
        true
    }

    async fn readiness(&self) -> Result<Readiness, SourceError> {
        Ok(Readiness {
            is_off: true,
            ..Readiness::default()
        })
    }

    async fn status(&self) -> Result<Arc<StatusReport>, SourceError> {
        self.refused()
    }

    async fn counters(&self) -> Result<Counters, SourceError> {
        self.refused()
    }

    async fn recent(&self) -> Result<Arc<RecentEvents>, SourceError> {
        self.refused()
    }

    async fn overview_page(&self, _: &str) -> Result<String, SourceError> {
        self.refused()
    }

    async fn server_page(&self, _: &ServerName) -> Result<Option<String>, SourceError> {
        self.refused()
    }

    async fn incident_page(&self, _: &str) -> Result<Option<String>, SourceError> {
        self.refused()
    }

    async fn incidents(&self, _: Duration) -> Result<Vec<ListedIncident>, SourceError> {
        self.refused()
    }
}
