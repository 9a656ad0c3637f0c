//! What a sender does from now on, and did not do before: its first use, other hours, more mail.

use super::recovery::by_hour;
use super::*;
use crate::detect::training::went_into_use;
use crate::model::{Feedback, Judgement, MarkedTime, WEEK};

/// One message at noon on the first three days, nothing until the 43rd, and thirty in each working hour from then on.
fn tried_before_use(day: u32, hour: u32) -> u32 {
    match (day, hour) {
        (0..3, 12) => 1,
        (43.., 8..18) => 30,
        _ => 0,
    }
}

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

#[test]
fn a_stream_that_was_tried_weeks_before_its_use_has_no_drop_once_it_is_used() {
    let sent = by_hour(70, tried_before_use);
    let history = history(sent, at(70, 0));
    let busy = (50..70).flat_map(|day| [at(day, 10), at(day, 14)]);
    assert_eq!(breaches(&history, Rule::SendDrop, busy), []);
}

#[test]
fn a_stop_of_such_a_stream_is_told_by_what_its_use_was() {
    let stop = at(54, 9);
    let mut sent = by_hour(70, tried_before_use);
    sent.retain(|sent| *sent < stop);
    let history = history(sent, at(70, 0));
    let hours = (1..9).map(|hour| stop + HOUR * hour);
    let told = breaches(&history, Rule::SendSilence, hours);
    assert!(!told.is_empty());
}

#[test]
fn a_trial_is_short_and_long_ago_and_its_use_has_no_such_pause() {
    let in_use = |at_hour: &dyn Fn(u32, u32) -> u32, days: u32| {
        let history = history(by_hour(days, at_hour), at(days, 0));
        went_into_use(&history, at(days, 0))
    };
    let began = at(43, 8);
    assert_eq!(in_use(&tried_before_use, 52), Some(began));
    assert_eq!(in_use(&tried_before_use, 49), None, "used for six days");
    // Mail once a month, a holiday of a sender of months, and a steady one.
    let monthly = |day: u32, hour: u32| u32::from(day.is_multiple_of(30) && hour == 9) * 20;
    assert_eq!(in_use(&monthly, 200), None);
    let holiday = |day: u32, hour: u32| {
        let is_at_work = !(60..90).contains(&day) && (8..18).contains(&hour);
        u32::from(is_at_work)
    };
    assert_eq!(in_use(&holiday, 150), None);
    assert_eq!(in_use(&|_, _| 1, 60), None);
    // What was sent before was more than what is sent now.
    let campaign = |day: u32, hour: u32| {
        if day < 3 {
            600
        } else {
            tried_before_use(day, hour)
        }
    };
    assert_eq!(in_use(&campaign, 52), None);
}

#[test]
fn a_pause_that_a_person_called_a_false_alarm_is_learned_from() {
    let pause = Span::new(at(2, 12), at(43, 8));
    let marked = MarkedTime {
        incident: "ektn6n35".to_owned(),
        rule: Rule::SendSilence,
        span: pause,
        feedback: Feedback {
            judgement: Judgement::FalseAlarm,
            by: "ops".to_owned(),
            at: pause.until,
        },
    };
    let history = History {
        marked: vec![marked],
        ..history(by_hour(52, tried_before_use), at(52, 0))
    };
    assert_eq!(went_into_use(&history, at(52, 0)), None);
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
