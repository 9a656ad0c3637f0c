//! The heartbeat: it is sent only while every server can be seen, or somebody was notified that one cannot.

use std::fmt::Write;
use std::sync::Arc;

use crate::config::{Mode, ServerConfig};
use crate::cycle::evaluate::CycleEvaluation;
use crate::cycle::heartbeat::CycleHeartbeat;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::servers::watched_servers;
use crate::cycle::report::CheckReport;
use crate::cycle::{Context, PollResults};
use crate::heartbeat::Signal;
use crate::model::{Incident, Mute, Rule, ServerName, Timestamp};
use crate::store::{self, Database};

/// The maximum number of open incidents that a heartbeat names.
const MAX_VERDICT_INCIDENTS: usize = 10;

/// Sends a heartbeat with the verdict, unless `why` says that there is none: then a service that takes reasons is sent that.
pub(crate) async fn send_heartbeat(
    heartbeat: &mut CycleHeartbeat,
    why: Option<String>,
    report: &CheckReport,
    open: &[Incident],
) {
    if !heartbeat.is_wanted() {
        return;
    }
    match why {
        Some(why) => {
            tracing::warn!("no heartbeat: {why}");
            heartbeat.end(&Signal::Failure(&why)).await;
        }
        None => {
            heartbeat
                .end(&Signal::Success(&verdict(report, open)))
                .await
        }
    }
}

/// Returns why others should look after this process: a message was given up, or a server cannot be seen and nobody was notified of
/// that yet. `None` where it is well.
pub(crate) async fn why_withheld(
    context: &Context,
    polls: &PollResults,
    evaluation: &CycleEvaluation,
    report: &CheckReport,
    now: Timestamp,
) -> Option<String> {
    if report.notices().given_up > 0 {
        return Some("a message was given up".to_owned());
    }
    let is_reported = |poll: &&PollOutcome| {
        let mut mutes = evaluation.mutes.iter();
        blindness_reported(context.config.mode, &evaluation.open, poll.name(), now)
            || mutes.any(|mute| mute.covers(poll.name(), Rule::Blind))
    };
    let outcomes = polls.outcomes.iter();
    let mut unseen = outcomes.filter(|poll| !poll.record.complete && !is_reported(poll));
    let unseen = unseen.next().map(|poll| poll.name().clone());
    let elsewhere = unseen_elsewhere(context, &polls.outcomes, &evaluation.mutes, now).await;
    let elsewhere = match elsewhere {
        Ok(server) => server,
        Err(error) => {
            tracing::warn!(%error, "cannot read what other processes see");
            return Some("what other processes see cannot be read".to_owned());
        }
    };
    let what = match unseen.or(elsewhere) {
        None if polls.is_whole() => return None,
        None => "a server".to_owned(),
        Some(server) if server.is_account() => "the account".to_owned(),
        Some(server) => server.to_string(),
    };
    Some(format!(
        "{what} could not be polled, and nobody was notified of that before"
    ))
}

/// Returns how a cycle went: its line of the log, and what is open.
fn verdict(report: &CheckReport, open: &[Incident]) -> String {
    let mut text = report.to_line();
    for incident in open.iter().take(MAX_VERDICT_INCIDENTS) {
        let severity = incident.severity.name().to_uppercase();
        let _ = write!(
            text,
            "\n{severity} {} {} ({})",
            incident.server, incident.rule, incident.id
        );
    }
    text
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

/// Returns a server that another process polls, and that it did not see when it last did, where nobody was notified.
async fn unseen_elsewhere(
    context: &Context,
    polls: &[PollOutcome],
    mutes: &[Mute],
    now: Timestamp,
) -> Result<Option<ServerName>, store::Error> {
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
            return Ok(Some(server.name.clone()));
        }
    }
    Ok(None)
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
