//! Bounce and complaint rates over a threshold, with a floor for the denominator.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::detect::interval::clopper_pearson;
use crate::model::{
    BounceClass, BounceMark, DAY, Evidence, Finding, History, RateEvidence, RateRule, Rule, Rules,
    Severity, Span, StreamId, Timestamp, Verdict, domain_of,
};

/// The level of the interval which every alert states.
const STATED: f64 = 0.95;

/// `hard_bounce_wake` fires above this share of hard bounces...
const HARD_SHARE: f64 = 0.05;
/// ...of at least this many messages ("more than 100").
const HARD_FLOOR: u64 = 101;

/// The findings of `hard_bounce_wake`, `bounce_rate` and `spam_rate`.
pub(super) fn judge(
    history: &History,
    stream: &StreamId,
    at: Timestamp,
    rules: &Rules,
) -> Vec<Finding> {
    let measure = |rule: &RateRule, counts: fn(BounceClass) -> bool| {
        measure(history, at, rule, |mark| counts(mark.class))
    };
    let hard = |window| {
        let rule = RateRule {
            threshold: HARD_SHARE,
            window,
            min_denominator: HARD_FLOOR,
            confidence: None,
            ..rules.bounce_rate.clone()
        };
        measure(&rule, |class| class == BounceClass::Hard)
    };
    let finding = |rule, severity, (verdict, evidence)| Finding {
        rule,
        stream: Some(stream.clone()),
        tag: None,
        verdict,
        severity,
        evidence: Evidence::Rate(evidence),
    };
    vec![
        finding(
            Rule::HardBounceWake,
            Severity::Wake,
            stronger(hard(rules.bounce_rate.window), hard(DAY)),
        ),
        finding(
            Rule::BounceRate,
            rules.bounce_rate.severity,
            measure(&rules.bounce_rate, BounceClass::counts),
        ),
        finding(
            Rule::SpamRate,
            rules.spam_rate.severity,
            measure(&rules.spam_rate, |class| class == BounceClass::Complaint),
        ),
    ]
}

/// Of two windows of one rule, the one that breaks it; else the one that cannot tell.
fn stronger(
    short: (Verdict, RateEvidence),
    long: (Verdict, RateEvidence),
) -> (Verdict, RateEvidence) {
    match (short.0, long.0) {
        (Verdict::Breach, _) => short,
        (_, Verdict::Breach) => long,
        (Verdict::Unknown, _) => (Verdict::Unknown, long.1),
        _ => long,
    }
}

fn measure(
    history: &History,
    at: Timestamp,
    rule: &RateRule,
    counts: impl Fn(&BounceMark) -> bool,
) -> (Verdict, RateEvidence) {
    let window = history.since_beginning(Span::before(at, rule.window));
    let seen = history.seen(window);
    let watched: Duration = seen.iter().map(|p| p.length()).sum();
    let mut parts: Vec<Span> = seen.iter().map(|p| history.countable(*p)).collect();
    parts.retain(|part| !part.is_empty());
    let marked = history.marked_in(&parts, &counts);
    let covered: Duration = parts.iter().map(|p| p.length()).sum();
    // No rate passes 100%, whatever the answers say of each other.
    let denominator = (history.sent_in(&parts) + marked.sent_outside).max(marked.messages);
    let evidence = RateEvidence {
        window: rule.window,
        covered,
        numerator: marked.messages,
        denominator,
        floor: rule.min_denominator,
        threshold: rule.threshold,
        interval: clopper_pearson(marked.messages, denominator, STATED),
        classes: by_class(history, &parts, &counts),
        domains: by_domain(history, &parts, &counts),
        last_sent: history.last_sent(at),
        last_delivered: history.last_delivered(at),
    };
    let verdict = if window.is_empty() || parts.is_empty() {
        Verdict::Unknown
    } else if is_breach(rule, &evidence) {
        Verdict::Breach
    } else if watched == window.length() && 2 * covered >= watched {
        Verdict::Within
    } else {
        Verdict::Unknown
    };
    (verdict, evidence)
}

fn is_breach(rule: &RateRule, evidence: &RateEvidence) -> bool {
    let certain = rule.confidence.is_none_or(|level| {
        clopper_pearson(evidence.numerator, evidence.denominator, level).0 > rule.threshold
    });
    evidence.denominator >= rule.min_denominator && evidence.rate() > rule.threshold && certain
}

fn by_class(
    history: &History,
    parts: &[Span],
    counts: impl Fn(&BounceMark) -> bool,
) -> Vec<(BounceClass, u64)> {
    BounceClass::ALL
        .into_iter()
        .map(|class| {
            (
                class,
                history
                    .marked_in(parts, |m| m.class == class && counts(m))
                    .messages,
            )
        })
        .filter(|(_, messages)| *messages > 0)
        .collect()
}

fn by_domain(
    history: &History,
    parts: &[Span],
    counts: impl Fn(&BounceMark) -> bool,
) -> Vec<(String, u64)> {
    let mut domains = BTreeMap::new();
    for mark in parts
        .iter()
        .flat_map(|p| history.marks_in(*p))
        .filter(|m| counts(m))
    {
        let domain = domain_of(&mark.recipient);
        if !domain.is_empty() {
            *domains.entry(domain).or_insert(0u64) += 1;
        }
    }
    let mut most: Vec<_> = domains.into_iter().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    most.truncate(3);
    most
}
