//! Every incident of one server that may still matter, and the order in which findings are weighed.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::step::Hush;
use crate::decide::{Policy, step};
use crate::model::{Finding, Incident, Rule, ServerName, StreamId, Tag, Timestamp, Transition};

/// What an incident is of: one rule on one tag, one stream, or the whole server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The rule.
    pub rule: Rule,
    /// The stream; `None` for a rule of the whole server.
    pub stream: Option<StreamId>,
    /// The tag of the stream; `None` for all of its mail.
    pub tag: Option<Tag>,
}

impl Key {
    /// What `finding` is of.
    pub fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.rule,
            stream: finding.stream.clone(),
            tag: finding.tag.clone(),
        }
    }

    fn of_incident(incident: &Incident) -> Self {
        Self {
            rule: incident.rule,
            stream: incident.stream.clone(),
            tag: incident.tag.clone(),
        }
    }

    /// Whether an open incident of this key silences one of `weaker`: by its rule, or as the stream all of whose mail is
    /// missing, that of each tag too.
    fn silences(&self, weaker: &Self) -> bool {
        let around = self.rule.is_of_server() || self.stream == weaker.stream;
        let of_tag = self.rule == weaker.rule && self.tag.is_none() && weaker.tag.is_some();
        around && (self.rule.silences(weaker.rule) || of_tag)
    }
}

/// The latest incident of each key of one server.
#[derive(Clone, Debug)]
pub struct Book {
    server: ServerName,
    latest: BTreeMap<Key, Incident>,
    /// Those which a later one of their rule and stream followed: their steps are to be stored with them.
    followed: Vec<Incident>,
}

/// What the end of a mute has to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unmuted {
    /// What stands.
    pub standing: Vec<Transition>,
    /// What is over, of which people know that it began.
    pub over: Vec<Incident>,
}

impl Book {
    /// From the stored incidents of `server`, of which the latest of each key counts.
    pub fn new(server: ServerName, incidents: impl IntoIterator<Item = Incident>) -> Self {
        let mut latest: BTreeMap<Key, Incident> = BTreeMap::new();
        for incident in incidents {
            let slot = latest
                .entry(Key::of_incident(&incident))
                .or_insert_with(|| incident.clone());
            if slot.opened_at < incident.opened_at {
                *slot = incident;
            }
        }
        Self {
            server,
            latest,
            followed: Vec::new(),
        }
    }

