//! What is open on a server that nobody watches any more ends.

use std::time::Duration;

use crate::config::Schedule;
use crate::cycle::Context;
use crate::cycle::evaluate::ServerEvaluation;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::servers::watched_servers;
use crate::decide::{IncidentLog, Policy};
use crate::detect::PollHealth;
use crate::model::{DAY, ServerName, Span, Timestamp};
use crate::store::{self, Database};

/// How far back of its last poll the pace of a server is looked for, and how long one is waited for that has none.
const PACE_LOOKBACK: Duration = DAY;

/// Returns the servers with open or muted incidents that nobody watches: those that left the account, and those whose polls fail to
/// come. Of the latter, nobody knows who is gone where nothing could be read, or not the list of the account, as when a variable was
/// lost.
pub(super) async fn unwatched_servers(
    context: &Context,
    polls: &[PollOutcome],
    now: Timestamp,
) -> Result<Vec<ServerName>, store::Error> {
    let watched = watched_servers(&context.config, &context.store).await?;
    let read = move |s: &mut Database| {
        let left = s.unwatched_servers(Timestamp::MIN)?;
        Ok((left, s.unwatched_servers(now)?))
    };
    let (left, idle) = context.store.call(read).await?;
    let own = server_that_was_read(polls);
    let mut unwatched = Vec::new();
    for name in idle {
        if watched.iter().any(|server| server.name == name) {
            continue;
        }
        let is_gone = left.contains(&name)
            || match own {
                Some(own) => is_given_up(context, &name, own, now).await?,
                None => false,
            };
        if is_gone {
            unwatched.push(name);
        }
    }
    Ok(unwatched)
}

/// Returns a server that this cycle read; `None` where it could not read the list of the account.
fn server_that_was_read(polls: &[PollOutcome]) -> Option<&ServerName> {
    let is_read = |poll: &&PollOutcome| matches!(poll.health, PollHealth::Complete);
    let mut lists = polls.iter().filter(|poll| poll.name().is_account());
    let is_listed = lists.all(|poll| is_read(&poll));
    let read = polls.iter().find(is_read)?;
    is_listed.then(|| read.name())
}

/// Returns whether nobody polls `name`, though whoever works with this configuration polls `own`.
async fn is_given_up(
    context: &Context,
    name: &ServerName,
    own: &ServerName,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let (name, own) = (name.clone(), own.clone());
    let read = move |s: &mut Database| {
        let states = s.server_states()?;
        let last = states.get(&name).and_then(|state| state.last_cycle_at);
        let last = last.unwrap_or(now);
        let before = s.polls_within(&name, Span::new(last - PACE_LOOKBACK, last))?;
        let since = s.polls_within(&own, Span::new(last, now))?;
        Ok((last, before, since))
    };
    let (last, before, since) = context.store.call(read).await?;
    let before: Vec<Timestamp> = before.iter().map(|poll| poll.at).collect();
    // What this cycle read is not stored yet.
    let since = since.iter().map(|poll| poll.at);
    let since = since.filter(|at| last < *at && *at < now).chain([now]);
    let since: Vec<Timestamp> = since.collect();
    let config = &context.config;
    let late = config.postmark.longest_poll();
    Ok(are_two_polls_missing(
        &before,
        &since,
        &config.schedule,
        late,
    ))
}

/// Returns whether two polls of a server are missing, by the pace of those up to its last one, `before`: another process may watch it,
/// with another configuration and another schedule. `since` are the polls of this configuration after that. They tell how long the host
/// was awake, on which both may run: the time between two of them does not count where the second is more than `late`.
fn are_two_polls_missing(
    before: &[Timestamp],
    since: &[Timestamp],
    schedule: &Schedule,
    late: Duration,
) -> bool {
    let gaps = |polls: &[Timestamp]| {
        let pairs = polls.windows(2).map(|pair| Span::new(pair[0], pair[1]));
        pairs.collect::<Vec<_>>()
    };
    let paces = gaps(before).into_iter().map(|gap| gap.length());
    let patience = paces.max().map_or(PACE_LOOKBACK, |pace| 2 * pace);
    let is_awake = |gap: &Span| {
        let due = schedule.next(gap.from);
        due.is_some_and(|due| gap.until <= due + late)
    };
    let awake: Vec<Span> = gaps(since).into_iter().filter(is_awake).collect();
    let length: Duration = awake.iter().map(|gap| gap.length()).sum();
    awake.len() >= 2 && length >= patience
}

