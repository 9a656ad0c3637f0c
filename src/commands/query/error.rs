//! Why something could not be looked up, and which command helps.

use std::time::Duration;

use crate::model::MINUTE;
use crate::postmark::{self, ErrorKind, Fault, ServerInfo};
use crate::text::format::format_duration;
use crate::text::sanitize::clean;

/// Postmark's code for a stream that it does not know.
const UNKNOWN_STREAM: i64 = 1226;
/// Postmark's code for a token that may not list streams.
const NO_STREAMS_PERMISSION: i64 = 1220;

#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct LookupError {
    why: String,
    pub(crate) scope: Scope,
}

/// What the error is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The server has no stream of that name, which another may have.
    StreamMissing,
    /// The server refuses every other request as well.
    Server,
    /// There was no answer; another request may have none either.
    Unanswered,
    /// This one request.
    Query,
}

impl LookupError {
    /// Returns the error of a server whose token cannot be read.
    pub(crate) fn without_token(why: &str) -> Self {
        Self {
            why: why.to_owned(),
            scope: Scope::Server,
        }
    }

    /// Returns the error of a token that belongs to another server than the one whose mail is stored under the name.
    pub(crate) fn other_server(stored: i64, answers: &ServerInfo) -> Self {
        let (name, id) = (clean(&answers.name), answers.id);
        Self {
            why: format!(
                "its token belongs to another Postmark server, {name} (server {id}), and not to server {stored}, whose mail is \
                 stored under this name: nothing was asked; `hushwatch doctor` says what to do"
            ),
            scope: Scope::Server,
        }
    }
}

impl From<postmark::Error> for LookupError {
    fn from(error: postmark::Error) -> Self {
        let scope = match error.kind() {
            ErrorKind::Refused {
                code: Some(UNKNOWN_STREAM),
                ..
            } => Scope::StreamMissing,
            ErrorKind::TokenRefused | ErrorKind::AccountInactive(_) | ErrorKind::TooMany => {
                Scope::Server
            }
            ErrorKind::Unreachable(_) => Scope::Unanswered,
            _ => Scope::Query,
        };
        let why = message_with_hint(&error);
        Self { why, scope }
    }
}

pub(crate) fn message_with_hint(error: &postmark::Error) -> String {
    let what = error.what();
    match error.kind() {
        ErrorKind::Refused {
            code: Some(NO_STREAMS_PERMISSION),
            ..
        } => format!("{what}; this token may not list streams: name one with --stream"),
        ErrorKind::Refused { status: 422, .. } => {
            format!("{what}; change the filters; `--help` lists them")
        }
        ErrorKind::TooLarge => format!("{what}; narrow the search"),
        ErrorKind::NotFound | ErrorKind::Setup(_) => error.to_string(),
        ErrorKind::TooMany => match error.retry_after() {
            Some(wait) => format!(
                "{what}; Postmark asked to wait {}; try again then",
                wait_text(wait)
            ),
            None => format!("{what}; try again in a minute"),
        },
        ErrorKind::Unreachable(Fault::TimedOut) => {
            format!("{what}; try again in a minute; `hushwatch doctor` shows more")
        }
        _ => format!("{error}; `hushwatch doctor` shows more"),
    }
}

/// Returns a wait in words, rounded up.
fn wait_text(wait: Duration) -> String {
    match wait.as_secs() {
        seconds @ ..=120 => format!("{seconds} s"),
        _ => format_duration(wait.saturating_add(MINUTE)),
    }
}
