//! What the page shows, as it is stored now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::Config;
use crate::cycle::Context;
use crate::cycle::readiness::readiness;
use crate::daemon::Pulse;
use crate::model::ServerName;
use crate::output::explain::explain;
use crate::output::readiness::Readiness;
use crate::output::status::StatusReport;
use crate::overview::{collect_status, load_report, view_instant};
use crate::page::response::Response;
use crate::store::{self, Store};
use crate::text::sanitize::clean_lines;

/// How long what was read is shown: however many ask, the database is asked once.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("cannot read what the page shows: {0}")]
    Store(#[from] store::Error),
    /// Another file lies at the path of the database, or none.
    #[error("the database file was replaced or removed; the next cycle goes on with the right one")]
    Replaced,
    /// Monitoring is switched off.
    #[error("disabled by FLAG_POSTMARK_DELIVERY_MONITOR")]
    Disabled,
}

impl From<SourceError> for Response {
    fn from(error: SourceError) -> Self {
        if !matches!(error, SourceError::Disabled) {
            tracing::warn!("{error}");
        }
        Self::unavailable()
    }
}

/// Where the answers come from.
pub(crate) trait Source: Send + Sync + 'static {
    /// Whether the daemon turns.
    fn is_alive(&self) -> bool;

    /// Whether it does its work.
    async fn readiness(&self) -> Result<Readiness, SourceError>;

    /// Returns what `status` says of all servers, or of one; `None` where it is not watched.
    async fn status_text(&self, server: Option<&ServerName>)
    -> Result<Option<String>, SourceError>;

    /// Returns what `explain` says of an incident; `None` where no incident has this id.
    async fn incident_text(&self, id: &str) -> Result<Option<String>, SourceError>;

    /// Gives back what is held for the next request, where none comes.
    fn rest(&self) {}
}

/// The data of the daemon, read beside its cycles.
pub(crate) struct Live {
    context: Arc<Context>,
    /// Reads alone.
    reader: Store,
    pulse: Arc<Pulse>,
    readiness: Cached<Readiness>,
    status: Cached<Arc<StatusReport>>,
}

impl Live {
    /// # Errors
    /// Where the address of the database is of no use.
    pub(crate) fn new(context: Arc<Context>, pulse: Arc<Pulse>) -> Result<Self, store::Error> {
        let reader = context
            .store
            .reader(context.config.store.database.as_ref())?;
        Ok(Self {
            context,
            reader,
            pulse,
            readiness: Cached::default(),
            status: Cached::default(),
        })
    }

    fn config(&self) -> &Config {
        &self.context.config
    }

    /// Reads by `read`. A database file is opened only where it is still the one that the daemon writes, and for this reading
    /// alone: another may be put in its place.
    async fn read<T, F>(&self, read: impl FnOnce() -> F) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, store::Error>>,
    {
        if !self.reader.is_shared() && !self.context.store.call(|s| Ok(s.is_in_place())).await? {
            return Err(SourceError::Replaced);
        }
        let found = read().await;
        if !self.reader.is_shared() {
            self.reader.close_idle();
        }
        Ok(found?)
    }

    async fn status(&self) -> Result<Arc<StatusReport>, SourceError> {
        let read = async || {
            let status = || collect_status(self.config(), &self.reader, None);
            self.read(status).await.map(Arc::new)
        };
        self.status.get(read).await
    }
}

impl Source for Live {
    fn is_alive(&self) -> bool {
        self.pulse.is_beating()
    }

    async fn readiness(&self) -> Result<Readiness, SourceError> {
        let judge = async || {
            let now = view_instant(&self.reader, None).await?;
            readiness(self.config(), &self.reader, now).await
        };
        self.readiness.get(async || self.read(judge).await).await
    }

    async fn status_text(
        &self,
        server: Option<&ServerName>,
    ) -> Result<Option<String>, SourceError> {
        let mut status = StatusReport::clone(&*self.status().await?);
        if let Some(name) = server {
            status.servers.retain(|s| s.name == *name);
            status.open.retain(|i| i.server == *name);
            if status.servers.is_empty() {
                return Ok(None);
            }
        }
        let place = self.config().store.to_string();
        let text = status.to_text(&place, self.context.style());
        Ok(Some(clean_lines(&text)))
    }

    async fn incident_text(&self, id: &str) -> Result<Option<String>, SourceError> {
        let report = self.read(|| load_report(&self.reader, id, None)).await?;
        let text = report.map(|report| explain(&report, self.context.style()).join("\n") + "\n");
        Ok(text.map(|text| clean_lines(&text)))
    }

    fn rest(&self) {
        self.reader.close_idle();
    }
}

/// A value that is read at most once per [`FRESH_FOR`], by one request while the others wait for it.
struct Cached<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Cached<T> {
    async fn get<F>(&self, read: impl FnOnce() -> F) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = &*kept
            && at.elapsed() < FRESH_FOR
        {
            return Ok(value.clone());
        }
        let value = read().await?;
        *kept = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

/// Nothing: monitoring is switched off.
pub(crate) struct Disabled;

impl Source for Disabled {
    fn is_alive(&self) -> bool {
        true
    }

    async fn readiness(&self) -> Result<Readiness, SourceError> {
        Ok(Readiness::default())
    }

    async fn status_text(&self, _: Option<&ServerName>) -> Result<Option<String>, SourceError> {
        Err(SourceError::Disabled)
    }

    async fn incident_text(&self, _: &str) -> Result<Option<String>, SourceError> {
        Err(SourceError::Disabled)
    }
}
