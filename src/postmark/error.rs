//! What went wrong at Postmark, and what to do.

use std::fmt;
use std::time::Duration;

use crate::retry::Retryable;

/// A call that failed, after every attempt. Holds no token, no address of a person, no URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub(super) doing: String,
    pub(super) kind: ErrorKind,
    /// What Postmark said, which must have gone through [`super::quote`].
    pub(super) said: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) status: Option<u16>,
    /// Whether no requests are left to try it again, whatever it is.
    pub(super) is_last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The client cannot be built: the settings make no sense, or the machine has no root certificates.
    #[error("{0}")]
    Setup(&'static str),
    /// The token is not one of a server, or cannot be sent at all.
    #[error("Postmark refused the server token")]
    TokenRefused,
    /// The token is not one of an account, or cannot be sent at all.
    #[error("Postmark refused the account token")]
    AccountTokenRefused,
    /// Postmark refuses for a reason of the account; holds its `ErrorCode` (405, 412, 413 or 422).
    #[error("Postmark refuses the account or server (code {0})")]
    AccountInactive(i64),
    /// Unknown to Postmark, or beyond its retention (`ErrorCode` 701).
    #[error("Postmark does not know it, or no longer")]
    NotFound,
    /// The body was longer than we are willing to hold; it was not read to its end.
    #[error("the answer is larger than we hold in memory")]
    TooLarge,
    #[error("Postmark refused with status {status}{}", .code.map(|code| format!(", code {code}")).unwrap_or_default())]
    Refused {
        /// The HTTP status, 3xx or 4xx.
        status: u16,
        /// Postmark's `ErrorCode`, where it gave one. Its published table is incomplete: any value may come.
        code: Option<i64>,
    },
    #[error("Postmark gets too many requests from us (status 429)")]
    TooMany,
    /// Postmark is in trouble or in maintenance; holds the HTTP status (408 or 5xx).
    #[error("Postmark is in trouble (status {0})")]
    Server(u16),
    #[error("Postmark is not reachable: {0}")]
    Unreachable(Fault),
    /// An answer that cannot be what Postmark meant to say; holds what is wrong with it.
    #[error("the answer makes no sense: {0}")]
    Malformed(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the connection was refused")]
    Refused,
    #[error("the connection broke")]
    Reset,
    #[error("it took too long")]
    TimedOut,
    #[error("its name was not resolved")]
    Dns,
    #[error("no trusted connection came about")]
    Tls,
    /// It asks for user and password before it connects anywhere.
    #[error("the proxy demands a login (status 407)")]
    ProxyLogin,
    #[error("the connection failed")]
    Other,
}

impl Error {
    pub(super) fn new(doing: &str, kind: ErrorKind) -> Self {
        Self {
            doing: doing.to_owned(),
            kind,
            said: None,
            retry_after: None,
            status: None,
            is_last: false,
        }
    }

    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns what failed and why, without what to do about it.
    pub fn what(&self) -> String {
        let said = self.said.as_ref().map(|said| format!(" (\"{said}\")"));
        let said = said.unwrap_or_default();
        format!("failed to {}: {}{said}", self.doing, self.kind)
    }

    /// Returns what Postmark itself said: cleaned, without addresses, at most 200 characters. Still text from outside.
    pub fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

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

    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl Retryable for Error {
    fn is_transient(&self) -> bool {
        !self.is_last && Self::is_transient(self)
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
            Self::Refused { .. } => {
                "Postmark answers, so the network is fine: look up its code, and whether a newer hushwatch asks otherwise"
            }
            Self::Malformed(_) => {
                "what answers may not be Postmark: check `postmark.base_url`, and the proxy if there is one"
            }
            Self::TooMany => "lower `postmark.requests_per_poll` or poll less often",
            Self::Server(_) => "see https://status.postmarkapp.com",
            Self::Unreachable(Fault::Refused | Fault::Dns) => {
                "check the network, the proxy and `postmark.base_url`"
            }
            Self::Unreachable(Fault::ProxyLogin) => {
                "put user and password into HTTPS_PROXY, as in http://user:password@host:port"
            }
            Self::Unreachable(Fault::TimedOut) => "check the network, or raise `postmark.timeout`",
            Self::Unreachable(Fault::Tls) => {
                "check the machine's clock and root certificates (package ca-certificates, or SSL_CERT_FILE)"
            }
            _ => return None,
        })
    }
}
