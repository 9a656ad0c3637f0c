//! The alerts of the database and of the clock: the messages that do not go through the outbox, because nothing can be recorded.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde_json::json;

use crate::clock;
use crate::config::{Config, SinkConfig};
use crate::cycle::Notifier;
use crate::cycle::clock::{ClockSkew, MAX_POSTMARK_SKEW};
use crate::cycle::deliver::notifier::Form;
use crate::cycle::outage::{Mark, Outage, OutageSubject, Stage};
use crate::cycle::stored_message::to_unstored_row;
use crate::model::{DAY, Timestamp};
use crate::notify::Message;
use crate::notify::notice::{clock_alert, database_alert, outage_ended};
use crate::sink::SinkClient;
use crate::slack::{LookupResult, RetryClass};
use crate::store;

/// The name under which it is remembered what Slack was told, or the terminal where Slack is not set up.
const SLACK: &str = "";

/// Alerts that nothing can be recorded: once per outage, and every 24 hours while it lasts. An error that passes by itself is no
/// alert, but a connection that is lost in two cycles running does not pass. An attempt that fails is made again in the next cycle.
pub(crate) async fn alert_outage(
    notifier: &Notifier,
    config: &Config,
    outage: &Outage,
    error: &store::Error,
) {
    if error.is_passing() && !(error.is_lost() && outage.read(SLACK).is_some()) {
        if error.is_lost() {
            let (at, stage) = (clock::now(), Stage::Lost);
            outage.write(SLACK, Mark { at, stage });
        }
        return;
    }
    let message = database_alert(&error.to_string());
    alert_all(notifier, config, outage, &message).await;
}

/// Alerts that the clock is wrong, as often as that the database cannot be used.
pub(crate) async fn alert_skew(
    notifier: &Notifier,
    config: &Config,
    outage: &Outage,
    skew: ClockSkew,
) {
    let message = clock_alert(skew.machine, skew.postmark);
    alert_all(notifier, config, outage, &message).await;
}

/// Alerts Slack or the terminal, and each sink that takes wakes. What one of them knows keeps no other from being told.
async fn alert_all(notifier: &Notifier, config: &Config, outage: &Outage, message: &Message) {
    alert_once(notifier, outage, message).await;
    for sink in config.sinks.iter().filter(|sink| sink.takes_wakes()) {
        alert_sink_once(sink, config.slack.timeout, outage, message).await;
    }
}

/// Tells each sink that was alerted that the outage is over, since a pager's alert ends by nothing else, and forgets the outage. One that does
/// not take it now is told by the next cycle.
pub(crate) async fn end_outage(config: &Config, outage: &Outage) {
    let mut is_told = true;
    for sink in &config.sinks {
        let channel = sink.channel();
        let was_alerted = |mark: Mark| mark.stage != Stage::Lost;
        if !outage.read(&channel).is_some_and(was_alerted) {
            continue;
        }
        let now = clock::now();
        let key = format!("{}{:x}end", message_key(outage), now.0);
        let body = to_sink_body(outage, "resolved", now, &outage_ended().to_text());
        match send_to(sink, config.slack.timeout, (&key, &body), now).await {
            Err((class, why)) if class != RetryClass::Permanent => {
                tracing::warn!(error = %why, "failed to say that the outage is over");
                is_told = false;
            }
            _ => outage.forget(&channel),
        }
    }
    match is_told {
        true => outage.clear(),
        false => outage.forget(SLACK),
    }
}

async fn alert_once(notifier: &Notifier, outage: &Outage, message: &Message) {
    let Some(attempt) = Attempt::begin(outage, SLACK) else {
        return;
    };
    let row = to_unstored_row(message_key(outage), attempt.now, message);
    // The channel's history may know what this process does not.
    let since = match attempt.unconfirmed {
        Some(sent) => Some(sent.at - MAX_POSTMARK_SKEW),
        None => (!attempt.is_kept && attempt.known.is_none()).then_some(attempt.now - DAY),
    };
    if let Some(since) = since
        && let Ok(LookupResult::Found(_)) = notifier.find_delivered(&row, &Form::Post, since).await
    {
        attempt.end(Ok(()));
        return;
    }
    attempt.begin_repeat();
    let sent = notifier.send(&row, &Form::Post, &[]).await;
    attempt.end(sent.map(drop).map_err(|why| (why.class, why.to_string())));
}

