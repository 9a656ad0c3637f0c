//! What the mail of all servers together says: that everything stopped is noticed sooner than that each of them did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::evaluate::{ServerEvaluation, instants_to_evaluate, learned};
use crate::cycle::lease::Leases;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::same_server::count_once;
use crate::cycle::poll::servers::watched_servers;
use crate::decide::{IncidentLog, Policy};
use crate::detect::{PollHealth, Together};
use crate::evaluate::{Evaluator, drop_superseded_reminders};
use crate::model::{HOUR, Rule, ServerName, Span, StreamId, StreamKey, Timestamp};
use crate::store::{self, Database, ServerIdentity};

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
    let own = name.clone();
    let read = move |s: &mut Database| {
        let known = (s.open_stops()?, s.learned(&own)?);
        Ok((s.latest_incidents(&own)?, known, s.server_identities()?))
    };
    let (incidents, (stopped, learned), identities) = store.call(read).await?;
    let several = has_several(&watched, &identities);
    if (!several && incidents.iter().all(|i| !i.is_open())) || leases.take(&name).await?.is_err() {
        return Ok(None);
    }
    let mut log = IncidentLog::new(name.clone(), incidents.clone());
    let mut evaluator = Evaluator::new(policy.clone(), series);
    evaluator.keep(learned);
    evaluator.set_stops(Vec::new(), stopped);
    let mut transitions = Vec::new();
    if several {
        let of = |name: &ServerName| polls.iter().find(|poll| poll.name() == name);
        let complete = watched.iter().filter_map(|server| of(&server.name));
        let complete: Vec<&PollOutcome> = complete.filter(|poll| is_complete(poll)).collect();
        let schedule = &context.config.schedule;
        let instants = complete
            .iter()
            .flat_map(|p| instants_to_evaluate(schedule, p, now));
        let instants: BTreeSet<Timestamp> = instants.chain([now]).collect();
        let together = load_together(context, &complete, &identities, &instants).await?;
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

/// Whether more than one of Postmark's servers is watched, however many names they have here.
fn has_several(
    watched: &[Arc<ServerConfig>],
    identities: &BTreeMap<ServerName, ServerIdentity>,
) -> bool {
    let names = watched.iter().map(|server| &server.name);
    let names = names.filter(|name| !name.is_account());
    let numbered = |name| match identities.get(name) {
        Some(server) => (Some(server.number), None),
        None => (None, Some(name)),
    };
    names.map(numbered).collect::<BTreeSet<_>>().len() > 1
}

/// Loads and merges the streams of every server that is seen, one after the other; one that several names share, once.
async fn load_together(
    context: &Context,
    polls: &[&PollOutcome],
    identities: &BTreeMap<ServerName, ServerIdentity>,
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
    let (mut streams, mut rules_of) = (Vec::new(), BTreeMap::new());
    for poll in polls {
        let rules = context.config.rules_for(&poll.server);
        let is_judged = |stream: &&StreamId| rules.for_stream(stream).is_enabled(Rule::SendSilence);
        for stream in poll.streams.iter().filter(is_judged) {
            let key = StreamKey::new(poll.name(), stream);
            rules_of.insert(key.clone(), rules.for_stream(stream).clone());
            streams.push(key);
        }
    }
    for key in count_once(streams, identities) {
        let (of, cuts) = (key.clone(), cuts.clone());
        let history = context
            .store
            .call(move |s| s.sending_history(&of, range, &cuts))
            .await?;
        if let Some(rules) = rules_of.get(&key) {
            together.add(key, &history, rules);
        }
    }
    Ok(together)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSource;

    #[test]
    fn several_names_of_one_server_are_not_several_servers() {
        let watched = ["shop", "store", ServerName::ACCOUNT]
            .map(|name| Arc::new(ServerConfig::new(name, TokenSource::Account(None))));
        let of = |number| ServerIdentity {
            number,
            sandbox: None,
        };
        let identities =
            |store| BTreeMap::from([("shop".into(), of(1)), ("store".into(), of(store))]);
        assert!(!has_several(&watched, &identities(1)));
        assert!(has_several(&watched, &identities(2)));
        assert!(has_several(&watched, &BTreeMap::new()), "not known yet");
    }
}
