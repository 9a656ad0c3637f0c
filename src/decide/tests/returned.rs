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
