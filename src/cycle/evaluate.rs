//! Evaluates every polled server at each instant that is due, and commits the result in one transaction.

mod all_servers;
mod canary;
mod commit;
mod dns;
mod found_late;
mod judging;
mod learned;
mod unwatched;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::config::Schedule;
use crate::cycle::Context;
use crate::cycle::evaluate::all_servers::evaluate_all_servers;
use crate::cycle::evaluate::canary::evaluate_canary;
use crate::cycle::evaluate::commit::{build_commit, load_notified};
use crate::cycle::evaluate::dns::evaluate_dns;
use crate::cycle::evaluate::found_late::instants_of_found;
use crate::cycle::evaluate::judging::{Judging, judge_apart};
use crate::cycle::evaluate::unwatched::{close_unwatched, unwatched_servers};
use crate::cycle::lease::Leases;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::sinks::ReportedStep;
use crate::cycle::stats::budget_series;
use crate::decide::{IncidentLog, MuteEnd, Policy};
use crate::detect::{self, PollHealth};
use crate::evaluate::{Evaluator, drop_superseded_reminders, opened_and_resolved};
use crate::model::{
    BLOCKS_LOOKBACK, CanaryMail, DAY, DnsRecord, HOUR, History, Incident, Mute, Rule, Rules,
    SAMPLE_LOOKBACK, ServerName, Span, StreamId, StreamKey, Timestamp, ToldBounces, Transition,
};
use crate::notify::alert::Style;
use crate::notify::grouping::ServerUpdates;
use crate::notify::routing::Route;
use crate::store::{self, Database, Store};

pub(crate) use crate::cycle::evaluate::commit::close_commit;

/// The maximum number of instants at which a gap is evaluated; of a longer gap, every second or third of them and so on.
const MAX_INSTANTS: usize = 1_500;
/// The maximum number of servers whose history is in memory.
const MAX_EVALUATED_AT_ONCE: usize = 3;
/// The number of windows that the rules evaluate.
const WINDOWS: usize = 8;

#[derive(Clone, Debug, Default)]
pub(crate) struct ServerEvaluation {
    pub name: String,
    pub incidents: Vec<Incident>,
    /// Their transitions, in order of their instants.
    pub transitions: Vec<Transition>,
    pub route: Route,
    /// Up to when it was seen before this cycle.
    pub seen_until: Timestamp,
    /// The spans since then of which Postmark no longer has the messages.
    pub unseen: Vec<(StreamId, Span)>,
    /// What the end of a mute reports of it.
    pub mute_end: MuteEnd,
}

