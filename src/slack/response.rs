//! What Slack's answer to a post means. Pure: status, header and body in, verdict out.

use std::time::Duration;

use serde::Deserialize;

use crate::retry::RetryClass;
use crate::slack::client::Receipt;
use crate::slack::error::Error;
use crate::slack::error_code::ErrorCode;
use crate::slack::history::is_scope;
use crate::slack::methods::permission_remedy;
use crate::text::sanitize::{clean, truncate};
use crate::tls::PROXY_LOGIN;

/// The maximum length of an error code that is quoted, in characters.
const MAX_CODE_CHARS: usize = 60;
/// The maximum length of Slack's explanation of an error that is quoted, in characters.
const MAX_EXPLANATION_CHARS: usize = 300;

/// The interface a message is posted to; the two answer in different formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The Web API: JSON, mostly with status 200, for errors too.
    Api,
    /// An incoming webhook: one word of text, with a matching status.
    Webhook,
}

/// An HTTP response as it was received.
#[derive(Clone, Debug)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    /// The body; `None` if it was cut off or exceeds the size limit.
    pub(super) body: Option<Vec<u8>>,
}

/// The fields of a Web API answer. Each is any JSON, so that one of the wrong type does not hide the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiBody {
    ok: serde_json::Value,
    error: serde_json::Value,
    channel: serde_json::Value,
    ts: serde_json::Value,
    needed: serde_json::Value,
    response_metadata: serde_json::Value,
}

impl ApiBody {
    fn is_yes(&self) -> bool {
        self.ok == true
    }

    /// Stand-ins for Slack may write it as text.
    fn is_no(&self) -> bool {
        self.ok == false || self.ok == "false"
    }

    fn names_known_error(&self) -> bool {
        self.error.as_str().and_then(ErrorCode::parse).is_some()
    }
}

/// Reads the answer to a post.
///
/// # Errors
/// If Slack rejected the message, or does not say whether it posted it.
pub(super) fn read(dialect: Dialect, response: &HttpResponse) -> Result<Receipt, Error> {
    let result = match dialect {
        Dialect::Api => read_api(response),
        Dialect::Webhook => read_webhook(response),
    };
    result.map_err(|error| Error {
        retry_after: response.retry_after,
        ..error
    })
}

fn read_api(response: &HttpResponse) -> Result<Receipt, Error> {
    let body = response.body.as_deref().unwrap_or_default();
    let parsed: Option<ApiBody> = serde_json::from_slice(body).ok();
    match parsed {
        Some(body) if response.status == 200 && body.is_yes() => Ok(Receipt {
            channel: body.channel.as_str().map(str::to_owned),
            ts: body.ts.as_str().map(str::to_owned),
        }),
        Some(body) if body.is_no() => Err(body_error(&body, response.status)),
        _ if response.status == 200 && is_web_page(&trim_body(body)) => Err(web_page_error(200)),
        _ if response.status == 200 => Err(unreadable_error(response)),
        _ => Err(post_rejection(response.status, None, "")),
    }
}

/// Accepts any 2xx without a known error: services that stand in for Slack (Mattermost, relays, bridges) answer 201, 204,
/// `{"ok":true}` or nothing where Slack answers `ok`.
fn read_webhook(response: &HttpResponse) -> Result<Receipt, Error> {
    let status = response.status;
    let text = response.body.as_deref().map(trim_body);
    if !(200..300).contains(&status) {
        let text = text.unwrap_or_default();
        return Err(post_rejection(status, quotable_code(&text), ""));
    }
    let Some(text) = text else {
        return Err(unreadable_error(response));
    };
    if is_web_page(&text) {
        return Err(web_page_error(status));
    }
    match serde_json::from_str::<ApiBody>(&text) {
        Ok(body) if body.is_no() || (!body.is_yes() && body.names_known_error()) => {
            Err(body_error(&body, status))
        }
        _ => {
            let known = |code: &&str| ErrorCode::parse(code).is_some();
            match quotable_code(&text).filter(known) {
                Some(code) => Err(post_rejection(status, Some(code), "")),
                None => Ok(Receipt::default()),
            }
        }
    }
}

/// Returns the text of `body` without white space and a byte order mark around it.
fn trim_body(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim_start_matches('\u{feff}').trim().to_owned()
}

fn is_web_page(text: &str) -> bool {
    text.starts_with('<')
}

/// The error for a web page with a status of success. It comes from a proxy or a login page, which passed nothing on.
fn web_page_error(status: u16) -> Error {
    let error = Error::new(
        RetryClass::Permanent,
        "cannot post to Slack: a web page answered instead of Slack; check the address, and the proxy if there is one",
    );
    Error {
        status: Some(status),
        ..error
    }
}

