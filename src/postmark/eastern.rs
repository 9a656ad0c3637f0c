//! The times in questions: Postmark filters by the wall clock of `America/New_York`, without an offset, both bounds inclusive
//! to the second. An offset or a `Z` was seen to match nothing at all, which looks like silence.

use std::sync::LazyLock;

use chrono::{LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike};

use crate::model::{Span, Timestamp, Zone};

/// The zone of Postmark's clocks, which every database of zones has.
pub(super) static ZONE: LazyLock<Zone> =
    LazyLock::new(|| Zone::named("America/New_York").unwrap_or_default());

/// The parameters of a question, each with its value.
type Dates = [(&'static str, Option<String>); 2];

/// Returns `fromdate` and `todate` that hold at least `span`.
///
/// The hour that autumn repeats is asked for as a whole, as there is no way to name one of the two.
pub(super) fn bounds(span: Span) -> Dates {
    dates(Some(earliest(span.from)), Some(latest(span.until)))
}

/// Returns `fromdate` and `todate` that hold `span` and nothing else, to the second, where both its bounds are full seconds, and
/// neither lies inside a time that is [asked for as a whole](whole), unless that is the present.
pub(super) fn exact(span: Span) -> Dates {
    dates(Some(earliest(span.from)), Some(latest(before(span.until))))
}

/// Returns `fromdate` and `todate` that leave out nothing from `since` on and nothing before `until`, where they are given.
pub(super) fn window(since: Option<Timestamp>, until: Option<Timestamp>) -> Dates {
    dates(
        since.map(earliest),
        until.map(|until| latest(before(until))),
    )
}

fn dates(from: Option<NaiveDateTime>, to: Option<NaiveDateTime>) -> Dates {
    let write = |wall: NaiveDateTime| wall.format("%Y-%m-%dT%H:%M:%S").to_string();
    [("fromdate", from.map(write)), ("todate", to.map(write))]
}

const fn before(until: Timestamp) -> Timestamp {
    Timestamp(until.0.saturating_sub(1))
}

/// Returns the days of Postmark's statistics that hold `span`, the first and the last.
pub fn days(span: Span) -> (NaiveDate, NaiveDate) {
    let last = before(span.until).max(span.from);
    (wall(span.from).date(), wall(last).date())
}

/// Returns the time that a day of Postmark's statistics is.
pub fn day(date: NaiveDate) -> Span {
    let midnight = |date: NaiveDate| {
        // New York changes its clock in the small hours, never at midnight.
        let wall = date.and_time(NaiveTime::MIN);
        let at = ZONE.from_local_datetime(&wall).earliest();
        at.map_or(Timestamp::MAX, |at| Timestamp(at.timestamp_millis()))
    };
    Span::new(midnight(date), midnight(date.succ_opt().unwrap_or(date)))
}

/// Returns the time around `at` that can only be asked for as a whole: the two hours of which autumn makes one, with a second on
/// either side, since no wall time names one of them. Most instants lie in none.
pub fn whole(at: Timestamp) -> Option<Span> {
    let second = TimeDelta::seconds(1);
    let near = [wall(at), wall(at) + second, wall(at) - second];
    let repeated = near.into_iter().find(|wall| is_repeated(*wall))?;
    let LocalResult::Ambiguous(first, last) = ZONE.from_local_datetime(&hour(repeated)) else {
        return None;
    };
    let from = Timestamp::from_secs(first.timestamp() - 1);
    let until = Timestamp::from_secs(last.timestamp() + 3601);
    Some(Span::new(from, until)).filter(|span| span.contains(at))
}

/// Returns the last second before the repeated hour, where `at` lies in either of the two; else its own second.
fn earliest(at: Timestamp) -> NaiveDateTime {
    outside_repeated_hour(at, TimeDelta::seconds(-1))
}

/// Returns the first second after the repeated hour, where `at` lies in either of the two; else its own second.
fn latest(at: Timestamp) -> NaiveDateTime {
    outside_repeated_hour(at, TimeDelta::hours(1))
}

fn outside_repeated_hour(at: Timestamp, from_its_start: TimeDelta) -> NaiveDateTime {
    let wall = wall(at);
    if is_repeated(wall) {
        hour(wall) + from_its_start
    } else {
        wall
    }
}

/// What the wall clock shows; comes from an instant, so that the hour which spring leaves out cannot come up.
fn wall(at: Timestamp) -> NaiveDateTime {
    let local = at.to_utc().with_timezone(&*ZONE).naive_local();
    local.with_nanosecond(0).unwrap_or(local)
}

fn is_repeated(wall: NaiveDateTime) -> bool {
    matches!(ZONE.from_local_datetime(&wall), LocalResult::Ambiguous(..))
}

/// The hour that holds `wall`: New York has set back its clock from 02:00 to 01:00 ever since it does so.
fn hour(wall: NaiveDateTime) -> NaiveDateTime {
    wall.with_minute(0)
        .and_then(|w| w.with_second(0))
        .unwrap_or(wall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("valid")
    }

    fn values([(_, from), (_, to)]: Dates) -> (String, String) {
        (from.expect("a fromdate"), to.expect("a todate"))
    }

    #[test]
    fn both_nights_of_the_year_are_asked_without_a_doubt() {
        for (instant, from, until) in [
            // Winter and summer; fractions are cut.
            (
                "2026-01-15T12:00:00Z",
                "2026-01-15T07:00:00",
                "2026-01-15T07:00:00",
            ),
            (
                "2026-07-15T12:00:00.999Z",
                "2026-07-15T08:00:00",
                "2026-07-15T08:00:00",
            ),
            (
                "2026-01-01T04:59:59Z",
                "2025-12-31T23:59:59",
                "2025-12-31T23:59:59",
            ),
            // Spring: 01:59:59 is followed by 03:00:00.
            (
                "2026-03-08T06:59:59.999Z",
                "2026-03-08T01:59:59",
                "2026-03-08T01:59:59",
            ),
            (
                "2026-03-08T07:00:00Z",
                "2026-03-08T03:00:00",
                "2026-03-08T03:00:00",
            ),
            // Autumn: 01:00 to 02:00 comes twice.
            (
                "2026-11-01T04:59:59.999Z",
                "2026-11-01T00:59:59",
                "2026-11-01T00:59:59",
            ),
            (
                "2026-11-01T05:00:00Z",
                "2026-11-01T00:59:59",
                "2026-11-01T02:00:00",
            ),
            (
                "2026-11-01T05:30:00Z",
                "2026-11-01T00:59:59",
                "2026-11-01T02:00:00",
            ),
            (
                "2026-11-01T05:59:59.999Z",
                "2026-11-01T00:59:59",
                "2026-11-01T02:00:00",
            ),
            (
                "2026-11-01T06:00:00Z",
                "2026-11-01T00:59:59",
                "2026-11-01T02:00:00",
            ),
            (
                "2026-11-01T06:59:59.999Z",
                "2026-11-01T00:59:59",
                "2026-11-01T02:00:00",
            ),
            (
                "2026-11-01T07:00:00Z",
                "2026-11-01T02:00:00",
                "2026-11-01T02:00:00",
            ),
        ] {
            let asked = values(bounds(Span::new(at(instant), at(instant))));
            assert_eq!(asked, (from.to_owned(), until.to_owned()), "{instant}");
        }
    }

    #[test]
    fn an_hour_is_asked_for_exactly_but_for_the_one_that_comes_twice() {
        let span = |from, until| Span::new(at(from), at(until));
        let asked = |from, until| values(exact(span(from, until)));
        assert_eq!(
            asked("2026-07-15T12:00:00Z", "2026-07-15T13:00:00Z"),
            (
                "2026-07-15T08:00:00".to_owned(),
                "2026-07-15T08:59:59".to_owned()
            )
        );
        let autumn = span("2026-11-01T04:59:59Z", "2026-11-01T07:00:01Z");
        for inside in [
            "2026-11-01T05:00:00Z",
            "2026-11-01T06:30:00Z",
            "2026-11-01T07:00:00Z",
        ] {
            assert_eq!(whole(at(inside)), Some(autumn), "{inside}");
        }
        assert_eq!(whole(autumn.from), Some(autumn));
        assert_eq!(
            (whole(autumn.until), whole(at("2026-11-01T04:59:58Z"))),
            (None, None)
        );
        assert_eq!(whole(at("2026-03-08T07:00:00Z")), None);
        let both = (
            "2026-11-01T00:59:59".to_owned(),
            "2026-11-01T02:00:00".to_owned(),
        );
        assert_eq!(values(exact(autumn)), both);
        // The present is the only end it may have before its own.
        assert_eq!(
            values(exact(Span::new(autumn.from, at("2026-11-01T06:00:00Z")))),
            both
        );
    }

    #[test]
    fn a_day_of_the_statistics_is_an_eastern_one() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        for (day_of, from, until) in [
            ("2026-01-15", "2026-01-15T05:00:00Z", "2026-01-16T05:00:00Z"),
            ("2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
            ("2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
        ] {
            let span = Span::new(at(from), at(until));
            assert_eq!(day(date(day_of)), span, "{day_of}");
            assert_eq!(days(span), (date(day_of), date(day_of)));
        }
        let two = Span::new(at("2026-01-15T04:59:59Z"), at("2026-01-15T05:00:01Z"));
        assert_eq!(days(two), (date("2026-01-14"), date("2026-01-15")));
        let nothing = Span::new(two.until, two.from);
        assert_eq!(days(nothing), (date("2026-01-15"), date("2026-01-15")));
        for edge in ["0001-01-01", "9999-12-31"] {
            assert!(!day(date(edge)).is_empty(), "{edge}");
        }
    }

    #[test]
    fn the_ends_of_time_are_written_without_a_panic() {
        bounds(Span::new(Timestamp(i64::MIN), Timestamp(i64::MAX)));
        bounds(Span::new(Timestamp::MIN, Timestamp::MAX));
        exact(Span::new(Timestamp(i64::MIN), Timestamp(i64::MIN)));
        assert_eq!(
            (whole(Timestamp(i64::MIN)), whole(Timestamp(i64::MAX))),
            (None, None)
        );
    }

    fn instant(text: &str) -> i64 {
        let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").expect("as written");
        let single = ZONE.from_local_datetime(&wall).single();
        single
            .expect("neither repeated nor left out")
            .timestamp_millis()
    }

    proptest! {
        /// 1970 to 2100, and every second night of a change: neither wall time is ambiguous, and what was asked is inside.
        #[test]
        fn every_span_is_held_by_its_bounds(
            from in prop_oneof![0i64..4_102_444_800_000, 1_793_500_000_000i64..1_793_530_000_000, 1_772_940_000_000i64..1_772_970_000_000],
            length in 0i64..100_000_000,
        ) {
            let (first, last) = values(bounds(Span::new(Timestamp(from), Timestamp(from + length))));
            let (first, last) = (instant(&first), instant(&last));
            prop_assert!(first <= from && last + 1000 > from + length);
            prop_assert!(from - first <= 7_201_000 && last - (from + length) <= 7_200_000);
        }
    }
}
