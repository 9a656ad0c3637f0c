//! What is told of an incident once nothing inhibits it any more.

use crate::decide::Policy;
use crate::decide::transition::{NotificationBlock, StepTaken, notify};
use crate::model::{
    DAY, Evidence, Finding, Incident, IncidentState, Rule, Severity, Step, Timestamp, Verdict,
};

/// Returns whether the incident of a tag, of a rate or of one of several streams, inhibited while its whole stream was silent,
/// nothing was delivered or all of them were silent, still holds now that this is over. Most end with it, and those are never
/// notified.
pub(super) fn outlasts_inhibition(
    policy: &Policy,
    incident: &Incident,
    finding: &Finding,
    block: NotificationBlock,
) -> bool {
    let wanted = !policy.digest_mode || incident.severity == Severity::Wake;
    let outlasts_rate =
        incident.rule.is_rate() || matches!(incident.rule, Rule::DomainBlocks | Rule::DeliveryDrop);
    // What a mute held back is told by its end.
    let may_outlast = incident.tag.is_some()
        || ((outlasts_rate || block.outlasts_stop) && !incident.notification_deferred);
    may_outlast
        && !incident.notified
        && incident.suppressed_until.is_none()
        && wanted
        && finding.verdict == Verdict::Breach
}

/// Returns the reminder that notifies of an incident once nothing inhibits it any more; `None` where it belongs to the
/// digest alone, or is within its suppression time.
pub(in crate::decide) fn uninhibit(
    policy: &Policy,
    incident: &mut Incident,
    at: Timestamp,
    block: NotificationBlock,
) -> Option<StepTaken> {
    let is_for_digest =
        policy.digest_mode && incident.severity == Severity::Warn && !incident.notified;
    let is_ending = matches!(
        incident.state,
        IncidentState::Open {
            within_since: Some(_)
        }
    );
    let is_ending_unheard = is_ending && !incident.notified;
    // A sum over days stands longer than a window does: what it is of was told by what inhibited it, and by nobody where that was a mute.
    let is_old = !incident.notification_deferred && is_sum_of_old_bounces(&incident.evidence, at);
    let is_past = !incident.notification_deferred && is_unheard_rate_of_the_past(incident, at);
    if is_for_digest
        || is_ending_unheard
        || is_old
        || is_past
        || incident.suppressed_until.is_some()
    {
        return None;
    }
    incident.last_reminder_at = at;
    Some(notify(incident, (Step::Reminded, at), block, true))
}

/// Whether it is a rate that nobody heard of and that no present window shows: its next breach tells it.
fn is_unheard_rate_of_the_past(incident: &Incident, at: Timestamp) -> bool {
    let is_past = matches!(&incident.evidence, Evidence::Rate(rate) if rate.is_over_by(at));
    !incident.notified && is_past
}

/// Whether it is an excess that was added up over days, of which nothing bounced for a day.
fn is_sum_of_old_bounces(evidence: &Evidence, at: Timestamp) -> bool {
    matches!(evidence, Evidence::Rate(rate) if rate.lasting.is_some()
        && rate.newest_at.is_some_and(|newest| at.since(newest) > DAY))
}
