//! `recent`: the newest events as JSON.

use serde_json::{Value, json};

use crate::cycle::Context;
use crate::model::BounceClass;
use crate::store::{self, EventRow};
use crate::text::sanitize::json_line;

impl Context {
    /// The newest events and the counts of the last 24 hours, as JSON.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn recent(&self, limit: u32) -> Result<String, store::Error> {
        let at = self.stored_until().await?;
        let rows = self.store.call(move |s| s.recent_events(at, limit)).await?;
        let (mut delivered, mut bounced, mut complaints) = (0, 0, 0);
        for (server, streams) in self.watched().await? {
            for stream in &streams {
                let (_, day) = self.last_day(&server.name, stream, at).await?;
                delivered += day.delivered;
                bounced += day.bounced;
                complaints += day.complaints;
            }
        }
        let all = json!({
            "events": rows.iter().map(event_json).collect::<Vec<_>>(),
            "counts_24h": {"delivered": delivered, "bounced": bounced, "spam_complaint": complaints},
            "total_24h": delivered + bounced + complaints,
        });
        Ok(json_line(&all))
    }
}

fn event_json(event: &EventRow) -> Value {
    let kind = match event.class {
        None => "Delivery",
        Some(BounceClass::Complaint) => "SpamComplaint",
        Some(_) => "Bounce",
    };
    json!({
        "id": event.id, "event_type": kind, "message_id": event.message, "recipient": event.recipient,
        "tag": event.tag, "bounce_type": event.kind, "bounce_description": event.description,
        "recorded_at": event.at.to_string(),
    })
}
