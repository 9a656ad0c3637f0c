//! `run`: the daemon.

mod reload;

use std::sync::Arc;

use tokio::sync::Notify;

use tokio_util::sync::CancellationToken;

use crate::commands::open::{cycle_error, log_warnings, open_as_it_is, open_for_cycle};
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::{Config, PageSettings, Sources};
use crate::cycle::{CurrentContext, CycleError};
use crate::daemon::{self, Pulse};
use crate::notify::alert::Style;
use crate::page::{self, Disabled, Live, PageThread, Source, Wording};

use reload::Reloader;

/// What the log says of SIGHUP.
const READ_AGAIN: &str =
    "received SIGHUP: the configuration is read again once no cycle is running";
/// The same, while monitoring is switched off.
const READ_NEVER: &str = "received SIGHUP: nothing is read again, since FLAG_POSTMARK_DELIVERY_MONITOR switches monitoring off; unset \
                          it and restart `run`";

/// Runs cycles on schedule until it is asked to stop. `sources` are read again when it is asked to reload.
pub(super) async fn run(config: Config, sources: Sources) -> CommandResult {
    log_warnings(&config);
    let on_hangup = match config.enabled {
        true => READ_AGAIN,
        false => READ_NEVER,
    };
    let Signals { shutdown, hangup } = on_signal(on_hangup)
        .map_err(|e| (INCOMPLETE, format!("cannot listen for signals: {e}")))?;
    if !config.enabled {
        tracing::warn!("disabled by FLAG_POSTMARK_DELIVERY_MONITOR: idling");
        let page = serve_stored(config, &shutdown)?;
        daemon::idle(&hangup, shutdown).await;
        page.into_iter().for_each(PageThread::join);
        return Ok(0);
    }
    let page = config.page.clone();
    if let Some(page) = &page {
        page.read_token().map_err(|why| (USAGE, why))?;
    }
    let context = open_for_cycle(config, std::io::stdout()).await?;
    let pulse = Arc::new(Pulse::new(context.config.postmark.longest_poll()));
    let current = Arc::new(CurrentContext::new(Arc::clone(&context)));
    let source = Live::new(Arc::clone(&current), Arc::clone(&pulse)).map_err(cycle_error)?;
    let served = shutdown.child_token();
    let page = serve(page, source, &served)?;
    let reloader = Reloader::new(sources, hangup, current);
    let ended = daemon::run(context, &pulse, reloader, shutdown).await;
    served.cancel();
    page.into_iter().for_each(PageThread::join);
    ended.map_err(|error| match error.downcast::<CycleError>() {
        Ok(error) => cycle_error(error),
        Err(error) => (INCOMPLETE, format!("{error:#}")),
    })?;
    Ok(0)
}

/// Serves the page, where one is wanted, of what was stored before monitoring was switched off.
fn serve_stored(
    config: Config,
    shutdown: &CancellationToken,
) -> Result<Option<PageThread>, (u8, String)> {
    let Some(page) = config.page.clone() else {
        return Ok(None);
    };
    page.read_token().map_err(|why| (USAGE, why))?;
    let wording = Wording {
        style: Style {
            zone: config.time_zone,
            mask: config.slack.mask_addresses,
        },
    };
    let pulse = Arc::new(Pulse::new(config.postmark.longest_poll()));
    let source = open_as_it_is(config).and_then(|context| {
        let current = Arc::new(CurrentContext::new(context));
        Live::new(current, pulse).map_err(cycle_error)
    });
    match source {
        Ok(live) => serve(Some(page), live, shutdown),
        Err((_, why)) => {
            tracing::warn!("the page shows nothing of what is stored: {why}");
            serve(Some(page), Disabled { wording, why }, shutdown)
        }
    }
}

/// Serves the page, where one is wanted.
fn serve(
    page: Option<PageSettings>,
    source: impl Source,
    shutdown: &CancellationToken,
) -> Result<Option<PageThread>, (u8, String)> {
    let start = |page| page::start(page, source, shutdown.clone());
    page.map(start).transpose().map_err(|why| (USAGE, why))
}

/// What signals ask for.
struct Signals {
    /// Cancelled by SIGTERM and SIGINT.
    shutdown: CancellationToken,
    /// Notified by SIGHUP, which `systemctl reload` sends, and a terminal that closes.
    hangup: Arc<Notify>,
}

/// Listens for signals from now on. `on_hangup` is logged at each SIGHUP.
fn on_signal(on_hangup: &'static str) -> std::io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = Signals {
        shutdown: CancellationToken::new(),
        hangup: Arc::default(),
    };
    let (mut term, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let mut hup = signal(SignalKind::hangup())?;
    let hangup = Arc::clone(&signals.hangup);
    tokio::spawn(async move {
        while hup.recv().await.is_some() {
            tracing::info!("{on_hangup}");
            hangup.notify_one();
        }
    });
    let shutdown = signals.shutdown.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("received a signal to stop");
        shutdown.cancel();
    });
    Ok(signals)
}
