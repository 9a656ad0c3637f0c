//! Store to incidents: every instant that is to be judged, in order, and one transaction with what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cycle::Context;
use crate::cycle::lease::Leases;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::servers::watched_servers;
use crate::decide::{IncidentLog, MuteEnd, Policy};
use crate::detect::PollHealth;
use crate::evaluate::{Evaluator, drop_superseded_reminders};
use crate::model::{
    DAY, HOUR, History, Incident, Mute, Rules, ServerName, Span, StreamId, StreamKey, Timestamp,
    Transition,
};
use crate::store;

/// Instants that a gap is judged at, at most; a longer gap is judged at every so many of them.
const MOST_INSTANTS: usize = 1_500;

/// A server that the file no longer names may be another process's: it is given up when nobody polled it for so long.
const UNWATCHED_AFTER: Duration = DAY;

/// What the judging of one server came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    /// Which server.
    pub name: String,
    /// Incidents as they are now.
    pub incidents: Vec<Incident>,
    /// Steps, in order of their instants.
    pub transitions: Vec<Transition>,
    /// Where its messages go.
    pub channel: String,
    /// Up to when it was seen before this cycle.
    pub seen_until: Timestamp,
    /// What of the time since then Postmark has no more.
    pub unseen: Vec<(StreamId, Span)>,
    /// What the end of a mute tells of it.
    pub unmuted: MuteEnd,
}

/// What the evaluation of a whole cycle came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evaluation {
    /// Steps with their texts.
    pub transitions: Vec<(Transition, String)>,
    /// Open incidents.
    pub open: Vec<Incident>,
    /// What is muted.
    pub mutes: Vec<Mute>,
}

impl Context {
    /// Judges every polled server and commits what came of it.
    pub(crate) async fn evaluate(
        &self,
        polled: &[PollOutcome],
        leases: &Leases,
        now: Timestamp,
    ) -> Result<Evaluation, store::Error> {
        let series = self.store.call(|s| s.count_active_streams()).await?;
        let since = polled
            .iter()
            .flat_map(|poll| self.missed_instants(poll, now));
        let mutes = self.mutes_at(since.min().unwrap_or(now)).await?;
        let policy = self.policy(mutes.clone());
        let mut judged = Vec::new();
        for poll in polled {
            judged.push(self.walk(poll, policy.clone(), series, now).await?);
        }
        for name in self.abandoned(now).await? {
            if leases.take(&name).await?.is_ok() {
                judged.push(self.abandon(name, &policy, now).await?);
            }
        }
        let (mut judgement, mut evaluation) = self.judgement(polled, judged, now);
        for (transition, _) in &evaluation.transitions {
            tracing::info!(
                rule = %transition.incident.rule, server = %transition.incident.server, step = transition.step.name(),
                incident = transition.incident.id, told = transition.notified, at = %transition.at, "incident"
            );
        }
        evaluation.mutes = mutes;
        evaluation.mutes.retain(|mute| mute.runs_at(now));
        judgement.leases = leases.to_commit();
        self.store.call(move |s| s.commit(&judgement)).await?;
        Ok(evaluation)
    }

