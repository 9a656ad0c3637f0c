//! Carries out one command and says how it ended.

pub mod backtest;
#[cfg(feature = "demo")]
mod demo;
pub mod doctor;
pub mod explain;
pub(crate) mod interactive;
#[cfg(feature = "manual")]
mod man;
mod mute;
pub mod query;
pub mod recent;
pub mod status;

use std::io::Write;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cli::{Check, Cli, Command, ConfigCommand, Digest, Stored};
use crate::config::{self, Config, Sources};
use crate::cycle::{Context, CycleError, Options, Outlet, SetupError, cry};
use crate::daemon;
use crate::model::Timestamp;
use crate::notify::Message;
use crate::text::sanitize::json_line;

/// How a command ended: `Ok` holds the exit code, `Err` the code and what to say.
pub type Ended = Result<u8, (u8, String)>;

/// It did not complete.
const INCOMPLETE: u8 = 1;
/// Wrong usage or configuration.
const USAGE: u8 = 2;
/// With `--exit-code`: completed, and an incident is open.
const OPEN_INCIDENT: u8 = 10;

/// Carries out `cli`.
pub async fn execute(cli: Cli) -> Ended {
    #[cfg(feature = "demo")]
    if matches!(cli.command, Command::Demo) {
        return demo::run_demo()
            .await
            .map_err(|error| (INCOMPLETE, format!("the demo failed: {error:#}")));
    }
    #[cfg(feature = "manual")]
    match cli.command {
        Command::Completions { shell } => return man::completions(shell),
        Command::Man => return man::man(),
        _ => {}
    }
    let sources = Sources::of_process(cli.config);
    let config = match (config::load(&sources), &cli.command) {
        (Ok(config), _) => config,
        (Err(problems), Command::Doctor(args)) => return doctor::misconfigured(&problems, args),
        (Err(problems), _) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return Err((USAGE, lines.join("\n")));
        }
    };
    match cli.command {
        Command::Backtest(args) => backtest::backtest(&config, &args).await,
        Command::Messages(args) => query::verbs::messages(&config, &args).await,
        Command::Message(args) => query::verbs::message(&config, &args).await,
        Command::Bounces(args) => query::verbs::bounces(&config, &args).await,
        Command::Stats(args) => query::verbs::stats(&config, &args).await,
        Command::Suppressions(args) => query::verbs::suppressions(&config, &args).await,
        Command::Doctor(args) => doctor::doctor(config, &args).await,
        Command::Config { what } => show_config(what, &config, &sources),
        Command::Run => run(config).await,
        Command::Check(args) => check(config, args).await,
        Command::Digest(args) => digest(config, args).await,
        Command::Status(args) => {
            let app = reading(config)?;
            print(
                &app.status(args.json, args.now)
                    .await
                    .map_err(store_failed)?,
            )
        }
        Command::Recent { limit } => {
            let app = reading(config)?;
            print(&app.recent(limit).await.map_err(store_failed)?)
        }
        Command::Explain { incident, view } => explain(config, &incident, &view).await,
        Command::Mute(args) => mute::mute(config, args).await,
        Command::Unmute(args) => mute::unmute(config, args).await,
        Command::Migrate => migrate(config).await,
        #[cfg(feature = "demo")]
        Command::Demo => Ok(0),
        #[cfg(feature = "manual")]
        Command::Completions { .. } | Command::Man => Ok(0),
    }
}

async fn explain(config: Config, id: &str, view: &Stored) -> Ended {
    let app = reading(config)?;
    // Ids are in lower case; one that was read out may come back in any.
    if let Some(told) = app
        .explain(&id.to_ascii_lowercase(), view.json, view.now)
        .await
        .map_err(store_failed)?
    {
        return print(&told);
    }
    let open = app.open_incidents().await.map_err(store_failed)?;
    let open = match open.as_slice() {
        [] => "none is open".to_owned(),
        open => format!("open are: {}", open.join(", ")),
    };
    let id = crate::text::sanitize::clean(id);
    Err((
        INCOMPLETE,
        format!(
            "there is no incident `{id}`; {open}; `hushwatch digest --print` names those that ended"
        ),
    ))
}

fn show_config(what: ConfigCommand, config: &Config, sources: &Sources) -> Ended {
    match what {
        ConfigCommand::Show => print(&config::show(config, sources)),
        ConfigCommand::Check => {
            let warnings: String = config
                .warnings
                .iter()
                .map(|w| format!("note: {w}\n"))
                .collect();
            let off = match config.enabled {
                true => "",
                false => "note: FLAG_POSTMARK_DELIVERY_MONITOR switches everything off\n",
            };
            let names: Vec<&str> = config.servers.iter().map(|s| s.name.0.as_str()).collect();
            print(&format!(
                "{warnings}{off}the configuration is valid; servers: {}; data: {}\n",
                names.join(", "),
                config.store
            ))
        }
    }
}

/// An app that tells nobody anything, and makes no database where there is none.
fn reading(mut config: Config) -> Result<Arc<Context>, (u8, String)> {
    if config.store.database.is_none() && !config.store.path.exists() {
        tracing::warn!(
            "there is no database {}; the first `hushwatch check` or `hushwatch run` makes it",
            config.store.path.display()
        );
        config.store = config.store.in_place_of_file();
    }
    app(config, std::io::sink())
}

fn app(config: Config, printer: impl Write + Send + 'static) -> Result<Arc<Context>, (u8, String)> {
    let outlet = Outlet::new(&config.slack, printer)
        .map_err(|e| (USAGE, SetupError::from(e).to_string()))?;
    Context::new(config, outlet)
        .map(Arc::new)
        .map_err(not_set_up)
}

