//! One rule broken on one stream, from `opened` to `resolved`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Acknowledgement, DAY, DeliveredSince, Evidence, Judgement, LastingExcess, Rule, ServerName,
    Severity, Span, StreamId, StreamKey, Subject, Tag, Timestamp,
};

/// How long what a person closed stays closed while it goes on, and is no worse.
pub const STAYS_CLOSED: Duration = DAY;

/// A step in an incident's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It began, or came back soon after it had ended.
    Opened,
    /// Its severity rose.
    Escalated,
    /// It still stands.
    Reminded,
    /// It is over.
    Resolved,
}

impl Step {
    /// The word in JSON, database and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Escalated => "escalated",
            Self::Reminded => "reminded",
            Self::Resolved => "resolved",
        }
    }
}

/// Whether an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// It stands.
    Open {
        /// The first judged instant within bounds after the last one outside, if any.
        within_since: Option<Timestamp>,
    },
    /// It is over.
    Resolved {
        /// Since when.
        at: Timestamp,
        /// Whether it ended because it is no longer watched: its tag is out of use, its stream archived.
        #[serde(default)]
        unwatched: bool,
        /// Whether it is no longer watched because its rule is off.
        #[serde(default)]
        disabled: bool,
    },
}

/// One rule broken on one stream, and all that decides its next step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Short and stable; the same events give the same id.
    pub id: String,
    /// On which server.
    pub server: ServerName,
    /// On which stream; `None` for a rule of the whole server.
    pub stream: Option<StreamId>,
    /// On which tag of the stream; `None` for all of its mail.
    #[serde(default)]
    pub tag: Option<Tag>,
    /// Which rule.
    pub rule: Rule,
    /// The highest severity it had since it opened.
    pub severity: Severity,
    /// When it opened, or opened again.
    pub opened_at: Timestamp,
    /// When it opened first, where it resolved and opened again since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_opened_at: Option<Timestamp>,
    /// Whether it stands.
    pub state: IncidentState,
    /// The last judged instant with a verdict.
    pub judged_at: Timestamp,
    /// Whether any step of it was told.
    #[serde(rename = "told")]
    pub notified: bool,
    /// Whether the step that was told last was the first one that people heard of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_told: bool,
    /// Whether a mute keeps back what would have been told of it: its end tells it.
    #[serde(default, rename = "withheld")]
    pub notification_deferred: bool,
    /// Whether quiet hours, and no mute, kept back what was deferred last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferred_by_quiet_hours: bool,
    /// Since when quiet hours, and no mute, have kept back what is to be told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by_quiet_since: Option<Timestamp>,
    /// Whether what was told of it last had waited in quiet hours for as long as it may, and was told within them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outlasts_quiet_hours: bool,
    /// It came back within the suppression time, which ends then: until it does, nothing is told.
    #[serde(rename = "quiet_until")]
    pub suppressed_until: Option<Timestamp>,
    /// From when on the next reminder is counted.
    #[serde(rename = "reminded_at")]
    pub last_reminder_at: Timestamp,
    /// The newest event that belongs to it (event rules), or that the rate counted when it was judged last.
    pub last_event_at: Option<Timestamp>,
    /// How many events belong to it (event rules).
    pub events: u64,
    /// What the last verdict that broke the rule rests on, or the one that ended it; `judged_at` may be later.
    pub evidence: Evidence,
    /// The evidence of its worst breach; `None` where an older version opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<Evidence>,
    /// What was added up over days, where any of its breaches before the last told of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<LastingExcess>,
    /// The share that people were told last, of a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_share: Option<f64>,
    /// When it began by any of its breaches, each time that it returned: a breach looks back for some days only. An older version
    /// stored that of mail that was not delivered alone.
    #[serde(
        default,
        rename = "lost_since",
        skip_serializing_if = "Option::is_none"
    )]
    pub began_at: Option<Timestamp>,
    /// From the first to the last of what was wrong, as far as its findings know that of single bounces or messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Span>,
    /// The time while it was open, from the first to the last of it, that could not be read: whether mail was sent then is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Span>,
    /// The newest sampled mail, where it is delivered again while the incident is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<DeliveredSince>,
    /// The first instant within bounds before it resolved, which is later where a rule waits to be sure; of one that a person
    /// closed, the first after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_at: Option<Timestamp>,
    /// Who closed it, where it did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
    /// What whoever closed it said that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_as: Option<Judgement>,
    /// Postmark's number of the server, as it was known when it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_number: Option<i64>,
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    /// Whether its server is not in the configuration of whoever reads it, who marks it so; not stored.
    #[serde(skip)]
    pub unconfigured: bool,
}

