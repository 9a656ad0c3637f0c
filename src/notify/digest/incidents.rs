//! What is open, and what was resolved.

use std::collections::BTreeMap;

use crate::model::{Incident, IncidentState, Rule, Span, Timestamp, Transition};
use crate::notify::Level;
use crate::notify::alert::{Style, end_level, joint_end_level};
use crate::notify::answered::person;
use crate::notify::closed::closed_course;
use crate::notify::context::worst_phrase;
use crate::notify::describe::{describe_given_up, describe_open_at, describe_settled};
use crate::notify::digest::{Day, MAX_NAMES};
use crate::notify::location::location;
use crate::notify::phrase::problem_name;
use crate::notify::problem_span::{joint_problem_span, problem_span, since_when, unread_phrase};
use crate::notify::rate::NONE_SINCE;
use crate::text::elide::elide;
use crate::text::format::{plural, short_range, short_time};

/// The maximum number of incidents of one rule that get a line each; more of them share one.
const MAX_SINGLE_LINES: usize = 5;

/// Returns the open incidents but for those that a stronger one inhibits, or a stop of several streams: one problem is one.
pub(crate) fn open_problems(data: &Day) -> Vec<&Incident> {
    let all = known(data.open.iter());
    let own = |incident: &&Incident| stronger_of(incident, &all).is_none();
    all.iter().copied().filter(own).collect()
}

/// Returns the incidents by which people know of all of `open`, each with those that it hides.
pub(crate) fn by_cause(open: &[Incident]) -> Vec<(&Incident, Vec<&Incident>)> {
    let all = known(open.iter());
    let told_part = |joint: &Incident| {
        let mut parts = all.iter().copied();
        parts.find(|part| part.notified && part.is_part_of(joint))
    };
    let mut causes = Vec::new();
    let mut hidden: BTreeMap<&str, Vec<&Incident>> = BTreeMap::new();
    for incident in open {
        let is_known = all.iter().any(|known| known.id == incident.id);
        let cause = match is_known {
            true => line_of(incident, &all),
            false => told_part(incident),
        };
        match cause {
            Some(cause) => hidden.entry(&cause.id).or_default().push(incident),
            None => causes.push(incident),
        }
    }
    let mut with_hidden = |cause: &Incident| hidden.remove(cause.id.as_str()).unwrap_or_default();
    let causes = causes.into_iter();
    causes.map(|cause| (cause, with_hidden(cause))).collect()
}

/// Returns the open incidents that are named, each with the one whose line names it. The parts of a stop of several streams are
/// left out: it names them.
fn shown(data: &Day) -> Vec<(&Incident, Option<&Incident>)> {
    let all = known(data.open.iter());
    let shown = all.iter().copied().filter(|i| !is_part(i, &all));
    shown.map(|i| (i, line_of(i, &all))).collect()
}

/// Returns these without a stop of several streams of which nobody was told, where one of its streams was told alone: it is no problem
/// beside that one.
fn known<'i>(incidents: impl Iterator<Item = &'i Incident>) -> Vec<&'i Incident> {
    let all: Vec<&Incident> = incidents.collect();
    let is_told_alone = |joint: &Incident| {
        let mut parts = all.iter().filter(|part| part.notified);
        !joint.notified && parts.any(|part| part.is_part_of(joint))
    };
    let known = all.iter().copied();
    known.filter(|incident| !is_told_alone(incident)).collect()
}

/// Returns the incident among `all` whose line names this one: the strongest by which people know of it. `None` where it has a line
/// of its own.
fn line_of<'i>(incident: &Incident, all: &[&'i Incident]) -> Option<&'i Incident> {
    let first = stronger_of(incident, all);
    let stronger = std::iter::successors(first, |stronger| stronger_of(stronger, all));
    stronger.take(all.len()).last()
}

/// Returns what is named in the line of each incident that inhibited it, by that one's id.
fn weaker_of(data: &Day) -> BTreeMap<&str, Vec<&Incident>> {
    let ended = ended_shown(data).into_iter();
    let ended = ended.map(|(end, stronger)| (&end.incident, stronger));
    let mut weaker: BTreeMap<&str, Vec<&Incident>> = BTreeMap::new();
    for (incident, stronger) in shown(data).into_iter().chain(ended) {
        if let Some(stronger) = stronger {
            weaker.entry(&stronger.id).or_default().push(incident);
        }
    }
    weaker
}

