//! Several steps told as one: the whole course of an incident, or what a gap hid.

use crate::message::alert::{Style, alert, place, summary};
use crate::message::words::{span, when};
use crate::message::{Message, Tone};
use crate::model::{Incident, IncidentState, Timestamp, Transition};

/// One message for steps of one incident that are told at the same time; the last one leads. `None` of no step.
pub fn course(transitions: &[&Transition], style: Style) -> Option<Message> {
    let (last, before) = transitions.split_last()?;
    let message = alert(last, style);
    if before.is_empty() {
        return Some(message);
    }
    let course: Vec<String> = transitions
        .iter()
        .map(|t| format!("{} {}", t.step.name(), when(t.at, style.zone)))
        .collect();
    let lines = message
        .lines()
        .iter()
        .cloned()
        .chain([format!("Course: {}", course.join(", "))]);
    Some(Message::new(
        message.tone(),
        message.headline(),
        lines,
        message.footer(),
    ))
}

/// What began and ended while nobody looked, in one message.
pub fn catch_up(hidden: &[Incident], from: Timestamp, until: Timestamp, style: Style) -> Message {
    let lines = hidden.iter().map(|incident| {
        let ended = match incident.state {
            IncidentState::Resolved { at, .. } => at,
            IncidentState::Open { .. } => until,
        };
        format!(
            "{}: {} from {} to {} ({}) · {} · incident {}",
            place(incident),
            incident.rule,
            when(incident.opened_at, style.zone),
            when(ended, style.zone),
            span(ended.since(incident.opened_at)),
            summary(incident, style),
            incident.id,
        )
    });
    let noun = if hidden.len() == 1 {
        "incident"
    } else {
        "incidents"
    };
    let headline = format!(
        "catch-up: {} {noun} began and ended while nobody looked",
        hidden.len()
    );
    let footer = format!(
        "catch-up of {} to {} {}",
        when(from, style.zone),
        when(until, style.zone),
        style.zone.name()
    );
    Message::new(Tone::Info, &headline, lines, &footer)
}
