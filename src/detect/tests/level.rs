//! What a new level is, and what is none.

use std::time::Duration;

use super::recovery::by_hour;
use super::*;
use crate::detect::level_shift::LevelShift;
use crate::model::{Feedback, Judgement, MarkedTime};

/// Twenty an hour by day and one at night, and five an hour by day at the weekend.
fn week(day: u32, hour: u32) -> u32 {
    match (day % 7 < 5, (8..18).contains(&hour)) {
        (true, true) => 20,
        (false, true) => 5,
        _ => 1,
    }
}

/// The days, counted from the first, on which a new level is found, each with its percentage of the old one.
fn levels(history: &History, days: std::ops::Range<u32>) -> Vec<(u32, u32)> {
    let level = |day: u32| {
        let found = LevelShift::find(history, start() + DAY * day)?;
        Some((day, found.key().1))
    };
    days.filter_map(level).collect()
}

/// Mail as of `week`, without that of `stops`, each from an hour of a day to another of another.
fn with_stops(days: u32, stops: &[[(u32, u32); 2]]) -> History {
    let at = |(day, hour): (u32, u32)| start() + DAY * day + HOUR * hour;
    let is_sent = |sent: &Timestamp| {
        !stops
            .iter()
            .any(|[from, until]| (at(*from)..at(*until)).contains(sent))
    };
    let sent = by_hour(days, week).into_iter().filter(is_sent);
    history(sent, start() + DAY * days)
}

/// 1,600 at once on these days, from ten o'clock.
fn newsletters(days: impl Iterator<Item = u32>) -> impl Iterator<Item = Timestamp> {
    days.flat_map(|day| {
        let from = start() + DAY * day + 10 * HOUR;
        (0..1600).map(move |n| from + Duration::from_secs(n))
    })
}

#[test]
fn a_week_without_its_newsletter_is_no_lower_level() {
    let tuesdays = (0..13).map(|week| 1 + 7 * week).filter(|day| *day != 57);
    let sent = by_hour(90, week).into_iter().chain(newsletters(tuesdays));
    let history = history(sent, start() + DAY * 90);
    assert_eq!(levels(&history, 28..90), []);
}

#[test]
fn a_newsletter_that_goes_on_hides_no_lower_level_of_the_other_mail() {
    let halved = |day: u32, hour: u32| match day {
        0..56 => week(day, hour),
        _ => week(day, hour).div_ceil(2),
    };
    let tuesdays = (0..12).map(|week| 1 + 7 * week);
    let sent = by_hour(84, halved).into_iter().chain(newsletters(tuesdays));
    let history = history(sent, start() + DAY * 84);
    let found = levels(&history, 56..84);
    assert_eq!(found.len(), 24, "{found:?}");
    // The newsletter is as large as before.
    let is_half = |(_, percent): &(u32, u32)| (48..65).contains(percent);
    assert!(found.iter().all(is_half), "{found:?}");
    // What is told is of all mail, as whoever looks it up will count it: 1,200 a week and the newsletter, and now half of the 1,200.
    let level = LevelShift::find(&history, start() + DAY * 84);
    let level = level.expect("a level").new_level();
    let share = level.per_day / level.per_day_before;
    let told = (7.0 * level.per_day, 7.0 * level.per_day_before);
    assert!((0.77..0.84).contains(&share), "{told:?}");
    assert!(
        (2_200.0..2_400.0).contains(&told.0) && (2_700.0..2_900.0).contains(&told.1),
        "{told:?}"
    );
}

/// With a newsletter that began after the fall there is more mail than before: what is told is the mail that fell.
#[test]
fn a_newsletter_that_began_after_a_fall_is_no_rise_of_what_fell() {
    let halved = |day: u32, hour: u32| match day {
        0..56 => week(day, hour),
        _ => week(day, hour).div_ceil(2),
    };
    let tuesdays = (8..12).map(|week| 1 + 7 * week);
    let sent = by_hour(84, halved).into_iter().chain(newsletters(tuesdays));
    let history = history(sent, start() + DAY * 84);
    let level = LevelShift::find(&history, start() + DAY * 84);
    let level = level.expect("a level").new_level();
    let share = level.per_day / level.per_day_before;
    assert!((0.45..0.75).contains(&share), "{level:?}");
}

/// A stop on a Wednesday, and one on the Monday after it.
#[test]
fn two_stops_of_a_week_are_no_lower_level() {
    let history = with_stops(84, &[[(58, 8), (58, 18)], [(63, 8), (63, 22)]]);
    assert_eq!(levels(&history, 28..84), []);
}

/// From Friday afternoon to Monday afternoon, and a holiday on the Wednesday.
#[test]
fn a_stop_over_the_weekend_and_a_holiday_are_no_lower_level() {
    let history = with_stops(84, &[[(60, 14), (63, 14)], [(65, 0), (66, 0)]]);
    assert_eq!(levels(&history, 28..84), []);
}

#[test]
fn three_stops_of_a_working_week_are_no_lower_level() {
    let stops = [56, 58, 60].map(|day| [(day, 8), (day, 18)]);
    assert_eq!(levels(&with_stops(84, &stops), 28..84), []);
}

