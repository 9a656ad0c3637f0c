//! A recipient domain that blocks, and the bounce rate that it raises: one problem, and one incident. Whichever people were told of
//! first goes on.

use crate::decide::incident_log::{IncidentKey, IncidentLog};
use crate::decide::{Policy, transition};
use crate::model::{
    DAY, Evidence, Finding, Incident, IncidentState, Judgement, KnownExcess, RateEvidence, Rule,
    Severity, Step, StreamId, Timestamp, ToldBounces, Transition, Verdict,
};

impl IncidentLog {
    /// Returns the recipient domains of which the open incident of a stream says that they block.
    pub(in crate::decide) fn blocking_domains(&self, stream: &StreamId) -> Vec<String> {
        let key = IncidentKey {
            problem: Rule::DomainBlocks,
            stream: Some(stream.clone()),
            tag: None,
        };
        let open = self.open_of(&key);
        open.map_or_else(Vec::new, |incident| domains_told(&incident.evidence))
    }

    /// Returns what the incidents of a stream tell of its bounces and complaints.
    pub fn told_bounces(&self, stream: &StreamId) -> ToldBounces {
        // What was a false alarm is usual from then on.
        let is_known = |i: &&Incident| i.is_open() || i.closed_as != Some(Judgement::FalseAlarm);
        let told = self.current.values().filter(is_known);
        let of_stream = told.filter(|i| i.stream.as_ref() == Some(stream));
        ToldBounces {
            blocking: self.blocking_domains(stream),
            excesses: of_stream.filter_map(known_excess).collect(),
        }
    }

    /// Leaves what an incident of `domain_blocks` tells out of the findings of `bounce_rate`, and lets one of `bounce_rate` that told of
    /// a block go on while that does.
    pub(super) fn tell_blocks_once(
        &self,
        policy: &Policy,
        findings: &mut [Finding],
        at: Timestamp,
    ) {
        let blocks = findings.iter().filter(|f| f.rule == Rule::DomainBlocks);
        let blocks: Vec<Finding> = blocks.cloned().collect();
        for blocks in &blocks {
            let mut rates = findings.iter_mut().filter(|f| f.rule == Rule::BounceRate);
            if let Some(rate) = rates.find(|rate| rate.stream == blocks.stream) {
                self.tell_once(policy, rate, blocks, at);
            }
        }
    }

    fn tell_once(&self, policy: &Policy, rate: &mut Finding, blocks: &Finding, at: Timestamp) {
        let told = match self.tells_of_blocks(policy, rate, blocks, at) {
            true => self.told_by_block(blocks),
            false => Vec::new(),
        };
        if let Some(without) = rate.without_blocks.take().filter(|_| !told.is_empty()) {
            (rate.verdict, rate.evidence) = *without;
        }
        let goes_on = matches!(blocks.verdict, Verdict::Breach | Verdict::Unresolved);
        let mut going_on = domains_told(&blocks.evidence);
        if let Evidence::DomainBlocks(of) = &blocks.evidence {
            going_on.extend(of.staying.iter().cloned());
        }
        going_on.retain(|domain| goes_on && !told.contains(domain));
        let open = self.open_of(&IncidentKey::from_finding(rate));
        let has_ended = |open: &Incident| match (&open.evidence, &rate.evidence) {
            (Evidence::Rate(known), Evidence::Rate(seen)) => known.has_shown_its_end(seen),
            _ => true,
        };
        let is_hidden = |open: &Incident| is_about_domains(open, &going_on) && !has_ended(open);
        if rate.verdict == Verdict::Within && open.is_some_and(is_hidden) {
            // At night it has no mail to block.
            rate.verdict = Verdict::Unresolved;
        }
    }

