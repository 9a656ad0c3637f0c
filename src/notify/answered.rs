//! The message of an incident after people answered it by emoji or said something of it: an edit that nobody is notified of.

use std::collections::BTreeSet;

use crate::model::{Acknowledgement, Evidence, Incident, Mute, Step, Timestamp, Transition};
use crate::notify::Message;
use crate::notify::alert::Style;
use crate::notify::describe::describe_open_at;
use crate::notify::live::{live_group, live_message};
use crate::notify::location::location;
use crate::text::elide::elide;
use crate::text::format::{format_time, short_time};
use crate::text::sanitize::{clean, truncate};

/// The maximum number of characters of a person's name.
const MAX_NAME_CHARS: usize = 60;
/// The maximum number of people that a line names.
const MAX_NAMES: usize = 3;

/// Returns what a message that names `incidents` says at `now`; `told` are the steps that people were told of a single one, and
/// `mutes` what runs.
pub fn answered_message(
    incidents: &[&Incident],
    notified: &[Transition],
    mutes: &[Mute],
    now: Timestamp,
    style: Style,
) -> Message {
    let message = match incidents {
        [incident] => {
            let last = notified.last().map_or(Step::Opened, |step| step.step);
            let shown = Transition {
                at: figures_at(incident, now),
                incident: (*incident).clone(),
                step: match (incident.is_open(), last) {
                    (false, _) => Step::Resolved,
                    (true, Step::Resolved) => Step::Opened,
                    (true, last) => last,
                },
                notified: true,
            };
            let mut steps: Vec<&Transition> = notified.iter().collect();
            if !incident.is_open() {
                steps.push(&shown);
            }
            live_message(&steps, &shown, style)
        }
        several => live_group(several, now, style),
    };
    let is_named = |mute: &&Mute| {
        let mut open = incidents.iter().filter(|incident| incident.is_open());
        open.any(|incident| mute.incident.as_ref() == Some(&incident.id))
    };
    let muted = mutes.iter().filter(is_named);
    // One answer to a message of several mutes each of them.
    let lines: BTreeSet<String> = muted.map(|mute| mute_line(mute, now, style)).collect();
    let with_line = |message: Message, line: &String| message.with_line(line);
    lines.iter().fold(message, with_line)
}

/// Returns the time that stands beside the figures of `incident` in a message that is written at `now`, maybe before the next judging:
/// what counts up to an instant is that of the last one.
fn figures_at(incident: &Incident, now: Timestamp) -> Timestamp {
    match &incident.evidence {
        Evidence::Silence(_)
        | Evidence::Drop(_)
        | Evidence::Delivery(_)
        | Evidence::DeliveryDrop(_)
            if incident.is_open() =>
        {
            now.min(incident.judged_at)
        }
        _ => now,
    }
}

/// Returns what a pager reads where somebody takes care of `incident`.
pub fn acknowledgement_text(incident: &Incident, by: &Acknowledgement, style: Style) -> String {
    format!(
        "👀 ACKNOWLEDGED {}: {}\nBy {}, {}.",
        location(incident),
        describe_open_at(incident, by.at, style),
        person(&by.by),
        format_time(by.at, style.zone)
    )
}

fn mute_line(mute: &Mute, now: Timestamp, style: Style) -> String {
    let until = short_time(mute.until, now, style.zone);
    format!("🔕 Muted by {} until {until}.", person(&mute.by))
}

/// Returns `👀 Acknowledged by Amy, 12:10: no more reminders.`; `None` where nobody takes care of any of the `open` incidents.
pub(crate) fn acknowledged_line(open: &[&Incident], at: Timestamp, style: Style) -> Option<String> {
    let acknowledged = open
        .iter()
        .filter_map(|incident| incident.acknowledged.as_ref());
    let acknowledged: Vec<&Acknowledgement> = acknowledged.collect();
    let since = short_time(acknowledged.first()?.at, at, style.zone);
    let names: BTreeSet<String> = acknowledged.iter().map(|a| person(&a.by)).collect();
    let names = elide(names, MAX_NAMES);
    let part = match acknowledged.len() {
        all if all == open.len() => String::new(),
        some => format!(" ({some} of {})", open.len()),
    };
    Some(format!(
        "👀 Acknowledged by {names}, {since}: no more reminders{part}."
    ))
}

/// Returns the name of a person as it is shown.
pub(crate) fn person(name: &str) -> String {
    truncate(&clean(name), MAX_NAME_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, Rule};
    use crate::notify::samples::{STYLE, course_of};

    /// From cron, an answer is read before the next judging.
    #[test]
    fn the_time_beside_the_figures_is_that_of_the_judging() {
        let opened = course_of(Rule::SendSilence).step("opened").clone();
        let judged_at = opened.incident.judged_at;
        let text = |now| {
            let told = std::slice::from_ref(&opened);
            answered_message(&[&opened.incident], told, &[], now, STYLE).to_text()
        };
        assert_eq!(text(judged_at + HOUR), text(judged_at));
    }
}
