//! Arguments that several verbs share.

use clap::Args;

/// Which server and stream are asked.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// Only this server, by its name in the configuration or the account
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Only this stream, such as outbound
    #[arg(long, value_name = "ID")]
    pub stream: Option<String>,
}

/// A range of time, as a person writes it.
#[derive(Debug, Args)]
pub struct WindowArgs {
    /// Start: RFC 3339, a date or time in `time_zone`, or an age such as 2h or 3d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// End, in the same forms; a date means the end of that day
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// What is asked for, and how it is printed.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    #[doc(hidden)]
    #[command(flatten)]
    pub window: WindowArgs,
    #[doc(hidden)]
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Only this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of every list of Postmark's activity.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[doc(hidden)]
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Maximum number of rows, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}
