//! How urgent a message is, as a sign and as a word.

use serde::{Deserialize, Serialize};

/// How urgent a message is. The serialized names are those of stored outbox rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Wakes a person now.
    Wake,
    /// Wants a look.
    Warn,
    /// A problem is over.
    #[serde(rename = "good")]
    Resolved,
    /// Nobody is alerted any more, though the problem was not seen to end.
    Closed,
    /// No alert: the headline bears its own sign, such as that of the digest.
    Info,
}

impl Level {
    /// Returns its sign alone, for lists in messages that are no alerts.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Wake => "🔴",
            Self::Warn => "🟠",
            Self::Resolved => "✅",
            Self::Closed => "☑",
            Self::Info => "📋",
        }
    }

    /// Returns what stands before the headline: a sign, and the same as a word for those who do not see the sign.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Wake => "🔴 WAKE ",
            Self::Warn => "🟠 WARN ",
            Self::Resolved => "✅ RESOLVED ",
            Self::Closed => "☑ CLOSED ",
            Self::Info => "",
        }
    }
}
