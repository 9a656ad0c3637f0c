//! One attempt: send, read within a limit, judge the status.

use std::error::Error as Cause;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode, Url};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::caller::TokenOf;
use super::convert::Flaw;
use super::error::{Error, ErrorKind, Fault};
use super::{quote, wire};
use crate::model::StreamId;
use crate::retry;
use crate::secret::Secret;

/// An error is a sentence; what is longer is somebody's web page.
const ERROR_LIMIT: usize = 64 << 10;
/// What is longer is held in memory by one request at a time: servers are asked side by side, and each may answer at length.
const LARGE: usize = 1 << 20;

/// What is asked.
pub(super) struct Ask<'a> {
    /// The object of "failed to …"; holds no address and no control character.
    pub(super) doing: String,
    /// The path's template, for the log.
    pub(super) path: &'static str,
    /// The stream, for the log.
    pub(super) stream: Option<&'a StreamId>,
    /// Where.
    pub(super) url: Url,
    /// Longest body in bytes, after decompression.
    pub(super) limit: usize,
}

/// What is to be changed there.
pub(super) struct Change {
    pub(super) method: Method,
    /// JSON, or empty.
    pub(super) body: String,
}

/// What an attempt needs.
pub(super) struct Exchange<'a> {
    pub(super) client: &'a Client,
    pub(super) large: &'a Semaphore,
    pub(super) of: TokenOf,
    pub(super) token: &'a Secret,
    pub(super) header: (HeaderName, &'a HeaderValue),
    /// Takes the date of each answer, in seconds since 1970.
    pub(super) dated: &'a AtomicI64,
    pub(super) ask: &'a Ask<'a>,
    /// `None` for a question.
    pub(super) change: Option<&'a Change>,
}

impl Exchange<'_> {
    /// Asks once and reads the answer with `decode`.
    pub(super) async fn run<T>(
        &self,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let response = self.send().await;
        let status = response.as_ref().ok().map(|r| r.status().as_u16());
        if let Some(date) = response.as_ref().ok().and_then(|r| date(r.headers())) {
            self.dated.store(date, Ordering::Relaxed);
        }
        let result = match response {
            Ok(response) => self.read(response, decode).await,
            Err(error) => Err(error),
        };
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (path, stream) = (self.ask.path, self.ask.stream.map(|s| s.0.as_str()));
        tracing::debug!(path, stream, status, duration_ms, "asked Postmark");
        result
    }

    async fn send(&self) -> Result<Response, Error> {
        let json = HeaderValue::from_static("application/json");
        let url = self.ask.url.clone();
        let request = match self.change {
            None => self.client.get(url),
            Some(change) => self
                .client
                .request(change.method.clone(), url)
                .header(CONTENT_TYPE, json.clone())
                .body(change.body.clone()),
        };
        request
            .header(self.header.0.clone(), self.header.1)
            .header(ACCEPT, json)
            .send()
            .await
            .map_err(|error| self.error(ErrorKind::Unreachable(fault(&error))))
    }

    async fn read<T>(
        &self,
        response: Response,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        let status = response.status();
        if status != StatusCode::OK {
            return Err(self.refusal(response).await);
        }
        let body = Body::read(response, self.ask.limit, self.large)
            .await
            .map_err(|kind| self.error(kind))?;
        let body = body.bytes.as_slice();
        decode(body).map_err(|flaw| {
            let envelope = wire::envelope(body);
            self.quoting(kind(status, envelope.as_ref(), flaw), envelope)
        })
    }

    async fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        // A body that cannot be read takes nothing from what the status says.
        let body = Body::read(response, ERROR_LIMIT, self.large).await.ok();
        let envelope = body.and_then(|body| wire::envelope(&body.bytes));
        let kind = kind(status, envelope.as_ref(), "an unexpected status");
        self.quoting(kind, envelope)
            .answered(status.as_u16())
            .after(retry_after)
    }

    fn error(&self, kind: ErrorKind) -> Error {
        let kind = match kind {
            ErrorKind::TokenRefused => self.of.refused(),
            kind => kind,
        };
        Error::new(&self.ask.doing, kind)
    }

    fn quoting(&self, kind: ErrorKind, envelope: Option<wire::Envelope>) -> Error {
        let said = envelope
            .and_then(|e| e.message)
            .map(|message| quote::said(&message, self.token))
            .filter(|said| !said.is_empty());
        self.error(kind).quoting(said)
    }
}

