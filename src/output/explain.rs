//! Everything that is stored about one incident: for the person who was woken by it.

mod bounces;
mod learned_from;
mod notifications;

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{
    Coverage, Evidence, Feedback, Incident, IncidentState, Judgement, Kind, Mute, Rule, Span, Step,
    Timestamp, Transition, rfc3339,
};
use crate::notify::alert::Style;
use crate::notify::answered::person;
use crate::notify::closed::closed_phrase;
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::notify::evidence::evidence_lines;
use crate::notify::location::location;
use crate::notify::mute::mute_line;
use crate::notify::problem_span::{lasted, unread_phrase, whole_span};
use crate::notify::runbook::{advice, commands, verdict_question};
use crate::output::json::evidence::{evidence_json, span_json};
use crate::output::json::{IncidentView, MuteView, TransitionView};
use crate::text::elide::{elide, elide_middle};
use crate::text::format::{format_date_time, format_range, format_time, plural};
use crate::text::sanitize::{clean, mask, truncate};

pub use crate::notify::runbook::resolves_when;
pub use bounces::BounceLine;
use bounces::{bounce_lines, bounces_title};
pub use learned_from::LearnedFrom;
use notifications::notification_lines;
pub use notifications::{Attempt, Notification};

/// The maximum number of polls, steps and messages that get a line each; of more, the first and the last.
const MAX_LINES: usize = 8;
const MAX_HOLES: usize = 3;
/// The maximum number of characters of a text from outside.
const MAX_TEXT_CHARS: usize = 160;

/// Everything that is stored about one incident.
#[derive(Clone, Debug)]
pub struct IncidentReport {
    /// When it is read.
    pub at: Timestamp,
    pub incident: Incident,
    /// Its steps, in the order in which they were recorded, each with its frozen text.
    pub steps: Vec<(Transition, String)>,
    /// The time that its opening rests on.
    pub window: Span,
    /// The polls from then to its last evaluation, in order.
    pub polls: Vec<Poll>,
    /// What of the window is covered now, for each kind that it rests on.
    pub coverage: Vec<(Kind, Coverage)>,
    /// Bounces and complaints that its rule counts, from then to its last evaluation, newest first.
    pub bounces: Vec<BounceLine>,
    pub has_more_bounces: bool,
    /// The messages that name it, in order.
    pub notifications: Vec<Notification>,
    pub mutes: Vec<Mute>,
    /// What a person said of it last.
    pub feedback: Option<Feedback>,
    /// What its rule learned from, where it learns.
    pub learned: Option<LearnedFrom>,
}

impl IncidentReport {
    /// Returns the incident as it was when it was last seen before it was over: its end gives no reason to act.
    pub fn as_it_stood(&self) -> &Incident {
        if self.incident.is_open() {
            return &self.incident;
        }
        let steps = self.steps.iter().rev().map(|(step, _)| step);
        let mut before = steps.filter(|step| step.step != Step::Resolved);
        before.next().map_or(&self.incident, |step| &step.incident)
    }

