//! Whether hushwatch does its work, as far as the database tells: for `/readyz`, `status` and `check --json`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock;
use crate::config::{Config, Mode, Schedule, hold};
use crate::cycle::health::is_blindness_report;
use crate::cycle::poll::servers::watched_servers;
use crate::model::{
    HOUR, Incident, Mute, Rule, ServerName, Timestamp, WaitReason, WaitingMessages,
};
use crate::output::readiness::{Readiness, UnseenServer};
use crate::slack::is_lasting_refusal;
use crate::store::{self, Database, ServerState, Store};

/// A message that waits longer is not reaching anybody.
const MAX_DELIVERY_TIME: Duration = HOUR;
/// As many incomplete polls in a row, and a server is not seen.
const MAX_INCOMPLETE_POLLS: u64 = 1;

/// Returns whether every watched server is seen at `now`, and every message delivered.
pub(crate) async fn readiness(
    config: &Config,
    store: &Store,
    now: Timestamp,
) -> Result<Readiness, store::Error> {
    let hold = hold(&config.quiet_hours, now);
    let read = move |s: &mut Database| {
        let states = s.server_states()?;
        let open = s.all_open_incidents()?;
        let waiting = s.waiting_messages(hold, clock::now())?;
        let waiting_since = s.oldest_undelivered(hold)?;
        Ok((states, open, s.mutes(now)?, waiting, waiting_since))
    };
    let (states, open, mutes, waiting, waiting_since) = store.call(read).await?;
    let sight = Sight {
        config,
        states: &states,
        open: &open,
        mutes: &mutes,
        now,
    };
    let watched = watched_servers(config, store).await?;
    let names = watched.iter().map(|server| &server.name);
    Ok(judge_readiness(&sight, names, waiting_since, &waiting))
}

/// Judges whether each of the `watched` servers is seen; the oldest message that no mute holds back waits since `waiting_since`.
/// Of the `waiting` messages, those that Slack refuses will reach nobody by waiting.
pub(crate) fn judge_readiness<'n>(
    sight: &Sight<'_>,
    watched: impl Iterator<Item = &'n ServerName>,
    waiting_since: Option<Timestamp>,
    waiting: &[WaitingMessages],
) -> Readiness {
    let refused = waiting.iter().filter(|of| is_refused(of));
    let refused: Vec<WaitingMessages> = refused.cloned().collect();
    let is_late = |since: &Timestamp| *since + MAX_DELIVERY_TIME < sight.now;
    let watched: Vec<&ServerName> = watched.collect();
    let told_unseen = watched.iter().filter(|name| sight.is_reported(name));
    let untold = watched.iter().copied();
    let untold = untold.filter(|name| !sight.is_reported(name));
    let (missed, muted_unseen): (Vec<&ServerName>, Vec<&ServerName>) = untold
        .filter(|name| sight.is_seen_or_reported(name))
        .filter(|name| sight.is_incomplete(name) || !sight.is_seen(name))
        .partition(|name| sight.is_seen(name));
    let unseen = watched.iter().copied();
    let unseen = unseen.filter(|name| !sight.is_seen_or_reported(name));
    let unseen = unseen.map(|name| UnseenServer {
        server: name.clone(),
        last_complete_at: sight
            .states
            .get(name)
            .and_then(|state| state.last_complete_at),
    });
    let joining = watched.iter().copied();
    let joining = joining.filter(|name| sight.is_joining(name) && !missed.contains(name));
    let joining = joining.cloned().collect();
    Readiness {
        is_off: !sight.config.enabled,
        joining,
        unseen: unseen.collect(),
        told_unseen: told_unseen.count() as u64,
        missed: missed.into_iter().cloned().collect(),
        muted_unseen: muted_unseen.len() as u64,
        undelivered_since: waiting_since.filter(|at| is_late(at) || !refused.is_empty()),
        refused,
    }
}

/// Whether Slack refuses these messages until somebody changes the credential or the channel.
pub(crate) fn is_refused(waiting: &WaitingMessages) -> bool {
    let why = match &waiting.reason {
        WaitReason::Failing { why, .. } if waiting.sink().is_none() => why,
        _ => return false,
    };
    is_lasting_refusal(why)
}

