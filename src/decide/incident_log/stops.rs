//! A stop of several streams, beside the stops of each of them.

use std::time::Duration;

use crate::decide::incident_log::{IncidentKey, IncidentLog};
use crate::decide::{Policy, transition};
use crate::model::{Evidence, HOUR, Incident, IncidentState, Rule, StreamKey, Timestamp};

/// How long the mail of an account that is active again may take to show that it goes on: as long as it takes to end a silence.
const RECOVERY_TIME: Duration = HOUR.saturating_mul(3);
/// Where fewer messages are expected since then, none of them is chance.
const MIN_EXPECTED_SINCE: f64 = 3.0;

/// What became of the stop of several streams, for one of them that is silent since no earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StopTogether {
    /// It is over, and the one may not be.
    Over,
    /// It is open, or a person closed it a moment ago.
    Open,
}

impl StopTogether {
    /// Returns what `stop` is at `at` to a stream that is silent since `opened_at`; `None` where it was over before.
    fn at(stop: &Incident, opened_at: Timestamp, at: Timestamp) -> Option<Self> {
        let IncidentState::Resolved { at: ended_at, .. } = stop.state else {
            return Some(Self::Open);
        };
        let hidden_until = match stop.closed_by {
            Some(_) => ended_at + transition::STAYS_CLOSED,
            None => ended_at,
        };
        match () {
            () if at < hidden_until => Some(Self::Open),
            () if opened_at < hidden_until => Some(Self::Over),
            () => None,
        }
    }
}

impl IncidentLog {
    /// Returns whether no two of the streams that stopped together are news: of the others it is known.
    pub(super) fn is_stop_of_known_streams(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        evidence: &Evidence,
    ) -> bool {
        let Evidence::Silence(silence) = evidence else {
            return false;
        };
        let is_known = |stream: &&StreamKey| {
            let own = IncidentKey {
                problem: Rule::SendSilence,
                stream: Some(stream.stream().clone()),
                tag: None,
            };
            let mut own = self.current.get(&own).into_iter();
            let is_here = *stream.server() == self.server;
            policy.stopped.contains(*stream)
                || (is_here && own.any(|i| i.is_open() && i.rule == Rule::SendSilence))
        };
        let known = silence.streams.iter().filter(is_known).count();
        key.is_of_several() && silence.streams.len() < known + 2
    }

    /// Returns what became of a stop of several streams of which that of `key`, not older, is a part; `None` where there was none.
    pub(super) fn stop_together(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        at: Timestamp,
    ) -> Option<StopTogether> {
        let stream = key
            .stream
            .as_ref()
            .filter(|_| key.problem == Rule::SendSilence)?;
        let opened_at = match self.current.get(key) {
            Some(own) if own.is_open() => own.opened_at,
            _ => at,
        };
        let here = self.current.iter().filter(|(key, _)| key.is_of_several());
        let stops = here.map(|(_, stop)| stop).chain(&policy.stops_together);
        let stops = stops.filter(|stop| {
            let streams = match &stop.evidence {
                Evidence::Silence(silence) => silence.streams.as_slice(),
                _ => &[],
            };
            (stop.notified || stop.notification_deferred)
                && stop.opened_at <= opened_at
                && streams
                    .iter()
                    .any(|s| *s.server() == self.server && s.stream() == stream)
        });
        stops
            .filter_map(|stop| StopTogether::at(stop, opened_at, at))
            .max()
    }

    /// Returns what became of the time in which the account could send nothing, for a stop of `key` that may be no more than that;
    /// `None` where there was none, where people know of the stop, and where it began later.
    pub(super) fn stop_of_account(
        &self,
        key: &IncidentKey,
        evidence: &Evidence,
        at: Timestamp,
    ) -> Option<StopTogether> {
        if key.problem != Rule::SendSilence {
            return None;
        }
        let own = self.current.get(key).filter(|own| own.is_open());
        let inactive = self.current.get(&IncidentKey {
            problem: Rule::AccountInactive,
            stream: None,
            tag: None,
        });
        let inactive = inactive.filter(|i| i.notified || i.notification_deferred)?;
        let IncidentState::Resolved { at: ended_at, .. } = inactive.state else {
            return None;
        };
        if own.is_some_and(|own| own.notified) {
            return None;
        }
        let is_recovering = at < ended_at + RECOVERY_TIME;
        match evidence {
            Evidence::Silence(silence) if silence.gap.from < ended_at => {
                let gap = silence.gap;
                let since = gap.until.since(ended_at).as_secs_f64();
                let share = since / gap.length().as_secs_f64().max(1.0);
                let is_chance = silence.expected * share < MIN_EXPECTED_SINCE;
                match is_recovering || is_chance {
                    true => Some(StopTogether::Open),
                    false => Some(StopTogether::Over),
                }
            }
            // Mail was sent since, and stopped again.
            Evidence::Silence(_) => None,
            _ if is_recovering => Some(StopTogether::Open),
            _ => own
                .is_some_and(|own| own.opened_at < ended_at + RECOVERY_TIME)
                .then_some(StopTogether::Over),
        }
    }
}
