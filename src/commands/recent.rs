//! `recent`: the newest events as JSON.

use clap::Args;

use crate::commands::CommandResult;
use crate::commands::open::{cycle_error, open_existing};
use crate::commands::stdout::print;
use crate::config::Config;
use crate::overview::recent_json;
use crate::text::sanitize::json_line;

#[derive(Debug, Args)]
pub struct RecentArgs {
    /// Maximum number of events (1 to 100)
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
}

pub(super) async fn recent(config: Config, args: &RecentArgs) -> CommandResult {
    // Without a database nothing is known, which a count of zero would not say.
    let context = open_existing(config)?;
    let events = recent_json(&context.config, &context.store, args.limit).await;
    print(&json_line(&events.map_err(cycle_error)?))
}
