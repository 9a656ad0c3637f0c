//! The canary: mail of our own, sent to see whether the path to Postmark and beyond it works where no other mail tells.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The tag of its mail, by which that is left out of every count.
pub const CANARY_TAG: &str = "hushwatch-canary";

/// What became of one of its mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryOutcome {
    /// Nothing is known yet.
    Pending,
    /// A `Delivered` event is among its details.
    Delivered,
    /// It bounced.
    Bounced,
    /// Postmark did not take it; holds what it said, cleaned.
    Refused(String),
}

/// One of its mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryMail {
    /// When it was handed to Postmark, or tried to be.
    pub sent_at: Timestamp,
    /// Postmark's `MessageID`; `None` where it was refused, or where no answer came.
    pub id: Option<String>,
    /// What became of it.
    pub outcome: CanaryOutcome,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
}

/// What the rule `canary` rests on: the newest mail of which something is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryEvidence {
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// What became of it.
    pub outcome: CanaryOutcome,
    /// Postmark's `MessageID`.
    pub message: Option<String>,
    /// When one was last delivered.
    pub last_delivered: Option<Timestamp>,
}
