//! Everything that is stored about one incident: for the person who was woken by it.

mod learned_from;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::model::{
    BounceClass, Coverage, Evidence, Feedback, Incident, IncidentState, Judgement, Kind, Mute,
    Rule, Span, Step, Timestamp, Transition, domain_of, rfc3339,
};
use crate::notify::alert::Style;
use crate::notify::answered::person;
use crate::notify::describe::{describe_open, describe_resolved};
use crate::notify::evidence::evidence_lines;
use crate::notify::location::location;
use crate::notify::mute::mute_line;
use crate::notify::runbook::{advice, commands};
use crate::output::json::evidence::{evidence_json, span_json};
use crate::output::json::{IncidentView, MuteView, TransitionView};
use crate::text::elide::{elide, elide_middle};
use crate::text::format::{format_date_time, format_duration, format_range, format_time, plural};
use crate::text::sanitize::{clean, mask, truncate};

pub use crate::notify::runbook::resolves_when;
pub use learned_from::LearnedFrom;

/// The maximum number of polls, steps and messages that get a line each; of more, the first and the last.
const MAX_LINES: usize = 8;
const MAX_EXAMPLES: usize = 5;
const MAX_HOLES: usize = 3;
/// The maximum number of characters of a text from outside.
const MAX_TEXT_CHARS: usize = 160;

/// Everything that is stored about one incident.
#[derive(Clone, Debug)]
pub struct IncidentReport {
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
        let mut summary = json!(IncidentView::new(incident, style));
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
            "next": next_steps(self.as_it_stood(), &self.bounces),
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

#[derive(Clone, Debug, Serialize)]
pub struct BounceLine {
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    #[serde(rename = "bounce_type")]
    pub kind: String,
    #[serde(serialize_with = "masked_address")]
    pub recipient: String,
    pub tag: Option<String>,
    #[serde(rename = "bounce_description")]
    pub description: String,
}

/// A message about the incident, and its delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Notification {
    pub kind: &'static str,
    pub text: String,
    #[serde(serialize_with = "rfc3339")]
    pub written_at: Timestamp,
    pub pending: bool,
    /// Whether it was given up: it may have been accepted, and nothing ever confirmed it.
    pub given_up: bool,
    #[serde(serialize_with = "rfc3339")]
    pub accepted_at: Option<Timestamp>,
    pub channel: Option<String>,
    pub attempts: Vec<Attempt>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// `begun`, [`ACCEPTED`](Attempt::ACCEPTED), or why it failed.
    pub outcome: String,
    /// Whether it may have been accepted, though no answer said so.
    pub unknown: bool,
}

impl Attempt {
    pub const ACCEPTED: &str = "accepted";

    fn failure(&self) -> Option<&str> {
        match self.outcome.as_str() {
            Self::ACCEPTED => None,
            "begun" => Some("broke off; it is unknown whether it was accepted"),
            reason => Some(reason),
        }
    }
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
    section(&title, bounce_lines(report, style));
    section("Timeline", timeline(report, style));
    section("Messages", notification_lines(report, style));
    if now.is_open() {
        section("Ends with", vec![resolves_when(now).to_owned()]);
    }
    let next = if now.is_open() {
        "Next steps"
    } else {
        "If it comes back"
    };
    section(next, next_steps(report.as_it_stood(), &report.bounces));
    lines
}

