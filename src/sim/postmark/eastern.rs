//! Reads and writes Eastern wall times as Postmark does.

use std::sync::LazyLock;

use chrono::{
    DateTime, Datelike, Duration, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime,
    TimeZone, Timelike,
};

use crate::model::{HOUR, Span, Timestamp, Zone};

use super::quirks::Quirks;

static NEW_YORK: LazyLock<Zone> =
    LazyLock::new(|| Zone::named("America/New_York").unwrap_or_default());

/// The end of a window that a bound is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    From,
    To,
}

/// A parsed bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// The first instant inside the window, or the first one after it.
    At(Timestamp),
    /// The window is empty.
    Never,
    /// The bound is rejected.
    Invalid,
}

/// Parses a bound: `2026-01-31`, or `2026-01-31T12:00:00` with a fraction that is ignored.
pub(super) fn bound(text: &str, edge: Edge, quirks: Quirks) -> Bound {
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return of_wall(whole_day(date, edge), quirks, Duration::zero());
    }
    let second = match edge {
        Edge::To if quirks.inclusive_bounds => Duration::seconds(1),
        _ => Duration::zero(),
    };
    if let Ok(wall) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        return of_wall(Some(wall), quirks, second);
    }
    // An unescaped plus sign arrives as a space.
    match DateTime::parse_from_rfc3339(&text.replace(' ', "+")) {
        Ok(_) if quirks.offset_finds_nothing => Bound::Never,
        Ok(at) => Bound::At(whole_second(at.timestamp(), second)),
        Err(_) => Bound::Invalid,
    }
}

/// Returns midnight at the start of the day, or at its end.
fn whole_day(date: NaiveDate, edge: Edge) -> Option<NaiveDateTime> {
    let date = match edge {
        Edge::From => date,
        Edge::To => date.succ_opt()?,
    };
    Some(date.and_time(NaiveTime::MIN))
}

fn of_wall(wall: Option<NaiveDateTime>, quirks: Quirks, more: Duration) -> Bound {
    let Some(wall) = wall else {
        return Bound::Invalid;
    };
    if !quirks.eastern_bounds {
        return Bound::At(whole_second(wall.and_utc().timestamp(), more));
    }
    if !quirks.daylight_saving {
        return Bound::At(whole_second(wall.and_utc().timestamp() + 5 * 3600, more));
    }
    match NEW_YORK.from_local_datetime(&wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
            Bound::At(whole_second(at.timestamp(), more))
        }
        LocalResult::None => Bound::Invalid,
    }
}

fn whole_second(seconds: i64, more: Duration) -> Timestamp {
    Timestamp::from_secs(seconds + more.num_seconds())
}

/// Tells the Eastern days of instants, of which many in a row are of the same day.
#[derive(Default)]
pub(super) struct Calendar(Option<(Span, NaiveDate)>);

impl Calendar {
    pub(super) fn day(&mut self, at: Timestamp) -> NaiveDate {
        match &self.0 {
            Some((hour, day)) if hour.contains(at) => *day,
            _ => {
                let day = at.to_utc().with_timezone(&*NEW_YORK).date_naive();
                // Days begin at full hours, by UTC too.
                let hour = at.floor(HOUR);
                self.0 = Some((Span::new(hour, hour + HOUR), day));
                day
            }
        }
    }
}

/// Formats an instant in one of the recorded forms, chosen by `seed`. They differ in digits and offset but not in the instant,
/// except for those without a fraction.
pub(super) fn stamp(at: Timestamp, seed: u64, quirks: Quirks) -> String {
    let eastern = at.to_utc().with_timezone(&*NEW_YORK).fixed_offset();
    // Digits below a millisecond are made up.
    let fine = seed / 16 % 1000;
    let millis = at.0.rem_euclid(1000);
    let form = if quirks.timestamp_forms { seed % 16 } else { 0 };
    let offset = offset(&eastern);
    let seconds = seconds(&eastern);
    match form {
        10 | 11 => format!("{seconds}.{millis:03}{:03}{offset}", fine / 10 * 10 + 8),
        12 | 13 => format!("{seconds}{offset}"),
        14 => format!("{}Z", self::seconds(&at.to_utc().fixed_offset())),
        15 => format!(
            "{}.{millis:03}{fine:03}0Z",
            self::seconds(&at.to_utc().fixed_offset())
        ),
        _ => format!("{seconds}.{millis:03}{fine:03}2{offset}"),
    }
}

