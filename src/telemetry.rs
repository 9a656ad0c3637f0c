//! Sets up the log, which goes to standard error.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts the log. `filter` is the value of `RUST_LOG`, such as `debug` or `hushwatch::cycle=trace`; an invalid one is
/// reported, and counts as `info`.
pub fn init(format: LogFormat, filter: Option<&str>) {
    let targets = build_targets(filter);
    let stderr = std::io::stderr;
    let text = fmt::layer().with_writer(stderr).with_target(false);
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    let layer = match format {
        LogFormat::Json => fmt::layer().json().with_writer(stderr).boxed(),
        // The journal adds the time itself.
        LogFormat::Text if under_systemd => text.without_time().with_ansi(false).boxed(),
        LogFormat::Text => text.with_ansi(stderr().is_terminal()).boxed(),
    };
    // A second start, as in a test, is not an error.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(targets))
        .try_init();
    if filter.is_some_and(|text| Targets::from_str(text).is_err()) {
        tracing::warn!(
            "RUST_LOG is not valid (it may be `debug` or `hushwatch::cycle=trace`); logging at info"
        );
    }
}

/// Returns the level of each target. Other crates never log more than warnings: their traces show headers, and so tokens.
fn build_targets(filter: Option<&str>) -> Targets {
    let parsed = filter
        .and_then(|text| Targets::from_str(text).ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let level = parsed.default_level().unwrap_or(LevelFilter::INFO);
    let own: Vec<(String, LevelFilter)> = parsed
        .iter()
        .filter(|(target, _)| *target == "hushwatch" || target.starts_with("hushwatch::"))
        .map(|(target, level)| (target.to_owned(), level))
        .collect();
    Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("hushwatch", level)
        .with_targets(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn other_crates_never_log_more_than_warnings() {
        for filter in [
            None,
            Some("trace"),
            Some("hyper=trace,debug"),
            Some("reqwest=trace"),
            Some("=,=nonsense"),
        ] {
            let targets = build_targets(filter);
            assert!(!targets.would_enable("hyper", &Level::INFO), "{filter:?}");
            assert!(
                !targets.would_enable("reqwest::connect", &Level::DEBUG),
                "{filter:?}"
            );
        }
        assert!(build_targets(Some("trace")).would_enable("hushwatch::cycle", &Level::TRACE));
        assert!(build_targets(None).would_enable("hushwatch::cycle", &Level::INFO));
        assert!(!build_targets(Some("error")).would_enable("hushwatch::cycle", &Level::WARN));
    }
}
