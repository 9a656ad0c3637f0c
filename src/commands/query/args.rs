//! Arguments that several verbs share.

use clap::Args;

use crate::clock;
use crate::commands::query::time_arg;
use crate::config::Config;
use crate::postmark::Window;

#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// Only this server, by its name in the configuration or the account
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Only this stream, such as outbound
    #[arg(long, value_name = "ID")]
    pub stream: Option<String>,
}

#[derive(Debug, Args)]
pub struct WindowArgs {
    /// Start: RFC 3339, a date or time in `time_zone`, or an age such as 2h or 3d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// End, in the same forms; a date means the end of that day
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

#[derive(Debug, Args)]
pub struct ScopeArgs {
    #[command(flatten)]
    pub window: WindowArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Only this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Maximum number of rows, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

impl ScopeArgs {
    pub(super) fn window(&self, config: &Config) -> Result<Window, (u8, String)> {
        time_arg::window(&self.window, config.time_zone, clock::now())
    }
}
