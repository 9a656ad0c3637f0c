//! What a sender does from now on, and did not do before: more mail.

use super::recovery::by_hour;
use super::*;
use crate::model::WEEK;

fn at(day: u32, hour: u32) -> Timestamp {
    start() + DAY * day + HOUR * hour
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