/// What was polled besides servers; of each `None` where it is off, or another process polls it.
pub(crate) struct OtherPolls {
    pub canary: Option<Vec<CanaryMail>>,
    /// The records of each domain that sends.
    pub dns: Option<BTreeMap<String, Vec<DnsRecord>>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct CycleEvaluation {
    pub transitions: Vec<ReportedStep>,
    pub open: Vec<Incident>,
    pub mutes: Vec<Mute>,
}

/// Evaluates every polled server, closes what nobody watches, and commits the result. A server whose evaluation panicked leaves `polls`:
/// nothing is stored of its poll, so that the next cycle evaluates what this one did not.
pub(crate) async fn evaluate(
    context: &Context,
    polls: &mut Vec<PollOutcome>,
    others: &OtherPolls,
    leases: &Leases,
    now: Timestamp,
) -> Result<CycleEvaluation, store::Error> {
    let store = &context.store;
    let series = budget_series(&context.config, store).await?;
    let schedule = &context.config.schedule;
    let instants = polls.iter().flat_map(|poll| {
        let late = instants_of_found(schedule, poll);
        late.into_iter()
            .chain(instants_to_evaluate(schedule, poll, now))
    });
    let first = instants.min().unwrap_or(now);
    let mutes = store.call(move |s| s.mutes(first)).await?;
    let mut policy = context.policy(mutes.clone(), first, now);
    let all = evaluate_all_servers(context, polls, leases, &policy, series, now).await?;
    if let Some(all) = &all {
        policy.stops_together.clone_from(&all.incidents);
    }
    let mut servers: Vec<ServerEvaluation> = all.into_iter().collect();
    let canary = others.canary.as_deref();
    servers.extend(evaluate_canary(context, canary, leases, &policy, now).await?);
    let records = others.dns.as_ref();
    servers.extend(evaluate_dns(context, records, leases, &policy, now).await?);
    // While some are judged, each on a thread of its own, the next are read.
    let evaluate = |poll| evaluate_polled_server(context, poll, policy.clone(), series, now);
    let evaluated = stream::iter(polls.iter().map(evaluate)).buffered(MAX_EVALUATED_AT_ONCE);
    let evaluated = evaluated.try_collect::<Vec<_>>().await?;
    let is_judged: Vec<bool> = evaluated.iter().map(Option::is_some).collect();
    servers.extend(evaluated.into_iter().flatten());
    for name in unwatched_servers(context, polls, now).await? {
        if leases.take(&name).await?.is_ok() {
            servers.push(close_unwatched(context, name, &policy, now).await?);
        }
    }
    let mut is_judged = is_judged.into_iter();
    polls.retain(|_| is_judged.next().unwrap_or(true));
    let mut evaluation = CycleEvaluation::new(&servers, mutes, now, context.style());
    evaluation.log();
    let notified = load_notified(context, &servers).await?;
    let mut commit = build_commit(context, polls, servers, &evaluation, &notified, now);
    commit.leases = leases.take_for_commit();
    store.call(move |s| s.commit(&commit)).await?;
    evaluation.mutes.retain(|mute| mute.runs_at(now));
    Ok(evaluation)
}

impl CycleEvaluation {
    fn new(servers: &[ServerEvaluation], mutes: Vec<Mute>, now: Timestamp, style: Style) -> Self {
        let incidents = servers.iter().flat_map(|server| &server.incidents);
        let reported = |server: &ServerEvaluation| {
            let steps = server.transitions.iter();
            let steps = steps.map(|step| ReportedStep::new(step, &server.incidents, now, style));
            steps.collect::<Vec<_>>()
        };
        Self {
            transitions: servers.iter().flat_map(reported).collect(),
            open: incidents.filter(|i| i.is_open()).cloned().collect(),
            mutes,
        }
    }

    /// Logs every transition, before any message of it is sent.
    fn log(&self) {
        for ReportedStep { step, .. } in &self.transitions {
            let incident = &step.incident;
            tracing::info!(
                incident = incident.id, rule = %incident.rule, severity = incident.severity.name(),
                server = %incident.server, notified = step.notified, at = %step.at,
                "incident {}", step.step.name()
            );
        }
    }
}

/// Loads the incidents of a server, for what people say of them.
pub(crate) async fn load_log(
    context: &Context,
    server: &ServerName,
) -> Result<IncidentLog, store::Error> {
    let name = server.clone();
    let load = move |s: &mut Database| s.latest_incidents(&name);
    let incidents = context.store.call(load).await?;
    Ok(IncidentLog::new(server.clone(), incidents))
}

/// Returns what people were told of the bounces of a stream, by the latest incidents of its server.
pub(crate) fn told_bounces(
    server: &ServerName,
    incidents: Vec<Incident>,
    stream: &StreamId,
) -> ToldBounces {
    IncidentLog::new(server.clone(), incidents).told_bounces(stream)
}

/// Closes the open incident of an id because a person says so; where that accepts another server, ends what else is open, since
/// the former one is not watched any more. The first transition is that of the incident; `None` where it is not open.
pub(crate) fn close_by_hand(
    name: &ServerName,
    incidents: Vec<Incident>,
    policy: &Policy,
    (id, person): (&str, &str),
    now: Timestamp,
) -> Option<ServerEvaluation> {
    let mut log = IncidentLog::new(name.clone(), incidents);
    let mut transitions = vec![log.close(policy, id, person, now)?];
    if transitions[0].incident.rule == Rule::ServerChanged {
        transitions.extend(log.close_all(policy, now));
    }
    Some(ServerEvaluation {
        name: name.to_string(),
        incidents: log.incidents().cloned().collect(),
        transitions,
        seen_until: now,
        ..ServerEvaluation::default()
    })
}

impl ServerEvaluation {
    /// Returns what became of the incidents of something that has no mail of its own, which were so `before`: its log, and the steps
    /// that were decided, with what the ends of mutes release.
    fn without_mail(
        (mut log, mut transitions): (IncidentLog, Vec<Transition>),
        before: &[Incident],
        evaluator: &Evaluator,
        now: Timestamp,
    ) -> Self {
        let mute_end = evaluator.end_mutes(&mut log, now);
        transitions.extend(mute_end.open.iter().cloned());
        drop_superseded_reminders(&mut transitions, before);
        Self {
            name: log.server().to_string(),
            incidents: log.incidents().cloned().collect(),
            transitions,
            seen_until: now,
            mute_end,
            ..Self::default()
        }
    }

