//! What sinks beside Slack get of a cycle: rows for the outbox, written in the same transaction as Slack's.

use std::collections::BTreeSet;

use serde_json::json;

use crate::config::SinkConfig;
use crate::model::{Incident, Step, Timestamp, Transition};
use crate::notify::alert::{Style, alert};
use crate::notify::answered::acknowledgement_text;
use crate::output::json::{AcknowledgementView, TransitionView};
use crate::store::{MessageKind, NewMessage, Placement};

/// Returns a row for each sink and each step that it wants, in the order of `steps`; of several steps of one incident the last one,
/// where a sink does not want each.
pub(crate) fn sink_rows(sinks: &[SinkConfig], steps: &[(Transition, String)]) -> Vec<NewMessage> {
    let mut rows = Vec::new();
    for sink in sinks {
        let mut seen = BTreeSet::new();
        let wanted = steps.iter().rev().filter(|(step, _)| {
            let is_wanted = step.notified && sink.wants(&step.incident);
            is_wanted && (sink.kind.wants_every_step() | seen.insert(&step.incident.id))
        });
        let wanted: Vec<_> = wanted.collect();
        rows.extend(wanted.into_iter().rev().map(|(step, text)| {
            let body = json!(TransitionView::new(step, text)).to_string();
            sink_row(sink, &step.incident, text, body)
        }));
    }
    rows
}

/// Returns a row for each sink that can be told that somebody takes care of `incident`, which Slack says in the message alone.
pub(crate) fn acknowledgement_rows(
    sinks: &[SinkConfig],
    incident: &Incident,
    style: Style,
) -> Vec<NewMessage> {
    let Some(by) = incident.acknowledged.as_ref().filter(|_| incident.notified) else {
        return Vec::new();
    };
    let text = acknowledgement_text(incident, by, style);
    let body = json!(AcknowledgementView::new(incident, by, &text)).to_string();
    let wanted = sinks.iter().filter(|sink| sink.wants(incident));
    let wanted = wanted.filter(|sink| sink.kind.takes_acknowledgements());
    wanted
        .map(|sink| sink_row(sink, incident, &text, body.clone()))
        .collect()
}

fn sink_row(sink: &SinkConfig, incident: &Incident, text: &str, body: String) -> NewMessage {
    NewMessage {
        kind: MessageKind::Sink,
        incident: Some(incident.id.clone()),
        incidents: vec![incident.id.clone()],
        channel: sink.channel(),
        text: text.to_owned(),
        body,
        placement: Placement::default(),
    }
}

/// Returns the end of an incident that a mute had held back, as it is sent at the end of the mute.
pub(crate) fn resolved_step(
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
