//! The one message of an incident that is edited after each step, where Slack can do that: how things stand, how bad they were,
//! and the course so far. What a step says by itself is in `alert`.

use crate::model::{DAY, Incident, IncidentState, MINUTE, Severity, Step, Timestamp, Transition};
use crate::notify::alert::{Style, end_level, footer, joint_end_level, step_prefix};
use crate::notify::answered::acknowledged_line;
use crate::notify::context::{capitalized, context_lines, resolved_lines, worst_phrase};
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::notify::grouped::{by_reason, group_advice, headline_phrase, name_lines, noun};
use crate::notify::location::location;
use crate::notify::problem_span::{self, joint_problem_span, problem_span};
use crate::notify::runbook::{next_step, verdict_question};
use crate::notify::{Level, Message, headline_with_end};
use crate::text::format::{format_length, format_time, plural, short_time};

/// The maximum number of steps that a course names; of a longer one the first and the last.
const MAX_STEPS: usize = 8;
/// The word for an end that a person set.
const CLOSED: &str = "closed";
/// From this number on, servers are named many to a line.
const MAX_PLACE_LINES: usize = 12;

/// Returns the message as it is after the last of `notified`, all steps of one incident that people were sent; `shown` is that
/// step with the figures of now.
pub fn live_message(notified: &[&Transition], shown: &Transition, style: Style) -> Message {
    let incident = &shown.incident;
    let place = location(incident);
    let course = course(notified, shown.at, style);
    let footer = footer(shown, style);
    if shown.step == Step::Resolved {
        let lasted = lasted(std::iter::once(incident));
        let what = format!("{place}: {}", describe_resolved(incident, shown.at, style));
        let headline = headline_with_end(&what, &lasted);
        let lines = resolved_lines(incident, shown.at, style);
        let lines = lines.into_iter().chain(course);
        let lines = lines.chain(verdict_question(incident));
        return Message::new(end_level(incident), &headline, lines, &footer);
    }
    let days = shown.at.since(incident.opened_at).as_secs() / DAY.as_secs();
    let day = match days {
        0 => String::new(),
        days => format!(", day {}", days + 1),
    };
    // Only a reminder says nothing new; what got worse is news by itself.
    let still = match shown.step {
        Step::Reminded => step_prefix(shown),
        _ => "",
    };
    let what = describe_open_at(incident, shown.at, style);
    let headline = headline_with_end(&format!("{still}{place}: {what}"), &day);
    let next = format!("→ {}", next_step(incident));
    let lines = context_lines(incident, shown.at, style).into_iter();
    let lines = lines
        .chain(worst_line(incident))
        .chain(course)
        .chain(acknowledged_line(&[incident], shown.at, style))
        .chain([next]);
    Message::new(Level::from(incident.severity), &headline, lines, &footer)
}

/// Returns ` after 3 h 53 min`: how long the problem of `incidents` lasted; nothing where that is not known.
fn lasted<'i>(incidents: impl Iterator<Item = &'i Incident> + Clone) -> String {
    let is_unknown = |i: &Incident| !i.was_seen_to_end();
    if incidents.clone().any(is_unknown) {
        return String::new();
    }
    let mut of = incidents.clone();
    if let (Some(one), None) = (of.next(), of.next()) {
        let span = problem_span(one);
        return match span.length() < MINUTE {
            true => String::new(),
            false => format!(", after {}", problem_span::lasted(one, span)),
        };
    }
    // How long several lasted together is not known where one of them was not seen.
    let is_seen = incidents.clone().all(|incident| incident.unread.is_none());
    let span = joint_problem_span(incidents).filter(|span| is_seen && span.length() >= MINUTE);
    span.map_or_else(String::new, |span| {
        format!(", after {}", format_length(span))
    })
}

/// Returns how bad it was at its worst, where it is less bad now.
fn worst_line(incident: &Incident) -> Option<String> {
    let worst = incident.worst.as_ref()?;
    let is_over = worst.is_worse_than(&incident.evidence);
    let phrase = worst_phrase(incident).filter(|_| is_over)?;
    Some(format!("{}.", capitalized(&phrase)))
}

/// Returns `Course: opened 09:12, worse 10:00, resolved 13:05.`, without reminders; `None` where the rest of the message says it
/// all.
fn course(notified: &[&Transition], at: Timestamp, style: Style) -> Option<String> {
    let first = notified.first()?;
    let mut steps: Vec<(&str, Timestamp)> = Vec::new();
    if first.step != Step::Opened {
        let opened_at = problem_opened_at(&first.incident);
        steps.push(("opened", opened_at.min(first.at)));
    }
    let mut over_at: Option<Timestamp> = None;
    for step in notified {
        if let Some(ended_at) = over_at {
            match returned_at(step, ended_at) {
                Some(at) => steps.push(("returned", at)),
                // It is the same end, written once more.
                None => continue,
            }
        }
        match step.step {
            Step::Opened if steps.is_empty() => steps.push(("opened", step.at)),
            Step::Resolved if step.incident.closed_by.is_some() => {
                steps.push((CLOSED, ended_at(step)));
            }
            Step::Resolved => steps.push((step_word(step.step), ended_at(step))),
            Step::Escalated => steps.push((step_word(step.step), step.at)),
            Step::Opened | Step::Reminded => {}
        }
        over_at = (step.step == Step::Resolved).then(|| ended_at(step));
    }
    let is_said = match steps.as_slice() {
        [_] => notified.len() == 1 && first.step == Step::Opened,
        [_, (last, _)] => matches!(*last, "resolved" | CLOSED),
        _ => false,
    };
    if is_said {
        return None;
    }
    if steps.len() > MAX_STEPS {
        steps.drain(1..=steps.len() - MAX_STEPS);
    }
    Some(course_line(steps.into_iter(), at, style))
}

