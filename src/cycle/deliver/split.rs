//! What is held back of a message that tells of several incidents: it waits in the message's row, and the rest is told by another.

use std::collections::BTreeSet;

use crate::cycle::stored_message::{telling_of_row, to_body, to_telling_body};
use crate::model::{Incident, Timestamp, Transition};
use crate::notify::alert::Style;
use crate::notify::live::{as_reported, live_group};
use crate::notify::telling::Telling;
use crate::store::{Database, Error, NewMessage, OutboxRow, SplitRow, Thread};

/// Returns which of `rows` are to become two, since some of their incidents are `held` and others are not. What may have been posted
/// stays whole.
pub(super) fn split_held(
    rows: &[OutboxRow],
    held: &BTreeSet<String>,
    style: Style,
) -> Vec<SplitRow> {
    let is_touched = |row: &&OutboxRow| row.message.incidents.iter().any(|id| held.contains(id));
    let rows = rows.iter().filter(is_touched);
    rows.filter_map(|row| split(row, held, style)).collect()
}

/// Words the edits anew that go with what is not `held`: of the incidents that are and still stand, the message in Slack goes on to
/// say what people were told last.
pub(super) fn leave_as_reported(
    s: &mut Database,
    split: &mut [SplitRow],
    held: &BTreeSet<String>,
    (now, style): (Timestamp, Style),
) -> Result<(), Error> {
    for row in split {
        let placement = &mut row.rest.placement;
        let Thread::Continues(opener) = placement.thread else {
            continue;
        };
        let threads = s.message_threads(&row.rest.incidents)?;
        let Some(thread) = threads.into_iter().find(|thread| thread.seq == opener) else {
            continue;
        };
        let mut members: Vec<Incident> = Vec::new();
        for incident in &thread.incidents {
            let waits = held.contains(&incident.id) && !row.rest.incidents.contains(&incident.id);
            let steps = s.incident_transitions(&incident.id)?.into_iter();
            let mut notified: Vec<Transition> = steps.map(|row| row.transition).collect();
            notified.retain(|step| step.notified);
            // What this row held is told by none yet.
            if waits && notified.len() > 1 {
                notified.pop();
            }
            let incident = Incident {
                notification_deferred: incident.notification_deferred || waits,
                ..incident.clone()
            };
            members.push(as_reported(&incident, &notified));
        }
        let members: Vec<&Incident> = members.iter().collect();
        placement.top = to_body(&live_group(&members, now, style));
    }
    Ok(())
}

fn split(row: &OutboxRow, held: &BTreeSet<String>, style: Style) -> Option<SplitRow> {
    if row.unconfirmed.is_some() || row.is_edited {
        return None;
    }
    let telling = telling_of_row(&row.message)?;
    if !telling.incidents().iter().eq(&row.message.incidents) {
        return None;
    }
    let (held, rest) = telling.split(held)?;
    let (kept, notified) = (held.to_message(style)?, rest.to_message(style)?);
    Some(SplitRow {
        seq: row.seq,
        text: kept.to_text(),
        body: to_telling_body(&kept, Some(&held)),
        incident: only_incident(&held),
        rest: NewMessage {
            incident: only_incident(&rest),
            incidents: rest.incidents().into_iter().collect(),
            text: notified.to_text(),
            body: to_telling_body(&notified, Some(&rest)),
            ..row.message.clone()
        },
    })
}

fn only_incident(telling: &Telling) -> Option<String> {
    match telling.steps.as_slice() {
        [one] => Some(one.incident.id.clone()),
        _ => None,
    }
}
