//! Grouping: which messages the transitions of a cycle become, on which channel and in which order.

mod silent_ends;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Incident, Rule, Severity, Span, Step, StreamId, Timestamp, Transition};
use crate::notify::Message;
use crate::notify::alert::Style;
use crate::notify::catch_up::catch_up;
use crate::notify::grouped::grouped_messages;
use crate::notify::live::{as_reported, live_group, live_message};
use crate::notify::mute_ended::mute_ended_messages;
use crate::notify::routing::{NotificationState, Route, Target, targets};
use crate::notify::telling::{Gap, Telling, TellingForm};
use crate::notify::update::incident_update;

pub use silent_ends::{is_silent_end, is_silent_turn};

/// The maximum number of incidents that one catch-up message names.
const MAX_INCIDENTS_PER_CATCH_UP: usize = 18;
/// From this number on, the same step of the same rule in different places is one message.
const GROUP_THRESHOLD: usize = 4;

/// What one cycle has to report of one server.
#[derive(Clone, Debug)]
pub struct ServerUpdates<'a> {
    pub server: &'a str,
    pub route: &'a Route,
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

/// A message with where it goes and the incidents that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMessage {
    pub target: Target,
    /// The incident that it is about, where it is about a single one.
    pub incident: Option<String>,
    /// The ids of all incidents that it names, in order.
    pub incidents: Vec<String>,
    pub message: Message,
    /// Whether later steps of its incidents edit it.
    pub opens_thread: bool,
    /// What the message of the thread says from then on; `None` where that is the same.
    pub live: Option<Message>,
    /// What it tells of each incident; `None` where it names none.
    pub telling: Option<Telling>,
}

/// The messages of one cycle, in the order in which they are sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CycleMessages {
    /// Steps of incidents, and what the ends of mutes report.
    pub alerts: Vec<ChannelMessage>,
    /// What opened and was resolved while no cycle ran.
    pub catch_ups: Vec<ChannelMessage>,
    /// Edits that tell nobody anything, of messages whose incidents ended without a notification.
    pub edits: Vec<ChannelMessage>,
}

/// Returns the messages that report `servers`: open incidents before resolved ones, and higher severities before lower ones.
pub fn group_messages(
    servers: &[ServerUpdates<'_>],
    notified: &NotificationState,
    now: Timestamp,
    style: Style,
) -> CycleMessages {
    let mut missed = MissedIncidents::default();
    let mut updates = Vec::new();
    for server in servers {
        missed.add(server);
        updates.extend(incident_updates(server, notified, now));
    }
    let writer = Writer {
        notified,
        servers,
        now,
        style,
    };
    let mut alerts = writer.update_messages(&updates);
    alerts.extend(writer.mute_end_messages());
    CycleMessages {
        alerts,
        catch_ups: missed.messages(now, style),
        edits: writer.silent_ends(),
    }
}

/// The transitions of one incident that are reported in this cycle, in one message.
#[derive(Clone)]
struct IncidentUpdate<'t> {
    target: Target,
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
                let unseen = unseen.next().unwrap_or(&[]);
                let message = catch_up(incidents, unseen, gap, style);
                let of = Gap {
                    span: gap,
                    unreadable: unseen.to_vec(),
                };
                let is_of_any = !incidents.is_empty();
                ChannelMessage {
                    telling: is_of_any.then(|| Telling::of_gap(incidents, of, now)),
                    ..naming(Target::default(), message, incidents)
                }
            })
            .collect()
    }
}

/// Returns what each incident has to report that is neither in the catch-up nor in the end of a mute.
fn incident_updates<'s>(
    server: &ServerUpdates<'s>,
    notified: &NotificationState,
    now: Timestamp,
) -> Vec<IncidentUpdate<'s>> {
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
            let mut shown = as_of_now(transitions.last()?, server.incidents, now);
            // Steps that are told together are all of them the first.
            shown.incident.first_told = transitions.iter().any(|t| t.incident.first_told);
            Some((transitions, shown))
        })
        .flat_map(|(transitions, shown)| {
            let steps: Vec<Step> = transitions.iter().map(|t| t.step).collect();
            let targets = targets(notified, server, &shown.incident, &steps).into_iter();
            targets.map(move |target| IncidentUpdate {
                target,
                transitions: transitions.clone(),
                shown: shown.clone(),
            })
        })
        .collect()
}

