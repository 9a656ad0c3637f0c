//! The samples of the messages say what the rules would.

use crate::detect::Detector;
use crate::model::{
    BounceClass, BounceEvent, Coverage, CumulativeCounts, Evidence, History, KnownRecipients,
    MINUTE, RateEvidence, Rule, Rules, Span, StreamId, Timestamp, ToldBounces, Verdict,
};
use crate::notify::samples::courses;

/// Returns mail of which a rate would be so at `at`, each to one recipient.
fn mail_of(rule: Rule, rate: &RateEvidence, at: Timestamp) -> History {
    let covered = Coverage::from_spans([Span::before(at, 2 * rate.window)]);
    // Of a day the last hour alone says nothing, and its newest bounce is in it.
    let sent_at = at - rate.window / 3;
    let class = match rule {
        Rule::SpamRate => BounceClass::Complaint,
        _ => BounceClass::Hard,
    };
    let bounced = (0..rate.numerator).map(|n| BounceEvent {
        tag: None,
        at: match n {
            0 => at - 10 * MINUTE,
            _ => sent_at + 10 * MINUTE,
        },
        message: n.to_string(),
        sent_at: Some(sent_at),
        class,
        recipient: format!("{n}@example.com"),
    });
    let sent = || CumulativeCounts::from_counts([(sent_at, rate.denominator)]);
    History {
        first_seen_at: Some(at - 2 * rate.window),
        installed_at: Some(at - 2 * rate.window),
        messages: covered.clone(),
        bounces: covered,
        sent: sent(),
        recipients: KnownRecipients {
            recipients: sent(),
            messages: sent(),
        },
        bounce_events: in_order(bounced.collect()),
        ..History::default()
    }
}

fn in_order(mut events: Vec<BounceEvent>) -> Vec<BounceEvent> {
    events.sort_by_key(|event| event.at);
    events
}

/// Returns the verdict and the evidence of a rule on such mail. With `confidence` a window reaches back further than the samples do.
fn judge(rule: Rule, rate: &RateEvidence, at: Timestamp) -> (Verdict, RateEvidence) {
    let mut rules = Rules::default();
    rules.bounce_rate.confidence = None;
    rules.spam_rate.confidence = None;
    let history = mail_of(rule, rate, at);
    let stream = StreamId::from("outbound");
    let found = Detector::new(rules, 1).detect(&history, &stream, &[], &ToldBounces::default(), at);
    let found = found.into_iter().find(|finding| finding.rule == rule);
    let found = found.expect("a finding of each rule");
    match found.evidence {
        Evidence::Rate(rate) => (found.verdict, rate),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_rate_is_one_that_its_rule_would_state() {
    let mut checked = 0;
    for course in courses() {
        for (title, _, step) in &course.steps {
            let Evidence::Rate(rate) = &step.incident.evidence else {
                continue;
            };
            // Of days that are added up the evidence is another.
            if rate.lasting.is_some() {
                continue;
            }
            let (verdict, real) = judge(course.rule, rate, step.at);
            let stated = |of: &RateEvidence| {
                let (low, high) = of.interval;
                let shown = [of.threshold, low, high].map(|share| format!("{share:.3}"));
                (of.numerator, of.denominator, of.window, of.floor, shown)
            };
            assert_eq!(stated(rate), stated(&real), "{} {title}", course.rule);
            if *title == "opened" {
                assert_eq!(verdict, Verdict::Breach, "{}", course.rule);
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}
