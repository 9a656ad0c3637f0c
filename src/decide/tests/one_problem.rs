//! A drop and the silence within it are one incident.

use super::muting::muted;
use super::*;
use crate::model::{DeliveryDropEvidence, DropEvidence, MissingBurst, NewLevel};

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

/// A drop of the delivered mail, of which the newest was sent so many hours after the first instant; of 40 messages so many hard-bounced,
/// and of so many more there is no news.
fn drop_of(bounced: u64, without_news: u64, sent: u32, verdict: Verdict) -> Finding {
    let drop = DeliveryDropEvidence {
        since: at(0),
        sampled: 40,
        delivered: 40 - bounced - without_news,
        newest_lost: Some(at(sent)),
        again: None,
        again_so_far: None,
        usual: 0.97,
        usual_in_general: false,
        bounced,
        reasons: vec![("HardBounce".to_owned(), bounced)],
        by_list: false,
        last_delivered: None,
    };
    Finding {
        evidence: Evidence::DeliveryDrop(drop),
        ..finding(Rule::DeliveryDrop, verdict)
    }
}

#[test]
fn a_drop_of_the_bounces_that_a_rate_told_of_is_not_told_again() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    let both = |drop, rate| vec![drop, finding(Rule::BounceRate, rate)];
    assert_eq!(scene.bounce(0, Breach), ["bounce_rate opened!"]);
    let drop = |sent, verdict| drop_of(8, 0, sent, verdict);
    let opened = scene.at(at(1), both(drop(1, Breach), Breach));
    assert_eq!(opened, ["delivery_drop opened"]);
    let day = scene.at(at(24), both(drop(24, Breach), Breach));
    assert_eq!(day, ["bounce_rate reminded!"]);
    let night = scene.at(at(25), both(drop(24, Breach), Within));
    assert_eq!(night, ["delivery_drop reminded"]);
    let ended = scene.at(at(26), both(drop(24, Breach), Within));
    assert_eq!(ended, ["bounce_rate resolved!"]);
    assert_eq!(scene.at(at(27), both(drop(27, Breach), Within)), NOTHING);
    let over = scene.at(at(28), both(drop(27, Within), Within));
    assert_eq!(over, ["delivery_drop resolved"]);
}

#[test]
fn an_untold_drop_that_ends_first_says_nothing_of_the_rate_that_goes_on() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    let both = |drop| vec![drop_of(8, 0, 1, drop), finding(Rule::BounceRate, Breach)];
    scene.bounce(0, Breach);
    assert_eq!(scene.at(at(1), both(Breach)), ["delivery_drop opened"]);
    assert_eq!(scene.at(at(2), both(Within)), ["delivery_drop resolved"]);
    assert_eq!(scene.at(at(3), both(Within)), NOTHING);
}

#[test]
fn an_untold_drop_hides_no_wake() {
    use Verdict::Breach;
    let mut scene = Scene::new(false);
    scene.bounce(0, Breach);
    let both = || vec![drop_of(8, 0, 1, Breach), finding(Rule::BounceRate, Breach)];
    assert_eq!(scene.at(at(1), both()), ["delivery_drop opened"]);
    let wake = Finding {
        severity: Severity::Wake,
        ..finding(Rule::HardBounceWake, Breach)
    };
    let all = [both(), vec![wake]].concat();
    assert_eq!(scene.at(at(2), all), ["hard_bounce_wake opened!"]);
}

/// A gap in which so many messages were expected; wakes where it says so.
fn stop_of(hours: u32, expected: f64, severity: Severity) -> Finding {
    let mut stop = silence(Verdict::Breach, 0);
    if let Evidence::Silence(of) = &mut stop.evidence {
        (of.gap, of.expected) = (Span::new(at(0), at(hours)), expected);
    }
    Finding { severity, ..stop }
}

/// Nights miss little mail in many hours, and a stop at noon much in few.
#[test]
fn a_stop_at_noon_is_news_though_the_nights_before_were_longer() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    let drop = || Finding {
        evidence: Evidence::Drop(DropEvidence {
            window: Span::new(at(0), at(1)),
            sent: 20,
            expected: 60.0,
            evidence: 9.0,
            limit: 8.0,
            times_a_year: 1.0,
            false_alarms_per_year: 4.0,
            low_until: None,
            missing_burst: None,
            settled: None,
            streams: Vec::new(),
        }),
        ..finding(Rule::SendDrop, Breach)
    };
    let with = |stop: Finding| vec![stop, drop()];
    let no_stop = || vec![silence(Within, 30), drop()];
    assert_eq!(scene.at(at(0), no_stop()), ["send_drop opened!"]);
    let night = |expected| with(stop_of(9, expected, Severity::Warn));
    assert_eq!(scene.at(at(9), night(6.0)), ["send_silence escalated!"]);
    assert_eq!(scene.at(at(10), no_stop()), NOTHING);
    assert_eq!(scene.at(at(20), night(6.0)), NOTHING, "another night");
    let noon = with(stop_of(3, 40.0, Severity::Warn));
    assert_eq!(scene.at(at(21), noon), ["send_silence escalated!"]);
    assert_eq!(scene.at(at(22), no_stop()), NOTHING);
    let wakes = with(stop_of(3, 30.0, Severity::Wake));
    assert_eq!(scene.at(at(23), wakes), ["send_silence escalated!"]);
}

