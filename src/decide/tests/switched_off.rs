//! A rule that is switched off.

use super::*;

#[test]
fn what_a_rule_has_open_when_it_is_switched_off_ends_without_a_word() {
    let mut scene = Scene::new(false);
    let both = |hard, all| {
        vec![
            finding(Rule::HardBounceWake, hard),
            finding(Rule::BounceRate, all),
        ]
    };
    let opened = scene.at(at(0), both(Verdict::Breach, Verdict::Breach));
    assert_eq!(opened, ["hard_bounce_wake opened!", "bounce_rate opened"]);
    assert_eq!(scene.log.close_disabled(&scene.policy, at(1)).0, []);
    scene.policy.rules.disabled.insert(Rule::HardBounceWake);
    let (ended, inhibited) = scene.log.close_disabled(&scene.policy, at(1));
    assert_eq!(
        ended.iter().map(show).collect::<Vec<_>>(),
        ["hard_bounce_wake resolved"]
    );
    assert!(ended[0].incident.is_disabled());
    let inhibited: Vec<IncidentKey> = inhibited.into_iter().collect();
    let released = scene
        .log
        .uninhibit(&scene.policy, &inhibited, &ended, at(1));
    assert_eq!(
        released.iter().map(show).collect::<Vec<_>>(),
        ["bounce_rate reminded!"],
        "what it inhibited is reported"
    );
    assert_eq!(scene.log.close_disabled(&scene.policy, at(2)).0, []);
    assert_eq!(
        scene.log.end_mutes(&scene.policy, at(2)),
        MuteEnd::default()
    );
}

#[test]
fn a_rule_that_is_off_on_another_stream_stays_open_on_this_one() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    let other = rules(|rules| {
        rules.disabled.insert(Rule::BounceRate);
    });
    scene
        .policy
        .rules
        .streams
        .insert(StreamId::from("broadcast"), other.clone());
    assert_eq!(scene.log.close_disabled(&scene.policy, at(1)).0, []);
    scene
        .policy
        .rules
        .streams
        .insert(StreamId::from("outbound"), other);
    assert_eq!(scene.log.close_disabled(&scene.policy, at(1)).0.len(), 1);
}
