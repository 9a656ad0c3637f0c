//! Where messages go: Slack, or the terminal where Slack is not set up.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{SlackSettings, SlackSink};
use crate::message::Message;
use crate::slack::{self, Accepted, Class, Sink, Slack};

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

    /// One attempt; a refused payload is sent once more as plain text.
    pub(super) async fn send(
        &self,
        channel: &str,
        message: &Message,
        incident: Option<&str>,
    ) -> Result<Accepted, slack::Error> {
        match self {
            Self::Print(printer) => {
                let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
                let written =
                    writeln!(printer, "{}\n", message.to_text()).and_then(|()| printer.flush());
                match written {
                    Ok(()) => Ok(Accepted {
                        channel: None,
                        ts: None,
                    }),
                    Err(why) => Err(slack::Error {
                        class: Class::Later,
                        retry_after: None,
                        what: format!("cannot print the message: {}", why.kind()),
                    }),
                }
            }
            Self::Slack {
                slack,
                channel: common,
            } => {
                let to = if channel.is_empty() {
                    common.as_deref()
                } else {
                    Some(channel)
                };
                match slack.post(to, &slack::payload(message, incident)).await {
                    Err(error) if error.class == Class::Payload => {
                        tracing::warn!(why = %error, "Slack refused the blocks, sending plain text");
                        slack.post(to, &slack::plain(message, incident)).await
                    }
                    answer => answer,
                }
            }
        }
    }
}
