//! A fall of the level that hours do not show.

use std::time::Duration;

use super::*;
use crate::detect::level_shift::LevelShift;

/// The default budget of one stream.
const BUDGET: f64 = 4.0;

/// Mail between 08 and 18 of every day, so many as `a_day` says and up to a quarter more or less.
fn office(days: u32, a_day: impl Fn(u32) -> f64) -> Vec<Timestamp> {
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
    (0..days).flat_map(of_day).collect()
}

/// The days, counted from the first, on which a fall is to be told.
fn news(history: &History, days: std::ops::Range<u32>, budget: f64) -> Vec<u32> {
    let is_news = |day: &u32| {
        let found = LevelShift::find_news(history, start() + DAY * *day, budget);
        found.is_some_and(|shift| shift.is_news())
    };
    days.filter(is_news).collect()
}

#[test]
fn a_fall_is_news_on_one_day() {
    let sent = office(150, |day| if day < 60 { 40.0 } else { 22.0 });
    let fallen = history(sent, start() + DAY * 150);
    assert_eq!(news(&fallen, 28..150, BUDGET), [65]);
}

#[test]
fn a_smaller_share_of_the_budget_asks_for_a_clearer_fall() {
    let sent = office(120, |day| if day < 60 { 9.0 } else { 5.0 });
    let fallen = history(sent, start() + DAY * 120);
    let of_one = news(&fallen, 28..120, BUDGET);
    let of_many = news(&fallen, 28..120, BUDGET / 1e4);
    assert!(
        of_one.len() == 1 && of_many.iter().all(|day| *day > of_one[0]),
        "{of_one:?} {of_many:?}"
    );
}

#[test]
fn a_fall_that_was_told_is_no_news_after_an_hour_that_was_not_seen() {
    let sent = office(120, |day| if day < 60 { 40.0 } else { 22.0 });
    let mut fallen = history(sent, start() + DAY * 120);
    let hole = start() + DAY * 66 + HOUR;
    fallen.messages = fallen.messages.without(Span::new(hole, hole + HOUR));
    assert_eq!(news(&fallen, 28..120, BUDGET), [65]);
}

/// Days that resemble the ones before hold less than as many draws.
#[test]
fn a_level_that_swings_from_month_to_month_is_no_fall() {
    let swings = |length: f64| {
        move |day: u32| 40.0 * (1.0 + 0.6 * (f64::from(day) / length * std::f64::consts::TAU).sin())
    };
    for length in [35.0, 40.0] {
        let swinging = history(office(200, swings(length)), start() + DAY * 200);
        let seen =
            (60..200).filter(|day| LevelShift::find(&swinging, start() + DAY * *day).is_some());
        assert!(
            seen.count() > 0,
            "{length}: as independent days it would be one"
        );
        let news = news(&swinging, 60..200, BUDGET);
        assert!(news.is_empty(), "{length}: {news:?}");
    }
}
