//! What an answer does: the new state of its incidents, what is muted, what people said, and the edits of their messages, in one
//! transaction.

use std::collections::{BTreeMap, BTreeSet};

use crate::cycle::clock::current_instant;
use crate::cycle::evaluate::load_log;
use crate::cycle::incidents::lock_incident;
use crate::cycle::lease::Leases;
use crate::cycle::sinks::{NotifiedSteps, acknowledgement_rows, sink_rows};
use crate::cycle::stored_message::{to_body, to_row};
use crate::cycle::{Context, CycleError, CycleOptions, lock_database};
use crate::decide::{AnswerEffect, Change, IncidentLog};
use crate::model::{
    Acknowledgement, Incident, Mute, ServerName, StandingAnswer, Timestamp, Transition,
};
use crate::notify::alert::alert;
use crate::notify::answered::answered_message;
use crate::notify::live::as_reported;
use crate::store::{
    self, AnswerableMessage, AnswersRead, CycleCommit, Database, MessageKind, NewMessage,
    Placement, Thread,
};

/// A change of the answers below a message, with the name of whoever made it.
pub(super) struct Given {
    pub change: Change,
    pub name: String,
}

/// Applies `given` to every incident that `message` names, and stores that it was read. Where another process works on one of their
/// servers, nothing is stored, and a later read finds the same. Returns the steps that were taken, each with its text.
pub(super) async fn apply(
    context: &Context,
    message: &AnswerableMessage,
    read: AnswersRead,
    given: &[Given],
    all: &[AnswerableMessage],
    now: Timestamp,
) -> Result<Vec<(Transition, String)>, store::Error> {
    let incidents = &message.incidents;
    let servers: BTreeSet<ServerName> = incidents.iter().map(|i| i.server.clone()).collect();
    let Some(mut desk) = Desk::open(context, servers, now).await? else {
        return Ok(Vec::new());
    };
    for Given { change, name } in given {
        for incident in incidents {
            let elsewhere = stands_elsewhere(all, message.thread, &incident.id, change);
            desk.answer(incident, change, name, elsewhere);
            tracing::info!(incident = incident.id, ?change, "answered in Slack");
        }
    }
    desk.commit(vec![read]).await
}

/// Returns whether what was taken back below the message of `thread` still stands below another one that names the incident.
fn stands_elsewhere(
    all: &[AnswerableMessage],
    thread: i64,
    incident: &str,
    change: &Change,
) -> bool {
    let Change::TakenBack(answer) = change else {
        return false;
    };
    let is_given = |seen: &[StandingAnswer]| seen.iter().any(|s| s.answer == *answer);
    let mut others = all.iter().filter(|other| other.thread != thread);
    others.any(|other| is_given(&other.seen) && other.incidents.iter().any(|i| i.id == incident))
}

/// Records that `person` takes care of the open incident `id`, and returns it as it is then; `None` where no incident of this id is
/// open.
pub(crate) async fn acknowledge_incident(
    context: &Context,
    id: &str,
    person: &str,
    options: CycleOptions,
) -> Result<Option<Incident>, CycleError> {
    let found = lock_incident(context, id, options).await?;
    let Some(found) = found.filter(|found| found.incident.is_open()) else {
        return Ok(None);
    };
    let (incident, now) = (&found.incident, found.now);
    let servers = BTreeSet::from([incident.server.clone()]);
    let Some(mut desk) = Desk::open(context, servers, now).await? else {
        return Err(CycleError::Locked(context.config.store.to_string()));
    };
    let acknowledgement = Acknowledgement {
        by: person.to_owned(),
        at: now,
        by_answer: false,
    };
    desk.acknowledge(incident, acknowledgement);
    let current = desk.current(id).cloned();
    desk.commit(Vec::new()).await?;
    Ok(current.filter(Incident::is_open))
}