    fn updates(&self, now: Timestamp) -> ServerUpdates<'_> {
        ServerUpdates {
            server: &self.name,
            route: &self.route,
            transitions: &self.transitions,
            incidents: &self.incidents,
            missed: opened_and_resolved(&self.transitions, &self.incidents, now),
            seen_until: self.seen_until,
            unseen: &self.unseen,
            unmuted_open: &self.mute_end.open,
            unmuted_resolved: &self.mute_end.resolved,
        }
    }
}

/// Reads what is known of a server and judges it; `None` where that panicked.
async fn evaluate_polled_server(
    context: &Context,
    poll: &PollOutcome,
    policy: Policy,
    series: usize,
    now: Timestamp,
) -> Result<Option<ServerEvaluation>, store::Error> {
    let store = &context.store;
    let name = poll.name().clone();
    let read = move |s: &mut Database| {
        let losses = s.delivery_incidents(&name, now - SAMPLE_LOOKBACK)?;
        Ok((
            s.latest_incidents(&name)?,
            s.server_identity(&name)?,
            losses,
            s.smtp_error_days(&name)?,
            s.rule_start(Rule::DomainBlocks, now)?,
            s.learned(&name)?,
        ))
    };
    let (incidents, identity, losses, smtp_errors, blocks_from, learned) = store.call(read).await?;
    let sandbox = identity.is_some_and(|server| server.is_sandbox());
    let rules = context.config.rules_for(&poll.server);
    let rules = rules.with(|rules| rules.sandbox = sandbox);
    let instants = instants_to_evaluate(&context.config.schedule, poll, now);
    let late = instants_of_found(&context.config.schedule, poll);
    let keep = context.config.store.keep;
    let all: Vec<Timestamp> = late.iter().chain(&instants).copied().collect();
    let histories = load_histories(store, poll, &rules, &all, (keep, blocks_from, now)).await?;
    let policy = Policy {
        rules,
        server_number: identity.map(|server| server.number),
        ..policy
    };
    let mut evaluator = Evaluator::new(policy, series);
    evaluator.keep(learned);
    evaluator.set_past_losses(losses);
    let refused = detect::evaluate_smtp_errors(&smtp_errors, now);
    evaluator.set_server_findings(vec![refused]);
    let route = context.route(Some(&poll.server));
    let judging = Judging {
        evaluator,
        poll: poll.clone(),
        histories,
        incidents,
        instants,
        schedule: context.config.schedule.clone(),
        now,
    };
    let Some(judged) = judge_apart(poll.name(), move || judging.judge()).await else {
        return Ok(None);
    };
    learned::keep(store, poll.name(), judged.learned, now).await;
    learned::pack_weeks(store, poll.name(), &judged.histories, now).await;
    Ok(Some(ServerEvaluation {
        route,
        ..judged.evaluation
    }))
}

