//! A drop and the silence within it are one incident.

use super::muting::muted;
use super::*;

/// The findings of both views of one problem.
fn views(stronger: Verdict, weaker: Verdict) -> Vec<Finding> {
    let of = |rule, verdict| finding(rule, verdict);
    vec![of(Rule::SendDrop, weaker), of(Rule::SendSilence, stronger)]
}

#[test]
fn a_drop_and_the_silence_within_it_are_one_incident() {
    use Verdict::{Breach, Unresolved, Within};
    let mut scene = Scene::new(false);
    assert_eq!(
        scene.at(at(0), views(Within, Breach)),
        ["send_drop opened!"]
    );
    assert_eq!(
        scene.at(at(1), views(Breach, Breach)),
        ["send_silence escalated!"]
    );
    assert_eq!(scene.at(at(2), views(Within, Breach)), NOTHING);
    assert_eq!(scene.at(at(3), views(Unresolved, Within)), NOTHING);
    assert_eq!(
        scene.at(at(4), views(Within, Within)),
        ["send_drop resolved!"]
    );
    scene.ids.dedup();
    assert_eq!(scene.ids.len(), 1);
}

#[test]
fn a_silence_that_becomes_a_drop_takes_no_step_and_ends_as_one() {
    use Verdict::{Breach, Unresolved, Within};
    let mut scene = Scene::new(false);
    let mut delivery = |hours, stronger, weaker| {
        let findings = vec![
            finding(Rule::DeliverySilence, stronger),
            finding(Rule::DeliveryDrop, weaker),
        ];
        scene.at(at(hours), findings)
    };
    assert_eq!(delivery(0, Breach, Breach), ["delivery_silence opened!"]);
    assert_eq!(delivery(1, Within, Breach), NOTHING);
    assert_eq!(delivery(2, Within, Unresolved), NOTHING);
    assert_eq!(
        delivery(25, Within, Breach),
        ["delivery_drop reminded!"],
        "the next step bears the weaker's rule"
    );
    assert_eq!(
        delivery(26, Breach, Breach),
        ["delivery_silence escalated!"]
    );
    assert_eq!(delivery(27, Within, Breach), NOTHING);
    assert_eq!(delivery(28, Within, Within), ["delivery_drop resolved!"]);
}

#[test]
fn a_mute_of_one_view_holds_while_it_is_the_one() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    scene.policy.mutes = muted(Some(Rule::SendDrop));
    assert_eq!(scene.at(at(0), views(Within, Breach)), ["send_drop opened"]);
    assert_eq!(
        scene.at(at(1), views(Breach, Breach)),
        ["send_silence escalated!"]
    );
}

#[test]
fn of_two_open_incidents_of_one_problem_the_weaker_ends_without_a_word() {
    use Verdict::{Breach, Within};
    let open = |rule| {
        let mut scene = Scene::new(false);
        scene.at(at(0), vec![finding(rule, Breach)]);
        scene.log.incidents().next().cloned().expect("it opened")
    };
    let both = [open(Rule::SendSilence), open(Rule::SendDrop)];
    for stored in [both.clone(), [both[1].clone(), both[0].clone()]] {
        let mut scene = Scene::new(false);
        scene.log = IncidentLog::new(ServerName::from("shop"), stored);
        let open: Vec<Rule> = scene
            .log
            .incidents()
            .filter(|i| i.is_open())
            .map(|i| i.rule)
            .collect();
        assert_eq!(open, [Rule::SendSilence]);
        assert_eq!(scene.log.incidents().count(), 2, "both are stored again");
        assert_eq!(scene.at(at(1), views(Breach, Breach)), NOTHING);
        let over = vec![silence(Within, 2), finding(Rule::SendDrop, Within)];
        assert_eq!(scene.at(at(2), over), ["send_silence resolved!"]);
    }
}
