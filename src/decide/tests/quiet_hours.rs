//! Quiet hours: warnings wait for their end, wakes do not.

use super::muting::muted;
use super::*;
use crate::model::LastingExcess;

/// From the first hour on to the tenth.
fn quiet(digest_mode: bool) -> Scene {
    let mut scene = Scene::new(digest_mode);
    scene.policy.quiet_hours = vec![Span::new(at(0), at(10))];
    scene
}

fn end(scene: &mut Scene, hours: u32) -> (Vec<String>, usize) {
    let end = scene.log.end_mutes(&scene.policy, at(hours));
    assert!(end.open.iter().all(|t| t.incident.deferred_by_quiet_hours));
    (end.open.iter().map(show).collect(), end.resolved.len())
}

#[test]
fn a_warning_that_still_stands_is_reported_once_at_their_end() {
    let mut scene = quiet(false);
    assert_eq!(scene.bounce(1, Verdict::Breach), ["bounce_rate opened"]);
    assert_eq!(end(&mut scene, 9), (vec![], 0));
    assert_eq!(scene.bounce(10, Verdict::Breach), NOTHING);
    let reported_then = (vec!["bounce_rate reminded!".to_owned()], 0);
    assert_eq!(end(&mut scene, 10), reported_then);
    assert_eq!(end(&mut scene, 11), (vec![], 0));
    assert_eq!(scene.bounce(11, Verdict::Within), NOTHING);
    assert_eq!(scene.bounce(12, Verdict::Within), ["bounce_rate resolved!"]);
}

#[test]
fn a_warning_that_came_and_went_is_recorded_only() {
    let mut scene = quiet(false);
    scene.bounce(1, Verdict::Breach);
    scene.bounce(2, Verdict::Within);
    assert_eq!(scene.bounce(3, Verdict::Within), ["bounce_rate resolved"]);
    assert_eq!(end(&mut scene, 10), (vec![], 0));
}

#[test]
fn the_end_of_a_warning_reported_before_waits_too() {
    let mut scene = quiet(false);
    scene.policy.quiet_hours = vec![Span::new(at(2), at(10))];
    assert_eq!(scene.bounce(1, Verdict::Breach), ["bounce_rate opened!"]);
    scene.bounce(2, Verdict::Within);
    assert_eq!(scene.bounce(3, Verdict::Within), ["bounce_rate resolved"]);
    assert_eq!(end(&mut scene, 9), (vec![], 0));
    assert_eq!(end(&mut scene, 10), (vec![], 1));
}

#[test]
fn a_wake_gets_through_and_so_does_a_warning_that_becomes_one() {
    let mut scene = quiet(false);
    let silence = |severity| Finding {
        severity,
        ..finding(Rule::SendSilence, Verdict::Breach)
    };
    let steps = scene.at(at(1), vec![silence(Severity::Warn)]);
    assert_eq!(steps, ["send_silence opened"]);
    let steps = scene.at(at(2), vec![silence(Severity::Wake)]);
    assert_eq!(steps, ["send_silence escalated!"]);
    let wake = finding(Rule::HardBounceWake, Verdict::Breach);
    assert_eq!(scene.at(at(3), vec![wake]), ["hard_bounce_wake opened!"]);
}

#[test]
fn a_warning_that_waits_hides_no_wake() {
    let mut scene = quiet(false);
    let mut stronger = finding(Rule::Blind, Verdict::Breach);
    stronger.severity = Severity::Warn;
    assert_eq!(scene.at(at(1), vec![stronger]), ["blind opened"]);
    let wake = finding(Rule::HardBounceWake, Verdict::Breach);
    let steps = scene.at(
        at(1),
        vec![wake, finding(Rule::BounceRate, Verdict::Breach)],
    );
    assert_eq!(steps, ["hard_bounce_wake opened!", "bounce_rate opened"]);
}

#[test]
fn what_waits_for_the_digest_is_not_reported_at_their_end() {
    let mut scene = quiet(true);
    scene.bounce(1, Verdict::Breach);
    assert_eq!(end(&mut scene, 10), (vec![], 0));
}

/// Quiet hours that follow each other leave no moment in which a cycle takes place.
#[test]
fn a_warning_waits_no_longer_than_quiet_hours_may_last() {
    let mut scene = quiet(false);
    scene.policy.quiet_hours = vec![Span::new(at(0), at(400))];
    assert_eq!(scene.bounce(1, Verdict::Breach), ["bounce_rate opened"]);
    for hour in 2..169 {
        let steps = scene.bounce(hour, Verdict::Breach);
        assert!(steps.iter().all(|step| !step.ends_with('!')), "{steps:?}");
        assert_eq!(end(&mut scene, hour), (vec![], 0), "{hour}");
    }
    scene.bounce(169, Verdict::Breach);
    let sent_then = (vec!["bounce_rate reminded!".to_owned()], 0);
    assert_eq!(end(&mut scene, 169), sent_then);
    assert!(scene.log.incidents().all(|i| i.outlasts_quiet_hours));
    // What comes after that waits anew.
    for hour in 170..200 {
        let steps = scene.bounce(hour, Verdict::Breach);
        assert!(steps.iter().all(|step| !step.ends_with('!')), "{steps:?}");
        assert_eq!(end(&mut scene, hour), (vec![], 0), "{hour}");
    }
    assert!(scene.log.incidents().all(|i| !i.outlasts_quiet_hours));
}

#[test]
fn the_time_of_a_mute_is_no_wait_for_quiet_hours() {
    let mut scene = quiet(false);
    scene.policy.quiet_hours = vec![Span::new(at(0), at(400))];
    scene.policy.mutes = muted(None);
    for mute in &mut scene.policy.mutes {
        mute.until = at(160);
    }
    scene.bounce(1, Verdict::Breach);
    assert_eq!(end(&mut scene, 170), (vec![], 0));
    assert!(
        scene
            .log
            .incidents()
            .all(|i| i.held_by_quiet_since.is_none())
    );
}

#[test]
fn an_excess_of_days_that_waited_is_told_however_old_its_bounces_are() {
    let mut scene = quiet(false);
    scene.policy.quiet_hours = vec![Span::new(at(0), at(62))];
    let excess = |verdict| {
        let mut finding = finding(Rule::BounceRate, verdict);
        if let Evidence::Rate(rate) = &mut finding.evidence {
            rate.newest_at = Some(at(0));
            rate.lasting = Some(LastingExcess {
                evidence: 6.0,
                limit: 5.0,
                usual_at_most: 0.004,
            });
        }
        vec![finding]
    };
    let opened = scene.at(at(1), excess(Verdict::Breach));
    assert_eq!(opened, ["bounce_rate opened"]);
    scene.at(at(62), excess(Verdict::Unresolved));
    let told = (vec!["bounce_rate reminded!".to_owned()], 0);
    assert_eq!(end(&mut scene, 62), told);
}
