//! The message of one step of an incident: what is wrong, compared with what, and what to do next.

use crate::model::{
    DAY, HOUR, Incident, IncidentState, Severity, Step, Timestamp, Transition, Zone,
};
use crate::notify::context::{context_lines, resolved_lines};
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::notify::location::location;
use crate::notify::problem_span::since_when;
use crate::notify::runbook::{next_step, verdict_question};
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
        let mut lines = resolved_lines(incident, transition.at, style);
        lines.extend(verdict_question(incident));
        return Message::new(end_level(incident), &headline, lines, &footer);
    }
    let level = Level::from(incident.severity);
    let what = format!(
        "{}{location}: {}",
        step_prefix(transition),
        describe_open_at(incident, transition.at, style)
    );
    let headline = headline_with_end(&what, &day_suffix(transition));
    let mut lines = context_lines(incident, transition.at, style);
    lines.push(format!("→ {}", next_step(incident)));
    Message::new(level, &headline, lines, &footer)
}

/// Returns how the first line begins where the incident was told before.
pub(crate) const fn step_prefix(transition: &Transition) -> &'static str {
    match transition.step {
        _ if transition.incident.first_told => "",
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
    let time = |at| short_time(at, transition.at, style.zone);
    let since = match over_since(incident, transition.at) {
        _ if is_late => format!(" · since {}", since_when(incident, time)),
        Some(over) => format!(" · over since {}", time(over)),
        None => String::new(),
    };
    format!(
        "hushwatch explain {}{since} · {} {}",
        incident.id,
        format_time(transition.at, style.zone),
        style.zone.name()
    )
}

/// Returns since when it is known to be over, where that is told later than after the hour in which it is made sure.
pub(crate) fn over_since(incident: &Incident, now: Timestamp) -> Option<Timestamp> {
    let IncidentState::Resolved { at, .. } = incident.state else {
        return None;
    };
    let over = incident
        .recovered_at
        .map_or(at, |recovered| recovered.min(at));
    let is_seen = !incident.is_unwatched() && incident.closed_by.is_none();
    (is_seen && now.since(over) > HOUR).then_some(over)
}

/// Returns the level of the end of an incident: resolved is only what was seen to end.
pub(crate) fn end_level(incident: &Incident) -> Level {
    match incident.was_seen_to_end() {
        true => Level::Resolved,
        false => Level::Closed,
    }
}

/// Returns the level of the ends of several incidents in one message or line.
pub(crate) fn joint_end_level<'i>(mut incidents: impl Iterator<Item = &'i Incident>) -> Level {
    match incidents.all(Incident::was_seen_to_end) {
        true => Level::Resolved,
        false => Level::Closed,
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warn => Self::Warn,
            Severity::Wake => Self::Wake,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;
    use crate::notify::samples::course_of;

    #[test]
    fn the_first_message_of_an_incident_is_never_still_or_worse() {
        let style = Style {
            zone: Zone::UTC,
            mask: true,
        };
        let mut first = course_of(Rule::BounceRate).step("opened").clone();
        for (step, known) in [(Step::Reminded, "still "), (Step::Escalated, "worse ")] {
            first.step = step;
            first.incident.first_told = true;
            let headline = |of: &Transition| alert(of, style).headline().to_owned();
            assert!(
                headline(&first).starts_with("shop/"),
                "{}",
                headline(&first)
            );
            first.incident.first_told = false;
            assert!(headline(&first).starts_with(known), "{}", headline(&first));
        }
    }

    #[test]
    fn only_what_was_seen_to_end_is_resolved() {
        let style = Style {
            zone: Zone::UTC,
            mask: true,
        };
        let title = |of: &Transition| alert(of, style).title();
        let bounce = course_of(Rule::OperatorBounce).step("resolved").clone();
        let expired = "☑ CLOSED shop/outbound: expired, no further bounce for a day";
        assert_eq!(title(&bounce), expired);
        let mut end = course_of(Rule::SendSilence).step("resolved").clone();
        assert!(title(&end).starts_with("✅ RESOLVED "), "{}", title(&end));
        let opened = course_of(Rule::SendSilence).step("opened").clone();
        end.incident.evidence = opened.incident.evidence;
        end.incident.recovered_at = None;
        end.incident.closed_by = Some("ops".to_owned());
        let closed = "☑ CLOSED shop/outbound: closed by ops, mail is still stopped";
        assert_eq!(title(&end), closed);
    }

    #[test]
    fn an_end_that_is_told_late_says_since_when_it_is_over() {
        let style = Style {
            zone: Zone::UTC,
            mask: true,
        };
        let course = course_of(Rule::BounceRate);
        let mut end = course.step("resolved").clone();
        let text = |end: &Transition| alert(end, style).to_text();
        assert!(!text(&end).contains("over since"), "{}", text(&end));
        end.at = end.at + HOUR * 8;
        assert!(text(&end).contains(" · over since "), "{}", text(&end));
        end.incident.closed_by = Some("ops".to_owned());
        assert!(!text(&end).contains("over since"), "{}", text(&end));
    }
}
