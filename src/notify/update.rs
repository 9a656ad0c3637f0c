//! Several steps of one incident in one message.

use crate::model::Transition;
use crate::notify::Message;
use crate::notify::alert::{Style, alert};
use crate::text::format::short_time;

/// Returns one message for steps of one incident that are told at the same time; the last one leads. `None` of no step.
pub fn incident_update(transitions: &[&Transition], style: Style) -> Option<Message> {
    let (last, before) = transitions.split_last()?;
    let message = alert(last, style);
    if before.is_empty() {
        return Some(message);
    }
    let steps: Vec<String> = transitions
        .iter()
        .map(|t| {
            let at = short_time(t.at, last.at, style.zone);
            format!("{} {at}", t.step.name())
        })
        .collect();
    let timeline = format!("Timeline: {}.", steps.join(", "));
    let lines = message.lines().iter().cloned();
    Some(Message::new(
        message.level(),
        message.headline(),
        std::iter::once(timeline).chain(lines),
        message.footer(),
    ))
}
