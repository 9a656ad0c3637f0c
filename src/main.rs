//! The `hushwatch` command.

use std::process::ExitCode;

use hushwatch::commands::CommandResult;
use hushwatch::commands::cli::Cli;
use hushwatch::{commands, telemetry};

/// Returns the log filter to use without `RUST_LOG`. The demo shows what Slack shows, and a log would clutter it.
#[cfg(feature = "demo")]
fn default_filter(cli: &Cli) -> Option<&'static str> {
    matches!(cli.command, hushwatch::commands::cli::Command::Demo).then_some("error")
}

#[cfg(not(feature = "demo"))]
const fn default_filter(_: &Cli) -> Option<&'static str> {
    None
}

fn main() -> ExitCode {
    let ended = match Cli::of_process() {
        Ok(cli) => execute(cli),
        Err(ended) => ended,
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err((code, why)) => {
            telemetry::tell_end(&why);
            ExitCode::from(code)
        }
    }
}

fn execute(cli: Cli) -> CommandResult {
    let filter = std::env::var("RUST_LOG").ok();
    if let Some(file) = cli.command.log_file() {
        telemetry::log_to(file).map_err(|error| commands::log_file_error(file, &error))?;
    }
    telemetry::init(cli.log_format, filter.as_deref().or(default_filter(&cli)));
    commands::service::join(&cli)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(commands::execute(cli)),
        Err(error) => Err((1, format!("cannot start: {error}"))),
    }
}
