//! A sink that is a mailbox: one message for each step, submitted to a mail server that is not the one that is watched.
//!
//! Sources: RFC 5321 (replies), RFC 3834 (`Auto-Submitted`), RFC 8314 (submission over TLS).

mod transaction;

use std::time::Duration;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use reqwest::Url;
use tokio::time::{Instant, timeout};

use crate::model::Severity;
#[cfg(test)]
use crate::model::Timestamp;
use crate::retry::RetryClass;
use crate::secret::Secret;
use crate::sink::mail::transaction::hand_over;
use crate::sink::request::{Event, Fields};
use crate::sink::{Destination, MailRoute};
use crate::tls::is_loopback;

/// The maximum time to connect, to greet, to encrypt and to log in, whatever the timeout.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_QUIT_TIME: Duration = Duration::from_secs(1);
/// In the order in which they are tried.
const MECHANISMS: &[Mechanism] = &[Mechanism::Plain, Mechanism::Login];

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    /// From its first byte (`smtps://`).
    Implicit,
    /// After `STARTTLS`, without which nothing is sent.
    StartTls,
    /// Not at all: it stays on this machine.
    None,
}

/// What is wrong with an attempt, and what that means for the next one.
pub(super) type Failure = (RetryClass, String);

/// A client of one mail server.
#[derive(Clone, Debug)]
pub(super) struct MailClient {
    host: String,
    port: u16,
    encryption: Encryption,
    envelope: MailRoute,
    password: Option<Secret>,
    timeout: Duration,
}

impl MailClient {
    /// # Errors
    /// Where the URL or the envelope is missing or wrong.
    pub(super) fn new(to: &Destination, timeout: Duration) -> Result<Self, Failure> {
        let refuse = |why: &str| (RetryClass::Permanent, why.to_owned());
        let url = Url::parse(to.url.expose()).map_err(|_| refuse("its `url` is not one"))?;
        let host = url
            .host_str()
            .ok_or_else(|| refuse("its `url` has no host"))?;
        let envelope = to.envelope.clone();
        let encryption = match url.scheme() {
            "smtps" => Encryption::Implicit,
            _ if is_loopback(url.as_str()) => Encryption::None,
            _ => Encryption::StartTls,
        };
        let port = url.port().unwrap_or(match encryption {
            Encryption::Implicit => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        });
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            encryption,
            envelope: envelope.ok_or_else(|| refuse("it has no `from` and no `to`"))?,
            password: to.credential.clone(),
            timeout,
        })
    }

    /// Makes one attempt. Whatever fails before the message is handed over is known to have sent nothing. Returns a line for each
    /// recipient who was refused while others got it.
    pub(super) async fn send(&self, event: Event<'_>) -> Result<Vec<String>, Failure> {
        let message =
            compose(&self.envelope, event).map_err(|why| (RetryClass::BadPayload, why))?;
        let opened = timeout(self.timeout.min(MAX_CONNECT_TIMEOUT), self.open()).await;
        let mut connection = opened.unwrap_or_else(|_| Err(unreachable_server()))?;
        let (envelope, text) = (message.envelope(), message.formatted());
        let deadline = Instant::now() + self.timeout;
        let sent = hand_over(&mut connection, envelope, &text, deadline).await;
        if sent.is_ok() {
            // It was accepted, whatever becomes of the good-bye.
            let _ = timeout(MAX_QUIT_TIME, connection.quit()).await;
        }
        sent
    }

    /// Connects, encrypts and logs in.
    async fn open(&self) -> Result<AsyncSmtpConnection, Failure> {
        let hello = ClientId::default();
        let tls = || TlsParameters::new_rustls(self.host.clone()).map_err(|e| opening(&e));
        let implicit = (self.encryption == Encryption::Implicit)
            .then(tls)
            .transpose()?;
        let server = (self.host.as_str(), self.port);
        let connect =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &hello, implicit, None);
        let mut connection = connect.await.map_err(|e| opening(&e))?;
        if self.encryption == Encryption::StartTls {
            if !connection.can_starttls() {
                let why = "it offers no STARTTLS; write the address of one that does, or smtps://";
                return Err((RetryClass::Permanent, why.to_owned()));
            }
            let upgraded = connection.starttls(tls()?, &hello).await;
            upgraded.map_err(|e| opening(&e))?;
        }
        if let (Some(user), Some(password)) = (&self.envelope.username, &self.password) {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let logged_in = connection.auth(MECHANISMS, &credentials).await;
            logged_in.map_err(|error| logging_in(&error))?;
        }
        Ok(connection)
    }
}

