//! What normal volume is, and when mail is as usual again.

use super::gap_bound::uneven;
use super::*;

/// So many messages in each hour of a day, evenly; `at_hour` tells them by the day (0 is a Monday) and the hour.
pub(super) fn by_hour(days: u32, at_hour: impl Fn(u32, u32) -> u32) -> Vec<Timestamp> {
    let mut sent = Vec::new();
    for (day, hour) in (0..days).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
        let from = start() + DAY * day + HOUR * hour;
        let number = at_hour(day, hour);
        sent.extend((0..number).map(|n| from + HOUR * n / number + MINUTE / 2));
    }
    sent
}

/// Twenty an hour by day, and three at night.
fn day_and_night(_: u32, hour: u32) -> u32 {
    if (8..18).contains(&hour) { 20 } else { 3 }
}

#[test]
fn a_silence_is_over_when_mail_is_as_usual_again_however_long_it_was() {
    let days = 47;
    let all = by_hour(days, day_and_night);
    for hours in 2..=14 {
        let stop = Span::new(
            start() + DAY * 45 + 8 * HOUR,
            start() + DAY * 45 + (8 + hours) * HOUR,
        );
        let sent: Vec<Timestamp> = all
            .iter()
            .copied()
            .filter(|at| !stop.contains(*at))
            .collect();
        let history = history(sent, start() + DAY * days);
        let judged = |rule| find(&history, stop.until + 3 * HOUR, &Rules::default(), rule).verdict;
        assert_eq!(
            [judged(Rule::SendSilence), judged(Rule::SendDrop)],
            [Verdict::Within; 2],
            "a stop of {hours} hours"
        );
    }
}

#[test]
fn what_would_normally_have_gone_out_is_what_such_hours_had() {
    let days = 42;
    let working = |day: u32, hour: u32| match (day % 7 < 5, hour) {
        (true, 8..18) => 60,
        (true, _) => 1,
        (false, _) => u32::from(hour % 8 == 3),
    };
    let at = start() + DAY * days;
    let history = history(by_hour(days, working), at);
    let silence = Silence::for_stream(&history, at, &Rules::default(), 1);
    let weekend = Span::new(at - 2 * DAY, at);
    let night = Span::new(at - 3 * DAY + 18 * HOUR, at - 2 * DAY);
    let monday = Span::new(at + 8 * HOUR, at + 18 * HOUR);
    for (span, had) in [(weekend, 6.0), (night, 6.0), (monday, 600.0)] {
        let expected = silence.expected(span);
        assert!(
            (had * 0.6..had * 2.0).contains(&expected),
            "{had} in each week before, {expected} expected"
        );
    }
}

/// Twenty an hour on working days from 08 to 18, and nothing else.
fn office(day: u32, hour: u32) -> u32 {
    if day % 7 < 5 && (8..18).contains(&hour) {
        20
    } else {
        0
    }
}

#[test]
fn one_stray_mail_of_a_busy_hour_ends_no_stop_when_the_quiet_hours_begin() {
    // A Monday.
    let day = start() + DAY * 42;
    let stray = day + 17 * HOUR + HOUR / 2;
    let back = day + DAY + 8 * HOUR;
    let sent = by_hour(44, office).into_iter();
    let sent = sent
        .filter(|at| *at < day + 9 * HOUR || *at >= back)
        .chain([stray]);
    let history = history(sent, day + 2 * DAY);
    let verdict = |at: Timestamp| find(&history, at, &Rules::default(), Rule::SendSilence).verdict;
    assert_eq!(verdict(day + 16 * HOUR), Verdict::Breach);
    for hour in 18..32 {
        let verdict = verdict(day + HOUR * hour);
        assert!(
            matches!(verdict, Verdict::Unresolved | Verdict::Breach),
            "{hour}: {verdict:?}"
        );
    }
    assert_eq!(verdict(back + 2 * HOUR), Verdict::Within);
}

#[test]
fn the_first_mail_of_a_quiet_time_ends_a_stop() {
    let day = start() + DAY * 42;
    let night = |day: u32, hour: u32| match hour {
        6 => 1,
        _ => office(day, hour),
    };
    let sent = by_hour(44, night).into_iter();
    let sent = sent.filter(|at| !Span::new(day + 9 * HOUR, day + DAY).contains(*at));
    let history = history(sent, day + 2 * DAY);
    let at = day + DAY + 7 * HOUR;
    let found = find(&history, at, &Rules::default(), Rule::SendSilence);
    assert_eq!(found.verdict, Verdict::Within);
}

