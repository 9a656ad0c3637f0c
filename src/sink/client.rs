//! One attempt to bring a transition to a sink, and what the answer means for the next one.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use crate::model::Timestamp;
use crate::retry::parse_retry_after;
use crate::sink::request::{Event, build};
use crate::sink::{Destination, SinkKind};
use crate::tls::{PROXY_LOGIN, demands_proxy_login, install_provider, is_loopback};

/// The maximum time to connect, whatever the timeout.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("hushwatch/", env!("CARGO_PKG_VERSION"));
const JSON: &str = "application/json; charset=utf-8";

/// What a failure means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// The same may succeed later. Where the sink knows a repeat by its key, an answer that never came is of this kind too.
    Retry,
    /// No attempt succeeds before somebody changes the credential or the address.
    Permanent,
    /// This transition is refused; others may be taken.
    Refused,
    /// No answer says whether it was taken, and a repeat would be told twice.
    Unconfirmed,
}

impl SendFailure {
    /// Returns the name that metrics and the log use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Permanent => "permanent",
            Self::Refused => "bad_payload",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// A request that a sink did not take. Holds neither its URL nor its credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub failure: SendFailure,
    pub retry_after: Option<Duration>,
    pub message: String,
}

impl Error {
    pub fn new(failure: SendFailure, message: impl Into<String>) -> Self {
        Self {
            failure,
            retry_after: None,
            message: message.into(),
        }
    }
}

/// A client of one sink.
#[derive(Clone, Debug)]
pub struct SinkClient {
    name: String,
    destination: Destination,
    client: Client,
}

impl SinkClient {
    /// Creates a client for the sink called `name`. `timeout` covers a whole request.
    ///
    /// # Errors
    /// Where the machine has no root certificates.
    pub fn new(name: &str, destination: Destination, timeout: Duration) -> Result<Self, Error> {
        install_provider();
        let client = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(MAX_CONNECT_TIMEOUT))
            .user_agent(USER_AGENT)
            // A redirect would carry the credential elsewhere.
            .redirect(Policy::none())
            .referer(false)
            .https_only(!is_loopback(destination.url.expose()))
            .build()
            .map_err(|_| {
                Error::new(SendFailure::Permanent, "cannot create the client of a sink")
            })?;
        Ok(Self {
            name: name.to_owned(),
            destination,
            client,
        })
    }

    /// Returns its kind.
    pub const fn kind(&self) -> SinkKind {
        self.destination.kind
    }

    /// Makes one attempt to bring a transition, the frozen JSON `body`, under a `key` that stays the same at every attempt.
    ///
    /// # Errors
    /// Where it was not taken, or nothing says so.
    pub async fn send(&self, key: &str, body: &str, at: Timestamp) -> Result<(), Error> {
        let request = build(&self.destination, Event { key, body, at })
            .map_err(|why| self.error(SendFailure::Permanent, &why))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        for (name, value) in request.headers {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| self.error(SendFailure::Permanent, "its credential cannot be sent"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let sent = self
            .client
            .post(request.url)
            .headers(headers)
            .body(request.body);
        match sent.send().await {
            Ok(response) => self.read(&response, at),
            Err(error) => Err(self.unanswered(&error)),
        }
    }

    fn read(&self, response: &Response, at: Timestamp) -> Result<(), Error> {
        let status = response.status();
        let (failure, why) = match status {
            _ if status.is_success() => return Ok(()),
            // A close of what was never opened there, or is closed.
            StatusCode::NOT_FOUND if self.is_close(response) => return Ok(()),
            StatusCode::GONE => (
                SendFailure::Permanent,
                "it is gone for good; remove the sink, or correct its `url`",
            ),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                (SendFailure::Retry, "it asks to be left alone for a while")
            }
            _ if status.is_server_error() => (SendFailure::Retry, "it is in trouble"),
            _ if status.is_redirection() => (
                SendFailure::Permanent,
                "it redirects, which is not followed; write the address that it redirects to into `url`",
            ),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                (SendFailure::Permanent, "it refuses the credential")
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                (SendFailure::Permanent, "there is nothing at its `url`")
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => (SendFailure::Permanent, PROXY_LOGIN),
            _ => (SendFailure::Refused, "it refuses the message"),
        };
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        Err(Error {
            retry_after: retry_after
                .and_then(|value| parse_retry_after(value, at.0.div_euclid(1_000))),
            ..self.error(failure, &format!("{why} (HTTP status {})", status.as_u16()))
        })
    }

    /// Whether the request was to end an alert of Opsgenie's.
    fn is_close(&self, response: &Response) -> bool {
        self.kind() == SinkKind::Opsgenie && response.url().path().ends_with("/close")
    }

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        if demands_proxy_login(error) {
            return self.error(SendFailure::Permanent, PROXY_LOGIN);
        }
        if error.is_connect() || error.is_builder() {
            return self.error(SendFailure::Retry, "it cannot be reached");
        }
        self.without_answer()
    }

    /// Returns the error of a request that got no answer.
    pub fn without_answer(&self) -> Error {
        let failure = match self.kind().knows_repeats() {
            true => SendFailure::Retry,
            false => SendFailure::Unconfirmed,
        };
        self.error(failure, "it gave no answer")
    }

    fn error(&self, failure: SendFailure, why: &str) -> Error {
        Error::new(failure, format!("sink `{}`: {why}", self.name))
    }
}
