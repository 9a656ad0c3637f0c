//! One attempt: send, read within a limit, judge the status.

use std::error::Error as Cause;
use std::fmt::Display;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::caller::Caller;
use super::convert::Flaw;
use super::error::{Error, ErrorKind, Fault};
use super::{quote, wire};
use crate::model::StreamId;
use crate::retry;
use crate::tls;

/// An error is a sentence; what is longer is somebody's web page.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// What is longer is held in memory by one request at a time: servers are asked side by side, and each may answer at length.
const LARGE_BYTES: usize = 1 << 20;
/// For answers that are small by nature.
const MAX_SMALL_BYTES: usize = 4 << 20;

/// A request, without the token.
pub(super) struct Request<'a> {
    /// The object of "failed to …"; holds no address and no control character.
    doing: String,
    /// The path's template, for the log.
    path: &'static str,
    /// The stream, for the log.
    stream: Option<&'a StreamId>,
    url: Url,
    method: Method,
    body: String,
    /// The maximum length of the answer's body in bytes, after decompression.
    max_bytes: usize,
}

impl<'a> Request<'a> {
    pub(super) const fn new(doing: String, path: &'static str, url: Url) -> Self {
        Self {
            doing,
            path,
            stream: None,
            url,
            method: Method::GET,
            body: String::new(),
            max_bytes: MAX_SMALL_BYTES,
        }
    }

    pub(super) fn query(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        self.url.query_pairs_mut().append_pair(name, &value);
        self
    }

    pub(super) fn query_if_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(super) const fn stream(mut self, stream: Option<&'a StreamId>) -> Self {
        self.stream = stream;
        self
    }

    pub(super) fn change(mut self, method: Method, body: String) -> Self {
        (self.method, self.body) = (method, body);
        self
    }

    pub(super) const fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

impl Caller {
    /// Asks once and reads the answer with `decode`.
    pub(super) async fn attempt<T>(
        &self,
        token: &HeaderValue,
        request: &Request<'_>,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        let turn = self.shared.pace.turn().await;
        let started = Instant::now();
        let response = self.send(token, request).await;
        let status = response.as_ref().ok().map(|r| r.status().as_u16());
        turn.answered(status == Some(429));
        self.shared.count_answer(status);
        if let Some(date) = response.as_ref().ok().and_then(|r| date(r.headers())) {
            self.last_date.store(date, Ordering::Relaxed);
        }
        let result = match response {
            Ok(response) => self.read(request, response, decode).await,
            Err(error) => Err(error),
        };
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (path, stream) = (request.path, request.stream.map(|s| s.0.as_str()));
        tracing::debug!(path, stream, status, duration_ms, "asked Postmark");
        result
    }

    async fn send(&self, token: &HeaderValue, request: &Request<'_>) -> Result<Response, Error> {
        let json = HeaderValue::from_static("application/json");
        let (method, client) = (request.method.clone(), &self.shared.client);
        let mut builder = client
            .request(method, request.url.clone())
            .header(self.token_kind.header(), token)
            .header(ACCEPT, json.clone());
        if request.method != Method::GET {
            builder = builder
                .header(CONTENT_TYPE, json)
                .body(request.body.clone());
        }
        let sent = builder.send().await;
        sent.map_err(|error| self.error(request, ErrorKind::Unreachable(fault(&error))))
    }

    async fn read<T>(
        &self,
        request: &Request<'_>,
        response: Response,
        decode: impl Fn(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        let status = response.status();
        if status != StatusCode::OK {
            return Err(self.refusal(request, response).await);
        }
        let body = Body::read(response, request.max_bytes, &self.shared.large)
            .await
            .map_err(|kind| self.error(request, kind))?;
        let body = body.bytes.as_slice();
        decode(body).map_err(|flaw| {
            let envelope = wire::envelope(body);
            self.quoting(request, kind(status, envelope.as_ref(), flaw), envelope)
        })
    }

    async fn refusal(&self, request: &Request<'_>, response: Response) -> Error {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        // A body that cannot be read takes nothing from what the status says.
        let body = Body::read(response, MAX_ERROR_BYTES, &self.shared.large);
        let envelope = body.await.ok().and_then(|b| wire::envelope(&b.bytes));
        let kind = kind(status, envelope.as_ref(), "an unexpected status");
        Error {
            status: Some(status.as_u16()),
            retry_after,
            ..self.quoting(request, kind, envelope)
        }
    }

    pub(super) fn error(&self, request: &Request<'_>, kind: ErrorKind) -> Error {
        let kind = match kind {
            ErrorKind::TokenRefused => self.token_kind.rejection(),
            kind => kind,
        };
        Error::new(&request.doing, kind)
    }

    fn quoting(
        &self,
        request: &Request<'_>,
        kind: ErrorKind,
        envelope: Option<wire::Envelope>,
    ) -> Error {
        let said = envelope
            .and_then(|e| e.message)
            .map(|message| quote::quote(&message, &self.token))
            .filter(|said| !said.is_empty());
        Error {
            said,
            ..self.error(request, kind)
        }
    }
}

/// Returns what an answer without a usable body means; `flaw` is what is wrong with a 2xx.
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
            if length > LARGE_BYTES && body.turn.is_none() {
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

/// Returns `Retry-After`; a date is read against the answer's own `Date`, so that our clock does not matter.
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

/// Returns the answer's own `Date`, in seconds since 1970.
pub(super) fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.timestamp())
}

/// Returns why a connection failed. `reqwest` says it only in the chain of causes, and its own text names the URL.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::TimedOut;
    }
    if tls::demands_proxy_login(error) {
        return Fault::ProxyLogin;
    }
    let mut cause = error.source();
    while let Some(this) = cause {
        if let Some(fault) = fault_of_cause(this) {
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

/// Returns what one cause of a chain says by itself.
fn fault_of_cause(cause: &(dyn Cause + 'static)) -> Option<Fault> {
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
