//! What the mail of all servers together says: that everything stopped is noticed sooner than that each of them did.

use std::collections::BTreeSet;

use crate::cycle::Context;
use crate::cycle::evaluate::{ServerEvaluation, instants_to_evaluate, learned};
use crate::cycle::lease::Leases;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::servers::watched_servers;
use crate::decide::{IncidentLog, Policy};
use crate::detect::{PollHealth, Together};
use crate::evaluate::{Evaluator, drop_superseded_reminders};
use crate::model::{HOUR, Rule, ServerName, Span, StreamKey, Timestamp};
use crate::store::{self, Database};

/// Evaluates the mail of all servers together. `None` where another process does, and where there was never anything to say.
pub(super) async fn evaluate_all_servers(
    context: &Context,
    polls: &[PollOutcome],
    leases: &Leases,
    policy: &Policy,
    series: usize,
    now: Timestamp,
) -> Result<Option<ServerEvaluation>, store::Error> {
    let store = &context.store;
    let name = ServerName::from(ServerName::ALL_SERVERS);
    let watched = watched_servers(&context.config, store).await?;
    let several = watched.iter().filter(|s| !s.name.is_account()).count() > 1;
    let own = name.clone();
    let read =
        move |s: &mut Database| Ok((s.latest_incidents(&own)?, s.open_stops()?, s.learned(&own)?));
    let (incidents, stopped, learned) = store.call(read).await?;
    if (!several && incidents.iter().all(|i| !i.is_open())) || leases.take(&name).await?.is_err() {
        return Ok(None);
    }
    let mut log = IncidentLog::new(name.clone(), incidents.clone());
    let mut evaluator = Evaluator::new(policy.clone(), series);
    evaluator.keep(learned);
    evaluator.set_stops(Vec::new(), stopped);
    let mut transitions = Vec::new();
    if several {
        let complete = polls.iter().filter(|p| is_complete(p));
        let complete: Vec<&PollOutcome> = complete.collect();
        let schedule = &context.config.schedule;
        let instants = complete
            .iter()
            .flat_map(|p| instants_to_evaluate(schedule, p, now));
        let instants: BTreeSet<Timestamp> = instants.chain([now]).collect();
        let together = load_together(context, &complete, &instants).await?;
        if together.server_count() > 1 {
            for at in instants {
                transitions.extend(evaluator.evaluate_together(&mut log, &together, at));
            }
        }
        learned::keep(store, &name, evaluator.take_learned(), now).await;
    } else {
        transitions.extend(log.close_all(policy, now));
    }
    let mute_end = evaluator.end_mutes(&mut log, now);
    transitions.extend(mute_end.open.iter().cloned());
    drop_superseded_reminders(&mut transitions, &incidents);
    let seen = polls
        .iter()
        .filter_map(|poll| poll.previous_state.last_complete_at);
    Ok(Some(ServerEvaluation {
        name: name.to_string(),
        incidents: log.incidents().cloned().collect(),
        transitions,
        seen_until: seen.min().unwrap_or(now),
        mute_end,
        ..ServerEvaluation::default()
    }))
}

fn is_complete(poll: &PollOutcome) -> bool {
    matches!(poll.health, PollHealth::Complete) && !poll.name().is_account()
}

/// Loads and merges the streams of every server that is seen, one after the other.
async fn load_together(
    context: &Context,
    polls: &[&PollOutcome],
    instants: &BTreeSet<Timestamp>,
) -> Result<Together, store::Error> {
    let mut together = Together::default();
    let (Some(first), Some(last)) = (instants.first(), instants.last()) else {
        return Ok(together);
    };
    // As far back as an end of silence looks.
    let range = Span::new(*first - 3 * HOUR, *last);
    let cuts = instants
        .iter()
        .flat_map(|at| (0..=3).map(|hours| *at - HOUR * hours));
    let cuts: Vec<Timestamp> = cuts.collect();
    for poll in polls {
        let rules = context.config.rules_for(&poll.server);
        for stream in &poll.streams {
            if !rules.for_stream(stream).is_enabled(Rule::SendSilence) {
                continue;
            }
            let (key, cuts) = (StreamKey::new(poll.name(), stream), cuts.clone());
            let of = key.clone();
            let history = context
                .store
                .call(move |s| s.sending_history(&of, range, &cuts))
                .await?;
            together.add(key, &history);
        }
    }
    Ok(together)
}
