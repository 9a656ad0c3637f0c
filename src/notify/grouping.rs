//! Grouping: which messages the transitions of a cycle become, on which channel and in which order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Incident, Rule, Severity, Span, Step, StreamId, Timestamp, Transition};
use crate::notify::Message;
use crate::notify::alert::Style;
use crate::notify::catch_up::catch_up;
use crate::notify::grouped::grouped_messages;
use crate::notify::mute_ended::mute_ended_messages;
use crate::notify::update::incident_update;

/// The maximum number of incidents that one catch-up message names.
const MAX_INCIDENTS_PER_CATCH_UP: usize = 18;
/// From this number on, the same step of the same rule in different places is one message.
const GROUP_THRESHOLD: usize = 4;

/// What one cycle has to report of one server.
#[derive(Clone, Debug)]
pub struct ServerUpdates<'a> {
    pub server: &'a str,
    /// Where its messages go; empty for the configured channel.
    pub channel: &'a str,
    /// The transitions of this cycle, in order of their instants.
    pub transitions: &'a [Transition],
    /// Its incidents as they are now.
    pub incidents: &'a [Incident],
    /// The incidents that opened and were resolved before this cycle could report them.
    pub missed: Vec<Incident>,
    /// Up to when the server was seen before this cycle.
    pub seen_until: Timestamp,
    /// The spans since then whose messages Postmark no longer has.
    pub unseen: &'a [(StreamId, Span)],
    /// The transitions of open incidents that the end of a mute reports.
    pub unmuted_open: &'a [Transition],
    /// The incidents that were resolved while they were muted.
    pub unmuted_resolved: &'a [Incident],
}

/// A message with its channel and the incidents that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMessage {
    /// Where it goes; empty for the configured channel.
    pub channel: String,
    /// The incident that it is about, where it is about a single one.
    pub incident: Option<String>,
    /// The ids of all incidents that it names, in order.
    pub incidents: Vec<String>,
    pub message: Message,
}

/// The messages of one cycle, in the order in which they are sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CycleMessages {
    /// Steps of incidents, and what the ends of mutes report.
    pub alerts: Vec<ChannelMessage>,
    /// What opened and was resolved while no cycle ran.
    pub catch_ups: Vec<ChannelMessage>,
}

/// Returns the messages that report `servers`: open incidents before resolved ones, and higher severities before lower ones.
pub fn group_messages(
    servers: &[ServerUpdates<'_>],
    now: Timestamp,
    style: Style,
) -> CycleMessages {
    let mut missed = MissedIncidents::default();
    let mut updates = Vec::new();
    for server in servers {
        missed.add(server);
        updates.extend(incident_updates(server, now));
    }
    let mut alerts = update_messages(updates, style);
    alerts.extend(mute_end_messages(servers, now, style));
    CycleMessages {
        alerts,
        catch_ups: missed.messages(now, style),
    }
}

/// The transitions of one incident that are reported in this cycle.
struct IncidentUpdate<'t> {
    channel: &'t str,
    transitions: Vec<&'t Transition>,
    /// The last of them, with the figures of now.
    shown: Transition,
}

/// The order of messages: what is open comes first, then the higher severity.
type Priority = (bool, Reverse<Severity>);

fn priority(last: &Transition) -> Priority {
    let is_resolved = last.step == Step::Resolved;
    (is_resolved, Reverse(last.incident.severity))
}

/// What happened while no cycle could see it.
#[derive(Default)]
struct MissedIncidents {
    incidents: Vec<Incident>,
    unseen: Vec<(String, Span)>,
    from: Option<Timestamp>,
}

impl MissedIncidents {
    fn add(&mut self, server: &ServerUpdates<'_>) {
        if !server.missed.is_empty() || !server.unseen.is_empty() {
            let from = self.from.unwrap_or(Timestamp::MAX);
            self.from = Some(from.min(server.seen_until));
        }
        for (stream, hole) in server.unseen {
            let place = format!("{}/{stream}", server.server);
            self.unseen.push((place, *hole));
        }
        for incident in &server.missed {
            let mut steps = server
                .transitions
                .iter()
                .filter(|t| t.incident.id == incident.id);
            // The evidence of the opening: what it was when it was worst.
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

    fn messages(&self, now: Timestamp, style: Style) -> Vec<ChannelMessage> {
        let gap = Span::new(self.from.unwrap_or(now), now);
        let parts = self.incidents.len().max(self.unseen.len());
        let mut incidents = self.incidents.chunks(MAX_INCIDENTS_PER_CATCH_UP);
        let mut unseen = self.unseen.chunks(MAX_INCIDENTS_PER_CATCH_UP);
        (0..parts.div_ceil(MAX_INCIDENTS_PER_CATCH_UP))
            .map(|_| {
                let incidents = incidents.next().unwrap_or(&[]);
                let message = catch_up(incidents, unseen.next().unwrap_or(&[]), gap, style);
                naming("", message, incidents)
            })
            .collect()
    }
}

/// Returns what each incident has to report that is neither in the catch-up nor in the end of a mute.
fn incident_updates<'s>(server: &ServerUpdates<'s>, now: Timestamp) -> Vec<IncidentUpdate<'s>> {
    let mut by_incident: BTreeMap<&str, Vec<&Transition>> = BTreeMap::new();
    for transition in server.transitions.iter().filter(|t| t.notified) {
        let id = transition.incident.id.as_str();
        let is_unmuted = server.unmuted_open.contains(transition);
        if !is_unmuted && !server.missed.iter().any(|missed| missed.id == id) {
            by_incident.entry(id).or_default().push(transition);
        }
    }
    by_incident
        .into_values()
        .filter_map(|transitions| {
            Some(IncidentUpdate {
                channel: server.channel,
                shown: as_of_now(transitions.last()?, server.incidents, now),
                transitions,
            })
        })
        .collect()
}

