//! What needs a look, and what ended.

use std::collections::BTreeMap;

use crate::model::{Incident, IncidentState, Rule, Step, Timestamp, Transition};
use crate::notify::alert::{Style, place, standing, summary};
use crate::notify::digest::{Day, named};
use crate::text::format::{format_time, plural};

/// Open incidents of one rule that get a line each; more of them share one.
const TOLD_ALONE: usize = 5;

/// What is open: a line each, or one for many of one rule.
pub(crate) fn open(incidents: &[Incident], style: Style) -> Vec<String> {
    let mut by_rule: BTreeMap<Rule, Vec<&Incident>> = BTreeMap::new();
    for incident in incidents {
        by_rule.entry(incident.rule).or_default().push(incident);
    }
    // In the order of the incidents, which begins with what is most severe.
    let mut lines = Vec::new();
    for incident in incidents {
        match by_rule.get(&incident.rule) {
            Some(all) if all.len() <= TOLD_ALONE => lines.push(line(incident, style)),
            _ => lines.extend(
                by_rule
                    .remove(&incident.rule)
                    .map(|all| together(&all, style)),
            ),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn line(incident: &Incident, style: Style) -> String {
    format!(
        "Open since {}: {} · {} · incident {}",
        format_time(incident.opened_at, style.zone),
        place(incident),
        standing(incident, style),
        incident.id
    )
}

fn together(all: &[&Incident], style: Style) -> String {
    let (Some(first), Some(since)) = (all.first(), all.iter().map(|i| i.opened_at).min()) else {
        return String::new();
    };
    format!(
        "Open since {}: {} on {}: {}",
        format_time(since, style.zone),
        first.rule,
        plural(all.len() as u64, "place"),
        places(all.iter().copied())
    )
}

/// Where they are, with their ids, as many as a line has room for.
fn places<'i>(incidents: impl Iterator<Item = &'i Incident>) -> String {
    named(incidents.map(|i| format!("{} ({})", place(i), i.id)))
}

/// Incidents that had a step in the period and are not open, a line each: how they were when they stood.
pub(crate) fn ended(data: &Day, style: Style) -> Vec<String> {
    let mut last: Vec<&Transition> = Vec::new();
    for transition in &data.transitions {
        last.retain(|t| t.incident.id != transition.incident.id);
        last.push(transition);
    }
    last.retain(|t| !data.open.iter().any(|open| open.id == t.incident.id));
    let mut by_rule: BTreeMap<Rule, Vec<&Transition>> = BTreeMap::new();
    for end in last {
        by_rule.entry(end.incident.rule).or_default().push(end);
    }
    by_rule
        .into_values()
        .flat_map(|ends| match ends.len() <= TOLD_ALONE {
            true => ends.iter().map(|t| ended_alone(t, data, style)).collect(),
            false => vec![ended_together(&ends, style)],
        })
        .collect()
}

fn ended_together(ends: &[&Transition], style: Style) -> String {
    let from = ends.iter().map(|t| t.incident.opened_at).min();
    let until = ends.iter().map(|t| ended_at(t)).max();
    let (Some(from), Some(until), Some(first)) = (from, until, ends.first()) else {
        return String::new();
    };
    format!(
        "{} on {}, between {} and {}: {}",
        first.incident.rule,
        plural(ends.len() as u64, "place"),
        format_time(from, style.zone),
        format_time(until, style.zone),
        places(ends.iter().map(|t| &t.incident))
    )
}

fn ended_alone(t: &Transition, data: &Day, style: Style) -> String {
    let mut of_it = data
        .transitions
        .iter()
        .filter(|o| o.incident.id == t.incident.id && o.step != Step::Resolved);
    let stood = of_it.next_back().map_or_else(String::new, |o| {
        format!(" · {}", summary(&o.incident, style))
    });
    let kept = if t.incident.notified {
        ""
    } else {
        " (not told before)"
    };
    let ended = match t.incident.state {
        IncidentState::Resolved { at, .. } => format!(" to {}", format_time(at, style.zone)),
        IncidentState::Open { .. } => ", over after this period".to_owned(),
    };
    format!(
        "{}: {} from {}{ended}{stood}{kept} · incident {}",
        place(&t.incident),
        t.incident.rule,
        format_time(t.incident.opened_at, style.zone),
        t.incident.id
    )
}

fn ended_at(last: &Transition) -> Timestamp {
    match last.incident.state {
        IncidentState::Resolved { at, .. } => at,
        IncidentState::Open { .. } => last.at,
    }
}
