//! One token, and how it asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use reqwest::header::{HeaderName, HeaderValue};

use super::client::Shared;
use super::convert::Flaw;
use super::error::{Error, ErrorKind};
use super::exchange::Request;
use crate::model::Timestamp;
use crate::retry;
use crate::secret::Secret;

/// In place of a date where there was none.
const NO_DATE: i64 = i64::MIN;

/// What a token belongs to; each kind has a header of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Server,
    Account,
}

impl TokenKind {
    pub(super) const fn header(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::Server => "x-postmark-server-token",
            Self::Account => "x-postmark-account-token",
        })
    }

    pub(super) const fn rejection(self) -> ErrorKind {
        match self {
            Self::Server => ErrorKind::TokenRefused,
            Self::Account => ErrorKind::AccountTokenRefused,
        }
    }
}

/// Asks with one token, again where that may help, and counts its requests.
pub(super) struct Caller {
    pub(super) shared: Arc<Shared>,
    pub(super) token_kind: TokenKind,
    pub(super) token: Secret,
    /// `None` where the token cannot be sent in a header.
    header: Option<HeaderValue>,
    requests: AtomicU64,
    /// The date of the last answer that bore one, in seconds since 1970.
    pub(super) last_date: AtomicI64,
    /// How many requests there may be; from then on nothing is tried again.
    max_requests: AtomicU64,
}

impl Caller {
    pub(super) fn new(shared: Arc<Shared>, token_kind: TokenKind, token: Secret) -> Self {
        let header = HeaderValue::from_str(token.expose()).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self {
            shared,
            token_kind,
            token,
            header,
            requests: AtomicU64::new(0),
            last_date: AtomicI64::new(NO_DATE),
            max_requests: AtomicU64::new(u64::MAX),
        }
    }

    /// Returns the number of requests sent so far, every attempt counted.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the last answer's own date, to the second; `None` before there was one.
    pub(super) fn last_date(&self) -> Option<Timestamp> {
        let seconds = self.last_date.load(Ordering::Relaxed);
        (seconds != NO_DATE).then(|| Timestamp::from_secs(seconds))
    }

    /// Allows `max` requests in all, those sent so far included: then a failed one is not tried again.
    pub(super) fn allow(&self, max: u64) {
        self.max_requests.store(max, Ordering::Relaxed);
    }

    /// Sends a request and reads its answer with `decode`. Every change is the same if it is made twice, so it is tried
    /// again like a question.
    pub(super) async fn fetch<T>(
        &self,
        request: &Request<'_>,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        let Some(header) = &self.header else {
            return Err(self.error(request, ErrorKind::TokenRefused));
        };
        let decode = &decode;
        retry::retry(&self.shared.retry, || async move {
            let before = self.requests.fetch_add(1, Ordering::Relaxed);
            let is_last = before + 1 >= self.max_requests.load(Ordering::Relaxed);
            let answer = self.attempt(header, request, decode).await;
            answer.map_err(|error| Error { is_last, ..error })
        })
        .await
    }

    /// Returns a `GET` of `path`, in which `id` takes the place of `{id}`. `doing` is the object of "failed to …".
    pub(super) fn request<'a>(
        &self,
        doing: impl Into<String>,
        path: &'static str,
        id: &str,
    ) -> Request<'a> {
        let mut url = self.shared.base.clone();
        let parts = path.split('/').skip(1);
        url.path_segments_mut()
            .expect("an http URL with a host has a path")
            .pop_if_empty()
            .extend(parts.map(|part| if part == "{id}" { id } else { part }));
        url.set_query(None);
        url.set_fragment(None);
        Request::new(doing.into(), path, url)
    }
}
