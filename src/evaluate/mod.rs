//! Evaluates one server from instant to instant: what is true at each, and what becomes of its incidents. Pure.
//!
//! This is the only path from history to transitions. A cycle, its catch-up and a replay differ only in the instants they pass.

mod catch_up;
mod losses;
mod replay;
mod sample_replay;
#[cfg(test)]
mod tests;
mod unread;

pub use catch_up::{drop_superseded_reminders, opened_and_resolved};
pub use losses::known_losses;
pub use replay::{Replay, ServerPast};

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{IncidentKey, IncidentLog, MuteEnd, Policy};
use crate::detect::{self, Detector, PollHealth, Together};
use crate::evaluate::unread::{add_unread, forget_read};
use crate::model::{
    Evidence, Finding, History, Incident, Learned, Rule, Series, ServerName, Step, StreamId,
    StreamKey, Timestamp, Transition, Verdict,
};

#[derive(Debug)]
pub struct Evaluator {
    policy: Policy,
    detector: Detector,
    /// Incidents about delivery that ended before those of the log.
    past_losses: Vec<Incident>,
    /// What rests on no stream, and is known of the present alone.
    server_findings: Vec<Finding>,
    /// Whether streams are evaluated at the end of the cycle.
    judges_streams: bool,
    /// Streams that are evaluated at no instant before this one, but at the end of the cycle.
    judged_from: BTreeMap<StreamId, Timestamp>,
}

impl Evaluator {
    /// Creates an evaluator for the rules of `policy`. `series` is the number of [series](detect::budget_series) of the whole
    /// installation that share the budget of false silence alarms.
    pub fn new(policy: Policy, series: usize) -> Self {
        Self {
            detector: Detector::new(policy.rules.clone(), series),
            policy,
            past_losses: Vec::new(),
            server_findings: Vec::new(),
            judges_streams: true,
            judged_from: BTreeMap::new(),
        }
    }

    /// Says which incidents about delivery there were before those of the log, whose time teaches nothing of what is usual.
    pub fn set_past_losses(&mut self, incidents: Vec<Incident>) {
        self.past_losses = incidents;
    }

    /// Begins with what was learned in earlier cycles, and keeps what is learned. That changes nothing of what is found.
    pub fn keep(&mut self, learned: BTreeMap<Series, Learned>) {
        self.detector.keep(learned);
    }

    /// Returns what was learned anew, to be stored for [`Self::keep`].
    pub fn take_learned(&mut self) -> BTreeMap<Series, Learned> {
        self.detector.take_learned()
    }

    /// Says what else is true of the server at the end of the cycle, beside what its polls and its streams say.
    pub fn set_server_findings(&mut self, findings: Vec<Finding>) {
        self.server_findings = findings;
    }

    /// Adds the streams of `server` on which silence is judged to those that are judged together.
    pub fn join_streams(
        &self,
        together: &mut Together,
        server: &ServerName,
        histories: &BTreeMap<StreamId, History>,
    ) {
        for (stream, history) in histories {
            let rules = self.policy.rules.for_stream(stream);
            if rules.is_enabled(Rule::SendSilence) {
                together.add(StreamKey::new(server, stream), history, rules);
            }
        }
    }

    /// Returns those of one server, joined; nothing where fewer than two of them send, of which each is judged alone.
    fn joined_streams(
        &self,
        server: &ServerName,
        histories: &BTreeMap<StreamId, History>,
    ) -> Together {
        let mut together = Together::default();
        let sending = histories
            .values()
            .filter(|history| !history.hours.is_empty());
        if sending.count() > 1 {
            self.join_streams(&mut together, server, histories);
        }
        together
    }

    /// Returns the transitions at one instant, from what had happened before it; `together` are the
    /// [joined streams](Self::join_streams) of `histories`.
    pub fn evaluate_at(
        &mut self,
        log: &mut IncidentLog,
        histories: &BTreeMap<StreamId, History>,
        together: &Together,
        at: Timestamp,
    ) -> Vec<Transition> {
        forget_read(log, histories, together);
        let joint = self.detect_together(log, together, at);
        let findings = self
            .detect_streams(log, histories, at)
            .into_iter()
            .chain(joint)
            .filter_map(|finding| self.policy.rules.tune(finding))
            .collect();
        self.apply(log, findings, at)
    }

