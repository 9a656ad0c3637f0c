//! A stronger incident hides a weaker one.

use super::*;

#[test]
fn the_weaker_is_silent_while_the_stronger_is_open_and_reported_when_it_ends() {
    let mut scene = Scene::new(false);
    let both = |hard, all| {
        vec![
            finding(Rule::BounceRate, all),
            finding(Rule::HardBounceWake, hard),
        ]
    };
    assert_eq!(
        scene.at(at(0), both(Verdict::Breach, Verdict::Breach)),
        ["hard_bounce_wake opened!", "bounce_rate opened"]
    );
    scene.at(at(1), both(Verdict::Within, Verdict::Breach));
    assert_eq!(
        scene.at(at(2), both(Verdict::Within, Verdict::Breach)),
        ["hard_bounce_wake resolved!", "bounce_rate reminded!"]
    );
    scene.at(at(3), both(Verdict::Within, Verdict::Within));
    assert_eq!(
        scene.at(at(4), both(Verdict::Within, Verdict::Within)),
        ["bounce_rate resolved!"]
    );
}

#[test]
fn a_rate_that_nobody_heard_of_is_told_by_its_next_breach_and_not_with_old_figures() {
    let mut scene = Scene::new(false);
    let both = |hour, bounces, hard| {
        let mut bounces = rate(4, bounces);
        if let Evidence::Rate(of) = &mut bounces.evidence {
            of.until = Some(at(hour));
        }
        vec![bounces, finding(Rule::HardBounceWake, hard)]
    };
    scene.at(at(0), both(0, Verdict::Breach, Verdict::Breach));
    scene.at(at(1), both(1, Verdict::Unresolved, Verdict::Within));
    assert_eq!(
        scene.at(at(2), both(2, Verdict::Unresolved, Verdict::Within)),
        ["hard_bounce_wake resolved!"]
    );
    assert_eq!(
        scene.at(at(3), both(3, Verdict::Breach, Verdict::Within)),
        ["bounce_rate reminded!"]
    );
    let told = scene.log.incidents().find(|i| i.rule == Rule::BounceRate);
    assert!(told.expect("it is open").first_told);
}

#[test]
fn blindness_silences_everything_of_the_server() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    assert_eq!(
        scene.at(at(1), vec![finding(Rule::Blind, Verdict::Breach)]),
        ["blind opened!"]
    );
    assert_eq!(scene.bounce(2, Verdict::Within), NOTHING);
    assert_eq!(
        scene.bounce(3, Verdict::Within),
        ["bounce_rate resolved"],
        "recorded only, even if it was reported before"
    );
    let kept = scene.log.inhibited_by(&IncidentKey::from_finding(&finding(
        Rule::Blind,
        Verdict::Breach,
    )));
    assert_eq!(
        scene.at(at(4), vec![finding(Rule::Blind, Verdict::Within)]),
        ["blind resolved!"]
    );
    assert!(
        kept.is_empty()
            && scene
                .log
                .uninhibit(&scene.policy, &kept, &[], at(4))
                .is_empty()
    );
}

#[test]
fn a_rate_says_nothing_of_the_bounces_that_a_delivery_incident_reported() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    let at_hour = |scene: &mut Scene, hour, delivery, bounces, window| {
        let stronger = proof((delivery == Within).then(|| at(hour)), delivery);
        let mut weaker = finding(Rule::HardBounceWake, bounces);
        if let Evidence::Rate(rate) = &mut weaker.evidence {
            rate.window = HOUR * window;
        }
        scene.at(at(hour), vec![stronger, weaker])
    };
    let both = at_hour(&mut scene, 1, Breach, Breach, 24);
    assert_eq!(
        both,
        ["delivery_silence opened!", "hard_bounce_wake opened"]
    );
    assert_eq!(at_hour(&mut scene, 2, Within, Breach, 24), NOTHING);
    let over = at_hour(&mut scene, 3, Within, Breach, 24);
    assert_eq!(over, ["delivery_silence resolved!"]);
    assert_eq!(at_hour(&mut scene, 4, Within, Breach, 24), NOTHING);
    // These are new.
    let new = at_hour(&mut scene, 5, Within, Breach, 1);
    assert_eq!(new, ["hard_bounce_wake reminded!"]);
}

