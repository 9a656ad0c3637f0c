//! What people answer to a message with an emoji, and who takes care of an incident.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What an answer says of the incidents that a message names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Somebody takes care of it: nobody needs to be reminded.
    Acknowledged,
    /// It is to be quiet for a day.
    Muted,
    /// It is over, and something was wrong.
    Real,
    /// It is over, and nothing was wrong.
    FalseAlarm,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 4] = [
        Self::Acknowledged,
        Self::Muted,
        Self::Real,
        Self::FalseAlarm,
    ];

    /// The word under which it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Muted => "muted",
            Self::Real => "real",
            Self::FalseAlarm => "false_alarm",
        }
    }

    /// The answer of a stored word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.name() == name)
    }
}

/// An answer that stands below a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingAnswer {
    /// What it says.
    pub answer: Answer,
    /// The id of the first person who gave it; empty where that is not known.
    pub user: String,
}

/// Who takes care of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The name of the person.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Whether it holds only as long as the answer stands below the message.
    #[serde(default)]
    pub by_answer: bool,
}
