//! What Slack's answer means. Pure: status, header and body in, verdict out.

use std::time::Duration;

use serde::Deserialize;

use crate::slack::client::Accepted;
use crate::slack::error::{Class, Error};
use crate::slack::refusal::judge;
use crate::text::sanitize::{clean, truncate};

/// Longest word of Slack's that is quoted, in characters.
const WORD_CHARS: usize = 60;
/// How much of Slack's explanation of a refusal is quoted, in characters.
const EXPLANATION_CHARS: usize = 300;

/// The Web API or an incoming webhook: they answer in different languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// JSON, mostly with status 200, also for a refusal.
    Api,
    /// One word as text, and a status that fits.
    Webhook,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// What `Retry-After` asks for.
    pub(super) retry_after: Option<Duration>,
    /// The body; `None` where it was cut off or beyond all measure.
    pub(super) body: Option<Vec<u8>>,
}

/// What is read of the Web API's answer. Fields of the wrong type would spoil the rest, so they are taken as they come.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    ok: Option<bool>,
    error: serde_json::Value,
    channel: serde_json::Value,
    ts: serde_json::Value,
    needed: serde_json::Value,
    response_metadata: serde_json::Value,
}

/// The verdict on `answer`.
pub(super) fn read(dialect: Dialect, answer: &Answer) -> Result<Accepted, Error> {
    let verdict = match dialect {
        Dialect::Api => read_api(answer),
        Dialect::Webhook => read_webhook(answer),
    };
    verdict.map_err(|error| Error {
        retry_after: answer.retry_after,
        ..error
    })
}

fn read_api(answer: &Answer) -> Result<Accepted, Error> {
    let body = answer.body.as_deref().unwrap_or_default();
    let wire: Option<Wire> = serde_json::from_slice(body).ok();
    match wire {
        Some(wire) if answer.status == 200 && wire.ok == Some(true) => Ok(Accepted {
            channel: wire.channel.as_str().map(str::to_owned),
            ts: wire.ts.as_str().map(str::to_owned),
        }),
        Some(wire) if wire.ok == Some(false) => {
            let word = wire.error.as_str().and_then(word);
            Err(refused(answer.status, word, &explanation(&wire)))
        }
        _ if answer.status == 200 && is_web_page(&trimmed(body)) => Err(web_page()),
        _ if answer.status == 200 => Err(unreadable(answer)),
        _ => Err(refused(answer.status, None, "")),
    }
}

/// Any 2xx without a known error is an acceptance: what stands in for Slack (a relay, Mattermost, a bridge) answers 201,
/// 204, `{"ok":true}` or nothing where Slack says `ok`.
fn read_webhook(answer: &Answer) -> Result<Accepted, Error> {
    let (status, is_success) = (answer.status, (200..300).contains(&answer.status));
    let Some(body) = answer.body.as_deref().filter(|_| is_success) else {
        let body = answer.body.as_deref().unwrap_or_default();
        return Err(if is_success {
            unreadable(answer)
        } else {
            refused(status, word(&trimmed(body)), "")
        });
    };
    let text = trimmed(body);
    if is_web_page(&text) {
        return Err(web_page());
    }
    match serde_json::from_str::<Wire>(&text) {
        Ok(wire) if wire.ok == Some(false) => {
            let word = wire.error.as_str().and_then(word);
            Err(refused(status, word, &explanation(&wire)))
        }
        _ => match word(&text).filter(|word| judge(word).is_some()) {
            Some(word) => Err(refused(status, Some(word), "")),
            None => Ok(Accepted::default()),
        },
    }
}

/// The text of `body` without blanks and a byte order mark around it.
fn trimmed(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim_start_matches('\u{feff}').trim().to_owned()
}

fn is_web_page(text: &str) -> bool {
    text.starts_with('<')
}

/// A page with a status of success is that of a proxy or a log-in, which let nothing through to Slack.
fn web_page() -> Error {
    Error::new(
        Class::Never,
        "cannot post to Slack: a web page answered in Slack's place; check the address, and the proxy if there is one",
    )
}

/// The word decides where it is known, else the status.
fn refused(status: u16, word: Option<&str>, explanation: &str) -> Error {
    let known = word.and_then(judge);
    let (class, remedy) = known.unwrap_or_else(|| judge_status(status));
    let reason = word.map_or_else(
        || format!("HTTP status {status}"),
        |word| format!("`{word}`"),
    );
    let explanation = if explanation.is_empty() {
        String::new()
    } else {
        format!(" ({explanation})")
    };
    Error::new(
        class,
        format!("cannot post to Slack: {reason}{explanation}; {remedy}"),
    )
}

/// Statuses with which Slack, or what stands before it, asks to be tried again.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

pub(super) fn judge_status(status: u16) -> (Class, &'static str) {
    match status {
        429 => (Class::Later, "Slack asks for a pause"),
        status if is_passing(status) => (Class::Later, "Slack has a passing fault"),
        300..=399 => (
            Class::Never,
            "redirects are not followed: check the address of Slack, and the proxy if there is one",
        ),
        401 | 407 => (
            Class::Never,
            "check the credential, and the proxy if there is one",
        ),
        404 | 410 => (
            Class::Never,
            "the address is gone: check slack.base_url, or create the webhook again",
        ),
        413 => (
            Class::Payload,
            "the message is too large for what stands before Slack",
        ),
        _ => (
            Class::Never,
            "look the word up in Slack's documentation, or ask its status page",
        ),
    }
}

fn unreadable(answer: &Answer) -> Error {
    let what = match answer.body {
        None => "the answer was cut off; it may have been posted",
        Some(_) => {
            "the answer is not Slack's; it may have been posted: check slack.base_url, and the proxy if there is one"
        }
    };
    Error::new(
        Class::Unknown,
        format!("do not know whether Slack took the message: {what}"),
    )
}

/// `text` if it looks like one of Slack's words. Nothing else of an answer is quoted: it might repeat what was sent.
pub(super) fn word(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!text.is_empty() && text.len() <= WORD_CHARS && text.chars().all(is_part)).then_some(text)
}

/// Which scope is missing, or which part of the blocks is wrong.
fn explanation(wire: &Wire) -> String {
    let messages = wire.response_metadata["messages"].as_array();
    let texts = messages.into_iter().flatten().chain([&wire.needed]);
    let quotable = texts
        .filter_map(serde_json::Value::as_str)
        .filter(|text| !may_be_private(text));
    let joined = quotable.map(clean).collect::<Vec<_>>().join(", ");
    truncate(&joined, EXPLANATION_CHARS)
}

/// Whether `text` might hold an address, a URL or a token.
fn may_be_private(text: &str) -> bool {
    ["@", "://", "xox"].iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests;
