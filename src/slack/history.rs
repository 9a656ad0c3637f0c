//! What a channel's history says of a message. Pure: answers in, verdict out.
//!
//! From `conversations.history` (docs.slack.dev): newest first, in pages, metadata only where they are asked for. It
//! needs a scope that depends on the kind of conversation, and a bot must be a member.

use serde_json::Value;

use crate::model::Timestamp;
use crate::slack::answer::{Answer, judge_status, word};
use crate::slack::blocks::EVENT_TYPE;
use crate::slack::client::Accepted;
use crate::slack::error::{Class, Error};
use crate::slack::refusal::judge;

/// Messages asked for in one request. Slack's own default; apps with a narrower limit get fewer and more pages.
const PER_PAGE: &str = "100";

/// What became of a message whose fate was unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It was posted.
    Found(Accepted),
    /// It was not.
    Absent,
    /// The history cannot be read, and why.
    Hidden(String),
}

/// One page of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The message that was looked for is on it.
    With(Accepted),
    /// It is not.
    Without {
        /// Where the next page begins, if there is one.
        next: Option<String>,
    },
}

/// The arguments that ask for everything after `since`.
pub(super) fn query(channel: &str, since: Timestamp, cursor: &str) -> Vec<(&'static str, String)> {
    let (seconds, millis) = (since.0.div_euclid(1000), since.0.rem_euclid(1000));
    let mut query = vec![
        ("channel", channel.to_owned()),
        ("oldest", format!("{seconds}.{millis:03}000")),
        ("limit", PER_PAGE.to_owned()),
        ("include_all_metadata", "true".to_owned()),
    ];
    if !cursor.is_empty() {
        query.push(("cursor", cursor.to_owned()));
    }
    query
}

/// Looks for `key` in one page of the history of `channel`.
pub(super) fn read(answer: &Answer, channel: &str, key: &str) -> Result<Page, Error> {
    let body: Option<Value> = answer
        .body
        .as_deref()
        .and_then(|body| serde_json::from_slice(body).ok());
    let body = match body {
        Some(body) if answer.status == 200 && body["ok"] == true => body,
        Some(body) if body["ok"] == false => return Err(refused(answer, &body)),
        _ => return Err(unreadable(answer)),
    };
    let Some(messages) = body["messages"].as_array() else {
        return Err(unreadable(answer));
    };
    if let Some(message) = messages.iter().find(|message| bears(message, key)) {
        return Ok(Page::With(Accepted {
            channel: Some(channel.to_owned()),
            ts: message["ts"].as_str().map(str::to_owned),
        }));
    }
    let next = body["response_metadata"]["next_cursor"].as_str();
    Ok(Page::Without {
        next: next.filter(|c| !c.is_empty()).map(str::to_owned),
    })
}

fn bears(message: &Value, key: &str) -> bool {
    let metadata = &message["metadata"];
    metadata["event_type"] == EVENT_TYPE && metadata["event_payload"]["delivery"] == key
}

fn refused(answer: &Answer, body: &Value) -> Error {
    let word = body["error"].as_str().and_then(word);
    let known = word.and_then(judge).map(|(class, _)| class);
    let class = match known.unwrap_or_else(|| judge_status(answer.status).0) {
        Class::Later | Class::Unknown => Class::Later,
        Class::Never | Class::Payload => Class::Never,
    };
    let reason = word.map_or_else(
        || format!("HTTP status {}", answer.status),
        |word| format!("`{word}`"),
    );
    let scope = body["needed"].as_str().filter(|needed| is_scope(needed));
    let scope = scope.map_or_else(String::new, |needed| format!("; it needs {needed}"));
    failed(answer, class, &format!("{reason}{scope}"))
}

fn unreadable(answer: &Answer) -> Error {
    let why = match answer.status {
        200 => "the answer is cut off, too long or not Slack's".to_owned(),
        status => format!("HTTP status {status}"),
    };
    let class = match answer.status {
        200 => Class::Later,
        status => judge_status(status).0,
    };
    failed(answer, class, &why)
}

fn failed(answer: &Answer, class: Class, why: &str) -> Error {
    Error {
        retry_after: answer.retry_after,
        ..Error::new(class, format!("cannot read the channel's history: {why}"))
    }
}

/// Nothing of an answer is quoted that might repeat what was sent.
fn is_scope(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || matches!(c, ':' | ',' | '.' | '_');
    text.len() <= 120 && text.chars().all(is_part)
}

#[cfg(test)]
mod tests;
