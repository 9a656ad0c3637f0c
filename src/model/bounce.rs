//! One bounce or complaint.

use serde::{Deserialize, Serialize};

use super::mail::{BOUNCE_TESTING_DOMAIN, domain_of};
use super::{StreamId, Timestamp};

/// What a bounce means for the watcher. Postmark's own words are in [`Bounce::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BounceClass {
    /// The address does not exist.
    Hard,
    /// The receiver refused the sender or the content.
    Blocked,
    /// Temporary, or of unknown cause; reported, not counted as a bounce.
    Soft,
    /// The recipient complained of spam.
    Complaint,
    /// Refused before it was stored, or failed to render; counted apart.
    Api,
    /// Not a failure (auto-responders, address changes, operator's own actions).
    Ignored,
    /// A type this version does not know.
    Other,
}

impl BounceClass {
    /// Every class, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Hard,
        Self::Blocked,
        Self::Soft,
        Self::Complaint,
        Self::Api,
        Self::Ignored,
        Self::Other,
    ];

    /// The class of Postmark's bounce `Type`. `TypeCode` is not used: documented answers contradict each other on it.
    pub fn from_type(kind: &str) -> Self {
        BounceType::from_name(kind).map_or(Self::Other, BounceType::class)
    }

    /// Whether the message did not reach its recipient, for now or for good.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Complaint | Self::Ignored)
    }

    /// Whether it counts towards the bounce rate.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Hard | Self::Blocked)
    }

    /// The word in the database and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Blocked => "blocked",
            Self::Soft => "soft",
            Self::Complaint => "complaint",
            Self::Api => "api",
            Self::Ignored => "ignored",
            Self::Other => "other",
        }
    }

    /// The class of a stored word; what is not known is `Other`.
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|c| c.name() == name)
            .unwrap_or(Self::Other)
    }
}

/// Postmark's bounce `Type`s that this version knows, and what each means.
const TYPES: [(&str, BounceClass); 22] = [
    ("HardBounce", BounceClass::Hard),
    ("BadEmailAddress", BounceClass::Hard),
    ("Blocked", BounceClass::Blocked),
    ("DMARCPolicy", BounceClass::Blocked),
    ("SpamNotification", BounceClass::Blocked),
    ("VirusNotification", BounceClass::Blocked),
    ("SoftBounce", BounceClass::Soft),
    ("DnsError", BounceClass::Soft),
    ("Transient", BounceClass::Soft),
    ("Unknown", BounceClass::Soft),
    ("SpamComplaint", BounceClass::Complaint),
    ("SMTPApiError", BounceClass::Api),
    ("TemplateRenderingFailed", BounceClass::Api),
    ("ManuallyDeactivated", BounceClass::Ignored),
    ("ChallengeVerification", BounceClass::Ignored),
    ("AutoResponder", BounceClass::Ignored),
    ("AddressChange", BounceClass::Ignored),
    ("Subscribe", BounceClass::Ignored),
    ("Unsubscribe", BounceClass::Ignored),
    ("OpenRelayTest", BounceClass::Ignored),
    ("Unconfirmed", BounceClass::Ignored),
    ("InboundError", BounceClass::Ignored),
];

/// A bounce `Type` of Postmark's that this version knows: its place among `TYPES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BounceType(u8);

impl BounceType {
    /// The type that Postmark calls `name`; `None` where this version does not know it.
    pub fn from_name(name: &str) -> Option<Self> {
        let place = TYPES.iter().position(|(known, _)| *known == name)?;
        u8::try_from(place).ok().map(Self)
    }

    /// Postmark's word.
    pub const fn name(self) -> &'static str {
        TYPES[self.0 as usize].0
    }

    /// What it means for the watcher.
    pub const fn class(self) -> BounceClass {
        TYPES[self.0 as usize].1
    }
}

/// A bounce as Postmark lists it, without subject or content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// Postmark's bounce id; may exceed 2⁵³.
    pub id: i64,
    /// The stream it was asked for.
    pub stream: StreamId,
    /// The message that bounced, where Postmark names it.
    pub message: Option<String>,
    /// Postmark's `Type`, of any value.
    pub kind: String,
    /// When it happened, which may be days after the message was sent.
    pub at: Timestamp,
    /// The recipient.
    pub recipient: String,
    /// The message's tag, if it has one.
    pub tag: Option<String>,
    /// Postmark's description of the type.
    pub description: String,
}

impl Bounce {
    /// What it means for the watcher.
    pub fn class(&self) -> BounceClass {
        BounceClass::from_type(&self.kind)
    }

    /// Whether it is of a test, by Postmark's bounce testing or by the canary, and is left out of every count.
    pub fn is_test(&self) -> bool {
        domain_of(&self.recipient) == BOUNCE_TESTING_DOMAIN
            || self.tag.as_deref() == Some(super::CANARY_TAG)
    }
}
