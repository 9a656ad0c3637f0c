//! The outcome of reactivating an address.

use serde_json::{Value, json};

use crate::model::StreamId;
use crate::text::sanitize::{clean_lines, json_line};

/// The outcome of reactivating an address on one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reactivation {
    pub(crate) place: String,
    pub(crate) server: String,
    pub(crate) stream: StreamId,
    pub(crate) status: ReactivationStatus,
    /// What Postmark answered, or why it could not be asked.
    pub(crate) answer: String,
    /// Whether the list still named it when it was read right afterwards.
    pub(crate) still_listed: Option<bool>,
}

/// How Postmark answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReactivationStatus {
    /// Postmark accepted it.
    Accepted,
    /// Postmark would not.
    Refused,
    /// Postmark could not be asked, or did not understand.
    Failed,
}

impl Reactivation {
    /// Whether Postmark accepted it.
    pub(super) fn is_accepted(&self) -> bool {
        self.status == ReactivationStatus::Accepted
    }

    /// Returns a line for a person.
    pub(super) fn to_line(&self) -> String {
        let (place, answer) = (&self.place, &self.answer);
        let then = match self.still_listed {
            Some(false) => "it is off the list",
            Some(true) => "Postmark accepted it, the list may take a moment",
            None => "Postmark accepted it, the list could not be read afterwards",
        };
        clean_lines(&match self.status {
            ReactivationStatus::Accepted => {
                format!("{place}: Postmark answered {answer}; {then}\n")
            }
            ReactivationStatus::Refused => {
                format!("{place}: not reactivated: Postmark answered {answer}; ask its support\n")
            }
            ReactivationStatus::Failed => format!("{place}: not reactivated: {answer}\n"),
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "server": self.server, "stream": self.stream, "accepted": self.is_accepted(), "answer": self.answer,
            "still_listed": self.still_listed,
        })
    }

    /// Returns all outcomes as one object.
    pub(super) fn all_to_json(address: &str, outcomes: &[Self], errors: &[String]) -> String {
        let all: Vec<Value> = outcomes.iter().map(Self::to_json).collect();
        json_line(&json!({ "address": address, "outcomes": all, "errors": errors }))
    }
}
