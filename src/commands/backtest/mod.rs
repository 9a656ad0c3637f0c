//! `backtest`.

mod postmark;
pub mod replay;
mod report;

pub use report::report;

use std::path::Path;

use crate::cli::{Backtest, Format};
use crate::clock;
use crate::commands::backtest::replay::{BacktestError, Past, Range, to_json};
use crate::commands::{Ended, INCOMPLETE, USAGE, print};
use crate::config::Config;
use crate::notify::alert::Style;
use crate::progress::Progress;

/// Replays a past and prints what would have fired.
pub(crate) async fn backtest(config: &Config, args: &Backtest) -> Ended {
    let range = Range {
        from: args.from,
        until: args.until,
    };
    let past = match (&args.events, args.days) {
        (Some(path), _) => read(config, path, range, args),
        (None, days) => Past::of_postmark(config, days.unwrap_or(45), range, clock::now()).await,
    };
    let past = past.map_err(|error| (code(&error), error.to_string()))?;
    let style = Style {
        zone: config.time_zone,
        mask: config.slack.mask_addresses,
    };
    let judging = Progress::new("judging", past.polls() as u64);
    let transitions = past.replay(config, None, || judging.advance(1));
    drop(judging);
    match args.format {
        Format::Json => print(&to_json(&transitions, style)),
        Format::Text => {
            let comparing = Progress::new("comparing", past.polls() as u64);
            let text = report(&past, config, &transitions, || comparing.advance(1));
            drop(comparing);
            print(&text)
        }
    }
}

fn read(
    config: &Config,
    path: &Path,
    range: Range,
    args: &Backtest,
) -> Result<Past, BacktestError> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    let reading = Progress::new("reading", size);
    let progress = |bytes| reading.advance(bytes as u64);
    Past::of_file(config, path, range, args.proof, progress)
}

const fn code(error: &BacktestError) -> u8 {
    match error {
        BacktestError::Open { .. } | BacktestError::Tape { .. } | BacktestError::Range(_) => USAGE,
        _ => INCOMPLETE,
    }
}
