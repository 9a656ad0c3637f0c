//! A stop of several streams, beside the stops of each of them.

use crate::decide::incident_log::{IncidentKey, IncidentLog};
use crate::decide::{Policy, transition};
use crate::model::{
    Evidence, Finding, Incident, IncidentState, Rule, SilenceEvidence, StreamKey, Timestamp,
    Verdict,
};

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
    /// Returns what the open stop of several streams rests on.
    pub fn stop_of_several(&self) -> Option<&SilenceEvidence> {
        let mut open = self.current.iter().filter(|(_, i)| i.is_open());
        let (_, stop) = open.find(|(key, _)| key.is_of_several())?;
        match &stop.evidence {
            Evidence::Silence(silence) => Some(silence),
            _ => None,
        }
    }

    /// Leaves streams whose own stop people were told of out of the findings that several stopped together, where that is said of
    /// others: they stopped before. What ends names the streams that it was of.
    pub(super) fn leave_out_known_stops(&self, policy: &Policy, findings: &mut [Finding]) {
        for finding in findings {
            let key = IncidentKey::from_finding(finding);
            let open = self.current.get(&key).filter(|i| i.is_open());
            let Evidence::Silence(silence) = &mut finding.evidence else {
                continue;
            };
            let stopped = open.map(|open| &open.evidence);
            let stays = |stream: &StreamKey| match (finding.verdict, stopped) {
                (Verdict::Breach, _) => !self.is_known_stop(policy, stream),
                (_, Some(Evidence::Silence(stopped))) => stopped.streams.contains(stream),
                _ => true,
            };
            if key.is_of_several() && silence.streams.iter().filter(|s| stays(s)).count() > 1 {
                silence.streams.retain(stays);
                silence.not_due.retain(stays);
                silence.silent.retain(stays);
            }
        }
    }

    /// Returns whether people were told of the stop of this stream alone, which is open.
    fn is_known_stop(&self, policy: &Policy, stream: &StreamKey) -> bool {
        let own = IncidentKey {
            problem: Rule::SendSilence,
            stream: Some(stream.stream().clone()),
            tag: None,
        };
        let is_here = *stream.server() == self.server;
        let own = self.current.get(&own).filter(|_| is_here);
        policy.stopped.contains(stream)
            || own.is_some_and(|i| i.is_open() && i.notified && i.rule == Rule::SendSilence)
    }

    /// Returns whether no two of the streams that stopped together are news: of the others people were told.
    pub(super) fn is_stop_of_known_streams(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        evidence: &Evidence,
    ) -> bool {
        let Evidence::Silence(silence) = evidence else {
            return false;
        };
        let streams = silence.streams.iter();
        let known = streams
            .filter(|stream| self.is_known_stop(policy, stream))
            .count();
        key.is_of_several() && silence.streams.len() < known + 2
    }

    /// Returns what became of a stop of several streams of which that of `key` is a part; `None` where there was none. One that is
    /// older than the stop of several is a part of it only where people were told of that alone. What a mute or quiet hours hold
    /// back hides only what is held back as well, as `is_held` says of this one.
    pub(super) fn stop_together(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        is_held: bool,
        at: Timestamp,
    ) -> Option<StopTogether> {
        let stream = key
            .stream
            .as_ref()
            .filter(|_| key.problem == Rule::SendSilence)?;
        let own = self.current.get(key).filter(|own| own.is_open());
        let opened_at = own.map_or(at, |own| own.opened_at);
        let is_untold = own.is_none_or(|own| !own.notified);
        let here = self.current.iter().filter(|(key, _)| key.is_of_several());
        let stops = here.map(|(_, stop)| stop).chain(&policy.stops_together);
        let stops = stops.filter(|stop| {
            let streams = match &stop.evidence {
                Evidence::Silence(silence) => silence.streams.as_slice(),
                _ => &[],
            };
            let hides = stop.notified || !stop.is_open() || (is_held && stop.notification_deferred);
            hides
                && (stop.opened_at <= opened_at || (stop.notified && is_untold))
                && streams
                    .iter()
                    .any(|s| *s.server() == self.server && s.stream() == stream)
        });
        stops
            .filter_map(|stop| StopTogether::at(stop, opened_at, at))
            .max()
    }
}
