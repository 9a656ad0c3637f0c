//! `incidents`: all of them, in a range of time.

use std::cmp::Reverse;

use clap::Args;

use crate::clock;
use crate::commands::CommandResult;
use crate::commands::open::{cycle_error, open_existing};
use crate::commands::query::args::WindowArgs;
use crate::commands::query::time_arg;
use crate::commands::query::validate;
use crate::commands::stdout::print;
use crate::config::Config;
use crate::cycle::mutes::require_known_server;
use crate::model::{DAY, ServerName, Span};
use crate::output::incidents::incidents_text;
use crate::output::json::incidents_json;
use crate::overview::load_incidents;
use crate::text::sanitize::json_line;

/// The range where `--since` is not given, in days.
const DEFAULT_DAYS: u32 = 30;

#[derive(Debug, Args)]
pub struct IncidentsArgs {
    #[command(flatten)]
    pub window: WindowArgs,
    /// Only incidents of this server
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Lists the incidents that are open or opened in the range, newest first.
pub(super) async fn incidents(config: Config, args: &IncidentsArgs) -> CommandResult {
    let now = clock::now();
    let server = validate::server(args.server.as_deref())?.map(ServerName::from);
    let window = time_arg::window(&args.window, config.time_zone, now)?;
    let until = window.until.unwrap_or(now);
    let since = window.since.unwrap_or(until - DEFAULT_DAYS * DAY);
    let span = Span::new(since, until);
    if span.is_empty() {
        return Err(validate::usage("--since is in the future"));
    }
    let context = open_existing(config)?;
    let mut listed = load_incidents(&context.config, &context.store, since)
        .await
        .map_err(cycle_error)?;
    listed.retain(|one| {
        let is_wanted = server
            .as_ref()
            .is_none_or(|name| one.incident.concerns(name));
        is_wanted && one.incident.first_opening() < until
    });
    listed.sort_by_key(|one| Reverse(one.incident.first_opening()));
    // What is not watched any more may still have incidents.
    if listed.is_empty() {
        let known = require_known_server(&context, server.as_ref()).await;
        known.map_err(cycle_error)?;
    }
    print(&match args.json {
        true => json_line(&incidents_json(&listed)),
        false => incidents_text(&listed, span, now, context.style()),
    })
}
