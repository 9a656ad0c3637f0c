//! A stop or a drop of several streams, beside those of each of them.

use crate::decide::incident_log::{IncidentKey, IncidentLog};
use crate::decide::{Policy, transition};
use crate::model::{
    Evidence, Finding, Incident, IncidentState, Rule, Severity, SilenceEvidence, StreamKey,
    Timestamp, Verdict,
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

    /// Leaves streams whose own trouble, as bad as that, people were told of out of the findings that several stopped or fell together,
    /// where that is said of others: they did before. What ends names the streams that it was of.
    pub(super) fn leave_out_known_stops(&self, policy: &Policy, findings: &mut [Finding]) {
        for finding in findings {
            let key = IncidentKey::from_finding(finding);
            let open = self.current.get(&key).filter(|i| i.is_open());
            let (rule, verdict) = (finding.rule, finding.verdict);
            let stays = |stream: &StreamKey| match (verdict, open) {
                (Verdict::Breach, _) => !self.is_known(policy, rule, stream),
                (_, Some(open)) => open.evidence.streams().contains(stream),
                _ => true,
            };
            let streams = finding.evidence.streams().iter();
            if key.is_of_several() && streams.filter(|s| stays(s)).count() > 1 {
                finding.evidence.retain_streams(stays);
            }
        }
    }

    /// Returns whether people were told of the trouble of this stream alone, which is open and as bad as `rule` says.
    fn is_known(&self, policy: &Policy, rule: Rule, stream: &StreamKey) -> bool {
        let own = IncidentKey {
            problem: Rule::SendSilence,
            stream: Some(stream.stream().clone()),
            tag: None,
        };
        let is_here = *stream.server() == self.server;
        let own = self.current.get(&own).filter(|_| is_here);
        policy.stopped.get(stream).is_some_and(|own| *own <= rule)
            || own.is_some_and(|i| i.is_open() && i.notified && i.rule <= rule)
    }

    /// Returns whether no two of the streams that stopped or fell together are news: of the others people were told.
    pub(super) fn is_of_known_streams(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        (rule, evidence): (Rule, &Evidence),
    ) -> bool {
        let is_told = matches!(evidence, Evidence::Silence(_) | Evidence::Drop(_));
        let streams = evidence.streams();
        let known = streams
            .iter()
            .filter(|stream| self.is_known(policy, rule, stream));
        is_told && key.is_of_several() && streams.len() < known.count() + 2
    }

    /// Returns what became of a stop or drop of several streams of which that of `key` is a part; `None` where there was none. One that
    /// is older than that of several is a part of it only where people were told of that alone. What a mute or quiet hours hold
    /// back hides only what is held back as well, as `is_held` says of this one. Within a drop of several the pauses of one of
    /// them are a part, until they wake. What several streams of a server do is a part of what streams of several servers do.
    pub(super) fn stop_together(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        (rule, severity, evidence): (Rule, Severity, &Evidence),
        is_held: bool,
        at: Timestamp,
    ) -> Option<StopTogether> {
        if key.problem != Rule::SendSilence {
            return None;
        }
        let key_of = |stream| StreamKey::new(&self.server, stream);
        let alone: Vec<StreamKey> = key.stream.iter().map(key_of).collect();
        let of = match key.stream {
            Some(_) => alone.as_slice(),
            None => evidence.streams(),
        };
        let own = self.current.get(key).filter(|own| own.is_open());
        let opened_at = own.map_or(at, |own| own.opened_at);
        let is_untold = own.is_none_or(|own| !own.notified);
        let here = self.current.iter();
        let here = here.filter(|(of, _)| of.is_of_several() && key.stream.is_some());
        let stops = here.map(|(_, stop)| stop).chain(&policy.stops_together);
        let stops = stops.filter(|stop| {
            let streams = stop.evidence.streams();
            let is_worse = rule < stop.rule && severity == Severity::Wake;
            let hides = stop.notified || !stop.is_open() || (is_held && stop.notification_deferred);
            hides
                && !is_worse
                && (stop.opened_at <= opened_at || (stop.notified && is_untold))
                && !of.is_empty()
                && of.iter().all(|stream| streams.contains(stream))
        });
        stops
            .filter_map(|stop| StopTogether::at(stop, opened_at, at))
            .max()
    }
}
