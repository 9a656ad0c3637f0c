//! Store to incidents: every instant that is to be judged, in order, and one transaction with what came of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::App;
use crate::app::poll::Polled;
use crate::config::ServerConfig;
use crate::decide::Book;
use crate::detect::Sight;
use crate::evaluate::{Walk, began_and_ended, quiet_reminders};
use crate::message::alert::alert;
use crate::message::course::{catch_up, course};
use crate::message::{Message, Tone};
use crate::model::{
    DAY, HOUR, History, Incident, Rules, ServerName, Span, Step, StreamId, Timestamp, Transition,
};
use crate::store::{self, Backend, Judgement, NewMessage};

/// Instants that a gap is judged at, at most; a longer gap is judged at every so many of them.
const MOST_INSTANTS: usize = 1_500;

/// Incidents that one catch-up message has room for.
const TOLD_TOGETHER: usize = 18;

/// What the judging of one server came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
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
}

/// What the evaluation of a whole cycle came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Evaluation {
    /// Steps with their texts.
    pub transitions: Vec<(Transition, String)>,
    /// Open incidents.
    pub open: Vec<Incident>,
}

impl App {
    /// Judges every polled server and commits what came of it.
    pub(super) async fn evaluate(
        &self,
        polled: &[Polled],
        now: Timestamp,
    ) -> Result<Evaluation, store::Error> {
        let series = self.store.call(|s| s.series()).await?;
        let mut judged = Vec::new();
        for poll in polled {
            let server = self.config.servers.iter().find(|s| s.name == poll.name);
            if let Some(server) = server {
                judged.push(self.walk(server, poll, series, now).await?);
            }
        }
        let (judgement, evaluation) = self.judgement(polled, judged, now);
        for (transition, _) in &evaluation.transitions {
            tracing::info!(
                rule = %transition.incident.rule, server = %transition.incident.server, step = transition.step.name(),
                incident = transition.incident.id, told = transition.told, at = %transition.at, "incident"
            );
        }
        self.store.call(move |s| s.commit(&judgement)).await?;
        Ok(evaluation)
    }

    async fn walk(
        &self,
        server: &ServerConfig,
        poll: &Polled,
        series: usize,
        now: Timestamp,
    ) -> Result<Judged, store::Error> {
        let rules = self.config.rules_for(server);
        let name = poll.name.clone();
        let incidents = self.store.call(move |s| s.incidents(&name)).await?;
        let mut book = Book::new(poll.name.clone(), incidents.clone());
        let missed = self.missed_instants(poll, now);
        let histories = self.histories(poll, &rules, &missed, now).await?;
        let mut walk = Walk::new(self.policy(), rules, series);
        let mut transitions = walk.cycle(&mut book, &poll.sight, &histories, &missed, now);
        quiet_reminders(&mut transitions, &incidents);
        let seen_until = poll
            .before
            .last_complete_at
            .unwrap_or(poll.before.first_start_at);
        let mut unseen = Vec::new();
        if matches!(poll.sight, Sight::Complete) {
            for (stream, history) in histories.iter().filter(|(_, h)| !h.hours.is_empty()) {
                let gap = history.since_beginning(Span::new(seen_until, now));
                let holes = history.messages.holes(gap);
                unseen.extend(holes.into_iter().map(|hole| (stream.clone(), hole)));
            }
        }
        Ok(Judged {
            name: poll.name.to_string(),
            incidents: book.incidents().cloned().collect(),
            transitions,
            channel: server.channel.clone().unwrap_or_default(),
            seen_until,
            unseen,
        })
    }

    /// The instants to judge before now: those of the schedule since the last complete cycle, once this one is complete.
    fn missed_instants(&self, poll: &Polled, now: Timestamp) -> Vec<Timestamp> {
        let missed = match (&poll.sight, poll.before.last_complete_at) {
            (Sight::Complete, Some(last)) => self.config.schedule.instants(last, now),
            // A first complete cycle after a start that saw nothing catches up with that start.
            (Sight::Complete, None) => self
                .config
                .schedule
                .instants(poll.before.first_start_at, now),
            _ => Vec::new(),
        };
        let every = missed.len() / MOST_INSTANTS + 1;
        missed.into_iter().step_by(every).collect()
    }

