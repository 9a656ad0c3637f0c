//! How urgent a message is, as a sign and as a word.

use serde::{Deserialize, Serialize};

/// How a message looks at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// A person is wanted now.
    Wake,
    /// Wants a look.
    Warn,
    /// Over, or all well.
    Good,
    /// For information.
    Info,
}

impl Tone {
    /// A sign that is read beside the words, never instead of them.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Wake => "🔴",
            Self::Warn => "🟠",
            Self::Good => "🟢",
            Self::Info => "🔵",
        }
    }

    /// The word for those who do not see the sign; severities are called as in `monitor.toml`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wake => "WAKE",
            Self::Warn => "WARN",
            Self::Good => "OK",
            Self::Info => "INFO",
        }
    }
}
