//! Everything known about one incident, as it was stored: for the person who was woken by it.

mod next_steps;

use std::collections::BTreeMap;

use crate::model::{
    Coverage, Evidence, Incident, IncidentState, Kind, Mute, Rule, Span, Step, Timestamp,
    Transition, domain_of,
};
use crate::notify::alert::{Style, ending, place, standing};
use crate::notify::evidence::{evidence, seen};
use crate::notify::mute;
use crate::text::format::{format_date_time, format_duration, format_range, format_time, plural};
use crate::text::sanitize::{clean, mask, truncate};

pub use next_steps::{next_steps, resolves_when};

/// Polls and messages that are told each in a line; of more, the first and the last.
const LINES: usize = 8;
/// Example bounces.
const EXAMPLES: usize = 5;
/// Longest text from outside, in characters.
const TEXT_CHARS: usize = 160;

/// Everything that is stored of one incident.
#[derive(Clone, Debug)]
pub struct Case {
    /// As it is now.
    pub incident: Incident,
    /// Its steps, in the order in which they were recorded.
    pub steps: Vec<Transition>,
    /// The time that it was opened on.
    pub window: Span,
    /// The polls from then to its last judgement, in order.
    pub polls: Vec<Poll>,
    /// What of the window is covered now, of each kind that it rests on.
    pub coverage: Vec<(Kind, Coverage)>,
    /// Bounces and complaints of those that its rule counts, from then to its last judgement, newest first.
    pub marks: Vec<Mark>,
    /// Whether there are more.
    pub more_marks: bool,
    /// The messages that name it, in order.
    pub tellings: Vec<Telling>,
    /// What mutes it now.
    pub mutes: Vec<Mute>,
}

impl Case {
    /// The incident as it was when it was seen last before it was over: what an end says of it is no reason to act.
    pub fn as_it_stood(&self) -> &Incident {
        if self.incident.is_open() {
            return &self.incident;
        }
        let before = self.steps.iter().rev().find(|s| s.step != Step::Resolved);
        before.map_or(&self.incident, |step| &step.incident)
    }
}

/// One poll.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The instant it took for the present.
    pub at: Timestamp,
    /// Requests made.
    pub requests: u64,
    /// Why it was not complete.
    pub failed: Option<String>,
}

/// One bounce or complaint.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// Postmark's type.
    pub kind: String,
    /// Of whom; shown masked.
    pub recipient: String,
    /// The message's tag.
    pub tag: Option<String>,
    /// What the receiver said.
    pub description: String,
}

/// A message and what became of it.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Its first line.
    pub headline: String,
    /// When it was written.
    pub written_at: Timestamp,
    /// When and by which channel it was accepted.
    pub accepted: Option<(Timestamp, Option<String>)>,
    /// Whether it was given up: it may have been accepted, and nothing ever confirmed it.
    pub given_up: bool,
    /// Attempts before, each with why it failed.
    pub failed: Vec<(Timestamp, String)>,
}

/// The whole of it, in lines.
pub fn explain(case: &Case, style: Style) -> Vec<String> {
    let mut lines = heading(case, style);
    let mut section = |title: &str, body: Vec<String>| {
        if !body.is_empty() {
            lines.push(String::new());
            lines.push(title.to_owned());
            lines.extend(body.into_iter().map(|line| format!("  {line}")));
        }
    };
    let now = &case.incident;
    if let Some(opened) = case.steps.first() {
        let title = format!(
            "Why it opened, judged {}",
            format_time(opened.at, style.zone)
        );
        section(&title, grounds(&opened.incident, style));
    }
    if case
        .steps
        .first()
        .is_none_or(|first| first.incident.evidence != now.evidence)
    {
        section(&latest(now, style), grounds(now, style));
    }
    section("What it rests on", rests_on(case, style));
    let title = format!("{}: {}", marked(now.rule), many(case));
    section(&title, marks(case, style));
    section("Its course", course(case, style));
    section("Messages", tellings(case, style));
    if now.is_open() {
        section("What ends it", vec![resolves_when(now).to_owned()]);
    }
    let next = match now.is_open() {
        true => "What to do next",
        false => "What to do if it comes back",
    };
    section(next, next_steps(case.as_it_stood(), &case.marks));
    lines
}

fn heading(case: &Case, style: Style) -> Vec<String> {
    let incident = &case.incident;
    let state = match incident.state {
        IncidentState::Open { .. } => "open".to_owned(),
        IncidentState::Resolved { at, .. } => format!(
            "resolved {} after {}",
            format_time(at, style.zone),
            format_duration(at.since(incident.opened_at))
        ),
    };
    let mut lines = vec![
        format!("{}: {} on {}", incident.id, incident.rule, place(incident)),
        format!(
            "{}, {state}, opened {} {}",
            incident.severity.name(),
            format_date_time(incident.opened_at, style.zone),
            style.zone.name()
        ),
    ];
    if incident.is_open() {
        lines.push(standing(incident, style));
    }
    let muted = case.mutes.iter();
    lines.extend(muted.map(|mute| format!("Muted: {}", mute::line(mute, style.zone))));
    lines
}

/// What is said of its latest evidence. An open one is judged later than that was seen, and only an end dates it.
fn latest(incident: &Incident, style: Style) -> String {
    let is_rate = matches!(incident.evidence, Evidence::Rate(_));
    match incident.state {
        IncidentState::Resolved {
            unwatched: false, ..
        } if !incident.rule.is_of_events() => {
            format!(
                "As it ended, judged {}",
                format_time(incident.judged_at, style.zone)
            )
        }
        _ if is_rate => "As it was when it was last over its limit".to_owned(),
        _ => "As it was last seen".to_owned(),
    }
}