fn heading(report: &IncidentReport, style: Style) -> Vec<String> {
    let incident = &report.incident;
    let state = match incident.state {
        IncidentState::Open { .. } => "open".to_owned(),
        IncidentState::Resolved { at, .. } => format!(
            "resolved {} after {}",
            format_time(at, style.zone),
            format_duration(at.since(incident.opened_at))
        ),
    };
    let mut lines = vec![
        format!(
            "{}: {} on {}",
            incident.id,
            incident.rule,
            location(incident)
        ),
        format!(
            "{}, {state}, opened {} {}",
            incident.severity.name(),
            format_date_time(incident.opened_at, style.zone),
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
        lines.push(describe_open(incident, style));
    }
    if let Some(acknowledged) = &incident.acknowledged {
        let at = format_date_time(acknowledged.at, style.zone);
        lines.push(format!(
            "Acknowledged by {}, {at}",
            person(&acknowledged.by)
        ));
    }
    let mutes = report.mutes.iter();
    lines.extend(mutes.map(|mute| format!("Muted: {}", mute_line(mute, style.zone))));
    lines
}

/// Returns what its latest evidence is of. Only an end dates it: an open incident may be evaluated later than it was seen.
fn latest_title(incident: &Incident, style: Style) -> String {
    match incident.state {
        IncidentState::Resolved {
            unwatched: false, ..
        } if !incident.rule.is_of_events() => {
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

/// Returns what the bounces are that are shown.
const fn bounces_title(rule: Rule) -> &'static str {
    match rule {
        Rule::SpamRate | Rule::SpamComplaintExternal => "Spam complaints",
        Rule::BounceRate => "Bounces",
        Rule::HardBounceWake => "Hard bounces",
        Rule::OperatorBounce => "Bounces of operator addresses",
        Rule::SuppressedAddress => "Bounces and complaints of these addresses",
        _ => "Bounces and complaints",
    }
}

/// Returns what of the window could be read, and how the polls went.
fn data_lines(report: &IncidentReport, style: Style) -> Vec<String> {
    let coverage = report.coverage.iter();
    let mut lines: Vec<String> = coverage
        .map(|(kind, coverage)| coverage_line(*kind, coverage, report.window, style))
        .collect();
    let poll = |poll: &Poll| {
        let result = match &poll.reason {
            None => "complete".to_owned(),
            Some(why) => format!("not complete: {}", shown(why)),
        };
        let requests = plural(poll.requests, "request");
        format!(
            "poll {}: {result}, {requests}",
            format_time(poll.at, style.zone)
        )
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

fn bounce_lines(report: &IncidentReport, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = causes(&report.bounces)
        .into_iter()
        .take(MAX_LINES)
        .map(|((kind, domain), number)| format!("{number} {kind} at {domain}"))
        .collect();
    for bounce in report.bounces.iter().take(MAX_EXAMPLES) {
        let tag = bounce
            .tag
            .as_ref()
            .map(|tag| format!(" tag \"{}\"", shown(tag)));
        lines.push(format!(
            "{} {} {}{}: {}",
            format_time(bounce.at, style.zone),
            shown(&bounce.kind),
            mask(&bounce.recipient),
            tag.unwrap_or_default(),
            shown(&bounce.description)
        ));
    }
    lines
}

/// Returns how many there are of each type and recipient's domain, the most frequent first.
fn causes(bounces: &[BounceLine]) -> Vec<((String, String), usize)> {
    let mut causes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for bounce in bounces {
        let domain = domain_of(&bounce.recipient);
        let cause = (shown(&bounce.kind), shown(&domain));
        *causes.entry(cause).or_default() += 1;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    causes
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
            Step::Resolved => describe_resolved(&step.incident),
            _ => describe_open(&step.incident, style),
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

fn notification_lines(report: &IncidentReport, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for notification in &report.notifications {
        let accepted_at = notification.accepted_at.filter(|_| !notification.pending);
        let outcome = match (accepted_at, &notification.channel) {
            (Some(at), Some(channel)) => {
                let at = format_time(at, style.zone);
                format!("delivered {at} to {}", shown(channel))
            }
            (Some(at), None) => format!("delivered {}", format_time(at, style.zone)),
            (None, _) if notification.given_up => {
                "given up: never confirmed, it may have been posted".to_owned()
            }
            (None, _) => "not delivered yet".to_owned(),
        };
        lines.push(format!(
            "{} \"{}\": {outcome}",
            format_time(notification.written_at, style.zone),
            shown(notification.text.lines().next().unwrap_or_default())
        ));
        let failed = notification.attempts.iter().filter_map(|attempt| {
            let at = format_time(attempt.at, style.zone);
            let why = shown(attempt.failure()?);
            Some(format!("  failed attempt {at}: {why}"))
        });
        let failed: Vec<String> = failed.collect();
        lines.extend(elide_middle(failed, MAX_LINES, "attempts"));
    }
    elide_middle(lines, MAX_LINES, "lines")
}

/// Returns what to do, the most urgent first, with the commands to run at the end.
pub fn next_steps(incident: &Incident, bounces: &[BounceLine]) -> Vec<String> {
    let mut steps = vec![format!("{}.", advice(incident))];
    steps.extend(cause_advice(incident, bounces).map(str::to_owned));
    steps.extend(commands(incident));
    steps
}

/// Returns what the most frequent cause of bounces suggests.
fn cause_advice(incident: &Incident, bounces: &[BounceLine]) -> Option<&'static str> {
    if !matches!(incident.rule, Rule::BounceRate | Rule::HardBounceWake) {
        return None;
    }
    let mut causes: BTreeMap<BounceClass, usize> = BTreeMap::new();
    for bounce in bounces {
        *causes
            .entry(BounceClass::from_type(&bounce.kind))
            .or_default() += 1;
    }
    let (most, _) = causes.into_iter().max_by_key(|(_, number)| *number)?;
    match most {
        BounceClass::Hard => Some(
            "Most are hard bounces: find where these addresses came from, such as an import, a form without a check or a \
             mistyped domain.",
        ),
        BounceClass::Blocked => Some(
            "Most were blocked: check that SPF, DKIM and DMARC still pass, and read what the receiver said.",
        ),
        _ => None,
    }
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

fn masked_address<S: Serializer>(address: &str, to: S) -> Result<S::Ok, S::Error> {
    mask(address).serialize(to)
}