/// Edits the messages of those of the incidents `ids` that are open: a command ended their mutes, of which they still speak.
///
/// # Errors
/// Where the database fails, or another process works on it for long.
pub(crate) async fn show_unmuted(
    context: &Context,
    ids: BTreeSet<String>,
    options: CycleOptions,
) -> Result<(), CycleError> {
    let store = &context.store;
    if ids.is_empty() || !context.notifier.has_threads() {
        return Ok(());
    }
    let _lock = lock_database(store, &context.config.store).await?;
    let now = current_instant(&context.config, store, options).await?;
    let load = move |s: &mut Database| -> Result<Vec<Incident>, store::Error> {
        let found: Result<Vec<_>, _> = ids.iter().map(|id| s.incident(id)).collect();
        Ok(found?.into_iter().flatten().collect())
    };
    let mut open = store.call(load).await?;
    open.retain(Incident::is_open);
    let servers = open.iter().map(|incident| incident.server.clone());
    let Some(mut desk) = Desk::open(context, servers.collect(), now).await? else {
        return Err(CycleError::Locked(context.config.store.to_string()));
    };
    desk.changed = open.into_iter().map(|incident| incident.id).collect();
    desk.commit(Vec::new()).await?;
    Ok(())
}

/// Returns a step as sinks get it: what closes without a word in Slack, where people see who closed it, ends there too.
fn with_its_end((mut step, text): (Transition, String)) -> (Transition, String) {
    step.notified |= step.incident.notified;
    (step, text)
}

/// The incidents of some servers while people say something of them, and all that follows from it.
struct Desk<'c> {
    context: &'c Context,
    leases: Leases,
    logs: BTreeMap<ServerName, IncidentLog>,
    mutes: Vec<Mute>,
    commit: CycleCommit,
    /// The ids of the incidents of which there is news to read.
    changed: BTreeSet<String>,
    /// The ids of those that somebody takes care of now and nobody did before.
    acknowledged: BTreeSet<String>,
    now: Timestamp,
}

impl<'c> Desk<'c> {
    /// Returns `None` where another process works on one of `servers`.
    async fn open(
        context: &'c Context,
        servers: BTreeSet<ServerName>,
        now: Timestamp,
    ) -> Result<Option<Self>, store::Error> {
        let store = &context.store;
        let leases = Leases::new(store, &context.worker_id, context.config.store.lease);
        let mut logs = BTreeMap::new();
        for server in servers {
            if leases.take(&server).await?.is_err() {
                let held = leases.take_for_commit();
                store.call(move |s| s.release_leases(&held)).await?;
                return Ok(None);
            }
            let log = load_log(context, &server).await?;
            logs.insert(server, log);
        }
        Ok(Some(Self {
            mutes: store.call(move |s| s.mutes(now)).await?,
            context,
            leases,
            logs,
            commit: CycleCommit {
                at: Some(now),
                ..CycleCommit::default()
            },
            changed: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            now,
        }))
    }

    fn answer(&mut self, incident: &Incident, change: &Change, name: &str, elsewhere: bool) {
        let (id, now) = (&incident.id, self.now);
        let policy = self.context.policy(self.mutes.clone(), self.now, self.now);
        if let Some(log) = self.logs.get_mut(&incident.server) {
            let effect = log.answer(&policy, id, change, name, elsewhere, now);
            self.keep(id, effect);
        }
    }

    fn acknowledge(&mut self, incident: &Incident, acknowledgement: Acknowledgement) {
        if let Some(log) = self.logs.get_mut(&incident.server) {
            let effect = log.acknowledge(&incident.id, acknowledgement);
            self.keep(&incident.id, effect);
        }
    }

    /// Keeps what follows from an answer for the transaction.
    fn keep(&mut self, id: &str, effect: AnswerEffect) {
        if effect.is_news {
            self.changed.insert(id.to_owned());
        }
        if effect.is_acknowledged {
            self.acknowledged.insert(id.to_owned());
        }
        if let Some(transition) = effect.transition {
            let text = alert(&transition, self.context.style()).to_text();
            self.commit.transitions.push((transition, text));
        }
        let feedback = effect.feedback.map(|said| (id.to_owned(), said));
        self.commit.feedback.extend(feedback);
        if effect.unmutes || effect.mute.is_some() {
            let is_of_it = |mute: &Mute| mute.incident.as_deref() == Some(id);
            let ended = self.mutes.iter().filter(|mute| is_of_it(mute));
            self.commit.ended_mutes.extend(ended.map(|mute| mute.id));
            self.mutes.retain(|mute| !is_of_it(mute));
        }
        self.mutes.extend(effect.mute.clone());
        self.commit.mutes.extend(effect.mute);
    }

