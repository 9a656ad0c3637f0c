//! `recent`: the newest events as JSON.

use clap::Args;
use serde_json::{Value, json};

use crate::commands::CommandResult;
use crate::commands::open::{cycle_error, open_readonly};
use crate::commands::status::last_cycle_or_now;
use crate::commands::stdout::print;
use crate::config::Config;
use crate::cycle::Context;
use crate::cycle::report::last_day;
use crate::cycle::stats::watched_streams;
use crate::model::BounceClass;
use crate::store::{self, Database, EventRow};
use crate::text::sanitize::json_line;

#[derive(Debug, Args)]
pub struct RecentArgs {
    /// Maximum number of events (1 to 100)
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
}

pub(super) async fn recent(config: Config, args: &RecentArgs) -> CommandResult {
    let context = open_readonly(config)?;
    let events = recent_json(&context, args.limit).await;
    print(&json_line(&events.map_err(cycle_error)?))
}

/// Returns the newest `limit` events and the counts of the last 24 hours.
async fn recent_json(context: &Context, limit: u32) -> Result<Value, store::Error> {
    let at = last_cycle_or_now(context).await?;
    let read = move |s: &mut Database| s.recent_events(at, limit);
    let rows = context.store.call(read).await?;
    let (mut delivered, mut bounced, mut complaints) = (0, 0, 0);
    for (server, streams) in watched_streams(context).await? {
        for stream in &streams {
            let (_, day) = last_day(context, &server.name, stream, at).await?;
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
