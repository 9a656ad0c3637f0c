//! `explain`: gathers what is stored of one incident.

use serde_json::{Value, json};

use crate::cycle::Context;
use crate::cycle::mutes::mute_json;
use crate::cycle::report::{incident_json, transition_json};
use crate::model::{
    BounceClass, Coverage, DAY, Evidence, HOUR, Incident, Kind, Rule, Span, StreamKey, Timestamp,
};
use crate::output::explain::{Case, Mark, Poll, Telling, explain, next_steps, resolves_when};
use crate::output::json::evidence::{evidence_json, span_json};
use crate::store::{self, AttemptOutcome, Database, TransitionRow};
use crate::text::sanitize::{clean_lines, json_line, mask};

/// Bounces that are looked at, at most.
const MOST_MARKS: u32 = 1_000;

/// What is stored of an incident, and the texts that were frozen with it.
struct Found {
    case: Case,
    steps: Vec<TransitionRow>,
    tellings: Vec<store::Notification>,
}

impl Context {
    /// Everything known about one incident, for a person or as JSON, and what mutes it `now` or by the clock; `None` where there is none of this id.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn explain(
        &self,
        id: &str,
        as_json: bool,
        now: Option<Timestamp>,
    ) -> Result<Option<String>, store::Error> {
        let now = self.viewed_at(now).await?;
        let of = id.to_owned();
        let found = self.store.call(move |s| find(s, &of, now)).await?;
        Ok(found.map(|found| match as_json {
            true => json_line(&self.case_json(&found)),
            false => clean_lines(&(explain(&found.case, self.style()).join("\n") + "\n")),
        }))
    }

    /// The ids of the incidents that are open, so that one can be named.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn open_incidents(&self) -> Result<Vec<String>, store::Error> {
        let mut open = Vec::new();
        for server in self.watched_servers().await? {
            let name = server.name.clone();
            let incidents = self.store.call(move |s| s.latest_incidents(&name)).await?;
            open.extend(
                incidents
                    .into_iter()
                    .filter(Incident::is_open)
                    .map(|i| i.id),
            );
        }
        Ok(open)
    }

    fn case_json(&self, found: &Found) -> Value {
        let case = &found.case;
        let mut incident = incident_json(&case.incident, self);
        incident["open"] = json!(case.incident.is_open());
        incident["evidence"] = masked(evidence_json(&case.incident.evidence));
        incident["judged_at"] = json!(case.incident.judged_at.to_string());
        let coverage = case.coverage.iter().map(|(kind, coverage)| {
            json!({"kind": kind.name(), "spans": coverage.spans().iter().map(span_json).collect::<Vec<_>>()})
        });
        json!({
            "incident": incident,
            "window": span_json(&case.window),
            "polls": case.polls.iter().map(|p| json!({
                "at": p.at.to_string(), "requests": p.requests, "complete": p.failed.is_none(), "reason": p.failed,
            })).collect::<Vec<_>>(),
            "coverage": coverage.collect::<Vec<_>>(),
            "bounces": case.marks.iter().map(mark_json).collect::<Vec<_>>(),
            "transitions": found.steps.iter().map(|row| {
                let mut json = transition_json(&row.transition, &row.text);
                json["evidence"] = masked(evidence_json(&row.transition.incident.evidence));
                json
            }).collect::<Vec<_>>(),
            "messages": found.tellings.iter().map(telling_json).collect::<Vec<_>>(),
            "mutes": case.mutes.iter().map(mute_json).collect::<Vec<_>>(),
            "ends_when": resolves_when(&case.incident),
            "next": next_steps(case.as_it_stood(), &case.marks),
        })
    }
}

fn find(s: &mut Database, id: &str, now: Timestamp) -> Result<Option<Found>, store::Error> {
    let Some(incident) = s.incident(id)? else {
        return Ok(None);
    };
    let steps = s.incident_transitions(id)?;
    let first = steps.first().map(|row| &row.transition);
    let opened = first.map_or(&incident, |step| &step.incident);
    let window = window(&opened.evidence, incident.rule, opened.opened_at);
    let whole = Span::new(window.from, incident.judged_at.max(window.until));
    let polls = s.polls_within(&incident.server, whole)?;
    let (mut coverage, mut marks) = (Vec::new(), Vec::new());
    if let Some(stream) = &incident.stream {
        let key = StreamKey::new(&incident.server, stream);
        for kind in kinds(incident.rule) {
            coverage.push((
                *kind,
                s.coverage(&key, *kind)?.intersect(&Coverage::of([window])),
            ));
        }
        let classes = counted(incident.rule);
        marks = s.bounce_events(&key, whole, &classes, MOST_MARKS + 1)?;
    }
    let more_marks = marks.len() > MOST_MARKS as usize;
    marks.truncate(MOST_MARKS as usize);
    marks.retain(|mark| concerns(&opened.evidence, mark) || concerns(&incident.evidence, mark));
    let tellings = s.notifications(id)?;
    let mut mutes = s.mutes(now)?;
    mutes.retain(|mute| mute.covers(&incident.server, incident.rule));
    let case = Case {
        steps: steps.iter().map(|row| row.transition.clone()).collect(),
        window,
        polls: polls.into_iter().map(poll).collect(),
        coverage,
        marks: marks.into_iter().map(mark).collect(),
        more_marks,
        tellings: tellings.iter().map(telling).collect(),
        mutes,
        incident,
    };
    Ok(Some(Found {
        case,
        steps,
        tellings,
    }))
}

