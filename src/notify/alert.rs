//! The message of one step of an incident: what is wrong, compared with what, and what to do next.

use crate::model::{DAY, Severity, Step, Transition, Zone};
use crate::notify::context::{context_lines, resolved_lines, since_when};
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::notify::location::location;
use crate::notify::runbook::next_step;
use crate::notify::{Level, Message, headline_with_end};
use crate::text::format::{format_time, short_time};

/// How messages are worded.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The readers' time zone.
    pub zone: Zone,
    /// Whether recipients are masked.
    pub mask: bool,
}

/// Returns the message of one step.
pub fn alert(transition: &Transition, style: Style) -> Message {
    let incident = &transition.incident;
    let location = location(incident);
    let footer = footer(transition, style);
    if transition.step == Step::Resolved {
        let headline = format!(
            "{location}: {}",
            describe_resolved(incident, transition.at, style)
        );
        let lines = resolved_lines(incident, transition.at, style);
        return Message::new(Level::Resolved, &headline, lines, &footer);
    }
    let level = Level::from(incident.severity);
    let what = format!(
        "{}{location}: {}",
        step_prefix(transition.step),
        describe_open_at(incident, transition.at, style)
    );
    let headline = headline_with_end(&what, &day_suffix(transition));
    let mut lines = context_lines(incident, transition.at, style);
    lines.push(format!("→ {}", next_step(incident)));
    Message::new(level, &headline, lines, &footer)
}

/// Returns how the first line begins where the incident was told before.
pub(crate) const fn step_prefix(step: Step) -> &'static str {
    match step {
        Step::Reminded => "still ",
        Step::Escalated => "worse ",
        Step::Opened | Step::Resolved => "",
    }
}

/// Returns `, day 2` for a reminder a day or more after the incident opened.
pub(crate) fn day_suffix(transition: &Transition) -> String {
    let open_for = transition.at.since(transition.incident.opened_at);
    let days = open_for.as_secs() / DAY.as_secs();
    match (transition.step, days) {
        (Step::Reminded, 1..) => format!(", day {}", days + 1),
        _ => String::new(),
    }
}

/// Returns the command that shows more, since when the problem stands where that is news, and the time.
pub(crate) fn footer(transition: &Transition, style: Style) -> String {
    let incident = &transition.incident;
    let is_late = match transition.step {
        Step::Escalated | Step::Reminded => true,
        // It opened at an instant that was missed, or returned.
        Step::Opened => transition.at > incident.opened_at || incident.returned_at().is_some(),
        Step::Resolved => false,
    };
    let since = if is_late {
        let since = since_when(incident, |at| short_time(at, transition.at, style.zone));
        format!(" · since {since}")
    } else {
        String::new()
    };
    format!(
        "hushwatch explain {}{since} · {} {}",
        incident.id,
        format_time(transition.at, style.zone),
        style.zone.name()
    )
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warn => Self::Warn,
            Severity::Wake => Self::Wake,
        }
    }
}