/// What decides whether a server counts as seen.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub config: &'a Config,
    /// Of every server.
    pub states: &'a BTreeMap<ServerName, ServerState>,
    /// All that is open.
    pub open: &'a [Incident],
    pub mutes: &'a [Mute],
    pub now: Timestamp,
}

impl Sight<'_> {
    fn is_seen_or_reported(&self, name: &ServerName) -> bool {
        let mutes = |mute: &Mute| mute.runs_at(self.now) && mute.covers(name, Rule::Blind);
        let is_muted = || self.mutes.iter().any(mutes);
        self.is_seen(name) || (self.polls() && (is_muted() || self.is_reported(name)))
    }

    /// Whether any server is polled: where none is, that is not what a mute hides, nor what people were told.
    fn polls(&self) -> bool {
        let last = self.states.values().filter_map(|state| state.last_cycle_at);
        let longest = self.config.postmark.longest_poll();
        let is_recent = |at| !is_overdue(&self.config.schedule, at, longest, self.now);
        last.max().is_some_and(is_recent)
    }

    fn is_incomplete(&self, name: &ServerName) -> bool {
        let state = self.states.get(name);
        state.is_some_and(|state| state.incomplete_since.is_some())
    }

    /// Whether a server counts as seen, though it was never read completely.
    fn is_joining(&self, name: &ServerName) -> bool {
        let state = self.states.get(name);
        self.is_seen(name) && state.is_some_and(|state| state.last_complete_at.is_none())
    }

    fn is_reported(&self, name: &ServerName) -> bool {
        let mode: Mode = self.config.mode;
        self.open.iter().any(|i| is_blindness_report(i, name, mode))
    }

    fn is_seen(&self, name: &ServerName) -> bool {
        let Some(state) = self.states.get(name) else {
            return false;
        };
        // A server that joins others has the time of two polls, like any other; before the first of all, nothing is known.
        let mut others = self.states.values();
        let has_history = others.any(|state| state.last_complete_at.is_some());
        let joined = has_history.then_some(state.first_start_at);
        let Some(seen_at) = state.last_complete_at.or(joined) else {
            return false;
        };
        let longest = self.config.postmark.longest_poll();
        state.incomplete_cycles <= MAX_INCOMPLETE_POLLS
            && !is_overdue(&self.config.schedule, seen_at, longest, self.now)
    }
}

