//! The same step of the same rule in many places, as one message: a Postmark that is down is one piece of news.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Evidence, Rule, Step, Transition};
use crate::notify::alert::{Style, day_suffix, joint_end_level, step_prefix};
use crate::notify::closed::closed_phrase;
use crate::notify::context::split_remedy;
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::notify::location::location;
use crate::notify::phrase::{group_phrase, group_recovery_phrase, recovery_phrase};
use crate::notify::problem_span::joint_problem_span;
use crate::notify::runbook::{advice, is_token};
use crate::notify::unjudged::{is_quiet_week, is_unjudged};
use crate::notify::{Level, MAX_LINE, Message, headline_with_end};
use crate::text::format::{
    format_duration, format_time, length_in_minutes, plural, short_range, short_time,
};

/// The maximum number of lines with names in one message.
const MAX_NAMED_LINES: usize = 12;
/// The maximum number of different reasons that are told apart.
const MAX_REASONS: usize = 4;

/// Returns messages that name the place and the incident of every one of `steps`, which are of one rule and kind; mostly
/// one.
pub fn grouped_messages(steps: &[&Transition], style: Style) -> Vec<Message> {
    let Some(first) = steps.first() else {
        return Vec::new();
    };
    let incident = &first.incident;
    let places: Vec<String> = if incident.rule.is_of_server() {
        by_reason(steps)
            .iter()
            .flat_map(|(reason, names)| name_lines(reason, names))
            .collect()
    } else {
        steps.iter().map(|step| place_line(step, style)).collect()
    };
    let is_over = first.step == Step::Resolved;
    let next = (!is_over).then(|| format!("→ {}.", group_advice(first)));
    let level = if is_over {
        joint_end_level(steps.iter().map(|step| &step.incident))
    } else {
        Level::from(incident.severity)
    };
    let what = format!(
        "{}{}: {}",
        step_prefix(
            steps
                .iter()
                .find(|s| s.incident.first_told)
                .unwrap_or(first)
        ),
        plural(steps.len() as u64, noun(steps)),
        headline_phrase(first, steps)
    );
    let headline = headline_with_end(&what, &day_suffix(first));
    let footer = |lines: &[String]| {
        let is_named = |step: &&&Transition| lines.iter().any(|l| l.contains(&step.incident.id));
        let named = steps.iter().find(is_named).unwrap_or(first);
        format!(
            "hushwatch explain {}{} · {} {}",
            named.incident.id,
            since(steps, style),
            format_time(first.at, style.zone),
            style.zone.name()
        )
    };
    places
        .chunks(MAX_NAMED_LINES)
        .map(|places| {
            let lines = places.iter().chain(&next).cloned();
            Message::new(level, &headline, lines, &footer(places))
        })
        .collect()
}

/// Returns when the first of the problems began, ` · since 09:57`, or from when to when they lasted.
fn since(steps: &[&Transition], style: Style) -> String {
    let span = joint_problem_span(steps.iter().map(|step| &step.incident));
    let (Some(first), Some(span)) = (steps.first(), span) else {
        return String::new();
    };
    match first.step {
        // That it ended is not known.
        _ if is_any_closed(steps) => String::new(),
        Step::Resolved => {
            let is_unread = steps.iter().any(|step| step.incident.unread.is_some());
            let unread = if is_unread { ", in part not read" } else { "" };
            format!(" · {}{unread}", short_range(span, first.at, style.zone))
        }
        _ if span.from < first.at => {
            format!(" · since {}", short_time(span.from, first.at, style.zone))
        }
        _ => String::new(),
    }
}

/// Returns what the places are: servers, streams or tags.
pub(crate) fn noun(steps: &[&Transition]) -> &'static str {
    let of_tags = steps.iter().filter(|step| step.incident.tag.is_some());
    match of_tags.count() {
        _ if steps.iter().any(|s| s.incident.rule.is_of_server()) => "server",
        0 => "stream",
        tags if tags == steps.len() => "tag",
        _ => "incident",
    }
}

/// Returns what is wrong in all these places, or no longer wrong: `bounce rate is back to normal`.
pub(crate) fn headline_phrase(first: &Transition, steps: &[&Transition]) -> String {
    let rule = first.incident.rule;
    if first.step == Step::Resolved {
        return match (first.incident.is_unwatched(), &first.incident.evidence) {
            (true, _) => "no longer watched".to_owned(),
            _ if is_any_closed(steps) => closed_together(steps),
            (false, Evidence::Rate(_)) => format!(
                "{} to normal{}",
                recovery_phrase(rule),
                otherwise_over(steps)
            ),
            (false, _) => format!("{}{}", group_recovery_phrase(rule), otherwise_over(steps)),
        };
    }
    let gaps = steps
        .iter()
        .filter_map(|step| match &step.incident.evidence {
            Evidence::Silence(silence) => Some(length_in_minutes(silence.gap)),
            _ => None,
        });
    match gaps.min() {
        Some(gap) => format!(
            "{} for {} or longer",
            group_phrase(rule),
            format_duration(gap)
        ),
        None => group_phrase(rule).to_owned(),
    }
}

