//! What blocks a notification: a stronger incident, a mute, quiet hours.

use crate::decide::incident_log::stops::StopTogether;
use crate::decide::incident_log::told_blocks;
use crate::decide::transition::NotificationBlock;
use crate::decide::{IncidentKey, IncidentLog, Policy};
use crate::model::{
    DAY, Evidence, Finding, Incident, IncidentState, MAX_QUIET_HOURS, Rule, Severity, Timestamp,
    Verdict,
};

impl IncidentLog {
    /// Returns what blocks a notification of what `finding` makes of the incident of `key`.
    pub(super) fn find_block(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        finding: &Finding,
        at: Timestamp,
    ) -> NotificationBlock {
        let open = self.current.get(key).filter(|i| i.is_open());
        let severity = match (open, finding.verdict) {
            (Some(incident), Verdict::Breach) => incident.severity.max(finding.severity),
            (Some(incident), _) => incident.severity,
            (None, _) => finding.severity,
        };
        let shown = (finding.rule, severity);
        self.find_block_of(policy, key, shown, &finding.evidence, at)
    }

    /// Returns what blocks a notification of the incident of `key`, as one of that rule and severity with `evidence`.
    fn find_block_of(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        (rule, severity): (Rule, Severity),
        evidence: &Evidence,
        at: Timestamp,
    ) -> NotificationBlock {
        let current = self.current.get(key);
        // One that is over is still muted where its end waits for that of the mute.
        let mut mutable = current
            .filter(|i| i.is_open() || i.notification_deferred)
            .into_iter();
        let muted = policy.is_muted(&self.server, rule, at)
            || mutable.any(|incident| policy.is_incident_muted(&incident.id, at));
        let is_quiet = policy.is_in_quiet_hours(severity, at);
        let outlasts_quiet_hours = is_quiet && current.is_some_and(|i| has_waited_long(i, at));
        let in_quiet_hours = is_quiet && !outlasts_quiet_hours;
        let is_held = muted || in_quiet_hours;
        // What was once notified is notified to its end.
        let was_notified = current.is_some_and(|i| i.is_open() && i.notified);
        let is_known = || {
            self.is_of_ended_incident(key, evidence, at)
                || self.is_of_known_streams(policy, key, (rule, evidence))
                || self.is_told_as_bounces(key, severity, evidence)
        };
        let stop = self.stop_together(policy, key, (rule, severity, evidence), is_held, at);
        NotificationBlock {
            inhibited: self.is_inhibited(policy, key, (severity, evidence), is_held, at)
                || stop == Some(StopTogether::Open)
                || (!was_notified && is_known()),
            muted,
            in_quiet_hours,
            outlasts_quiet_hours,
            outlasts_stop: stop == Some(StopTogether::Over),
        }
    }

    /// Returns whether the window of a rate, or of the domains that block, reaches back into an incident of its stream that told of its
    /// bounces: a stronger one, or of a rate what some domains blocked.
    pub(super) fn is_of_ended_incident(
        &self,
        key: &IncidentKey,
        evidence: &Evidence,
        at: Timestamp,
    ) -> bool {
        let begins = match evidence {
            Evidence::Rate(rate) => at - rate.window,
            Evidence::DomainBlocks(of) => of.window.from,
            _ => return false,
        };
        self.current.iter().any(|(other, incident)| {
            let IncidentState::Resolved { at: ended, .. } = incident.state else {
                return false;
            };
            // The days of an excess that goes on a day later are not explained by one of them.
            let goes_on = matches!(evidence, Evidence::Rate(rate) if rate.lasting.is_some()
                && rate.newest_at.is_some_and(|newest| newest > ended + DAY));
            ended > begins
                && incident.notified
                && match (other.problem, evidence) {
                    (Rule::DomainBlocks, Evidence::Rate(rate)) => {
                        !goes_on
                            && key.problem == Rule::BounceRate
                            && other.place() == key.place()
                            && told_blocks::explains(incident, rate)
                    }
                    (Rule::BounceRate, _) => {
                        other.inhibits(incident.rule, key)
                            && self.is_told_by_rate(incident, key, evidence)
                    }
                    (problem, Evidence::Rate(_)) if problem != Rule::DeliverySilence => false,
                    _ => !goes_on && other.inhibits(incident.rule, key),
                }
        })
    }

    /// Returns what blocks a notification of the current incident of `key`.
    pub(super) fn find_current_block(
        &self,
        policy: &Policy,
        key: &IncidentKey,
        at: Timestamp,
    ) -> NotificationBlock {
        match self.current.get(key) {
            Some(incident) => {
                let shown = (incident.rule, incident.severity);
                self.find_block_of(policy, key, shown, &incident.evidence, at)
            }
            None => NotificationBlock {
                inhibited: false,
                muted: policy.is_muted(&self.server, key.problem, at),
                in_quiet_hours: false,
                outlasts_quiet_hours: false,
                outlasts_stop: false,
            },
        }
    }

    /// Returns whether an open stronger incident inhibits this one. One that a mute or quiet hours hold back inhibits only what is
    /// held back with it.
    fn is_inhibited(
        &self,
        policy: &Policy,
        weaker: &IncidentKey,
        (severity, evidence): (Severity, &Evidence),
        is_held: bool,
        at: Timestamp,
    ) -> bool {
        let holds = |incident: &Incident| {
            policy.is_muted(&self.server, incident.rule, at)
                || (policy.is_in_quiet_hours(incident.severity, at)
                    && !has_waited_long(incident, at))
        };
        self.current.iter().any(|(key, incident)| {
            incident.is_open()
                && key.inhibits(incident.rule, weaker)
                && !self.is_told_by_weaker(incident, weaker)
                // A part that is lost is no reason not to wake.
                && (incident.rule != Rule::DeliveryDrop || incident.severity >= severity)
                && (is_held || !holds(incident))
                && (incident.rule != Rule::BounceRate
                    || (self.is_told_by_rate(incident, weaker, evidence)
                        && !self.is_inhibited(
                            policy,
                            key,
                            (incident.severity, &incident.evidence),
                            is_held,
                            at,
                        )))
        })
    }
}

/// Returns whether quiet hours have held it back for as long as they may last: several of them may leave hardly a moment between
/// them.
fn has_waited_long(incident: &Incident, at: Timestamp) -> bool {
    let since = incident.held_by_quiet_since;
    since.is_some_and(|since| at.since(since) >= MAX_QUIET_HOURS)
}
