//! Why a message was not accepted, and what that means for the next attempt.

use std::time::Duration;

use crate::retry::RetryClass;
use crate::slack::error_code::ErrorCode;

/// A request that Slack did not confirm. Holds neither the token nor the webhook URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What it means for the next attempt.
    pub class: RetryClass,
    /// Slack's error code, if the answer named one that is known here.
    pub code: Option<ErrorCode>,
    /// Whether the answer named an error code, be it known here or not.
    pub has_code: bool,
    pub retry_after: Option<Duration>,
    /// The HTTP status of the answer that says no; `None` where none came.
    pub status: Option<u16>,
    pub message: String,
}

impl Error {
    /// Creates an error that no code of Slack's explains.
    pub fn new(class: RetryClass, message: impl Into<String>) -> Self {
        Self {
            class,
            code: None,
            has_code: false,
            retry_after: None,
            status: None,
            message: message.into(),
        }
    }

    /// Returns whether Slack rejected the message's metadata; without them it may still be posted.
    pub fn is_about_metadata(&self) -> bool {
        self.code.is_some_and(ErrorCode::is_about_metadata)
    }

    /// Returns whether the channel does not take the message, at least not from this app.
    pub fn is_about_channel(&self) -> bool {
        self.code.is_some_and(ErrorCode::is_about_channel)
    }

    /// Returns whether no further attempt to edit a message, or to reply to it, will succeed, while a new one may be posted. So it
    /// is taken for any error that is not known here: an incident must not fall silent because its message cannot be edited.
    pub fn calls_for_new_post(&self) -> bool {
        let is_refused = matches!(self.class, RetryClass::Permanent | RetryClass::BadPayload);
        let is_about_message = match self.code {
            Some(code) => code.is_about_message() || self.class == RetryClass::BadPayload,
            None => self.has_code,
        };
        is_refused && is_about_message
    }

    /// Returns whether Slack named an error that is not known here.
    pub const fn is_unknown(&self) -> bool {
        self.has_code && self.code.is_none()
    }

    pub fn is_missing_scope(&self) -> bool {
        self.code == Some(ErrorCode::MissingScope)
    }
}
