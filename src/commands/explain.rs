//! `explain`: everything known about one incident.

use clap::Args;
use serde_json::{Value, json};

use crate::commands::cli::ViewArgs;
use crate::commands::open::{open_existing, store_error};
use crate::commands::status::view_instant;
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::cycle::Context;
use crate::cycle::poll::servers::watched_servers;
use crate::model::{
    BounceClass, Coverage, DAY, Evidence, HOUR, Incident, Kind, Rule, Span, StreamKey, Timestamp,
};
use crate::output;
use crate::output::explain::{
    BounceEvent, IncidentReport, Notification, Poll, next_steps, resolves_when,
};
use crate::output::json::evidence::{evidence_json, span_json};
use crate::output::json::{IncidentView, MuteView, TransitionView};
use crate::store::{self, AttemptOutcome, Database, TransitionRow};
use crate::text::sanitize::{clean, clean_lines, json_line, mask};

/// The maximum number of bounces that are read of one incident.
const MAX_BOUNCES: u32 = 1_000;

/// What is stored of an incident, with the texts that were sent of it.
pub(super) struct IncidentDetails {
    case: IncidentReport,
    steps: Vec<TransitionRow>,
    tellings: Vec<store::Notification>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Id of the incident
    pub incident: String,
    #[doc(hidden)]
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Prints everything known about one incident.
pub(super) async fn explain(config: Config, args: &ExplainArgs) -> CommandResult {
    let context = open_existing(config)?;
    // Ids are in lower case; one that was read out may come back in any.
    let id = args.incident.to_ascii_lowercase();
    let details = load_details(&context, &id, args.view.now).await;
    if let Some(details) = details.map_err(store_error)? {
        return print(&match args.view.json {
            true => json_line(&details_json(&details, &context)),
            false => details_text(&details, &context),
        });
    }
    let open = open_incident_ids(&context).await.map_err(store_error)?;
    let open = match open.as_slice() {
        [] => "no incident is open".to_owned(),
        open => format!("open incidents: {}", open.join(", ")),
    };
    let id = clean(&args.incident);
    Err((
        INCOMPLETE,
        format!(
            "no incident has the id `{id}`; {open}; `hushwatch digest --print` lists those that ended"
        ),
    ))
}

/// Loads what is stored of one incident, and what mutes it at `now` or by the clock; `None` where no incident has this id.
pub(super) async fn load_details(
    context: &Context,
    id: &str,
    now: Option<Timestamp>,
) -> Result<Option<IncidentDetails>, store::Error> {
    let now = view_instant(context, now).await?;
    let id = id.to_owned();
    context.store.call(move |s| load(s, &id, now)).await
}

/// Returns the details as a person reads them.
pub(super) fn details_text(details: &IncidentDetails, context: &Context) -> String {
    clean_lines(&(output::explain::explain(&details.case, context.style()).join("\n") + "\n"))
}

/// Returns the ids of the incidents that are open on the watched servers.
async fn open_incident_ids(context: &Context) -> Result<Vec<String>, store::Error> {
    let mut open = Vec::new();
    for server in watched_servers(&context.config, &context.store).await? {
        let name = server.name.clone();
        let incidents = context
            .store
            .call(move |s| s.latest_incidents(&name))
            .await?;
        let ids = incidents
            .into_iter()
            .filter(Incident::is_open)
            .map(|i| i.id);
        open.extend(ids);
    }
    Ok(open)
}

fn details_json(details: &IncidentDetails, context: &Context) -> Value {
    let case = &details.case;
    let mut incident = json!(IncidentView::new(&case.incident, context.style()));
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
        "bounces": case.bounces.iter().map(bounce_json).collect::<Vec<_>>(),
        "transitions": details.steps.iter().map(|row| {
            let mut json = json!(TransitionView::new(&row.transition, &row.text));
            json["evidence"] = masked(evidence_json(&row.transition.incident.evidence));
            json
        }).collect::<Vec<_>>(),
        "messages": details.tellings.iter().map(notification_json).collect::<Vec<_>>(),
        "mutes": case.mutes.iter().map(MuteView::new).collect::<Vec<_>>(),
        "ends_when": resolves_when(&case.incident),
        "next": next_steps(case.as_it_stood(), &case.bounces),
    })
}
fn load(
    s: &mut Database,
    id: &str,
    now: Timestamp,
) -> Result<Option<IncidentDetails>, store::Error> {
    let Some(incident) = s.incident(id)? else {
        return Ok(None);
    };
    let steps = s.incident_transitions(id)?;
    let first = steps.first().map(|row| &row.transition);
    let opened = first.map_or(&incident, |step| &step.incident);
    let window = judged_window(&opened.evidence, incident.rule, opened.opened_at);
    let whole = Span::new(window.from, incident.judged_at.max(window.until));
    let polls = s.polls_within(&incident.server, whole)?;
    let (mut coverage, mut marks) = (Vec::new(), Vec::new());
    if let Some(stream) = &incident.stream {
        let key = StreamKey::new(&incident.server, stream);
        for kind in evidence_kinds(incident.rule) {
            coverage.push((
                *kind,
                s.coverage(&key, *kind)?
                    .intersect(&Coverage::from_spans([window])),
            ));
        }
        let classes = counted_classes(incident.rule);
        marks = s.bounce_events(&key, whole, &classes, MAX_BOUNCES + 1)?;
    }
    let more_marks = marks.len() > MAX_BOUNCES as usize;
    marks.truncate(MAX_BOUNCES as usize);
    marks.retain(|mark| affects(&opened.evidence, mark) || affects(&incident.evidence, mark));
    let tellings = s.notifications(id)?;
    let mut mutes = s.mutes(now)?;
    mutes.retain(|mute| mute.covers(&incident.server, incident.rule));
    let case = IncidentReport {
        steps: steps.iter().map(|row| row.transition.clone()).collect(),
        window,
        polls: polls.into_iter().map(poll).collect(),
        coverage,
        bounces: marks.into_iter().map(bounce_event).collect(),
        has_more_bounces: more_marks,
        notifications: tellings.iter().map(notification).collect(),
        mutes,
        incident,
    };
    Ok(Some(IncidentDetails {
        case,
        steps,
        tellings,
    }))
}

