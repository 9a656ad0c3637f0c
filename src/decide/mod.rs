//! What to make of a finding: the life of incidents, and which of them inhibit others. Pure.

pub mod digest_period;
mod id;
mod incident_log;
#[cfg(test)]
mod tests;
mod transition;

pub use incident_log::{IncidentKey, IncidentLog, MuteEnd};

use std::time::Duration;

use crate::model::{Mute, Rule, Rules, ServerName, Timestamp};

/// What an installation is notified of, and how soon again.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// In `mode = "digest"` warnings wait for the digest.
    pub digest_mode: bool,
    /// `rules.bounce_rate.suppress`, for `hard_bounce_wake` too.
    pub suppress_bounce: Duration,
    /// `rules.spam_rate.suppress`.
    pub suppress_spam: Duration,
    /// What runs now, and what has run since the first instant that is judged.
    pub mutes: Vec<Mute>,
}

impl Policy {
    pub const fn new(digest_mode: bool, rules: &Rules) -> Self {
        Self {
            digest_mode,
            suppress_bounce: rules.bounce_rate.suppress,
            suppress_spam: rules.spam_rate.suppress,
            mutes: Vec::new(),
        }
    }

    /// Whether nothing is told of what a rule finds on a server at that instant.
    pub fn is_muted(&self, server: &ServerName, rule: Rule, at: Timestamp) -> bool {
        let mut mutes = self.mutes.iter();
        mutes.any(|mute| mute.runs_at(at) && mute.covers(server, rule))
    }

    /// A breach of `rule` that returns this soon is the same incident.
    pub const fn suppress(&self, rule: Rule) -> Duration {
        match rule {
            Rule::BounceRate | Rule::HardBounceWake => self.suppress_bounce,
            Rule::SpamRate => self.suppress_spam,
            _ => Duration::ZERO,
        }
    }
}
