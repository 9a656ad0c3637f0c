//! `recent`: the newest events as JSON.

use clap::Args;
use serde_json::{Value, json};

use crate::commands::CommandResult;
use crate::commands::open::{open_readonly, store_error};
use crate::commands::status::last_cycle_or_now;
use crate::commands::stdout::print;
use crate::config::Config;
use crate::cycle::Context;
use crate::model::BounceClass;
use crate::store::{self, EventRow};
use crate::text::sanitize::json_line;

/// Arguments of `recent`.
#[derive(Debug, Args)]
pub struct RecentArgs {
    /// Maximum number of events (1 to 100)
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
}

/// Prints the newest events.
pub(super) async fn recent(config: Config, args: &RecentArgs) -> CommandResult {
    let context = open_readonly(config)?;
    let events = recent_json(&context, args.limit).await;
    print(&json_line(&events.map_err(store_error)?))
}

/// Returns the newest `limit` events and the counts of the last 24 hours.
async fn recent_json(context: &Context, limit: u32) -> Result<Value, store::Error> {
    let at = last_cycle_or_now(context).await?;
    let rows = context
        .store
        .call(move |s| s.recent_events(at, limit))
        .await?;
    let (mut delivered, mut bounced, mut complaints) = (0, 0, 0);
    for (server, streams) in context.watched().await? {
        for stream in &streams {
            let (_, day) = context.last_day(&server.name, stream, at).await?;
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
