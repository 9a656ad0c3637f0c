//! Every incident of one server that may still matter, and the order in which findings are weighed.

use std::collections::BTreeMap;

use crate::decide::{Policy, step};
use crate::model::{Finding, Incident, Rule, ServerName, StreamId, Timestamp, Transition};

/// What an incident is of: one rule on one stream, or on the whole server.
pub type Key = (Rule, Option<StreamId>);

/// The latest incident of each rule and stream of one server.
#[derive(Clone, Debug)]
pub struct Book {
    server: ServerName,
    latest: BTreeMap<Key, Incident>,
}

impl Book {
    /// From the stored incidents of `server`, of which the latest of each rule and stream counts.
    pub fn new(server: ServerName, incidents: impl IntoIterator<Item = Incident>) -> Self {
        let mut latest: BTreeMap<Key, Incident> = BTreeMap::new();
        for incident in incidents {
            let slot = latest
                .entry((incident.rule, incident.stream.clone()))
                .or_insert_with(|| incident.clone());
            if slot.opened_at < incident.opened_at {
                *slot = incident;
            }
        }
        Self { server, latest }
    }

    /// Every incident in it.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.latest.values()
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
            let silenced = self.is_silenced(finding.rule, finding.stream.as_ref());
            let kept = self.kept_back(finding.rule, finding.stream.as_ref());
            if self.weigh_one(policy, finding, at, silenced, &mut transitions)
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
    pub fn kept_back(&self, stronger: Rule, stream: Option<&StreamId>) -> Vec<Key> {
        let is_weaker = |(rule, on): &Key| {
            stronger.silences(*rule) && (stronger.is_of_server() || on.as_ref() == stream)
        };
        let open = self
            .latest
            .iter()
            .filter(|(key, incident)| incident.is_open() && is_weaker(key));
        open.map(|(key, _)| key.clone()).collect()
    }

    /// Tells what of `kept` still stands, unless one of `already` tells it at the same time.
    pub fn release(
        &mut self,
        policy: &Policy,
        kept: &[Key],
        already: &[Transition],
        at: Timestamp,
    ) -> Vec<Transition> {
        let mut told = Vec::new();
        for key in kept {
            let silenced = self.is_silenced(key.0, key.1.as_ref());
            let Some(incident) = self.latest.get_mut(key) else {
                continue;
            };
            let told_now = already
                .iter()
                .any(|t| t.told && t.incident.id == incident.id);
            if silenced || told_now || !incident.is_open() {
                continue;
            }
            if let Some(taken) = step::release(policy, incident, at) {
                told.push(transition(incident, taken, at));
            }
        }
        told
    }

    /// Whether a stronger incident is open that silences this rule.
    fn is_silenced(&self, rule: Rule, stream: Option<&StreamId>) -> bool {
        self.latest.iter().any(|((stronger, on), incident)| {
            incident.is_open()
                && stronger.silences(rule)
                && (stronger.is_of_server() || on.as_ref() == stream)
        })
    }

    /// Returns whether the incident resolved.
    fn weigh_one(
        &mut self,
        policy: &Policy,
        finding: &Finding,
        at: Timestamp,
        silenced: bool,
        transitions: &mut Vec<Transition>,
    ) -> bool {
        let key = (finding.rule, finding.stream.clone());
        match self.latest.get_mut(&key) {
            Some(incident) if at <= incident.judged_at => false,
            Some(incident) if incident.is_open() => {
                for taken in step::advance(policy, incident, finding, at, silenced) {
                    transitions.push(transition(incident, taken, at));
                }
                !incident.is_open()
            }
            before => {
                let opened = step::open(
                    policy,
                    &self.server,
                    before.as_deref(),
                    finding,
                    at,
                    silenced,
                );
                if let Some((incident, taken)) = opened {
                    transitions.push(transition(&incident, taken, at));
                    self.latest.insert(key, incident);
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
