//! What people are not told for a while, because somebody said so.

use std::time::Duration;

use super::{Rule, ServerName, Timestamp};

/// Nothing is told of what it is of until it ends. What happens meanwhile is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// Its number in the store; 0 before it is stored.
    pub id: i64,
    /// Of which server; `None` for every one.
    pub server: Option<ServerName>,
    /// Of which rule; `None` for every one.
    pub rule: Option<Rule>,
    /// The id of the incident that it is of alone; `None` for all of that rule and server.
    pub incident: Option<String>,
    /// When it was set; of a planned one, when it begins.
    pub from: Timestamp,
    /// When it ends, or was ended.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub by: String,
    /// Whether it was set for a time to come.
    pub planned: bool,
}

/// The maximum length of quiet hours, and the longest that a warning waits in them: what waits longer is better muted.
pub const MAX_QUIET_HOURS: Duration = Duration::from_secs(7 * 86_400);

/// What people are not told at an instant, beside what is muted then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The instant.
    pub at: Timestamp,
    /// Whether it is within quiet hours, in which warnings wait.
    pub is_quiet: bool,
}

impl Hold {
    /// Returns that of an instant outside quiet hours.
    pub const fn outside_quiet_hours(at: Timestamp) -> Self {
        let is_quiet = false;
        Self { at, is_quiet }
    }
}

impl Mute {
    /// Whether it is of all that this rule finds on this server.
    pub fn covers(&self, server: &ServerName, rule: Rule) -> bool {
        self.incident.is_none()
            && self.server.as_ref().is_none_or(|of| of == server)
            && self.rule.is_none_or(|of| of == rule)
    }

    /// Whether it has not ended at `at`. When it was set does not matter: an instant that is judged late is told late. A planned
    /// one begins at its time.
    pub fn runs_at(&self, at: Timestamp) -> bool {
        at < self.until && (!self.planned || self.from <= at)
    }

    /// Whether it shares a moment with another.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    /// Whether it is of this server and rule, or of an incident of these.
    pub fn is_of(&self, server: Option<&ServerName>, rule: Option<Rule>) -> bool {
        self.server.as_ref() == server && self.rule == rule
    }
}
