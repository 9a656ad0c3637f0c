//! `check`: one cycle, then exit.

use std::io::ErrorKind;
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::clock;
use crate::commands::cli::parse_instant;
use crate::commands::open::{cycle_error, log_warnings, open_for_cycle, options_at};
use crate::commands::service::describe_user;
use crate::commands::stdout::{message_writer, print, print_disabled};
use crate::commands::whole_file::write_whole;
use crate::commands::{CommandResult, INCOMPLETE, OPEN_INCIDENT};
use crate::config::{Config, SlackSink, io_reason};
use crate::cycle::Context;
use crate::cycle::report::CheckReport;
use crate::cycle::run_cycle;
use crate::metrics::{MetricsView, TextFormat, render};
use crate::model::Timestamp;
use crate::overview::collect_status;
use crate::text::sanitize::json_line;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Exit with 10 if an incident is open
    #[arg(long)]
    pub exit_code: bool,
    /// Write metrics to FILE for a textfile collector of Prometheus
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Append the log and the error that ends it to FILE, instead of standard error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Take this instant as the present (RFC 3339) [default: the clock]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

pub(super) async fn check(config: Config, args: CheckArgs) -> CommandResult {
    log_warnings(&config);
    if !config.enabled {
        return print_disabled("nothing was polled", args.json);
    }
    let is_printed = matches!(config.slack.sink, SlackSink::Print);
    let (context, report) = match open_and_run(config, &args).await {
        // What reads the object learns from it also that there was no cycle, whatever stood in its way.
        Err((INCOMPLETE, why)) if args.json => {
            let at = args.now.unwrap_or_else(clock::now);
            let report = CheckReport::failed(at, why.clone());
            print(&json_line(&json!(report)))?;
            return Err((INCOMPLETE, why));
        }
        ran => ran?,
    };
    if args.json {
        print(&json_line(&json!(report)))?;
    } else {
        tracing::info!("{}", report.to_line());
        let hello = report.hello().filter(|_| !is_printed);
        if let Some(hello) = hello.filter(|_| stdout().is_terminal()) {
            print(&format!("{}\n", hello.to_text()))?;
        }
    }
    if let Some(file) = &args.metrics {
        write_metrics(&context, file, args.now).await?;
    }
    let is_reported = args.exit_code && report.has_open_incident();
    Ok(match report.is_complete() {
        false => INCOMPLETE,
        true if is_reported => OPEN_INCIDENT,
        true => 0,
    })
}

async fn open_and_run(
    config: Config,
    args: &CheckArgs,
) -> Result<(Arc<Context>, CheckReport), (u8, String)> {
    let context = open_for_cycle(config, message_writer(args.json)).await?;
    let report = run_cycle(&context, options_at(args.now)).await;
    Ok((context, report.map_err(cycle_error)?))
}

/// Writes what `/metrics` of `run` says, but for what only a process that goes on can count. The collector reads the file as a whole
/// or not at all.
async fn write_metrics(
    context: &Context,
    file: &Path,
    now: Option<Timestamp>,
) -> Result<(), (u8, String)> {
    let status = collect_status(&context.config, &context.store, now).await;
    let status = status.map_err(cycle_error)?;
    let view = MetricsView {
        status: &status,
        now: now.unwrap_or_else(clock::now),
        counters: None,
    };
    let text = render(&view, TextFormat::Classic);
    write_whole(file, text.as_bytes()).map_err(|error| (INCOMPLETE, unwritten(file, error.kind())))
}

/// Returns why the metrics are not in `file`, and what helps.
fn unwritten(file: &Path, kind: ErrorKind) -> String {
    let why = match kind {
        // The file is made; what there is not is where it should be.
        ErrorKind::NotFound => "no such folder".to_owned(),
        kind => io_reason(kind),
    };
    format!(
        "--metrics {}: {why}; name a file in a folder that {} may write to",
        file.display(),
        describe_user()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_in_a_folder_that_there_is_not_are_told_so() {
        let told = unwritten(Path::new("/nowhere/m.prom"), ErrorKind::NotFound);
        let said = "--metrics /nowhere/m.prom: no such folder; name a file in a folder that ";
        assert!(told.starts_with(said), "{told}");
    }
}
