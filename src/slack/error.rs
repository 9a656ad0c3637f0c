//! Why a message was not accepted, and what that says about the next attempt.

use std::time::Duration;

/// What a failure says about the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not posted; the same again may succeed later: a rate limit, a fault of Slack's, no connection.
    Later,
    /// Not posted, and not before a person changed something: the credential or the destination.
    Never,
    /// Not posted because of what it looks like: send it once more as plain text.
    Payload,
    /// It went out and no answer came that settles it: a repeat may be the second in the channel.
    Unknown,
}

/// A message that is not known to be accepted. Bears neither the token nor the webhook's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    /// What it says about the next attempt.
    pub class: Class,
    /// How long Slack asked to be left alone.
    pub retry_after: Option<Duration>,
    /// What failed, why, and what to do about it.
    pub what: String,
}

impl Error {
    /// Whether Slack refused the message for its metadata, without which it may be sent all the same.
    pub fn is_about_metadata(&self) -> bool {
        self.class == Class::Payload && self.what.contains("metadata")
    }

    /// Whether the app lacks a scope for it.
    pub fn is_missing_scope(&self) -> bool {
        self.what.contains("`missing_scope`")
    }

    pub(super) fn new(class: Class, what: impl Into<String>) -> Self {
        Self {
            class,
            retry_after: None,
            what: what.into(),
        }
    }
}