/// Returns the instants before `now` that are still to be evaluated: those of the schedule since the last complete cycle, once
/// this one is complete.
fn instants_to_evaluate(schedule: &Schedule, poll: &PollOutcome, now: Timestamp) -> Vec<Timestamp> {
    let instants = match (&poll.health, poll.previous_state.last_complete_at) {
        (PollHealth::Complete, Some(last)) => schedule.instants(last, now),
        // A first complete cycle after a start that saw nothing catches up with that start.
        (PollHealth::Complete, None) => schedule.instants(poll.previous_state.first_start_at, now),
        _ => Vec::new(),
    };
    let every = instants.len() / MAX_INSTANTS + 1;
    instants.into_iter().step_by(every).collect()
}

/// Returns the history of each stream, exact at the bounds of every window that a rule evaluates at `instants` or `now`.
async fn load_histories(
    store: &Store,
    poll: &PollOutcome,
    rules: &Rules,
    instants: &[Timestamp],
    (keep, blocks_from, now): (Duration, Timestamp, Timestamp),
) -> Result<BTreeMap<StreamId, History>, store::Error> {
    let mut histories = BTreeMap::new();
    for stream in &poll.streams {
        let windows = evaluated_windows(rules.for_stream(stream));
        let instants = instants.to_vec();
        let key = StreamKey::new(poll.name(), stream);
        let load = move |s: &mut Database| {
            load_history(s, &key, windows, &instants, (keep, blocks_from, now))
        };
        histories.insert(stream.clone(), store.call(load).await?);
    }
    Ok(histories)
}

fn load_history(
    s: &mut Database,
    key: &StreamKey,
    windows: [Duration; WINDOWS],
    instants: &[Timestamp],
    (keep, blocks_from, now): (Duration, Timestamp, Timestamp),
) -> Result<History, store::Error> {
    // The usual rate is that of a week.
    let longest = windows.into_iter().fold(7 * DAY, Duration::max);
    let first = instants.first().copied().unwrap_or(now);
    let range = Span::new(first - longest, now);
    let starts = |at: &Timestamp| windows.map(|window| *at - window).into_iter().chain([*at]);
    let cuts: Vec<Timestamp> = instants.iter().chain([&now]).flat_map(starts).collect();
    let mut history = s.history_with_tags(key, range, &cuts)?;
    if history.has_blocks() {
        // Of what is older, a part was pruned.
        let from = (first - BLOCKS_LOOKBACK).max(now - keep);
        let span = Span::new(from, range.from.max(from));
        history.older_blocks = s.older_blocks(key, span)?;
        history.older_blocks.judged_from = Some(blocks_from);
    }
    // What lasts is added up over more days than any window has.
    let older = Span::new(detect::lasting_reach(&history, first).from, range.from);
    if !older.is_empty() {
        let bounces = s.bounces_in(key, older)?;
        history.bounce_events.splice(0..0, bounces);
        let recipients = s.recipients_by_hours(key, older)?;
        history.recipients.add_older(&recipients);
    }
    // What bounced before was pruned, and the hours of its mail were not: nobody knows how much of it bounced.
    let pruned = Span::new(Timestamp::MIN, now - keep);
    history.bounces = history.bounces.without(pruned);
    Ok(history)
}

/// Returns the length of every window that a rule evaluates.
fn evaluated_windows(rules: &Rules) -> [Duration; WINDOWS] {
    [
        rules.bounce_rate.longest_window(),
        rules.spam_rate.longest_window(),
        rules.bounce_rate.window,
        rules.spam_rate.window,
        DAY,
        3 * HOUR,
        2 * HOUR,
        HOUR,
    ]
}

#[cfg(test)]
mod tests;
