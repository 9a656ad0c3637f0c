//! The heartbeat: it is sent only while every server can be seen, or somebody was notified that one cannot.

use std::sync::Arc;

use crate::config::{Mode, ServerConfig};
use crate::cycle::deliver::DeliveryCounts;
use crate::cycle::evaluate::CycleEvaluation;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::servers::watched_servers;
use crate::cycle::{Context, PollResults};
use crate::heartbeat;
use crate::model::{Incident, Mute, Rule, ServerName, Timestamp};
use crate::store::{self, Database};

/// Pings the heartbeat URL, unless a message was given up, or a server cannot be seen and nobody was notified of that yet.
pub(crate) async fn send_heartbeat(
    context: &Context,
    polls: &PollResults,
    evaluation: &CycleEvaluation,
    deliveries: DeliveryCounts,
    now: Timestamp,
) {
    let Some(url) = &context.config.heartbeat else {
        return;
    };
    if deliveries.given_up > 0 {
        tracing::warn!("no heartbeat: a message was given up");
        return;
    }
    let is_reported = |poll: &PollOutcome| {
        let mut mutes = evaluation.mutes.iter();
        blindness_reported(context.config.mode, &evaluation.open, poll.name(), now)
            || mutes.any(|mute| mute.covers(poll.name(), Rule::Blind))
    };
    let mut outcomes = polls.outcomes.iter();
    let is_healthy =
        polls.is_whole() && outcomes.all(|poll| poll.record.complete || is_reported(poll));
    let others_healthy = other_workers_healthy(context, &polls.outcomes, &evaluation.mutes, now)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read what other processes see");
            false
        });
    if !is_healthy || !others_healthy {
        tracing::warn!(
            "no heartbeat: a server could not be polled, and nobody was notified of that before"
        );
    } else if let Err(why) = heartbeat::ping(url).await {
        tracing::warn!("{why}");
    }
}

/// Whether people were notified before `now` that a server cannot be seen, or the digest or the end of quiet hours will report it.
fn blindness_reported(mode: Mode, open: &[Incident], server: &ServerName, now: Timestamp) -> bool {
    let mut open = open.iter();
    open.any(|incident| incident.opened_at < now && is_blindness_report(incident, server, mode))
}

/// Whether `incident`, which is open, told people that `server` cannot be seen, or the digest or the end of quiet hours will.
pub(crate) fn is_blindness_report(incident: &Incident, server: &ServerName, mode: Mode) -> bool {
    let waits = incident.notification_deferred && incident.deferred_by_quiet_hours;
    incident.server == *server
        && incident.rule.is_of_server()
        && (incident.notified || mode == Mode::Digest || waits)
}

/// Whether the servers that other processes poll were seen when they were last polled, or somebody was notified.
async fn other_workers_healthy(
    context: &Context,
    polls: &[PollOutcome],
    mutes: &[Mute],
    now: Timestamp,
) -> Result<bool, store::Error> {
    for server in polled_elsewhere(context, polls).await? {
        let name = server.name.clone();
        if mutes.iter().any(|mute| mute.covers(&name, Rule::Blind)) {
            continue;
        }
        let read =
            move |s: &mut Database| Ok((s.server_state(&name, now)?, s.open_incidents(&name)?));
        let (state, open) = context.store.call(read).await?;
        let unseen = state.incomplete_since.is_some();
        if unseen && !blindness_reported(context.config.mode, &open, &server.name, now) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns every server that is watched and was not polled by this process.
pub(crate) async fn polled_elsewhere(
    context: &Context,
    polls: &[PollOutcome],
) -> Result<Vec<Arc<ServerConfig>>, store::Error> {
    let mut servers = watched_servers(&context.config, &context.store).await?;
    servers.retain(|server| !polls.iter().any(|poll| poll.name() == &server.name));
    Ok(servers)
}
