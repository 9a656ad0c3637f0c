//! What is held back of a message that tells of several incidents: it waits in the message's row, and the rest is told by another.

use std::collections::BTreeSet;

use crate::cycle::stored_message::{telling_of_row, to_telling_body};
use crate::notify::alert::Style;
use crate::notify::telling::Telling;
use crate::store::{NewMessage, OutboxRow, SplitRow};

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

fn split(row: &OutboxRow, held: &BTreeSet<String>, style: Style) -> Option<SplitRow> {
    if row.unconfirmed.is_some() || row.is_edited {
        return None;
    }
    let telling = telling_of_row(&row.message)?;
    if !telling.incidents().iter().eq(&row.message.incidents) {
        return None;
    }
    let (held, rest) = telling.split(held)?;
    let (kept, told) = (held.to_message(style)?, rest.to_message(style)?);
    Some(SplitRow {
        seq: row.seq,
        text: kept.to_text(),
        body: to_telling_body(&kept, Some(&held)),
        incident: only_incident(&held),
        rest: NewMessage {
            incident: only_incident(&rest),
            incidents: rest.incidents().into_iter().collect(),
            text: told.to_text(),
            body: to_telling_body(&told, Some(&rest)),
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
