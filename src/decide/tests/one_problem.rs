//! A drop and the silence within it are one incident.

use super::muting::muted;
use super::*;
use crate::model::{DropEvidence, NewLevel};

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

/// A finding that whole days show a lower level since that hour.
fn fallen(since: u32) -> Finding {
    let level = NewLevel {
        since: at(since),
        per_day: 10.0,
        per_day_before: 30.0,
    };
    let evidence = DropEvidence {
        window: Span::new(at(since), at(since + 120)),
        sent: 50,
        expected: 150.0,
        evidence: 8.0,
        limit: 5.0,
        times_a_year: 0.01,
        false_alarms_per_year: 4.0,
        missing_burst: None,
        fell_to: Some(level),
        settled: None,
    };
    Finding {
        evidence: Evidence::Drop(evidence),
        ..finding(Rule::SendDrop, Verdict::Breach)
    }
}

/// A finding that hours show less mail.
fn dropped(verdict: Verdict) -> Finding {
    let mut found = fallen(5);
    found.verdict = verdict;
    if let Evidence::Drop(drop) = &mut found.evidence {
        drop.fell_to = None;
    }
    found
}

#[test]
fn a_fall_of_which_a_drop_told_while_it_lasted_is_not_told_again() {
    let dropped = |digest_mode| {
        let mut scene = Scene::new(digest_mode);
        scene.at(at(10), vec![dropped(Verdict::Breach)]);
        scene.at(at(20), vec![dropped(Verdict::Within)]);
        scene
    };
    for digest_mode in [false, true] {
        let mut scene = dropped(digest_mode);
        assert_eq!(scene.at(at(130), vec![fallen(5)]), [""; 0]);
    }
    let opened = ["send_drop opened!"];
    assert_eq!(
        dropped(false).at(at(150), vec![fallen(30)]),
        opened,
        "it was over before"
    );
    let mut scene = Scene::new(false);
    scene.policy.mutes = muted(Some(Rule::SendDrop));
    scene.at(at(10), vec![self::dropped(Verdict::Breach)]);
    scene.at(at(20), vec![self::dropped(Verdict::Within)]);
    scene.policy.mutes = Vec::new();
    assert_eq!(
        scene.at(at(130), vec![fallen(5)]),
        opened,
        "nobody was told"
    );
}

#[test]
fn a_stop_after_which_half_of_the_mail_came_back_told_of_no_lower_level() {
    let mut scene = Scene::new(false);
    scene.at(at(10), vec![silence(Verdict::Breach, 1)]);
    scene.at(at(20), vec![silence(Verdict::Within, 19)]);
    let told = scene.at(at(130), vec![fallen(5)]);
    assert_eq!(told, ["send_drop opened!"]);
}
