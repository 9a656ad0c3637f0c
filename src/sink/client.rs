//! One attempt to bring a transition to a sink, and what the answer means for the next one.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};

use crate::model::Timestamp;
use crate::retry::{RetryClass, parse_retry_after};
use crate::sink::answer::{Answer, is_not_its_own, is_web_page};
#[cfg(feature = "email")]
use crate::sink::mail::MailClient;
use crate::sink::request::{Event, Request, build};
use crate::sink::{Destination, SinkKind};
use crate::tls::{PROXY_LOGIN, client_builder, demands_proxy_login, install_provider, is_loopback};

/// The maximum time to connect, whatever the timeout.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes: those of sinks are short.
const MAX_ANSWER: usize = 16 << 10;
const JSON: &str = "application/json; charset=utf-8";

/// A request that a sink did not take. Holds neither its URL nor its credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub class: RetryClass,
    pub retry_after: Option<Duration>,
    pub message: String,
}

impl Error {
    pub fn new(class: RetryClass, message: impl Into<String>) -> Self {
        Self {
            class,
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
    transport: Transport,
}

#[derive(Clone, Debug)]
enum Transport {
    Http(Client),
    #[cfg(feature = "email")]
    Mail(MailClient),
}

impl SinkClient {
    /// Creates a client for the sink called `name`. `timeout` covers a whole request.
    ///
    /// # Errors
    /// Where the machine has no root certificates.
    pub fn new(name: &str, destination: Destination, timeout: Duration) -> Result<Self, Error> {
        install_provider();
        let transport = match destination.kind {
            SinkKind::Email => mail_transport(&destination, timeout),
            _ => http_transport(&destination, timeout),
        };
        let name = name.to_owned();
        Ok(Self {
            transport: transport
                .map_err(|(class, why)| Error::new(class, format!("sink `{name}`: {why}")))?,
            name,
            destination,
        })
    }

    /// Returns its kind.
    pub const fn kind(&self) -> SinkKind {
        self.destination.kind
    }

    /// Makes one attempt to bring a transition, the frozen JSON `body`, under a `key` that stays the same at every attempt. Returns what
    /// is to be mended although it was taken, in a line each.
    ///
    /// # Errors
    /// Where it was not taken, or nothing says so.
    pub async fn send(&self, key: &str, body: &str, at: Timestamp) -> Result<Vec<String>, Error> {
        let event = Event { key, body, at };
        match &self.transport {
            Transport::Http(client) => self.post(client, event).await.map(|()| Vec::new()),
            #[cfg(feature = "email")]
            Transport::Mail(client) => {
                let sent = client.send(event).await;
                let sent = sent.map_err(|(class, why)| self.error(class, &why))?;
                let named = sent.iter().map(|why| self.named(why));
                Ok(named.collect())
            }
        }
    }

    async fn post(&self, client: &Client, event: Event<'_>) -> Result<(), Error> {
        let requests = build(&self.destination, event);
        for request in requests.map_err(|why| self.error(RetryClass::Permanent, &why))? {
            self.post_one(client, request, event.at).await?;
        }
        Ok(())
    }

    async fn post_one(
        &self,
        client: &Client,
        request: Request,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        for (name, value) in request.headers {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| self.error(RetryClass::Permanent, "its credential cannot be sent"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let sent = client.post(request.url).headers(headers).body(request.body);
        match sent.send().await {
            Ok(response) => self.read(response, at).await,
            Err(error) => Err(self.unanswered(&error)),
        }
    }

    async fn read(&self, mut response: Response, at: Timestamp) -> Result<(), Error> {
        let (body, is_whole) = beginning(&mut response).await;
        let status = response.status();
        let answer = Answer {
            status,
            media_type: media_type(&response),
            body: &body,
            is_whole,
        };
        let (credential, message) = (self.refused_credential(), self.refused_message());
        let (class, why) = match status {
            _ if status.is_success() => match is_not_its_own(self.kind(), answer) {
                None => return Ok(()),
                Some(why) => (RetryClass::Permanent, why),
            },
            // What is acknowledged or closed was never opened there, or is closed.
            StatusCode::NOT_FOUND if self.is_of_alias(&response) && !is_web_page(answer) => {
                return Ok(());
            }
            StatusCode::GONE => (
                RetryClass::Permanent,
                "it is gone for good; remove the sink, or correct its `url`",
            ),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                (RetryClass::Retry, "it asks to be left alone for a while")
            }
            _ if status.is_server_error() => (RetryClass::Retry, "it is in trouble"),
            _ if status.is_redirection() => (
                RetryClass::Permanent,
                "it redirects, which is not followed; write the address that it redirects to into `url`",
            ),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                (RetryClass::Permanent, credential.as_str())
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                (RetryClass::Permanent, "there is nothing at its `url`")
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => (RetryClass::Permanent, PROXY_LOGIN),
            _ => (RetryClass::BadPayload, message.as_str()),
        };
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        Err(Error {
            retry_after: retry_after
                .and_then(|value| parse_retry_after(value, at.0.div_euclid(1_000))),
            ..self.error(class, &format!("{why} (HTTP status {})", status.as_u16()))
        })
    }

    /// Returns what a refused credential means, with its key and the remedy.
    fn refused_credential(&self) -> String {
        let key = self.destination.credential_key;
        // The address of a webhook may hold its secret.
        let or_url = match self.kind() {
            SinkKind::Webhook => ", or its `url`",
            _ => "",
        };
        match self.destination.credential {
            Some(_) => {
                format!(
                    "it refuses the credential; correct what `{key}` of its [[sink]] names{or_url}"
                )
            }
            None => {
                format!("it demands a credential; set `{key}` of its [[sink]]{or_url}")
            }
        }
    }

    /// Returns what a refused message means: those who page refuse a wrong key in the same way.
    fn refused_message(&self) -> String {
        let which = match self.kind() {
            SinkKind::PagerDuty => "the integration key of an Events API v2 integration",
            SinkKind::Opsgenie => "the key of an API integration",
            _ => return "it refuses the message".to_owned(),
        };
        let key = self.destination.credential_key;
        format!(
            "it refuses the message or the key; correct what `{key}` of its [[sink]] names: {which}"
        )
    }

    /// Whether the request was about an alert of Opsgenie's that had been opened before.
    fn is_of_alias(&self, response: &Response) -> bool {
        self.kind() == SinkKind::Opsgenie && !response.url().path().ends_with("/alerts")
    }

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        if demands_proxy_login(error) {
            return self.error(RetryClass::Permanent, PROXY_LOGIN);
        }
        if error.is_connect() || error.is_builder() {
            return self.error(RetryClass::Retry, "it cannot be reached");
        }
        self.without_answer()
    }

    /// Returns the error of a request that got no answer.
    pub fn without_answer(&self) -> Error {
        let class = match self.kind().knows_repeats() {
            true => RetryClass::Retry,
            false => RetryClass::Unconfirmed,
        };
        self.error(class, "it gave no answer")
    }

    fn error(&self, class: RetryClass, why: &str) -> Error {
        Error::new(class, self.named(why))
    }

    fn named(&self, why: &str) -> String {
        format!("sink `{}`: {why}", self.name)
    }
}

/// Returns the beginning of the body of an answer, and whether that is all of it.
async fn beginning(response: &mut Response) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, true),
            Err(_) => break,
        }
    }
    (body, false)
}

/// Returns the media type of an answer without its parameters; empty where it says none.
fn media_type(response: &Response) -> &str {
    let value = response.headers().get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.unwrap_or_default().trim()
}

fn http_transport(
    destination: &Destination,
    timeout: Duration,
) -> Result<Transport, (RetryClass, String)> {
    let url = destination.url.expose();
    let client = client_builder(url)
        .timeout(timeout)
        .connect_timeout(timeout.min(MAX_CONNECT_TIMEOUT))
        .https_only(!is_loopback(url))
        .build();
    let client = client.map_err(|_| {
        let why = "no client can be created; install root certificates (ca-certificates)";
        (RetryClass::Permanent, why.to_owned())
    })?;
    Ok(Transport::Http(client))
}

#[cfg(feature = "email")]
fn mail_transport(
    destination: &Destination,
    timeout: Duration,
) -> Result<Transport, (RetryClass, String)> {
    MailClient::new(destination, timeout).map(Transport::Mail)
}

#[cfg(not(feature = "email"))]
fn mail_transport(_: &Destination, _: Duration) -> Result<Transport, (RetryClass, String)> {
    let why = "this build sends no mail; use one with `--features full`";
    Err((RetryClass::Permanent, why.to_owned()))
}
