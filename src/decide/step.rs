//! The next step of one incident, given one finding.

use std::time::Duration;

use crate::decide::Policy;
use crate::decide::id::incident_id;
use crate::model::{
    DAY, Evidence, Finding, HOUR, Incident, IncidentState, Rule, ServerName, Severity, Step,
    Timestamp, Verdict,
};

/// While an incident is open it is told again this often.
const REMIND_EVERY: Duration = DAY;
/// A rate must be within bounds this long before its incident is over.
const WITHIN_FOR: Duration = HOUR;
/// An event incident closes this long after its last event.
const EVENTS_CLOSE_AFTER: Duration = DAY;

/// Why nothing is told of an incident, if so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hush {
    /// A stronger incident speaks.
    pub silenced: bool,
    /// Somebody asked for it.
    pub muted: bool,
}

impl Hush {
    /// Whether what is `wanted` is told now; what a mute keeps back is told at its end.
    const fn lets(self, incident: &mut Incident, wanted: bool) -> bool {
        let due = wanted && !self.silenced;
        let told = due && !self.muted;
        incident.withheld = !told && (incident.withheld || due);
        told
    }
}

/// A step, and whether it is told.
pub(super) type Taken = (Step, bool);

/// The incident that a breach opens: a new one, or the one that resolved a moment ago. `None` where a finding opens nothing.
pub(super) fn open(
    policy: &Policy,
    server: &ServerName,
    before: Option<&Incident>,
    finding: &Finding,
    at: Timestamp,
    hush: Hush,
) -> Option<(Incident, Taken)> {
    if finding.verdict != Verdict::Breach {
        return None;
    }
    let newest = events_of(finding).last().copied();
    // The events of an incident that closed do not open another.
    if finding.rule.is_of_events() && newest <= before.and_then(|b| b.last_event_at) {
        return None;
    }
    if let Some(mut incident) = before.and_then(|b| reopened(policy, b, finding, at)) {
        let told = incident.quiet_until.is_none() && tell(&mut incident, hush, true);
        return Some((incident, (Step::Opened, told)));
    }
    let wanted = finding.severity == Severity::Wake || !policy.digest_mode;
    let mut incident = Incident {
        id: incident_id(server, finding, at),
        server: server.clone(),
        stream: finding.stream.clone(),
        tag: finding.tag.clone(),
        rule: finding.rule,
        severity: finding.severity,
        opened_at: at,
        state: IncidentState::Open { within_since: None },
        judged_at: at,
        told: false,
        withheld: false,
        quiet_until: None,
        reminded_at: at,
        last_event_at: newest,
        events: events_of(finding).len() as u64,
        evidence: finding.evidence.clone(),
    };
    let told = tell(&mut incident, hush, wanted);
    Some((incident, (Step::Opened, told)))
}

/// The one that is over, where to its readers it is still the same: it returns soon, or a mute keeps its end from them.
fn reopened(
    policy: &Policy,
    before: &Incident,
    finding: &Finding,
    at: Timestamp,
) -> Option<Incident> {
    let IncidentState::Resolved {
        at: resolved_at, ..
    } = before.state
    else {
        return None;
    };
    let quiet_until = resolved_at + policy.suppress(finding.rule);
    let returns_soon = !policy.suppress(finding.rule).is_zero() && at <= quiet_until;
    if !returns_soon && !before.withheld {
        return None;
    }
    let mut incident = Incident {
        severity: finding.severity,
        opened_at: at,
        state: IncidentState::Open { within_since: None },
        judged_at: at,
        quiet_until: returns_soon.then_some(quiet_until),
        reminded_at: at,
        evidence: finding.evidence.clone(),
        ..before.clone()
    };
    join_events(&mut incident, finding);
    Some(incident)
}

/// The steps of an open incident at `at`; `incident` becomes what it is after them.
pub(super) fn advance(
    policy: &Policy,
    incident: &mut Incident,
    finding: &Finding,
    at: Timestamp,
    hush: Hush,
) -> Vec<Taken> {
    let mut taken = Vec::new();
    if finding.verdict != Verdict::Unknown {
        incident.judged_at = at;
    }
    if finding.rule.is_of_events() {
        join_events(incident, finding);
    }
    if is_over(incident, finding, at) {
        if !finding.rule.is_of_events() {
            incident.evidence = finding.evidence.clone();
        }
        return vec![resolve(incident, at, hush, false)];
    }
    if finding.verdict == Verdict::Breach {
        // While it is open it is described as it was when it was last seen.
        incident.evidence = finding.evidence.clone();
    }
    if finding.verdict == Verdict::Breach && finding.severity > incident.severity {
        incident.severity = finding.severity;
        incident.quiet_until = None;
        taken.push((Step::Escalated, tell(incident, hush, true)));
    }
    if incident.quiet_until.is_some_and(|until| at >= until) {
        // It came back within the suppression time, and still stands now that the time is over.
        incident.quiet_until = None;
        incident.reminded_at = at;
        let wanted = incident.told || !policy.digest_mode || incident.severity == Severity::Wake;
        taken.push((Step::Reminded, tell(incident, hush, wanted)));
    } else if was_hidden_by_its_stream(policy, incident, finding) && !hush.silenced && !hush.muted {
        incident.reminded_at = at;
        taken.push((Step::Reminded, tell(incident, hush, true)));
    } else if !incident.rule.is_of_events() && at.since(incident.reminded_at) >= REMIND_EVERY {
        let days = at.since(incident.reminded_at).as_secs() / REMIND_EVERY.as_secs();
        // Counted from when it opened, so that a late cycle does not shift every later reminder.
        incident.reminded_at =
            incident.reminded_at + REMIND_EVERY * u32::try_from(days).unwrap_or(1);
        let wanted = incident.told && incident.quiet_until.is_none();
        taken.push((Step::Reminded, tell(incident, hush, wanted)));
    }
    taken
}

