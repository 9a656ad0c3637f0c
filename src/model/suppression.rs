//! Whether Postmark still sends to an address.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Why an address gets no mail of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Which address.
    pub address: String,
    /// Postmark's `SuppressionReason`, such as `HardBounce`; text from outside.
    pub reason: String,
    /// Since when, where Postmark tells it.
    pub since: Option<Timestamp>,
}

impl Suppressed {
    /// Whether its owner complained; only Postmark's support can lift that.
    pub fn is_complaint(&self) -> bool {
        self.reason == "SpamComplaint"
    }
}

/// What the list of suppressions of one stream said of one address when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressCheck {
    /// Which address.
    pub address: String,
    /// When it was asked.
    pub at: Timestamp,
    /// `None` where it was not on the list.
    pub found: Option<Suppressed>,
}