/// Returns how those of them are over that are not back to normal: `, or too little mail to judge it`; nothing where all are.
fn otherwise_over(steps: &[&Transition]) -> &'static str {
    let is_other = |evidence: &Evidence| match evidence {
        Evidence::Rate(rate) => {
            let is_little = rate.lasting.is_some() || rate.denominator < rate.floor;
            is_unjudged(rate) || (is_little && is_quiet_week(rate))
        }
        Evidence::Drop(drop) => drop.settled.is_some() || drop.missing_burst.is_some(),
        _ => false,
    };
    let mut others = steps.iter().map(|step| &step.incident.evidence);
    match others.find(|evidence| is_other(evidence)) {
        Some(Evidence::Rate(_)) => ", or there is too little mail to judge it",
        Some(evidence) if evidence.new_level().is_none() => ", or is no longer expected",
        Some(_) => ", or has settled at a lower level",
        None => "",
    }
}

fn is_any_closed(steps: &[&Transition]) -> bool {
    let mut incidents = steps.iter().map(|step| &step.incident);
    incidents.any(|incident| incident.closed_by.is_some())
}

/// Returns by whom they were closed, where it is the same of all; else that they are over or were closed.
fn closed_together(steps: &[&Transition]) -> String {
    let each: BTreeSet<Option<String>> = steps
        .iter()
        .map(|step| closed_phrase(&step.incident))
        .collect();
    let all: Option<Vec<String>> = each.into_iter().collect();
    match all.as_deref() {
        Some([same]) => same.clone(),
        Some(_) => "closed".to_owned(),
        None => "over, or closed".to_owned(),
    }
}

/// Returns what to do next about the same in many places.
pub(crate) fn group_advice(first: &Transition) -> String {
    match first.incident.rule {
        Rule::SendSilence | Rule::SendDrop => {
            "They stopped together: look at what they share (a queue, a deploy, a token), then send one test mail".to_owned()
        }
        Rule::ServerChanged => {
            format!(
                "Put each server's own token back where its [[server]] says and restart hushwatch; accept a change that is meant: `hushwatch incident {} --close`",
                first.incident.id
            )
        }
        Rule::Blind if is_token(&first.incident) => {
            "Put a valid token of each server where its [[server]] says, and restart hushwatch".to_owned()
        }
        _ => advice(&first.incident),
    }
}

fn place_line(step: &Transition, style: Style) -> String {
    let incident = &step.incident;
    let what = match step.step {
        Step::Resolved => describe_resolved(incident, step.at, style),
        _ => describe_open_at(incident, step.at, style),
    };
    format!("{}: {what} · {}", location(incident), incident.id)
}

/// Returns the servers by the reason of each; where too many reasons differ, one stands for all.
pub(crate) fn by_reason(steps: &[&Transition]) -> BTreeMap<String, Vec<String>> {
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let name = |step: &Transition| format!("{} ({})", location(&step.incident), step.incident.id);
    for step in steps {
        by_reason.entry(reason(step)).or_default().push(name(step));
    }
    if by_reason.len() <= MAX_REASONS {
        return by_reason;
    }
    let example = by_reason.keys().next().cloned().unwrap_or_default();
    let names = steps.iter().map(|step| name(step)).collect();
    BTreeMap::from([(format!("For example: {example}"), names)])
}

fn reason(step: &Transition) -> String {
    match &step.incident.evidence {
        Evidence::Blind(blind) if step.step != Step::Resolved => split_remedy(&blind.reason).0,
        _ => String::new(),
    }
}

/// Returns the names, as many in a line as fit, after the reason that they share.
pub(crate) fn name_lines(reason: &str, names: &[String]) -> Vec<String> {
    let prefix = match reason {
        "" => String::new(),
        reason => format!("{reason}: "),
    };
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            None => lines.push(format!("{prefix}{name}")),
            Some(line) if line.chars().count() + name.chars().count() + 2 <= MAX_LINE => {
                line.push_str(", ");
                line.push_str(name);
            }
            Some(_) => lines.push(name.clone()),
        }
    }
    lines
}
