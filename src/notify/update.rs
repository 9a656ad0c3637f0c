//! Several steps of one incident in one message.

use crate::model::Transition;
use crate::notify::Message;
use crate::notify::alert::{Style, alert};
use crate::text::format::short_time;

/// Returns one message for steps of one incident that are told at the same time; `shown` is the last one, with the incident
/// as it is when the message is written.
pub fn incident_update(transitions: &[&Transition], shown: &Transition, style: Style) -> Message {
    let message = alert(shown, style);
    if transitions.len() < 2 {
        return message;
    }
    let steps: Vec<String> = transitions
        .iter()
        .map(|t| {
            let at = short_time(t.at, shown.at, style.zone);
            format!("{} {at}", t.step.name())
        })
        .collect();
    let timeline = format!("Timeline: {}.", steps.join(", "));
    let lines = message.lines().iter().cloned();
    Message::new(
        message.level(),
        message.headline(),
        std::iter::once(timeline).chain(lines),
        message.footer(),
    )
}