/// Returns the end of the line of `stronger` that names what these inhibited: ` · also: high bounce rate (fp8xrr3b)`.
fn with_weaker<'i>(
    stronger: impl Iterator<Item = &'i Incident>,
    weaker: &BTreeMap<&str, Vec<&Incident>>,
) -> String {
    let named = |of: &Incident, stronger: &Incident| {
        let place = match (&of.stream, &of.tag) == (&stronger.stream, &stronger.tag) {
            true => String::new(),
            false => format!(" on {}", location(of)),
        };
        format!("{}{place} ({})", problem_name(of.rule), of.id)
    };
    let mut all: Vec<String> = Vec::new();
    for stronger in stronger {
        let weaker = weaker.get(stronger.id.as_str()).into_iter().flatten();
        all.extend(weaker.map(|of| named(of, stronger)));
    }
    match all.is_empty() {
        true => String::new(),
        false => format!(" · also: {}", elide(all, MAX_NAMES)),
    }
}

/// Returns the incident among `all` by which people know of this one, of which nobody told them.
fn stronger_of<'i>(incident: &Incident, all: &[&'i Incident]) -> Option<&'i Incident> {
    let mut all = all.iter().copied();
    all.find(|stronger| !incident.notified && incident.is_covered_by(stronger))
}

fn is_part(incident: &Incident, all: &[&Incident]) -> bool {
    !incident.notified && all.iter().any(|joint| incident.is_part_of(joint))
}

/// Returns a line for each open incident, or one for many of one rule. `now` is the end of the digest's period.
pub(crate) fn open_lines(data: &Day, now: Timestamp, style: Style) -> Vec<String> {
    let incidents = open_problems(data);
    let weaker = weaker_of(data);
    let mut by_rule: BTreeMap<Rule, Vec<&Incident>> = BTreeMap::new();
    for incident in incidents.iter().copied() {
        by_rule.entry(incident.rule).or_default().push(incident);
    }
    // In the order of the incidents, which begins with what is most severe.
    let mut lines = Vec::new();
    for incident in incidents.iter().copied() {
        match by_rule.get(&incident.rule) {
            Some(all) if all.len() <= MAX_SINGLE_LINES => {
                let with = with_weaker(std::iter::once(incident), &weaker);
                lines.push(open_line(incident, now, style) + &with);
            }
            _ => lines.extend(by_rule.remove(&incident.rule).map(|all| {
                let with = with_weaker(all.iter().copied(), &weaker);
                open_group_line(&all, now, style) + &with
            })),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn open_line(incident: &Incident, now: Timestamp, style: Style) -> String {
    let by = incident.acknowledged.as_ref().map(|a| person(&a.by));
    let by = by.map_or_else(String::new, |by| format!(" · acknowledged by {by}"));
    let what = describe_open_at(incident, now, style);
    // Its window has its times, and "none since · since" reads like a slip.
    let since = match what.ends_with(NONE_SINCE) {
        true => String::new(),
        false => {
            let since = since_when(incident, |at| short_time(at, now, style.zone));
            format!(" · since {since}")
        }
    };
    format!(
        "{} {}: {what}{since} · {}{by}",
        Level::from(incident.severity).sign(),
        location(incident),
        incident.id
    )
}

fn open_group_line(all: &[&Incident], now: Timestamp, style: Style) -> String {
    let severity = all.iter().map(|i| i.severity).max();
    let since = all.iter().map(|i| problem_span(i).from).min();
    let (Some(first), Some(severity), Some(since)) = (all.first(), severity, since) else {
        return String::new();
    };
    format!(
        "{} {}, {} · since {}: {}",
        Level::from(severity).sign(),
        plural(all.len() as u64, noun(first.rule)),
        problem_name(first.rule),
        short_time(since, now, style.zone),
        places(all.iter().copied())
    )
}

const fn noun(rule: Rule) -> &'static str {
    if rule.is_of_server() {
        "server"
    } else {
        "stream"
    }
}

/// Returns where they are, with their ids, as many as a line names.
fn places<'i>(incidents: impl Iterator<Item = &'i Incident>) -> String {
    elide(
        incidents.map(|i| format!("{} ({})", location(i), i.id)),
        MAX_NAMES,
    )
}

/// Returns the last step of each incident that had one in the period and is not open any more, but for those that were inhibited by
/// a stronger one, or a part of a stop of several streams.
pub(crate) fn ended(data: &Day) -> Vec<&Transition> {
    let shown = ended_shown(data).into_iter();
    let own = shown.filter(|(_, stronger)| stronger.is_none());
    own.map(|(end, _)| end).collect()
}

/// Returns the last steps that are named, each with the incident whose line names its own. Only the parts of a stop of several streams
/// are left out.
fn ended_shown(data: &Day) -> Vec<(&Transition, Option<&Incident>)> {
    let mut last: Vec<&Transition> = Vec::new();
    for transition in &data.transitions {
        last.retain(|t| t.incident.id != transition.incident.id);
        last.push(transition);
    }
    last.retain(|t| !data.open.iter().any(|open| open.id == t.incident.id));
    let ended = last.iter().map(|t| &t.incident);
    let all = known(ended.chain(&data.open));
    last.retain(|t| all.iter().any(|known| known.id == t.incident.id));
    let shown = last.iter().filter(|t| !is_part(&t.incident, &all));
    shown.map(|t| (*t, line_of(&t.incident, &all))).collect()
}

/// How many incidents did not end by themselves: what they told of may go on, so they are never called resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndedOtherwise {
    pub closed: usize,
    pub unwatched: usize,
    pub settled: usize,
    pub given_up: usize,
    pub expired: usize,
}

