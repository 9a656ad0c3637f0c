//! Mail that Postmark refused before it became a message: its statistics count it, and nothing else shows it.

use serde::{Deserialize, Serialize};

use super::{Span, Timestamp};

/// One of Postmark's days, as its statistics count a server's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmtpErrorDay {
    /// When it began: midnight in New York.
    pub day: Timestamp,
    /// Messages sent by SMTP that Postmark refused.
    pub errors: u64,
    /// Recipients of the mail that it took.
    pub sent: u64,
    /// When the errors were last seen to be more than before; `None` of those that were there when they were first read.
    pub risen_at: Option<Timestamp>,
    /// When they were last read.
    pub asked_at: Timestamp,
}

/// What the rule `smtp_errors` rests on: one day, beside those before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpErrorEvidence {
    /// The day, as far as it has come; empty where nothing is known.
    pub day: Span,
    /// Messages that were refused.
    pub errors: u64,
    /// Recipients of the mail that was taken.
    pub sent: u64,
    /// As many were refused on an ordinary day of the four weeks before.
    pub usual: u64,
    /// As many on a bad one.
    pub usual_high: u64,
    /// From how many on it is more than usual.
    pub limit: u64,
    /// When they were last seen to be more than before.
    pub risen_at: Option<Timestamp>,
    /// When they were last read.
    pub asked_at: Option<Timestamp>,
}