    /// Returns whether people hear of what `blocks` is about by its own incident, and not by that of `rate`.
    fn tells_of_blocks(
        &self,
        policy: &Policy,
        rate: &Finding,
        blocks: &Finding,
        at: Timestamp,
    ) -> bool {
        let (rate_key, key) = (
            IncidentKey::from_finding(rate),
            IncidentKey::from_finding(blocks),
        );
        let (open_rate, open) = (self.open_of(&rate_key), self.open_of(&key));
        let severity = open.map_or(blocks.severity, |i| i.severity);
        let of_rate = open_rate.map_or(rate.severity, |i| i.severity.max(rate.severity));
        let is_held = policy.is_muted(&self.server, blocks.rule, at)
            && !policy.is_muted(&self.server, rate.rule, at);
        if of_rate > severity || is_held {
            return false;
        }
        let told = self.told_by_block(blocks);
        let was_first = |rate: &&Incident| {
            let before = open.filter(|i| {
                let is_earlier = i.first_opening() <= rate.first_opening();
                i.notified && (is_earlier || !rate.notified)
            });
            before.is_none() && is_about_domains(rate, &told)
        };
        if open_rate.filter(was_first).is_some() {
            return false;
        }
        let is_inhibited = || self.find_block(policy, &key, blocks, at).inhibited;
        if let Some(open) = open {
            return open.notified || !is_inhibited();
        }
        // More than a domain blocks: the rate says it all.
        let is_more = rate.without_blocks.as_deref().map(|(verdict, _)| *verdict)
            == Some(Verdict::Breach)
            && open_rate.is_none();
        let closed = self.current.get(&key);
        let stays_closed = closed.is_some_and(|i| transition::stays_closed(i, blocks, at));
        blocks.verdict == Verdict::Breach && (stays_closed || !is_more) && !is_inhibited()
    }

    /// Returns the domains that are told by the incident of `blocks`, the open one or the one that it opens.
    fn told_by_block(&self, blocks: &Finding) -> Vec<String> {
        let open = self.open_of(&IncidentKey::from_finding(blocks));
        domains_told(open.map_or(&blocks.evidence, |open| &open.evidence))
    }

    /// Returns whether the incident of `bounce_rate` says what a block of `key` does, with `evidence` if it is not open.
    pub(super) fn is_told_by_rate(
        &self,
        rate: &Incident,
        key: &IncidentKey,
        evidence: &Evidence,
    ) -> bool {
        let open = self.open_of(key);
        // What opened beside it without a word was told by it from the start; the few bounces of a quiet hour do not say otherwise.
        if open.is_some_and(|open| !open.notified && open.opened_at >= rate.opened_at) {
            return true;
        }
        match open.map_or(evidence, |open| &open.evidence) {
            Evidence::DomainBlocks(of) => is_about_domains(rate, &of.told_domains()),
            _ => true,
        }
    }

    /// Lets no drop of the mail that is delivered be over which told of bounces, while a rate of these that it hid goes on.
    pub(super) fn keep_drops_of_bounces(&self, findings: &mut [Finding]) {
        let drops = findings
            .iter_mut()
            .filter(|f| f.rule == Rule::DeliveryDrop && f.verdict == Verdict::Within);
        for finding in drops {
            let key = IncidentKey::from_finding(finding);
            let is_of_bounces = |own: &&Incident| {
                let of = &own.evidence;
                own.notified
                    && matches!(of, Evidence::DeliveryDrop(drop) if drop.is_of_counted_bounces())
            };
            let is_hidden = |rate: &IncidentKey| self.open_of(rate).is_some_and(|i| !i.notified);
            if self.open_of(&key).filter(is_of_bounces).is_some()
                && rates_beside(&key).iter().any(is_hidden)
            {
                finding.verdict = Verdict::Unresolved;
            }
        }
    }

    /// Lets a delivery silence that is all bounces go on with the incident of the rate that told of them, since both are one problem. One
    /// that nobody heard of ends for that; returns that end.
    pub(super) fn take_over(
        &mut self,
        policy: &Policy,
        finding: &Finding,
        at: Timestamp,
    ) -> Option<Transition> {
        let is_of_bounces = matches!(&finding.evidence, Evidence::Delivery(delivery)
            if finding.verdict == Verdict::Breach && delivery.is_of_counted_bounces());
        let key = IncidentKey::from_finding(finding);
        let is_known = self.current.get(&key).is_some_and(|own| {
            (own.is_open() && own.notified) || transition::stays_closed(own, finding, at)
        });
        if !is_of_bounces || is_known || policy.is_muted(&self.server, finding.rule, at) {
            return None;
        }
        let rates = rates_beside(&key);
        let is_told = |rate: &&IncidentKey| {
            let open = self.open_of(rate);
            open.is_some_and(|rate| rate.notified && rate.judged_at < at)
        };
        let told = self.current.remove(rates.iter().find(is_told)?)?;
        let mut before = self.current.insert(key, told)?;
        let ended = before.is_open().then(|| {
            before.state = IncidentState::Resolved {
                at,
                unwatched: false,
                disabled: false,
            };
            Transition {
                at,
                incident: before.clone(),
                step: Step::Resolved,
                notified: false,
            }
        });
        self.superseded.push(before);
        ended
    }