/// Returns the error for a post that was rejected; `details` are Slack's on the code.
fn post_rejection(status: u16, code: Option<&str>, details: &str) -> Error {
    rejection(status, code, |reason, remedy| {
        format!("cannot post to Slack: {reason}{details}; {remedy}")
    })
}

/// Returns the error for an answer that says no. A known code decides the class and the remedy, otherwise the status does.
/// `message` gets the reason, which is the code in backticks or the status, and the remedy.
pub(super) fn rejection(
    status: u16,
    code: Option<&str>,
    message: impl FnOnce(&str, &str) -> String,
) -> Error {
    let known = code.and_then(ErrorCode::parse);
    let (class, remedy) = known.map_or_else(
        || classify_status(status),
        |code| (code.class(), code.remedy()),
    );
    let reason = code.map_or_else(
        || format!("HTTP status {status}"),
        |code| format!("`{code}`"),
    );
    Error {
        code: known,
        has_code: code.is_some(),
        status: Some(status),
        ..Error::new(class, message(&reason, remedy))
    }
}

/// Whether `message`, which an [`Error`] had, says that Slack takes nothing until somebody changes the credential or the destination.
pub fn is_lasting_refusal(message: &str) -> bool {
    let Some((_, reason)) = message.split_once(": ") else {
        return false;
    };
    let code = reason.strip_prefix('`').and_then(|of| of.split_once('`'));
    if let Some((code, _)) = code {
        let known = ErrorCode::parse(code);
        return known
            .is_some_and(|code| code.class() == RetryClass::Permanent && !code.is_about_message());
    }
    let status = reason.strip_prefix("HTTP status ");
    let status = status.and_then(|of| of.split([';', ' ']).next()?.parse().ok());
    status.is_some_and(|status| classify_status(status).0 == RetryClass::Permanent)
}

fn classify_status(status: u16) -> (RetryClass, &'static str) {
    match status {
        429 => (RetryClass::Retry, "Slack asks to wait"),
        408 | 425 | 500..=599 => (RetryClass::Retry, "Slack has a temporary fault"),
        300..=399 => (
            RetryClass::Permanent,
            "redirects are not followed: check the address of Slack, and the proxy if there is one",
        ),
        401 => (
            RetryClass::Permanent,
            "check the credential, and the proxy if there is one",
        ),
        407 => (RetryClass::Permanent, PROXY_LOGIN),
        404 | 410 => (
            RetryClass::Permanent,
            "there is nothing at this address: check slack.base_url, or create the webhook again",
        ),
        413 => (
            RetryClass::BadPayload,
            "the message is too large for the proxy before Slack",
        ),
        _ => (
            RetryClass::Permanent,
            "look the error up in Slack's documentation, and check Slack's status page",
        ),
    }
}

/// The error for a status of success whose body says neither yes nor no.
fn unreadable_error(response: &HttpResponse) -> Error {
    let why = match response.body {
        None => "the answer was cut off",
        Some(_) => {
            "the answer is not in Slack's format; check slack.base_url, and the proxy if there is one"
        }
    };
    Error::new(
        RetryClass::Unconfirmed,
        format!("Slack may or may not have posted the message: {why}"),
    )
}

/// Returns `text` if it has the form of an error code. Nothing else of an answer is quoted, as it may echo the request.
pub(super) fn quotable_code(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!text.is_empty() && text.len() <= MAX_CODE_CHARS && text.chars().all(is_part)).then_some(text)
}

/// Returns the error that the body names, with Slack's details on it: the missing scope, or the invalid part of the blocks.
fn body_error(body: &ApiBody, status: u16) -> Error {
    let messages = body.response_metadata["messages"].as_array();
    let texts = messages.into_iter().flatten().chain([&body.needed]);
    let quotable = texts
        .filter_map(serde_json::Value::as_str)
        .filter(|text| !may_be_private(text));
    let details = quotable.map(clean).collect::<Vec<_>>().join(", ");
    let details = match truncate(&details, MAX_EXPLANATION_CHARS) {
        details if details.is_empty() => details,
        details => format!(" ({details})"),
    };
    let code = body.error.as_str().and_then(quotable_code);
    let needed = body.needed.as_str().filter(|needed| is_scope(needed));
    match permission_remedy("chat.postMessage", code, needed) {
        Some(remedy) => rejection(status, code, |reason, _| {
            format!("cannot post to Slack: {reason}{details}; {remedy}")
        }),
        None => post_rejection(status, code, &details),
    }
}

/// Returns whether `text` may hold an address, a URL or a token.
fn may_be_private(text: &str) -> bool {
    ["@", "://", "xox"].iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests;
