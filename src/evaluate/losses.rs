//! The times of which incidents say that mail was not delivered: what is usual is not learned from them.

use std::collections::BTreeMap;

use crate::model::{Evidence, History, Incident, Judgement, KnownLoss, StreamId, Timestamp};

/// Returns the times up to `at` in which, by its incidents, mail of `stream` was not delivered, but for those that people called
/// false alarms. Of several versions of an incident the last one counts.
pub fn known_losses<'i>(
    incidents: impl IntoIterator<Item = &'i Incident>,
    history: &History,
    stream: &StreamId,
    at: Timestamp,
) -> Vec<KnownLoss> {
    let of_stream = incidents
        .into_iter()
        .filter(|incident| incident.stream.as_ref() == Some(stream) && incident.opened_at <= at);
    let latest: BTreeMap<&str, &Incident> = of_stream.map(|i| (i.id.as_str(), i)).collect();
    let is_false_alarm = |id: &str| {
        let mut marked = history.marked.iter();
        marked.any(|m| m.incident == id && m.feedback.judgement == Judgement::FalseAlarm)
    };
    let mut losses: Vec<KnownLoss> = latest
        .into_iter()
        .filter(|(id, _)| !is_false_alarm(id))
        .filter_map(|(_, incident)| {
            Some(KnownLoss {
                span: incident.loss_span(at)?,
                lost_share: incident.lost_share(),
                by_list: matches!(&incident.evidence, Evidence::DeliveryDrop(drop) if drop.by_list),
            })
        })
        .collect();
    losses.sort_by_key(|loss| (loss.span.from, loss.span.until));
    losses
}