/// Returns when an incident ended, which the end of a mute or a later cycle may tell.
fn ended_at(step: &Transition) -> Timestamp {
    match step.incident.state {
        IncidentState::Resolved { at, .. } => at.min(step.at),
        IncidentState::Open { .. } => step.at,
    }
}

/// Returns when an incident that had ended at `ended_at` returned, as known by the next step that people were told: that it did may
/// have been told to nobody. `None` where the step is that end itself.
fn returned_at(step: &Transition, ended_at: Timestamp) -> Option<Timestamp> {
    let opened_at = step.incident.opened_at;
    let is_known = ended_at <= opened_at && opened_at <= step.at;
    match step.step {
        Step::Resolved => is_known.then_some(opened_at),
        Step::Opened | Step::Escalated | Step::Reminded if is_known => Some(opened_at),
        Step::Opened | Step::Escalated | Step::Reminded => Some(step.at),
    }
}

/// Returns the word by which people read of a step that is over.
pub(super) const fn step_word(step: Step) -> &'static str {
    match step {
        Step::Escalated => "worse",
        _ => step.name(),
    }
}

/// Returns the line that names `steps` with their times, as they read at `at`.
pub(super) fn course_line<'s>(
    steps: impl Iterator<Item = (&'s str, Timestamp)>,
    at: Timestamp,
    style: Style,
) -> String {
    let named = steps.map(|(word, when)| {
        let when = short_time(when, at, style.zone);
        format!("{word} {when}")
    });
    let named: Vec<String> = named.collect();
    format!("Course: {}.", named.join(", "))
}

fn problem_opened_at(incident: &Incident) -> Timestamp {
    problem_span(incident).from.max(incident.opened_at)
}

/// Returns `incident` as people know it by `notified`, the steps that they were told: what a mute or quiet hours keep back while it
/// stands is told at their end. That it is over alarms nobody, so it is not kept back of an edit.
pub fn as_reported(incident: &Incident, notified: &[Transition]) -> Incident {
    let is_held = incident.notification_deferred && incident.is_open();
    match notified.last().filter(|_| is_held) {
        None => incident.clone(),
        Some(last) => Incident {
            acknowledged: incident.acknowledged.clone(),
            ..last.incident.clone()
        },
    }
}

/// Returns the message of several incidents as it is at `at`: what is still open, and which of them ended.
pub fn live_group(incidents: &[&Incident], at: Timestamp, style: Style) -> Message {
    let transition = |incident: &&Incident| Transition {
        at,
        incident: (*incident).clone(),
        step: if incident.is_open() {
            Step::Opened
        } else {
            Step::Resolved
        },
        notified: true,
    };
    let all: Vec<Transition> = incidents.iter().map(transition).collect();
    let (open, over): (Vec<&Transition>, Vec<&Transition>) =
        all.iter().partition(|t| t.incident.is_open());
    let level = open.iter().map(|t| t.incident.severity).max();
    let level: Option<Severity> = level;
    let next = open.first().filter(|_| is_of_one_rule(&open));
    let next = next.map(|first| format!("→ {}.", group_advice(first)));
    let standing: Vec<&Incident> = open.iter().map(|t| &t.incident).collect();
    let acknowledged = acknowledged_line(&standing, at, style);
    let explained = open.first().or(over.first());
    let explained = explained.map_or("", |t| t.incident.id.as_str());
    let footer = format!(
        "hushwatch explain {explained} · {} {}",
        format_time(at, style.zone),
        style.zone.name()
    );
    Message::new(
        level.map_or_else(|| joint_end_level(incidents.iter().copied()), Level::from),
        &group_headline(&all, &open),
        lines(&open, &over, style)
            .into_iter()
            .chain(acknowledged)
            .chain(next),
        &footer,
    )
}

fn is_of_one_rule(steps: &[&Transition]) -> bool {
    let rule = |t: &&Transition| t.incident.rule;
    steps
        .windows(2)
        .all(|pair| rule(&pair[0]) == rule(&pair[1]))
}