/// Nothing there can be asked, and what is repeated bears the same key.
async fn alert_sink_once(sink: &SinkConfig, timeout: Duration, outage: &Outage, message: &Message) {
    let channel = sink.channel();
    let Some(attempt) = Attempt::begin(outage, &channel) else {
        return;
    };
    attempt.begin_repeat();
    let at = attempt.unconfirmed.map_or(attempt.now, |sent| sent.at);
    let key = format!("{}{:x}", message_key(outage), at.0);
    let body = to_sink_body(outage, "opened", at, &message.to_text());
    attempt.end(send_to(sink, timeout, (&key, &body), attempt.now).await);
}

/// Sends `body` to a sink under `key`.
async fn send_to(
    sink: &SinkConfig,
    timeout: Duration,
    (key, body): (&str, &str),
    now: Timestamp,
) -> Result<(), (RetryClass, String)> {
    let refuse = |why: String| {
        let why = format!("sink `{}`: {why}", sink.name);
        (RetryClass::Permanent, why)
    };
    let client = SinkClient::new(&sink.name, sink.destination().map_err(refuse)?, timeout);
    let client = client.map_err(|why| (why.class, why.to_string()))?;
    let sent = client.send(key, body, now).await;
    sent.map(drop).map_err(|why| (why.class, why.to_string()))
}

/// Returns an alert as sinks get it: the object of a step, which is of no incident, but of an outage by whose id it ends.
fn to_sink_body(outage: &Outage, transition: &str, at: Timestamp, text: &str) -> String {
    json!({
        "at": at.to_string(), "transition": transition, "incident": null, "rule": null, "severity": "wake",
        "outage": message_key(outage),
        "server": null, "stream": null, "numerator": null, "denominator": null, "rate": null,
        "told": true, "text": text,
    })
    .to_string()
}

/// An attempt to alert one destination, which is remembered before it is made: a process that dies now must not begin anew each
/// time.
struct Attempt<'a> {
    outage: &'a Outage,
    destination: &'a str,
    now: Timestamp,
    /// What was known before.
    known: Option<Mark>,
    /// The earlier attempt of which nobody knows whether it arrived.
    unconfirmed: Option<Mark>,
    /// Whether later processes will know of it.
    is_kept: bool,
}

impl<'a> Attempt<'a> {
    /// Begins one, unless `destination` knows already.
    fn begin(outage: &'a Outage, destination: &'a str) -> Option<Self> {
        let (known, now) = (outage.read(destination), clock::now());
        if known.is_some_and(|known| known.is_known_at(now)) {
            return None;
        }
        let unconfirmed =
            known.filter(|known| known.stage == Stage::Unconfirmed && known.at <= now);
        let stage = Stage::Unconfirmed;
        let mark = unconfirmed.unwrap_or(Mark { at: now, stage });
        Some(Self {
            is_kept: outage.write(destination, mark),
            outage,
            destination,
            now,
            known,
            unconfirmed,
        })
    }

    /// It is repeated once, also where this process dies over it.
    fn begin_repeat(&self) {
        if self.unconfirmed.is_some() {
            self.mark_alerted();
        }
    }

    fn mark_alerted(&self) {
        let (at, stage) = (self.now, Stage::Alerted);
        self.outage.write(self.destination, Mark { at, stage });
    }

    fn end(&self, result: Result<(), (RetryClass, String)>) {
        let Err((class, why)) = result else {
            return self.mark_alerted();
        };
        let subject = self.outage.subject().name();
        tracing::error!(error = %why, "failed to send the {subject} alert");
        match (class, self.known) {
            (RetryClass::Unconfirmed, _) => {}
            (_, Some(known)) => drop(self.outage.write(self.destination, known)),
            (_, None) => self.outage.forget(self.destination),
        }
    }
}

/// Returns the id by which the channel's history knows the alerts of one subject, whichever process sent them.
fn message_key(outage: &Outage) -> String {
    let mut hasher = DefaultHasher::new();
    outage.place().hash(&mut hasher);
    if outage.subject() == OutageSubject::Clock {
        outage.subject().name().hash(&mut hasher);
    }
    format!("{:032x}", hasher.finish())
}

#[cfg(test)]
mod tests;
