//! The alerts of the database and of the clock: the messages that do not go through the outbox, because nothing can be recorded.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::clock;
use crate::cycle::Notifier;
use crate::cycle::clock::{ClockSkew, MAX_POSTMARK_SKEW};
use crate::cycle::deliver::notifier::Form;
use crate::cycle::outage::{Mark, Outage, OutageSubject, Stage};
use crate::cycle::stored_message::to_unstored_row;
use crate::model::DAY;
use crate::notify::Message;
use crate::notify::notice::{clock_alert, database_alert};
use crate::slack::{LookupResult, RetryClass};
use crate::store;

/// Alerts that nothing can be recorded: once per outage, and every 24 hours while it lasts. An error that passes by itself is no
/// alert, but a connection that is lost in two cycles running does not pass. An attempt that fails is made again in the next cycle.
pub(crate) async fn alert_outage(notifier: &Notifier, outage: &Outage, error: &store::Error) {
    if error.is_passing() && !(error.is_lost() && outage.read().is_some()) {
        if error.is_lost() {
            let (at, stage) = (clock::now(), Stage::Lost);
            outage.write(Mark { at, stage });
        }
        return;
    }
    let message = database_alert(&error.to_string());
    alert_once(notifier, outage, &message).await;
}

/// Alerts that the clock is wrong, as often as that the database cannot be used.
pub(crate) async fn alert_skew(notifier: &Notifier, outage: &Outage, skew: ClockSkew) {
    let message = clock_alert(skew.machine, skew.postmark);
    alert_once(notifier, outage, &message).await;
}

async fn alert_once(notifier: &Notifier, outage: &Outage, message: &Message) {
    let (known, now) = (outage.read(), clock::now());
    let mark = |stage| Mark { at: now, stage };
    let unconfirmed = known.filter(|known| known.stage == Stage::Unconfirmed && known.at <= now);
    if known.is_some_and(|known| known.is_known_at(now)) {
        return;
    }
    let row = to_unstored_row(message_key(outage), now, message);
    // Before it is sent: a process that dies now must not begin anew each time.
    let is_kept = outage.write(unconfirmed.unwrap_or(mark(Stage::Unconfirmed)));
    // The channel's history may know what this process does not.
    let since = match unconfirmed {
        Some(sent) => Some(sent.at - MAX_POSTMARK_SKEW),
        None => (!is_kept && known.is_none()).then_some(now - DAY),
    };
    if let Some(since) = since
        && let Ok(LookupResult::Found(_)) = notifier.find_delivered(&row, &Form::Post, since).await
    {
        outage.write(mark(Stage::Alerted));
        return;
    }
    if unconfirmed.is_some() {
        // It is repeated once, also where this process dies over it.
        outage.write(mark(Stage::Alerted));
    }
    match notifier.send(&row, &Form::Post, &[]).await {
        Ok(_) => {
            outage.write(mark(Stage::Alerted));
        }
        Err(why) => {
            tracing::error!(error = %why, "failed to send the {} alert", outage.subject().name());
            match why.class {
                RetryClass::Unconfirmed => {}
                _ => match known {
                    Some(known) => {
                        outage.write(known);
                    }
                    None => outage.clear(),
                },
            }
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