    async fn walk(
        &self,
        poll: &PollOutcome,
        policy: Policy,
        series: usize,
        now: Timestamp,
    ) -> Result<Judged, store::Error> {
        let rules = self.config.rules_for(&poll.server);
        let name = poll.name().clone();
        let incidents = self.store.call(move |s| s.latest_incidents(&name)).await?;
        let mut log = IncidentLog::new(poll.name().clone(), incidents.clone());
        let missed = self.missed_instants(poll, now);
        let histories = self.histories(poll, &rules, &missed, now).await?;
        let mut evaluator = Evaluator::new(policy, rules, series);
        let mut transitions =
            evaluator.evaluate_cycle(&mut log, &poll.health, &histories, &missed, now);
        let unmuted = evaluator.end_mutes(&mut log, now);
        transitions.extend(unmuted.open.iter().cloned());
        drop_superseded_reminders(&mut transitions, &incidents);
        let seen_until = poll
            .previous_state
            .last_complete_at
            .unwrap_or(poll.previous_state.first_start_at);
        let mut unseen = Vec::new();
        if matches!(poll.health, PollHealth::Complete) {
            for (stream, history) in histories.iter().filter(|(_, h)| !h.hours.is_empty()) {
                let gap = history.since_beginning(Span::new(seen_until, now));
                let holes = history.messages.holes(gap);
                unseen.extend(holes.into_iter().map(|hole| (stream.clone(), hole)));
            }
        }
        Ok(Judged {
            name: poll.name().to_string(),
            incidents: log.incidents().cloned().collect(),
            transitions,
            channel: poll.server.channel.clone().unwrap_or_default(),
            seen_until,
            unseen,
            unmuted,
        })
    }

    /// Servers with something to end or to tell that nobody watches: neither this process nor, for a while, another one.
    async fn abandoned(&self, now: Timestamp) -> Result<Vec<ServerName>, store::Error> {
        let watched = watched_servers(&self.config, &self.store).await?;
        let mut left = self
            .store
            .call(move |s| s.unwatched_servers(now - UNWATCHED_AFTER))
            .await?;
        left.retain(|name| watched.iter().all(|server| server.name != *name));
        Ok(left)
    }

    /// Ends what is open on a server that is not watched any more, and tells what a mute kept back of it.
    async fn abandon(
        &self,
        name: ServerName,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Judged, store::Error> {
        let of = name.clone();
        let incidents = self.store.call(move |s| s.latest_incidents(&of)).await?;
        let mut log = IncidentLog::new(name.clone(), incidents);
        let transitions = log.close_all(policy, now);
        let unmuted = log.end_mutes(policy, now);
        Ok(Judged {
            name: name.to_string(),
            incidents: log.incidents().cloned().collect(),
            transitions,
            seen_until: now,
            unmuted,
            ..Judged::default()
        })
    }

    /// The instants to judge before now: those of the schedule since the last complete cycle, once this one is complete.
    fn missed_instants(&self, poll: &PollOutcome, now: Timestamp) -> Vec<Timestamp> {
        let missed = match (&poll.health, poll.previous_state.last_complete_at) {
            (PollHealth::Complete, Some(last)) => self.config.schedule.instants(last, now),
            // A first complete cycle after a start that saw nothing catches up with that start.
            (PollHealth::Complete, None) => self
                .config
                .schedule
                .instants(poll.previous_state.first_start_at, now),
            _ => Vec::new(),
        };
        let every = missed.len() / MOST_INSTANTS + 1;
        missed.into_iter().step_by(every).collect()
    }

    async fn histories(
        &self,
        poll: &PollOutcome,
        rules: &Rules,
        missed: &[Timestamp],
        now: Timestamp,
    ) -> Result<BTreeMap<StreamId, History>, store::Error> {
        let windows = [
            rules.bounce_rate.window,
            rules.spam_rate.window,
            DAY,
            3 * HOUR,
            2 * HOUR,
            HOUR,
        ];
        let longest = windows.iter().max().copied().unwrap_or(DAY);
        let first = missed.first().copied().unwrap_or(now);
        let range = Span::new(first - longest, now);
        let cuts: Vec<Timestamp> = missed
            .iter()
            .chain([&now])
            .flat_map(|at| {
                windows
                    .iter()
                    .chain([&Duration::ZERO])
                    .map(move |w| *at - *w)
            })
            .collect();
        let mut histories = BTreeMap::new();
        for stream in &poll.streams {
            let (key, cuts) = (StreamKey::new(poll.name(), stream), cuts.clone());
            let history = self
                .store
                .call(move |s| s.history_with_tags(&key, range, &cuts))
                .await?;
            histories.insert(stream.clone(), history);
        }
        Ok(histories)
    }
}
