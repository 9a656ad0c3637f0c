//! The transition function of one incident: its state and a finding in, its new state and the steps taken out.

mod inhibition;

use std::time::Duration;

use crate::decide::Policy;
use crate::decide::id::incident_id;
use crate::decide::transition::inhibition::outlasts_inhibition;
use crate::model::{
    DAY, Evidence, Finding, HOUR, Incident, IncidentState, Rule, ServerName, Severity, Span, Step,
    Timestamp, USUAL_PERIOD, Verdict,
};

pub(super) use crate::model::STAYS_CLOSED;
pub(super) use inhibition::uninhibit;

/// An open incident is notified again after this long.
const REMINDER_INTERVAL: Duration = DAY;
/// A rate must stay within bounds this long before its incident resolves.
const RESOLVE_AFTER: Duration = HOUR;
/// An event incident closes this long after its last event.
const EVENTS_CLOSE_AFTER: Duration = DAY;

/// What keeps a notification of an incident back.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotificationBlock {
    pub inhibited: bool,
    pub muted: bool,
    /// Whether it is a warning in quiet hours.
    pub in_quiet_hours: bool,
    /// Whether it is a warning that waited in quiet hours for as long as one may.
    pub outlasts_quiet_hours: bool,
    /// A stop of several streams that inhibited it is over.
    pub outlasts_stop: bool,
}

