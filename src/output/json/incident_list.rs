//! Incidents in a list, open and past.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{Feedback, Incident, IncidentState, Transition};
use crate::notify::problem_span::whole_span;
use crate::output::json::evidence::span_json;
use crate::output::json::{IncidentFields, TransitionView};

/// An incident in a list.
#[derive(Clone, Debug)]
pub struct ListedIncident {
    pub incident: Incident,
    pub last_step: Transition,
    /// What its last message said.
    pub text: String,
    pub feedback: Option<Feedback>,
}

/// The fields of its last step with the figures of now, and its course.
#[derive(Serialize)]
struct ListedView<'a> {
    id: &'a str,
    #[serde(flatten)]
    last_step: TransitionView<'a>,
    opened_at: String,
    /// Null while it is open.
    resolved_at: Option<String>,
    /// When the problem began, and when it ended as far as is known: null while it is open.
    since: String,
    ended: Option<String>,
    /// Null where nobody did.
    acknowledged_by: Option<&'a str>,
    closed_by: Option<&'a str>,
    /// The time while it was open that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<Value>,
    verdict: Option<&'a str>,
}

/// Returns the array for scripts, in the order of `incidents`.
pub fn incidents_json(incidents: &[ListedIncident]) -> Value {
    let view = |listed: &ListedIncident| {
        let incident = &listed.incident;
        let span = whole_span(incident);
        let acknowledged = incident.acknowledged.as_ref();
        json!(ListedView {
            id: &incident.id,
            last_step: TransitionView {
                incident: IncidentFields::new(incident),
                ..TransitionView::new(&listed.last_step, &listed.text)
            },
            opened_at: incident.first_opening().to_string(),
            resolved_at: match incident.state {
                IncidentState::Open { .. } => None,
                IncidentState::Resolved { at, .. } => Some(at.to_string()),
            },
            since: span.from.to_string(),
            ended: incident.is_end_known().then(|| span.until.to_string()),
            acknowledged_by: acknowledged.map(|by| by.by.as_str()),
            closed_by: incident.closed_by.as_deref(),
            unread: incident.unread.as_ref().map(span_json),
            verdict: listed.feedback.as_ref().map(|said| said.judgement.name()),
        })
    };
    incidents.iter().map(view).collect()
}
