//! The incident log of one server: the current incident of each key, and what an instant's findings make of them.

mod blocks;
mod stops;
mod told_blocks;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::decide::Policy;
use crate::decide::transition::{self, NotificationBlock, StepTaken};
use crate::model::{
    Finding, Incident, IncidentState, Judgement, Rule, ServerName, Span, StreamId, Tag, Timestamp,
    Transition, Verdict,
};

/// What identifies an incident on a server: one problem of one tag, of one stream, or of the whole server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IncidentKey {
    /// The stronger rule of [`Rule::problem`].
    pub problem: Rule,
    /// `None` for a rule of the whole server.
    pub stream: Option<StreamId>,
    /// `None` for all mail of the stream.
    pub tag: Option<Tag>,
}

impl IncidentKey {
    pub fn from_finding(finding: &Finding) -> Self {
        Self {
            problem: finding.rule.problem(),
            stream: finding.stream.clone(),
            tag: finding.tag.clone(),
        }
    }

    fn from_incident(incident: &Incident) -> Self {
        Self {
            problem: incident.rule.problem(),
            stream: incident.stream.clone(),
            tag: incident.tag.clone(),
        }
    }

    /// Whether this is that several streams stopped together.
    fn is_of_several(&self) -> bool {
        self.problem == Rule::SendSilence && self.stream.is_none()
    }

    /// Returns whether an open incident of this key, now of `rule`, inhibits one of `weaker`.
    fn inhibits(&self, rule: Rule, weaker: &Self) -> bool {
        rule.inhibits_at(self.place(), weaker.problem, weaker.place())
    }

    fn place(&self) -> (Option<&StreamId>, Option<&Tag>) {
        (self.stream.as_ref(), self.tag.as_ref())
    }
}

/// The current incident of each key of one server.
#[derive(Clone, Debug)]
pub struct IncidentLog {
    server: ServerName,
    current: BTreeMap<IncidentKey, Incident>,
    /// Incidents that a later one of their key superseded since the log was loaded; they still have steps to store.
    superseded: Vec<Incident>,
}

/// What the end of a mute or of quiet hours releases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MuteEnd {
    /// Notifications of incidents that are still open.
    pub open: Vec<Transition>,
    /// Incidents that resolved meanwhile and whose opening had been notified.
    pub resolved: Vec<Incident>,
}

impl IncidentLog {
    /// Builds the log from the stored incidents of `server`; of each key the open one is current, else the one that opened
    /// last. Versions before had an incident for each rule of a problem: of two that are open one ends without a word, and the
    /// one that people know goes on, the stronger where they know both.
    pub fn new(server: ServerName, incidents: impl IntoIterator<Item = Incident>) -> Self {
        let mut current: BTreeMap<IncidentKey, Incident> = BTreeMap::new();
        let mut superseded = Vec::new();
        let order = |i: &Incident| {
            (
                i.is_open(),
                i.is_open() && i.notified,
                Reverse(i.is_open().then_some(i.rule)),
                i.opened_at,
            )
        };
        for incident in incidents {
            let slot = current
                .entry(IncidentKey::from_incident(&incident))
                .or_insert_with(|| incident.clone());
            let mut other = incident;
            if order(slot) < order(&other) {
                std::mem::swap(slot, &mut other);
            }
            if other.is_open() && other.id != slot.id {
                slot.opened_at = slot.opened_at.min(other.opened_at);
                other.state = IncidentState::Resolved {
                    at: other.judged_at,
                    unwatched: false,
                    disabled: false,
                };
                superseded.push(other);
            }
        }
        Self {
            server,
            current,
            superseded,
        }
    }

    /// Returns whose incidents these are.
    pub const fn server(&self) -> &ServerName {
        &self.server
    }

