//! Sends envelopes to Sentry: one attempt, and what the answer means.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use tokio::time::Instant;

use crate::model::Timestamp;
use crate::retry::parse_retry_after;
use crate::sentry::limits::Limits;
use crate::sentry::{Category, Dsn};
use crate::tls::{self, USER_AGENT};

/// The time one request may take: nothing waits for Sentry.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why Sentry did not take something. No text contains the DSN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("cannot create the client for Sentry")]
    Client,
    #[error("Sentry cannot be reached; check SENTRY_DSN and the network")]
    Unreachable,
    #[error("Sentry gave no answer in time")]
    Timeout,
    #[error("Sentry cannot be reached: {}", tls::PROXY_LOGIN)]
    ProxyLogin,
    #[error(
        "Sentry refuses the DSN (HTTP status {0}); copy it anew from the project's settings into SENTRY_DSN"
    )]
    Refused(u16),
    #[error("Sentry takes nothing for a while, since a rate limit or a quota is reached")]
    Limited,
    #[error("Sentry answered with HTTP status {0}")]
    Status(u16),
}

/// A client of one Sentry project.
#[derive(Debug)]
pub struct Sentry {
    dsn: Dsn,
    client: reqwest::Client,
    limits: Mutex<Limits>,
    /// Whether the log knows that it takes nothing.
    is_down: AtomicBool,
}

impl Sentry {
    /// Creates a client.
    ///
    /// # Errors
    /// Where the machine has no root certificates.
    pub fn new(dsn: Dsn) -> Result<Self, Error> {
        let url = dsn.envelope_url.expose();
        let client = tls::client_builder(url)
            .timeout(TIMEOUT)
            .https_only(!tls::is_loopback(url))
            .build()
            .map_err(|_| Error::Client)?;
        Ok(Self {
            dsn,
            client,
            limits: Mutex::default(),
            is_down: AtomicBool::new(false),
        })
    }

    /// Sends an envelope that holds one item of a category, unless that is limited. Logs the first failure of several in a row, and
    /// the end of them.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn send(
        &self,
        category: Category,
        envelope: String,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sent = self.attempt(category, envelope, now).await;
        match &sent {
            Ok(()) if self.is_down.swap(false, Ordering::Relaxed) => {
                tracing::info!("Sentry takes events again");
            }
            Ok(()) => {}
            Err(error) if self.is_down.swap(true, Ordering::Relaxed) => {
                tracing::debug!("{error}");
            }
            Err(error) => tracing::warn!("{error}; cycles go on without it"),
        }
        sent
    }

    async fn attempt(
        &self,
        category: Category,
        envelope: String,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.limits().holds(category, Instant::now()) {
            return Err(Error::Limited);
        }
        let auth = format!(
            "Sentry sentry_version=7, sentry_key={}, sentry_client={USER_AGENT}",
            self.dsn.key.expose()
        );
        let mut auth = HeaderValue::from_str(&auth).map_err(|_| Error::Refused(400))?;
        auth.set_sensitive(true);
        let request = self
            .client
            .post(self.dsn.envelope_url.expose())
            .header("content-type", "application/x-sentry-envelope")
            .header("x-sentry-auth", auth)
            .body(envelope);
        let answer = request.send().await.map_err(|error| failure(&error))?;
        let status = answer.status().as_u16();
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
        let retry_after = header(RETRY_AFTER.as_str());
        let retry_after =
            retry_after.and_then(|value| parse_retry_after(value, now.0.div_euclid(1_000)));
        let limits = header("x-sentry-rate-limits");
        self.limits()
            .take(limits, status == 429, retry_after, Instant::now());
        match status {
            200..=299 => Ok(()),
            429 => Err(Error::Limited),
            401 | 403 | 404 => Err(Error::Refused(status)),
            other => Err(Error::Status(other)),
        }
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(error: &reqwest::Error) -> Error {
    tls::unanswered(error, Error::Timeout, Error::ProxyLogin, Error::Unreachable)
}
