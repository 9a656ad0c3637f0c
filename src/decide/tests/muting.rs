//! What a mute keeps back, and what its end says.

use super::*;

pub(super) fn muted(rule: Option<Rule>) -> Vec<Mute> {
    vec![Mute {
        id: 1,
        server: Some(ServerName::from("shop")),
        rule,
        incident: None,
        from: at(0),
        until: at(99),
        reason: "a migration".to_owned(),
        by: "ops".to_owned(),
        planned: false,
    }]
}

#[test]
fn what_a_mute_keeps_back_is_reported_at_its_end() {
    let mut scene = Scene::new(false);
    scene.policy.mutes = muted(Some(Rule::BounceRate));
    assert_eq!(scene.bounce(0, Verdict::Breach), ["bounce_rate opened"]);
    assert_eq!(scene.bounce(25, Verdict::Breach), ["bounce_rate reminded"]);
    assert_eq!(
        scene.log.end_mutes(&scene.policy, at(25)),
        MuteEnd::default()
    );
    scene.policy.mutes = muted(Some(Rule::SpamRate));
    let unmuted = scene.log.end_mutes(&scene.policy, at(26));
    let open: Vec<String> = unmuted.open.iter().map(show).collect();
    assert_eq!(open, ["bounce_rate reminded!"]);
    assert_eq!(
        scene.log.end_mutes(&scene.policy, at(27)),
        MuteEnd::default()
    );
    assert_eq!(scene.bounce(27, Verdict::Within), NOTHING);
    assert_eq!(scene.bounce(28, Verdict::Within), ["bounce_rate resolved!"]);
}

#[test]
fn an_end_within_a_mute_is_reported_only_of_what_was_reported() {
    for begins_muted in [false, true] {
        let mut scene = Scene::new(false);
        if begins_muted {
            scene.policy.mutes = muted(None);
        }
        scene.bounce(0, Verdict::Breach);
        scene.policy.mutes = muted(None);
        scene.bounce(1, Verdict::Within);
        assert_eq!(scene.bounce(2, Verdict::Within), ["bounce_rate resolved"]);
        scene.policy.mutes.clear();
        let over = scene.log.end_mutes(&scene.policy, at(3)).resolved.len();
        assert_eq!(over, usize::from(!begins_muted));
        assert_eq!(
            scene.log.end_mutes(&scene.policy, at(4)),
            MuteEnd::default()
        );
    }
}

#[test]
fn a_mute_keeps_nothing_back_that_would_not_be_reported() {
    let mut scene = Scene::new(true);
    scene.policy.mutes = muted(None);
    scene.bounce(0, Verdict::Breach);
    scene.policy.mutes.clear();
    assert_eq!(
        scene.log.end_mutes(&scene.policy, at(1)),
        MuteEnd::default()
    );
}

#[test]
fn what_is_muted_silences_nothing_that_is_not() {
    let breach = |rule| finding(rule, Verdict::Breach);
    let both = || vec![breach(Rule::HardBounceWake), breach(Rule::BounceRate)];
    let mut scene = Scene::new(false);
    scene.policy.mutes = muted(Some(Rule::HardBounceWake));
    assert_eq!(
        scene.at(at(0), both()),
        ["hard_bounce_wake opened", "bounce_rate opened!"]
    );
    let mut scene = Scene::new(false);
    scene.policy.mutes = muted(None);
    assert_eq!(
        scene.at(at(0), both()),
        ["hard_bounce_wake opened", "bounce_rate opened"]
    );
    scene.policy.mutes.clear();
    let unmuted = scene.log.end_mutes(&scene.policy, at(1));
    let open: Vec<String> = unmuted.open.iter().map(show).collect();
    assert_eq!(open, ["hard_bounce_wake reminded!"]);
}

/// Scene to people, over while muted; what `then` says at the next instant, and what the end of the mute tells after it.
fn over_while_muted(then: Verdict, still_muted: bool) -> (Vec<String>, Scene, MuteEnd) {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    scene.policy.mutes = muted(None);
    scene.bounce(1, Verdict::Within);
    assert_eq!(scene.bounce(2, Verdict::Within), ["bounce_rate resolved"]);
    if !still_muted {
        scene.policy.mutes.clear();
    }
    let steps = scene.bounce(24, then);
    scene.policy.mutes.clear();
    let unmuted = scene.log.end_mutes(&scene.policy, at(24));
    (steps, scene, unmuted)
}

#[test]
fn what_opens_anew_before_its_end_was_reported_is_still_the_same_to_its_readers() {
    let (steps, scene, unmuted) = over_while_muted(Verdict::Breach, true);
    assert_eq!(steps, ["bounce_rate opened"]);
    assert!(
        scene.ids.iter().all(|id| *id == scene.ids[0]),
        "{:?}",
        scene.ids
    );
    assert_eq!(unmuted.open.len(), 1);
    assert_eq!(unmuted.resolved, []);
    let (steps, scene, unmuted) = over_while_muted(Verdict::Breach, false);
    assert_eq!(steps, ["bounce_rate opened!"]);
    assert!(
        scene.ids.iter().all(|id| *id == scene.ids[0]),
        "{:?}",
        scene.ids
    );
    assert_eq!(unmuted, MuteEnd::default(), "reported already");
    let (steps, _, unmuted) = over_while_muted(Verdict::Within, true);
    assert_eq!(steps, NOTHING);
    assert_eq!(unmuted.resolved.len(), 1);
}