    async fn histories(
        &self,
        poll: &Polled,
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
            let (name, id, cuts) = (poll.name.clone(), stream.clone(), cuts.clone());
            let history = self
                .store
                .call(move |s| history_with_tags(s, &name, &id, range, &cuts))
                .await?;
            histories.insert(stream.clone(), history);
        }
        Ok(histories)
    }

    /// Gathers what is committed together: states, steps with their frozen texts, and the messages of what is told.
    fn judgement(
        &self,
        polled: &[Polled],
        judged: Vec<Judged>,
        now: Timestamp,
    ) -> (Judgement, Evaluation) {
        let style = self.style();
        let mut judgement = Judgement {
            servers: polled
                .iter()
                .map(|p| (p.name.clone(), p.state.clone(), p.row.clone()))
                .collect(),
            ..Judgement::default()
        };
        let mut evaluation = Evaluation::default();
        let mut hidden: Vec<Incident> = Vec::new();
        let mut unseen: Vec<(String, Span)> = Vec::new();
        let mut gap_from = now;
        let mut alerts = Vec::new();
        for server in judged {
            evaluation
                .open
                .extend(server.incidents.iter().filter(|i| i.is_open()).cloned());
            let transitions = server.transitions;
            let ended: Vec<Incident> = began_and_ended(&transitions, &server.incidents, now);
            if !ended.is_empty() || !server.unseen.is_empty() {
                gap_from = gap_from.min(server.seen_until);
            }
            for (stream, hole) in &server.unseen {
                unseen.push((format!("{}/{stream}", server.name), *hole));
            }
            for incident in &ended {
                hidden.extend(
                    transitions
                        .iter()
                        .any(|t| t.told && t.incident.id == incident.id)
                        .then(|| {
                            // What it was when it was worst, as it opened.
                            let opened = transitions.iter().find(|t| t.incident.id == incident.id);
                            Incident {
                                evidence: opened.map_or_else(
                                    || incident.evidence.clone(),
                                    |t| t.incident.evidence.clone(),
                                ),
                                ..incident.clone()
                            }
                        }),
                );
            }
            let mut by_incident: BTreeMap<String, Vec<&Transition>> = BTreeMap::new();
            let alone = |t: &&Transition| t.told && !ended.iter().any(|e| e.id == t.incident.id);
            for transition in transitions.iter().filter(alone) {
                by_incident
                    .entry(transition.incident.id.clone())
                    .or_default()
                    .push(transition);
            }
            for (incident, steps) in by_incident {
                let over = steps.last().is_some_and(|t| t.step == Step::Resolved);
                let severity = steps.last().map(|t| t.incident.severity);
                let message = course(&steps, style);
                alerts.extend(message.map(|m| {
                    let told = new_message("alert", Some(incident), &server.channel, &m);
                    ((over, Reverse(severity)), told)
                }));
            }
            for transition in transitions {
                let text = alert(&transition, style).to_text();
                evaluation.transitions.push((transition, text));
            }
            judgement.incidents.extend(server.incidents);
        }
        // What stands before what is over, and what wakes before what warns.
        alerts.sort_by_key(|(urgency, _)| *urgency);
        let alerts = alerts.into_iter().map(|(_, message)| message);
        judgement.messages.extend(alerts);
        let parts = hidden.len().max(unseen.len()).div_ceil(TOLD_TOGETHER);
        let (mut hidden, mut unseen) = (hidden.chunks(TOLD_TOGETHER), unseen.chunks(TOLD_TOGETHER));
        for _ in 0..parts {
            let told = (hidden.next().unwrap_or(&[]), unseen.next().unwrap_or(&[]));
            let message = catch_up(told.0, told.1, Span::new(gap_from, now), style);
            judgement
                .messages
                .push(new_message("catch_up", None, "", &message));
        }
        judgement.transitions.clone_from(&evaluation.transitions);
        (judgement, evaluation)
    }
}

/// What is known of a stream and of each of its tags.
pub(super) fn history_with_tags(
    store: &mut dyn Backend,
    server: &ServerName,
    stream: &StreamId,
    range: Span,
    cuts: &[Timestamp],
) -> Result<History, store::Error> {
    let mut history = store.history(server, stream, range, cuts)?;
    for (tag, (hours, sent)) in store.tags(server, stream, range, cuts)? {
        history.tags.insert(tag, history.of_tag(hours, sent));
    }
    Ok(history)
}

/// A message as the outbox keeps it.
pub(super) fn new_message(
    kind: &str,
    incident: Option<String>,
    channel: &str,
    message: &Message,
) -> NewMessage {
    NewMessage {
        kind: kind.to_owned(),
        incident,
        channel: channel.to_owned(),
        text: message.to_text(),
        body: serde_json::to_string(message).unwrap_or_default(),
    }
}

/// A message as it was frozen; one that cannot be read is told by its text.
pub(super) fn frozen(message: &NewMessage) -> Message {
    serde_json::from_str(&message.body).unwrap_or_else(|_| {
        let mut lines = message.text.lines().map(str::to_owned);
        let headline = lines.next().unwrap_or_default();
        Message::new(Tone::Info, &headline, lines, "")
    })
}
