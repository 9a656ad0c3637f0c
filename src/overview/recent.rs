//! The newest events and the counts of the last 24 hours, for `recent` and the page.

use serde_json::{Value, json};

use crate::config::Config;
use crate::cycle::report::last_day;
use crate::cycle::stats::watched_streams;
use crate::model::{BounceClass, Timestamp};
use crate::overview::last_cycle_or_now;
use crate::store::{self, Database, EventRow, Store};
use crate::text::sanitize::mask;

/// Counts of the last 24 hours, over all streams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DayTotals {
    /// Messages, of the streams of which it is known.
    pub delivered: u64,
    pub bounced: u64,
    pub complaints: u64,
}

/// Returns the newest `limit` events and the counts of the last 24 hours.
pub(crate) async fn recent_json(
    config: &Config,
    store: &Store,
    limit: u32,
) -> Result<Value, store::Error> {
    let at = last_cycle_or_now(store).await?;
    let rows = load_events(store, at, limit).await?;
    let mut totals = DayTotals::default();
    for (server, streams) in watched_streams(config, store).await? {
        for stream in &streams {
            let (_, day) = last_day(store, &server.name, stream, at).await?;
            totals.delivered += day.delivered.unwrap_or(0);
            totals.bounced += day.bounced;
            totals.complaints += day.complaints;
        }
    }
    Ok(events_json(&rows, totals, false))
}

/// Loads the newest events before `at`, newest first.
pub(crate) async fn load_events(
    store: &Store,
    at: Timestamp,
    limit: u32,
) -> Result<Vec<EventRow>, store::Error> {
    store
        .call(move |s: &mut Database| s.recent_events(at, limit))
        .await
}

/// Returns the object for scripts; where it `masks` them, no address is shown.
pub(crate) fn events_json(rows: &[EventRow], totals: DayTotals, masks: bool) -> Value {
    let event = |row: &EventRow| event_json(row, masks);
    json!({
        "events": rows.iter().map(event).collect::<Vec<_>>(),
        "counts_24h": {"delivered": totals.delivered, "bounced": totals.bounced, "spam_complaint": totals.complaints},
        "total_24h": totals.delivered + totals.bounced + totals.complaints,
    })
}

/// Returns an event as scripts read it.
fn event_json(row: &EventRow, masks: bool) -> Value {
    let event_type = match row.class {
        None => "Delivery",
        Some(BounceClass::Complaint) => "SpamComplaint",
        Some(_) => "Bounce",
    };
    let shown = |text: &String| {
        if masks {
            without_addresses(text)
        } else {
            text.clone()
        }
    };
    json!({
        "id": row.id, "event_type": event_type, "message_id": row.message, "recipient": row.recipient.as_ref().map(shown),
        "tag": row.tag, "bounce_type": row.kind, "bounce_description": row.description.as_ref().map(shown),
        "recorded_at": row.at.to_string(),
    })
}

/// Returns a text in which every address is masked: a mail server repeats the recipient in its answer.
fn without_addresses(text: &str) -> String {
    let is_outside = |c: char| c.is_whitespace() || "<>()[]\"',;:".contains(c);
    let word = |part: &str| {
        let (word, end) = match part.char_indices().next_back() {
            Some((at, c)) if is_outside(c) => part.split_at(at),
            _ => (part, ""),
        };
        let shown = if word.contains('@') {
            mask(word)
        } else {
            word.to_owned()
        };
        shown + end
    };
    text.split_inclusive(is_outside).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_servers_answer_shows_no_address() {
        for (text, shown) in [
            ("jane@example.com", "j***@example.com"),
            (
                "550 5.1.1 <jane@example.com>: user unknown",
                "550 5.1.1 <j***@example.com>: user unknown",
            ),
            ("no such user", "no such user"),
        ] {
            assert_eq!(without_addresses(text), shown);
        }
    }
}
