//! What went wrong at Postmark, and what to do.

use std::fmt;
use std::time::Duration;

use crate::retry::Retryable;

/// A call that failed, after every attempt. Holds no token, no address of a person, no URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    doing: String,
    kind: ErrorKind,
    said: Option<String>,
    retry_after: Option<Duration>,
    /// The HTTP status of the answer, where there was one.
    status: Option<u16>,
    /// Whether it is not to be tried again in this cycle, whatever it is.
    for_good: bool,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The client cannot be built: the settings make no sense, or the machine has no root certificates.
    Setup(&'static str),
    /// The token is not one of a server, or cannot be sent at all.
    TokenRefused,
    /// The token is not one of an account, or cannot be sent at all.
    AccountTokenRefused,
    /// Postmark refuses for a reason of the account; holds its `ErrorCode` (405, 412, 413 or 422).
    AccountInactive(i64),
    /// Unknown to Postmark, or beyond its retention (`ErrorCode` 701).
    NotFound,
    /// The body was longer than we are willing to hold; it was not read to its end.
    TooLarge,
    /// Refused for good.
    Refused {
        /// The HTTP status, 3xx or 4xx.
        status: u16,
        /// Postmark's `ErrorCode`, where it gave one. Its published table is incomplete: any value may come.
        code: Option<i64>,
    },
    /// Too many requests (status 429).
    TooMany,
    /// Postmark is in trouble or in maintenance; holds the HTTP status (408 or 5xx).
    Server(u16),
    /// No answer.
    Unreachable(Fault),
    /// An answer that cannot be what Postmark meant to say; holds what is wrong with it.
    Malformed(&'static str),
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens there.
    Refused,
    /// The connection broke.
    Reset,
    /// Not done in time.
    TimedOut,
    /// The host's name was not resolved.
    Dns,
    /// No trust, or no common protocol.
    Tls,
    /// Anything else between here and there.
    Other,
}

impl Error {
    /// `doing` is the object of "failed to …".
    pub(super) fn new(doing: &str, kind: ErrorKind) -> Self {
        Self {
            doing: doing.to_owned(),
            kind,
            said: None,
            retry_after: None,
            status: None,
            for_good: false,
        }
    }

    /// Not to be tried again at once: there are no requests left for that.
    pub(super) fn for_good(self) -> Self {
        Self {
            for_good: true,
            ..self
        }
    }

    /// Adds what Postmark said, which must have gone through [`super::quote`].
    pub(super) fn quoting(self, said: Option<String>) -> Self {
        Self { said, ..self }
    }

    /// Adds the HTTP status of the answer.
    pub(super) fn answered(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// Adds how long Postmark asked to be left alone.
    pub(super) fn after(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// Why it failed.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What failed and why, without what to do about it.
    pub fn what(&self) -> String {
        let said = self.said.as_ref().map(|said| format!(" (\"{said}\")"));
        let said = said.unwrap_or_default();
        format!("failed to {}: {}{said}", self.doing, self.kind)
    }

    /// What Postmark itself said: cleaned, without addresses, at most 200 characters. Still text from outside.
    pub fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// The HTTP status of the answer; `None` where there was none.
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether the same call may succeed later without anybody's doing.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::TooMany
                | ErrorKind::Server(_)
                | ErrorKind::Unreachable(_)
                | ErrorKind::Malformed(_)
        )
    }

    /// How long Postmark asked to be left alone.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl Retryable for Error {
    fn is_transient(&self) -> bool {
        !self.for_good && Self::is_transient(self)
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl std::error::Error for Error {}

/// `failed to DOING: WHY ("WHAT POSTMARK SAID"); WHAT TO DO`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())?;
        match self.kind.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(what) => f.write_str(what),
            Self::TokenRefused => f.write_str("Postmark refused the server token"),
            Self::AccountTokenRefused => f.write_str("Postmark refused the account token"),
            Self::AccountInactive(code) => {
                write!(f, "Postmark refuses the account or server (code {code})")
            }
            Self::NotFound => f.write_str("Postmark does not know it, or no longer"),
            Self::TooLarge => f.write_str("the answer is larger than we hold in memory"),
            Self::Refused { status, code: None } => {
                write!(f, "Postmark refused with status {status}")
            }
            Self::Refused {
                status,
                code: Some(code),
            } => write!(f, "Postmark refused with status {status}, code {code}"),
            Self::TooMany => f.write_str("Postmark gets too many requests from us (status 429)"),
            Self::Server(status) => write!(f, "Postmark is in trouble (status {status})"),
            Self::Unreachable(fault) => write!(f, "Postmark is not reachable: {fault}"),
            Self::Malformed(what) => write!(f, "the answer makes no sense: {what}"),
        }
    }
}

impl ErrorKind {
    /// What a person can do, where there is anything.
    pub const fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::TokenRefused => {
                "check that it is the token of a server, not of the account, and still valid"
            }
            Self::AccountTokenRefused => {
                "check that POSTMARK_ACCOUNT_TOKEN is the token of the account, not of a server, and still valid"
            }
            Self::AccountInactive(_) => "see the account's status in Postmark",
            Self::Refused {
                status: 300..=399, ..
            } => "redirects are not followed, check `postmark.base_url`",
            Self::TooMany => "lower `postmark.requests_per_poll` or poll less often",
            Self::Server(_) => "see https://status.postmarkapp.com",
            Self::Unreachable(Fault::Refused | Fault::Dns) => {
                "check the network, the proxy and `postmark.base_url`"
            }
            Self::Unreachable(Fault::TimedOut) => "check the network, or raise `postmark.timeout`",
            Self::Unreachable(Fault::Tls) => {
                "check the machine's clock and root certificates (package ca-certificates, or SSL_CERT_FILE)"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the connection was refused",
            Self::Reset => "the connection broke",
            Self::TimedOut => "it took too long",
            Self::Dns => "its name was not resolved",
            Self::Tls => "no trusted connection came about",
            Self::Other => "the connection failed",
        })
    }
}