impl EndedOtherwise {
    pub(crate) fn count<'i>(incidents: impl Iterator<Item = &'i Incident>) -> Self {
        let mut counted = Self::default();
        for incident in incidents {
            if incident.closed_by.is_some() {
                counted.closed += 1;
            } else if incident.is_unwatched() {
                counted.unwatched += 1;
            } else if incident.evidence.new_level().is_some() {
                counted.settled += 1;
            } else if incident.evidence.given_up_burst().is_some() {
                counted.given_up += 1;
            } else if incident.rule.is_of_events() {
                counted.expired += 1;
            }
        }
        counted
    }

    pub(crate) const fn total(self) -> usize {
        self.closed + self.unwatched + self.settled + self.given_up + self.expired
    }

    /// Returns them in words, the first of which is counted by `first`: `1 closed by hand`, `2 no longer watched`.
    pub(crate) fn describe(self, first: &dyn Fn(usize) -> String) -> Vec<String> {
        let kinds = [
            (self.closed, "closed by hand"),
            (self.unwatched, "no longer watched"),
            (self.settled, "settled at a lower level"),
            (self.given_up, "no longer expected"),
            (self.expired, "expired"),
        ];
        let some = kinds.into_iter().filter(|(number, _)| *number > 0);
        let words = some.enumerate().map(|(index, (number, what))| {
            let number = match index {
                0 => first(number),
                _ => number.to_string(),
            };
            format!("{number} {what}")
        });
        words.collect()
    }
}

/// Returns a line for each incident that ended, or one for many of one rule.
pub(crate) fn ended_lines(data: &Day, now: Timestamp, style: Style) -> Vec<String> {
    let mut by_rule: BTreeMap<Rule, Vec<&Transition>> = BTreeMap::new();
    for end in ended(data) {
        by_rule.entry(end.incident.rule).or_default().push(end);
    }
    let weaker = weaker_of(data);
    let lines = by_rule.into_values().flat_map(|ends| {
        if ends.len() <= MAX_SINGLE_LINES {
            let line = |end: &&Transition| {
                let with = with_weaker(std::iter::once(&end.incident), &weaker);
                ended_line(end, data, now, style) + &with
            };
            ends.iter().map(line).collect()
        } else {
            let with = with_weaker(ends.iter().map(|end| &end.incident), &weaker);
            vec![ended_group_line(&ends, now, style) + &with]
        }
    });
    lines.collect()
}

