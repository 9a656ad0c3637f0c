//! Single events that wake: a complaint from outside, a bounce of an operator's own address.

use crate::model::{
    BounceClass, BounceEvent, DAY, Evidence, Finding, History, Rule, Rules, Severity, Span,
    Timestamp, Verdict, domain_of,
};

/// The findings of `spam_complaint_external` and `operator_bounce` at `at`; none for a rule that is off.
pub(super) fn evaluate(history: &History, at: Timestamp, rules: &Rules) -> Vec<Finding> {
    let day = Span::before(at, DAY);
    let since_start = Span::new(
        day.from.max(history.installed_at.unwrap_or(day.from)),
        day.until,
    );
    let covered = history.bounces.covers(history.since_beginning(day));
    let finding = |rule, counts: &dyn Fn(&BounceEvent) -> bool| {
        let events: Vec<&BounceEvent> = history
            .bounce_events_in(since_start)
            .iter()
            .filter(|m| counts(m))
            .collect();
        let newest = events.last();
        let mut recipients: Vec<String> = Vec::new();
        for event in events.iter().rev() {
            if !recipients.contains(&event.recipient) {
                recipients.push(event.recipient.clone());
            }
        }
        let verdict = match newest {
            Some(_) => Verdict::Breach,
            None if covered => Verdict::Within,
            None => Verdict::Unknown,
        };
        let evidence = Evidence::Events {
            times: events.iter().map(|m| m.at).collect(),
            recipient: newest.map_or_else(String::new, |m| m.recipient.clone()),
            recipients,
            class: newest.map_or(BounceClass::Other, |m| m.class),
            message: newest
                .map(|m| m.message.clone())
                .filter(|id| is_message_id(id)),
            tag: newest.and_then(|m| m.tag.clone()),
        };
        Finding::new(rule, verdict, Severity::Wake, evidence)
    };
    let mut findings = Vec::new();
    if !rules.own_domains.is_empty() {
        let external = |m: &BounceEvent| {
            m.class == BounceClass::Complaint
                && !is_own(&rules.own_domains, &domain_of(&m.recipient))
        };
        findings.push(finding(Rule::SpamComplaintExternal, &external));
    }
    if !rules.operator_addresses.is_empty() {
        let operator = |m: &BounceEvent| {
            m.class.counts()
                && rules
                    .operator_addresses
                    .iter()
                    .any(|a| a.trim().eq_ignore_ascii_case(m.recipient.trim()))
        };
        findings.push(finding(Rule::OperatorBounce, &operator));
    }
    findings
}

/// Whether `id` has the form of Postmark's ids of messages; a bounce of no message bears another.
fn is_message_id(id: &str) -> bool {
    let parts = id.split('-').map(str::len);
    parts.eq([8, 4, 4, 4, 12]) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Whether `domain` is one of `own` or below one of them.
fn is_own(own: &[String], domain: &str) -> bool {
    own.iter().map(|o| o.trim().to_ascii_lowercase()).any(|o| {
        domain == o
            || domain
                .strip_suffix(o.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
    })
}
