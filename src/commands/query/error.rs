//! Why something could not be looked up, and which command helps on.

use std::fmt;
use std::time::Duration;

use crate::model::MINUTE;
use crate::postmark::{self, ErrorKind, Fault};
use crate::text::format::format_duration;

/// Postmark's code for a stream that it does not know.
const UNKNOWN_STREAM: i64 = 1226;
/// Postmark's code for a token that may not list streams.
const NO_STREAMS_PERMISSION: i64 = 1220;

/// Why a server gave no answer.
#[derive(Debug)]
pub(crate) struct Trouble {
    why: String,
    pub(crate) of: Of,
}

/// What the trouble is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The server has no stream of that name, which another may have.
    NoStream,
    /// Whatever else is asked of that server will be refused as well.
    Server,
    /// Nobody answered, and perhaps nobody will.
    Silence,
    /// What was asked for.
    Question,
}

impl Trouble {
    /// Without a token there is no asking.
    pub(crate) fn without_token(why: &str) -> Self {
        Self {
            why: why.to_owned(),
            of: Of::Server,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<postmark::Error> for Trouble {
    fn from(error: postmark::Error) -> Self {
        let of = match error.kind() {
            ErrorKind::Refused {
                code: Some(UNKNOWN_STREAM),
                ..
            } => Of::NoStream,
            ErrorKind::TokenRefused | ErrorKind::AccountInactive(_) | ErrorKind::TooMany => {
                Of::Server
            }
            ErrorKind::Unreachable(_) => Of::Silence,
            _ => Of::Question,
        };
        let why = told(&error);
        Self { why, of }
    }
}

/// What went wrong, and what helps on a person who asked by hand.
pub(crate) fn told(error: &postmark::Error) -> String {
    let what = error.what();
    match error.kind() {
        ErrorKind::Refused {
            code: Some(NO_STREAMS_PERMISSION),
            ..
        } => format!("{what}; this token may not list streams: name one with --stream"),
        ErrorKind::Refused { status: 422, .. } => {
            format!("{what}; change what is asked for, `--help` shows what can be")
        }
        ErrorKind::TooLarge => format!("{what}; narrow what is asked for"),
        ErrorKind::NotFound | ErrorKind::Setup(_) => error.to_string(),
        ErrorKind::TooMany => match error.retry_after() {
            Some(wait) => format!(
                "{what}; Postmark asked to wait {}: try again then",
                rest(wait)
            ),
            None => format!("{what}; try again in a minute"),
        },
        ErrorKind::Unreachable(Fault::TimedOut) => {
            format!("{what}; try again in a minute; `hushwatch doctor` looks closer")
        }
        _ => format!("{error}; `hushwatch doctor` looks closer"),
    }
}

/// A wait in words, never shorter than it is.
fn rest(wait: Duration) -> String {
    match wait.as_secs() {
        seconds @ ..=120 => format!("{seconds} s"),
        _ => format_duration(wait.saturating_add(MINUTE)),
    }
}
