//! One attempt to post, or to find what an earlier one came to. Whether there is another is for the outbox to decide,
//! which knows what was tried before.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::Value;

use crate::model::Timestamp;
use crate::retry::parse_retry_after;
use crate::secret::Secret;
use crate::slack::answer::{self, Answer, Dialect};
use crate::slack::error::{Class, Error};
use crate::slack::history::{self, Page, Trace};

/// Most that is read of an answer, in bytes after decompression. Slack's are a few thousand.
pub(super) const LONGEST_ANSWER: usize = 256 * 1024;
/// Most that is read of a page of a history, in bytes after decompression: other people's messages may be long.
const LONGEST_PAGE: usize = 4 * 1024 * 1024;
/// Pages of a history that are read for one message. More was not written in a channel for people meanwhile.
const PAGES: usize = 10;

/// Longest wait for a connection, whatever the timeout: what fails here was certainly not posted.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// What every request of ours names itself.
const USER_AGENT: &str = concat!("hushwatch/", env!("CARGO_PKG_VERSION"));

/// Where messages go.
#[derive(Clone, Debug)]
pub enum Sink {
    /// `chat.postMessage` of a bot.
    Bot {
        /// The bot's token, `xoxb-…`.
        token: Secret,
        /// Where the methods are, `https://slack.com/api`.
        base_url: String,
    },
    /// An incoming webhook. Its channel was chosen when it was made.
    Webhook {
        /// Its URL, which is all it takes to post.
        url: Secret,
    },
}

/// What Slack said of a message it took. A webhook says neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The id of the channel; for a message to a user, that of the conversation (`D…`).
    pub channel: Option<String>,
    /// The message's timestamp, which is its id within the channel.
    pub ts: Option<String>,
}

/// A destination that can be posted to. Clones share one client.
#[derive(Clone)]
pub struct Slack {
    pub(super) client: Client,
    dialect: Dialect,
    /// For a webhook, a secret.
    pub(super) url: Url,
    /// The bot's credential, marked so that no layer below prints it.
    pub(super) authorization: Option<HeaderValue>,
}

impl Slack {
    /// A client for `sink` that gives up on a request after `timeout`, connecting and the answer included.
    ///
    /// Installs `ring` as the process's TLS provider where none is installed yet.
    ///
    /// # Errors
    ///
    /// [`Class::Never`] for a URL that is none, or is not https though not on loopback, for a token no header can carry,
    /// and where the machine has no certificates to trust.
    pub fn new(sink: Sink, timeout: Duration) -> Result<Self, Error> {
        let (dialect, address, token) = match sink {
            Sink::Bot { token, base_url } => {
                let address = format!("{}/chat.postMessage", base_url.trim_end_matches('/'));
                (Dialect::Api, address, Some(token))
            }
            Sink::Webhook { url } => (Dialect::Webhook, url.expose().to_owned(), None),
        };
        let url = parse_url(dialect, &address)?;
        Ok(Self {
            client: client(timeout, is_loopback(&url))?,
            dialect,
            url,
            authorization: token.as_ref().map(bearer).transpose()?,
        })
    }

    /// Posts `payload` once. `channel` is the id or name of a channel, or a user's id for a direct message; a webhook
    /// has its own and does not heed it.
    ///
    /// # Errors
    ///
    /// Where Slack did not accept it, or may not have; [`Error::class`] says what that means for another attempt.
    pub async fn post(&self, channel: Option<&str>, payload: &Value) -> Result<Accepted, Error> {
        let body = self.body(channel, payload)?;
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await.map_err(unsent)?;
        answer::read(self.dialect, &receive(response, LONGEST_ANSWER).await)
    }

    /// Looks for the message whose metadata bear `key` among those posted to `channel`, the id of a conversation, after
    /// `since`. A webhook, a missing scope or a channel too busy hide it.
    ///
    /// # Errors
    ///
    /// [`Class::Later`] where Slack cannot say now.
    pub async fn find(&self, channel: &str, key: &str, since: Timestamp) -> Result<Trace, Error> {
        if self.dialect == Dialect::Webhook {
            return Ok(Trace::Hidden(
                "an incoming webhook cannot read messages".to_owned(),
            ));
        }
        let mut cursor = Some(String::new());
        for _ in 0..PAGES {
            let Some(from) = cursor.take() else {
                return Ok(Trace::Absent);
            };
            let answer = self.page(&history::query(channel, since, &from)).await?;
            match history::read(&answer, channel, key) {
                Ok(Page::With(accepted)) => return Ok(Trace::Found(accepted)),
                Ok(Page::Without { next }) => cursor = next,
                Err(error) if error.class == Class::Never => return Ok(Trace::Hidden(error.what)),
                Err(error) => return Err(error),
            }
        }
        Ok(match cursor {
            None => Trace::Absent,
            Some(_) => Trace::Hidden("too much was written in the channel meanwhile".to_owned()),
        })
    }

