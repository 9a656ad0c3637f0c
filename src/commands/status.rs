//! `status`: what is stored, as of the last cycle.

use crate::commands::CommandResult;
use crate::commands::cli::ViewArgs;
use crate::commands::open::{cycle_error, open_readonly};
use crate::commands::stdout::print;
use crate::config::Config;
use crate::cycle::Context;
use crate::output::status::StatusReport;
use crate::overview::collect_status;
use crate::text::sanitize::{clean_lines, json_line};

/// Prints what is stored; mutes as they are at `--now`, or by the clock.
pub(super) async fn status(config: Config, args: &ViewArgs) -> CommandResult {
    let context = open_readonly(config)?;
    let status = collect_status(&context.config, &context.store, args.now).await;
    let status = status.map_err(cycle_error)?;
    print(&match args.json {
        true => json_line(&status.to_json(context.style())),
        false => status_text(&status, &context),
    })
}

/// Returns the status as a person reads it.
pub(super) fn status_text(status: &StatusReport, context: &Context) -> String {
    let store = context.config.store.to_string();
    clean_lines(&status.to_text(&store, context.style()))
}