/// What an answer without a usable body means; `flaw` is what is wrong with a 2xx.
///
/// The account's codes are looked for in every answer: where they come with a read is not documented.
pub(super) fn kind(status: StatusCode, envelope: Option<&wire::Envelope>, flaw: Flaw) -> ErrorKind {
    let code = envelope.map(|e| e.code);
    match (status.as_u16(), code) {
        (_, Some(code @ (405 | 412 | 413 | 422))) => ErrorKind::AccountInactive(code),
        (401, _) | (400..=499, Some(10)) => ErrorKind::TokenRefused,
        (422, Some(701)) => ErrorKind::NotFound,
        (429, _) => ErrorKind::TooMany,
        (status @ (408 | 500..), _) => ErrorKind::Server(status),
        (status @ 300..=499, code) => ErrorKind::Refused { status, code },
        (200, Some(_)) => ErrorKind::Malformed("an error with status 200"),
        _ => ErrorKind::Malformed(flaw),
    }
}

/// A decompressed body.
struct Body<'a> {
    bytes: Vec<u8>,
    /// Held for as long as a large one is.
    turn: Option<SemaphorePermit<'a>>,
}

impl<'a> Body<'a> {
    /// Reads it, if it is no longer than `limit` bytes.
    async fn read(
        mut response: Response,
        limit: usize,
        large: &'a Semaphore,
    ) -> Result<Self, ErrorKind> {
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |length| length > limit) {
            return Err(ErrorKind::TooLarge);
        }
        let mut body = Self {
            bytes: Vec::new(),
            turn: None,
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            let length = body.bytes.len() + chunk.len();
            if length > limit {
                return Err(ErrorKind::TooLarge);
            }
            if length > LARGE && body.turn.is_none() {
                // Never closed; and without a permit it would still be read.
                body.turn = large.acquire().await.ok();
            }
            body.bytes.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// What a failure in the middle of a body means.
fn broken(error: &reqwest::Error) -> ErrorKind {
    match fault(error) {
        fault @ (Fault::TimedOut | Fault::Reset) => ErrorKind::Unreachable(fault),
        _ => ErrorKind::Malformed("it is cut short or badly compressed"),
    }
}

/// `Retry-After`; a date is read against the answer's own `Date`, so that our clock does not matter.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER)?.to_str().ok()?;
    match date(headers) {
        Some(now) => retry::parse_retry_after(asked, now),
        None if asked.trim().starts_with(|c: char| c.is_ascii_digit()) => {
            retry::parse_retry_after(asked, 0)
        }
        None => None,
    }
}

/// The answer's own `Date`, in seconds since 1970.
fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.timestamp())
}

/// Why a connection failed. `reqwest` says it only in the chain of causes, and its own text names the URL.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::TimedOut;
    }
    let mut cause = error.source();
    while let Some(this) = cause {
        if let Some(fault) = known(this) {
            return fault;
        }
        // An I/O error shows what it wraps only here: its `source` is that of the wrapped one.
        let wrapped = this
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause = wrapped.map_or_else(|| this.source(), |inner| Some(inner));
    }
    Fault::Other
}

/// What one cause of a chain tells by itself.
fn known(cause: &(dyn Cause + 'static)) -> Option<Fault> {
    if cause.is::<rustls::Error>() {
        return Some(Fault::Tls);
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Fault::Refused),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Some(Fault::Reset),
            io::ErrorKind::TimedOut => Some(Fault::TimedOut),
            _ => None,
        };
    }
    // The types behind these two are private to their crates.
    match cause.to_string() {
        text if text.starts_with("dns error") => Some(Fault::Dns),
        text if text.starts_with("connection closed before message completed") => {
            Some(Fault::Reset)
        }
        _ => None,
    }
}
