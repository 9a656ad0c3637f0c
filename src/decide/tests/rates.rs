//! What is told of a rate while it is open, and what is kept of it.

use super::*;

#[test]
fn no_reminder_is_sent_of_a_rate_whose_newest_bounce_is_over_a_day_old() {
    let mut scene = Scene::new(false);
    let seen = |verdict| {
        let mut finding = finding(Rule::BounceRate, verdict);
        if let Evidence::Rate(rate) = &mut finding.evidence {
            rate.newest_at = Some(at(0));
        }
        vec![finding]
    };
    scene.at(at(0), seen(Verdict::Breach));
    let first = scene.at(at(24), seen(Verdict::Unresolved));
    assert_eq!(first, ["bounce_rate reminded!"]);
    let second = scene.at(at(48), seen(Verdict::Unknown));
    assert_eq!(second, ["bounce_rate reminded"]);
}

#[test]
fn an_incident_keeps_its_worst_evidence_and_when_it_recovered() {
    let mut scene = Scene::new(false);
    let bounced = |n: u64, verdict| {
        let mut finding = finding(Rule::BounceRate, verdict);
        if let Evidence::Rate(rate) = &mut finding.evidence {
            rate.numerator = n;
        }
        vec![finding]
    };
    let worst = |scene: &Scene| {
        let incident = scene.log.incidents().last().expect("an incident");
        let worst = incident.worst.as_ref().and_then(Evidence::fraction);
        (worst, incident.recovered_at)
    };
    scene.at(at(0), bounced(2, Verdict::Breach));
    scene.at(at(1), bounced(7, Verdict::Breach));
    scene.at(at(2), bounced(3, Verdict::Breach));
    assert_eq!(worst(&scene), (Some((7, 10)), None));
    scene.at(at(3), bounced(0, Verdict::Within));
    scene.at(at(4), bounced(0, Verdict::Within));
    assert_eq!(worst(&scene), (Some((7, 10)), Some(at(3))));
    scene.at(at(5), bounced(4, Verdict::Breach));
    assert_eq!(
        worst(&scene),
        (Some((7, 10)), None),
        "it is the same incident"
    );
}

#[test]
fn what_is_usual_is_that_of_before_the_trouble_began() {
    let bounced = |usual: f64, verdict| {
        let mut finding = finding(Rule::BounceRate, verdict);
        if let Evidence::Rate(rate) = &mut finding.evidence {
            rate.usual = Some(usual);
        }
        vec![finding]
    };
    let usual = |scene: &Scene| match scene.log.incidents().last().map(|i| &i.evidence) {
        Some(Evidence::Rate(rate)) => rate.usual,
        _ => None,
    };
    let mut scene = Scene::new(false);
    let end = |scene: &mut Scene, hours| {
        scene.bounce(hours, Verdict::Within);
        assert_eq!(scene.bounce(hours + 1, Verdict::Within).len(), 1);
    };
    scene.at(at(0), bounced(0.005, Verdict::Breach));
    scene.at(at(1), bounced(0.02, Verdict::Breach));
    assert_eq!(usual(&scene), Some(0.005), "while it stands");
    end(&mut scene, 2);
    let returned = scene.at(at(4), bounced(0.03, Verdict::Breach));
    assert_eq!(returned, ["bounce_rate opened"]);
    assert_eq!(usual(&scene), Some(0.005), "it returned");
    end(&mut scene, 5);
    let another = scene.at(at(3 * 24), bounced(0.04, Verdict::Breach));
    assert_eq!(another, ["bounce_rate opened!"]);
    assert_eq!(
        usual(&scene),
        Some(0.005),
        "the week before holds the first"
    );
    end(&mut scene, 3 * 24 + 1);
    scene.at(at(11 * 24), bounced(0.01, Verdict::Breach));
    assert_eq!(usual(&scene), Some(0.01), "a week without one");
}

#[test]
fn how_much_was_sent_since_its_newest_bounce_goes_on_after_the_breach() {
    let mut scene = Scene::new(false);
    let sent = |n: Option<u64>, verdict| {
        let mut finding = finding(Rule::BounceRate, verdict);
        if let Evidence::Rate(rate) = &mut finding.evidence {
            (rate.sent_since, rate.numerator) = (n, 1 + n.unwrap_or(0));
        }
        vec![finding]
    };
    let known = |scene: &Scene| match scene.log.incidents().last().map(|i| &i.evidence) {
        Some(Evidence::Rate(rate)) => (rate.sent_since, rate.numerator),
        other => panic!("{other:?}"),
    };
    scene.at(at(0), sent(Some(2), Verdict::Breach));
    scene.at(at(1), sent(Some(9), Verdict::Unresolved));
    assert_eq!(known(&scene), (Some(9), 3), "all else is of the breach");
    scene.at(at(2), sent(None, Verdict::Unresolved));
    assert_eq!(known(&scene), (Some(9), 3));
}