    fn current(&self, id: &str) -> Option<&Incident> {
        let mut incidents = self.logs.values().flat_map(IncidentLog::incidents);
        incidents.find(|incident| incident.id == id)
    }

    /// Stores everything, and that `read` was read; returns the steps that were taken.
    async fn commit(
        mut self,
        read: Vec<AnswersRead>,
    ) -> Result<Vec<(Transition, String)>, store::Error> {
        self.commit.messages = self.edits().await?;
        let messages = self.for_sinks().await?;
        self.commit.messages.extend(messages);
        let incidents = self.logs.values().flat_map(IncidentLog::incidents);
        self.commit.incidents = incidents.cloned().collect();
        self.commit.answers = read;
        self.commit.leases = self.leases.take_for_commit();
        let commit = self.commit;
        let steps = commit.transitions.clone();
        self.context.store.call(move |s| s.commit(&commit)).await?;
        Ok(steps)
    }

    /// Returns what goes to the sinks: who takes care of what, and what ended.
    async fn for_sinks(&self) -> Result<Vec<NewMessage>, store::Error> {
        let (sinks, style) = (&self.context.config.sinks, self.context.style());
        let closed = self.commit.transitions.iter().map(|(t, _)| &t.incident.id);
        let ids: BTreeSet<String> = closed.chain(&self.acknowledged).cloned().collect();
        if sinks.is_empty() || ids.is_empty() {
            return Ok(Vec::new());
        }
        let load = move |s: &mut Database| load_notified_steps(s, &ids);
        let before = self.context.store.call(load).await?;
        let acknowledged = self.acknowledged.iter().filter_map(|id| self.current(id));
        let acknowledged = acknowledged.filter(|incident| incident.is_open());
        let rows =
            acknowledged.flat_map(|incident| acknowledgement_rows(sinks, incident, &before, style));
        let steps = self.commit.transitions.iter().cloned();
        let steps: Vec<_> = steps.map(|step| with_its_end(step).into()).collect();
        Ok(rows.chain(sink_rows(sinks, &steps, &before)).collect())
    }

    /// Returns the edits of the messages that name what changed.
    async fn edits(&self) -> Result<Vec<NewMessage>, store::Error> {
        if !self.context.notifier.has_threads() || self.changed.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = self.changed.iter().cloned().collect();
        let load = move |s: &mut Database| {
            let threads = s.message_threads(&ids)?;
            let named = threads.iter().flat_map(|thread| &thread.incidents);
            let named: BTreeSet<String> = named.map(|incident| incident.id.clone()).collect();
            let notified = load_notified_steps(s, &named)?;
            Ok((threads, notified))
        };
        let (threads, notified) = self.context.store.call(load).await?;
        let mut edits = Vec::new();
        for thread in threads {
            let steps_of = |id: &str| notified.get(id).map_or(&[][..], Vec::as_slice);
            let shown = |stored: &Incident| {
                let current = self.current(&stored.id).unwrap_or(stored);
                as_reported(current, steps_of(&current.id))
            };
            let members: Vec<Incident> = thread.incidents.iter().map(shown).collect();
            let members: Vec<&Incident> = members.iter().collect();
            let [first, ..] = members.as_slice() else {
                continue;
            };
            let steps = steps_of(&first.id);
            let (mutes, style) = (&self.mutes, self.context.style());
            let message = answered_message(&members, steps, mutes, self.now, style);
            let single = (members.len() == 1).then(|| first.id.clone());
            edits.push(NewMessage {
                incident: single,
                incidents: members.iter().map(|i| i.id.clone()).collect(),
                channel: thread.channel,
                placement: Placement {
                    thread: Thread::Continues(thread.seq),
                    top: to_body(&message),
                    ..Placement::default()
                },
                ..to_row(MessageKind::Edit, &message)
            });
        }
        Ok(edits)
    }
}

/// Returns the steps that people were notified of, of each of these incidents.
fn load_notified_steps(
    s: &mut Database,
    ids: &BTreeSet<String>,
) -> Result<NotifiedSteps, store::Error> {
    let mut notified = NotifiedSteps::new();
    for id in ids {
        let rows = s.incident_transitions(id)?.into_iter();
        let steps = rows.map(|row| row.transition).filter(|t| t.notified);
        notified.insert(id.clone(), steps.collect());
    }
    Ok(notified)
}
