//! One token, and how it asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::client::Shared;
use super::convert::Flaw;
use super::error::{Error, ErrorKind};
use super::exchange::{Ask, Change, Exchange};
use crate::model::Timestamp;
use crate::retry;
use crate::secret::Secret;

/// In place of a date where there was none.
const NEVER: i64 = i64::MIN;

/// What a token is of; each kind has a header of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenOf {
    Server,
    Account,
}

impl TokenOf {
    const fn header(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::Server => "x-postmark-server-token",
            Self::Account => "x-postmark-account-token",
        })
    }

    /// The refusal of a token of this kind.
    pub(super) const fn refused(self) -> ErrorKind {
        match self {
            Self::Server => ErrorKind::TokenRefused,
            Self::Account => ErrorKind::AccountTokenRefused,
        }
    }
}

/// Asks with one token, again where that may help, and counts its requests.
pub(super) struct Caller {
    shared: Arc<Shared>,
    of: TokenOf,
    token: Secret,
    /// `None` where the token cannot be sent in a header.
    header: Option<HeaderValue>,
    requests: AtomicU64,
    /// The date of the last answer that bore one, in seconds since 1970.
    dated: AtomicI64,
    /// How many requests there may be; from then on nothing is tried again.
    most: AtomicU64,
}

impl Caller {
    pub(super) fn new(shared: Arc<Shared>, of: TokenOf, token: Secret) -> Self {
        let header = HeaderValue::from_str(token.expose()).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self {
            shared,
            of,
            token,
            header,
            requests: AtomicU64::new(0),
            dated: AtomicI64::new(NEVER),
            most: AtomicU64::new(u64::MAX),
        }
    }

    /// Requests sent so far, every attempt counted.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The last answer's own date, to the second; `None` before there was one.
    pub(super) fn dated(&self) -> Option<Timestamp> {
        let seconds = self.dated.load(Ordering::Relaxed);
        (seconds != NEVER).then(|| Timestamp::from_secs(seconds))
    }

    /// Lets there be `most` requests in all, those sent so far included: then a failed one is not tried again.
    pub(super) fn allow(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Asks, which changes nothing.
    pub(super) async fn fetch<T>(
        &self,
        ask: &Ask<'_>,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        self.exchange(ask, None, decode).await
    }

    /// Asks for a change that is the same if it is made twice: it is tried again like a question.
    pub(super) async fn change<T>(
        &self,
        ask: &Ask<'_>,
        change: Change,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        self.exchange(ask, Some(&change), decode).await
    }

    async fn exchange<T>(
        &self,
        ask: &Ask<'_>,
        change: Option<&Change>,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        let Some(header) = &self.header else {
            return Err(Error::new(&ask.doing, self.of.refused()));
        };
        let exchange = Exchange {
            client: &self.shared.client,
            large: &self.shared.large,
            of: self.of,
            token: &self.token,
            header: (self.of.header(), header),
            dated: &self.dated,
            ask,
            change,
        };
        let (exchange, decode) = (&exchange, &decode);
        retry::retry(&self.shared.retry, || async move {
            let before = self.requests.fetch_add(1, Ordering::Relaxed);
            let is_last = before + 1 >= self.most.load(Ordering::Relaxed);
            let answer = exchange.run(decode).await;
            answer.map_err(|error| if is_last { error.for_good() } else { error })
        })
        .await
    }

    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.shared.base.clone();
        url.path_segments_mut()
            .expect("an http URL with a host has a path")
            .pop_if_empty()
            .extend(path);
        url.set_query(None);
        url.set_fragment(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}
