//! What a person closes stays closed while it is no worse.

use super::*;
use crate::model::LastingExcess;

/// A bounce rate that opened and was closed by hand half an hour later.
fn closed_by_hand() -> Scene {
    let mut scene = Scene::new(false);
    scene.at(at(0), vec![rate(4, Verdict::Breach)]);
    let id = scene.log.incidents().next().expect("one").id.clone();
    let later = at(0) + HOUR / 2;
    assert_eq!(scene.log.close(&scene.policy, "nobody", "ops", later), None);
    let closed = scene.log.close(&scene.policy, &id, "ops", later);
    let closed = closed.expect("it is open");
    assert_eq!(show(&closed), "bounce_rate resolved!");
    assert_eq!(closed.incident.closed_by.as_deref(), Some("ops"));
    let again = scene.log.close(&scene.policy, &id, "ops", later);
    assert_eq!(again, None, "it is closed");
    scene
}

#[test]
fn what_is_closed_by_hand_stays_closed_for_a_day_while_it_is_no_worse() {
    let mut scene = closed_by_hand();
    for hour in 1..=24 {
        assert_eq!(scene.at(at(hour), vec![rate(7, Verdict::Breach)]), NOTHING);
    }
    assert_eq!(
        scene.at(at(25), vec![rate(7, Verdict::Breach)]),
        ["bounce_rate opened!"]
    );
}

#[test]
fn what_is_closed_by_hand_and_doubles_or_wakes_is_another_incident() {
    let worse = [
        rate(8, Verdict::Breach),
        Finding {
            severity: Severity::Wake,
            ..rate(4, Verdict::Breach)
        },
    ];
    for worse in worse {
        let mut scene = closed_by_hand();
        let closed = scene.log.incidents().next().expect("one").id.clone();
        assert_eq!(scene.at(at(1), vec![worse]), ["bounce_rate opened!"]);
        let open = scene.log.incidents().find(|i| i.is_open()).expect("one");
        assert_ne!(open.id, closed);
        assert_eq!(open.closed_by, None);
    }
}

#[test]
fn what_is_closed_by_hand_and_over_may_open_again() {
    let mut scene = closed_by_hand();
    assert_eq!(scene.at(at(1), vec![rate(0, Verdict::Within)]), NOTHING);
    assert_eq!(
        scene.at(at(2), vec![rate(4, Verdict::Breach)]),
        ["bounce_rate opened!"]
    );
}

/// So many of so many bounced, added up over days or in a window.
fn of_days_or_window(of_days: bool, (numerator, denominator): (u64, u64)) -> Finding {
    let mut finding = rate(numerator, Verdict::Breach);
    if let Evidence::Rate(rate) = &mut finding.evidence {
        rate.denominator = denominator;
        rate.lasting = of_days.then_some(LastingExcess {
            evidence: 6.0,
            limit: 5.0,
            usual_at_most: 0.004,
        });
    }
    finding
}

#[test]
fn figures_of_days_and_of_a_window_are_compared_by_their_shares() {
    let after_closing = |closed, seen| {
        let mut scene = Scene::new(false);
        scene.at(at(0), vec![closed]);
        let id = scene.log.incidents().next().expect("one").id.clone();
        scene.log.close(&scene.policy, &id, "ops", at(0) + HOUR / 2);
        scene.at(at(2), vec![seen])
    };
    let (days, window) = (
        |of| of_days_or_window(true, of),
        |of| of_days_or_window(false, of),
    );
    let worse = after_closing(days((17, 428)), window((9, 14)));
    assert_eq!(worse, ["bounce_rate opened!"]);
    assert_eq!(after_closing(window((5, 12)), days((12, 110))), NOTHING);
    let twice = after_closing(days((17, 428)), days((34, 900)));
    assert_eq!(twice, ["bounce_rate opened!"]);
}
