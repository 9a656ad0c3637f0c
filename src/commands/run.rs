//! `run`: the daemon.

use tokio_util::sync::CancellationToken;

use crate::commands::open::{cycle_error, log_warnings, open_for_cycle};
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::cycle::CycleError;
use crate::daemon;

/// Runs cycles on schedule until it is asked to stop.
pub(super) async fn run(config: Config) -> CommandResult {
    log_warnings(&config);
    let shutdown =
        on_signal().map_err(|e| (INCOMPLETE, format!("cannot listen for signals: {e}")))?;
    if !config.enabled {
        tracing::warn!("disabled by FLAG_POSTMARK_DELIVERY_MONITOR: idling");
        daemon::idle(shutdown).await;
        return Ok(0);
    }
    let context = open_for_cycle(config, std::io::stdout()).await?;
    let ended = daemon::run(context, shutdown).await;
    ended.map_err(|error| match error.downcast::<CycleError>() {
        Ok(error) => cycle_error(error),
        Err(error) => (INCOMPLETE, format!("{error:#}")),
    })?;
    Ok(0)
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
