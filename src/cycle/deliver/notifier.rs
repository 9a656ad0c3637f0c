//! Where messages go: Slack, or the terminal where Slack is not set up.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::{SlackSettings, SlackSink};
use crate::cycle::stored_message::from_row;
use crate::model::Timestamp;
use crate::notify::{Message, given_up};
use crate::retry::Retryable;
use crate::slack::{self, LookupResult, Receipt, RetryClass, Sink, Slack};
use crate::store::{GivenUp, OutboxRow};

/// Sends messages to Slack, or prints them.
#[derive(Clone)]
pub enum Notifier {
    /// Slack, with the common channel of a bot.
    Slack {
        /// The client, with its connections.
        slack: Slack,
        /// `None` for a webhook, which has its own.
        channel: Option<String>,
    },
    /// A terminal or a file, as lines of text.
    Writer(Arc<Mutex<dyn Write + Send>>),
}

impl Notifier {
    /// Returns the configured notifier; `printer` takes the messages where Slack is not set up.
    pub fn new(
        settings: &SlackSettings,
        printer: impl Write + Send + 'static,
    ) -> Result<Self, slack::Error> {
        let (sink, channel) = match &settings.sink {
            SlackSink::Print => return Ok(Self::Writer(Arc::new(Mutex::new(printer)))),
            SlackSink::Webhook(url) => (Sink::Webhook { url: url.clone() }, None),
            SlackSink::Bot { token, channel } => (
                Sink::Bot {
                    token: token.clone(),
                    base_url: settings.base_url.clone(),
                },
                Some(channel.clone()),
            ),
        };
        Ok(Self::Slack {
            slack: Slack::new(sink, settings.timeout)?,
            channel,
        })
    }

    /// Makes one attempt to send the message of `row`, with a line for each of `given_up`. A refused layout is sent once more as
    /// plain text.
    pub(crate) async fn send(
        &self,
        row: &OutboxRow,
        given_up: &[GivenUp],
    ) -> Result<Receipt, slack::Error> {
        let mut message = from_row(&row.message);
        for other in given_up {
            let line = given_up::line(other.incident.as_deref(), &other.headline);
            message = message.with_line(&line);
        }
        let (slack, to) = match self {
            Self::Writer(printer) => return print(printer, &message),
            Self::Slack { slack, channel } => (slack, destination(row, channel.as_deref())),
        };
        let incident = row.message.incident.as_deref();
        let payload = slack::payload(&message, incident, &row.key);
        match slack.post(to, &payload).await {
            Err(error) if error.class == RetryClass::BadPayload => {
                tracing::warn!(why = %error, "Slack rejected the layout; sending plain text");
                let key = (!error.is_about_metadata()).then_some(row.key.as_str());
                slack
                    .post(to, &slack::plain_payload(&message, incident, key))
                    .await
            }
            answer => answer,
        }
    }

    /// Searches the channel for an earlier attempt at `row` that began after `since`.
    pub(crate) async fn find_delivered(
        &self,
        row: &OutboxRow,
        since: Timestamp,
    ) -> Result<LookupResult, slack::Error> {
        let Self::Slack { slack, channel } = self else {
            return Ok(LookupResult::Unreadable(
                "a terminal cannot be asked".to_owned(),
            ));
        };
        let to = destination(row, channel.as_deref()).unwrap_or_default();
        // Only a conversation's id has a history. A user's id or a name leads to one once a message was posted there.
        let landed = row.landed_in.as_deref().filter(|_| !is_conversation_id(to));
        slack.find(landed.unwrap_or(to), &row.key, since).await
    }
}

/// Returns the channel of `row`, or else the `common` one.
fn destination<'a>(row: &'a OutboxRow, common: Option<&'a str>) -> Option<&'a str> {
    let channel = row.message.channel.as_str();
    if channel.is_empty() {
        common
    } else {
        Some(channel)
    }
}

/// Whether `channel` is the id of a channel (`C…`), a private one (`G…`) or a direct message (`D…`).
pub(crate) fn is_conversation_id(channel: &str) -> bool {
    channel.starts_with(['C', 'G', 'D'])
        && channel
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn print(printer: &Mutex<dyn Write + Send>, message: &Message) -> Result<Receipt, slack::Error> {
    let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
    match writeln!(printer, "{}\n", message.to_text()).and_then(|()| printer.flush()) {
        Ok(()) => Ok(Receipt::default()),
        Err(why) => Err(slack::Error::new(
            RetryClass::Retry,
            format!("cannot print the message: {}", why.kind()),
        )),
    }
}

impl Retryable for slack::Error {
    fn is_transient(&self) -> bool {
        self.class == RetryClass::Retry
    }
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
