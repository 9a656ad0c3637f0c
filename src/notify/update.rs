//! Several steps told as one: the whole course of an incident, or what a gap hid.

use crate::model::{Incident, IncidentState, Span, Transition};
use crate::notify::alert::{Style, alert, place, summary};
use crate::notify::{Message, Tone};
use crate::text::format::{format_duration, format_range, format_time, plural};

/// One message for steps of one incident that are told at the same time; the last one leads. `None` of no step.
pub fn course(transitions: &[&Transition], style: Style) -> Option<Message> {
    let (last, before) = transitions.split_last()?;
    let message = alert(last, style);
    if before.is_empty() {
        return Some(message);
    }
    let course: Vec<String> = transitions
        .iter()
        .map(|t| format!("{} {}", t.step.name(), format_time(t.at, style.zone)))
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

/// What began and ended while nobody looked, and what of that time cannot be seen any more, by its place; in one message.
pub fn catch_up(
    hidden: &[Incident],
    unseen: &[(String, Span)],
    gap: Span,
    style: Style,
) -> Message {
    let lines = hidden.iter().map(|incident| {
        let ended = match incident.state {
            IncidentState::Resolved { at, .. } => at,
            IncidentState::Open { .. } => gap.until,
        };
        format!(
            "{}: {} from {} to {} ({}) · {} · incident {}",
            place(incident),
            incident.rule,
            format_time(incident.opened_at, style.zone),
            format_time(ended, style.zone),
            format_duration(ended.since(incident.opened_at)),
            summary(incident, style),
            incident.id,
        )
    });
    let lost = unseen.iter().map(|(place, hole)| {
        let hole = format_range(*hole, style.zone);
        format!("{place}: nothing is known of {hole}: Postmark has no message of it, or no more")
    });
    let headline = match hidden.len() {
        0 => "catch-up: a part of the time while nobody looked cannot be seen any more".to_owned(),
        n => format!(
            "catch-up: {} began and ended while nobody looked",
            plural(n as u64, "incident")
        ),
    };
    let gap = format_range(gap, style.zone);
    let footer = format!("catch-up of {gap} {}", style.zone.name());
    Message::new(Tone::Info, &headline, lines.chain(lost), &footer)
}