    /// Every incident in it, those first which another one of their rule and stream followed since.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.followed.iter().chain(self.latest.values())
    }

    /// Weighs the findings of one instant, the stronger rules first, and returns the steps in that order.
    ///
    /// A finding of an instant at which its incident was judged already is passed over: judging twice says nothing new.
    pub fn weigh(
        &mut self,
        policy: &Policy,
        mut findings: Vec<Finding>,
        at: Timestamp,
    ) -> Vec<Transition> {
        findings.sort_by_key(|f| f.rule);
        let mut transitions = Vec::new();
        let mut over = Vec::new();
        for finding in &findings {
            let key = Key::of(finding);
            let hush = self.hush(policy, &key, at);
            let kept = self.kept_back(&key);
            if self.weigh_one(policy, finding, at, hush, &mut transitions)
                && !finding.rule.is_of_server()
            {
                over.extend(kept);
            }
        }
        let told = self.release(policy, &over, &transitions, at);
        transitions.extend(told);
        transitions
    }

    /// The open incidents which an incident of `stronger` silences. What a rule of the whole server kept back is to be
    /// [released](Self::release) by the caller, once the streams were judged too.
    pub fn kept_back(&self, stronger: &Key) -> Vec<Key> {
        let open = self
            .latest
            .iter()
            .filter(|(key, incident)| incident.is_open() && stronger.silences(key));
        open.map(|(key, _)| key.clone()).collect()
    }

    /// Tells what of `kept` still stands, unless one of `already` tells it at the same time. Tags are told by their next
    /// finding, should it still be a breach.
    pub fn release(
        &mut self,
        policy: &Policy,
        kept: &[Key],
        already: &[Transition],
        at: Timestamp,
    ) -> Vec<Transition> {
        let mut told = Vec::new();
        for key in kept.iter().filter(|key| key.tag.is_none()) {
            let hush = self.hush(policy, key, at);
            let Some(incident) = self.latest.get_mut(key) else {
                continue;
            };
            let told_now = already
                .iter()
                .any(|t| t.told && t.incident.id == incident.id);
            if hush.silenced || told_now || !incident.is_open() {
                continue;
            }
            if let Some(taken) = step::release(policy, incident, at, hush) {
                told.push(transition(incident, taken, at));
            }
        }
        told
    }

    /// Ends what is open and not among `watched` any more, a tag that retired or a stream that was archived: nothing else
    /// would ever end it.
    pub fn retire(
        &mut self,
        policy: &Policy,
        watched: &BTreeSet<Key>,
        at: Timestamp,
    ) -> Vec<Transition> {
        let gone = |key: &Key, incident: &Incident| {
            let judged = incident.rule.is_of_server() || watched.contains(key);
            !judged && at > incident.judged_at
        };
        self.end(policy, gone, at)
    }

    /// Ends all that is open: the server itself is not watched any more.
    pub fn abandon(&mut self, policy: &Policy, at: Timestamp) -> Vec<Transition> {
        self.end(policy, |_, _| true, at)
    }

    /// Tells what a mute kept back, once nothing mutes it any more: what still stands, and what people were told of before
    /// and is over by now.
    pub fn unmute(&mut self, policy: &Policy, at: Timestamp) -> Unmuted {
        let mut unmuted = Unmuted::default();
        let withheld = self.latest.iter().filter(|(_, i)| i.withheld);
        let keys: Vec<Key> = withheld.map(|(key, _)| key.clone()).collect();
        for key in keys {
            let hush = self.hush(policy, &key, at);
            let Some(incident) = self.latest.get_mut(&key).filter(|_| !hush.muted) else {
                continue;
            };
            if !incident.is_open() {
                incident.withheld = false;
                unmuted.over.push(incident.clone());
            } else if !hush.silenced
                && let Some(taken) = step::release(policy, incident, at, hush)
            {
                unmuted.standing.push(transition(incident, taken, at));
            }
        }
        unmuted
    }

    fn end(
        &mut self,
        policy: &Policy,
        gone: impl Fn(&Key, &Incident) -> bool,
        at: Timestamp,
    ) -> Vec<Transition> {
        let keys: Vec<Key> = self
            .latest
            .iter()
            .filter(|(key, incident)| incident.is_open() && gone(key, incident))
            .map(|(key, _)| key.clone())
            .collect();
        let mut transitions = Vec::new();
        for key in keys {
            let hush = self.hush(policy, &key, at);
            if let Some(incident) = self.latest.get_mut(&key) {
                let taken = step::retire(incident, at, hush);
                transitions.push(transition(incident, taken, at));
            }
        }
        transitions
    }

    fn hush(&self, policy: &Policy, key: &Key, at: Timestamp) -> Hush {
        Hush {
            silenced: self.is_silenced(policy, key, at),
            muted: policy.is_muted(&self.server, key.rule, at),
        }
    }

    /// Whether a stronger incident is open that silences this one. One that is muted speaks for nothing but what is muted
    /// with it.
    fn is_silenced(&self, policy: &Policy, weaker: &Key, at: Timestamp) -> bool {
        let is_muted = |key: &Key| policy.is_muted(&self.server, key.rule, at);
        let speaks = |stronger: &Key| !is_muted(stronger) || is_muted(weaker);
        self.latest
            .iter()
            .any(|(key, incident)| incident.is_open() && key.silences(weaker) && speaks(key))
    }

    /// Returns whether the incident resolved.
    fn weigh_one(
        &mut self,
        policy: &Policy,
        finding: &Finding,
        at: Timestamp,
        hush: Hush,
        transitions: &mut Vec<Transition>,
    ) -> bool {
        let key = Key::of(finding);
        match self.latest.get_mut(&key) {
            Some(incident) if at <= incident.judged_at => false,
            Some(incident) if incident.is_open() => {
                for taken in step::advance(policy, incident, finding, at, hush) {
                    transitions.push(transition(incident, taken, at));
                }
                !incident.is_open()
            }
            before => {
                let opened = step::open(policy, &self.server, before.as_deref(), finding, at, hush);
                if let Some((incident, taken)) = opened {
                    transitions.push(transition(&incident, taken, at));
                    let before = self.latest.insert(key, incident.clone());
                    self.followed
                        .extend(before.filter(|before| before.id != incident.id));
                }
                false
            }
        }
    }
}

fn transition(incident: &Incident, (step, told): step::Taken, at: Timestamp) -> Transition {
    Transition {
        at,
        incident: incident.clone(),
        step,
        told,
    }
}
