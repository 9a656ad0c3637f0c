//! What sinks beside Slack are told of a cycle: rows for the outbox, written in the same transaction as Slack's.

use std::collections::BTreeSet;

use serde_json::json;

use crate::config::SinkConfig;
use crate::model::{Incident, Step, Timestamp, Transition};
use crate::notify::alert::{Style, alert};
use crate::output::json::TransitionView;
use crate::store::{MessageKind, NewMessage, Placement};

/// Returns a row for each sink and each told step that it is to hear of, in the order of `steps`; of several steps of one incident
/// the last one, where a sink does not want each.
pub(crate) fn sink_rows(sinks: &[SinkConfig], steps: &[(Transition, String)]) -> Vec<NewMessage> {
    let mut rows = Vec::new();
    for sink in sinks {
        let mut seen = BTreeSet::new();
        let wanted = steps.iter().rev().filter(|(step, _)| {
            let is_wanted = step.notified && sink.wants(&step.incident);
            is_wanted && (sink.kind.wants_every_step() | seen.insert(&step.incident.id))
        });
        let wanted: Vec<_> = wanted.collect();
        rows.extend(wanted.into_iter().rev().map(|step| sink_row(sink, step)));
    }
    rows
}

fn sink_row(sink: &SinkConfig, (step, text): &(Transition, String)) -> NewMessage {
    let incident = &step.incident.id;
    NewMessage {
        kind: MessageKind::Sink,
        incident: Some(incident.clone()),
        incidents: vec![incident.clone()],
        channel: sink.channel(),
        text: text.clone(),
        body: json!(TransitionView::new(step, text)).to_string(),
        placement: Placement::default(),
    }
}

/// Returns the end of an incident that a mute had held back, as it is told at the end of the mute.
pub(crate) fn told_as_resolved(
    incident: &Incident,
    now: Timestamp,
    style: Style,
) -> (Transition, String) {
    let step = Transition {
        at: now,
        step: Step::Resolved,
        incident: incident.clone(),
        notified: true,
    };
    let text = alert(&step, style).to_text();
    (step, text)
}