    /// Returns the findings about all streams together; one that ends their stop says which of them have sent nothing since.
    fn detect_together(
        &mut self,
        log: &IncidentLog,
        together: &Together,
        at: Timestamp,
    ) -> Vec<Finding> {
        let mut findings = self.detector.detect_together(together, at);
        for finding in &mut findings {
            if let Some(joint) = together.joint() {
                add_unread(finding, log, joint, at);
            }
            if let (Verdict::Within, Evidence::Silence(silence)) =
                (finding.verdict, &mut finding.evidence)
                && let Some(stop) = log.stop_of_several()
                && let Some(last) = stop.last_sent
            {
                let stopped = |s: &StreamKey| stop.streams.contains(s) && !stop.not_due.contains(s);
                silence.silent = together.silent_since(last, at);
                silence.silent.retain(stopped);
            }
        }
        findings
    }

    fn detect_streams(
        &mut self,
        log: &IncidentLog,
        histories: &BTreeMap<StreamId, History>,
        at: Timestamp,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (stream, history) in histories {
            let incidents = self.past_losses.iter().chain(log.incidents());
            let losses = known_losses(incidents, history, stream, at);
            let told = log.told_bounces(stream);
            let mut found = self.detector.detect(history, stream, &losses, &told, at);
            for finding in &mut found {
                add_unread(finding, log, history, at);
            }
            findings.extend(found);
        }
        findings
    }

    /// Says that streams cannot be judged at the end of the cycle: it is not known whether they are still there.
    pub const fn judge_no_stream(&mut self) {
        self.judges_streams = false;
    }

    /// Says from when on streams are judged that nobody chose to watch before: nothing is told of them at instants that were missed
    /// earlier.
    pub fn judge_from(&mut self, streams: &BTreeMap<StreamId, Timestamp>) {
        self.judged_from.clone_from(streams);
    }

    /// Returns the transitions of streams that nobody knew of, at `instants` at which the others were evaluated. What is open on
    /// others stays.
    pub fn evaluate_found(
        &mut self,
        log: &mut IncidentLog,
        histories: &BTreeMap<StreamId, History>,
        instants: &[Timestamp],
    ) -> Vec<Transition> {
        let mut transitions = Vec::new();
        for at in instants {
            let findings = self.detect_streams(log, histories, *at).into_iter();
            let tuned = findings.filter_map(|finding| self.policy.rules.tune(finding));
            transitions.extend(log.apply(&self.policy, tuned.collect(), *at));
        }
        transitions
    }

    /// Returns the transitions of what streams of several servers have in common at one instant. It names none of a muted server.
    pub fn evaluate_together(
        &mut self,
        log: &mut IncidentLog,
        together: &Together,
        at: Timestamp,
    ) -> Vec<Transition> {
        forget_read(log, &BTreeMap::new(), together);
        let mut findings = self.detect_together(log, together, at);
        for finding in &mut findings {
            let is_heard = |s: &StreamKey| !self.policy.is_muted(s.server(), finding.rule, at);
            finding.evidence.retain_streams(is_heard);
        }
        let tuned = findings
            .into_iter()
            .filter_map(|finding| self.policy.rules.tune(finding));
        let tuned = tuned.collect();
        self.apply(log, tuned, at)
    }

    /// Returns the transitions of one finding that rests on no stream, as of the canary.
    pub fn evaluate_finding(
        &self,
        log: &mut IncidentLog,
        finding: Finding,
        at: Timestamp,
    ) -> Vec<Transition> {
        let tuned = self.policy.rules.tune(finding);
        log.apply(&self.policy, tuned.into_iter().collect(), at)
    }

