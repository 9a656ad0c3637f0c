//! What to make of a finding: the life of incidents, and which of them inhibit others. Pure.

mod answers;
pub mod digest_period;
mod id;
mod incident_log;
#[cfg(test)]
mod tests;
mod transition;

pub use answers::{AnswerEffect, Change, changes};
pub use incident_log::{IncidentKey, IncidentLog, MuteEnd};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{
    Finding, Incident, Mute, Rule, Rules, ServerName, Severity, Span, StreamKey, Timestamp,
};

/// What an installation is notified of, and how soon again.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// In `mode = "digest"` warnings wait for the digest.
    pub digest_mode: bool,
    /// Whether people are reminded of what is still open. An incoming webhook cannot put that into a thread.
    pub reminds: bool,
    pub rules: Rules,
    /// Postmark's number of the server, where it is known.
    pub server_number: Option<i64>,
    /// What runs now, and what has run since the first instant that is judged.
    pub mutes: Vec<Mute>,
    /// The quiet hours of this time, in which no warning is told.
    pub quiet_hours: Vec<Span>,
    /// The stops of streams on several servers, for the incidents of one server.
    pub stops_together: Vec<Incident>,
    /// The streams of whose own stop or drop, still open, people were told, for the incidents of all servers together.
    pub stopped: BTreeMap<StreamKey, Rule>,
}

impl Policy {
    pub const fn new(digest_mode: bool, rules: Rules) -> Self {
        Self {
            digest_mode,
            reminds: true,
            rules,
            server_number: None,
            mutes: Vec::new(),
            quiet_hours: Vec::new(),
            stops_together: Vec::new(),
            stopped: BTreeMap::new(),
        }
    }

    /// Whether nothing is told of what a rule finds on a server at that instant.
    pub fn is_muted(&self, server: &ServerName, rule: Rule, at: Timestamp) -> bool {
        let mut mutes = self.mutes.iter();
        mutes.any(|mute| mute.runs_at(at) && mute.covers(server, rule))
    }

    /// Whether nothing is told of the incident `id` alone at that instant.
    pub fn is_incident_muted(&self, id: &str, at: Timestamp) -> bool {
        let mut mutes = self.mutes.iter();
        mutes.any(|mute| mute.runs_at(at) && mute.incident.as_deref() == Some(id))
    }

    /// Whether what is of this severity waits for the end of quiet hours at that instant.
    pub fn is_in_quiet_hours(&self, severity: Severity, at: Timestamp) -> bool {
        severity == Severity::Warn && self.quiet_hours.iter().any(|hours| hours.contains(at))
    }

    /// A breach that returns this soon is the same incident.
    pub fn suppress(&self, breach: &Finding) -> Duration {
        let stream = breach.stream.as_ref();
        let rules = stream.map_or(&self.rules, |s| self.rules.for_stream(s));
        match breach.rule {
            Rule::BounceRate | Rule::HardBounceWake => rules.bounce_rate.suppress,
            Rule::SpamRate => rules.spam_rate.suppress,
            _ => Duration::ZERO,
        }
    }

    /// Returns whether the rule of an incident is on where it is.
    pub fn is_enabled(&self, incident: &Incident) -> bool {
        let stream = incident.stream.as_ref();
        let rules = stream.map_or(&self.rules, |s| self.rules.for_stream(s));
        rules.is_enabled(incident.rule)
    }
}
