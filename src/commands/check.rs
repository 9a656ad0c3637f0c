//! `check`: one cycle, then exit.

use clap::Args;

use crate::commands::cli::parse_instant;
use crate::commands::open::{cycle_error, log_warnings, open_for_cycle};
use crate::commands::stdout::{print, print_disabled};
use crate::commands::{CommandResult, INCOMPLETE, OPEN_INCIDENT};
use crate::config::Config;
use crate::cycle::Options;
use crate::model::Timestamp;
use crate::text::sanitize::json_line;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Exit with 10 if an incident is open
    #[arg(long)]
    pub exit_code: bool,
    /// Take this instant as the present (RFC 3339) [default: the clock]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

/// Runs one cycle and prints what it saw and did.
pub(super) async fn check(config: Config, args: CheckArgs) -> CommandResult {
    log_warnings(&config);
    if !config.enabled {
        return print_disabled("nothing was polled", args.json);
    }
    let context = if args.json {
        open_for_cycle(config, std::io::stderr()).await?
    } else {
        open_for_cycle(config, std::io::stdout()).await?
    };
    let report = context
        .cycle(Options {
            now: args.now,
            scheduled: false,
        })
        .await
        .map_err(cycle_error)?;
    if args.json {
        print(&json_line(&serde_json::json!(report)))?;
    } else {
        tracing::info!("{}", report.to_line());
    }
    Ok(
        match (
            report.is_complete(),
            args.exit_code && report.has_open_incident(),
        ) {
            (false, _) => INCOMPLETE,
            (true, true) => OPEN_INCIDENT,
            (true, false) => 0,
        },
    )
}