/// Returns a step of an instant that was missed with its incident as it is now, where that is still open: nobody is told at
/// 23:00 how long no mail had been sent at 17:00.
fn as_of_now(step: &Transition, incidents: &[Incident], now: Timestamp) -> Transition {
    let is_same = |i: &&Incident| i.id == step.incident.id && i.is_open();
    match incidents.iter().find(is_same) {
        Some(incident) if step.at < now && step.step != Step::Resolved => Transition {
            at: now,
            incident: incident.clone(),
            ..step.clone()
        },
        _ => step.clone(),
    }
}

/// Returns the messages that report what ended mutes had held back, for each channel.
fn mute_end_messages(
    servers: &[ServerUpdates<'_>],
    now: Timestamp,
    style: Style,
) -> Vec<ChannelMessage> {
    let mut by_channel: BTreeMap<&str, (Vec<Incident>, Vec<Incident>)> = BTreeMap::new();
    for server in servers {
        if server.unmuted_open.is_empty() && server.unmuted_resolved.is_empty() {
            continue;
        }
        let (open, resolved) = by_channel.entry(server.channel).or_default();
        open.extend(server.unmuted_open.iter().map(|t| t.incident.clone()));
        resolved.extend_from_slice(server.unmuted_resolved);
    }
    let mut messages = Vec::new();
    for (channel, (mut open, resolved)) in by_channel {
        open.sort_by_key(|incident| Reverse(incident.severity));
        let parts = mute_ended_messages(&open, &resolved, now, style).into_iter();
        messages.extend(parts.map(|m| naming(channel, m, open.iter().chain(&resolved))));
    }
    messages
}

/// Returns one message for each incident, or one for many where they took the same step.
fn update_messages(updates: Vec<IncidentUpdate<'_>>, style: Style) -> Vec<ChannelMessage> {
    let mut groups: BTreeMap<(&str, Rule, &str, bool, Severity), Vec<IncidentUpdate<'_>>> =
        BTreeMap::new();
    let mut messages: Vec<(Priority, ChannelMessage)> = Vec::new();
    for update in updates {
        if update.transitions.len() > 1 {
            messages.push(single_message(&update, style));
            continue;
        }
        let incident = &update.shown.incident;
        let key = (
            update.channel,
            incident.rule,
            update.shown.step.name(),
            incident.is_unwatched(),
            incident.severity,
        );
        groups.entry(key).or_default().push(update);
    }
    for group in groups.into_values() {
        if group.len() < GROUP_THRESHOLD {
            messages.extend(group.iter().map(|one| single_message(one, style)));
            continue;
        }
        let all: Vec<&Transition> = group.iter().map(|update| &update.shown).collect();
        let (priority, channel) = (priority(all[0]), group[0].channel);
        let incidents = || all.iter().map(|transition| &transition.incident);
        let parts = grouped_messages(&all, style).into_iter();
        messages.extend(parts.map(|m| (priority, naming(channel, m, incidents()))));
    }
    messages.sort_by_key(|(priority, _)| *priority);
    messages.into_iter().map(|(_, message)| message).collect()
}

fn single_message(update: &IncidentUpdate<'_>, style: Style) -> (Priority, ChannelMessage) {
    let id = &update.shown.incident.id;
    let message = ChannelMessage {
        channel: update.channel.to_owned(),
        incident: Some(id.clone()),
        incidents: vec![id.clone()],
        message: incident_update(&update.transitions, &update.shown, style),
    };
    (priority(&update.shown), message)
}

fn naming<'i>(
    channel: &str,
    message: Message,
    incidents: impl IntoIterator<Item = &'i Incident>,
) -> ChannelMessage {
    ChannelMessage {
        channel: channel.to_owned(),
        incident: None,
        incidents: named_incidents(&message, incidents),
        message,
    }
}

/// Returns the ids of those of `incidents` that `message` names, in order.
pub fn named_incidents<'i>(
    message: &Message,
    incidents: impl IntoIterator<Item = &'i Incident>,
) -> Vec<String> {
    let text = message.to_text();
    let ids = incidents.into_iter().map(|incident| incident.id.as_str());
    let named: BTreeSet<&str> = ids.filter(|id| text.contains(id)).collect();
    named.into_iter().map(str::to_owned).collect()
}