fn ended_line(end: &Transition, data: &Day, now: Timestamp, style: Style) -> String {
    let incident = &end.incident;
    let time = |at| short_time(at, now, style.zone);
    let when = match incident.state {
        _ if incident.closed_by.is_some() => {
            closed_course(incident, now, style).unwrap_or_default()
        }
        // Whether it ended is not known.
        IncidentState::Resolved { at, .. } if incident.is_unwatched() => {
            let since = time(problem_span(incident).from);
            let why = match incident.is_disabled() {
                true => "its rule was switched off",
                false => "no longer watched since",
            };
            format!("since {since}, {why} {}", time(at))
        }
        IncidentState::Resolved { .. } => {
            let unread = unread_phrase(incident, now, style);
            let unread = unread.map_or_else(String::new, |unread| format!(" at least, {unread}"));
            waves(end, data, now, style) + &unread
        }
        IncidentState::Open { .. } => {
            let since = time(problem_span(incident).from);
            format!("since {since}, resolved after this period")
        }
    };
    let ended = incident.closed_by.is_none() && !incident.is_unwatched() && !incident.is_open();
    let level = incident.evidence.new_level();
    let given_up = incident.evidence.given_up_burst();
    let what = match (level, given_up) {
        (Some(level), _) if ended => {
            format!("{} since {}", describe_settled(level), time(level.since))
        }
        (_, Some(burst)) if ended => describe_given_up(burst, now, style),
        _ => {
            let worst = worst_phrase(incident);
            let worst = worst.map_or_else(String::new, |phrase| format!(", {phrase}"));
            let rule = match incident.was_low() {
                true => incident.rule.weaker_view(),
                false => incident.rule,
            };
            format!("{} {when}{worst}", problem_name(rule))
        }
    };
    let unseen = if incident.notified {
        ""
    } else {
        ", not reported before"
    };
    format!(
        "{} {}: {what}{unseen} · {}",
        end_level(incident).sign(),
        location(incident),
        incident.id
    )
}

/// Returns from when to when it lasted, of one that came back each time: `09:04–09:52 and 12:35–12:59`.
fn waves(end: &Transition, data: &Day, now: Timestamp, style: Style) -> String {
    let of = |step: &&Transition| step.incident.id == end.incident.id && !step.incident.is_open();
    let mut spans: Vec<Span> = Vec::new();
    for step in data.transitions.iter().filter(of) {
        let span = problem_span(&step.incident);
        // A second look at the same wave, or what it went on as.
        match spans.last_mut().filter(|last| span.from < last.until) {
            Some(last) => *last = Span::new(last.from.min(span.from), last.until.max(span.until)),
            None => spans.push(span),
        }
    }
    let range = |span: Span| short_range(span, now, style.zone);
    match spans.as_slice() {
        [] => range(problem_span(&end.incident)),
        [one] => range(*one),
        [first, second] => format!("{} and {}", range(*first), range(*second)),
        [first, .., last] => {
            let times = plural(spans.len() as u64, "time");
            format!("{}, {times}", range(Span::new(first.from, last.until)))
        }
    }
}

fn ended_group_line(ends: &[&Transition], now: Timestamp, style: Style) -> String {
    let incidents = || ends.iter().map(|t| &t.incident);
    let (Some(span), Some(first)) = (joint_problem_span(incidents()), ends.first()) else {
        return String::new();
    };
    let rule = first.incident.rule;
    // Of those that a person closed, or that nobody watches any more, it is not known when they ended.
    let others = EndedOtherwise::count(incidents());
    let when = match others.describe(&|n: usize| n.to_string()).as_slice() {
        [] if incidents().any(|incident| incident.unread.is_some()) => {
            format!("{}, in part not read", short_range(span, now, style.zone))
        }
        [] => short_range(span, now, style.zone),
        others => format!(
            "since {}, {}",
            short_time(span.from, now, style.zone),
            others.join(", ")
        ),
    };
    format!(
        "{} {}, {} {when}: {}",
        joint_end_level(incidents()).sign(),
        plural(ends.len() as u64, noun(rule)),
        problem_name(rule),
        places(incidents())
    )
}
