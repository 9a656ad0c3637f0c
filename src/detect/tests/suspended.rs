//! While an account is suspended nothing can be sent, so that nothing is missed.

use std::time::Duration;

use super::*;
use crate::detect::Together;
use crate::model::StreamKey;

/// A Wednesday, of which the account was suspended from 10:00 on until Thursday 15:00, as polls on the hour saw it.
const DAY_OF_IT: u32 = 44;

fn on_day(hours: u32) -> Timestamp {
    start() + DAY * DAY_OF_IT + HOUR * hours
}

fn refused() -> Span {
    Span::new(on_day(10), on_day(39))
}

/// Twenty an hour by day, three at night.
fn usual(days: u32) -> Vec<Timestamp> {
    let mut sent = Vec::new();
    for (day, hour) in (0..days).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
        let number = if (8..18).contains(&hour) { 20 } else { 3 };
        let from = start() + DAY * day + HOUR * hour + MINUTE / 2;
        sent.extend((0..number).map(|n| from + HOUR * n / number));
    }
    sent
}

/// The same but for this span.
fn without(span: Span) -> Vec<Timestamp> {
    let mut sent = usual(60);
    sent.retain(|at| !span.contains(*at));
    sent
}

/// The end of what is known.
fn end() -> Timestamp {
    start() + DAY * 60
}

/// What is known of it, with when the account was suspended.
fn suspended(sent: Vec<Timestamp>) -> History {
    let mut history = history(sent, end());
    history.inactive = history.inactive_times(&[refused()]);
    history
}

fn silence_at(history: &History, at: Timestamp) -> (Verdict, SilenceEvidence) {
    let found = find(history, at, &Rules::default(), Rule::SendSilence);
    let Evidence::Silence(silence) = found.evidence else {
        panic!("{found:?}");
    };
    (found.verdict, silence)
}

fn is_told(history: &History, at: Timestamp) -> bool {
    let rules = [Rule::SendSilence, Rule::SendDrop];
    let verdict = |rule| find(history, at, &Rules::default(), rule).verdict;
    rules
        .into_iter()
        .any(|rule| verdict(rule) == Verdict::Breach)
}

#[test]
fn what_could_not_be_sent_is_not_missed() {
    let back = refused().until + 10 * MINUTE;
    let history = suspended(without(Span::new(refused().from - MINUTE, back)));
    let told = (10..80).map(on_day).find(|at| is_told(&history, *at));
    assert_eq!(told, None);
    let unaware = History {
        inactive: Coverage::none(),
        ..history.clone()
    };
    assert!(is_told(&unaware, refused().until), "it is what is tested");
    let (verdict, _) = silence_at(&history, on_day(42));
    assert_eq!(verdict, Verdict::Within);
}

#[test]
fn mail_that_does_not_come_back_is_told_by_the_time_after() {
    let never = Span::new(refused().from - MINUTE, Timestamp::MAX);
    let history = suspended(without(never));
    let told = (10..60).map(on_day).find(|at| is_told(&history, *at));
    let told = told.expect("a stop");
    let (_, silence) = silence_at(&history, told);
    assert_eq!(silence.gap, Span::new(refused().until, told));
    assert!(silence.last_sent < Some(refused().from));

    // As soon as a stop at that time of a day that was like any other.
    let other = Span::new(refused().until, Timestamp::MAX);
    let usual = super::history(without(other), end());
    let usual_at = (39..60).map(on_day).find(|at| is_told(&usual, *at));
    let usual_at = usual_at.expect("a stop");
    assert!(
        (usual_at..=usual_at + HOUR).contains(&told),
        "{told}, {usual_at}"
    );
    let (_, silence_of_usual) = silence_at(&usual, told);
    let (expected, usual) = (silence.expected, silence_of_usual.expected);
    assert!((expected - usual).abs() < 10.0, "{expected}, {usual}");
}

