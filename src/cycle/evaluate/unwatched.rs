//! What is open on a server that nobody watches any more ends: with the server where it left the account, else once two polls of it are
//! missing by its own pace, in time that the host was awake, and after a week in any case.

use std::time::Duration;

use crate::config::Schedule;
use crate::cycle::Context;
use crate::cycle::evaluate::ServerEvaluation;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::servers::watched_servers;
use crate::decide::{IncidentLog, Policy};
use crate::detect::PollHealth;
use crate::model::{DAY, ServerName, Span, Timestamp, WEEK};
use crate::store::{self, Database};

/// How far back of its last poll the pace of a server is looked for, and how long one is waited for that has none.
const PACE_LOOKBACK: Duration = DAY;
/// How far back the pace of this configuration is looked for, which may be slower than its schedule: `check` is run by something else, or
/// its cycles take longer.
const OWN_PACE_LOOKBACK: Duration = WEEK;
/// Whatever its pace is, and whether or not the list of the account is read, a server is given up so long after its last poll.
const GIVEN_UP_AFTER: Duration = WEEK;

/// Returns the servers with open or muted incidents that nobody watches: those that left the account, and those whose polls fail to
/// come. Of the latter, nobody knows who is gone where nothing could be read, or not the list of the account, as when a variable was
/// lost: they have a week.
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
    let (own, are_known) = (own_server(polls), are_servers_known(polls));
    let mut unwatched = Vec::new();
    for name in idle {
        if watched.iter().any(|server| server.name == name) {
            continue;
        }
        let is_gone = left.contains(&name)
            || match own {
                Some(own) => is_given_up(context, &name, own, are_known, now).await?,
                None => false,
            };
        if is_gone {
            unwatched.push(name);
        }
    }
    Ok(unwatched)
}

/// Returns a server that this cycle polled, one that it read if it read any.
fn own_server(polls: &[PollOutcome]) -> Option<&ServerName> {
    let read = polls.iter().find(|poll| is_read(poll));
    read.or(polls.first()).map(PollOutcome::name)
}

/// Returns whether this cycle could read a server, and the list of the account if it asked for it.
fn are_servers_known(polls: &[PollOutcome]) -> bool {
    let mut lists = polls.iter().filter(|poll| poll.name().is_account());
    lists.all(is_read) && polls.iter().any(is_read)
}

fn is_read(poll: &PollOutcome) -> bool {
    matches!(poll.health, PollHealth::Complete)
}

/// Returns whether nobody polls `name`, though whoever works with this configuration polls `own`.
async fn is_given_up(
    context: &Context,
    name: &ServerName,
    own: &ServerName,
    are_known: bool,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let (name, own) = (name.clone(), own.clone());
    let read = move |s: &mut Database| {
        let states = s.server_states()?;
        let last = states.get(&name).and_then(|state| state.last_cycle_at);
        let last = last.unwrap_or(now);
        let before = s.polls_within(&name, Span::new(last - PACE_LOOKBACK, last))?;
        let from = last.min(now - OWN_PACE_LOOKBACK);
        let own = s.polls_within(&own, Span::new(from, now))?;
        Ok((last, before, own))
    };
    let (last, before, own) = context.store.call(read).await?;
    // What this cycle read is not stored yet.
    let own = own.iter().map(|poll| poll.at).filter(|at| *at < now);
    let own: Vec<Timestamp> = own.chain([now]).collect();
    let config = &context.config;
    let late = config.postmark.longest_poll();
    let awake = awake_since(last, &own, &config.schedule, late);
    let before: Vec<Timestamp> = before.iter().map(|poll| poll.at).collect();
    Ok(is_long_ago(last, &awake) || (are_known && are_two_polls_missing(&before, &awake)))
}

/// Returns the times between two polls of this configuration after `last` in which the host was awake, so that another process ran there,
/// too. The host slept where the second is more than `late` by the schedule, and by the pace of all of its polls, `own`.
fn awake_since(
    last: Timestamp,
    own: &[Timestamp],
    schedule: &Schedule,
    late: Duration,
) -> Vec<Span> {
    let mut paces: Vec<Duration> = gaps(own).map(|gap| gap.length()).collect();
    paces.sort_unstable();
    // The lower median.
    let middle = paces.len().saturating_sub(1) / 2;
    let pace = paces.get(middle).copied().unwrap_or_default();
    let is_awake = |gap: &Span| {
        let due = schedule.next(gap.from).unwrap_or(gap.from);
        gap.until <= due.max(gap.from + pace) + late
    };
    let since = gaps(own).filter(|gap| last < gap.from);
    since.filter(is_awake).collect()
}

/// Returns whether two polls of a server are missing, by the pace of those up to its last one, `before`: another process may watch it,
/// with another configuration and another schedule. `awake` are the times after that in which both may have run.
fn are_two_polls_missing(before: &[Timestamp], awake: &[Span]) -> bool {
    let pace = gaps(before).map(|gap| gap.length()).max();
    let patience = pace.map_or(PACE_LOOKBACK, |pace| 2 * pace);
    let length: Duration = awake.iter().map(|gap| gap.length()).sum();
    awake.len() >= 2 && length >= patience
}

/// Returns whether nobody polled a server for a week after its `last` poll, and not when this configuration polled twice after that, either.
fn is_long_ago(last: Timestamp, awake: &[Span]) -> bool {
    let after = awake
        .iter()
        .filter(|gap| gap.until >= last + GIVEN_UP_AFTER);
    after.count() >= 2
}

