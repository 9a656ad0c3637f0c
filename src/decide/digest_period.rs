//! Local days: when the digest is due, and which period it tells of.

use chrono::{Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeZone, Weekday};

use crate::model::{Span, Timestamp, Zone};

/// The instant of `time` on the local day `date`. In the repeated autumn hour the first one; in the spring gap the
/// first instant after it.
fn instant(zone: Zone, date: NaiveDate, time: NaiveTime) -> Timestamp {
    let mut local = date.and_time(time);
    // No gap is longer than a day; a quarter of an hour is the finest step of any zone since 1970.
    for _ in 0..96 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
                return Timestamp(at.timestamp_millis());
            }
            LocalResult::None => local += chrono::TimeDelta::minutes(15),
        }
    }
    Timestamp(local.and_utc().timestamp_millis())
}

/// The latest ended digest period: from `time` to `time` of two local days in a row, the second not after `now`.
pub fn latest_period(now: Timestamp, zone: Zone, time: NaiveTime) -> Span {
    let today = now.to_utc().with_timezone(&zone).date_naive();
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    let ended = (0..3)
        .find(|days| instant(zone, back(*days), time) <= now)
        .unwrap_or(0);
    Span::new(
        instant(zone, back(ended + 1), time),
        instant(zone, back(ended), time),
    )
}

/// The period before `period`.
pub fn previous_period(period: Span, zone: Zone, time: NaiveTime) -> Span {
    let until = period.from;
    Span::new(latest_period(until, zone, time).from, until)
}

/// The first instant after `now` at which it is `time` on a local day of the week that `is_day` takes.
pub fn next_time(
    now: Timestamp,
    zone: Zone,
    time: NaiveTime,
    is_day: impl Fn(Weekday) -> bool,
) -> Timestamp {
    let today = now.to_utc().with_timezone(&zone).date_naive();
    let days = (0..9).filter_map(|days| today.checked_add_days(Days::new(days)));
    let mut instants = days
        .filter(|date| is_day(date.weekday()))
        .map(|date| instant(zone, date, time));
    instants.find(|at| *at > now).unwrap_or(now)
}

/// The period that `due` says a digest is to be written for now: the latest ended one, if it ended after the first
/// start and after the last digest.
pub fn due(
    now: Timestamp,
    zone: Zone,
    time: NaiveTime,
    first_start: Timestamp,
    last_until: Option<Timestamp>,
) -> Option<Span> {
    let period = latest_period(now, zone, time);
    let fresh = last_until.is_none_or(|last| last < period.until);
    (period.until > first_start && fresh).then_some(period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, MINUTE};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("valid")
    }

    /// Every minute of a fortnight is asked; returns the periods for which a digest was due.
    fn digests(zone: Zone, time: (u32, u32), from: &str) -> Vec<Span> {
        let time = NaiveTime::from_hms_opt(time.0, time.1, 0).expect("valid");
        let start = at(from);
        let mut last = Some(latest_period(start, zone, time).until);
        let mut periods = Vec::new();
        for minute in 0..14 * 24 * 60 {
            let now = start + MINUTE * minute;
            if let Some(period) = due(now, zone, time, start, last) {
                last = Some(period.until);
                periods.push(period);
            }
        }
        periods
    }

    #[test]
    fn a_digest_comes_exactly_once_per_local_day_over_both_dst_nights() {
        for zone in [
            crate::model::Zone::named("Europe/Berlin").expect("a zone"),
            crate::model::Zone::named("America/New_York").expect("a zone"),
            crate::model::Zone::named("Australia/Lord_Howe").expect("a zone"),
        ] {
            for time in [(9, 0), (2, 30), (1, 30), (0, 0), (23, 59)] {
                for from in [
                    "2026-03-01T12:00:00Z",
                    "2026-03-22T12:00:00Z",
                    "2026-10-20T12:00:00Z",
                    "2026-10-28T12:00:00Z",
                    "2026-04-01T12:00:00Z",
                ] {
                    let periods = digests(zone, time, from);
                    assert_eq!(periods.len(), 14, "{zone} {time:?} {from}");
                    assert!(
                        periods.windows(2).all(|w| w[0].until == w[1].from),
                        "{zone} {time:?} {from}: no gap"
                    );
                }
            }
        }
    }

    #[test]
    fn days_of_23_and_25_hours_are_whole_periods() {
        let nine = NaiveTime::from_hms_opt(9, 0, 0).expect("valid");
        let berlin = crate::model::Zone::named("Europe/Berlin").expect("a zone");
        assert_eq!(
            latest_period(at("2026-03-29T12:00:00Z"), berlin, nine).length(),
            23 * HOUR
        );
        assert_eq!(
            latest_period(at("2026-10-25T12:00:00Z"), berlin, nine).length(),
            25 * HOUR
        );
    }

    #[test]
    fn nothing_is_due_before_the_first_digest_time_after_the_first_start() {
        let nine = NaiveTime::from_hms_opt(9, 0, 0).expect("valid");
        let start = at("2026-03-02T10:00:00Z");
        assert_eq!(
            due(at("2026-03-03T08:59:59Z"), Zone::UTC, nine, start, None),
            None
        );
        let first = due(at("2026-03-03T09:00:00Z"), Zone::UTC, nine, start, None).expect("due");
        assert_eq!(first.until, at("2026-03-03T09:00:00Z"));
        assert_eq!(
            due(
                at("2026-03-03T09:00:00Z"),
                Zone::UTC,
                nine,
                start,
                Some(first.until)
            ),
            None
        );
    }
}
