//! What a mute or quiet hours kept back, in one message at their end.

use crate::model::{Incident, MAX_QUIET_HOURS, Timestamp};
use crate::notify::alert::{Style, end_level, joint_end_level, over_since};
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::notify::location::location;
use crate::notify::problem_span::since_when;
use crate::notify::runbook::next_step;
use crate::notify::{Level, Message};
use crate::text::format::{format_duration, format_time, plural, short_time};

/// The maximum number of incidents in one message.
const MAX_LINES: usize = 18;

/// Returns messages that name every incident that is still open and every one that resolved meanwhile; mostly one.
pub fn mute_ended_messages(
    open: &[Incident],
    resolved: &[Incident],
    now: Timestamp,
    style: Style,
) -> Vec<Message> {
    let still = open.iter().map(|incident| open_line(incident, now, style));
    let over = |incident: &Incident| resolved_line(incident, now, style);
    let lines: Vec<String> = still.chain(resolved.iter().map(over)).collect();
    let severity = open.iter().map(|i| i.severity).max();
    let end = joint_end_level(resolved.iter());
    let level = severity.map_or(end, Level::from);
    let ended = match end {
        Level::Resolved => "resolved",
        _ => "ended",
    };
    let verdict = match (open.len() as u64, resolved.len() as u64) {
        (open, 0) => format!("{} still open", plural(open, "incident")),
        (0, resolved) => format!("{} {ended} meanwhile", plural(resolved, "incident")),
        (open, resolved) => {
            format!(
                "{} still open, {resolved} {ended} meanwhile",
                plural(open, "incident")
            )
        }
    };
    let incidents: Vec<&Incident> = open.iter().chain(resolved).collect();
    let headline = match incidents.iter().any(|i| i.outlasts_quiet_hours) {
        true => {
            let waited = format_duration(MAX_QUIET_HOURS);
            format!("quiet hours held this back for {waited}: {verdict}")
        }
        false => format!("{} ended: {verdict}", what_ended(&incidents)),
    };
    let time = format!("{} {}", format_time(now, style.zone), style.zone.name());
    lines
        .chunks(MAX_LINES)
        .zip(incidents.chunks(MAX_LINES))
        .map(|(lines, incidents)| {
            let first = incidents
                .first()
                .map_or("", |incident| incident.id.as_str());
            let footer = format!("hushwatch explain {first} · {time}");
            let lines = lines.iter().cloned().chain(next_line(incidents));
            Message::new(level, &headline, lines, &footer)
        })
        .collect()
}

/// Returns what kept the incidents back.
fn what_ended(incidents: &[&Incident]) -> &'static str {
    let quiet = incidents.iter().filter(|i| i.deferred_by_quiet_hours);
    match quiet.count() {
        0 => "mute",
        quiet if quiet == incidents.len() => "quiet hours",
        _ => "mute and quiet hours",
    }
}

/// Returns what to do about the first of the most severe that are still open, of which nobody heard before; `None` where none is.
fn next_line(incidents: &[&Incident]) -> Option<String> {
    let open = || incidents.iter().filter(|incident| incident.is_open());
    let severity = open().map(|incident| incident.severity).max()?;
    let first = open().find(|incident| incident.severity == severity)?;
    let next = next_step(first);
    Some(match open().count() {
        1 => format!("→ {next}"),
        _ => format!("→ {}: {next}", first.id),
    })
}

fn open_line(incident: &Incident, now: Timestamp, style: Style) -> String {
    format!(
        "{}{}: {} · since {} · {}",
        Level::from(incident.severity).label(),
        location(incident),
        describe_open_at(incident, now, style),
        since_when(incident, |at| short_time(at, now, style.zone)),
        incident.id,
    )
}

fn resolved_line(incident: &Incident, now: Timestamp, style: Style) -> String {
    let over = over_since(incident, now).map_or_else(String::new, |over| {
        format!(" · over since {}", short_time(over, now, style.zone))
    });
    format!(
        "{}{}: {}{over} · {}",
        end_level(incident).label(),
        location(incident),
        describe_resolved(incident, now, style),
        incident.id
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;
    use crate::notify::samples::courses;

    #[test]
    fn the_first_message_of_a_stop_says_when_it_began_and_what_to_do() {
        let open = |rule, id: &str| {
            let courses = courses();
            let course = courses.iter().find(|c| c.rule == rule);
            Incident {
                id: id.to_owned(),
                ..course.expect("a course").step("opened").incident.clone()
            }
        };
        let style = Style {
            zone: crate::model::Zone::UTC,
            mask: true,
        };
        let lines = |open: &[Incident]| {
            let messages = mute_ended_messages(open, &[], open[0].judged_at, style);
            messages[0].lines().to_vec()
        };
        // It opened at 11:00.
        let stop = open(Rule::SendSilence, "stop");
        let one = lines(std::slice::from_ref(&stop));
        assert!(one[0].ends_with(" · since 09:57 · stop"), "{one:?}");
        assert!(
            one[1].starts_with("→ Send a test mail from the app"),
            "{one:?}"
        );
        let wake = open(Rule::HardBounceWake, "wake");
        let two = lines(&[stop, wake]);
        assert!(two[2].starts_with("→ wake: Stop the list"), "{two:?}");
        assert_eq!((one.len(), two.len()), (2, 3));
    }

    #[test]
    fn what_waited_long_enough_does_not_say_that_quiet_hours_are_over() {
        let courses = courses();
        let course = courses.iter().find(|c| c.rule == Rule::BounceRate);
        let mut open = course.expect("a course").step("opened").incident.clone();
        open.deferred_by_quiet_hours = true;
        let style = Style {
            zone: crate::model::Zone::UTC,
            mask: true,
        };
        let first_line = |open: &Incident| {
            let messages =
                mute_ended_messages(std::slice::from_ref(open), &[], open.judged_at, style);
            messages[0].headline().to_owned()
        };
        assert!(first_line(&open).contains("quiet hours ended: 1 incident still open"));
        open.outlasts_quiet_hours = true;
        let said = "quiet hours held this back for 7 d: 1 incident still open";
        assert!(first_line(&open).contains(said), "{}", first_line(&open));
    }
}