/// Whether two polls were due since `seen_at`, and the second has had the time that a cycle may take.
pub(crate) fn is_overdue(
    schedule: &Schedule,
    seen_at: Timestamp,
    longest: Duration,
    now: Timestamp,
) -> bool {
    let second = schedule.next(seen_at).and_then(|next| schedule.next(next));
    second.is_some_and(|due| due + longest < now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("valid")
    }

    /// The readiness at `now` of two servers of which everything is muted, by when each was polled, and when it was read.
    fn muted(polls: [[&str; 2]; 2], now: &str) -> Readiness {
        let (_folder, sources) = Sources::of_file("", &[]);
        let config = load(&sources).expect("a valid configuration");
        let now = at(now);
        let mute = Mute {
            id: 1,
            server: None,
            rule: None,
            incident: None,
            from: at("2026-03-01T00:00:00Z"),
            until: at("2026-04-01T00:00:00Z"),
            reason: "moving".to_owned(),
            by: "ops".to_owned(),
            planned: false,
        };
        let names: [ServerName; 2] = ["shop".into(), "blog".into()];
        let state = |[polled, read]: [&str; 2]| ServerState {
            first_start_at: at("2026-03-01T00:00:00Z"),
            last_cycle_at: Some(at(polled)),
            last_complete_at: Some(at(read)),
            incomplete_since: (polled != read).then(|| at(polled)),
            incomplete_cycles: u64::from(polled != read),
            reason: None,
        };
        let states = names.iter().cloned().zip(polls.map(state)).collect();
        let sight = Sight {
            config: &config,
            states: &states,
            open: &[],
            mutes: &[mute],
            now,
        };
        judge_readiness(&sight, names.iter(), None, &[])
    }

    #[test]
    fn a_mute_hides_a_server_that_cannot_be_read_and_not_that_none_is_polled() {
        let (nine, ten) = ("2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z");
        let all = muted([[ten; 2], [ten; 2]], "2026-03-03T10:10:00Z");
        assert_eq!(all, Readiness::default(), "every server is read");
        let failed = muted(
            [[ten; 2], [ten, "2026-03-03T05:00:00Z"]],
            "2026-03-03T10:10:00Z",
        );
        assert!(failed.is_ready());
        assert_eq!(failed.muted_unseen, 1, "{failed:?}");
        // Others were polled, and it was not.
        let six = "2026-03-03T06:00:00Z";
        let left_out = muted([[ten; 2], [six; 2]], "2026-03-03T10:10:00Z");
        assert!(left_out.is_ready());
        assert_eq!(left_out.muted_unseen, 1, "{left_out:?}");
        // Nobody polls.
        let stopped = muted([[ten; 2], [ten, nine]], "2026-03-06T10:10:00Z");
        assert!(!stopped.is_ready(), "{stopped:?}");
        assert_eq!(stopped.unseen.len(), 2, "{stopped:?}");
    }

    #[test]
    fn a_server_that_joined_is_told_until_it_was_read_once() {
        let (_folder, sources) = Sources::of_file("", &[]);
        let config = load(&sources).expect("a valid configuration");
        let read = ServerState {
            first_start_at: at("2026-03-01T00:00:00Z"),
            last_cycle_at: Some(at("2026-03-03T10:00:00Z")),
            last_complete_at: Some(at("2026-03-03T10:00:00Z")),
            ..ServerState::default()
        };
        let joined = ServerState {
            first_start_at: at("2026-03-03T10:05:00Z"),
            ..ServerState::default()
        };
        let names: [ServerName; 2] = ["default".into(), "shop".into()];
        let states = names.iter().cloned().zip([read, joined]).collect();
        let sight = Sight {
            config: &config,
            states: &states,
            open: &[],
            mutes: &[],
            now: at("2026-03-03T10:06:00Z"),
        };
        let readiness = judge_readiness(&sight, names.iter(), None, &[]);
        assert!(readiness.is_ready());
        assert_eq!(readiness.joining, ["shop".into()], "{readiness:?}");
    }

    #[test]
    fn what_slack_refuses_for_good_is_told_at_once() {
        let (_folder, sources) = Sources::of_file("", &[]);
        let config = load(&sources).expect("a valid configuration");
        let now = at("2026-03-03T10:01:00Z");
        let since = at("2026-03-03T10:00:00Z");
        let judge = |channel: &str, why: &str| {
            let waiting = WaitingMessages {
                channel: channel.to_owned(),
                count: 2,
                since,
                reason: WaitReason::Failing {
                    failing_since: since,
                    why: why.to_owned(),
                },
            };
            let sight = Sight {
                config: &config,
                states: &BTreeMap::new(),
                open: &[],
                mutes: &[],
                now,
            };
            judge_readiness(&sight, std::iter::empty(), Some(since), &[waiting])
        };
        let gone = "cannot post to Slack: `no_service`; create the webhook again and set SLACK_WEBHOOK_URL to its URL";
        let refused = judge("", gone);
        assert_eq!(
            refused.to_lines(crate::model::Zone::UTC),
            [format!(
                "NOT READY: 2 messages wait since Tue 3 Mar 10:00: {gone}"
            )]
        );
        assert_eq!(refused.undelivered_since, Some(since));
        for lasting in [
            "`invalid_auth`",
            "`channel_not_found`",
            "`token_revoked`",
            "HTTP status 404; there is nothing",
        ] {
            let why = format!("cannot post to Slack: {lasting}; do it");
            assert!(!judge("C0OPS", &why).is_ready(), "{why}");
        }
        for passing in [
            "`ratelimited`",
            "`a_code_of_tomorrow`",
            "HTTP status 503; Slack has a temporary fault",
        ] {
            let why = format!("cannot post to Slack: {passing}; wait");
            assert!(judge("", &why).is_ready(), "{why}");
        }
        assert!(judge("sink:pager", gone).is_ready(), "not Slack");
    }

    #[test]
    fn a_server_is_overdue_after_two_polls_and_the_time_of_a_cycle() {
        let hourly: Schedule = "0 0 * * * *".parse().expect("valid");
        let seen = at("2026-03-03T10:00:00Z");
        let overdue = |now| is_overdue(&hourly, seen, HOUR / 2, at(now));
        assert!(!overdue("2026-03-03T12:30:00Z"));
        assert!(overdue("2026-03-03T12:30:01Z"));
    }
}
