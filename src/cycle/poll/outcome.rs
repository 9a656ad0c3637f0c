//! How the poll of one server went.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Schedule, ServerConfig};
use crate::cycle::clock::ClockSkew;
use crate::cycle::collect::errors::PollErrors;
use crate::detect::PollHealth;
use crate::model::{BlindEvidence, MINUTE, ServerChange, ServerName, StreamId, Timestamp};
use crate::store::{PollRow, ServerState};

/// A poll begins so much earlier after its instant than the one before did, at most.
const MAX_EARLY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct PollOutcome {
    pub server: Arc<ServerConfig>,
    pub state: ServerState,
    pub previous_state: ServerState,
    pub health: PollHealth,
    pub record: PollRow,
    /// Whether Postmark gave any answer to its token.
    pub reachable: bool,
    /// The `Date` of Postmark's last answer.
    pub postmark_date: Option<Timestamp>,
    pub skew: Option<ClockSkew>,
    /// Whether the streams cannot be judged, since their mail shows that their list is needed, which was not fetched.
    pub needs_list: bool,
    pub streams: Vec<StreamId>,
    /// Those that are new, which no complete poll has judged yet, with when they are judged from. Of one that is new at Postmark that is when
    /// its list was fetched without it, of one that the configuration left out when it was chosen.
    pub judged_from: BTreeMap<StreamId, Timestamp>,
    /// Everything that went wrong, a line each.
    pub errors: Vec<String>,
    /// Those of them that an earlier poll said already.
    pub known_errors: Vec<String>,
}

impl PollOutcome {
    /// Returns what a poll at `now`, one of those of `schedule`, came to, after `requests` requests; of what it found out of the list
    /// of streams and the clock, nothing.
    pub(crate) fn new(
        server: Arc<ServerConfig>,
        previous_state: ServerState,
        schedule: &Schedule,
        now: Timestamp,
        requests: u64,
        streams: Vec<StreamId>,
        errors: PollErrors,
    ) -> Self {
        let complete = errors.blocking.is_empty();
        let reason = errors.blocking.first().cloned();
        let mut state = ServerState {
            last_cycle_at: Some(now),
            ..previous_state.clone()
        };
        let health = if complete {
            state.last_complete_at = Some(now);
            state.incomplete_since = None;
            state.incomplete_cycles = 0;
            state.reason = None;
            PollHealth::Complete
        } else {
            let since = previous_state.incomplete_since.unwrap_or(now);
            let is_same_cycle = is_counted_already(&previous_state, schedule, now);
            state.incomplete_since = Some(since);
            state.incomplete_cycles = previous_state.incomplete_cycles + u64::from(!is_same_cycle);
            state.reason.clone_from(&reason);
            PollHealth::Incomplete {
                evidence: Box::new(BlindEvidence {
                    since,
                    cycles: state.incomplete_cycles,
                    reason: reason.clone().unwrap_or_default(),
                    token: errors.token_rejected,
                    limited: errors.reachable && !errors.has_failure,
                    only_bounces: errors.unread_bounces == errors.blocking.len(),
                    token_place: server.token.place(),
                    account: errors.account,
                }),
                account: errors.account_error,
                change: errors.change.map(|change| ServerChange {
                    former_seen_at: previous_state.last_complete_at,
                    token_place: server.token.place(),
                    ..change
                }),
            }
        };
        Self {
            server,
            state,
            previous_state,
            health,
            record: PollRow {
                at: now,
                requests,
                complete,
                reason,
            },
            reachable: errors.reachable,
            postmark_date: None,
            skew: errors.skew,
            needs_list: false,
            streams,
            judged_from: BTreeMap::new(),
            errors: errors.blocking.into_iter().chain(errors.warnings).collect(),
            known_errors: errors.known,
        }
    }

    pub(crate) fn name(&self) -> &ServerName {
        &self.server.name
    }
}

/// Returns whether an incomplete poll at `now` is of a cycle that is counted as incomplete already. A second one within a minute is:
/// somebody tries by hand, or two processes run. Where polls are due each minute or more often, one a minute counts.
fn is_counted_already(state: &ServerState, schedule: &Schedule, now: Timestamp) -> bool {
    let counted = u32::try_from(state.incomplete_cycles).unwrap_or(u32::MAX);
    let Some(since) = state.incomplete_since.filter(|_| counted > 0) else {
        return false;
    };
    if !is_due_each_minute(schedule, now) {
        return state.last_cycle_at.is_some_and(|last| now < last + MINUTE);
    }
    now + MAX_EARLY < since + MINUTE.saturating_mul(counted)
}

/// Returns whether `schedule` has polls a minute apart, or less.
fn is_due_each_minute(schedule: &Schedule, now: Timestamp) -> bool {
    let until = now + MINUTE + Duration::from_millis(1);
    schedule.instants(now - MINUTE, until).len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSource;
    use crate::model::HOUR;

    /// The counts of incomplete cycles after each of these polls, in seconds after 10:00, that all failed.
    fn counts(schedule: &str, polls: &[u32]) -> Vec<u64> {
        let schedule: Schedule = schedule.parse().expect("valid");
        let server = Arc::new(ServerConfig::new("shop", TokenSource::Account(None)));
        let mut state = ServerState::default();
        let poll = |seconds: &u32| {
            let now = Timestamp::from_secs(1_772_532_000) + HOUR / 3600 * *seconds;
            let errors = PollErrors::unreadable_token("no token".to_owned());
            let (server, before) = (Arc::clone(&server), state.clone());
            let outcome = PollOutcome::new(server, before, &schedule, now, 0, Vec::new(), errors);
            state = outcome.state;
            state.incomplete_cycles
        };
        polls.iter().map(poll).collect()
    }

    #[test]
    fn a_second_poll_within_a_minute_counts_once() {
        let hourly = "0 0 * * * *";
        assert_eq!(counts(hourly, &[0, 20, 59]), [1, 1, 1], "by hand");
        let twice = [0, 10, 3600, 3610, 7200, 7210];
        assert_eq!(counts(hourly, &twice), [1, 1, 2, 2, 3, 3], "two processes");
        assert_eq!(counts("0 * * * * *", &[0, 1, 60, 61]), [1, 1, 2, 2]);
    }

    #[test]
    fn of_a_schedule_under_a_minute_one_poll_a_minute_counts() {
        let every_15_s: Vec<u32> = (0..10).map(|poll| poll * 15).collect();
        let counted = counts("*/15 * * * * *", &every_15_s);
        assert_eq!(counted, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
        assert_eq!(counts("*/40 * * * * *", &[0, 40, 60, 100]), [1, 1, 2, 2]);
    }
}