/// Returns a step of an instant that was missed as it is written now: with its incident as it is, where that is still open, since nobody
/// is told at 23:00 how long no mail had been sent at 17:00; and an end with the days of its times.
pub fn as_of_now(step: &Transition, incidents: &[Incident], now: Timestamp) -> Transition {
    if step.at >= now {
        return step.clone();
    }
    let is_same = |i: &&Incident| i.id == step.incident.id && i.is_open();
    let current = incidents.iter().find(is_same);
    let incident = match (step.step, current) {
        (Step::Resolved, _) => &step.incident,
        (_, Some(incident)) => incident,
        (_, None) => return step.clone(),
    };
    Transition {
        at: now,
        incident: Incident {
            first_told: step.incident.first_told,
            ..incident.clone()
        },
        ..step.clone()
    }
}

/// What the ends of mutes report in one message.
#[derive(Default)]
struct MuteEndGroup {
    target: Target,
    open: Vec<Incident>,
    resolved: Vec<Incident>,
}

/// What all messages of a cycle are written from.
struct Writer<'w> {
    notified: &'w NotificationState,
    servers: &'w [ServerUpdates<'w>],
    now: Timestamp,
    style: Style,
}

impl Writer<'_> {
    /// Returns the messages that report what ended mutes had held back, for each place.
    fn mute_end_messages(&self) -> Vec<ChannelMessage> {
        let mut by_place: BTreeMap<(String, Option<i64>), MuteEndGroup> = BTreeMap::new();
        for server in self.servers {
            let open = server.unmuted_open.iter().map(|t| (&t.incident, t.step));
            let resolved = server.unmuted_resolved.iter();
            let resolved = resolved.map(|incident| (incident, Step::Resolved));
            for (incident, step) in open.chain(resolved) {
                for target in targets(self.notified, server, incident, &[step]) {
                    let place = (target.channel.clone(), target.thread);
                    let group = by_place.entry(place).or_default();
                    let (broadcast, mention) = (group.target.broadcast, &group.target.mention);
                    group.target = Target {
                        broadcast: broadcast || target.broadcast,
                        mention: match mention.is_empty() {
                            true => target.mention,
                            false => mention.clone(),
                        },
                        ..target
                    };
                    match step {
                        Step::Resolved => group.resolved.push(incident.clone()),
                        _ => group.open.push(incident.clone()),
                    }
                }
            }
        }
        let mut messages = Vec::new();
        for group in by_place.into_values() {
            let (target, mut open, resolved) = (group.target, group.open, group.resolved);
            open.sort_by_key(|incident| Reverse(incident.severity));
            for message in mute_ended_messages(&open, &resolved, self.now, self.style) {
                let incidents = open.iter().chain(&resolved);
                let row = naming(target.clone(), message, incidents.clone());
                let steps: Vec<Transition> =
                    incidents.clone().map(|i| self.unreported_step(i)).collect();
                let row = row.telling(TellingForm::MuteEnd, &steps);
                messages.push(self.place(row, &incidents.collect::<Vec<_>>(), &[], None));
            }
        }
        messages
    }

    /// Returns one message for each incident, or one for many where they took the same step.
    fn update_messages(&self, updates: &[IncidentUpdate<'_>]) -> Vec<ChannelMessage> {
        type Step<'k> = (&'k Target, Rule, &'static str, bool, Severity);
        let mut groups: BTreeMap<Step<'_>, Vec<&IncidentUpdate<'_>>> = BTreeMap::new();
        let mut messages: Vec<(Priority, ChannelMessage)> = Vec::new();
        for update in updates {
            if update.transitions.len() > 1 {
                messages.push(self.single_message(update));
                continue;
            }
            let incident = &update.shown.incident;
            let key = (
                &update.target,
                incident.rule,
                update.shown.step.name(),
                incident.is_unwatched(),
                incident.severity,
            );
            groups.entry(key).or_default().push(update);
        }
        for ((target, ..), group) in groups {
            // One message in which they are told already has one reply.
            let threshold = target.thread.map_or(GROUP_THRESHOLD, |_| 2);
            if group.len() < threshold {
                messages.extend(group.into_iter().map(|one| self.single_message(one)));
                continue;
            }
            let all: Vec<&Transition> = group.iter().map(|update| &update.shown).collect();
            let priority = priority(all[0]);
            let incidents: Vec<&Incident> = all.iter().map(|t| &t.incident).collect();
            for message in grouped_messages(&all, self.style) {
                let row = naming(target.clone(), message, incidents.iter().copied());
                let row = row.telling(TellingForm::SameStep, all.iter().copied());
                messages.push((priority, self.place(row, &incidents, &[], None)));
            }
        }
        messages.sort_by_key(|(priority, _)| *priority);
        messages.into_iter().map(|(_, message)| message).collect()
    }

    fn single_message(&self, update: &IncidentUpdate<'_>) -> (Priority, ChannelMessage) {
        let incident = &update.shown.incident;
        let message = incident_update(&update.transitions, &update.shown, self.style);
        let message = ChannelMessage {
            incident: Some(incident.id.clone()),
            ..naming(update.target.clone(), message, [incident])
        };
        let message = message.telling(TellingForm::SameStep, [&update.shown]);
        let placed = self.place(
            message,
            &[incident],
            &update.transitions,
            Some(&update.shown),
        );
        (priority(&update.shown), placed)
    }

    /// Adds what the message of the thread says from `row` on, which is about `incidents`; of a single one, `steps` are told now,
    /// the last of them as it is `shown`.
    fn place(
        &self,
        row: ChannelMessage,
        incidents: &[&Incident],
        steps: &[&Transition],
        shown: Option<&Transition>,
    ) -> ChannelMessage {
        let thread = row.target.thread.and_then(|id| self.notified.thread(id));
        let live = match (thread, incidents) {
            (Some(thread), _) if thread.incidents.len() > 1 => {
                let shown = |known: &Incident| {
                    let current = self.current(known);
                    match incidents.iter().any(|notified| notified.id == known.id) {
                        true => current.clone(),
                        false => as_reported(current, self.notified.steps_of(&known.id)),
                    }
                };
                let members: Vec<Incident> = thread.incidents.iter().map(shown).collect();
                let members: Vec<&Incident> = members.iter().collect();
                Some(live_group(&members, self.now, self.style))
            }
            (Some(_), [incident]) | (None, [incident]) if shown.is_some() || thread.is_some() => {
                let end = self.unreported_step(incident);
                let shown = shown.unwrap_or(&end);
                let before = self.notified.steps_of(&incident.id).iter();
                let now = if steps.is_empty() {
                    vec![&end]
                } else {
                    steps.to_vec()
                };
                let notified: Vec<&Transition> = before.chain(now).collect();
                Some(live_message(&notified, shown, self.style))
            }
            _ => None,
        };
        match (thread, live) {
            (Some(_), live) => ChannelMessage { live, ..row },
            // Should it wait with other steps, one message tells them all.
            (None, live) if !self.notified.has_threads => ChannelMessage { live, ..row },
            // A message that is to be edited says from the beginning what an edit would.
            (None, live) => ChannelMessage {
                opens_thread: true,
                message: live.unwrap_or(row.message),
                ..row
            },
        }
    }

    /// Returns the step that the end of a mute reports of `incident`.
    fn unreported_step(&self, incident: &Incident) -> Transition {
        Transition {
            at: self.now,
            incident: incident.clone(),
            step: if incident.is_open() {
                Step::Reminded
            } else {
                Step::Resolved
            },
            notified: true,
        }
    }

    /// Returns `incident` as it is after this cycle.
    fn current<'i>(&'i self, incident: &'i Incident) -> &'i Incident {
        let mut all = self.servers.iter().flat_map(|server| server.incidents);
        all.find(|i| i.id == incident.id).unwrap_or(incident)
    }
}

fn naming<'i>(
    target: Target,
    message: Message,
    incidents: impl IntoIterator<Item = &'i Incident>,
) -> ChannelMessage {
    ChannelMessage {
        target,
        incident: None,
        incidents: named_incidents(&message, incidents),
        message,
        opens_thread: false,
        live: None,
        telling: None,
    }
}

impl ChannelMessage {
    /// Adds what it tells of those of `steps` whose incidents it names.
    fn telling<'t>(
        self,
        form: TellingForm,
        steps: impl IntoIterator<Item = &'t Transition>,
    ) -> Self {
        let steps = steps.into_iter();
        let named = steps.filter(|step| self.incidents.contains(&step.incident.id));
        let telling = Some(Telling::new(form, named.cloned()));
        Self { telling, ..self }
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
