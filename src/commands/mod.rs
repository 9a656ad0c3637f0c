//! The verbs: one file or folder each, with its arguments, its work and what it prints. Here they are dispatched.

mod backtest;
mod backup;
mod chart;
mod check;
pub mod cli;
mod config;
mod copy;
#[cfg(feature = "demo")]
mod demo;
mod digest;
mod doctor;
mod explain;
mod healthcheck;
mod incident;
mod incidents;
mod interactive;
#[cfg(feature = "postgres")]
mod left_behind;
#[cfg(feature = "manual")]
mod man;
mod migrate;
mod mute;
mod open;
mod query;
mod recent;
mod report;
mod run;
mod sentry_rule;
pub mod service;
mod status;
mod stdout;
mod whole_file;

use std::io;
use std::path::Path;

use crate::commands::cli::{Cli, Command};
use crate::config::{InstalledService, Sources};

/// How a command ended: `Ok` holds the exit code, `Err` the exit code and what goes to standard error.
pub type CommandResult = Result<u8, (u8, String)>;

/// Exit code: the command did not complete.
const INCOMPLETE: u8 = 1;
/// Exit code: wrong usage or configuration.
const USAGE: u8 = 2;
/// Exit code, with `--exit-code`: completed, and an incident is open.
const OPEN_INCIDENT: u8 = 10;

/// Returns how a command ends whose log cannot be written.
pub fn log_file_error(file: &Path, error: &io::Error) -> (u8, String) {
    let why = crate::config::io_reason(error.kind());
    let user = service::describe_user();
    let remedy = format!("name a file in a folder that {user} may write to");
    (
        USAGE,
        format!("--log-file {}: {why}; {remedy}", file.display()),
    )
}

/// Returns what to do where nothing is set at all.
fn nothing_set(sources: &Sources) -> String {
    let installed = InstalledService::find().filter(|service| service.is_configured_by(sources));
    let (missing, remedy) = match (sources.file_path(), installed) {
        (None, _) => (
            "there is no monitor.toml in this folder,".to_owned(),
            ", name a file with --config, or try `hushwatch demo`",
        ),
        (Some(file), None) => (
            format!("{} sets nothing, there is", file.display()),
            ", or name servers in that file",
        ),
        (Some(file), Some(_)) => (
            format!("{} sets nothing, there is", file.display()),
            " in /etc/default/hushwatch, or name servers in that file",
        ),
    };
    format!(
        "nothing is set: {missing} no POSTMARK_SERVER_TOKEN and no Slack; set POSTMARK_SERVER_TOKEN and SLACK_WEBHOOK_URL{remedy}"
    )
}

/// Carries out `cli`.
///
/// # Errors
/// The exit code and what to print, where the command did not complete.
pub async fn execute(cli: Cli) -> CommandResult {
    #[cfg(feature = "demo")]
    if matches!(cli.command, Command::Demo) {
        return demo::demo().await;
    }
    #[cfg(feature = "manual")]
    match cli.command {
        Command::Completions { shell } => return man::completions(shell),
        Command::Man(args) => return man::man(&args),
        _ => {}
    }
    if let Command::SentryRule(args) = &cli.command {
        return sentry_rule::sentry_rule(args).await;
    }
    if let Command::Copy(args) = &cli.command {
        return copy::copy(args).await;
    }
    let sources = Sources::of_process(cli.config);
    let config = match (crate::config::load(&sources), &cli.command) {
        (Ok(mut config), _) => {
            config.store.elsewhere = service::describe_other_data(&sources);
            config
        }
        (Err(problems), Command::Doctor(args)) => return doctor::misconfigured(&problems, args),
        (Err(problems), _) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return Err((USAGE, lines.join("\n")));
        }
    };
    let is_cycle = matches!(
        cli.command,
        Command::Run | Command::Check(_) | Command::Digest(_)
    );
    if is_cycle && config.enabled && sources.is_empty() {
        return Err((USAGE, nothing_set(&sources)));
    }
    #[cfg(feature = "postgres")]
    if config.enabled
        && cli.command.works_on_store()
        && let Some(problem) = left_behind::find_data_left_behind(&config.store).await
    {
        return Err((USAGE, problem.to_string()));
    }
    match cli.command {
        Command::Run => run::run(config, sources).await,
        Command::Check(args) => check::check(config, args).await,
        Command::Digest(args) => digest::digest(config, args).await,
        Command::Status(args) => status::status(config, &args).await,
        Command::Explain(args) => explain::explain(config, &args).await,
        Command::Incidents(args) => incidents::incidents(config, &args).await,
        Command::Incident(args) => incident::incident(config, args).await,
        Command::Chart(args) => chart::chart(config, &args).await,
        Command::Report(args) => report::report(config, &args).await,
        Command::Recent(args) => recent::recent(config, &args).await,
        Command::Backtest(args) => backtest::backtest(&config, &args).await,
        Command::Messages(args) => query::messages::messages(&config, &args).await,
        Command::Message(args) => query::message::message(&config, &args).await,
        Command::Bounces(args) => query::bounces::bounces(&config, &args).await,
        Command::Stats(args) => query::stats::stats(&config, &args).await,
        Command::Suppressions(args) => query::suppressions::suppressions(&config, &args).await,
        Command::Mute(args) => mute::mute(config, args).await,
        Command::Unmute(args) => mute::unmute(config, args).await,
        Command::Doctor(args) => doctor::doctor(config, &args).await,
        Command::Config { what } => config::config(what, &config, &sources).await,
        Command::Healthcheck(args) => healthcheck::healthcheck(&config, &args),
        Command::Migrate => migrate::migrate(config).await,
        Command::Backup(args) => backup::backup(config, args).await,
        Command::Restore(args) => backup::restore(config, args).await,
        // They need no configuration, and were carried out above.
        Command::SentryRule(_) | Command::Copy(_) => Ok(0),
        #[cfg(feature = "demo")]
        Command::Demo => Ok(0),
        #[cfg(feature = "manual")]
        Command::Completions { .. } | Command::Man(_) => Ok(0),
    }
}
