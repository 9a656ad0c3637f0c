//! What people answer to messages by emoji: read from Slack, decided, and stored with what follows from it.

mod apply;
mod people;

use std::cmp::Reverse;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::clock;
use crate::cycle::Context;
use crate::decide::changes;
use crate::model::{DAY, MINUTE, Severity, StandingAnswer, Timestamp, Transition};
use crate::slack::{Error, Slack};
use crate::store::{self, AnswerableMessage, AnswersRead};

use apply::{Given, apply};
pub(crate) use apply::{acknowledge_incident, show_unmuted};
pub(crate) use people::People;

/// The maximum number of messages whose answers are read in a minute, by all processes on one database. Slack allows more than
/// twice that.
const MAX_READS_PER_MINUTE: u64 = 20;
/// The maximum time that reading takes: what is to be told must not wait for it.
const MAX_READ_TIME: Duration = Duration::from_secs(5);
/// How long after the end of an incident a person may still say what it was.
const ANSWERABLE_AFTER_END: Duration = DAY;

/// Reads which answers stand below the messages of open incidents and of those that ended a moment ago, and applies what changed. A
/// failure is logged and nothing else: the next minute reads again. Returns the steps that were taken, each with its text.
pub(crate) async fn take_answers(context: &Context, now: Timestamp) -> Vec<(Transition, String)> {
    let mut steps = Vec::new();
    let Some(slack) = context.notifier.bot() else {
        return steps;
    };
    if !context.config.slack.reactions || context.people.is_refused() {
        return steps;
    }
    if let Err(error) = read_and_apply(context, slack, now, &mut steps).await {
        tracing::warn!("cannot take the answers to messages: {error}");
    }
    steps
}

async fn read_and_apply(
    context: &Context,
    slack: &Slack,
    now: Timestamp,
    steps: &mut Vec<(Transition, String)>,
) -> Result<(), store::Error> {
    let store = &context.store;
    let answerable =
        move |s: &mut store::Database| s.answerable_messages(now - ANSWERABLE_AFTER_END);
    let messages = store.call(answerable).await?;
    if messages.is_empty() {
        return Ok(());
    }
    let minute_ago = clock::now() - MINUTE;
    let reads = move |s: &mut store::Database| s.count_answer_reads(minute_ago);
    let budget = MAX_READS_PER_MINUTE.saturating_sub(store.call(reads).await?);
    let deadline = Instant::now() + MAX_READ_TIME;
    for message in in_order(&messages, budget) {
        let read = read_answers(context, slack, message);
        let Ok(Some(standing)) = timeout_at(deadline, read).await else {
            break;
        };
        steps.extend(take(context, slack, message, standing, &messages, now).await?);
    }
    Ok(())
}

/// Returns the messages to read, at most `budget`: first those of an open wake, then of other open incidents, each the one first
/// that was not read for longest.
fn in_order(messages: &[AnswerableMessage], budget: u64) -> Vec<&AnswerableMessage> {
    let mut ordered: Vec<&AnswerableMessage> = messages.iter().collect();
    ordered.sort_by_key(|message| {
        let open = message.incidents.iter().filter(|i| i.is_open());
        let severity: Option<Severity> = open.map(|i| i.severity).max();
        (Reverse(severity), message.read_at, message.thread)
    });
    ordered.truncate(usize::try_from(budget).unwrap_or(usize::MAX));
    ordered
}

/// Reads which answers stand below `message`; those of before where it is gone. `None` where nothing more is to be read now.
async fn read_answers(
    context: &Context,
    slack: &Slack,
    message: &AnswerableMessage,
) -> Option<Vec<StandingAnswer>> {
    let read = async {
        let own = context.people.own_id(slack).await?;
        let (channel, ts) = (&message.handle.channel, &message.handle.ts);
        slack.fetch_answers(channel, ts, &own).await
    };
    match read.await {
        Ok(standing) => Some(standing),
        // One that nobody foresaw may be of this message alone.
        Err(error) if error.is_unknown() => {
            context.people.note_unknown(&error);
            Some(message.seen.clone())
        }
        Err(error) if is_of_message(&error) => Some(message.seen.clone()),
        Err(error) => {
            context.people.note_failure(&error);
            None
        }
    }
}

/// Returns whether one message cannot be read and the others can.
fn is_of_message(error: &Error) -> bool {
    error.calls_for_new_post() || error.is_about_channel()
}

/// Applies what changed below one message, or records that nothing did, and returns the steps that follow.
async fn take(
    context: &Context,
    slack: &Slack,
    message: &AnswerableMessage,
    standing: Vec<StandingAnswer>,
    all: &[AnswerableMessage],
    now: Timestamp,
) -> Result<Vec<(Transition, String)>, store::Error> {
    let changes = changes(&message.seen, &standing);
    let read = AnswersRead {
        thread: message.thread,
        ts: message.handle.ts.clone(),
        at: clock::now(),
        seen: standing,
    };
    if changes.is_empty() {
        let save = move |s: &mut store::Database| s.save_answers_read(&[read]);
        context.store.call(save).await?;
        return Ok(Vec::new());
    }
    let mut given = Vec::new();
    for change in changes {
        let name = match change.user() {
            Some(user) => context.people.name(slack, user).await,
            None => String::new(),
        };
        given.push(Given { change, name });
    }
    apply(context, message, read, &given, all, now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;
    use crate::notify::samples::course_of;
    use crate::store::Handle;

    fn message(thread: i64, severity: Option<Severity>, read_at: Option<i64>) -> AnswerableMessage {
        let course = course_of(Rule::BounceRate);
        let step = if severity.is_some() {
            "opened"
        } else {
            "resolved"
        };
        let mut incident = course.step(step).incident.clone();
        incident.severity = severity.unwrap_or(Severity::Wake);
        AnswerableMessage {
            thread,
            channel: String::new(),
            handle: Handle {
                channel: "C0".to_owned(),
                ts: thread.to_string(),
                is_edited: false,
            },
            read_at: read_at.map(Timestamp),
            seen: Vec::new(),
            incidents: vec![incident],
        }
    }

    #[test]
    fn wakes_are_read_first_and_then_what_was_not_read_for_longest() {
        let (wake, warn) = (Some(Severity::Wake), Some(Severity::Warn));
        let messages = [
            message(1, None, None),
            message(2, warn, Some(5)),
            message(3, wake, Some(9)),
            message(4, warn, None),
            message(5, wake, Some(7)),
        ];
        let order = |budget| -> Vec<i64> {
            let ordered = in_order(&messages, budget).into_iter();
            ordered.map(|m| m.thread).collect()
        };
        assert_eq!(order(20), [5, 3, 4, 2, 1]);
        assert_eq!(order(2), [5, 3]);
        assert_eq!(order(0), Vec::<i64>::new());
    }
}