    async fn page(&self, query: &[(&str, String)]) -> Result<Answer, Error> {
        let url = self.url.join("conversations.history").map_err(|_| {
            let what = "cannot read the channel's history: slack.base_url takes no method";
            Error::new(Class::Never, what)
        })?;
        let mut request = self.client.get(url).query(query);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await.map_err(|error| {
            let what = format!("cannot read the channel's history: {}", causes(error));
            Error::new(Class::Later, what)
        })?;
        Ok(receive(response, LONGEST_PAGE).await)
    }

    /// A webhook takes neither a channel nor metadata.
    fn body(&self, channel: Option<&str>, payload: &Value) -> Result<String, Error> {
        let Value::Object(mut fields) = payload.clone() else {
            return Err(Error::new(
                Class::Payload,
                "cannot post to Slack: the payload is not an object",
            ));
        };
        match (self.dialect, channel.filter(|channel| !channel.is_empty())) {
            (Dialect::Api, Some(channel)) => {
                fields.insert("channel".to_owned(), channel.into());
            }
            (Dialect::Api, None) => {
                let what =
                    "cannot post to Slack: no channel is named; set SLACK_OPERATOR_DM_CHANNEL";
                return Err(Error::new(Class::Never, what));
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

/// A connection is used once: messages are rare, and one that the other side had closed meanwhile would leave it
/// unknown whether the next message was taken. For the same reason nothing is retried down there.
fn client(timeout: Duration, is_loopback: bool) -> Result<Client, Error> {
    // An error says that there is one already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(timeout)
        .connect_timeout(LONGEST_CONNECT.min(timeout / 2))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0);
    if is_loopback {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        let what = format!(
            "cannot prepare to talk to Slack: {}; are ca-certificates installed?",
            causes(error)
        );
        Error::new(Class::Never, what)
    })
}

/// The parser's own complaint is not repeated: it might quote the webhook.
fn parse_url(dialect: Dialect, address: &str) -> Result<Url, Error> {
    let name = match dialect {
        Dialect::Api => "slack.base_url",
        Dialect::Webhook => "SLACK_WEBHOOK_URL",
    };
    let url = Url::parse(address).ok().filter(Url::has_host);
    let is_safe =
        |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    url.filter(is_safe).ok_or_else(|| {
        let what = format!("cannot post to Slack: {name} is not an https URL; copy it from the app's settings again");
        Error::new(Class::Never, what)
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn bearer(token: &Secret) -> Result<HeaderValue, Error> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| {
        let what = "cannot post to Slack: SLACK_BOT_TOKEN holds characters that no token has; copy it again";
        Error::new(Class::Never, what)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// No answer came. It is sure that nothing was posted where the request did not go out whole.
pub(super) fn unsent(error: reqwest::Error) -> Error {
    if error.is_connect() || is_cut_off(&error) {
        let hint =
            "check the network, the proxy if there is one, and that ca-certificates are installed";
        return Error::new(
            Class::Later,
            format!("cannot reach Slack: {}; {hint}", causes(error)),
        );
    }
    if error.is_builder() {
        return Error::new(Class::Never, format!("cannot ask Slack: {}", causes(error)));
    }
    let reason = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        causes(error)
    };
    let what =
        format!("do not know whether Slack took the message: {reason}; it may have been posted");
    Error::new(Class::Unknown, what)
}

/// Whether the request broke off while it was written: then the other side has no whole message to post.
///
/// hyper tells so in words alone; the kind of the system's error is `BrokenPipe` for writes and for nothing else.
fn is_cut_off(error: &(dyn std::error::Error + 'static)) -> bool {
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

/// `error` and what is behind it, without the URL.
fn causes(error: reqwest::Error) -> String {
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

pub(super) async fn receive(mut response: Response, longest: usize) -> Answer {
    Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(response.headers()),
        body: read_body(&mut response, longest).await,
    }
}

async fn read_body(response: &mut Response, longest: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > longest {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// A date is taken relative to the answer's own, so that a wrong clock here does no harm.
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
