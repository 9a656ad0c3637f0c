//! The way to Postmark.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Url};
use tokio::sync::Semaphore;

use super::account::Account;
use super::error::{Error, ErrorKind};
use super::exchange;
use super::pace::Pace;
use super::server::Server;
use crate::model::Timestamp;
use crate::retry;
use crate::secret::Secret;
use crate::tls::client_builder;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Polls are an hour apart: a connection kept longer is only a stale one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum number of listings that keep what they read while they ask for more. Memory does not grow with the number of servers.
const MAX_KEEPERS: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `https://api.postmarkapp.com`, or where a stand-in listens. A path is kept, a trailing slash does not matter.
    pub base_url: String,
    /// The maximum time of one attempt, from connecting to the last byte of the body.
    pub timeout: Duration,
    pub retry: retry::RetryPolicy,
}

/// The way to Postmark, one for the process: its servers share connections.
#[derive(Clone)]
pub struct Postmark(Arc<Shared>);

pub(super) struct Shared {
    pub(super) client: Client,
    /// The turn to hold a large answer.
    pub(super) large: Semaphore,
    /// The turn to keep the items of several pages.
    pub(super) keep: Semaphore,
    pub(super) base: Url,
    pub(super) retry: retry::RetryPolicy,
    pub(super) pace: Pace,
    /// Requests by the status of the answer; `None` where there was none.
    answers: Mutex<BTreeMap<Option<u16>, u64>>,
}

impl Shared {
    /// Counts a request, which was answered with `status`.
    pub(super) fn count_answer(&self, status: Option<u16>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(status).or_default() += 1;
    }
}

impl Postmark {
    /// Builds the shared client. Sends nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`]: the base URL is none, or the machine has no root certificates.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let setup = |what| Error::new("set up the Postmark client", ErrorKind::Setup(what));
        let base = Url::parse(settings.base_url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| setup("`postmark.base_url` is not an http(s) URL"))?;
        let client = client(&base, settings.timeout).map_err(|_| {
            setup(
                "no TLS; install root certificates (package ca-certificates) or set SSL_CERT_FILE",
            )
        })?;
        Ok(Self(Arc::new(Shared {
            client,
            large: Semaphore::new(1),
            keep: Semaphore::new(MAX_KEEPERS),
            base,
            retry: settings.retry.clone(),
            pace: Pace::new(),
            answers: Mutex::default(),
        })))
    }

    /// Returns the `Date` of any answer of Postmark's; `None` where there is none. One request, without a token.
    pub async fn date(&self) -> Option<Timestamp> {
        let answer = self.0.client.get(self.0.base.clone()).send().await.ok()?;
        exchange::date(answer.headers()).map(Timestamp::from_secs)
    }

    /// Returns how many requests were sent, by the status of the answer; `None` where there was none.
    pub fn requests_by_status(&self) -> BTreeMap<Option<u16>, u64> {
        let answers = &self.0.answers;
        answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn server(&self, token: Secret) -> Server {
        Server::new(Arc::clone(&self.0), token)
    }

    pub fn account(&self, token: Secret) -> Account {
        Account::new(Arc::clone(&self.0), token)
    }
}

fn client(base: &Url, timeout: Duration) -> reqwest::Result<Client> {
    client_builder(base.as_str())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
}