#[test]
fn a_drop_that_is_more_than_bounces_or_more_urgent_or_goes_on_is_told() {
    use Verdict::{Breach, Within};
    let after_rate = |drop: Finding| {
        let mut scene = Scene::new(false);
        scene.bounce(0, Breach);
        scene.at(at(1), vec![drop, finding(Rule::BounceRate, Breach)])
    };
    assert_eq!(
        after_rate(drop_of(8, 3, 1, Breach)),
        ["delivery_drop opened!"]
    );
    let soft = |mut drop: Finding| {
        if let Evidence::DeliveryDrop(of) = &mut drop.evidence {
            of.reasons = vec![("SoftBounce".to_owned(), 7), ("HardBounce".to_owned(), 1)];
        }
        drop
    };
    assert_eq!(
        after_rate(soft(drop_of(8, 0, 1, Breach))),
        ["delivery_drop opened!"]
    );
    let wakes = Finding {
        severity: Severity::Wake,
        ..drop_of(30, 0, 1, Breach)
    };
    assert_eq!(after_rate(wakes), ["delivery_drop opened!"]);
    let mut scene = Scene::new(false);
    let both = |drop, rate| vec![drop, finding(Rule::BounceRate, rate)];
    scene.bounce(0, Breach);
    let opened = scene.at(at(1), both(drop_of(8, 0, 1, Breach), Breach));
    assert_eq!(opened, ["delivery_drop opened"]);
    let without_news = scene.at(at(2), both(drop_of(8, 4, 2, Breach), Breach));
    assert_eq!(without_news, ["delivery_drop reminded!"], "another cause");
    let over = scene.at(at(3), both(drop_of(8, 4, 2, Within), Breach));
    assert_eq!(over, ["delivery_drop resolved!"]);
    let mut scene = Scene::new(false);
    scene.bounce(0, Breach);
    scene.at(at(1), both(drop_of(8, 0, 1, Breach), Within));
    let ended = scene.at(at(2), both(drop_of(8, 0, 1, Breach), Within));
    assert_eq!(ended, ["bounce_rate resolved!"]);
    let day = scene.at(at(27), both(drop_of(8, 0, 27, Breach), Within));
    assert_eq!(
        day,
        ["delivery_drop reminded!"],
        "it goes on without the rate"
    );
}

/// The newest so many sampled messages hard-bounced, and of so many more there is no news.
fn all_bounced(bounced: u64, without_news: u64, verdict: Verdict) -> Finding {
    let mut silence = proof(None, verdict);
    if let Evidence::Delivery(of) = &mut silence.evidence {
        (of.unproven, of.bounced) = (bounced + without_news, bounced);
        of.reasons = vec![("HardBounce".to_owned(), bounced)];
    }
    silence
}

#[test]
fn a_silence_of_the_bounces_that_a_rate_told_of_takes_its_incident_over() {
    use Verdict::{Breach, Within};
    for rule in [Rule::HardBounceWake, Rule::BounceRate] {
        let mut scene = Scene::new(false);
        let opened = scene.at(at(0), vec![finding(rule, Breach)]);
        assert_eq!(opened, [format!("{rule} opened!")]);
        let worse = scene.at(
            at(1),
            vec![all_bounced(3, 0, Breach), finding(rule, Breach)],
        );
        assert_eq!(
            worse,
            [
                "delivery_silence escalated!".to_owned(),
                format!("{rule} opened")
            ]
        );
        assert_eq!(scene.ids[0], scene.ids[1], "one problem, one message");
        let over = |hours| vec![proof(Some(at(hours)), Within), finding(rule, Within)];
        assert_eq!(scene.at(at(2), over(2)), NOTHING);
        let ended = scene.at(at(3), over(3));
        assert!(
            ended.contains(&"delivery_silence resolved!".to_owned()),
            "{ended:?}"
        );
    }
}

