//! Where messages go: Slack, or the terminal where Slack is not set up.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{SlackSettings, SlackSink};
use crate::cycle::grouping::frozen;
use crate::model::Timestamp;
use crate::notify::{Message, given_up};
use crate::slack::{self, LookupResult, Receipt, RetryClass, Sink, Slack};
use crate::store::{GivenUp, OutboxRow};

/// A destination of messages.
#[derive(Clone)]
pub enum Outlet {
    /// Slack, with the common channel of a bot.
    Slack {
        /// The client.
        slack: Slack,
        /// `None` for a webhook, which has its own.
        channel: Option<String>,
    },
    /// Lines of text.
    Print(Arc<Mutex<dyn Write + Send>>),
}

impl Outlet {
    /// As configured; `printer` takes the messages where Slack is not set up.
    ///
    /// # Errors
    /// Where the client cannot be made.
    pub fn new(
        settings: &SlackSettings,
        printer: impl Write + Send + 'static,
    ) -> Result<Self, slack::Error> {
        let (sink, channel) = match &settings.sink {
            SlackSink::Print => return Ok(Self::Print(Arc::new(Mutex::new(printer)))),
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

    /// One attempt to tell the message that is frozen in `row`; a refused payload is sent once more as plain text.
    pub(crate) async fn send(&self, row: &OutboxRow) -> Result<Receipt, slack::Error> {
        self.send_naming(row, &[]).await
    }

    /// The same, with a line for each message that was given up.
    pub(crate) async fn send_naming(
        &self,
        row: &OutboxRow,
        given_up: &[GivenUp],
    ) -> Result<Receipt, slack::Error> {
        let mut message = frozen(&row.message);
        for other in given_up {
            let line = given_up::line(other.incident.as_deref(), &other.headline);
            message = message.with_line(&line);
        }
        let (slack, to) = match self {
            Self::Print(printer) => return print(printer, &message),
            Self::Slack { slack, channel } => (slack, destination(row, channel.as_deref())),
        };
        let incident = row.message.incident.as_deref();
        let payload = slack::payload(&message, incident, &row.key);
        match slack.post(to, &payload).await {
            Err(error) if error.class == RetryClass::BadPayload => {
                tracing::warn!(why = %error, "Slack rejected the layout, sending plain text");
                let key = (!error.is_about_metadata()).then_some(row.key.as_str());
                slack
                    .post(to, &slack::plain_payload(&message, incident, key))
                    .await
            }
            answer => answer,
        }
    }

    /// Looks for an earlier attempt at `row`, begun after `since`, where it would have come to.
    pub(crate) async fn find(
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
        // A history has a conversation's id; a user's or a name leads to one only once a message landed there.
        let landed = row.landed_in.as_deref().filter(|_| !is_conversation(to));
        slack.find(landed.unwrap_or(to), &row.key, since).await
    }
}

/// The channel of `row`, or else the `common` one.
fn destination<'a>(row: &'a OutboxRow, common: Option<&'a str>) -> Option<&'a str> {
    let own = row.message.channel.as_str();
    if own.is_empty() { common } else { Some(own) }
}

/// Whether `channel` is the id of a channel (`C…`), a private one (`G…`) or a direct message (`D…`).
pub(crate) fn is_conversation(channel: &str) -> bool {
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
