//! Store to incidents: every instant that is to be judged, in order, and one transaction with what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::App;
use crate::app::poll::Polled;
use crate::config::ServerConfig;
use crate::decide::{Book, Key};
use crate::detect;
use crate::message::alert::alert;
use crate::message::course::{catch_up, course};
use crate::message::{Message, Tone};
use crate::model::{
    DAY, HOUR, History, Incident, Rules, Span, Step, StreamId, Timestamp, Transition,
};
use crate::store::{self, Judgement, NewMessage};

/// Instants that a gap is judged at, at most; a longer gap is judged at every so many of them.
const MOST_INSTANTS: usize = 1_500;

/// What the judging of one server came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    /// Incidents as they are now.
    pub incidents: Vec<Incident>,
    /// Steps, in order of their instants.
    pub transitions: Vec<Transition>,
    /// Where its messages go.
    pub channel: String,
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
        let series = polled.iter().map(|p| p.streams.len()).sum();
        let mut judged = Vec::new();
        for poll in polled {
            let server = self.config.servers.iter().find(|s| s.name == poll.name);
            if let Some(server) = server {
                judged.push(self.judge_server(server, poll, series, now).await?);
            }
        }
        let gap_from = polled
            .iter()
            .filter_map(|p| p.before.last_complete_at)
            .min()
            .unwrap_or(now);
        let (judgement, evaluation) = self.judgement(polled, judged, gap_from, now);
        for (transition, _) in &evaluation.transitions {
            tracing::info!(
                rule = %transition.incident.rule, server = %transition.incident.server, step = transition.step.name(),
                incident = transition.incident.id, told = transition.told, at = %transition.at, "incident"
            );
        }
        self.store.call(move |s| s.commit(&judgement)).await?;
        Ok(evaluation)
    }

    async fn judge_server(
        &self,
        server: &ServerConfig,
        poll: &Polled,
        series: usize,
        now: Timestamp,
    ) -> Result<Judged, store::Error> {
        let policy = self.policy();
        let rules = self.config.rules_for(server);
        let name = poll.name.clone();
        let incidents = self.store.call(move |s| s.incidents(&name)).await?;
        let mut book = Book::new(poll.name.clone(), incidents);
        let instants = self.instants(poll, now);
        let histories = self.histories(poll, &rules, &instants).await?;

        // The server's own rules come first: what a gap hid is judged as seen now, no longer blind.
        let mut kept: Vec<Key> = Vec::new();
        let findings = detect::judge_server(&poll.sight, now);
        for finding in &findings {
            kept.extend(book.kept_back(finding.rule, None));
        }
        let mut transitions = book.weigh(&policy, findings, now);
        let over = transitions.iter().any(|t| t.step == Step::Resolved);
        for at in &instants {
            let findings = histories
                .iter()
                .flat_map(|(id, h)| detect::judge(h, id, *at, &rules, series))
                .collect();
            transitions.extend(book.weigh(&policy, findings, *at));
        }
        if over {
            let told = book.release(&policy, &kept, &transitions, now);
            transitions.extend(told);
        }
        transitions.sort_by_key(|t| t.at);
        Ok(Judged {
            incidents: book.incidents().cloned().collect(),
            transitions,
            channel: server.channel.clone().unwrap_or_default(),
        })
    }

    /// The instants to judge: those of the schedule since the last complete cycle, once this one is complete, then now.
    fn instants(&self, poll: &Polled, now: Timestamp) -> Vec<Timestamp> {
        let missed = match (&poll.sight, poll.before.last_complete_at) {
            (detect::Sight::Complete, Some(last)) => self.config.schedule.instants(last, now),
            // A first complete cycle after a start that saw nothing catches up with that start.
            (detect::Sight::Complete, None) => self
                .config
                .schedule
                .instants(poll.before.first_start_at, now),
            _ => Vec::new(),
        };
        let every = missed.len() / MOST_INSTANTS + 1;
        missed.into_iter().step_by(every).chain([now]).collect()
    }

    async fn histories(
        &self,
        poll: &Polled,
        rules: &Rules,
        instants: &[Timestamp],
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
        let (first, last) = (instants[0], instants[instants.len() - 1]);
        let range = Span::new(first - longest, last);
        let cuts: Vec<Timestamp> = instants
            .iter()
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
                .call(move |s| s.history(&name, &id, range, &cuts))
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
        gap_from: Timestamp,
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
        for server in judged {
            evaluation
                .open
                .extend(server.incidents.iter().filter(|i| i.is_open()).cloned());
            let mut transitions = server.transitions;
            let ended: Vec<Incident> = began_and_ended(&transitions, &server.incidents, now);
            quiet_reminders(&mut transitions, now);
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
                let message = course(&steps, style);
                judgement.messages.extend(
                    message.map(|m| new_message("alert", Some(incident), &server.channel, &m)),
                );
            }
            for transition in transitions {
                let text = alert(&transition, style).to_text();
                evaluation.transitions.push((transition, text));
            }
            judgement.incidents.extend(server.incidents);
        }
        if !hidden.is_empty() {
            let message = catch_up(&hidden, gap_from, now, style);
            judgement
                .messages
                .push(new_message("catch_up", None, "", &message));
        }
        judgement.transitions.clone_from(&evaluation.transitions);
        (judgement, evaluation)
    }
}

/// Incidents that opened at an instant before `now` and are over by now: only the catch-up tells of them.
fn began_and_ended(
    transitions: &[Transition],
    incidents: &[Incident],
    now: Timestamp,
) -> Vec<Incident> {
    let opened = |t: &&Transition| t.step == Step::Opened && t.at < now;
    let mut ended: Vec<Incident> = Vec::new();
    for transition in transitions.iter().filter(opened) {
        let id = &transition.incident.id;
        let resolved = transitions
            .iter()
            .rev()
            .find(|t| t.incident.id == *id && t.step == Step::Resolved);
        let still_open = incidents.iter().any(|i| i.id == *id && i.is_open());
        if let Some(resolved) =
            resolved.filter(|_| !still_open && !ended.iter().any(|e| e.id == *id))
        {
            ended.push(resolved.incident.clone());
        }
    }
    ended
}

/// Reminders of instants that are past remind nobody.
fn quiet_reminders(transitions: &mut [Transition], now: Timestamp) {
    for transition in transitions
        .iter_mut()
        .filter(|t| t.step == Step::Reminded && t.at < now)
    {
        let first_told = transition.incident.quiet_until.is_some();
        transition.told &= first_told;
    }
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
