//! The newest events and the counts of the last 24 hours, for `recent` and the page.

use serde_json::{Value, json};

use crate::config::Config;
use crate::cycle::report::last_day;
use crate::cycle::stats::watched_streams;
use crate::model::BounceClass;
use crate::overview::last_cycle_or_now;
use crate::store::{self, Database, EventRow, Store};

/// Returns the newest `limit` events and the counts of the last 24 hours.
pub(crate) async fn recent_json(
    config: &Config,
    store: &Store,
    limit: u32,
) -> Result<Value, store::Error> {
    let at = last_cycle_or_now(store).await?;
    let read = move |s: &mut Database| s.recent_events(at, limit);
    let rows = store.call(read).await?;
    let (mut delivered, mut bounced, mut complaints) = (0, 0, 0);
    for (server, streams) in watched_streams(config, store).await? {
        for stream in &streams {
            let (_, day) = last_day(store, &server.name, stream, at).await?;
            delivered += day.delivered;
            bounced += day.bounced;
            complaints += day.complaints;
        }
    }
    Ok(json!({
        "events": rows.iter().map(event_json).collect::<Vec<_>>(),
        "counts_24h": {"delivered": delivered, "bounced": bounced, "spam_complaint": complaints},
        "total_24h": delivered + bounced + complaints,
    }))
}

/// Returns an event as scripts read it.
fn event_json(row: &EventRow) -> Value {
    let event_type = match row.class {
        None => "Delivery",
        Some(BounceClass::Complaint) => "SpamComplaint",
        Some(_) => "Bounce",
    };
    json!({
        "id": row.id, "event_type": event_type, "message_id": row.message, "recipient": row.recipient, "tag": row.tag,
        "bounce_type": row.kind, "bounce_description": row.description, "recorded_at": row.at.to_string(),
    })
}