#[test]
fn two_stops_of_a_week_are_no_lower_level_once_mail_is_as_usual_again() {
    let day = |number: u32| start() + DAY * number;
    let stops = [
        Span::new(day(58) + 8 * HOUR, day(58) + 18 * HOUR),
        Span::new(day(63) + 8 * HOUR, day(63) + 22 * HOUR),
    ];
    let sent = by_hour(70, day_and_night).into_iter();
    let sent = sent.filter(|at| !stops.iter().any(|stop| stop.contains(*at)));
    let history = history(sent, day(70));
    for hour in [2, 10, 20] {
        let at = day(64) + HOUR * hour;
        let drop = find(&history, at, &Rules::default(), Rule::SendDrop);
        assert_eq!(drop.verdict, Verdict::Within, "{hour}");
    }
}

#[test]
fn a_newsletter_that_has_gone_out_is_not_missed_in_the_hour_in_which_mail_stops() {
    // 800 within the first twenty minutes of each Tuesday's 09:00, and twenty in each hour.
    let tuesdays = (0..9).flat_map(|week| {
        let from = start() + DAY * (1 + 7 * week) + 9 * HOUR;
        (0..800).map(move |n| from + HOUR / 3 * n / 800)
    });
    let day = start() + DAY * 57;
    let stop = day + 9 * HOUR + HOUR / 3;
    let sent = by_hour(58, |_, _| 20).into_iter().chain(tuesdays);
    let history = history(sent.filter(|at| *at < stop), day + DAY);
    let found = find(
        &history,
        day + 12 * HOUR,
        &Rules::default(),
        Rule::SendSilence,
    );
    let Evidence::Silence(silence) = &found.evidence else {
        panic!("{found:?}");
    };
    assert!(
        (30.0..70.0).contains(&silence.expected),
        "{}",
        silence.expected
    );
}

#[test]
fn a_stop_after_two_messages_is_told_at_last() {
    let sent = [start() + DAY * 3 + 10 * HOUR, start() + DAY * 7 + 15 * HOUR];
    let history = history(sent, start() + DAY * 60);
    let is_told = |day: u32| {
        let at = start() + DAY * day;
        find(&history, at, &Rules::default(), Rule::SendSilence).verdict == Verdict::Breach
    };
    assert!((8..60).any(is_told));
}

/// How many hours after mail is back each of a hundred stops of a sender with uneven days is over, the shortest first: mail of working
/// days with a volume drawn anew each day, of which one message in `every` comes back.
fn hours_to_end(every: usize) -> Vec<u32> {
    let stop = Span::new(start() + DAY * 70, start() + DAY * 77);
    let mut before = uneven(70, 50.0, 1);
    before.retain(|at| *at < stop.from);
    let of = |seed: u64| {
        let after = uneven(28, 50.0, 100 + seed).into_iter().step_by(every);
        let after: Vec<Timestamp> = after.map(|at| stop.until + at.since(start())).collect();
        let back = *after.first().expect("it returns");
        let until = stop.until + 28 * DAY;
        (history(before.iter().copied().chain(after), until), back)
    };
    let silence = Silence::for_stream(&of(0).0, stop.until, &Rules::default(), 1);
    let over_after = |seed| {
        let (history, back) = of(seed);
        let is_over = |hours: &u32| {
            let at = back.floor(HOUR) + HOUR * *hours;
            silence.recovery(&history, at) == Verdict::Within
        };
        (1..400).find(is_over).unwrap_or(400)
    };
    let mut hours: Vec<u32> = (0..100).map(over_after).collect();
    hours.sort_unstable();
    hours
}

#[test]
fn a_silence_of_uneven_days_is_over_with_what_most_of_them_have() {
    let hours = hours_to_end(1);
    assert!(hours[80] <= 12, "{hours:?}");
}

#[test]
fn a_twentieth_of_uneven_mail_does_not_end_their_silence_at_once() {
    let hours = hours_to_end(20);
    assert!(hours[50] >= 48, "{hours:?}");
}