fn group_headline(all: &[Transition], open: &[&Transition]) -> String {
    let every: Vec<&Transition> = all.iter().collect();
    let incidents = all.iter().map(|t| &t.incident);
    let noun = match is_of_one_rule(&every) {
        true => noun(&every),
        false => "incident",
    };
    let total = plural(all.len() as u64, noun);
    let count = match open.len() {
        0 => {
            let lasted = lasted(incidents);
            let what = match every.first().filter(|_| is_of_one_rule(&every)) {
                Some(first) => headline_phrase(first, &every),
                None => "over".to_owned(),
            };
            return format!("{total}: {what}{lasted}");
        }
        open if open == all.len() => total,
        open => format!("{open} of {total}"),
    };
    match open.first().filter(|_| is_of_one_rule(open)) {
        Some(first) => format!("{count}: {}", headline_phrase(first, open)),
        None => format!("{count} still open"),
    }
}

/// Returns a line for each incident, or for many servers of one state.
fn lines(open: &[&Transition], over: &[&Transition], style: Style) -> Vec<String> {
    let all = || open.iter().chain(over);
    let is_of_servers = all().all(|t| t.incident.rule.is_of_server());
    if all().count() > MAX_PLACE_LINES || is_of_servers {
        let open = by_reason(open).into_iter();
        let open = open.flat_map(|(reason, names)| name_lines(&reason, &names));
        let over = over
            .iter()
            .map(|t| format!("{} ({})", location(&t.incident), t.incident.id));
        let ends = all().map(|t| &t.incident).filter(|of| !of.is_open());
        let level = joint_end_level(ends);
        let over = name_lines(level.label().trim_end(), &over.collect::<Vec<_>>());
        return open.chain(over).collect();
    }
    let line = |t: &&Transition| {
        let incident = &t.incident;
        let (level, what) = if incident.is_open() {
            let level = Level::from(incident.severity);
            (level, describe_open_at(incident, t.at, style))
        } else {
            let worst = worst_phrase(incident).map(|phrase| format!("; {phrase}"));
            let what = describe_resolved(incident, t.at, style) + &worst.unwrap_or_default();
            (end_level(incident), what)
        };
        let place = location(incident);
        format!("{}{place}: {what} · {}", level.label(), incident.id)
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, Rule};
    use crate::notify::samples::course_of;

    const STYLE: Style = Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    };

    /// A step of an incident, `hours` after 10:00, that opened last at `opened`.
    fn step(step: Step, hours: u32, opened: u32) -> Transition {
        let mut transition = course_of(Rule::BounceRate).step("opened").clone();
        let start = transition.incident.opened_at.floor(DAY) + HOUR * 10;
        transition.at = start + HOUR * hours;
        transition.step = step;
        transition.incident.opened_at = start + HOUR * opened;
        if step == Step::Resolved {
            transition.incident.state = IncidentState::Resolved {
                at: transition.at,
                unwatched: false,
                disabled: false,
            };
        }
        transition
    }

    fn course_of_steps(steps: &[Transition]) -> Option<String> {
        let notified: Vec<&Transition> = steps.iter().collect();
        course(&notified, steps.last()?.at, STYLE)
    }

    #[test]
    fn a_return_that_nobody_was_told_is_a_part_of_the_course() {
        let opened = step(Step::Opened, 0, 0);
        let over = step(Step::Resolved, 2, 0);
        for (then, course) in [
            (
                vec![step(Step::Resolved, 5, 3)],
                "Course: opened 10:00, resolved 12:00, returned 13:00, resolved 15:00.",
            ),
            (
                vec![step(Step::Escalated, 4, 3), step(Step::Resolved, 5, 3)],
                "Course: opened 10:00, resolved 12:00, returned 13:00, worse 14:00, resolved 15:00.",
            ),
            (
                vec![step(Step::Reminded, 4, 3), step(Step::Resolved, 5, 3)],
                "Course: opened 10:00, resolved 12:00, returned 13:00, resolved 15:00.",
            ),
            (
                vec![step(Step::Opened, 3, 3), step(Step::Resolved, 5, 3)],
                "Course: opened 10:00, resolved 12:00, returned 13:00, resolved 15:00.",
            ),
        ] {
            let steps = [vec![opened.clone(), over.clone()], then].concat();
            assert_eq!(course_of_steps(&steps).as_deref(), Some(course));
        }
    }

    #[test]
    fn an_end_that_is_told_later_bears_its_own_time() {
        let mut over = step(Step::Resolved, 2, 0);
        over.at = over.at + HOUR * 2;
        let steps = [step(Step::Opened, 0, 0), step(Step::Escalated, 1, 0), over];
        let course = "Course: opened 10:00, worse 11:00, resolved 12:00.";
        assert_eq!(course_of_steps(&steps).as_deref(), Some(course));
    }

    #[test]
    fn one_end_is_named_once() {
        let steps = [
            step(Step::Opened, 0, 0),
            step(Step::Escalated, 1, 0),
            step(Step::Resolved, 2, 0),
            step(Step::Resolved, 4, 0),
        ];
        let course = "Course: opened 10:00, worse 11:00, resolved 12:00.";
        assert_eq!(course_of_steps(&steps).as_deref(), Some(course));
    }
}
