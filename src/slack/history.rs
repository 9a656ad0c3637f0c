//! Looks for a message in a channel's history. Pure: answers in, verdict out.
//!
//! From `conversations.history` and, for a thread, `conversations.replies` (docs.slack.dev): in pages, metadata only on request.
//! Both need a scope that depends on the kind of conversation, and the bot must be a member.

use serde_json::Value;

use crate::model::Timestamp;
use crate::retry::RetryClass;
use crate::slack::blocks::EVENT_TYPE;
use crate::slack::client::Receipt;
use crate::slack::error::Error;
use crate::slack::methods::{needed, scope_of};
use crate::slack::response::{HttpResponse, quotable_code, rejection};

/// The number of messages per page. Slack's own default; apps with a lower limit get smaller pages, and more of them.
const PAGE_SIZE: &str = "100";
/// How every error here begins.
const UNREADABLE: &str = "cannot read the channel's history";
/// The maximum length of a list of scopes that is quoted, in characters.
const MAX_SCOPE_CHARS: usize = 120;

/// What a channel's history says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupResult {
    /// It was posted.
    Found(Receipt),
    /// It was not posted.
    Absent,
    /// The history cannot be read, for this reason.
    Unreadable(String),
}

/// What one page of a history says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Found(Receipt),
    NotFound {
        /// The cursor of the next page, if there is one.
        next: Option<String>,
    },
}

/// Returns the query that asks for one page of everything after `since`, in the channel or in the thread of one message.
pub(super) fn query(
    channel: &str,
    thread: Option<&str>,
    since: Timestamp,
    cursor: &str,
) -> Vec<(&'static str, String)> {
    let (seconds, millis) = (since.0.div_euclid(1000), since.0.rem_euclid(1000));
    let mut query = vec![
        ("channel", channel.to_owned()),
        ("oldest", format!("{seconds}.{millis:03}000")),
        ("limit", PAGE_SIZE.to_owned()),
        ("include_all_metadata", "true".to_owned()),
    ];
    if let Some(ts) = thread {
        query.push(("ts", ts.to_owned()));
    }
    if !cursor.is_empty() {
        query.push(("cursor", cursor.to_owned()));
    }
    query
}

/// Looks for the message with `key` on one page of the history of `channel`.
pub(super) fn read(response: &HttpResponse, channel: &str, key: &str) -> Result<Page, Error> {
    read_page(response, channel, key).map_err(|error| Error {
        retry_after: response.retry_after,
        ..error
    })
}

fn read_page(response: &HttpResponse, channel: &str, key: &str) -> Result<Page, Error> {
    let body: Option<Value> = response
        .body
        .as_deref()
        .and_then(|body| serde_json::from_slice(body).ok());
    let body = match body {
        Some(body) if response.status == 200 && body["ok"] == true => body,
        Some(body) if body["ok"] == false => return Err(history_rejection(response.status, &body)),
        _ => return Err(unreadable_error(response.status)),
    };
    let Some(messages) = body["messages"].as_array() else {
        return Err(unreadable_error(response.status));
    };
    if let Some(message) = messages.iter().find(|message| has_key(message, key)) {
        return Ok(Page::Found(Receipt {
            channel: Some(channel.to_owned()),
            ts: message["ts"].as_str().map(str::to_owned),
        }));
    }
    let next = body["response_metadata"]["next_cursor"].as_str();
    Ok(Page::NotFound {
        next: next.filter(|c| !c.is_empty()).map(str::to_owned),
    })
}

fn has_key(message: &Value, key: &str) -> bool {
    let metadata = &message["metadata"];
    metadata["event_type"] == EVENT_TYPE && metadata["event_payload"]["delivery"] == key
}

fn history_rejection(status: u16, body: &Value) -> Error {
    let code = body["error"].as_str().and_then(quotable_code);
    let is_missing = code == Some("missing_scope");
    let own = scope_of("conversations.history").filter(|_| is_missing);
    let scope = needed(body).or(own);
    let scope = scope.map_or_else(String::new, |scope| format!("; it needs {scope}"));
    let error = rejection(status, code, |reason, _| {
        format!("{UNREADABLE}: {reason}{scope}")
    });
    // Reading changes nothing, so it can always be repeated.
    let class = match error.class {
        RetryClass::Retry | RetryClass::Unconfirmed => RetryClass::Retry,
        RetryClass::Permanent | RetryClass::BadPayload => RetryClass::Permanent,
    };
    Error { class, ..error }
}

fn unreadable_error(status: u16) -> Error {
    match status {
        200 => {
            let why = "the answer is cut off, too long or not in Slack's format";
            Error::new(RetryClass::Retry, format!("{UNREADABLE}: {why}"))
        }
        status => rejection(status, None, |reason, _| format!("{UNREADABLE}: {reason}")),
    }
}

/// Returns whether `text` has the form of a list of scopes. Nothing else is quoted, as it may echo the request.
pub(super) fn is_scope(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || matches!(c, ':' | ',' | '.' | '_');
    !text.is_empty() && text.len() <= MAX_SCOPE_CHARS && text.chars().all(is_part)
}

#[cfg(test)]
mod tests;