fn unreachable_server() -> Failure {
    (RetryClass::Retry, "it cannot be reached".to_owned())
}

/// The message of a request that got no answer.
pub(super) fn without_answer() -> Failure {
    (RetryClass::Unconfirmed, "it gave no answer".to_owned())
}

fn opening(error: &SmtpError) -> Failure {
    match error.status() {
        Some(code) if error.is_permanent() => {
            let why = format!("it refuses this machine (SMTP reply {code})");
            (RetryClass::Permanent, why)
        }
        Some(code) => (
            RetryClass::Retry,
            format!("it is in trouble (SMTP reply {code})"),
        ),
        None => unreachable_server(),
    }
}

fn logging_in(error: &SmtpError) -> Failure {
    match error.status() {
        Some(code) if error.is_permanent() => {
            let why = format!("it refuses the user name or the password (SMTP reply {code})");
            (RetryClass::Permanent, why)
        }
        None if error.is_client() => {
            let why = "it offers no way to log in with a user name and a password";
            (RetryClass::Permanent, why.to_owned())
        }
        _ => opening(error),
    }
}

/// Returns what a reply to the message means; `None` where none came.
fn refusal(error: &SmtpError) -> Option<Failure> {
    let code = error.status()?;
    let number = code.to_string();
    Some(match number.as_str() {
        "530" | "535" | "538" => {
            let why =
                format!("it demands a login; set `username` and a password (SMTP reply {code})");
            (RetryClass::Permanent, why)
        }
        _ if error.is_transient() => (
            RetryClass::Retry,
            format!("it is in trouble (SMTP reply {code})"),
        ),
        _ => {
            let why = format!("it refuses the message or its sender (SMTP reply {code})");
            (RetryClass::BadPayload, why)
        }
    })
}

/// Returns the message of one step. Those of one incident form a thread, and a repeat has the same id.
fn compose(envelope: &MailRoute, event: Event<'_>) -> Result<Message, String> {
    let fields: Fields = Fields::read(event.body)?;
    let mailbox = |address: &String| {
        let parsed: Result<Mailbox, _> = address.parse();
        parsed.map_err(|_| format!("{address} is not an address"))
    };
    let from = mailbox(&envelope.from)?;
    let domain = from.email.domain().to_owned();
    let thread = format!("<hushwatch-{}@{domain}>", fields.thread());
    let millis = u64::try_from(event.at.0).unwrap_or_default();
    let mut builder = Message::builder()
        .from(from)
        .subject(fields.headline())
        .date(std::time::UNIX_EPOCH + Duration::from_millis(millis))
        .message_id(Some(format!("<hushwatch-{}@{domain}>", event.key)))
        .in_reply_to(thread.clone())
        .references(thread)
        // No vacation notice comes back.
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .header(ContentType::TEXT_PLAIN);
    if fields.severity == Severity::Wake && !fields.is_over() {
        builder = builder.raw_header(header("Importance", "high"));
    }
    for to in &envelope.to {
        builder = builder.to(mailbox(to)?);
    }
    let text = format!("{}\n", fields.text);
    builder.body(text).map_err(|error| error.to_string())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Returns the message as it is submitted, for the tests of this room.
#[cfg(test)]
pub(super) fn composed(envelope: &MailRoute, key: &str, body: &str, at: Timestamp) -> String {
    let message = compose(envelope, Event { key, body, at }).expect("a message");
    String::from_utf8(message.formatted()).expect("text")
}

#[cfg(all(test, feature = "doctor"))]
mod tests;
