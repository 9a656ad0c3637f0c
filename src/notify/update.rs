//! Several steps of one incident in one message.

use crate::model::Transition;
use crate::notify::Message;
use crate::notify::alert::{Style, alert};
use crate::notify::live::{course_line, step_word};

/// Returns one message for steps of one incident that one cycle decided; `shown` is the last one, with the incident
/// as it is when the message is written.
pub fn incident_update(transitions: &[&Transition], shown: &Transition, style: Style) -> Message {
    let message = alert(shown, style);
    if transitions.len() < 2 {
        return message;
    }
    let steps = transitions.iter().map(|t| (step_word(t.step), t.at));
    let course = course_line(steps, shown.at, style);
    let lines = message.lines().iter().cloned();
    Message::new(
        message.level(),
        message.headline(),
        std::iter::once(course).chain(lines),
        message.footer(),
    )
}
