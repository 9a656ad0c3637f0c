//! The same step of the same rule in many places, as one message: a Postmark that is down is one piece of news.

use std::collections::BTreeMap;

use crate::model::{Evidence, Rule, Step, Transition};
use crate::notify::alert::{Style, alert, ending, good_again, place, standing};
use crate::notify::evidence::rate_name;
use crate::notify::{MAX_LINE, Message};
use crate::text::format::{format_time, plural};

/// Lines with names that one message has room for.
const LINES: usize = 12;
/// Different reasons that are told apart.
const REASONS: usize = 4;

/// Messages that name the place and the incident of every one of `steps`, which are of one rule and kind; mostly one.
pub fn together(steps: &[&Transition], style: Style) -> Vec<Message> {
    let Some(first) = steps.first() else {
        return Vec::new();
    };
    let single = alert(first, style);
    let named: Vec<String> = match first.incident.rule.is_of_server() {
        true => by_reason(steps)
            .iter()
            .flat_map(|(reason, names)| lines(reason, names))
            .collect(),
        false => steps.iter().map(|step| line(step, style)).collect(),
    };
    let advice = single
        .lines()
        .last()
        .filter(|l| l.starts_with("What to do"));
    let many = plural(steps.len() as u64, noun(steps));
    let footer = format!(
        "{} {} on {many} · judged {} {} · of each: hushwatch explain ID",
        first.incident.rule,
        first.step.name(),
        format_time(first.at, style.zone),
        style.zone.name()
    );
    let headline = format!("{many}: {}", what(first));
    named
        .chunks(LINES)
        .map(|lines| {
            let lines = lines.iter().chain(advice).cloned();
            Message::new(single.tone(), &headline, lines, &footer)
        })
        .collect()
}

/// What the places are.
fn noun(steps: &[&Transition]) -> &'static str {
    let of_tags = steps.iter().filter(|step| step.incident.tag.is_some());
    match of_tags.count() {
        _ if steps.iter().any(|s| s.incident.rule.is_of_server()) => "server",
        0 => "stream",
        tags if tags == steps.len() => "tag",
        _ => "incident",
    }
}

fn what(step: &Transition) -> String {
    let still = match step.step {
        Step::Resolved if step.incident.is_unwatched() => return "no longer watched".to_owned(),
        Step::Resolved => return good_again(step.incident.rule).to_owned(),
        Step::Reminded => "still ",
        Step::Opened | Step::Escalated => "",
    };
    let wrong = match step.incident.rule {
        Rule::Blind => "cannot be seen",
        Rule::AccountInactive => "Postmark refuses for a reason of the account",
        Rule::SendSilence => "no mail sent",
        Rule::SendDrop => "less mail sent than expected",
        Rule::DeliverySilence => "mail is not delivered",
        Rule::SpamComplaintExternal => "spam complaints from outside",
        Rule::OperatorBounce => "mail to the operator bounced",
        Rule::SuppressedAddress => "the operator is suppressed",
        rule => return format!("{still}{} over its limit", rate_name(rule)),
    };
    format!("{still}{wrong}")
}

/// One place in a line.
fn line(step: &Transition, style: Style) -> String {
    let incident = &step.incident;
    let what = match step.step {
        Step::Resolved => ending(incident),
        _ => standing(incident, style),
    };
    format!("{}: {what} · {}", place(incident), incident.id)
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
