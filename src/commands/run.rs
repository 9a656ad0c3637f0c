//! `run`: the daemon.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::commands::open::{cycle_error, log_warnings, open_for_cycle};
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::{Config, PageSettings};
use crate::cycle::CycleError;
use crate::daemon::{self, Pulse};
use crate::notify::alert::Style;
use crate::page::{self, Disabled, Live, PageThread, Source, Wording};

/// Runs cycles on schedule until it is asked to stop.
pub(super) async fn run(config: Config) -> CommandResult {
    log_warnings(&config);
    let shutdown =
        on_signal().map_err(|e| (INCOMPLETE, format!("cannot listen for signals: {e}")))?;
    if !config.enabled {
        tracing::warn!("disabled by FLAG_POSTMARK_DELIVERY_MONITOR: idling");
        let wording = Wording {
            style: Style {
                zone: config.time_zone,
                mask: config.slack.mask_addresses,
            },
        };
        let page = serve(config.page.clone(), Disabled(wording), &shutdown)?;
        daemon::idle(shutdown).await;
        page.into_iter().for_each(PageThread::join);
        return Ok(0);
    }
    let page = config.page.clone();
    if let Some(page) = &page {
        page.read_token().map_err(|why| (USAGE, why))?;
    }
    let context = open_for_cycle(config, std::io::stdout()).await?;
    let pulse = Arc::new(Pulse::new(context.config.postmark.longest_poll()));
    let source = Live::new(Arc::clone(&context), Arc::clone(&pulse)).map_err(cycle_error)?;
    let served = shutdown.child_token();
    let page = serve(page, source, &served)?;
    let ended = daemon::run(context, &pulse, shutdown).await;
    served.cancel();
    page.into_iter().for_each(PageThread::join);
    ended.map_err(|error| match error.downcast::<CycleError>() {
        Ok(error) => cycle_error(error),
        Err(error) => (INCOMPLETE, format!("{error:#}")),
    })?;
    Ok(0)
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

/// Returns a token that SIGTERM or SIGINT cancels. SIGHUP, which a terminal that closes sends, is only logged.
fn on_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let token = CancellationToken::new();
    let (mut term, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("received SIGHUP: going on; the configuration is read at a start");
        }
    });
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("received a signal to stop");
        cancelled.cancel();
    });
    Ok(token)
}
