//! What a sender does from now on, and did not do before: other hours, more mail.

use super::recovery::by_hour;
use super::*;
use crate::model::WEEK;

fn at(day: u32, hour: u32) -> Timestamp {
    start() + DAY * day + HOUR * hour
}

/// The instants of `times` at which `rule` is broken, by one detector.
fn breaches(
    history: &History,
    rule: Rule,
    times: impl Iterator<Item = Timestamp>,
) -> Vec<Timestamp> {
    let mut detector = Detector::new(Rules::default(), 1);
    let mut is_breach = |at: &Timestamp| {
        let told = ToldBounces::default();
        let findings = detector.detect(history, &outbound(), &[], &told, *at);
        let found = findings.iter().find(|finding| finding.rule == rule);
        found.is_some_and(|finding| finding.verdict == Verdict::Breach)
    };
    times.filter(|at| is_breach(at)).collect()
}

/// From 06 to 20 o'clock, and from the 42nd day on from 14 to 03.
fn moved(day: u32, hour: u32) -> u32 {
    let is_at_work = match day {
        0..42 => (6..20).contains(&hour),
        42 => hour >= 14,
        _ => !(3..14).contains(&hour),
    };
    if is_at_work { 30 } else { 0 }
}

#[test]
fn hours_that_moved_are_told_for_two_days() {
    let history = history(by_hour(56, moved), at(56, 0));
    let told = breaches(
        &history,
        Rule::SendSilence,
        (0..14 * 24).map(|hour| at(42, hour)),
    );
    let days: BTreeSet<Timestamp> = told.iter().map(|at| at.floor(DAY)).collect();
    assert_eq!(days, [at(42, 0), at(43, 0)].into());
}

#[test]
fn a_stop_in_hours_that_moved_is_told_when_mail_was_due() {
    let mut sent = by_hour(56, moved);
    sent.retain(|sent| *sent < at(47, 3));
    let history = history(sent, at(56, 0));
    let told = breaches(
        &history,
        Rule::SendSilence,
        (3..24).map(|hour| at(47, hour)),
    );
    let first = *told.first().expect("it is told");
    assert!((at(47, 14)..=at(47, 16)).contains(&first), "{first}");
    let silence = Silence::for_stream(&history, at(47, 3), &Rules::default(), 1);
    let delay = silence.detection_delay(&history, at(47, 3));
    let delay = delay.expect("known");
    assert!((11 * HOUR..=13 * HOUR).contains(&delay), "{delay:?}");
}

/// What is expected is what today's profile has at today's level, and not its growth once more.
#[test]
fn growth_is_expected_once() {
    let grown = |day: u32, hour: u32| match (day, hour) {
        (0..56, 8..18) => 2,
        (_, 8..18) => 20,
        _ => 0,
    };
    let until = at(84, 0);
    let history = history(by_hour(84, grown), until + WEEK);
    let silence = Silence::for_stream(&history, until, &Rules::default(), 1);
    let cusum = &silence.baseline.cusum;
    let state = cusum.state_since(&history, until + 8 * HOUR, until + 18 * HOUR);
    assert!((140.0..260.0).contains(&state.expected), "{state:?}");
}
