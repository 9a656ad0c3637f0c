//! Routing: in which message an incident is told, on which channel, and who is woken by it.

use std::collections::BTreeMap;

use crate::model::{Incident, Severity, Step, Transition};
use crate::notify::grouping::ServerUpdates;

/// What people were told before this cycle, and in which messages.
#[derive(Clone, Debug, Default)]
pub struct NotificationState {
    /// Whether a message is edited and replied to by later steps; else each step is a message by itself.
    pub has_threads: bool,
    pub threads: Vec<ThreadState>,
    /// The steps that were told of each incident that has something to tell, and of those that a message names with it, in order.
    pub steps: BTreeMap<String, Vec<Transition>>,
}

/// A message whose incidents may go on.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadState {
    pub id: i64,
    pub channel: String,
    /// What it names, as it was before this cycle.
    pub incidents: Vec<Incident>,
}

/// Where the messages of a server go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The channel of all that is not told elsewhere; empty for the configured one.
    pub channel: String,
    /// The channel of what wakes; empty where it has none of its own.
    pub wake_channel: String,
    /// Who is mentioned by what wakes; empty for nobody.
    pub wake_mention: String,
}

/// Where one message goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub channel: String,
    /// The message that it edits; `None` where it is one by itself.
    pub thread: Option<i64>,
    /// Where it goes if its channel refuses.
    pub fallback: Option<String>,
    /// Whether it is shown in the channel too where it is a reply.
    pub broadcast: bool,
    pub mention: String,
}

impl NotificationState {
    /// Returns the steps of an incident that were told before.
    pub fn steps_of(&self, incident: &str) -> &[Transition] {
        self.steps.get(incident).map_or(&[], Vec::as_slice)
    }

    pub fn thread(&self, id: i64) -> Option<&ThreadState> {
        self.threads.iter().find(|thread| thread.id == id)
    }
}

/// Returns where `steps` of one incident are told: in each message that has named it, or in a new one. The first step that wakes
/// mentions people once, and is told on the channel for that.
pub fn targets(
    notified: &NotificationState,
    server: &ServerUpdates<'_>,
    incident: &Incident,
    steps: &[Step],
) -> Vec<Target> {
    let route = server.route;
    let is_wake = incident.severity == Severity::Wake;
    let before = notified.steps_of(&incident.id).iter();
    let was_wake = before
        .map(|step| step.incident.severity)
        .any(|severity| severity == Severity::Wake);
    let is_over = steps.last() == Some(&Step::Resolved);
    let wakes = is_wake && !was_wake && !is_over;
    let broadcast = wakes || steps.contains(&Step::Escalated) || (is_over && (is_wake || was_wake));
    let has_wake_channel = notified.has_threads
        && !route.wake_channel.is_empty()
        && route.wake_channel != route.channel;
    // Of the channels, only the configured one of all servers has none that stands in for it.
    let fallback_of = |channel: &str| {
        let is_for_wakes = has_wake_channel && channel == route.wake_channel;
        let is_of_server = notified.has_threads && !channel.is_empty() && channel == route.channel;
        let of_server = || is_of_server.then(String::new);
        is_for_wakes
            .then(|| route.channel.clone())
            .or_else(of_server)
    };
    let is_in = |thread: &&ThreadState| thread.incidents.iter().any(|i| i.id == incident.id);
    let mut targets: Vec<Target> = notified
        .threads
        .iter()
        .filter(is_in)
        .map(|thread| Target {
            channel: thread.channel.clone(),
            thread: Some(thread.id),
            fallback: fallback_of(&thread.channel),
            broadcast,
            mention: String::new(),
        })
        .collect();
    let is_known_there = targets.iter().any(|t| t.channel == route.wake_channel);
    let moves = wakes && has_wake_channel && !is_known_there;
    if targets.is_empty() || moves {
        let to_wake = has_wake_channel && is_wake && !is_over;
        let channel = if to_wake {
            &route.wake_channel
        } else {
            &route.channel
        };
        let new = Target {
            channel: channel.clone(),
            fallback: fallback_of(channel),
            ..Target::default()
        };
        targets.insert(0, new);
    }
    if wakes {
        targets[0].mention.clone_from(&route.wake_mention);
    }
    targets
}