/// The end of an incident that nothing judges any more.
pub(super) const fn retire(incident: &mut Incident, at: Timestamp, hush: Hush) -> Taken {
    resolve(incident, at, hush, true)
}

const fn resolve(incident: &mut Incident, at: Timestamp, hush: Hush, unwatched: bool) -> Taken {
    let wanted = incident.told && incident.quiet_until.is_none() && !incident.rule.is_of_events();
    incident.state = IncidentState::Resolved { at, unwatched };
    let told = hush.lets(incident, wanted);
    // Of what nobody was told of, nobody needs to hear the end.
    incident.withheld &= incident.told;
    (Step::Resolved, told)
}

/// Whether a tag's incident, kept back while its whole stream was silent, still holds now that it is not: most tags come
/// back with their stream, and are not worth a word.
fn was_hidden_by_its_stream(policy: &Policy, incident: &Incident, finding: &Finding) -> bool {
    let wanted = !policy.digest_mode || incident.severity == Severity::Wake;
    incident.tag.is_some() && !incident.told && wanted && finding.verdict == Verdict::Breach
}

/// The reminder by which an incident is told when what silenced it is over; `None` where its mode keeps it for the digest.
pub(super) fn release(
    policy: &Policy,
    incident: &mut Incident,
    at: Timestamp,
    hush: Hush,
) -> Option<Taken> {
    let kept = policy.digest_mode && incident.severity == Severity::Warn && !incident.told;
    if kept || incident.quiet_until.is_some() {
        return None;
    }
    incident.reminded_at = at;
    Some((Step::Reminded, tell(incident, hush, true)))
}

const fn tell(incident: &mut Incident, hush: Hush, wanted: bool) -> bool {
    let told = hush.lets(incident, wanted);
    incident.told |= told;
    told
}

/// Whether `finding` ends the incident; keeps the count of instants within bounds.
fn is_over(incident: &mut Incident, finding: &Finding, at: Timestamp) -> bool {
    let IncidentState::Open { within_since } = &mut incident.state else {
        return true;
    };
    match finding.verdict {
        Verdict::Breach => *within_since = None,
        Verdict::Within => {
            within_since.get_or_insert(at);
        }
        Verdict::Holding if finding.rule == Rule::DeliverySilence => *within_since = None,
        Verdict::Holding | Verdict::Unknown => {}
    }
    if finding.rule.is_of_events() {
        let last = incident.last_event_at.unwrap_or(incident.opened_at);
        return finding.verdict == Verdict::Within && at.since(last) >= EVENTS_CLOSE_AFTER;
    }
    let Some(first_within) = *within_since else {
        return false;
    };
    if finding.verdict != Verdict::Within {
        return false;
    }
    match finding.rule {
        Rule::BounceRate | Rule::SpamRate | Rule::HardBounceWake => {
            at.since(first_within) >= WITHIN_FOR
        }
        Rule::DeliverySilence => {
            // Mail sent after it opened was delivered, at this judged instant and at one before.
            let proven = proven_after(finding, incident.opened_at);
            if !proven {
                *within_since = None;
            }
            proven && at > first_within
        }
        // A limit that rose, as when more series share the budget, is no mail.
        Rule::SendSilence => last_sent(&finding.evidence) > last_sent(&incident.evidence),
        _ => true,
    }
}

const fn last_sent(evidence: &Evidence) -> Option<Timestamp> {
    match evidence {
        Evidence::Silence { last_sent, .. } => *last_sent,
        _ => None,
    }
}

fn proven_after(finding: &Finding, opened_at: Timestamp) -> bool {
    matches!(&finding.evidence, Evidence::Delivery { last_proven_sent: Some(sent), .. } if *sent > opened_at)
}

fn join_events(incident: &mut Incident, finding: &Finding) {
    let fresh = events_of(finding)
        .iter()
        .filter(|event| Some(**event) > incident.last_event_at)
        .count();
    incident.events += fresh as u64;
    incident.last_event_at = incident
        .last_event_at
        .max(events_of(finding).last().copied());
}

fn events_of(finding: &Finding) -> &[Timestamp] {
    match &finding.evidence {
        Evidence::Events { times, .. } => times,
        _ => &[],
    }
}
