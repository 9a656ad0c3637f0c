//! Where messages go: Slack, or the terminal where Slack is not set up.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(feature = "charts")]
use crate::chart::Picture;
use crate::config::{SlackSettings, SlackSink};
use crate::cycle::stored_message::{from_row, top_of_row};
use crate::model::Timestamp;
use crate::notify::{Message, given_up};
use crate::retry::Retryable;
use crate::slack::{self, Envelope, LookupResult, Receipt, RetryClass, Sink, Slack};
use crate::store::{GivenUp, Handle, OutboxRow};

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

    /// Returns what kind of destination it is, as metrics name it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Slack {
                channel: Some(_), ..
            } => "slack",
            Self::Slack { channel: None, .. } => "slack_webhook",
            Self::Writer(_) => "terminal",
        }
    }

    /// Returns whether later steps of an incident edit its message, and are told in the thread of it.
    pub(crate) fn has_threads(&self) -> bool {
        matches!(self, Self::Slack { slack, .. } if slack.has_threads())
    }

    /// Returns the client of a bot, which can do more than post.
    pub(crate) fn bot(&self) -> Option<&Slack> {
        match self {
            Self::Slack { slack, .. } if slack.has_threads() => Some(slack),
            _ => None,
        }
    }

    /// Makes one attempt to send the message of `row` in this form, with a line for each of `given_up`. A refused layout is sent
    /// once more as plain text.
    pub(crate) async fn send(
        &self,
        row: &OutboxRow,
        form: &Form,
        given_up: &[GivenUp],
    ) -> Result<Receipt, slack::Error> {
        let mut message = match form {
            Form::Post if self.has_threads() => top_message(row),
            Form::Post | Form::Reply(_) => from_row(&row.message),
        };
        for other in given_up {
            let incident = other.incident.as_deref();
            let line = given_up::line(incident, &other.headline, other.is_refused);
            message = message.with_line(&line);
        }
        let (slack, common) = match self {
            Self::Writer(printer) => return print(printer, &message),
            Self::Slack { slack, channel } => (slack, channel.as_deref()),
        };
        let to = match form {
            Form::Post => destination(row, common),
            Form::Reply(parent) => Some(parent.channel.as_str()),
        };
        let envelope = envelope(row, form);
        match slack.post(to, &slack::payload(&message, envelope)).await {
            Err(error) if error.class == RetryClass::BadPayload => {
                tracing::warn!(why = %error, "Slack rejected the layout; sending plain text");
                let envelope = Envelope {
                    key: envelope.key.filter(|_| !error.is_about_metadata()),
                    ..envelope
                };
                let plain = slack::plain_payload(&message, envelope);
                slack.post(to, &plain).await
            }
            answer => answer,
        }
    }

    /// Makes one attempt to post the message of `row` by itself, as nothing but text.
    pub(crate) async fn send_plain(&self, row: &OutboxRow) -> Result<Receipt, slack::Error> {
        let Self::Slack { slack, channel } = self else {
            return self.send(row, &Form::Post, &[]).await;
        };
        let message = match self.has_threads() {
            true => top_message(row),
            false => from_row(&row.message),
        };
        let envelope = Envelope {
            key: None,
            ..envelope(row, &Form::Post)
        };
        let plain = slack::plain_payload(&message, envelope);
        slack
            .post(destination(row, channel.as_deref()), &plain)
            .await
    }

    /// Makes one attempt to edit the message of `parent`, so that it says what `row` says of it. A refused layout is sent once more
    /// as plain text.
    pub(crate) async fn edit(
        &self,
        row: &OutboxRow,
        parent: &Handle,
    ) -> Result<Receipt, slack::Error> {
        let Self::Slack { slack, .. } = self else {
            return Ok(Receipt::default());
        };
        let message = top_message(row);
        let update = async |payload| slack.update(&parent.channel, &parent.ts, &payload).await;
        match update(slack::edit_payload(&message, &row.key)).await {
            Err(error) if error.class == RetryClass::BadPayload => {
                tracing::warn!(why = %error, "Slack rejected the layout; sending plain text");
                update(slack::plain_edit_payload(&message)).await
            }
            answer => answer,
        }
    }

    /// Makes one attempt to upload `picture` into the thread of the message of `parent`.
    #[cfg(feature = "charts")]
    pub(crate) async fn upload(
        &self,
        row: &OutboxRow,
        parent: &Handle,
        picture: &Picture,
    ) -> Result<Receipt, slack::Error> {
        let Self::Slack { slack, .. } = self else {
            return Ok(Receipt::default());
        };
        let drawing = picture.draw();
        let png = crate::chart::to_png(&drawing)
            .map_err(|why| slack::Error::new(RetryClass::Permanent, why))?;
        let file = slack::Upload {
            // Its name tells the pictures of one thread apart.
            file_name: &format!("hushwatch-{}.png", row.key.get(..8).unwrap_or_default()),
            title: drawing.title(),
            alt_text: &drawing.alt_text(),
            png: &png,
        };
        slack.upload(&parent.channel, &parent.ts, file).await?;
        Ok(Receipt::default())
    }

    /// Searches where `row` goes in this form for an earlier attempt at it that began after `since`.
    pub(crate) async fn find_delivered(
        &self,
        row: &OutboxRow,
        form: &Form,
        since: Timestamp,
    ) -> Result<LookupResult, slack::Error> {
        let Self::Slack { slack, channel } = self else {
            return Ok(LookupResult::Unreadable(
                "a terminal cannot be asked".to_owned(),
            ));
        };
        if let Form::Reply(parent) = form {
            let thread = Some(parent.ts.as_str());
            return slack.find(&parent.channel, thread, &row.key, since).await;
        }
        let to = destination(row, channel.as_deref()).unwrap_or_default();
        // Only a conversation's id has a history. A user's id or a name leads to one once a message was posted there.
        let landed = row.landed_in.as_deref().filter(|_| !is_conversation_id(to));
        slack
            .find(landed.unwrap_or(to), None, &row.key, since)
            .await
    }

    /// Returns whether an edit that `error` ended is to become a new message: the old one takes no edits, or it is in a channel
    /// that refuses it and is no longer where `row` goes.
    pub(crate) fn calls_for_new_post(
        &self,
        row: &OutboxRow,
        parent: &Handle,
        error: &slack::Error,
    ) -> bool {
        let Self::Slack { channel, .. } = self else {
            return false;
        };
        let to = destination(row, channel.as_deref()).unwrap_or_default();
        let has_moved = is_conversation_id(to) && to != parent.channel;
        error.calls_for_new_post() || (error.is_about_channel() && has_moved)
    }
}

/// In which form a row is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A message by itself, which opens a thread where it has one.
    Post,
    /// A reply to this message.
    Reply(Handle),
}

/// Returns what the message of a thread says from `row` on.
fn top_message(row: &OutboxRow) -> Message {
    top_of_row(&row.message).unwrap_or_else(|| from_row(&row.message))
}

fn envelope<'r>(row: &'r OutboxRow, form: &'r Form) -> Envelope<'r> {
    let placement = &row.message.placement;
    let thread = match form {
        Form::Post => None,
        Form::Reply(parent) => Some(parent.ts.as_str()),
    };
    Envelope {
        incident: row.message.incident.as_deref(),
        key: Some(&row.key),
        mention: &placement.mention,
        thread,
        broadcast: thread.is_some() && placement.broadcast,
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