#[test]
fn a_silent_tag_is_an_incident_of_its_own() {
    let mut scene = Scene::new(false);
    let only_tag = inhibits(Verdict::Within, Verdict::Breach);
    assert_eq!(scene.at(at(0), only_tag.clone()), ["send_silence opened!"]);
    assert_eq!(scene.at(at(1), only_tag), NOTHING);
    let both = inhibits(Verdict::Breach, Verdict::Breach);
    assert_eq!(scene.at(at(2), both), ["send_silence opened!"]);
    assert_ne!(scene.ids[0], scene.ids[1]);
}

#[test]
fn tags_say_nothing_while_their_whole_stream_is_silent_nor_when_they_come_back_with_it() {
    let mut scene = Scene::new(false);
    let both = inhibits(Verdict::Breach, Verdict::Breach);
    assert_eq!(
        scene.at(at(0), both),
        ["send_silence opened!", "send_silence opened"]
    );
    let back = inhibits(Verdict::Within, Verdict::Unresolved);
    assert_eq!(scene.at(at(5), back), ["send_silence resolved!"]);
    let well = inhibits(Verdict::Within, Verdict::Within);
    assert_eq!(scene.at(at(6), well), ["send_silence resolved"]);
}

#[test]
fn a_tag_that_stays_silent_when_its_stream_is_back_is_reported() {
    let mut scene = Scene::new(false);
    scene.at(at(0), inhibits(Verdict::Breach, Verdict::Breach));
    let back = inhibits(Verdict::Within, Verdict::Breach);
    assert_eq!(
        scene.at(at(5), back.clone()),
        ["send_silence resolved!", "send_silence reminded!"]
    );
    assert_eq!(scene.at(at(6), back), NOTHING, "once");
    let well = inhibits(Verdict::Within, Verdict::Within);
    assert_eq!(scene.at(at(7), well), ["send_silence resolved!"]);
}

#[test]
fn another_server_inhibits_all_but_the_account_and_ends_with_its_own_evidence() {
    let change = |current, verdict| Finding {
        evidence: Evidence::ServerChange(ServerChange {
            former: 1,
            current,
            ..ServerChange::default()
        }),
        severity: Severity::Wake,
        ..finding(Rule::ServerChanged, verdict)
    };
    let mut scene = Scene::new(true);
    assert_eq!(
        scene.at(
            at(0),
            vec![
                finding(Rule::Blind, Verdict::Breach),
                change(2, Verdict::Breach),
                rate(4, Verdict::Breach),
            ]
        ),
        [
            "server_changed opened!",
            "blind opened",
            "bounce_rate opened"
        ]
    );
    assert_eq!(scene.at(at(1), vec![change(0, Verdict::Unknown)]), NOTHING);
    assert_eq!(scene.at(at(2), vec![change(2, Verdict::Breach)]), NOTHING);
    // To close it accepts the server that answers now: a third one is reported first.
    for (hours, third) in [(3, 3), (4, 2)] {
        assert_eq!(
            scene.at(at(hours), vec![change(third, Verdict::Breach)]),
            ["server_changed escalated!"]
        );
    }
    assert_eq!(
        scene.at(at(5), vec![change(0, Verdict::Within)]),
        ["server_changed resolved!"]
    );
    let over = scene
        .log
        .incidents()
        .find(|i| i.rule == Rule::ServerChanged);
    let over = over.expect("one");
    assert!(matches!(&over.evidence, Evidence::ServerChange(c) if c.current == 2));
    // Closed by hand, another number is reported at once.
    scene.at(at(6), vec![change(2, Verdict::Breach)]);
    let is_open = |i: &&Incident| i.rule == Rule::ServerChanged && i.is_open();
    let open = scene.log.incidents().find(is_open);
    let id = open.expect("one").id.clone();
    scene
        .log
        .close(&scene.policy, &id, "ops", at(6))
        .expect("it is open");
    assert_eq!(
        scene.at(at(7), vec![change(1, Verdict::Breach)]),
        ["server_changed opened!"]
    );
}