    /// Returns whether people were told of the bounces that are all there is to a drop of the mail that is delivered: by a rate that is no
    /// less urgent, told of no share that is surely less than half of it, and is open or was a day before the newest of that mail was sent.
    pub(super) fn is_told_as_bounces(
        &self,
        key: &IncidentKey,
        severity: Severity,
        evidence: &Evidence,
    ) -> bool {
        let Evidence::DeliveryDrop(drop) = evidence else {
            return false;
        };
        let tells = |rate: &Incident| match rate.state {
            IncidentState::Open { .. } => rate
                .told_share
                .is_none_or(|told| drop.least_lost() <= 2.0 * told),
            // A stray bounce after it is usual.
            IncidentState::Resolved { at, .. } => drop.newest_lost <= Some(at + DAY),
        };
        drop.is_of_counted_bounces()
            && self.current.iter().any(|(other, rate)| {
                matches!(rate.rule, Rule::HardBounceWake | Rule::BounceRate)
                    && other.place() == key.place()
                    && rate.notified
                    && rate.severity >= severity
                    && tells(rate)
            })
    }

    /// Returns whether an incident is a drop that people did not hear of, since `weaker` told it first, or another rate of its bounces: it
    /// hides none of these.
    pub(super) fn is_told_by_weaker(&self, incident: &Incident, weaker: &IncidentKey) -> bool {
        if incident.rule != Rule::DeliveryDrop || incident.notified {
            return false;
        }
        let key = IncidentKey::from_incident(incident);
        let is_rate = matches!(weaker.problem, Rule::HardBounceWake | Rule::BounceRate);
        self.open_of(weaker).is_some_and(|weaker| weaker.notified)
            || is_rate && self.is_told_as_bounces(&key, incident.severity, &incident.evidence)
    }

    fn open_of(&self, key: &IncidentKey) -> Option<&Incident> {
        self.current.get(key).filter(|incident| incident.is_open())
    }
}

/// Returns the keys of the bounce rates where `key` is, the stronger first.
fn rates_beside(key: &IncidentKey) -> [IncidentKey; 2] {
    [Rule::HardBounceWake, Rule::BounceRate].map(|problem| IncidentKey {
        problem,
        ..key.clone()
    })
}

/// Returns whether an incident of `domain_blocks` that ended explains a rate by itself.
pub(super) fn explains(ended: &Incident, rate: &RateEvidence) -> bool {
    let evidence = ended.worst.as_ref().unwrap_or(&ended.evidence);
    rate.is_explained_by(&domains_told(evidence))
}

/// Returns the excess over days of which an incident tells, or told before a window was worse.
fn known_excess(incident: &Incident) -> Option<KnownExcess> {
    let mut told = std::iter::once(&incident.evidence).chain(&incident.worst);
    let told = told.find_map(Evidence::lasting);
    let lasting = incident.lasting.or(told)?;
    let ended_at = match incident.state {
        // What a person closed and may go on is no end of it.
        IncidentState::Resolved { at, .. } if incident.closed_and_may_go_on().is_none() => Some(at),
        _ => None,
    };
    Some(KnownExcess {
        rule: incident.rule,
        since: incident
            .began_at
            .unwrap_or_else(|| incident.first_opening()),
        opened_at: incident.opened_at,
        ended_at,
        usual_at_most: lasting.usual_at_most,
    })
}

fn domains_told(evidence: &Evidence) -> Vec<String> {
    match evidence {
        Evidence::DomainBlocks(of) => of.told_domains(),
        _ => Vec::new(),
    }
}

/// Returns whether an incident of `bounce_rate` is mostly that these domains block.
fn is_about_domains(rate: &Incident, domains: &[String]) -> bool {
    let known = std::iter::once(&rate.evidence).chain(&rate.worst);
    known.into_iter().any(
        |evidence| matches!(evidence, Evidence::Rate(rate) if rate.is_mostly_blocked_at(domains)),
    )
}
