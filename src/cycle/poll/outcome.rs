//! How the poll of one server went.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::ServerConfig;
use crate::cycle::clock::ClockSkew;
use crate::cycle::collect::errors::PollErrors;
use crate::detect::PollHealth;
use crate::model::{BlindEvidence, MINUTE, ServerChange, ServerName, StreamId, Timestamp};
use crate::store::{PollRow, ServerState};

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
    /// Returns what a poll at `now` came to, after `requests` requests; of what it found out of the list of streams and the clock,
    /// nothing.
    pub(crate) fn new(
        server: Arc<ServerConfig>,
        previous_state: ServerState,
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
            // A second poll within a minute is the same cycle: somebody tries by hand, or two processes run.
            let last = previous_state.last_cycle_at;
            let is_same_cycle = last.is_some_and(|last| now < last + MINUTE)
                && previous_state.incomplete_cycles > 0;
            state.incomplete_since = Some(since);
            state.incomplete_cycles = previous_state.incomplete_cycles + u64::from(!is_same_cycle);
            state.reason.clone_from(&reason);
            PollHealth::Incomplete {
                evidence: BlindEvidence {
                    since,
                    cycles: state.incomplete_cycles,
                    reason: reason.clone().unwrap_or_default(),
                    token: errors.token_rejected,
                    limited: errors.reachable && !errors.has_failure,
                    token_place: server.token.place(),
                },
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