    /// Returns the object for scripts, with the summary in `style`. Every address is masked.
    pub fn to_json(&self, style: Style) -> Value {
        let incident = &self.incident;
        let mut summary = json!(IncidentView::new(incident, self.at, style));
        summary["open"] = json!(incident.is_open());
        summary["evidence"] = masked(evidence_json(&incident.evidence));
        summary["judged_at"] = json!(incident.judged_at.to_string());
        let feedback = self.feedback.as_ref();
        summary["verdict"] = json!(feedback.map(|f| f.judgement.name()));
        summary["verdict_by"] = json!(feedback.map(|f| &f.by));
        summary["verdict_at"] = json!(feedback.map(|f| f.at.to_string()));
        let coverage = self.coverage.iter().map(|(kind, coverage)| {
            let spans: Vec<Value> = coverage.spans().iter().map(span_json).collect();
            json!({ "kind": kind.name(), "spans": spans })
        });
        let transitions = self.steps.iter().map(|(step, text)| {
            let mut json = json!(TransitionView::new(step, text));
            json["evidence"] = masked(evidence_json(&step.incident.evidence));
            json
        });
        json!({
            "incident": summary,
            "window": span_json(&self.window),
            "polls": self.polls,
            "coverage": coverage.collect::<Vec<_>>(),
            "bounces": self.bounces,
            "transitions": transitions.collect::<Vec<_>>(),
            "messages": self.notifications,
            "mutes": self.mutes.iter().map(MuteView::new).collect::<Vec<_>>(),
            "learned_from": self.learned.as_ref().map(LearnedFrom::to_json),
            "ends_when": resolves_when(incident),
            "next": next_steps(self.as_it_stood()),
        })
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Poll {
    /// The instant it took for the present.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    pub requests: u64,
    pub complete: bool,
    pub reason: Option<String>,
}

/// Returns the report as lines of text.
pub fn explain(report: &IncidentReport, style: Style) -> Vec<String> {
    let mut lines = heading(report, style);
    let mut section = |title: &str, body: Vec<String>| {
        if !body.is_empty() {
            lines.push(String::new());
            lines.push(title.to_owned());
            lines.extend(body.into_iter().map(|line| format!("  {line}")));
        }
    };
    let now = &report.incident;
    let first = report.steps.first().map(|(step, _)| step);
    if let Some(opened) = first {
        let title = format!("Why it opened ({})", format_time(opened.at, style.zone));
        section(&title, evidence_lines(&opened.incident, style));
    }
    if first.is_none_or(|first| first.incident.evidence != now.evidence) {
        section(&latest_title(now, style), evidence_lines(now, style));
    }
    section("Data", data_lines(report, style));
    let learned = report.learned.as_ref();
    let learned = learned.map_or_else(Vec::new, |of| of.lines(now.judged_at, style));
    section("Learned from", learned);
    let more = if report.has_more_bounces {
        "more than "
    } else {
        ""
    };
    let title = format!(
        "{} ({more}{})",
        bounces_title(now.rule),
        report.bounces.len()
    );
    section(&title, bounce_lines(&report.bounces, style));
    section("Timeline", timeline(report, style));
    section("Messages", notification_lines(&report.notifications, style));
    if now.is_open() {
        section("Ends with", vec![resolves_when(now).to_owned()]);
    }
    let next = if now.is_open() {
        "Next steps"
    } else {
        "If it comes back"
    };
    let question = verdict_question(now).filter(|_| report.feedback.is_none());
    section("Was it real?", question.into_iter().collect());
    section(next, next_steps(report.as_it_stood()));
    lines
}

fn heading(report: &IncidentReport, style: Style) -> Vec<String> {
    let incident = &report.incident;
    let state = match incident.state {
        IncidentState::Open { .. } => "open".to_owned(),
        IncidentState::Resolved { at, .. } => match closed_phrase(incident) {
            Some(closed) => format!("{closed} {}", format_time(at, style.zone)),
            None => {
                let at = format_time(at, style.zone);
                match incident.was_seen_to_end() {
                    true => format!(
                        "resolved {at}, it lasted {}",
                        lasted(incident, whole_span(incident))
                    ),
                    false if incident.rule.is_of_events() => format!("expired {at}"),
                    false => format!("ended {at}"),
                }
            }
        },
    };
    let returned = match incident.first_opened_at {
        Some(_) => format!(", returned {}", format_time(incident.opened_at, style.zone)),
        None => String::new(),
    };
    let mut lines = vec![
        format!(
            "{}: {} on {}",
            incident.id,
            incident.rule,
            location(incident)
        ),
        format!(
            "{}, {state}, opened {} {}{returned}",
            incident.severity.name(),
            format_date_time(incident.first_opening(), style.zone),
            style.zone.name()
        ),
    ];
    if let Some(feedback) = &report.feedback {
        let verdict = match feedback.judgement {
            Judgement::Real => "Real",
            Judgement::FalseAlarm => "A false alarm",
        };
        let at = format_date_time(feedback.at, style.zone);
        lines.push(format!("{verdict}, as {} said {at}", clean(&feedback.by)));
    }
    if incident.is_open() {
        lines.push(describe_open_at(incident, report.at, style));
    }
    lines.extend(unread_phrase(incident, incident.judged_at, style));
    if let Some(acknowledged) = &incident.acknowledged {
        let at = format_date_time(acknowledged.at, style.zone);
        lines.push(format!(
            "Acknowledged by {}, {at}",
            person(&acknowledged.by)
        ));
    }
    let mutes = report.mutes.iter();
    lines.extend(
        mutes.map(|mute| format!("Muted: {}", mute_line(mute, incident.judged_at, style.zone))),
    );
    lines
}

/// Returns what its latest evidence is of. Only an end dates it: an open incident may be evaluated later than it was seen.
fn latest_title(incident: &Incident, style: Style) -> String {
    match incident.state {
        IncidentState::Resolved {
            unwatched: false, ..
        } if !incident.rule.is_of_events() && incident.closed_by.is_none() => {
            format!(
                "As it resolved ({})",
                format_time(incident.judged_at, style.zone)
            )
        }
        _ if matches!(incident.evidence, Evidence::Rate(_)) => {
            "When it was last above its threshold".to_owned()
        }
        _ => "When it was last seen".to_owned(),
    }
}

/// Returns what of the window could be read, and how the polls went.
fn data_lines(report: &IncidentReport, style: Style) -> Vec<String> {
    let coverage = report.coverage.iter();
    let mut lines: Vec<String> = coverage
        .map(|(kind, coverage)| coverage_line(*kind, coverage, report.window, style))
        .collect();
    let poll = |poll: &Poll| {
        let (at, requests) = (
            format_time(poll.at, style.zone),
            plural(poll.requests, "request"),
        );
        match &poll.reason {
            None => format!("poll {at}: complete, {requests}"),
            Some(why) => format!("poll {at}: not complete, {requests}: {}", shown(why)),
        }
    };
    let polls: Vec<String> = report.polls.iter().map(poll).collect();
    lines.extend(elide_middle(polls, MAX_LINES, "polls"));
    lines
}

fn coverage_line(kind: Kind, coverage: &Coverage, window: Span, style: Style) -> String {
    let holes = coverage.holes(window);
    let window = format_range(window, style.zone);
    if holes.is_empty() {
        return format!("{} {window}: all read", kind.name());
    }
    let holes = holes.iter().map(|hole| format_range(*hole, style.zone));
    format!(
        "{} {window}: not read {}",
        kind.name(),
        elide(holes, MAX_HOLES)
    )
}

fn timeline(report: &IncidentReport, style: Style) -> Vec<String> {
    let line = |(step, _): &(Transition, String)| {
        let incident = &step.incident;
        let notified = match (step.notified, incident.notification_deferred) {
            (true, _) => "sent",
            (false, true) if incident.deferred_by_quiet_hours => "held back by quiet hours",
            (false, true) => "held back by a mute",
            (false, false) => "recorded only",
        };
        let what = match step.step {
            Step::Resolved => describe_resolved(&step.incident, step.at, style),
            _ => describe_open_at(&step.incident, step.at, style),
        };
        format!(
            "{} {} ({}, {notified}): {what}",
            format_time(step.at, style.zone),
            step.step.name(),
            step.incident.severity.name(),
        )
    };
    elide_middle(report.steps.iter().map(line).collect(), MAX_LINES, "steps")
}

/// Returns what to do, the most urgent first, with the commands to run at the end.
pub fn next_steps(incident: &Incident) -> Vec<String> {
    let mut steps = vec![format!("{}.", advice(incident))];
    if incident.rule == Rule::HardBounceWake {
        let origin = "Find where these addresses came from, such as an import, a form without a check or a mistyped domain.";
        steps.push(origin.to_owned());
    }
    steps.extend(commands(incident));
    steps
}

fn shown(text: &str) -> String {
    truncate(&clean(text), MAX_TEXT_CHARS)
}

/// Returns the value with every address in it masked.
fn masked(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('@') => json!(mask(&text)),
        Value::Array(values) => values.into_iter().map(masked).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, masked(value)))
            .collect(),
        other => other,
    }
}
