//! A server that the file calls otherwise than before: its number says who it is, and what is stored of it goes on under its new name.

use tokio::time::{Instant, timeout_at};

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::collect::errors::{PollErrors, ReadError};
use crate::cycle::poll::log_notes;
use crate::cycle::poll::server::load_state;
use crate::cycle::poll::servers::watched_servers;
use crate::model::{MINUTE, ServerName, Timestamp};
use crate::postmark::{ErrorKind, Server};
use crate::store::{self, Database, FormerName, Lease, Note};

/// Gives what is stored of the server that answers, under a name which is in this configuration no more, the name of `server`, unless
/// something was read under that already. Another process that polls it keeps it. Returns why the server could not say who it is,
/// though something may be stored of it.
pub(super) async fn follow_new_name(
    context: &Context,
    server: &ServerConfig,
    api: &Server,
    deadline: Instant,
    now: Timestamp,
) -> Result<PollErrors, store::Error> {
    let mut errors = PollErrors::default();
    let state = load_state(&context.store, server, now).await?;
    if state.last_complete_at.is_none() {
        let renamed = rename(context, server, api, now);
        // That it took too long is told of the reading.
        if let Ok(renamed) = timeout_at(deadline, renamed).await {
            errors.record(renamed)?;
        }
    }
    Ok(errors)
}

async fn rename(
    context: &Context,
    server: &ServerConfig,
    api: &Server,
    now: Timestamp,
) -> Result<(), ReadError> {
    let (store, name) = (&context.store, server.name.clone());
    let watched = watched_servers(&context.config, store).await?;
    let watched: Vec<ServerName> = watched.iter().map(|server| server.name.clone()).collect();
    let worker_id = context.worker_id.clone();
    let is_shared = store.is_shared();
    let read = move |s: &mut Database| {
        let mut former = s.former_names(&name)?;
        let held = s.leases_held_by_others(&worker_id)?;
        let is_held = |of: &FormerName| {
            let lease = Lease::name_for_server(&of.name);
            let is_fresh = of.last_cycle_at.is_some_and(|last| now < last + MINUTE);
            (is_shared && is_fresh) || held.iter().any(|(held, _)| *held == lease)
        };
        former.retain(|of| !watched.contains(&of.name) && !is_held(of));
        Ok(former)
    };
    let former = store.call(read).await?;
    if former.is_empty() {
        return Ok(());
    }
    let Some(number) = ask_number(api).await? else {
        return Ok(());
    };
    let Some(old) = former.into_iter().find(|of| of.number == number) else {
        return Ok(());
    };
    let (from, to) = (old.name.clone(), server.name.clone());
    let note = Note {
        at: now,
        server: to.clone(),
        text: format!(
            "was called {} before; what is known of it goes on",
            old.name
        ),
    };
    let rename = move |s: &mut Database| {
        if s.rename_server(&from, &to, &note)? {
            log_notes(&[note]);
        }
        Ok(())
    };
    store.call(rename).await?;
    Ok(())
}

/// Returns Postmark's number of the server that answers; `None` where its token may not be told.
async fn ask_number(api: &Server) -> Result<Option<i64>, ReadError> {
    let is_refused = |kind| matches!(kind, ErrorKind::Refused { .. });
    let listed = match api.streams().await {
        Ok(list) => list.server_id,
        Err(error) if is_refused(error.kind()) => None,
        Err(error) => return Err(error.into()),
    };
    if listed.is_some() {
        return Ok(listed);
    }
    match api.info().await {
        Ok(info) => Ok(Some(info.id)),
        Err(error) if is_refused(error.kind()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