/// Resolves what is open on a server that is not watched any more, and returns that with what a mute had held back.
pub(super) async fn close_unwatched(
    context: &Context,
    name: ServerName,
    policy: &Policy,
    now: Timestamp,
) -> Result<ServerEvaluation, store::Error> {
    let server = name.clone();
    let load = move |s: &mut Database| s.latest_incidents(&server);
    let incidents = context.store.call(load).await?;
    let mut log = IncidentLog::new(name.clone(), incidents);
    let transitions = log.close_all(policy, now);
    let mute_end = log.end_mutes(policy, now);
    Ok(ServerEvaluation {
        name: name.to_string(),
        incidents: log.incidents().cloned().collect(),
        transitions,
        route: context.route(None),
        seen_until: now,
        mute_end,
        ..ServerEvaluation::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MINUTE;

    const LATE: Duration = Duration::from_secs(30 * 60);

    /// Minutes of a Tuesday.
    fn at(minutes: &[u32]) -> Vec<Timestamp> {
        let start = Timestamp::from_secs(1_772_496_000);
        minutes.iter().map(|n| start + MINUTE * *n).collect()
    }

    /// Whether they are missing where it was polled at `before` and this configuration at `since`, in hours.
    fn hourly(before: &[u32], since: &[f64]) -> bool {
        let hours = before.iter().map(|hour| hour * 60);
        let since: Vec<u32> = since.iter().map(|hour| (hour * 60.0) as u32).collect();
        let schedule: Schedule = "0 0 * * * *".parse().expect("a schedule");
        are_two_polls_missing(
            &at(&hours.collect::<Vec<_>>()),
            &at(&since),
            &schedule,
            LATE,
        )
    }

    #[test]
    fn a_server_is_given_up_after_two_polls_that_did_not_come() {
        assert!(!hourly(&[5, 6, 7], &[8.0, 9.0]));
        assert!(hourly(&[5, 6, 7], &[8.0, 9.0, 10.0]));
        assert!(!hourly(&[7], &[8.0, 9.0, 10.0]), "its pace is not known");
        let day: Vec<f64> = (8..=32).map(f64::from).collect();
        assert!(hourly(&[7], &day));
        // Two cycles by hand are no time.
        assert!(!hourly(&[5, 6, 7], &[8.0, 8.1, 8.2]));
    }

    #[test]
    fn the_sleep_of_a_host_gives_nothing_up() {
        assert!(!hourly(&[5, 6, 7], &[10.0]));
        assert!(!hourly(&[5, 6, 7], &[7.1, 10.0, 11.0]));
        assert!(hourly(&[5, 6, 7], &[7.1, 10.0, 11.0, 12.0]));
    }

    #[test]
    fn the_pace_is_that_of_whoever_polls_the_server() {
        let schedule: Schedule = "0 */5 * * * *".parse().expect("a schedule");
        let missing = |minutes: u32| {
            let since: Vec<u32> = (65..=65 + minutes).step_by(5).collect();
            are_two_polls_missing(&at(&[0, 60]), &at(&since), &schedule, LATE)
        };
        assert!(!missing(115));
        assert!(missing(120));
        let quick = |since: &[u32]| {
            let hourly: Schedule = "0 0 * * * *".parse().expect("a schedule");
            are_two_polls_missing(&at(&[45, 50, 55]), &at(since), &hourly, LATE)
        };
        assert!(!quick(&[60, 120]), "the host may have slept for most of it");
        assert!(quick(&[60, 120, 180]));
    }
}