/// An app for cycles: that its database cannot be opened is told.
async fn working(
    config: Config,
    printer: impl Write + Send + 'static,
) -> Result<Arc<Context>, (u8, String)> {
    let outlet = Outlet::new(&config.slack, printer)
        .map_err(|e| (USAGE, SetupError::from(e).to_string()))?;
    tracing::info!("the data is in {}", config.store);
    let app = Context::new(config, outlet.clone());
    if let Err(SetupError::Store(error)) = &app
        && !error.is_refused()
    {
        cry(&outlet, error).await;
    }
    let app = app.map(Arc::new).map_err(not_set_up)?;
    // What passes is told by the cycle; what another configuration would help is said before anything is sent.
    match app.reach().await {
        Err(error) if error.is_of_configuration() => Err((USAGE, error.to_string())),
        _ => Ok(app),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn not_set_up(error: SetupError) -> (u8, String) {
    let code = match &error {
        SetupError::Store(error) if error.is_of_configuration() => USAGE,
        _ => INCOMPLETE,
    };
    (code, error.to_string())
}

async fn migrate(config: Config) -> Ended {
    warn(&config);
    let place = config.store.to_string();
    let app = app(config, std::io::sink())?;
    app.reach().await.map_err(store_failed)?;
    print(&format!("the schema is up to date in {place}\n"))
}

fn warn(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

async fn run(config: Config) -> Ended {
    warn(&config);
    let shutdown =
        on_signal().map_err(|e| (INCOMPLETE, format!("cannot listen for signals: {e}")))?;
    if !config.enabled {
        tracing::warn!("switched off by FLAG_POSTMARK_DELIVERY_MONITOR: idling");
        daemon::idle(shutdown).await;
        return Ok(0);
    }
    let app = working(config, std::io::stdout()).await?;
    let ended = daemon::run(app, shutdown).await;
    ended.map_err(|error| match error.downcast::<CycleError>() {
        Ok(error) => failed(error),
        Err(error) => (INCOMPLETE, format!("{error:#}")),
    })?;
    Ok(0)
}

/// Cancelled by SIGTERM, SIGINT or Ctrl-C.
fn on_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let token = CancellationToken::new();
    let (mut term, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("asked to stop");
        cancelled.cancel();
    });
    Ok(token)
}

async fn check(config: Config, args: Check) -> Ended {
    warn(&config);
    if !config.enabled {
        return off("nothing was polled", args.json);
    }
    let app = if args.json {
        working(config, std::io::stderr()).await?
    } else {
        working(config, std::io::stdout()).await?
    };
    let report = app
        .cycle(Options {
            now: args.now,
            scheduled: false,
        })
        .await
        .map_err(failed)?;
    if args.json {
        print(&json_line(&serde_json::json!(report)))?;
    } else {
        tracing::info!("{}", report.to_line());
    }
    Ok(
        match (
            report.is_complete(),
            args.exit_code && report.has_open_incident(),
        ) {
            (false, _) => INCOMPLETE,
            (true, true) => OPEN_INCIDENT,
            (true, false) => 0,
        },
    )
}

fn off(what: &str, as_json: bool) -> Ended {
    let why = format!("switched off by FLAG_POSTMARK_DELIVERY_MONITOR: {what}");
    print(&match as_json {
        true => json_line(&serde_json::json!({"enabled": false, "reason": why})),
        false => format!("{why}\n"),
    })
}

async fn digest(config: Config, args: Digest) -> Ended {
    use crate::cycle::Written;
    warn(&config);
    if !config.enabled {
        return off("no digest was written", args.json);
    }
    let options = Options {
        now: args.now,
        scheduled: false,
    };
    if args.print {
        let app = reading(config)?;
        let (period, message) = app.print_digest(options).await.map_err(failed)?;
        return print(&digest_text(&message, args.json, period.until));
    }
    let app = if args.json {
        app(config, std::io::stderr())?
    } else {
        app(config, std::io::stdout())?
    };
    match app.send_digest(options, args.force).await.map_err(failed)? {
        Written::Sent(until, message) => {
            let pending = app.pending(options).await.map_err(failed)?;
            if args.json {
                print(&digest_text(&message, true, until))?;
            }
            Ok(if pending > 0 { INCOMPLETE } else { 0 })
        }
        Written::Before(until, message) if args.json => print(&digest_text(&message, true, until)),
        Written::Before(..) => {
            print("the digest of the latest period was sent before; --force sends it again\n")
        }
        Written::NotYet => print(
            "no digest yet: the first is due at the first `digest.at` after the first start\n",
        ),
    }
}

fn digest_text(message: &Message, json: bool, until: Timestamp) -> String {
    if json {
        let value = serde_json::json!({
            "until": until.to_string(), "text": message.to_text(), "headline": message.headline(), "lines": message.lines(),
        });
        return json_line(&value);
    }
    format!("{}\n", message.to_text())
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn failed(error: CycleError) -> (u8, String) {
    let code = match &error {
        CycleError::Usage(_) => USAGE,
        CycleError::Store(error) if error.is_of_configuration() => USAGE,
        _ => INCOMPLETE,
    };
    (code, error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn store_failed(error: crate::store::Error) -> (u8, String) {
    let code = if error.is_of_configuration() {
        USAGE
    } else {
        INCOMPLETE
    };
    (code, error.to_string())
}

/// Writes to standard output; a reader that went away is no fault of ours.
fn print(text: &str) -> Ended {
    write(text.as_bytes())
}

fn write(bytes: &[u8]) -> Ended {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
    Ok(0)
}
