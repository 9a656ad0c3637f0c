//! What was judged, gathered: states, steps with their frozen texts, and the messages of what is told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::cycle::Context;
use crate::cycle::evaluate::{Evaluation, Judged};
use crate::cycle::poll::outcome::PollOutcome;
use crate::evaluate::opened_and_resolved;
use crate::model::{Incident, Rule, Severity, Span, Step, Timestamp, Transition};
use crate::notify::alert::{Style, alert};
use crate::notify::catch_up::catch_up;
use crate::notify::grouped::grouped_messages;
use crate::notify::mute_ended::mute_ended_messages;
use crate::notify::update::incident_update;
use crate::notify::{Level, Message};
use crate::store::{CycleCommit, MessageKind, NewMessage};

/// Incidents that one catch-up message has room for.
const TOLD_TOGETHER: usize = 18;
/// The same step of the same rule in so many places is one message.
const MANY: usize = 4;

/// Messages of one cycle, the most urgent first.
type Urgency = (bool, Reverse<Severity>);

/// What one incident has to tell now.
struct Told<'t> {
    channel: &'t str,
    steps: Vec<&'t Transition>,
}

/// What a gap hid.
#[derive(Default)]
struct Hidden {
    incidents: Vec<Incident>,
    unseen: Vec<(String, Span)>,
    from: Option<Timestamp>,
}

impl Context {
    /// Gathers what is committed together.
    pub(crate) fn judgement(
        &self,
        polled: &[PollOutcome],
        judged: Vec<Judged>,
        now: Timestamp,
    ) -> (CycleCommit, Evaluation) {
        let style = self.style();
        let mut judgement = CycleCommit {
            servers: polled
                .iter()
                .map(|p| (p.name().clone(), p.state.clone(), p.record.clone()))
                .collect(),
            ..CycleCommit::default()
        };
        let mut evaluation = Evaluation::default();
        let mut hidden = Hidden::default();
        let mut told = Vec::new();
        for server in &judged {
            let ended = opened_and_resolved(&server.transitions, &server.incidents, now);
            hidden.take(server, &ended);
            told.extend(alone(server, &ended));
        }
        judgement.messages = messages(told, style);
        judgement
            .messages
            .extend(no_longer_muted(&judged, now, style));
        judgement.messages.extend(hidden.messages(now, style));
        for server in judged {
            let open = server.incidents.iter().filter(|i| i.is_open());
            evaluation.open.extend(open.cloned());
            for transition in server.transitions {
                let text = alert(&transition, style).to_text();
                evaluation.transitions.push((transition, text));
            }
            judgement.incidents.extend(server.incidents);
        }
        judgement.transitions.clone_from(&evaluation.transitions);
        (judgement, evaluation)
    }
}

impl Hidden {
    fn take(&mut self, server: &Judged, ended: &[Incident]) {
        if !ended.is_empty() || !server.unseen.is_empty() {
            let from = self.from.unwrap_or(Timestamp::MAX);
            self.from = Some(from.min(server.seen_until));
        }
        for (stream, hole) in &server.unseen {
            let place = format!("{}/{stream}", server.name);
            self.unseen.push((place, *hole));
        }
        for incident in ended {
            let mut steps = server
                .transitions
                .iter()
                .filter(|t| t.incident.id == incident.id);
            // What it was when it was worst, as it opened.
            let opened = steps.clone().next();
            if steps.any(|t| t.notified) {
                self.incidents.push(Incident {
                    evidence: opened.map_or_else(
                        || incident.evidence.clone(),
                        |t| t.incident.evidence.clone(),
                    ),
                    ..incident.clone()
                });
            }
        }
    }

    fn messages(&self, now: Timestamp, style: Style) -> Vec<NewMessage> {
        let gap = Span::new(self.from.unwrap_or(now), now);
        let parts = self.incidents.len().max(self.unseen.len());
        let mut incidents = self.incidents.chunks(TOLD_TOGETHER);
        let mut unseen = self.unseen.chunks(TOLD_TOGETHER);
        (0..parts.div_ceil(TOLD_TOGETHER))
            .map(|_| {
                let (incidents, unseen) = (incidents.next(), unseen.next());
                let told = catch_up(incidents.unwrap_or(&[]), unseen.unwrap_or(&[]), gap, style);
                let ids = named_in(&told, incidents.unwrap_or(&[]));
                new_message(MessageKind::CatchUp, None, "", &told).naming(ids)
            })
            .collect()
    }
}

