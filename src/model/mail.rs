//! One outbound message, and the proof of its delivery.

use serde::{Deserialize, Serialize};

use super::{StreamId, Timestamp};

/// How far Postmark has come with a message. It never tells whether it was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted by Postmark, not yet on its way.
    Queued,
    /// On its way (`Sent`, `Processed`, or a status this version does not know).
    Sent,
}

/// A message as a list answer tells it, without subject or body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Postmark's `MessageID`.
    pub id: String,
    /// The stream it was asked for.
    pub stream: StreamId,
    /// When Postmark received it.
    pub sent_at: Timestamp,
    /// How far it has come.
    pub status: Status,
    /// Its tag, if it has one.
    pub tag: Option<String>,
    /// Every recipient; kept in memory only, stored only for sampled mail.
    pub recipients: Vec<String>,
}

/// Recipients at this domain are test bounces of the customer's own making.
pub const BOUNCE_TESTING_DOMAIN: &str = "bounce-testing.postmarkapp.com";

/// The domain of an address in lower case, or the empty string where it has none.
pub fn domain_of(address: &str) -> String {
    let address = address.trim().trim_end_matches('>');
    address
        .rsplit_once('@')
        .map_or_else(String::new, |(_, domain)| {
            domain.trim_end_matches('.').to_ascii_lowercase()
        })
}

impl Mail {
    /// How many people it went to: at least one, also where the answer named none.
    pub fn recipient_count(&self) -> u64 {
        self.recipients.len().max(1) as u64
    }

    /// Whether it is a test, to Postmark's bounce testing alone or of the canary, and is left out of every count.
    pub fn is_test(&self) -> bool {
        let is_of_canary = self.tag.as_deref() == Some(super::CANARY_TAG);
        is_of_canary || self.is_bounce_test()
    }

    fn is_bounce_test(&self) -> bool {
        !self.recipients.is_empty()
            && self
                .recipients
                .iter()
                .all(|r| domain_of(r) == BOUNCE_TESTING_DOMAIN)
    }
}

/// What a message's details told of its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The earliest `Delivered` event of any recipient.
    pub delivered_at: Option<Timestamp>,
    /// The earliest `Bounced` event of any recipient.
    pub bounced_at: Option<Timestamp>,
    /// How far Postmark has come.
    pub status: Status,
}
