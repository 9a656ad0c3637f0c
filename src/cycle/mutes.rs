//! Setting, ending and listing mutes. They are read anew with each cycle and before each message.

use std::time::Duration;

use crate::cycle::answers::show_unmuted;
use crate::cycle::clock::current_instant;
use crate::cycle::poll::servers::watched_servers;
use crate::cycle::unknown_name::unknown_server;
use crate::cycle::{Context, CycleError, CycleOptions};
use crate::model::{Mute, Rule, ServerName, Timestamp, Zone};
use crate::notify::mute::mute_scope;
use crate::store::Database;
use crate::text::format::format_date_time;

/// What a person wants muted.
#[derive(Clone, Debug)]
pub(crate) struct MuteRequest {
    /// Of which server; `None` for every one.
    pub server: Option<ServerName>,
    /// Of which rule; `None` for every one.
    pub rule: Option<Rule>,
    /// When it begins; `None` for at once.
    pub from: Option<Timestamp>,
    pub end: MuteUntil,
    pub reason: String,
    pub by: String,
}

/// When a mute is to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MuteUntil {
    After(Duration),
    At(Timestamp),
}

/// The longest mute: one that never ends would be forgotten.
pub(crate) const MAX_MUTE: Duration = Duration::from_secs(90 * 86_400);

/// Sets a mute in place of the running one of the same scope; a planned one takes the place of those planned for the same time.
///
/// # Errors
/// As [`run_cycle`](crate::cycle::run_cycle), where there is no such server, and where it would end before it begins or last longer
/// than [`MAX_MUTE`].
pub(crate) async fn set_mute(
    context: &Context,
    request: MuteRequest,
    options: CycleOptions,
) -> Result<Mute, CycleError> {
    require_known_server(context, request.server.as_ref()).await?;
    let now = current_instant(&context.config, &context.store, options).await?;
    let planned = request.from.filter(|from| *from > now);
    let from = planned.unwrap_or(now);
    let until = match request.end {
        // Of a beginning that is past, too: what is left of it.
        MuteUntil::After(length) => request.from.unwrap_or(now) + length,
        MuteUntil::At(until) => until,
    };
    check_length(from, until, context.config.time_zone)?;
    let mut mute = Mute {
        id: 0,
        incident: None,
        from,
        until,
        planned: planned.is_some(),
        server: request.server,
        rule: request.rule,
        reason: request.reason,
        by: request.by,
    };
    let new = mute.clone();
    let save = move |s: &mut Database| {
        let mut same = s.mutes(now)?;
        same.retain(|mute| mute.is_of(new.server.as_ref(), new.rule));
        same.retain(|mute| match new.planned {
            true => !mute.runs_at(now) && mute.overlaps(&new),
            false => mute.runs_at(now),
        });
        let same: Vec<i64> = same.iter().map(|mute| mute.id).collect();
        s.save_mute(&new, &same)
    };
    mute.id = context.store.call(save).await?;
    tracing::debug!(scope = mute_scope(&mute), until = %mute.until, "muted");
    Ok(mute)
}

/// Checks that a mute, which begins now or later, lasts for some time and not for too long.
fn check_length(from: Timestamp, until: Timestamp, zone: Zone) -> Result<(), CycleError> {
    if until <= from {
        let why = format!(
            "the mute would end at {}, and cannot begin before {} ({}); give a later --until (a date alone means its end), or a later --from",
            format_date_time(until, zone),
            format_date_time(from, zone),
            zone.name()
        );
        return Err(CycleError::Usage(why));
    }
    if until.since(from) > MAX_MUTE {
        let why = "a mute lasts at most 90 days; give an earlier --until".to_owned();
        return Err(CycleError::Usage(why));
    }
    Ok(())
}

/// Ends the mutes of this very scope, or all, planned ones too, and returns those that it ended. The messages of incidents that somebody
/// muted by emoji say so no longer.
pub(crate) async fn end_mutes(
    context: &Context,
    server: Option<ServerName>,
    rule: Option<Rule>,
    options: CycleOptions,
) -> Result<Vec<Mute>, CycleError> {
    let now = current_instant(&context.config, &context.store, options).await?;
    let named = server.clone();
    let all = server.is_none() && rule.is_none();
    let end = move |s: &mut Database| {
        let mut running = s.mutes(now)?;
        running.retain(|mute| all || mute.is_of(server.as_ref(), rule));
        let ids: Vec<i64> = running.iter().map(|mute| mute.id).collect();
        s.end_mutes(&ids, now)?;
        Ok(running)
    };
    let ended = context.store.call(end).await?;
    let muted = ended.iter().filter_map(|mute| mute.incident.clone());
    if let Err(error) = show_unmuted(context, muted.collect(), options).await {
        tracing::warn!(
            "messages in Slack may still say that they are muted, until their next step: {error}"
        );
    }
    // A server that is not watched any more may still be muted.
    if ended.is_empty() {
        require_known_server(context, named.as_ref()).await?;
    }
    Ok(ended)
}

/// Returns the mutes that run now, and those that are planned.
pub(crate) async fn current_mutes(
    context: &Context,
    options: CycleOptions,
) -> Result<Vec<Mute>, CycleError> {
    let now = current_instant(&context.config, &context.store, options).await?;
    Ok(context.store.call(move |s| s.mutes(now)).await?)
}

/// Returns whether a server of this name is watched, if one is named.
///
/// # Errors
/// Where none is, with the names of those that are; and those of the store.
pub(crate) async fn require_known_server(
    context: &Context,
    server: Option<&ServerName>,
) -> Result<(), CycleError> {
    let Some(server) = server else { return Ok(()) };
    let known = watched_servers(&context.config, &context.store).await?;
    if known.iter().any(|known| known.name == *server) {
        return Ok(());
    }
    let names = known.iter().map(|known| &known.name);
    Err(CycleError::Usage(unknown_server(&server.0, names)))
}
