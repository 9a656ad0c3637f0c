//! What ends an incident, and from when to when it is said to have lasted.

use super::*;

#[test]
fn silence_ends_with_mail_and_not_with_a_limit_that_rose() {
    let mut scene = Scene::new(false);
    let breach = silence(Verdict::Breach, 0);
    assert_eq!(scene.at(at(5), vec![breach]), ["send_silence opened!"]);
    let rose = silence(Verdict::Within, 0);
    assert_eq!(scene.at(at(6), vec![rose]), NOTHING);
    let mail = silence(Verdict::Within, 7);
    assert_eq!(scene.at(at(8), vec![mail]), ["send_silence resolved!"]);
}

#[test]
fn an_open_incident_is_described_as_it_was_when_it_was_last_seen() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    let fine = Finding {
        evidence: silence(Verdict::Within, 0).evidence,
        ..finding(Rule::BounceRate, Verdict::Within)
    };
    scene.at(at(1), vec![fine]);
    let open = scene.log.incidents().next().expect("open").clone();
    assert_eq!(
        open.evidence,
        finding(Rule::BounceRate, Verdict::Breach).evidence
    );
    assert_eq!(
        (open.state, open.judged_at),
        (
            IncidentState::Open {
                within_since: Some(at(1))
            },
            at(1)
        )
    );
}

#[test]
fn what_nobody_watches_any_more_ends() {
    let mut scene = Scene::new(false);
    let findings = inhibits(Verdict::Within, Verdict::Breach);
    let all: std::collections::BTreeSet<IncidentKey> =
        findings.iter().map(IncidentKey::from_finding).collect();
    scene.at(at(0), findings);
    assert_eq!(scene.log.close_unwatched(&scene.policy, &all, at(1)), []);
    let left = all.into_iter().filter(|key| key.tag.is_none()).collect();
    let steps = scene.log.close_unwatched(&scene.policy, &left, at(1));
    assert_eq!(
        steps.iter().map(show).collect::<Vec<_>>(),
        ["send_silence resolved!"]
    );
    let (end, unwatched) = (at(1), true);
    let state = IncidentState::Resolved {
        at: end,
        unwatched,
        disabled: false,
    };
    assert_eq!(steps[0].incident.state, state);
    assert_eq!(scene.log.close_unwatched(&scene.policy, &left, at(2)), []);
}

#[test]
fn a_rate_lasted_from_its_first_bounce_to_its_last_and_not_until_that_was_sure() {
    let wave = |from: u32, until: u32, verdict| {
        let mut found = finding(Rule::BounceRate, verdict);
        if let Evidence::Rate(rate) = &mut found.evidence {
            rate.wave = Some(Span::new(at(from), at(until)));
            rate.newest_at = Some(at(until));
        }
        found
    };
    let mut scene = Scene::new(false);
    scene.at(at(3), vec![wave(1, 2, Verdict::Breach)]);
    scene.at(at(5), vec![wave(2, 4, Verdict::Breach)]);
    // A window that reaches further back says nothing of when it began.
    scene.at(at(6), vec![wave(0, 4, Verdict::Unresolved)]);
    scene.bounce(7, Verdict::Within);
    let mut late = finding(Rule::BounceRate, Verdict::Within);
    if let Evidence::Rate(rate) = &mut late.evidence {
        rate.newest_at = Some(at(8));
    }
    let steps = scene.log.apply(&scene.policy, vec![late], at(8));
    let incident = &steps[0].incident;
    assert_eq!(steps[0].step, Step::Resolved);
    assert_eq!(incident.problem, Some(Span::new(at(1), at(4))));
    assert_eq!(incident.last_event_at, Some(at(8)));
}

#[test]
fn mail_was_lost_until_the_last_message_that_did_not_arrive_was_sent() {
    let lost = |newest: u32| {
        let mut found = proof(None, Verdict::Breach);
        if let Evidence::Delivery(delivery) = &mut found.evidence {
            (delivery.since, delivery.newest_lost) = (Some(at(0)), Some(at(newest)));
        }
        found
    };
    let again = DeliveredSince {
        since: at(4),
        sampled: 5,
        delivered: 5,
    };
    let delivered = || {
        let mut found = proof(Some(at(4)), Verdict::Within);
        if let Evidence::Delivery(delivery) = &mut found.evidence {
            delivery.again = Some(again);
        }
        found
    };
    let mut scene = Scene::new(false);
    scene.at(at(2), vec![lost(1)]);
    scene.at(at(3), vec![lost(2)]);
    scene.at(at(5), vec![delivered()]);
    let steps = scene.log.apply(&scene.policy, vec![delivered()], at(6));
    let incident = &steps[0].incident;
    assert_eq!(steps[0].step, Step::Resolved);
    assert_eq!(incident.problem, Some(Span::new(at(0), at(2))));
    assert_eq!(incident.again, Some(again));
    // What was sent in it and came at its end had waited, too.
    for (late, until) in [(3, 3), (1, 2)] {
        let mut scene = Scene::new(false);
        scene.at(at(2), vec![lost(1)]);
        scene.at(at(3), vec![lost(2)]);
        scene.at(at(5), vec![delivered()]);
        let mut waited = delivered();
        if let Evidence::Delivery(delivery) = &mut waited.evidence {
            delivery.newest_late = Some(at(late));
        }
        let steps = scene.log.apply(&scene.policy, vec![waited], at(6));
        let problem = steps[0].incident.problem;
        assert_eq!(problem, Some(Span::new(at(0), at(until))));
    }
    // A breach says that nothing is over.
    let mut scene = Scene::new(false);
    scene.at(at(2), vec![lost(1)]);
    scene.at(at(5), vec![delivered()]);
    let reminded = scene.log.apply(&scene.policy, vec![lost(3)], at(27));
    assert_eq!(reminded[0].incident.again, None);
}
