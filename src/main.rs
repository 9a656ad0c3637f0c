//! The `hushwatch` command.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use hushwatch::cli::{Cli, Command};
use hushwatch::{commands, telemetry};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The demo shows what Slack shows; its log would stand between.
    let quiet = matches!(cli.command, Command::Demo).then(|| "error".to_owned());
    telemetry::init(
        cli.log_format,
        std::env::var("RUST_LOG").ok().or(quiet).as_deref(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(commands::execute(cli)),
        Err(error) => Err((1, format!("cannot start: {error}"))),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err((code, why)) => {
            let _ = writeln!(std::io::stderr(), "hushwatch: {why}");
            ExitCode::from(code)
        }
    }
}
