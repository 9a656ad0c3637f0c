//! Since when an incident is that came back, and what of its time was not read.

use super::*;

/// A wave of bounces from one instant to another.
fn wave(from: u32, until: u32, verdict: Verdict) -> Vec<Finding> {
    let mut finding = finding(Rule::BounceRate, verdict);
    if let Evidence::Rate(rate) = &mut finding.evidence {
        rate.wave = (verdict == Verdict::Breach).then(|| Span::new(at(from), at(until)));
    }
    vec![finding]
}

#[test]
fn what_returned_knows_when_it_began_first() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    scene.at(at(10), wave(9, 10, Breach));
    scene.at(at(11), wave(0, 0, Within));
    scene.at(at(12), wave(0, 0, Within));
    scene.at(at(13), wave(12, 13, Breach));
    let incident = scene.log.incidents().last().expect("an incident");
    assert_eq!(incident.first_began(), at(9));
    assert_eq!(incident.returned_at(), Some(at(13)));
    assert_eq!(incident.problem, Some(Span::new(at(12), at(13))));
}

#[test]
fn what_was_not_read_is_kept_for_the_end_and_forgotten_when_it_returns() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    let unread = |from, until, verdict| {
        let mut found = finding(Rule::BounceRate, verdict);
        found.unread = Some(Span::new(at(from), at(until)));
        vec![found]
    };
    let known = |scene: &Scene| scene.log.incidents().last().and_then(|i| i.unread);
    scene.bounce(0, Breach);
    assert_eq!(known(&scene), None);
    scene.at(at(5), unread(1, 4, Breach));
    scene.at(at(9), unread(6, 8, Within));
    scene.bounce(10, Within);
    assert_eq!(known(&scene), Some(Span::new(at(1), at(8))));
    scene.bounce(11, Breach);
    assert_eq!(known(&scene), None);
}

#[test]
fn a_silence_ends_with_the_first_message_and_not_with_the_poll_that_saw_it() {
    use Verdict::{Breach, Unresolved, Within};
    let silence = |verdict, (from, until), ended| {
        let mut finding = silence(verdict, from);
        if let Evidence::Silence(silence) = &mut finding.evidence {
            silence.gap = Span::new(at(from), at(until));
            silence.ended_gaps = ended;
        }
        vec![finding]
    };
    let gap = |scene: &Scene| match &scene.log.incidents().last().expect("an incident").worst {
        Some(Evidence::Silence(silence)) => silence.gap,
        worst => panic!("{worst:?}"),
    };
    let returned = at(9) + MINUTE * 23;
    let night = Span::new(at(0) - HOUR * 12, at(0));
    let ended = vec![night, Span::new(at(0), returned)];
    // A longer one of before is another one.
    for (after, until) in [(ended, returned), (vec![night], at(9)), (Vec::new(), at(9))] {
        let mut scene = Scene::new(false);
        scene.at(at(5), silence(Breach, (0, 5), Vec::new()));
        scene.at(at(9), silence(Breach, (0, 9), Vec::new()));
        scene.at(at(10), silence(Unresolved, (10, 10), after.clone()));
        scene.at(at(11), silence(Within, (11, 11), after));
        assert_eq!(gap(&scene), Span::new(at(0), until));
    }
}

/// A server that is put back into the configuration: what its polls make up for lies within the incident that ended when it left.
#[test]
fn an_instant_that_was_missed_opens_nothing_within_an_incident_that_ended_later() {
    let mut scene = Scene::new(false);
    assert_eq!(scene.bounce(0, Verdict::Breach), ["bounce_rate opened!"]);
    let policy = scene.policy.clone();
    let ended = scene.log.close_all(&policy, at(5));
    assert_eq!(
        ended.iter().map(show).collect::<Vec<_>>(),
        ["bounce_rate resolved!"]
    );
    for hours in 1..=5 {
        assert_eq!(scene.bounce(hours, Verdict::Breach), NOTHING, "{hours}");
    }
    assert_eq!(scene.bounce(9, Verdict::Breach), ["bounce_rate opened!"]);
    scene.ids.dedup();
    assert_eq!(scene.ids.len(), 2);
}
