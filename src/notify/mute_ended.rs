//! What the end of a mute has to tell, in one message.

use crate::model::{Incident, Severity, Timestamp};
use crate::notify::alert::{Style, ending, place, standing};
use crate::notify::{Message, Tone};
use crate::text::format::{format_time, plural};

/// Lines that one message has room for.
const LINES: usize = 18;

/// Messages that name every incident which stands and every one which is over; mostly one.
pub fn unmuted(
    standing: &[Incident],
    over: &[Incident],
    now: Timestamp,
    style: Style,
) -> Vec<Message> {
    let still = standing.iter().map(|incident| stands(incident, style));
    let lines: Vec<String> = still.chain(over.iter().map(ended)).collect();
    let tone = match standing.iter().map(|i| i.severity).max() {
        Some(Severity::Wake) => Tone::Wake,
        Some(Severity::Warn) => Tone::Warn,
        None => Tone::Good,
    };
    let parts = [
        (standing.len(), "still open"),
        (over.len(), "over meanwhile"),
    ];
    let parts = parts.into_iter().filter(|(many, _)| *many > 0);
    let parts: Vec<String> = parts
        .map(|(many, what)| format!("{} {what}", plural(many as u64, "incident")))
        .collect();
    let headline = format!("no longer muted: {}", parts.join(", "));
    let footer = format!(
        "judged {} {} · of each: hushwatch explain ID",
        format_time(now, style.zone),
        style.zone.name()
    );
    lines
        .chunks(LINES)
        .map(|lines| Message::new(tone, &headline, lines.iter().cloned(), &footer))
        .collect()
}

fn stands(incident: &Incident, style: Style) -> String {
    format!(
        "{}: {} · {} {} · since {}",
        place(incident),
        standing(incident, style),
        incident.severity.name(),
        incident.id,
        format_time(incident.opened_at, style.zone)
    )
}

fn ended(incident: &Incident) -> String {
    format!(
        "{}: {} · {}",
        place(incident),
        ending(incident),
        incident.id
    )
}