#[test]
fn a_silence_of_mail_without_news_is_another_problem_than_bounces() {
    use Verdict::Breach;
    let mut scene = Scene::new(false);
    scene.at(at(0), vec![finding(Rule::HardBounceWake, Breach)]);
    let both = vec![
        all_bounced(2, 2, Breach),
        finding(Rule::HardBounceWake, Breach),
    ];
    assert_eq!(scene.at(at(1), both), ["delivery_silence opened!"]);
    assert_ne!(scene.ids[0], scene.ids[1]);
}

#[test]
fn a_drop_that_nobody_heard_of_ends_where_the_silence_after_it_takes_over() {
    use Verdict::Breach;
    let mut scene = Scene::new(false);
    scene.bounce(0, Breach);
    let both = |delivery| vec![delivery, finding(Rule::BounceRate, Breach)];
    let drop = scene.at(at(1), both(drop_of(8, 0, 1, Breach)));
    assert_eq!(drop, ["delivery_drop opened"]);
    let silence = scene.at(at(2), both(all_bounced(3, 0, Breach)));
    assert_eq!(
        silence,
        [
            "delivery_drop resolved",
            "delivery_silence escalated!",
            "bounce_rate opened"
        ]
    );
    let open = scene.log.incidents().filter(|i| i.is_open() && i.notified);
    assert_eq!(open.count(), 1);
}

#[test]
fn a_drop_of_far_more_than_people_were_told_of_is_told() {
    use Verdict::Breach;
    let mut scene = Scene::new(false);
    let rate = |numerator| {
        let mut rate = finding(Rule::BounceRate, Breach);
        if let Evidence::Rate(of) = &mut rate.evidence {
            (of.numerator, of.denominator) = (numerator, 100);
        }
        rate
    };
    assert_eq!(scene.at(at(0), vec![rate(3)]), ["bounce_rate opened!"]);
    let both = vec![drop_of(16, 0, 1, Breach), rate(40)];
    assert_eq!(scene.at(at(1), both), ["delivery_drop opened!"]);
}

#[test]
fn a_drop_that_only_warns_hides_no_wake() {
    use Verdict::Breach;
    let mut scene = Scene::new(false);
    let drop = || drop_of(8, 0, 1, Breach);
    assert_eq!(scene.at(at(0), vec![drop()]), ["delivery_drop opened!"]);
    let both = vec![drop(), finding(Rule::HardBounceWake, Breach)];
    assert_eq!(scene.at(at(1), both), ["hard_bounce_wake opened!"]);
}

#[test]
fn a_drop_that_told_of_bounces_is_not_over_while_their_rate_is_not() {
    use Verdict::{Breach, Within};
    let mut scene = Scene::new(false);
    let both = |drop, rate| vec![drop_of(8, 0, 1, drop), finding(Rule::BounceRate, rate)];
    let opened = scene.at(at(0), both(Breach, Breach));
    assert_eq!(opened, ["delivery_drop opened!", "bounce_rate opened"]);
    assert_eq!(scene.at(at(1), both(Within, Breach)), NOTHING);
    assert_eq!(scene.at(at(2), both(Within, Within)), NOTHING);
    assert_eq!(
        scene.at(at(3), both(Within, Within)),
        ["bounce_rate resolved"]
    );
    assert_eq!(
        scene.at(at(4), both(Within, Within)),
        ["delivery_drop resolved!"]
    );
}

/// Days without a newsletter are low, and it came.
#[test]
fn a_burst_that_comes_again_ends_with_no_new_level() {
    use Verdict::{Breach, Within};
    let level = NewLevel {
        since: at(0),
        per_day: 48.0,
        per_day_before: 276.0,
    };
    let burst = MissingBurst {
        usual: 300,
        last_at: at(0),
        due_at: at(24),
    };
    let drop = |missing_burst, verdict| Finding {
        evidence: Evidence::Drop(DropEvidence {
            window: Span::new(at(1), at(48)),
            sent: 60,
            expected: 360.0,
            evidence: 1.4,
            limit: 1.0,
            times_a_year: 0.1,
            false_alarms_per_year: 4.0,
            low_until: None,
            missing_burst,
            settled: Some(level),
            streams: Vec::new(),
        }),
        ..finding(Rule::SendDrop, verdict)
    };
    for (missing, settles) in [(Some(burst), false), (None, true)] {
        let mut scene = Scene::new(false);
        scene.at(at(48), vec![drop(missing, Breach)]);
        let ended = scene.at(at(50), vec![drop(None, Within)]);
        assert_eq!(ended, ["send_drop resolved!"]);
        let mut incidents = scene.log.incidents();
        let evidence = &incidents.next().expect("one").evidence;
        assert_eq!(evidence.new_level().is_some(), settles);
    }
}
