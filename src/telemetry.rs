//! Sets up the log, which goes to standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::ownership;

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What the log and the error at the end are appended to, instead of standard error.
static LOG_FILE: OnceLock<File> = OnceLock::new();
/// Whether that could not be written, as on a full disk.
static LOG_FILE_FAILED: AtomicBool = AtomicBool::new(false);

/// Lets the log go to the end of a file, which nobody else may read where it is new. It is opened by name at each start, so that it may be
/// rotated between two of them. One that root creates belongs to whom its folder belongs to. To be called before [`init`].
///
/// # Errors
/// Where it cannot be written.
pub fn log_to(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).mode(0o600);
    let file = ownership::open_or_create(&options, path, path)?;
    let _ = LOG_FILE.set(file);
    Ok(())
}

/// Tells why the program ends: where the log goes.
pub fn tell_end(why: &str) {
    if LOG_FILE.get().is_some() {
        for line in why.lines() {
            tracing::error!("{line}");
        }
        return;
    }
    let lines = error_lines(&format!("hushwatch: {why}"));
    let _ = io::stderr().write_all(lines.as_bytes());
}

/// Returns where the log goes.
fn log_writer() -> Box<dyn Write> {
    match LOG_FILE.get() {
        Some(file) => Box::new(OrStderr(file)),
        None => Box::new(io::stderr()),
    }
}

/// Writes to a file, and to standard error what the file does not take: a log that nobody gets would hide why a cycle ended.
struct OrStderr<W>(W);

impl<W: Write> Write for OrStderr<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Err(error) = self.0.write_all(line) else {
            return Ok(line.len());
        };
        let mut stderr = io::stderr().lock();
        if !LOG_FILE_FAILED.swap(true, Ordering::Relaxed) {
            let why = format!(
                "hushwatch: cannot write the log to --log-file: {}; it goes to standard error",
                error.kind()
            );
            stderr.write_all(error_lines(&why).as_bytes())?;
        }
        stderr.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Starts the log. `filter` is the value of `RUST_LOG`, such as `debug` or `hushwatch::cycle=trace`; an invalid one is
/// reported, and counts as `info`.
pub fn init(format: LogFormat, filter: Option<&str>) {
    let targets = build_targets(filter);
    let text = fmt::layer().with_writer(log_writer).with_target(false);
    let is_file = LOG_FILE.get().is_some();
    let layer = match format {
        LogFormat::Json => fmt::layer().json().with_writer(log_writer).boxed(),
        // The journal adds the time itself.
        LogFormat::Text if !is_file && is_journal() => text
            .without_time()
            .with_ansi(false)
            .map_event_format(Prioritized)
            .boxed(),
        LogFormat::Text => text
            .with_ansi(!is_file && io::stderr().is_terminal())
            .boxed(),
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

/// Returns whether standard error is the stream to systemd's journal that `JOURNAL_STREAM` names by device and inode
/// (systemd.exec(5)). The variable alone says nothing: what a service starts inherits it, and may write elsewhere.
fn is_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").ok();
    let stderr = std::io::stderr().as_fd().try_clone_to_owned();
    let stderr = stderr.and_then(|stderr| File::from(stderr).metadata());
    stderr.is_ok_and(|stderr| named == Some(format!("{}:{}", stderr.dev(), stderr.ino())))
}

/// Returns the lines of `text` as an error is written to standard error: in the journal with its priority.
fn error_lines(text: &str) -> String {
    let prefix = if is_journal() { "<3>" } else { "" };
    let lines = text.lines().map(|line| format!("{prefix}{line}\n"));
    lines.collect()
}

/// Begins each line with its priority, which the journal takes off and keeps (sd-daemon(3)).
struct Prioritized<F>(F);

impl<S, N, F> FormatEvent<S, N> for Prioritized<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

/// Returns the priority of syslog.
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
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