/// What the bounces are that are shown.
const fn marked(rule: Rule) -> &'static str {
    match rule {
        Rule::SpamRate => "Complaints meanwhile",
        Rule::BounceRate => "Bounces meanwhile",
        Rule::HardBounceWake => "Hard bounces meanwhile",
        Rule::SpamComplaintExternal => "Its complaints",
        Rule::OperatorBounce => "Its bounces",
        Rule::SuppressedAddress => "Its bounces and complaints",
        _ => "Bounces and complaints meanwhile",
    }
}

fn grounds(incident: &Incident, style: Style) -> Vec<String> {
    let mut lines = vec![evidence(incident, style)];
    lines.extend(seen(&incident.evidence, style));
    lines
}

fn rests_on(case: &Case, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = case
        .coverage
        .iter()
        .map(|(kind, coverage)| covered(*kind, coverage, case.window, style))
        .collect();
    let poll = |poll: &Poll| {
        let how = match &poll.failed {
            None => "complete".to_owned(),
            Some(why) => format!("not complete: {}", shown(why)),
        };
        let requests = plural(poll.requests, "request");
        format!(
            "poll {}: {how}, {requests}",
            format_time(poll.at, style.zone)
        )
    };
    let polls: Vec<String> = case.polls.iter().map(poll).collect();
    lines.extend(few(polls, "polls"));
    lines
}

fn covered(kind: Kind, coverage: &Coverage, window: Span, style: Style) -> String {
    let holes = coverage.holes(window);
    let of = format_range(window, style.zone);
    if holes.is_empty() {
        return format!("{} of {of}: all covered", kind.name());
    }
    let holes: Vec<String> = holes
        .iter()
        .take(3)
        .map(|hole| format_range(*hole, style.zone))
        .collect();
    format!("{} of {of}: not covered {}", kind.name(), holes.join(", "))
}

fn many(case: &Case) -> String {
    match case.more_marks {
        true => format!("more than {}", case.marks.len()),
        false => case.marks.len().to_string(),
    }
}

fn marks(case: &Case, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = causes(&case.marks)
        .into_iter()
        .take(LINES)
        .map(|((kind, domain), number)| format!("{number} {kind} at {domain}"))
        .collect();
    for mark in case.marks.iter().take(EXAMPLES) {
        let tag = mark
            .tag
            .as_ref()
            .map(|tag| format!(" tag \"{}\"", shown(tag)));
        lines.push(format!(
            "{} {} {}{}: {}",
            format_time(mark.at, style.zone),
            shown(&mark.kind),
            mask(&mark.recipient),
            tag.unwrap_or_default(),
            shown(&mark.description)
        ));
    }
    lines
}

/// How many there are of each type and recipient's domain, most first.
fn causes(marks: &[Mark]) -> Vec<((String, String), usize)> {
    let mut causes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for mark in marks {
        let domain = domain_of(&mark.recipient);
        let cause = (shown(&mark.kind), shown(&domain));
        *causes.entry(cause).or_default() += 1;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    causes
}

fn course(case: &Case, style: Style) -> Vec<String> {
    let step = |step: &Transition| {
        let told = match (step.notified, step.incident.notification_deferred) {
            (true, _) => "told",
            (false, true) => "kept back by a mute",
            (false, false) => "recorded only",
        };
        let what = match step.step {
            Step::Resolved => ending(&step.incident),
            _ => standing(&step.incident, style),
        };
        format!(
            "{} {} ({}), {told}: {what}",
            format_time(step.at, style.zone),
            step.step.name(),
            step.incident.severity.name(),
        )
    };
    few(case.steps.iter().map(step).collect(), "steps")
}

fn tellings(case: &Case, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for telling in &case.tellings {
        let end = match &telling.accepted {
            Some((at, Some(channel))) => {
                format!(
                    "accepted {} in {}",
                    format_time(*at, style.zone),
                    shown(channel)
                )
            }
            Some((at, None)) => format!("accepted {}", format_time(*at, style.zone)),
            None if telling.given_up => {
                "given up: never confirmed, may have been posted".to_owned()
            }
            None => "not yet accepted".to_owned(),
        };
        lines.push(format!(
            "{} \"{}\": {end}",
            format_time(telling.written_at, style.zone),
            shown(&telling.headline)
        ));
        let failed = telling.failed.iter();
        let failed: Vec<String> = failed
            .map(|(at, why)| format!("  attempt {}: {}", format_time(*at, style.zone), shown(why)))
            .collect();
        lines.extend(few(failed, "  attempts"));
    }
    few(lines, "lines")
}

fn shown(text: &str) -> String {
    truncate(&clean(text), TEXT_CHARS)
}

/// Of many lines the first and the last.
fn few(lines: Vec<String>, what: &str) -> Vec<String> {
    if lines.len() <= LINES {
        return lines;
    }
    let (head, tail) = (LINES / 2, LINES / 2 - 1);
    let left = lines.len() - head - tail;
    let first = lines.iter().take(head).cloned();
    let last = lines.iter().skip(lines.len() - tail).cloned();
    first
        .chain([format!("… {left} more {}", what.trim())])
        .chain(last)
        .collect()
}