    /// Returns every incident, the superseded ones first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.superseded.iter().chain(self.current.values())
    }

    /// Applies the findings of one instant, those of stronger rules first, and returns the transitions in that order.
    ///
    /// A finding at an instant at which its incident was already judged is ignored, so that judging twice is harmless.
    pub fn apply(
        &mut self,
        policy: &Policy,
        mut findings: Vec<Finding>,
        at: Timestamp,
    ) -> Vec<Transition> {
        findings.sort_by_key(|f| f.rule);
        self.tell_blocks_once(policy, &mut findings, at);
        self.leave_out_known_stops(policy, &mut findings);
        self.keep_drops_of_bounces(&mut findings);
        let mut transitions = Vec::new();
        let mut released = Vec::new();
        for finding in &self.merge_views(findings) {
            transitions.extend(self.take_over(policy, finding, at));
            let key = IncidentKey::from_finding(finding);
            let block = self.find_block(policy, &key, finding, at);
            let inhibited = self.inhibited_by(&key);
            if self.apply_one(policy, finding, at, block, &mut transitions)
                && !finding.rule.is_of_server()
            {
                released.extend(inhibited);
            }
        }
        let uninhibited = self.uninhibit(policy, &released, &transitions, at);
        transitions.extend(uninhibited);
        transitions
    }

    /// Leaves one of the findings about each problem: the stronger that is broken, else the one of the rule that its incident
    /// is of, which is not over before the other is. `findings` are in the order of their rules.
    fn merge_views(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let mut merged: BTreeMap<IncidentKey, Finding> = BTreeMap::new();
        for finding in findings {
            let key = IncidentKey::from_finding(&finding);
            let one = match merged.remove(&key) {
                Some(stronger) => self.choose_view(&key, stronger, finding),
                None => finding,
            };
            merged.insert(key, one);
        }
        merged.into_values().collect()
    }

    fn choose_view(&self, key: &IncidentKey, stronger: Finding, weaker: Finding) -> Finding {
        let current = self.current.get(key).filter(|incident| incident.is_open());
        let is_weaker = current.is_some_and(|incident| incident.rule == weaker.rule);
        match (stronger.verdict, weaker.verdict) {
            (Verdict::Breach, _) => stronger,
            (_, Verdict::Breach) => weaker,
            _ => {
                let (mut shown, other) = match is_weaker {
                    true => (weaker, stronger),
                    false => (stronger, weaker),
                };
                if shown.verdict == Verdict::Within && other.verdict == Verdict::Unresolved {
                    shown.verdict = Verdict::Unresolved;
                }
                shown
            }
        }
    }

    /// Returns the open incidents that `stronger` inhibits. For server-level rules the caller must call
    /// [`uninhibit`](Self::uninhibit) after the streams have been evaluated.
    pub fn inhibited_by(&self, stronger: &IncidentKey) -> Vec<IncidentKey> {
        let rule = self
            .current
            .get(stronger)
            .map_or(stronger.problem, |i| i.rule);
        let rate = self
            .current
            .get(stronger)
            .filter(|_| rule == Rule::BounceRate);
        // A block of which the rate does not tell, or that was told while nobody heard of the rate, is not hidden by it.
        let is_told = |key: &IncidentKey, weaker: &Incident| {
            rate.is_none_or(|rate| {
                let is_heard = rate.notified || !weaker.notified;
                is_heard && self.is_told_by_rate(rate, key, &weaker.evidence)
            })
        };
        let open = self.current.iter().filter(|(key, incident)| {
            let is_own = || self.current.get(stronger);
            incident.is_open()
                && stronger.inhibits(rule, key)
                && is_told(key, incident)
                && !is_own().is_some_and(|own| self.is_told_by_weaker(own, key))
        });
        open.map(|(key, _)| key.clone()).collect()
    }

    /// Notifies of those of `keys` that are still open and no longer inhibited, unless one of `transitions` already does.
    /// Incidents of a tag are left to their next finding.
    pub fn uninhibit(
        &mut self,
        policy: &Policy,
        keys: &[IncidentKey],
        transitions: &[Transition],
        at: Timestamp,
    ) -> Vec<Transition> {
        let mut released = Vec::new();
        for key in keys.iter().filter(|key| key.tag.is_none()) {
            let block = self.find_current_block(policy, key, at);
            let is_known = self
                .current
                .get(key)
                .is_some_and(|i| self.is_of_ended_incident(key, &i.evidence, at));
            let Some(incident) = self.current.get_mut(key).filter(|_| !is_known) else {
                continue;
            };
            let notified_now = transitions
                .iter()
                .any(|t| t.notified && t.incident.id == incident.id);
            if block.inhibited || notified_now || !incident.is_open() {
                continue;
            }
            if let Some(taken) = transition::uninhibit(policy, incident, at, block) {
                released.push(to_transition(incident, taken, at));
            }
        }
        released
    }

    /// Resolves open incidents whose key is not in `watched` any more (a tag that went out of use, an archived stream), since
    /// no finding would.
    pub fn close_unwatched(
        &mut self,
        policy: &Policy,
        watched: &BTreeSet<IncidentKey>,
        at: Timestamp,
    ) -> Vec<Transition> {
        let gone = |key: &IncidentKey, incident: &Incident| {
            let judged = incident.rule.is_of_server() || watched.contains(key);
            !judged && at > incident.judged_at
        };
        self.close_where(policy, gone, at)
    }

    /// Resolves the open incidents of rules that are off, without a word. Returns the steps, and the incidents that these
    /// inhibited, for [`uninhibit`](Self::uninhibit).
    pub fn close_disabled(
        &mut self,
        policy: &Policy,
        at: Timestamp,
    ) -> (Vec<Transition>, BTreeSet<IncidentKey>) {
        let is_off = |i: &Incident| i.is_open() && !policy.is_enabled(i);
        let off = self.current.iter().filter(|(_, i)| is_off(i));
        let keys: Vec<IncidentKey> = off.map(|(key, _)| key.clone()).collect();
        let inhibited = keys.iter().flat_map(|key| self.inhibited_by(key)).collect();
        let mut transitions = Vec::new();
        for key in &keys {
            if let Some(incident) = self.current.get_mut(key) {
                let taken = transition::disable(incident, at);
                transitions.push(to_transition(incident, taken, at));
            }
        }
        (transitions, inhibited)
    }

    /// Resolves every open incident: the server is no longer watched.
    pub fn close_all(&mut self, policy: &Policy, at: Timestamp) -> Vec<Transition> {
        self.close_where(policy, |_, _| true, at)
    }

    /// Resolves the open incident of this id because `person` says so; `None` where it is not open.
    pub fn close(
        &mut self,
        policy: &Policy,
        id: &str,
        person: &str,
        at: Timestamp,
    ) -> Option<Transition> {
        let mut open = self.current.iter().filter(|(_, i)| i.is_open());
        let key = open.find(|(_, i)| i.id == id)?.0.clone();
        let block = self.find_current_block(policy, &key, at);
        // What it inhibited is the same trouble: who closed it does not want to hear of the weaker one now.
        for weaker in self.inhibited_by(&key) {
            let weaker = self.current.get_mut(&weaker);
            if let Some(weaker) = weaker.filter(|weaker| !weaker.notified) {
                weaker.suppressed_until = Some(at + transition::STAYS_CLOSED);
            }
        }
        let incident = self.current.get_mut(&key)?;
        incident.closed_by = Some(person.to_owned());
        let taken = transition::resolve(incident, at, block, false);
        incident.recovered_at = None;
        Some(to_transition(incident, taken, at))
    }

    /// Resolves the open incident of this id because a person judged it, without telling anybody; `None` where it is not open.
    pub(super) fn close_silently(
        &mut self,
        policy: &Policy,
        id: &str,
        (person, judgement): (&str, Judgement),
        at: Timestamp,
    ) -> Option<Transition> {
        let mut closed = self.close(policy, id, person, at)?;
        closed.notified = false;
        closed.incident.closed_as = Some(judgement);
        closed.incident.notification_deferred = false;
        let current = self.current.values_mut().find(|i| i.id == id)?;
        current.clone_from(&closed.incident);
        Some(closed)
    }

    /// Returns when the open incident of this key was judged last.
    pub fn judged_at(&self, key: &IncidentKey) -> Option<Timestamp> {
        let open = self.current.get(key).filter(|incident| incident.is_open());
        open.map(|incident| incident.judged_at)
    }

    /// Leaves of the unread time of each incident what `read` says is not read yet; it also says when the first mail was sent in that time:
    /// by then a stop was over. It says nothing of what it does not know.
    pub fn update_unread(
        &mut self,
        read: impl Fn(&IncidentKey, Span) -> Option<(Option<Span>, Option<Timestamp>)>,
    ) {
        for (key, incident) in &mut self.current {
            let Some((left, sent)) = incident.unread.and_then(|unread| read(key, unread)) else {
                continue;
            };
            incident.unread = left;
            if incident.rule == Rule::SendSilence && !incident.is_open() {
                incident.recovered_at = incident.recovered_at.into_iter().chain(sent).min();
            }
        }
    }

    /// Returns the open incident of this id.
    pub(super) fn find_open(&mut self, id: &str) -> Option<&mut Incident> {
        let mut current = self.current.values_mut();
        current.find(|incident| incident.id == id && incident.is_open())
    }

    /// Releases the notifications that a mute or quiet hours deferred, once nothing holds them back any more: of incidents that are still open,
    /// and of the end of those whose opening had been notified.
    pub fn end_mutes(&mut self, policy: &Policy, at: Timestamp) -> MuteEnd {
        let mut end = MuteEnd::default();
        let deferred = self.current.iter().filter(|(_, i)| i.notification_deferred);
        let keys: Vec<IncidentKey> = deferred.map(|(key, _)| key.clone()).collect();
        for key in keys {
            let block = self.find_current_block(policy, &key, at);
            let is_held = block.muted || block.in_quiet_hours;
            let Some(incident) = self.current.get_mut(&key).filter(|_| !is_held) else {
                continue;
            };
            if !incident.is_open() {
                incident.notification_deferred = false;
                incident.held_by_quiet_since = None;
                incident.outlasts_quiet_hours = block.outlasts_quiet_hours;
                end.resolved.push(incident.clone());
            } else if !block.inhibited
                && let Some(taken) = transition::uninhibit(policy, incident, at, block)
            {
                end.open.push(to_transition(incident, taken, at));
            }
        }
        end
    }

    fn close_where(
        &mut self,
        policy: &Policy,
        gone: impl Fn(&IncidentKey, &Incident) -> bool,
        at: Timestamp,
    ) -> Vec<Transition> {
        let open = self.current.iter().filter(|(_, i)| i.is_open());
        let open = open.filter(|(key, incident)| gone(key, incident));
        let keys: Vec<IncidentKey> = open.map(|(key, _)| key.clone()).collect();
        let mut transitions = Vec::new();
        for key in keys {
            let block = self.find_current_block(policy, &key, at);
            if let Some(incident) = self.current.get_mut(&key) {
                let taken = transition::resolve(incident, at, block, true);
                transitions.push(to_transition(incident, taken, at));
            }
        }
        transitions
    }

    /// Applies one finding and returns whether its incident resolved.
    fn apply_one(
        &mut self,
        policy: &Policy,
        finding: &Finding,
        at: Timestamp,
        block: NotificationBlock,
        transitions: &mut Vec<Transition>,
    ) -> bool {
        let key = IncidentKey::from_finding(finding);
        match self.current.get_mut(&key) {
            Some(incident) if at <= judged_until(incident) => false,
            Some(incident) if incident.is_open() => {
                for taken in transition::advance(policy, incident, finding, at, block) {
                    transitions.push(to_transition(incident, taken, at));
                }
                !incident.is_open()
            }
            mut before => {
                // What is closed by hand and over may open again.
                if let Some(closed) = before.as_deref_mut()
                    && closed.closed_by.is_some()
                    && finding.verdict == Verdict::Within
                {
                    closed.recovered_at.get_or_insert(at);
                }
                let (server, before) = (&self.server, before.as_deref());
                let opened = transition::open(policy, server, before, finding, at, block);
                if let Some((incident, taken)) = opened {
                    transitions.push(to_transition(&incident, taken, at));
                    let before = self.current.insert(key, incident.clone());
                    self.superseded
                        .extend(before.filter(|before| before.id != incident.id));
                }
                false
            }
        }
    }
}

/// Returns up to when an incident says it all: an instant that was missed opens no other one before it ended.
fn judged_until(incident: &Incident) -> Timestamp {
    match incident.state {
        IncidentState::Open { .. } => incident.judged_at,
        IncidentState::Resolved { at, .. } => at.max(incident.judged_at),
    }
}

fn to_transition(incident: &Incident, taken: StepTaken, at: Timestamp) -> Transition {
    Transition {
        at,
        incident: incident.clone(),
        step: taken.step,
        notified: taken.notified,
    }
}