/// Formats the time of a `Delivered` event: seven zeros.
pub(super) fn delivery_stamp(at: Timestamp, seed: u64, quirks: Quirks) -> String {
    if !quirks.whole_second_deliveries {
        return stamp(at, seed, quirks);
    }
    let eastern = at.to_utc().with_timezone(&*NEW_YORK).fixed_offset();
    format!("{}.0000000{}", seconds(&eastern), offset(&eastern))
}

/// Formats a wall time as `%Y-%m-%dT%H:%M:%S` does, which would read that form anew for each of some hundred thousand messages.
fn seconds(at: &DateTime<FixedOffset>) -> String {
    let wall = at.naive_local();
    let (year, month, day) = (wall.year(), wall.month(), wall.day());
    let (hour, minute, second) = (wall.hour(), wall.minute(), wall.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Formats an offset as `%:z` does.
fn offset(at: &DateTime<FixedOffset>) -> String {
    let minutes = at.offset().local_minus_utc() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Bound {
        Bound::At(Timestamp::parse(text).expect("valid"))
    }

    fn from(text: &str) -> Bound {
        bound(text, Edge::From, Quirks::default())
    }

    fn to(text: &str) -> Bound {
        bound(text, Edge::To, Quirks::default())
    }

    #[test]
    fn bounds_are_eastern_and_include_their_second() {
        assert_eq!(from("2026-01-31T12:00:00"), at("2026-01-31T17:00:00Z"));
        assert_eq!(from("2026-07-31T12:00:00"), at("2026-07-31T16:00:00Z"));
        assert_eq!(to("2026-07-31T12:00:00"), at("2026-07-31T16:00:01Z"));
    }

    #[test]
    fn a_bare_date_is_the_whole_day() {
        assert_eq!(from("2026-03-08"), at("2026-03-08T05:00:00Z"));
        assert_eq!(to("2026-03-08"), at("2026-03-09T04:00:00Z"));
    }

    #[test]
    fn the_hour_that_comes_twice_is_its_first_and_the_one_that_never_comes_is_refused() {
        assert_eq!(from("2026-11-01T01:30:00"), at("2026-11-01T05:30:00Z"));
        assert_eq!(to("2026-11-01T01:30:00"), at("2026-11-01T05:30:01Z"));
        assert_eq!(from("2026-03-08T02:30:00"), Bound::Invalid);
    }

    #[test]
    fn an_offset_finds_nothing() {
        for text in ["2026-03-08T12:00:00Z", "2026-03-08T12:00:00 05:00"] {
            assert_eq!(from(text), Bound::Never);
        }
        assert_eq!(from("last week"), Bound::Invalid);
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_danger() {
        for date in ["+262142-12-31", "-262143-01-01", "0000-01-01", "9999-12-31"] {
            for time in ["", "T00:00:00", "T23:59:59.999"] {
                from(&format!("{date}{time}"));
                to(&format!("{date}{time}"));
            }
        }
    }

    #[test]
    fn days_are_eastern_however_they_are_asked_for() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").expect("valid");
        let mut calendar = Calendar::default();
        for (at, expected) in [
            ("2026-03-08T04:59:59.999Z", "2026-03-07"),
            ("2026-03-08T05:00:00Z", "2026-03-08"),
            ("2026-03-08T05:59:00Z", "2026-03-08"),
            ("2026-03-09T03:59:59Z", "2026-03-08"),
            ("2026-03-09T04:00:00Z", "2026-03-09"),
            ("2026-03-08T04:30:00Z", "2026-03-07"),
        ] {
            let at = Timestamp::parse(at).expect("valid");
            assert_eq!(calendar.day(at), day(expected), "{at}");
        }
    }

    proptest! {
        #[test]
        fn wall_times_are_as_chrono_writes_them(ms in 0..4_000_000_000_000i64) {
            let eastern = Timestamp(ms).to_utc().with_timezone(&*NEW_YORK).fixed_offset();
            prop_assert_eq!(seconds(&eastern), eastern.format("%Y-%m-%dT%H:%M:%S").to_string());
            prop_assert_eq!(offset(&eastern), eastern.format("%:z").to_string());
        }

        #[test]
        fn every_form_names_the_same_instant(ms in 0..4_000_000_000_000i64, seed in any::<u64>()) {
            let text = stamp(Timestamp(ms), seed, Quirks::default());
            let read = Timestamp::parse(&text).expect("RFC 3339");
            prop_assert!(read == Timestamp(ms) || read.0 == ms - ms % 1000, "{} of {}", text, ms);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            from(&text);
            to(&text);
        }
    }
}