/// The time that a rule judged at `at`, as its evidence says.
fn window(evidence: &Evidence, rule: Rule, at: Timestamp) -> Span {
    match evidence {
        Evidence::Rate(rate) => Span::before(at, rate.window),
        Evidence::Silence { gap, .. } => *gap,
        Evidence::Drop { window, .. } => *window,
        Evidence::Delivery { since, .. } => Span::new(since.unwrap_or(at).min(at), at),
        Evidence::Events { .. } | Evidence::Suppressed { .. } => Span::before(at, DAY),
        Evidence::Blind { since, .. } if rule.is_of_server() => Span::new((*since).min(at), at),
        Evidence::Blind { .. } => Span::before(at, HOUR),
    }
}

const fn kinds(rule: Rule) -> &'static [Kind] {
    match rule {
        Rule::SendSilence | Rule::SendDrop | Rule::DeliverySilence => &[Kind::Messages],
        Rule::SpamComplaintExternal | Rule::OperatorBounce => &[Kind::Bounces],
        Rule::BounceRate | Rule::SpamRate | Rule::HardBounceWake => {
            &[Kind::Messages, Kind::Bounces]
        }
        Rule::Blind | Rule::AccountInactive | Rule::SuppressedAddress => &[],
    }
}

/// The classes of bounces that it counts, or all that tell of a failure where it counts mail.
fn counted(rule: Rule) -> Vec<BounceClass> {
    let counts = |class: &BounceClass| match rule {
        Rule::SpamRate | Rule::SpamComplaintExternal => *class == BounceClass::Complaint,
        Rule::BounceRate | Rule::OperatorBounce => class.counts(),
        Rule::HardBounceWake => *class == BounceClass::Hard,
        _ => !matches!(class, BounceClass::Ignored | BounceClass::Other),
    };
    BounceClass::ALL.into_iter().filter(counts).collect()
}

/// Whether a bounce is of those whom the incident names, where it names some.
fn concerns(evidence: &Evidence, mark: &store::EventRow) -> bool {
    let recipient = mark.recipient.as_deref().unwrap_or_default();
    let is = |address: &String| address.eq_ignore_ascii_case(recipient);
    match evidence {
        Evidence::Events { recipients, .. } => recipients.iter().any(is),
        Evidence::Suppressed { addresses, .. } => addresses.iter().any(|s| is(&s.address)),
        _ => true,
    }
}

fn poll(row: store::PollRow) -> Poll {
    Poll {
        at: row.at,
        requests: row.requests,
        failed: (!row.complete).then(|| row.reason.unwrap_or_default()),
    }
}

fn mark(event: store::EventRow) -> Mark {
    Mark {
        at: event.at,
        kind: event.kind.unwrap_or_default(),
        recipient: event.recipient.unwrap_or_default(),
        tag: event.tag,
        description: event.description.unwrap_or_default(),
    }
}

fn telling(telling: &store::Notification) -> Telling {
    let failed = telling
        .attempts
        .iter()
        .filter(|a| a.outcome != AttemptOutcome::Accepted);
    let accepted_at = telling.accepted_at.filter(|_| !telling.pending);
    Telling {
        headline: telling
            .message
            .text
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
        written_at: telling.written_at,
        accepted: accepted_at.map(|at| (at, telling.accepted_by.clone())),
        given_up: telling.given_up,
        failed: failed.map(|a| (a.at, ended(a).to_owned())).collect(),
    }
}

fn ended(attempt: &store::AttemptRow) -> &str {
    match &attempt.outcome {
        AttemptOutcome::Begun => "broke off; nobody knows whether it was accepted",
        outcome => outcome.as_str(),
    }
}

/// With every address in it masked, as in every example.
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

fn mark_json(mark: &Mark) -> Value {
    json!({
        "at": mark.at.to_string(), "bounce_type": mark.kind, "recipient": mask(&mark.recipient), "tag": mark.tag,
        "bounce_description": mark.description,
    })
}

fn telling_json(telling: &store::Notification) -> Value {
    let attempts = telling.attempts.iter().map(
        |a| json!({"at": a.at.to_string(), "outcome": a.outcome.as_str(), "unknown": a.unknown}),
    );
    json!({
        "kind": telling.message.kind.name(), "written_at": telling.written_at.to_string(), "pending": telling.pending, "given_up": telling.given_up,
        "accepted_at": telling.accepted_at.map(|at| at.to_string()), "channel": telling.accepted_by,
        "attempts": attempts.collect::<Vec<_>>(), "text": telling.message.text,
    })
}
