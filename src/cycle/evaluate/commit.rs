//! What a cycle stores of its evaluation, in one transaction: states, incidents, and the messages that report them.

use std::collections::{BTreeMap, BTreeSet};

use crate::cycle::Context;
use crate::cycle::evaluate::{CycleEvaluation, ServerEvaluation};
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::sinks::{ReportedStep, resolved_step, sink_rows};
use crate::cycle::stored_message::channel_row;
use crate::model::{Timestamp, Transition};
use crate::notify::alert::alert;
use crate::notify::grouping::{ServerUpdates, group_messages, is_silent_turn};
use crate::notify::routing::{NotificationState, ThreadState};
use crate::store::{self, CycleCommit, Database, MessageKind, MessageThread};

/// Returns what is stored of a server without a poll of it: what a person closed, and the messages that report it.
pub(crate) async fn close_commit(
    context: &Context,
    server: ServerEvaluation,
    now: Timestamp,
) -> Result<CycleCommit, store::Error> {
    let (servers, style) = ([server], context.style());
    let evaluation = CycleEvaluation::new(&servers, Vec::new(), now, style);
    evaluation.log();
    let notified = load_notified(context, &servers).await?;
    Ok(build_commit(
        context,
        &[],
        servers.into(),
        &evaluation,
        &notified,
        now,
    ))
}

/// Returns what people were told before of the incidents that have something to tell, or that ended without a notification.
pub(super) async fn load_notified(
    context: &Context,
    servers: &[ServerEvaluation],
) -> Result<NotificationState, store::Error> {
    let transitions = servers.iter().flat_map(|server| &server.transitions);
    let is_shown = |t: &&Transition| t.notified || is_silent_turn(t);
    let notified = transitions.filter(is_shown).map(|t| &t.incident);
    let resolved = servers.iter().flat_map(|server| &server.mute_end.resolved);
    let ids: BTreeSet<String> = notified.chain(resolved).map(|i| i.id.clone()).collect();
    let has_threads = context.notifier.has_threads();
    let load = move |s: &mut Database| {
        let threads = match has_threads {
            true => s.message_threads(&ids.iter().cloned().collect::<Vec<_>>())?,
            false => Vec::new(),
        };
        let groups = threads.iter().filter(|thread| thread.incidents.len() > 1);
        let members = groups.flat_map(|thread| &thread.incidents);
        let mut named: BTreeSet<String> = members.map(|incident| incident.id.clone()).collect();
        named.extend(ids);
        let mut steps = BTreeMap::new();
        for id in named {
            let rows = s.incident_transitions(&id)?.into_iter();
            let notified = rows.map(|row| row.transition).filter(|t| t.notified);
            steps.insert(id, notified.collect());
        }
        let thread = |thread: MessageThread| ThreadState {
            id: thread.seq,
            channel: thread.channel,
            incidents: thread.incidents,
        };
        Ok(NotificationState {
            has_threads,
            threads: threads.into_iter().map(thread).collect(),
            steps,
        })
    };
    context.store.call(load).await
}

/// Returns everything that the cycle stores together: states, incidents, transitions and the messages that report them.
pub(super) fn build_commit(
    context: &Context,
    polls: &[PollOutcome],
    servers: Vec<ServerEvaluation>,
    evaluation: &CycleEvaluation,
    notified: &NotificationState,
    now: Timestamp,
) -> CycleCommit {
    let style = context.style();
    let updates: Vec<ServerUpdates<'_>> = servers.iter().map(|s| s.updates(now)).collect();
    let messages = group_messages(&updates, notified, now, style);
    let alerts = messages.alerts.into_iter();
    let catch_ups = messages.catch_ups.into_iter();
    let edits = messages.edits.into_iter();
    let released = servers.iter().flat_map(|s| &s.mute_end.resolved);
    let released = released.map(|incident| resolved_step(incident, now, style));
    let reported = evaluation.transitions.iter();
    let steps: Vec<_> = reported.clone().cloned().chain(released).collect();
    let for_sinks = sink_rows(&context.config.sinks, &steps, &notified.steps);
    CycleCommit {
        servers: polls
            .iter()
            .map(|poll| (poll.name().clone(), poll.state.clone(), poll.record.clone()))
            .collect(),
        // What is kept of a step has one time: its text is of the figures that are stored beside it.
        transitions: reported
            .map(|ReportedStep { step, .. }| (step.clone(), alert(step, style).to_text()))
            .collect(),
        messages: alerts
            .map(|m| channel_row(MessageKind::Alert, m))
            .chain(catch_ups.map(|m| channel_row(MessageKind::CatchUp, m)))
            .chain(edits.map(|m| channel_row(MessageKind::Edit, m)))
            .chain(for_sinks)
            .collect(),
        incidents: servers.into_iter().flat_map(|s| s.incidents).collect(),
        ..CycleCommit::default()
    }
}
