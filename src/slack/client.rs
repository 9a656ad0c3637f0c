//! The HTTP client: one attempt to post a message, or to look up what became of an earlier one. The outbox, which knows what
//! was tried before, decides whether there is another attempt.

use std::fmt;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Response, Url};
use serde_json::Value;

use crate::model::Timestamp;
use crate::retry::RetryClass;
use crate::retry::parse_retry_after;
use crate::secret::Secret;
use crate::slack::error::Error;
use crate::slack::history::{self, LookupResult, Page};
use crate::slack::response::{self, Dialect, HttpResponse};
use crate::tls::{PROXY_LOGIN, client_builder, demands_proxy_login, is_loopback};

/// The maximum size of an answer, in bytes after decompression. Slack's have a few thousand.
pub(super) const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// The maximum size of a page of a history, in bytes after decompression; other people's messages may be long.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;
/// The maximum number of pages that are read to find one message. People do not write more in the meantime.
const MAX_PAGES: usize = 10;
/// The maximum time to connect, whatever the timeout. A failure to connect proves that nothing was posted.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The content type of every payload.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// A destination of messages, with its credential.
#[derive(Clone, Debug)]
pub enum Sink {
    /// `chat.postMessage` of a bot.
    Bot {
        /// `xoxb-…`.
        token: Secret,
        /// The base URL of the Web API, `https://slack.com/api`.
        base_url: String,
    },
    /// An incoming webhook. Its channel was chosen when it was created.
    Webhook {
        /// The URL, which is all it takes to post.
        url: Secret,
    },
}

/// Slack's confirmation that it posted a message. A webhook names neither channel nor timestamp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The id of the channel; for a message to a user, of the direct conversation (`D…`).
    pub channel: Option<String>,
    /// The timestamp, which is the message's id within the channel.
    pub ts: Option<String>,
}

/// A client for one destination. Clones share one HTTP client.
#[derive(Clone)]
pub struct Slack {
    pub(super) client: Client,
    dialect: Dialect,
    /// The URL to post to; a secret if it is a webhook's.
    pub(super) url: Url,
    /// Covers a whole request.
    #[cfg(feature = "charts")]
    pub(super) timeout: Duration,
}

impl Slack {
    /// Creates a client for `sink`. `timeout` covers a whole request, from connecting to the end of the answer.
    ///
    /// # Errors
    ///
    /// [`RetryClass::Permanent`] if the URL is invalid, or not https and not on loopback, if the token cannot be sent in a
    /// header, or if the machine has no root certificates.
    pub fn new(sink: Sink, timeout: Duration) -> Result<Self, Error> {
        let (dialect, address, token) = match sink {
            Sink::Bot { token, base_url } => {
                let address = format!("{}/chat.postMessage", base_url.trim_end_matches('/'));
                (Dialect::Api, address, Some(token))
            }
            Sink::Webhook { url } => (Dialect::Webhook, url.expose().to_owned(), None),
        };
        let url = parse_url(dialect, &address)?;
        let mut headers = HeaderMap::new();
        if let Some(token) = &token {
            headers.insert(AUTHORIZATION, bearer_header(token)?);
        }
        Ok(Self {
            client: build_client(timeout, headers, &url)?,
            dialect,
            url,
            #[cfg(feature = "charts")]
            timeout,
        })
    }

    /// Posts `payload` once. `channel` is the id or name of a channel, or a user's id for a direct message; a webhook has a
    /// channel of its own and ignores it.
    ///
    /// # Errors
    ///
    /// If Slack did not confirm the message; [`Error::class`] says what that means for the next attempt.
    pub async fn post(&self, channel: Option<&str>, payload: &Value) -> Result<Receipt, Error> {
        self.send(self.url.clone(), channel, payload).await
    }

    /// Replaces the message `ts` in `channel`, the id of a conversation, by `payload` once. Who repeats it changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::post`]; [`Error::calls_for_new_post`] where the message can no longer be edited.
    pub async fn update(&self, channel: &str, ts: &str, payload: &Value) -> Result<Receipt, Error> {
        let url = self.method("chat.update")?;
        let mut payload = payload.clone();
        payload["ts"] = ts.into();
        self.send(url, Some(channel), &payload).await
    }