/// What each incident tells that a gap did not hide.
fn alone<'j>(server: &'j Judged, ended: &[Incident]) -> Vec<Told<'j>> {
    let mut by_incident: BTreeMap<&str, Vec<&Transition>> = BTreeMap::new();
    for transition in server.transitions.iter().filter(|t| t.notified) {
        let id = transition.incident.id.as_str();
        let unmuted = server.unmuted.open.contains(transition);
        if !unmuted && !ended.iter().any(|e| e.id == id) {
            by_incident.entry(id).or_default().push(transition);
        }
    }
    by_incident
        .into_values()
        .map(|steps| Told {
            channel: &server.channel,
            steps,
        })
        .collect()
}

/// One message to each channel of what mutes kept back there.
fn no_longer_muted(judged: &[Judged], now: Timestamp, style: Style) -> Vec<NewMessage> {
    let mut by_channel: BTreeMap<&str, (Vec<Incident>, Vec<Incident>)> = BTreeMap::new();
    for server in judged {
        let unmuted = &server.unmuted;
        if unmuted.open.is_empty() && unmuted.resolved.is_empty() {
            continue;
        }
        let (standing, over) = by_channel.entry(&server.channel).or_default();
        standing.extend(unmuted.open.iter().map(|t| t.incident.clone()));
        over.extend_from_slice(&unmuted.resolved);
    }
    let mut messages = Vec::new();
    for (channel, (mut standing, over)) in by_channel {
        standing.sort_by_key(|incident| Reverse(incident.severity));
        let told = mute_ended_messages(&standing, &over, now, style);
        messages.extend(told.iter().map(|m| {
            let ids = named_in(m, standing.iter().chain(&over));
            new_message(MessageKind::Alert, None, channel, m).naming(ids)
        }));
    }
    messages
}

/// The messages of a cycle: what stands before what is over, and what wakes before what warns.
fn messages(told: Vec<Told<'_>>, style: Style) -> Vec<NewMessage> {
    let mut groups: BTreeMap<(&str, Rule, &str, bool, Severity), Vec<Told<'_>>> = BTreeMap::new();
    let mut messages: Vec<(Urgency, NewMessage)> = Vec::new();
    for one in told {
        match one.steps.as_slice() {
            [step] => {
                let incident = &step.incident;
                let kind = (
                    one.channel,
                    incident.rule,
                    step.step.name(),
                    incident.is_unwatched(),
                    incident.severity,
                );
                groups.entry(kind).or_default().push(one);
            }
            _ => messages.extend(by_itself(&one, style)),
        }
    }
    for group in groups.into_values() {
        if group.len() < MANY {
            messages.extend(group.iter().filter_map(|one| by_itself(one, style)));
            continue;
        }
        let steps: Vec<&Transition> = group.iter().flat_map(|one| one.steps.clone()).collect();
        let (urgency, channel) = (urgency(steps[0]), group[0].channel);
        let together = grouped_messages(&steps, style);
        messages.extend(together.iter().map(|m| {
            let ids = named_in(m, steps.iter().map(|step| &step.incident));
            let message = new_message(MessageKind::Alert, None, channel, m).naming(ids);
            (urgency, message)
        }));
    }
    messages.sort_by_key(|(urgency, _)| *urgency);
    messages.into_iter().map(|(_, message)| message).collect()
}

fn by_itself(told: &Told<'_>, style: Style) -> Option<(Urgency, NewMessage)> {
    let last = told.steps.last()?;
    let message = incident_update(&told.steps, style)?;
    let incident = Some(last.incident.id.clone());
    Some((
        urgency(last),
        new_message(MessageKind::Alert, incident, told.channel, &message),
    ))
}

fn urgency(step: &Transition) -> Urgency {
    (step.step == Step::Resolved, Reverse(step.incident.severity))
}

/// Returns the ids of those of `incidents` that `message` names.
pub(crate) fn named_in<'i>(
    message: &Message,
    incidents: impl IntoIterator<Item = &'i Incident>,
) -> Vec<String> {
    let text = message.to_text();
    let ids = incidents.into_iter().map(|incident| incident.id.as_str());
    let named: BTreeSet<&str> = ids.filter(|id| text.contains(id)).collect();
    named.into_iter().map(str::to_owned).collect()
}

/// A message as the outbox keeps it.
pub(crate) fn new_message(
    kind: MessageKind,
    incident: Option<String>,
    channel: &str,
    message: &Message,
) -> NewMessage {
    NewMessage {
        kind,
        incidents: incident.iter().cloned().collect(),
        incident,
        channel: channel.to_owned(),
        text: message.to_text(),
        body: serde_json::to_string(message).unwrap_or_default(),
    }
}

/// A message as it was frozen; one that cannot be read is told by its text.
pub(crate) fn frozen(message: &NewMessage) -> Message {
    serde_json::from_str(&message.body).unwrap_or_else(|_| {
        let mut lines = message.text.lines().map(str::to_owned);
        let headline = lines.next().unwrap_or_default();
        Message::new(Level::Info, &headline, lines, "")
    })
}
