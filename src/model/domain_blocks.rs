//! Recipient domains that refuse mail by policy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Span, Timestamp};

/// How far before an instant the blocks reach back that tell what is usual, the day that is judged included.
pub const BLOCKS_LOOKBACK: Duration = Duration::from_secs(29 * 86_400);

/// A recipient's mail server refused a message by its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedRecipient {
    /// When.
    pub at: Timestamp,
    /// The recipient.
    pub recipient: String,
}

/// The blocks of the time before a history's [events](super::History::bounce_events), the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OlderBlocks {
    /// All of them since then are here.
    pub since: Option<Timestamp>,
    /// Since when blocks open an incident: what happened before the rule came is no news.
    pub judged_from: Option<Timestamp>,
    /// Each.
    pub blocks: Vec<BlockedRecipient>,
}

/// What the rule `domain_blocks` rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainBlocksEvidence {
    /// The time that is judged.
    pub window: Span,
    /// The domains that block more than usual, or else, while it is not over, that still block; most blocked recipients first.
    pub domains: Vec<BlockingDomain>,
    /// Messages sent in the window, to all domains.
    pub sent: u64,
    /// How many days before it tell what is usual.
    pub days: u64,
    /// The domains by which an incident opened: those that people were told of. Empty before one opens, and of an older version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// Other domains that still block more than is usual of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staying: Vec<String>,
}

/// A domain whose mail servers block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockingDomain {
    /// Its name; text from outside.
    pub domain: String,
    /// Recipients there that were blocked in the window.
    pub blocked: u64,
    /// As many would be by its own past, for the mail that was sent.
    pub expected: f64,
    /// As many were on the second worst of the days before.
    pub usual_high: u64,
    /// How probable so many are if nothing has changed.
    pub chance: f64,
}

impl DomainBlocksEvidence {
    /// Recipients that were blocked, at all its domains.
    pub fn blocked(&self) -> u64 {
        self.domains.iter().map(|domain| domain.blocked).sum()
    }

    /// The domains that people were told of, or would be if it opened an incident now.
    pub fn told_domains(&self) -> Vec<String> {
        match self.told.is_empty() {
            true => self.domains.iter().map(|of| of.domain.clone()).collect(),
            false => self.told.clone(),
        }
    }
}