    /// Returns the transitions of findings that rest on no stream of mail, and ends what none of them is about.
    pub fn evaluate_findings(
        &self,
        log: &mut IncidentLog,
        findings: Vec<Finding>,
        at: Timestamp,
    ) -> Vec<Transition> {
        let tuned = findings
            .into_iter()
            .filter_map(|finding| self.policy.rules.tune(finding));
        let tuned = tuned.collect();
        self.apply(log, tuned, at)
    }

    /// Says what is known of stops and drops beyond the log: those of several servers, and those of single streams.
    pub fn set_stops(&mut self, together: Vec<Incident>, single: BTreeMap<StreamKey, Rule>) {
        self.policy.stops_together = together;
        self.policy.stopped = single;
    }

    fn apply(
        &self,
        log: &mut IncidentLog,
        findings: Vec<Finding>,
        at: Timestamp,
    ) -> Vec<Transition> {
        let watched: BTreeSet<IncidentKey> =
            findings.iter().map(IncidentKey::from_finding).collect();
        let mut transitions = log.apply(&self.policy, findings, at);
        transitions.extend(log.close_unwatched(&self.policy, &watched, at));
        transitions
    }

    /// Returns the transitions of a cycle at `now`; the instants in `missed` are evaluated first.
    pub fn evaluate_cycle(
        &mut self,
        log: &mut IncidentLog,
        sight: &PollHealth,
        histories: &BTreeMap<StreamId, History>,
        missed: &[Timestamp],
        now: Timestamp,
    ) -> Vec<Transition> {
        // The server's own rules come first: missed instants are evaluated on what is seen now, so they are not blind.
        let own = std::mem::take(&mut self.server_findings);
        let findings = detect::evaluate_server(sight, now).into_iter().chain(own);
        let findings = findings.filter_map(|finding| self.policy.rules.tune(finding));
        let findings: Vec<Finding> = findings.collect();
        let first = missed.first().copied().unwrap_or(now);
        let (mut transitions, mut kept) = log.close_disabled(&self.policy, first);
        let inhibiting = findings.iter().map(IncidentKey::from_finding);
        kept.extend(inhibiting.flat_map(|key| log.inhibited_by(&key)));
        let kept: Vec<IncidentKey> = kept.into_iter().collect();
        transitions.extend(log.apply(&self.policy, findings, now));
        let over = transitions.iter().any(|t| t.step == Step::Resolved);
        let present: Vec<Timestamp> = self.judges_streams.then_some(now).into_iter().collect();
        let begins: BTreeSet<Timestamp> = self.judged_from.values().copied().collect();
        let mut rest = missed;
        for begin in begins {
            let (before, after) = rest.split_at(rest.partition_point(|at| *at < begin));
            if !before.is_empty() {
                let mut judged = histories.clone();
                judged.retain(|stream, _| {
                    self.judged_from
                        .get(stream)
                        .is_none_or(|from| *from < begin)
                });
                transitions.extend(self.evaluate_instants(log, &judged, before));
            }
            rest = after;
        }
        let all = [rest, &present].concat();
        transitions.extend(self.evaluate_instants(log, histories, &all));
        if over {
            let notified = log.uninhibit(&self.policy, &kept, &transitions, now);
            transitions.extend(notified);
        }
        transitions.sort_by_key(|t| t.at);
        transitions
    }

    /// Returns the transitions at each of `instants`, in order.
    fn evaluate_instants(
        &mut self,
        log: &mut IncidentLog,
        histories: &BTreeMap<StreamId, History>,
        instants: &[Timestamp],
    ) -> Vec<Transition> {
        let together = self.joined_streams(log.server(), histories);
        let mut transitions = Vec::new();
        for at in instants {
            transitions.extend(self.evaluate_at(log, histories, &together, *at));
        }
        transitions
    }

    /// Returns what the ends of mutes release after a cycle at `now`.
    pub fn end_mutes(&self, log: &mut IncidentLog, now: Timestamp) -> MuteEnd {
        log.end_mutes(&self.policy, now)
    }
}