    /// Returns the URL of a method of the Web API.
    pub(super) fn method(&self, name: &str) -> Result<Url, Error> {
        self.url.join(name).map_err(|_| {
            let message = format!("cannot call {name}: slack.base_url takes no method");
            Error::new(RetryClass::Permanent, message)
        })
    }

    /// Whether it is a simulation on this machine, where nothing needs to be encrypted.
    #[cfg(feature = "charts")]
    pub(super) fn is_local(&self) -> bool {
        is_loopback(self.url.as_str())
    }

    async fn send(
        &self,
        url: Url,
        channel: Option<&str>,
        payload: &Value,
    ) -> Result<Receipt, Error> {
        let body = self.build_body(channel, payload)?;
        let request = self.client.post(url);
        let request = request.header(CONTENT_TYPE, JSON).body(body);
        let received = request.send().await.map_err(send_error)?;
        response::read(self.dialect, &receive(received, MAX_ANSWER_BYTES).await)
    }

    /// Returns whether messages can be edited and replied to.
    pub fn has_threads(&self) -> bool {
        self.dialect == Dialect::Api
    }

    /// Looks for the message whose metadata hold `key` among those posted after `since` to `channel`, the id of a
    /// conversation, or to the thread of one message in it. The history is unreadable with a webhook, without the scope, or if the channel is too busy.
    ///
    /// # Errors
    ///
    /// [`RetryClass::Retry`] if Slack cannot answer at the moment.
    pub async fn find(
        &self,
        channel: &str,
        thread: Option<&str>,
        key: &str,
        since: Timestamp,
    ) -> Result<LookupResult, Error> {
        if self.dialect == Dialect::Webhook {
            return Ok(LookupResult::Unreadable(
                "an incoming webhook cannot read messages".to_owned(),
            ));
        }
        let mut cursor = Some(String::new());
        for _ in 0..MAX_PAGES {
            let Some(from) = cursor.take() else {
                return Ok(LookupResult::Absent);
            };
            let query = history::query(channel, thread, since, &from);
            let method = match thread {
                None => "conversations.history",
                Some(_) => "conversations.replies",
            };
            let page = self.fetch_page(method, &query).await?;
            match history::read(&page, channel, key) {
                Ok(Page::Found(receipt)) => return Ok(LookupResult::Found(receipt)),
                Ok(Page::NotFound { next }) => cursor = next,
                Err(error) if error.class == RetryClass::Permanent => {
                    return Ok(LookupResult::Unreadable(error.message));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(match cursor {
            None => LookupResult::Absent,
            Some(_) => LookupResult::Unreadable(
                "too many messages were written in the channel since".to_owned(),
            ),
        })
    }

    async fn fetch_page(
        &self,
        method: &str,
        query: &[(&str, String)],
    ) -> Result<HttpResponse, Error> {
        let url = self.url.join(method).map_err(|_| {
            let message = "cannot read the channel's history: slack.base_url takes no method";
            Error::new(RetryClass::Permanent, message)
        })?;
        let request = self.client.get(url).query(query);
        let response = request.send().await.map_err(|error| {
            let why = error_chain(error);
            let message = format!("cannot read the channel's history: {why}");
            Error::new(RetryClass::Retry, message)
        })?;
        Ok(receive(response, MAX_PAGE_BYTES).await)
    }

    /// Adds the channel for the Web API; a webhook takes neither a channel nor metadata.
    fn build_body(&self, channel: Option<&str>, payload: &Value) -> Result<String, Error> {
        let Value::Object(mut fields) = payload.clone() else {
            return Err(Error::new(
                RetryClass::BadPayload,
                "cannot post to Slack: the payload is not an object",
            ));
        };
        match (self.dialect, channel.filter(|channel| !channel.is_empty())) {
            (Dialect::Api, Some(channel)) => {
                fields.insert("channel".to_owned(), channel.into());
            }
            (Dialect::Api, None) => {
                let message =
                    "cannot post to Slack: no channel is set; set SLACK_OPERATOR_DM_CHANNEL";
                return Err(Error::new(RetryClass::Permanent, message));
            }
            (Dialect::Webhook, _) => {
                fields.remove("metadata");
            }
        }
        Ok(Value::Object(fields).to_string())
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack")
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

/// Builds a client that uses each connection once. Messages are rare, and a connection that the server has closed in the
/// meantime would leave it open whether the next message was posted. For the same reason it does not retry.
pub(super) fn build_client(
    timeout: Duration,
    headers: HeaderMap,
    url: &Url,
) -> Result<Client, Error> {
    let builder = client_builder(url.as_str())
        .default_headers(headers)
        .timeout(timeout)
        .connect_timeout(MAX_CONNECT_TIMEOUT.min(timeout / 2))
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0);
    builder.build().map_err(|error| {
        let why = error_chain(error);
        let message = format!(
            "cannot create the client for Slack: {why}; check that ca-certificates are installed"
        );
        Error::new(RetryClass::Permanent, message)
    })
}

/// Parses the URL to post to. The parser's own error is not repeated, as it may quote the webhook.
fn parse_url(dialect: Dialect, address: &str) -> Result<Url, Error> {
    let name = match dialect {
        Dialect::Api => "slack.base_url",
        Dialect::Webhook => "SLACK_WEBHOOK_URL",
    };
    let url = Url::parse(address).ok().filter(Url::has_host);
    let is_safe = |url: &Url| {
        url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url.as_str()))
    };
    url.filter(is_safe).ok_or_else(|| {
        let message = format!(
            "cannot post to Slack: {name} is not an https URL; copy it from the app's settings again"
        );
        Error::new(RetryClass::Permanent, message)
    })
}

/// Returns the bot's credential, marked as sensitive so that no layer below prints it.
fn bearer_header(token: &Secret) -> Result<HeaderValue, Error> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| {
        let message =
            "cannot post to Slack: SLACK_BOT_TOKEN has characters that no token has; copy it again";
        Error::new(RetryClass::Permanent, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the error for a request without an answer. Nothing was posted if the request was not sent completely.
pub(super) fn send_error(error: reqwest::Error) -> Error {
    if demands_proxy_login(&error) {
        return Error::new(
            RetryClass::Retry,
            format!("cannot reach Slack: {PROXY_LOGIN}"),
        );
    }
    if error.is_connect() || is_incomplete_send(&error) {
        let hint =
            "check the network, the proxy if there is one, and that ca-certificates are installed";
        return Error::new(
            RetryClass::Retry,
            format!("cannot reach Slack: {}; {hint}", error_chain(error)),
        );
    }
    if error.is_builder() {
        let message = format!("cannot build the request to Slack: {}", error_chain(error));
        return Error::new(RetryClass::Permanent, message);
    }
    let why = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        error_chain(error)
    };
    let message = format!("Slack may or may not have posted the message: {why}");
    Error::new(RetryClass::Unconfirmed, message)
}

/// Returns whether the request failed while it was being written, so that the server has no complete message to post.
///
/// hyper says so only in the text of its errors; of the system's errors, `BrokenPipe` is returned for writes alone.
fn is_incomplete_send(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        let text = error.to_string();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
            || text.starts_with("operation was canceled")
            || text.starts_with("error writing a body to connection")
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns the text of `error` and of its sources, without the URL.
fn error_chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Reads a response whose body has at most `max_bytes`.
pub(super) async fn receive(mut response: Response, max_bytes: usize) -> HttpResponse {
    HttpResponse {
        status: response.status().as_u16(),
        retry_after: retry_after(response.headers()),
        body: read_body(&mut response, max_bytes).await,
    }
}

async fn read_body(response: &mut Response, max_bytes: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > max_bytes {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// Returns the wait that `Retry-After` asks for. A date counts from the answer's own `Date`, so that a wrong local clock
/// does no harm.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let date = text(DATE).and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
    let value = text(RETRY_AFTER)?;
    match date {
        Some(date) => parse_retry_after(value, date.timestamp()),
        // Without one only a number of seconds can be read.
        None => value.trim().parse().ok().map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests;
