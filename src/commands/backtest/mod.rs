//! `backtest`.

mod postmark;
mod replay;
mod report;

use std::path::PathBuf;

use clap::Args;

use crate::clock;
use crate::commands::backtest::replay::{BacktestError, ReplayInput, ReplayRange, to_json};
use crate::commands::backtest::report::report;
use crate::commands::cli::parse_instant;
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::Config;
use crate::model::Timestamp;
use crate::notify::alert::Style;
use crate::progress::Progress;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true).args(["events", "days"]))]
pub struct BacktestArgs {
    /// Events file: one message per line
    pub events: Option<PathBuf>,
    /// Replay the last N days of what Postmark still has (1 to 365)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=365))]
    pub days: Option<u32>,
    /// Report from this poll on (RFC 3339) [default: when history suffices to evaluate silence]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub from: Option<Timestamp>,
    /// Stop after this poll (RFC 3339) [default: the last message]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub until: Option<Timestamp>,
    /// Deliveries that the replay knows
    #[arg(long, value_enum, default_value = "full")]
    pub proof: DeliveryKnowledge,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text for a person
    Text,
    /// JSON: one object per line
    Json,
}

/// Which deliveries a replay knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DeliveryKnowledge {
    #[value(skip)]
    Unknown,
    /// All of them, as they happened
    Full,
    /// Those that the live sample would have followed
    Sample,
}

/// Replays past mail and prints what would have fired.
pub(crate) async fn backtest(config: &Config, args: &BacktestArgs) -> CommandResult {
    let range = ReplayRange {
        from: args.from,
        until: args.until,
    };
    let input = match (&args.events, args.days) {
        (Some(path), _) => {
            let size = std::fs::metadata(path).map_or(0, |m| m.len());
            let reading = Progress::new("reading", size);
            let progress = |bytes| reading.advance(bytes as u64);
            ReplayInput::from_file(config, path, range, args.proof, progress)
        }
        (None, days) => {
            ReplayInput::from_postmark(config, days.unwrap_or(45), range, clock::now()).await
        }
    };
    let input = input.map_err(|error| (code(&error), error.to_string()))?;
    let style = Style {
        zone: config.time_zone,
        mask: config.slack.mask_addresses,
    };
    let judging = Progress::new("judging", input.period.polls.len() as u64);
    let transitions = input.replay(config, None, || judging.advance(1));
    drop(judging);
    match args.format {
        Format::Json => print(&to_json(&transitions, style)),
        Format::Text => {
            let comparing = Progress::new("comparing", input.period.polls.len() as u64);
            let text = report(&input, config, style, &transitions, || comparing.advance(1));
            drop(comparing);
            print(&text)
        }
    }
}

const fn code(error: &BacktestError) -> u8 {
    match error {
        BacktestError::Open { .. } | BacktestError::Events { .. } | BacktestError::Range(_) => {
            USAGE
        }
        _ => INCOMPLETE,
    }
}