impl NotificationBlock {
    const fn allows(self, wanted: bool) -> bool {
        wanted && !self.inhibited && !self.muted && !self.in_quiet_hours
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepTaken {
    pub step: Step,
    pub notified: bool,
}

/// Returns the incident that a breach opens: a new one, or the one that resolved a moment ago. `None` where the finding opens
/// nothing.
pub(super) fn open(
    policy: &Policy,
    server: &ServerName,
    before: Option<&Incident>,
    finding: &Finding,
    at: Timestamp,
    block: NotificationBlock,
) -> Option<(Incident, StepTaken)> {
    if finding.verdict != Verdict::Breach {
        return None;
    }
    let newest = events_of(finding).last().copied();
    // The events of an incident that closed do not open another.
    if finding.rule.is_of_events() && newest <= before.and_then(|b| b.last_event_at) {
        return None;
    }
    if before.is_some_and(|b| stays_closed(b, finding, at)) {
        return None;
    }
    if let Some(mut incident) = before.and_then(|b| reopen(policy, b, finding, at)) {
        let wanted = incident.suppressed_until.is_none();
        let taken = notify(&mut incident, (Step::Opened, at), block, wanted);
        return Some((incident, taken));
    }
    let wanted = finding.severity == Severity::Wake || !policy.digest_mode;
    let recent = before.filter(|before| at.since(before.first_opening()) <= USUAL_PERIOD);
    let evidence = with_told(None, with_usual_of(recent, &finding.evidence));
    let mut incident = Incident {
        stream: finding.stream.clone(),
        tag: finding.tag.clone(),
        notified: false,
        last_event_at: newest.max(finding.evidence.newest_event()),
        events: events_of(finding).len() as u64,
        worst: Some(evidence.clone()),
        began_at: evidence.began_at(),
        problem: evidence.problem(),
        server_number: policy.server_number,
        ..Incident::opened(
            incident_id(server, finding, at),
            server.clone(),
            finding.rule,
            finding.severity,
            at,
            evidence,
        )
    };
    let taken = notify(&mut incident, (Step::Opened, at), block, wanted);
    Some((incident, taken))
}

/// Returns `before`, opened again, where its readers still take it for the same incident: it returns within the suppression
/// time, or a mute deferred the notification of its end.
fn reopen(
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
    let suppress = policy.suppress(finding);
    let suppressed_until = resolved_at + suppress;
    let returns_soon = !suppress.is_zero() && at <= suppressed_until;
    if before.closed_by.is_some() || (!returns_soon && !before.notification_deferred) {
        return None;
    }
    let evidence = with_told(Some(before), with_usual_of(Some(before), &finding.evidence));
    let mut incident = Incident {
        severity: finding.severity,
        opened_at: at,
        first_opened_at: Some(before.first_opening()),
        state: IncidentState::Open { within_since: None },
        judged_at: at,
        suppressed_until: returns_soon.then_some(suppressed_until),
        last_reminder_at: at,
        evidence: evidence.clone(),
        problem: finding.evidence.problem(),
        unread: None,
        again: None,
        recovered_at: None,
        ..before.clone()
    };
    record_worst(&mut incident, &evidence);
    join_events(&mut incident, finding);
    Some(incident)
}

/// Returns whether a breach is the one that a person closed, has gone on since, and is no worse.
pub(super) fn stays_closed(before: &Incident, finding: &Finding, at: Timestamp) -> bool {
    let IncidentState::Resolved { at: closed_at, .. } = before.state else {
        return false;
    };
    let goes_on = before.closed_by.is_some() && before.recovered_at.is_none();
    let is_worse = finding.severity > before.severity
        || finding.rule < before.rule
        || finding.evidence.is_news_beside(&before.evidence);
    let is_event = finding.rule.is_of_events();
    goes_on && !is_worse && !is_event && at.since(closed_at) < STAYS_CLOSED
}

/// Applies `finding` to an open incident and returns the steps that it takes at `at`, in order.
pub(super) fn advance(
    policy: &Policy,
    incident: &mut Incident,
    finding: &Finding,
    at: Timestamp,
    block: NotificationBlock,
) -> Vec<StepTaken> {
    let mut taken = Vec::new();
    if finding.verdict != Verdict::Unknown {
        incident.judged_at = at;
    }
    record_problem(incident, finding);
    incident.lasting = incident.lasting.or(incident.evidence.lasting());
    if finding.verdict != Verdict::Unknown {
        let before = incident.unread.into_iter();
        incident.unread = before.chain(finding.unread).reduce(Span::hull);
    }
    if finding.rule.is_of_events() {
        join_events(incident, finding);
    }
    if should_resolve(incident, finding, at) {
        // That the former server answers again says nothing of the other one.
        if !finding.rule.is_of_events() && finding.rule != Rule::ServerChanged {
            incident.evidence = finding.evidence.clone().into_end_of(&incident.evidence);
        }
        return vec![resolve(incident, at, block, false)];
    }
    let is_third_server = finding.rule == Rule::ServerChanged
        && finding.verdict == Verdict::Breach
        && finding.evidence.is_news_beside(&incident.evidence);
    let known_stop = incident.worst.as_ref();
    let known_stop = known_stop.filter(|worst| matches!(worst, Evidence::Silence(_)));
    // Of a drop with quiet nights in it, only one that lacks more than those before is news, or is more urgent.
    let is_known_stop = finding.rule < incident.rule
        && finding.severity <= incident.severity
        && known_stop.is_some_and(|known| !finding.evidence.lacks_more_than(known));
    if finding.verdict == Verdict::Breach {
        // While it is open it is described as it was when it was last seen.
        let evidence = with_usual_of(Some(incident), &finding.evidence);
        incident.evidence = with_told(Some(incident), evidence);
        let evidence = incident.evidence.clone();
        record_worst(incident, &evidence);
    }
    if let (Evidence::Rate(known), Evidence::Rate(seen)) =
        (&mut incident.evidence, &finding.evidence)
    {
        known.sent_since = seen.sent_since.or(known.sent_since);
    }
    if finding.verdict == Verdict::Breach {
        // A drop that becomes a silence is worse though both may be warnings; back to the drop it takes no step.
        let is_stronger = finding.rule < incident.rule && !is_known_stop;
        let is_worse = is_stronger || finding.severity > incident.severity || is_third_server;
        if !is_known_stop {
            incident.rule = finding.rule;
        }
        incident.severity = incident.severity.max(finding.severity);
        if is_worse {
            incident.suppressed_until = None;
            let wanted =
                incident.notified || !policy.digest_mode || incident.severity == Severity::Wake;
            taken.push(notify(incident, (Step::Escalated, at), block, wanted));
        }
    }
    if incident.suppressed_until.is_some_and(|until| at >= until) {
        // It came back within the suppression time, and still stands now that the time is over.
        incident.suppressed_until = None;
        incident.last_reminder_at = at;
        let wanted =
            incident.notified || !policy.digest_mode || incident.severity == Severity::Wake;
        taken.push(notify(incident, (Step::Reminded, at), block, wanted));
    } else if block.allows(outlasts_inhibition(policy, incident, finding, block)) {
        incident.last_reminder_at = at;
        taken.push(notify(incident, (Step::Reminded, at), block, true));
    } else if !incident.rule.is_of_events()
        && at.since(incident.last_reminder_at) >= REMINDER_INTERVAL
    {
        let days = at.since(incident.last_reminder_at).as_secs() / REMINDER_INTERVAL.as_secs();
        // Counted from when it opened, so that a late cycle does not shift every later reminder.
        incident.last_reminder_at =
            incident.last_reminder_at + REMINDER_INTERVAL * u32::try_from(days).unwrap_or(1);
        let is_known = incident.notified && incident.suppressed_until.is_none();
        let newest = incident.last_event_at.filter(|_| incident.rule.is_rate());
        let is_old = newest.is_some_and(|newest| at.since(newest) > DAY);
        let wanted = is_known && policy.reminds && incident.acknowledged.is_none() && !is_old;
        taken.push(notify(incident, (Step::Reminded, at), block, wanted));
    }
    taken
}

/// Returns `evidence` with the rate that was usual before `known` began: the week before a later window holds the trouble itself.
fn with_usual_of(known: Option<&Incident>, evidence: &Evidence) -> Evidence {
    let mut evidence = evidence.clone();
    let known = known.and_then(|known| known.worst.as_ref());
    if let (Evidence::Rate(rate), Some(Evidence::Rate(known))) = (&mut evidence, known) {
        rate.usual = known.usual.or(rate.usual);
    }
    evidence
}

/// Returns `evidence` with the recipient domains by which its incident, `known` if it is not new, opened.
fn with_told(known: Option<&Incident>, mut evidence: Evidence) -> Evidence {
    if let Evidence::DomainBlocks(of) = &mut evidence {
        let known = known.filter(|known| known.notified);
        of.told = match known.map(|known| &known.evidence) {
            Some(Evidence::DomainBlocks(known)) => known.told_domains(),
            _ => of.told_domains(),
        };
    }
    evidence
}

/// Keeps `evidence` of a breach as the worst of the incident where it is.
fn record_worst(incident: &mut Incident, evidence: &Evidence) {
    let worst = incident.worst.as_ref();
    if worst.is_none_or(|worst| evidence.is_worse_than(worst)) {
        incident.worst = Some(evidence.clone());
    }
    let before = incident.began_at.into_iter();
    incident.began_at = before.chain(evidence.began_at()).min();
}

/// Keeps when mail was sent again, which no breach could know.
fn record_end_of_gap(incident: &mut Incident, finding: &Finding) {
    if let (Some(Evidence::Silence(known)), Evidence::Silence(seen)) =
        (&mut incident.worst, &finding.evidence)
    {
        let is_known = |gap: &&Span| gap.from <= known.gap.from && known.gap.until <= gap.until;
        let ended = seen.ended_gaps.iter().find(is_known);
        known.gap.until = ended.map_or(known.gap.until, |ended| ended.until);
    }
}

/// Keeps the time of what was wrong. What is not over yet may go on, but begins no earlier than its breaches say.
fn record_problem(incident: &mut Incident, finding: &Finding) {
    let newest = finding.evidence.newest_event();
    incident.last_event_at = incident.last_event_at.max(newest);
    let is_breach = finding.verdict == Verdict::Breach;
    record_end_of_gap(incident, finding);
    incident.again = match finding.verdict {
        Verdict::Breach => None,
        Verdict::Unresolved => finding.evidence.delivered_again(),
        Verdict::Within | Verdict::Unknown => finding.evidence.delivered_again().or(incident.again),
    };
    if !is_breach && finding.verdict != Verdict::Unresolved {
        // What was sent in it and came once it was over had waited, too.
        let late = finding.evidence.newest_late();
        if let (Some(problem), Some(late)) = (&mut incident.problem, late)
            && problem.from <= late
        {
            problem.until = problem.until.max(late);
        }
        return;
    }
    incident.problem = match (incident.problem, finding.evidence.problem()) {
        (Some(known), Some(seen)) => {
            let from = match is_breach {
                true => known.from.min(seen.from),
                false => known.from,
            };
            Some(Span::new(from, known.until.max(seen.until)))
        }
        (known, seen) => known.or(seen),
    };
}

/// Resolves an incident; `unwatched` where no finding will be about it any more.
pub(super) fn resolve(
    incident: &mut Incident,
    at: Timestamp,
    block: NotificationBlock,
    unwatched: bool,
) -> StepTaken {
    let wanted =
        incident.notified && incident.suppressed_until.is_none() && !incident.rule.is_of_events();
    if let IncidentState::Open { within_since } = incident.state {
        incident.recovered_at = within_since;
    }
    incident.state = IncidentState::Resolved {
        at,
        unwatched,
        disabled: false,
    };
    let taken = notify(incident, (Step::Resolved, at), block, wanted);
    // The end of an incident that was never notified is not worth a message.
    incident.notification_deferred &= incident.notified;
    taken
}

/// Ends an incident whose rule is off, without a word.
pub(super) const fn disable(incident: &mut Incident, at: Timestamp) -> StepTaken {
    incident.state = IncidentState::Resolved {
        at,
        unwatched: true,
        disabled: true,
    };
    incident.notification_deferred = false;
    StepTaken {
        step: Step::Resolved,
        notified: false,
    }
}

/// Takes `step` and decides whether it is notified; what only a mute or quiet hours keep back is deferred to their end.
fn notify(
    incident: &mut Incident,
    (step, at): (Step, Timestamp),
    block: NotificationBlock,
    wanted: bool,
) -> StepTaken {
    let notified = block.allows(wanted);
    let due = wanted && !block.inhibited;
    if due && !notified {
        incident.deferred_by_quiet_hours = !block.muted;
    }
    incident.notification_deferred = !notified && (incident.notification_deferred || due);
    if notified {
        incident.first_told = !incident.notified;
    }
    incident.notified |= notified;
    if let Evidence::Rate(rate) = &incident.evidence
        && notified
    {
        incident.told_share = Some(rate.rate());
    }
    // Time in which a mute holds it back is no wait for quiet hours.
    let waits = incident.notification_deferred && incident.deferred_by_quiet_hours;
    let since = incident.held_by_quiet_since.unwrap_or(at);
    incident.held_by_quiet_since = waits.then_some(since);
    incident.outlasts_quiet_hours = notified && block.outlasts_quiet_hours;
    StepTaken { step, notified }
}

/// Returns whether `finding` ends the incident, and records since when it has been within bounds.
fn should_resolve(incident: &mut Incident, finding: &Finding, at: Timestamp) -> bool {
    let IncidentState::Open { within_since } = &mut incident.state else {
        return true;
    };
    match finding.verdict {
        Verdict::Breach => *within_since = None,
        Verdict::Within => {
            within_since.get_or_insert(at);
        }
        Verdict::Unresolved if finding.rule == Rule::DeliverySilence || finding.rule.is_rate() => {
            *within_since = None;
        }
        Verdict::Unresolved | Verdict::Unknown => {}
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
        rule if rule.is_rate() => at.since(first_within) >= RESOLVE_AFTER,
        Rule::DeliverySilence => {
            // Mail sent after it opened was delivered, at this judged instant and at one before.
            let proven = matches!(&finding.evidence, Evidence::Delivery(delivery)
                if delivery.last_proven_sent > Some(incident.opened_at));
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
        Evidence::Silence(silence) => silence.last_sent,
        _ => None,
    }
}

fn join_events(incident: &mut Incident, finding: &Finding) {
    let (events, last) = (events_of(finding), incident.last_event_at);
    incident.events += events.iter().filter(|at| Some(**at) > last).count() as u64;
    incident.last_event_at = last.max(events.last().copied());
}

fn events_of(finding: &Finding) -> &[Timestamp] {
    match &finding.evidence {
        Evidence::Events { times, .. } => times,
        _ => &[],
    }
}