impl Incident {
    /// Returns one of a whole server that opened at `at`, was told, and of which nothing is known but that.
    pub fn opened(
        id: String,
        server: ServerName,
        rule: Rule,
        severity: Severity,
        at: Timestamp,
        evidence: Evidence,
    ) -> Self {
        Self {
            id,
            server,
            stream: None,
            tag: None,
            rule,
            severity,
            opened_at: at,
            first_opened_at: None,
            state: IncidentState::Open { within_since: None },
            judged_at: at,
            notified: true,
            first_told: false,
            notification_deferred: false,
            deferred_by_quiet_hours: false,
            held_by_quiet_since: None,
            outlasts_quiet_hours: false,
            suppressed_until: None,
            last_reminder_at: at,
            last_event_at: None,
            events: 0,
            evidence,
            worst: None,
            lasting: None,
            told_share: None,
            began_at: None,
            problem: None,
            unread: None,
            again: None,
            recovered_at: None,
            closed_by: None,
            closed_as: None,
            server_number: None,
            acknowledged: None,
            unconfigured: false,
        }
    }

    /// Returns what it concerns.
    pub fn subject(&self) -> Subject<'_> {
        Subject::new(&self.server, self.stream.as_ref(), self.tag.as_ref())
    }

    /// Returns when it opened first.
    pub fn first_opening(&self) -> Timestamp {
        self.first_opened_at.unwrap_or(self.opened_at)
    }

    /// Returns when the trouble began, however often it returned since.
    pub fn first_began(&self) -> Timestamp {
        let first = self.first_opening();
        self.began_at.map_or(first, |began| began.min(first))
    }

    /// Returns when it returned last; `None` where it was never over.
    pub fn returned_at(&self) -> Option<Timestamp> {
        self.first_opened_at.map(|_| self.opened_at)
    }

    /// Returns the servers that it is of: its own, and those of the streams that stopped or fell together.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        let others = self.evidence.streams().iter().map(StreamKey::server);
        std::iter::once(&self.server).chain(others)
    }

    /// Whether it is of this server, alone or together with others.
    pub fn concerns(&self, server: &ServerName) -> bool {
        self.servers().any(|of_it| of_it == server)
    }

    /// Whether it is a part of `joint`, the stop or the drop of several streams: all or some of the mail of one of them. A stop is
    /// no part of a drop.
    pub fn is_part_of(&self, joint: &Self) -> bool {
        let is_there = |stream: &StreamId| {
            let mut together = joint.evidence.streams().iter();
            together.any(|s| *s.server() == self.server && s.stream() == stream)
        };
        let is_of_sending = |of: &Self| of.rule.problem() == Rule::SendSilence;
        let is_as_bad = is_of_sending(self) && is_of_sending(joint) && joint.rule <= self.rule;
        is_as_bad && self.id != joint.id && self.stream.as_ref().is_some_and(is_there)
    }

    /// Whether it is what `stronger` says already: a part of it, or inhibited by it while both stood. Neither need stand now.
    pub fn is_covered_by(&self, stronger: &Self) -> bool {
        self.is_part_of(stronger) || (self.stood_with(stronger) && self.is_inhibited_by(stronger))
    }

    fn is_inhibited_by(&self, stronger: &Self) -> bool {
        let place = (stronger.stream.as_ref(), stronger.tag.as_ref());
        let own = (self.stream.as_ref(), self.tag.as_ref());
        let is_here = self.server == stronger.server && self.id != stronger.id;
        // What was found out later of a time that could not be seen was a problem of its own.
        let is_hindsight =
            !self.is_open() && stronger.rule.is_of_server() && !self.rule.is_of_server();
        // But that nothing was sent while the account could send nothing is that one problem.
        let is_that_of_account =
            stronger.rule == Rule::AccountInactive && self.rule.problem() == Rule::SendSilence;
        let is_known = !is_hindsight || is_that_of_account;
        is_here && is_known && stronger.rule.inhibits_at(place, self.rule.problem(), own)
    }

    /// Whether there was an instant at which both stood.
    fn stood_with(&self, other: &Self) -> bool {
        let until = |of: &Self| match of.state {
            IncidentState::Open { .. } => Timestamp::MAX,
            IncidentState::Resolved { at, .. } => at,
        };
        self.opened_at < until(other) && other.opened_at < until(self)
    }

    /// Whether it is of all mail of `stream` on `server`, alone or together with others.
    pub fn is_of(&self, server: &str, stream: &StreamId) -> bool {
        let is_there = self.server.0 == server && self.stream.as_ref() == Some(stream);
        let is_one = |s: &StreamKey| s.server().0 == server && s.stream() == stream;
        let is_there = is_there || self.evidence.streams().iter().any(is_one);
        is_there && self.tag.is_none()
    }

    /// Whether it is that all mail of `stream` on `server` stopped, alone or together with others.
    pub fn is_stop_of(&self, server: &str, stream: &StreamId) -> bool {
        self.is_of(server, stream) && self.rule == Rule::SendSilence
    }

    /// Whether it says that the mail of `stream` on `server` has stopped: not of one of several whose next mail is not due yet.
    pub fn says_stopped(&self, server: &str, stream: &StreamId) -> bool {
        let not_due = match &self.evidence {
            Evidence::Silence(silence) => silence.not_due.as_slice(),
            _ => &[],
        };
        let is_one = |s: &StreamKey| s.server().0 == server && s.stream() == stream;
        self.is_stop_of(server, stream) && !not_due.iter().any(is_one)
    }

    /// Whether it stands.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, IncidentState::Open { .. })
    }

    /// Returns when a person closed it, where it was not seen to end since: it may go on. `None` of a single event, and of what is good
    /// because whoever closed it said so.
    pub fn closed_and_may_go_on(&self) -> Option<Timestamp> {
        let IncidentState::Resolved { at, .. } = self.state else {
            return None;
        };
        let is_settled = match self.rule {
            Rule::ServerChanged => true,
            Rule::DnsDrift => self.closed_as != Some(Judgement::Real),
            rule => rule.is_of_events(),
        };
        let goes_on = self.closed_by.is_some() && self.recovered_at.is_none() && !is_settled;
        goes_on.then_some(at)
    }

    /// Whether both are of one problem at one place: the later one took the place of the earlier.
    pub fn is_same_problem(&self, other: &Self) -> bool {
        self.subject() == other.subject() && self.rule.problem() == other.rule.problem()
    }

    /// Whether the problem of one that is over was seen to end: not of what a person closed, nobody watches any more or became the new
    /// normal, nor of single events, after which merely time passed.
    pub fn was_seen_to_end(&self) -> bool {
        let is_given_up =
            self.evidence.new_level().is_some() || self.evidence.given_up_burst().is_some();
        let is_open_ended = self.closed_by.is_some() || self.is_unwatched() || is_given_up;
        !is_open_ended && !self.rule.is_of_events()
    }

    /// Whether it is known when its problem ended: it was seen to, or was of single events, of which the last one is.
    pub fn is_end_known(&self) -> bool {
        self.was_seen_to_end() || (!self.is_open() && self.rule.is_of_events())
    }

    /// Whether it ended because it is no longer watched.
    pub const fn is_unwatched(&self) -> bool {
        let state = &self.state;
        matches!(state, IncidentState::Resolved { unwatched, .. } if *unwatched)
    }

    /// Whether it ended because its rule was switched off.
    pub const fn is_disabled(&self) -> bool {
        let state = &self.state;
        matches!(state, IncidentState::Resolved { disabled, .. } if *disabled)
    }
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The judged instant.
    pub at: Timestamp,
    /// The incident as it is after the step.
    pub incident: Incident,
    /// Which step.
    pub step: Step,
    /// Whether people are told of it.
    pub notified: bool,
}