/// Returns the time that a rule judged at `at`, as its evidence says.
fn judged_window(evidence: &Evidence, rule: Rule, at: Timestamp) -> Span {
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

const fn evidence_kinds(rule: Rule) -> &'static [Kind] {
    match rule {
        Rule::SendSilence | Rule::SendDrop | Rule::DeliverySilence => &[Kind::Messages],
        Rule::SpamComplaintExternal | Rule::OperatorBounce => &[Kind::Bounces],
        Rule::BounceRate | Rule::SpamRate | Rule::HardBounceWake => {
            &[Kind::Messages, Kind::Bounces]
        }
        Rule::Blind | Rule::AccountInactive | Rule::SuppressedAddress => &[],
    }
}

/// Returns the classes of bounces that `rule` counts; for a rule that counts mail, all that mean a failure.
fn counted_classes(rule: Rule) -> Vec<BounceClass> {
    let counts = |class: &BounceClass| match rule {
        Rule::SpamRate | Rule::SpamComplaintExternal => *class == BounceClass::Complaint,
        Rule::BounceRate | Rule::OperatorBounce => class.counts(),
        Rule::HardBounceWake => *class == BounceClass::Hard,
        _ => !matches!(class, BounceClass::Ignored | BounceClass::Other),
    };
    BounceClass::ALL.into_iter().filter(counts).collect()
}

/// Whether a bounce is of a recipient that the incident names, where it names any.
fn affects(evidence: &Evidence, mark: &store::EventRow) -> bool {
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

fn bounce_event(event: store::EventRow) -> BounceEvent {
    BounceEvent {
        at: event.at,
        kind: event.kind.unwrap_or_default(),
        recipient: event.recipient.unwrap_or_default(),
        tag: event.tag,
        description: event.description.unwrap_or_default(),
    }
}

fn notification(telling: &store::Notification) -> Notification {
    let failed = telling
        .attempts
        .iter()
        .filter(|a| a.outcome != AttemptOutcome::Accepted);
    let accepted_at = telling.accepted_at.filter(|_| !telling.pending);
    Notification {
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
        failed: failed.map(|a| (a.at, outcome_text(a).to_owned())).collect(),
    }
}

fn outcome_text(attempt: &store::AttemptRow) -> &str {
    match &attempt.outcome {
        AttemptOutcome::Begun => "broke off; it is unknown whether it was accepted",
        outcome => outcome.as_str(),
    }
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

fn bounce_json(mark: &BounceEvent) -> Value {
    json!({
        "at": mark.at.to_string(), "bounce_type": mark.kind, "recipient": mask(&mark.recipient), "tag": mark.tag,
        "bounce_description": mark.description,
    })
}

fn notification_json(telling: &store::Notification) -> Value {
    let attempts = telling.attempts.iter().map(
        |a| json!({"at": a.at.to_string(), "outcome": a.outcome.as_str(), "unknown": a.unknown}),
    );
    json!({
        "kind": telling.message.kind.name(), "written_at": telling.written_at.to_string(), "pending": telling.pending, "given_up": telling.given_up,
        "accepted_at": telling.accepted_at.map(|at| at.to_string()), "channel": telling.accepted_by,
        "attempts": attempts.collect::<Vec<_>>(), "text": telling.message.text,
    })
}
