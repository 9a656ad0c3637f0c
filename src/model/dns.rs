//! What the DNS says of a domain that sends, beside what it said when it was last good.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One record that a domain's mail needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// The domain, in the form of the DNS.
    pub domain: String,
    /// Which record: `DKIM key at selector pm`, `Return-Path`, `DMARC policy`.
    pub record: String,
    /// What it was when it was last good; `None` where it never was, or a person accepted what it is.
    pub good: Option<GoodRecord>,
    /// What is wrong with it now.
    pub broken: Option<BrokenRecord>,
    /// When the DNS last said something of it.
    pub asked_at: Timestamp,
}

/// A record that receivers can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodRecord {
    /// What it says; text from outside.
    pub value: String,
    /// How much it protects: 0 only of a policy that asks for nothing.
    pub strength: u8,
    /// When it was last seen.
    pub seen_at: Timestamp,
}

/// A record that receivers cannot use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRecord {
    /// What is wrong with it, after its name: `is gone`.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether a second answer said so.
    pub confirmed: bool,
}

/// An answer of the DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsAnswer {
    /// Receivers can use it.
    Good {
        /// What it says.
        value: String,
        /// How much it protects.
        strength: u8,
    },
    /// They cannot; holds what is wrong with it, after its name.
    Bad(String),
    /// The resolver says nothing of it.
    Unknown,
    /// Another record does its work.
    Spare,
}

/// What the rule `dns_drift` rests on: the records of one domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsDriftEvidence {
    /// Those that are broken.
    pub broken: Vec<DnsFault>,
    /// How many are watched.
    pub watched: u64,
    /// When the DNS last said something of each.
    pub asked_at: Option<Timestamp>,
}

/// A record that was good and is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsFault {
    /// Which record.
    pub record: String,
    /// What is wrong with it, after its name; text from outside.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was last seen good.
    pub last_good: Option<Timestamp>,
}
