//! Single events that wake: a complaint from outside, a bounce of an operator's own address.

use std::collections::HashSet;

use crate::model::{
    BounceClass, BounceEvent, DAY, Evidence, Finding, History, Rule, Rules, Severity, Span,
    Timestamp, Verdict, domain_of,
};

/// So many messages of a day that bounced for now tell that none arrives.
const MIN_REPEATED: usize = 3;

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
        let is_same = |a: &str, b: &str| a.trim().eq_ignore_ascii_case(b.trim());
        // One that bounced for now may arrive the next time; a full mailbox takes none.
        let is_repeated = |m: &BounceEvent| {
            let events = history.bounce_events_in(since_start).iter();
            let failures =
                events.filter(|of| of.class.is_failure() && is_same(&of.recipient, &m.recipient));
            let messages: HashSet<&str> = failures.map(|of| of.message.as_str()).collect();
            messages.len() >= MIN_REPEATED
        };
        let operator = |m: &BounceEvent| {
            let mut addresses = rules.operator_addresses.iter();
            addresses.any(|address| is_same(address, &m.recipient))
                && (m.class.counts() || (m.class.is_failure() && is_repeated(m)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Coverage, HOUR};

    #[test]
    fn an_operator_address_that_bounces_for_now_is_told_once_nothing_arrives() {
        let at = Timestamp::from_secs(1_772_532_000);
        let day = Span::before(at, DAY);
        let rules = Rules {
            operator_addresses: vec!["ops@example.com".to_owned()],
            ..Rules::default()
        };
        let verdict = |recipients: &[&str], class| {
            let event = |(n, recipient): (u32, &&str)| BounceEvent {
                at: day.from + HOUR * n,
                message: format!("m{n}"),
                sent_at: Some(day.from + HOUR * n),
                class,
                recipient: (*recipient).to_owned(),
                tag: None,
            };
            let history = History {
                first_seen_at: Some(day.from),
                bounces: Coverage::from_spans([day]),
                bounce_events: (0..).zip(recipients).map(event).collect(),
                ..History::default()
            };
            evaluate(&history, at, &rules)[0].verdict
        };
        let ops = "Ops@example.com";
        assert_eq!(verdict(&[ops; 3], BounceClass::Soft), Verdict::Breach);
        assert_eq!(verdict(&[ops; 2], BounceClass::Soft), Verdict::Within);
        assert_eq!(
            verdict(&[ops, "a@example.com", ops], BounceClass::Soft),
            Verdict::Within
        );
        assert_eq!(verdict(&[ops], BounceClass::Hard), Verdict::Breach);
        assert_eq!(verdict(&[ops; 3], BounceClass::Ignored), Verdict::Within);
    }
}
