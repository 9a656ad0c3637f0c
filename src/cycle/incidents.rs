//! What a person says of an incident. Closing one by hand: what it was, what it says to people, and what follows from it, in one transaction.

use crate::cycle::clock::current_instant;
use crate::cycle::evaluate::{close_by_hand, close_commit};
use crate::cycle::lease::Leases;
use crate::cycle::{Context, CycleError, CycleOptions, lock_database};
use crate::model::{Evidence, Feedback, Incident, Judgement, Timestamp};
use crate::store::{AcceptedServer, CycleLock};

/// An incident that a person names, in a database in which nobody else decides until this is dropped.
pub(super) struct LockedIncident {
    pub incident: Incident,
    /// The instant of the verb.
    pub now: Timestamp,
    _lock: Option<CycleLock>,
}

/// Locks the database and finds the incident `id` in it; `None` where no incident has this id.
pub(super) async fn lock_incident(
    context: &Context,
    id: &str,
    options: CycleOptions,
) -> Result<Option<LockedIncident>, CycleError> {
    let store = &context.store;
    let lock = lock_database(store, &context.config.store).await?;
    let now = current_instant(&context.config, store, options).await?;
    let id = id.to_owned();
    let found = store.call(move |s| s.incident(&id)).await?;
    Ok(found.map(|incident| LockedIncident {
        incident,
        now,
        _lock: lock,
    }))
}

/// Closes the open incident `id` because `person` says so, and returns it as it is then. That of another server accepts it:
/// what is open on the former one is no longer watched, and what is stored of it is set aside. `None` where no incident of
/// this id is open.
pub(crate) async fn close_incident(
    context: &Context,
    id: &str,
    person: &str,
    options: CycleOptions,
) -> Result<Option<Incident>, CycleError> {
    let store = &context.store;
    let Some(found) = lock_incident(context, id, options).await? else {
        return Ok(None);
    };
    let (name, now) = (found.incident.server, found.now);
    let leases = Leases::new(store, &context.worker_id, context.config.store.lease);
    if leases.take(&name).await?.is_err() {
        let place = context.config.store.to_string();
        return Err(CycleError::Locked(place));
    }
    let server = name.clone();
    let read =
        move |s: &mut crate::store::Database| Ok((s.latest_incidents(&server)?, s.mutes(now)?));
    let (incidents, mutes) = store.call(read).await?;
    let policy = context.policy(mutes, now, now);
    let Some(mut evaluation) = close_by_hand(&name, incidents, &policy, (id, person), now) else {
        return Ok(None);
    };
    let closed = evaluation.transitions[0].incident.clone();
    let mut accepted = None;
    if let Evidence::ServerChange(change) = &closed.evidence {
        accepted = Some(AcceptedServer {
            name: name.clone(),
            number: change.current,
            at: now,
        });
    }
    let server = context.config.servers.iter().find(|s| s.name == name);
    evaluation.route = context.route(server);
    let mut commit = close_commit(context, evaluation, now).await?;
    commit.accepted.extend(accepted);
    commit.leases = leases.take_for_commit();
    store.call(move |s| s.commit(&commit)).await?;
    Ok(Some(closed))
}

/// Stores what `person` says of an incident, and returns both; `None` where no incident has this id.
pub(crate) async fn judge_incident(
    context: &Context,
    id: &str,
    judgement: Judgement,
    person: &str,
    options: CycleOptions,
) -> Result<Option<(Incident, Feedback)>, CycleError> {
    let store = &context.store;
    let _lock = lock_database(store, &context.config.store).await?;
    let feedback = Feedback {
        judgement,
        by: person.to_owned(),
        at: current_instant(&context.config, store, options).await?,
    };
    let id = id.to_owned();
    let judge = move |s: &mut crate::store::Database| {
        let incident = match s.save_feedback(&id, &feedback)? {
            true => s.incident(&id)?,
            false => None,
        };
        Ok(incident.map(|incident| (incident, feedback)))
    };
    Ok(store.call(judge).await?)
}
