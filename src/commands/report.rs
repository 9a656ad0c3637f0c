//! `report`: everything that is watched as one file of HTML, for mail, for a ticket, for where no port can be opened.

use std::path::PathBuf;

use clap::Args;

use crate::clock;
use crate::commands::CommandResult;
use crate::commands::chart::write_error;
use crate::commands::open::{cycle_error, open_existing};
use crate::commands::query::args::WindowArgs;
use crate::commands::query::time_arg;
use crate::commands::query::validate::usage;
use crate::commands::stdout::print;
use crate::commands::whole_file::write_whole;
use crate::config::Config;
use crate::html::{Medium, overview_page};
use crate::model::{DAY, HOUR};
use crate::overview::{DEFAULT_SEASON, Present, collect_servers, load_overview};
use crate::text::format::plural;

/// Hourly counts are kept so long.
const MAX_DAYS: u32 = 400;

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub html: PathBuf,
    /// Start: RFC 3339, a date or time in `time_zone`, or an age such as 30d [default: 45d]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
}

pub(super) async fn report(config: Config, args: &ReportArgs) -> CommandResult {
    let now = clock::now();
    let window = WindowArgs {
        since: args.since.clone(),
        until: None,
    };
    let since = time_arg::window(&window, config.time_zone, now)?.since;
    let season = since.map_or(DEFAULT_SEASON, |since| now.since(since));
    if season < HOUR || season > MAX_DAYS * DAY {
        return Err(usage(&format!(
            "--since must lie between an hour and {MAX_DAYS} days ago: hourly counts are kept so long"
        )));
    }
    let context = open_existing(config)?;
    let (config, store) = (&context.config, &context.store);
    let present = Present::read(config, store, None).await;
    let present = present.map_err(cycle_error)?;
    let mail = collect_servers(config, store, &present).await;
    let mail = mail.map_err(cycle_error)?;
    let (what, known) = (("", season), (present, Some(&mail)));
    let view = load_overview(config, store, Medium::File, what, known);
    let view = view.await.map_err(cycle_error)?;
    let servers = plural(view.total as u64, "server");
    write_whole(&args.html, overview_page(&view).as_bytes())
        .map_err(|error| write_error(&args.html, &error))?;
    print(&format!("{servers}, written to {}\n", args.html.display()))
}