fn gaps(polls: &[Timestamp]) -> impl Iterator<Item = Span> {
    let pairs = polls.windows(2);
    pairs.map(|pair| Span::new(pair[0], pair[1]))
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
    use crate::config::{ServerConfig, TokenSource};
    use crate::cycle::collect::errors::PollErrors;
    use crate::model::{HOUR, MINUTE};
    use crate::store::ServerState;

    const LATE: Duration = Duration::from_secs(30 * 60);

    /// Minutes of a Tuesday.
    fn at(minutes: &[u32]) -> Vec<Timestamp> {
        let start = Timestamp::from_secs(1_772_496_000);
        minutes.iter().map(|n| start + MINUTE * *n).collect()
    }

    fn hourly_schedule() -> Schedule {
        "0 0 * * * *".parse().expect("a schedule")
    }

    fn is_missing(before: &[Timestamp], own: &[Timestamp], schedule: &Schedule) -> bool {
        let last = *before.last().expect("polled");
        are_two_polls_missing(before, &awake_since(last, own, schedule, LATE))
    }

    fn at_hours(hours: impl IntoIterator<Item = u32>) -> Vec<Timestamp> {
        at(&hours.into_iter().map(|hour| hour * 60).collect::<Vec<_>>())
    }

    /// Whether they are missing where it was polled at `before` and this configuration at `own`, in hours.
    fn hourly(before: &[u32], own: &[f64]) -> bool {
        let own: Vec<u32> = own.iter().map(|hour| (hour * 60.0) as u32).collect();
        let before = at_hours(before.iter().copied());
        is_missing(&before, &at(&own), &hourly_schedule())
    }

    /// Whether a server is given up where it was polled last at 0:00, and this configuration polled at `own`, in hours, whatever the pace.
    fn is_bound_reached(own: impl IntoIterator<Item = u32>) -> bool {
        let last = at(&[0])[0];
        let awake = awake_since(last, &at_hours(own), &hourly_schedule(), LATE);
        is_long_ago(last, &awake)
    }

    fn poll(server: &str, is_complete: bool) -> PollOutcome {
        let server = ServerConfig::new(server, TokenSource::Account(None));
        let errors = match is_complete {
            true => PollErrors::default(),
            false => PollErrors::unreadable_token("revoked".to_owned()),
        };
        let (state, schedule, now) = (ServerState::default(), hourly_schedule(), at(&[0])[0]);
        PollOutcome::new(server.into(), state, &schedule, now, 0, Vec::new(), errors)
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
            let own: Vec<u32> = (65..=65 + minutes).step_by(5).collect();
            is_missing(&at(&[0, 60]), &at(&own), &schedule)
        };
        assert!(!missing(115));
        assert!(missing(120));
        let quick = |own: &[u32]| is_missing(&at(&[45, 50, 55]), &at(own), &hourly_schedule());
        assert!(!quick(&[60, 120]), "the host may have slept for most of it");
        assert!(quick(&[60, 120, 180]));
    }

    #[test]
    fn a_configuration_that_polls_more_slowly_than_its_schedule_gives_up_too() {
        let six = [0.0, 6.0, 12.0, 18.0, 24.0, 30.0, 36.0];
        assert!(!hourly(&[0, 6, 12, 18], &six[..6]));
        assert!(hourly(&[0, 6, 12, 18], &six));
        // Each cycle takes 100 minutes.
        let slow: Vec<u32> = (0..8).map(|cycle| cycle * 100).collect();
        assert!(!is_missing(
            &at(&slow[..4]),
            &at(&slow[..6]),
            &hourly_schedule()
        ));
        assert!(is_missing(
            &at(&slow[..4]),
            &at(&slow[..7]),
            &hourly_schedule()
        ));
        // A host that sleeps from an hourly pace.
        let nights = [0.0, 1.0, 2.0, 3.0, 12.0, 21.0];
        assert!(!hourly(&[0, 1, 2], &nights));
    }

    #[test]
    fn a_server_that_nobody_polled_for_a_week_is_given_up() {
        assert!(!is_bound_reached(0..=168));
        assert!(is_bound_reached(0..=169));
        assert!(is_bound_reached((0..=192).step_by(6)));
        assert!(is_bound_reached((0..=24 * 21).step_by(24 * 7)), "weekly");
        // The host slept for eight days.
        let slept = (0..5).chain(192..200);
        assert!(!is_bound_reached(slept.clone().take(6)));
        assert!(!is_bound_reached(slept.clone().take(7)));
        assert!(is_bound_reached(slept.take(8)));
        // Every other time it is ten hours.
        assert!(is_bound_reached((0..=198).filter(|hour| hour % 11 < 2)));
    }

    #[test]
    fn a_list_of_the_account_that_is_never_read_holds_nothing_up_for_longer() {
        let polls = [poll(ServerName::ACCOUNT, false), poll("shop", true)];
        assert!(!are_servers_known(&polls));
        let own = own_server(&polls).expect("polled");
        assert_eq!(own.to_string(), "shop");
        assert_eq!(own_server(&polls[..1]), Some(polls[0].name()));
        assert!(are_servers_known(&polls[1..]));
        assert!(!are_servers_known(&[]));
        // It has been so for eight days.
        let last = at(&[0])[0];
        let hours: Vec<Timestamp> = (0..=8 * 24).map(|hour| last + HOUR * hour).collect();
        let awake = awake_since(last, &hours, &hourly_schedule(), LATE);
        assert!(is_long_ago(last, &awake));
    }
}