#[test]
fn a_stop_before_the_account_was_suspended_counts_its_own_time() {
    let since = on_day(8);
    let history = suspended(without(Span::new(since, Timestamp::MAX)));
    for at in [refused().from, refused().until, refused().until + HOUR] {
        assert!(is_told(&history, at), "{at}");
    }
    let (_, silence) = silence_at(&history, refused().until);
    assert_eq!(Some(silence.gap.from), silence.last_sent);
    assert!(silence.gap.from < since);
    assert!(
        (30.0..60.0).contains(&silence.expected),
        "two hours of it: {}",
        silence.expected
    );
}

#[test]
fn the_time_teaches_nothing() {
    let back = refused().until + 10 * MINUTE;
    let history = suspended(without(Span::new(refused().from - MINUTE, back)));
    let unseen = History {
        messages: history.messages.minus(&history.inactive),
        inactive: Coverage::none(),
        ..history.clone()
    };
    let learn = |of: &History| Silence::for_stream(of, on_day(14 * 24), &Rules::default(), 1);
    assert_eq!(learn(&history), learn(&unseen));
}

#[test]
fn of_several_streams_none_that_was_suspended_counts_for_all() {
    let streams = |inactive: bool| {
        let back = refused().until + 10 * MINUTE;
        let gone = Span::new(refused().from - MINUTE, back);
        let mut together = Together::default();
        for (server, sent) in [("app", without(gone)), ("shop", without(gone))] {
            let mut history = suspended(sent);
            // That of the other server was not active, either, but nobody asked it.
            if server == "shop" || !inactive {
                history.inactive = Coverage::none();
            }
            let key = StreamKey::new(&server.into(), &outbound());
            together.add(key, &history, &Rules::default());
        }
        let mut detector = Detector::new(Rules::default(), 1);
        let found = detector.detect_together(&together, refused().until);
        found[0].verdict
    };
    assert_ne!(streams(true), Verdict::Breach);
    assert_eq!(streams(false), Verdict::Breach, "it is what is tested");
}

#[test]
fn a_lower_level_outlasts_a_day_on_which_the_account_was_suspended() {
    let low_since = start() + DAY * 30;
    let mut sent = without(Span::new(refused().from - MINUTE, refused().until));
    let mut number = 0u32;
    sent.retain(|at| {
        number += 1;
        *at < low_since || number.is_multiple_of(3)
    });
    let history = suspended(sent);
    let drop = |at: Timestamp| find(&history, at, &Rules::default(), Rule::SendDrop).verdict;
    for day in 1..5 {
        assert_ne!(drop(on_day(24 * day + 20)), Verdict::Breach, "day {day}");
    }
    let shift = crate::detect::level_shift::LevelShift::find(&history, on_day(5 * 24));
    let shift = shift.expect("a lower level");
    assert_eq!((shift.from, shift.is_settled()), (low_since, true));
}

#[test]
fn a_rare_sender_whose_mail_was_due_meanwhile_begins_anew() {
    let daily = |skipped: u32| {
        let days = (0..60).filter(move |day| *day != skipped);
        days.map(|day| start() + DAY * day + 10 * HOUR + MINUTE * (day * 7 % 13))
    };
    let mut history = history(daily(DAY_OF_IT), start() + DAY * 60);
    history.inactive = history.inactive_times(&[Span::new(on_day(9), on_day(12))]);
    let told = (9..72).map(on_day).find(|at| is_told(&history, *at));
    assert_eq!(told, None);
    history.inactive = Coverage::none();
    assert!((9..36).map(on_day).any(|at| is_told(&history, at)));
    // The next one is missed as always.
    let days = (0..DAY_OF_IT).map(|day| start() + DAY * day + 10 * HOUR);
    let mut stopped = super::history(days, start() + DAY * 60);
    stopped.inactive = stopped.inactive_times(&[Span::new(on_day(9), on_day(12))]);
    let told = (9..120).map(on_day).find(|at| is_told(&stopped, *at));
    let after: Duration = told.expect("a stop").since(on_day(12));
    assert!(after <= 36 * HOUR, "{after:?}");
}
