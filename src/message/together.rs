//! The same step of the same rule on many servers, as one message: a Postmark that is down is one piece of news.

use std::collections::BTreeMap;

use crate::message::alert::{Style, alert};
use crate::message::words::{counted, when};
use crate::message::{MAX_LINE, Message};
use crate::model::{Evidence, IncidentState, Rule, Step, Transition};

/// Lines with names that one message has room for.
const LINES: usize = 12;
/// Different reasons that are told apart.
const REASONS: usize = 4;

/// Messages that name the server and the incident of every one of `steps`, which are of one rule and kind; mostly one.
pub fn together(steps: &[&Transition], style: Style) -> Vec<Message> {
    let Some(first) = steps.first() else {
        return Vec::new();
    };
    let single = alert(first, style);
    let by_reason = by_reason(steps);
    let named: Vec<String> = by_reason
        .iter()
        .flat_map(|(reason, names)| lines(reason, names))
        .collect();
    let advice = single
        .lines()
        .last()
        .filter(|l| l.starts_with("What to do"));
    let footer = format!(
        "{} {} on {} · judged {} {}",
        first.incident.rule,
        first.step.name(),
        counted(steps.len() as u64, "server"),
        when(first.at, style.zone),
        style.zone.name()
    );
    let headline = format!("{}: {}", counted(steps.len() as u64, "server"), what(first));
    named
        .chunks(LINES)
        .map(|lines| {
            let lines = lines.iter().chain(advice).cloned();
            Message::new(single.tone(), &headline, lines, &footer)
        })
        .collect()
}

fn what(step: &Transition) -> &'static str {
    let unwatched = matches!(
        step.incident.state,
        IncidentState::Resolved {
            unwatched: true,
            ..
        }
    );
    match (step.step, step.incident.rule) {
        (Step::Resolved, _) if unwatched => "no longer watched",
        (Step::Resolved, Rule::AccountInactive) => "Postmark answers for the account again",
        (Step::Resolved, _) => "can be seen again",
        (Step::Reminded, _) => "still cannot be seen",
        (_, Rule::AccountInactive) => "Postmark refuses for a reason of the account",
        _ => "cannot be seen",
    }
}

/// The servers by what is said of them; where that differs too much, what is said of one stands for all.
fn by_reason(steps: &[&Transition]) -> BTreeMap<String, Vec<String>> {
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let name = |step: &Transition| format!("{} ({})", step.incident.server, step.incident.id);
    for step in steps {
        by_reason.entry(reason(step)).or_default().push(name(step));
    }
    if by_reason.len() <= REASONS {
        return by_reason;
    }
    let example = by_reason.keys().next().cloned().unwrap_or_default();
    let names = steps.iter().map(|step| name(step)).collect();
    BTreeMap::from([(format!("for example: {example}"), names)])
}

fn reason(step: &Transition) -> String {
    match &step.incident.evidence {
        Evidence::Blind { reason, .. } if step.step != Step::Resolved => reason.clone(),
        _ => String::new(),
    }
}

/// The names, as many in a line as have room in it.
fn lines(reason: &str, names: &[String]) -> Vec<String> {
    let prefix = match reason {
        "" => String::new(),
        reason => format!("{reason}: "),
    };
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.chars().count() + name.chars().count() + 2 <= MAX_LINE => {
                line.push_str(", ");
                line.push_str(name);
            }
            _ => lines.push(match lines.is_empty() {
                true => format!("{prefix}{name}"),
                false => name.clone(),
            }),
        }
    }
    lines
}