/// Each working day has a gap then, and it is what the level is.
#[test]
fn mail_that_has_ended_in_the_afternoon_is_a_lower_level() {
    let stops: Vec<[(u32, u32); 2]> = (56..84).map(|day| [(day, 12), (day, 18)]).collect();
    let found = levels(&with_stops(84, &stops), 56..84);
    assert!(found.len() > 20, "{found:?}");
}

/// Half of the mail from the 56th day on, with a stop in the first week of it, and a time that was not seen in the second.
fn halved_with_a_stop(stop: Span) -> History {
    let halved = |day: u32, hour: u32| match day {
        0..56 => week(day, hour),
        _ => week(day, hour).div_ceil(2),
    };
    let sent = by_hour(84, halved)
        .into_iter()
        .filter(|at| !stop.contains(*at));
    let mut history = history(sent, start() + DAY * 84);
    let hole = Span::new(start() + DAY * 68, start() + DAY * 68 + HOUR);
    history.messages = history.messages.without(hole);
    history
}

#[test]
fn days_of_stops_and_those_that_were_not_seen_are_no_days_of_a_level() {
    let day = |number: u32| start() + DAY * number;
    let stop = Span::new(day(57) + 8 * HOUR, day(59) + 18 * HOUR);
    let is_half = |(_, percent): &(u32, u32)| (48..60).contains(percent);
    let found = levels(&halved_with_a_stop(stop), 64..84);
    assert_eq!(found.len(), 20, "{found:?}");
    assert!(found.iter().all(is_half), "{found:?}");
    // A short one, which shows in no day, is left out where a person says what it was.
    let short = Span::new(day(57) + 8 * HOUR, day(57) + 8 * HOUR + HOUR / 2);
    let mut marked = halved_with_a_stop(short);
    let sent = |history: &History| LevelShift::find(history, day(64)).map(|level| level.sent);
    let with_it = sent(&marked).expect("a level");
    marked.marked = vec![MarkedTime {
        incident: "ektn6n35".to_owned(),
        rule: Rule::SendSilence,
        span: short,
        feedback: Feedback {
            judgement: Judgement::Real,
            by: "ops".to_owned(),
            at: day(60),
        },
    }];
    assert!(sent(&marked).expect("a level") < with_it);
}

/// The default budget of one stream.
const BUDGET: f64 = 4.0;

/// Mail between 08 and 18 of every day, so many as `a_day` says and up to a quarter more or less.
fn office(days: u32, a_day: impl Fn(u32) -> f64) -> History {
    let draw = |day: u32, n: u32| {
        let seed = day * 7919 + n * 104_729;
        let mixed = (seed ^ (seed >> 15)).wrapping_mul(2_654_435_761);
        f64::from((mixed ^ (mixed >> 13)) >> 4) / f64::from(u32::MAX >> 4)
    };
    let of_day = |day: u32| {
        let count = (a_day(day) * (0.75 + 0.5 * draw(day, 9999))).round() as u32;
        let begin = start() + DAY * day + 8 * HOUR;
        (0..count).map(move |n| begin + Duration::from_secs_f64(36_000.0 * draw(day, n)))
    };
    let sent: Vec<Timestamp> = (0..days).flat_map(of_day).collect();
    history(sent, start() + DAY * days)
}

/// The days, counted from the first, on which a fall is to be told.
fn news(history: &History, days: std::ops::Range<u32>, budget: f64) -> Vec<u32> {
    let is_news = |day: &u32| {
        let at = start() + DAY * *day;
        let found = LevelShift::find(history, at);
        found.is_some_and(|shift| shift.is_news(history, at, budget))
    };
    days.filter(is_news).collect()
}

#[test]
fn a_fall_is_news_on_one_day() {
    let fallen = office(150, |day| if day < 60 { 40.0 } else { 22.0 });
    assert_eq!(news(&fallen, 28..150, BUDGET), [65]);
}

#[test]
fn a_smaller_share_of_the_budget_asks_for_a_clearer_fall() {
    let fallen = office(120, |day| if day < 60 { 9.0 } else { 5.0 });
    let of_one = news(&fallen, 28..120, BUDGET);
    let of_many = news(&fallen, 28..120, BUDGET / 1e4);
    assert!(
        of_one.len() == 1 && of_many.iter().all(|day| *day > of_one[0]),
        "{of_one:?} {of_many:?}"
    );
}

/// Days that resemble the ones before hold less than as many draws.
#[test]
fn a_level_that_swings_from_month_to_month_is_no_fall() {
    let swings = |length: f64| {
        move |day: u32| 40.0 * (1.0 + 0.6 * (f64::from(day) / length * std::f64::consts::TAU).sin())
    };
    for length in [35.0, 40.0] {
        let swinging = office(200, swings(length));
        let found = |day: &u32| LevelShift::find(&swinging, start() + DAY * *day).is_some();
        assert!((60..200).any(|day| found(&day)), "{length}");
        let news = news(&swinging, 60..200, BUDGET);
        assert!(news.is_empty(), "{length}: {news:?}");
    }
}
