//! Messages that nobody accepted yet, and why.

use serde::Serialize;

use super::{Timestamp, rfc3339};

/// Messages that wait for one destination, all for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingMessages {
    /// The channel in the outbox: empty for the default one of Slack, `sink:NAME` for a sink.
    pub channel: String,
    /// How many.
    pub count: u64,
    /// When the oldest was written.
    pub since: Timestamp,
    /// Why they wait.
    pub reason: WaitReason,
}

/// Why a message waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum WaitReason {
    /// All of its incidents are muted.
    Muted,
    /// It is a warning, in quiet hours.
    QuietHours,
    /// Its destination asked to be left alone.
    RateLimited {
        /// Until when.
        #[serde(serialize_with = "rfc3339")]
        until: Timestamp,
        /// How the last attempt failed.
        why: String,
    },
    /// The last attempt may have been accepted, and no answer said so.
    Unconfirmed {
        /// When the first attempt was made that failed.
        #[serde(serialize_with = "rfc3339")]
        failing_since: Timestamp,
        /// How the last one failed; `None` where the process died in it, or is still at it.
        why: Option<String>,
    },
    /// Attempts fail.
    Failing {
        /// When the first attempt was made that failed.
        #[serde(serialize_with = "rfc3339")]
        failing_since: Timestamp,
        /// How the last one failed.
        why: String,
    },
    /// No attempt was made yet.
    NotTried,
}

impl WaitReason {
    /// Returns why the last attempt failed; `None` where none did.
    pub fn last_failure(&self) -> Option<&str> {
        match self {
            Self::RateLimited { why, .. } | Self::Failing { why, .. } => Some(why),
            Self::Unconfirmed { why, .. } => why.as_deref(),
            Self::Muted | Self::QuietHours | Self::NotTried => None,
        }
    }
}

impl Serialize for WaitingMessages {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'w> {
            destination: String,
            count: u64,
            #[serde(serialize_with = "rfc3339")]
            since: Timestamp,
            #[serde(flatten)]
            reason: &'w WaitReason,
        }
        let fields = Fields {
            destination: self.destination(),
            count: self.count,
            since: self.since,
            reason: &self.reason,
        };
        fields.serialize(to)
    }
}

impl WaitingMessages {
    /// Returns the destination as scripts read it: `slack`, `slack:CHANNEL` or `sink:NAME`.
    fn destination(&self) -> String {
        match self.channel.as_str() {
            "" => "slack".to_owned(),
            sink if self.sink().is_some() => sink.to_owned(),
            channel => format!("slack:{channel}"),
        }
    }

    /// Returns the name of the sink; `None` where they wait for Slack.
    pub fn sink(&self) -> Option<&str> {
        self.channel.strip_prefix("sink:")
    }
}
