//! Instants as a person writes them: exactly, by the local calendar, or as an age.

use chrono::{LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};

use crate::commands::query::args::WindowArgs;
use crate::commands::query::validate::usage;
use crate::model::{Timestamp, Zone, parse_duration};
use crate::postmark;
use crate::text::sanitize::clean;

/// Which end of a window an instant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Since,
    Until,
}

/// Returns the range of `--since` and `--until`.
pub(crate) fn window(
    window: &WindowArgs,
    zone: Zone,
    now: Timestamp,
) -> Result<postmark::Window, (u8, String)> {
    let since = instant_of("--since", window.since.as_deref(), Edge::Since, zone, now)?;
    let until = instant_of("--until", window.until.as_deref(), Edge::Until, zone, now)?;
    match (since, until) {
        (Some(since), Some(until)) if until <= since => Err(usage(&format!(
            "--until ({until}) is not after --since ({since})"
        ))),
        (since, until) => Ok(postmark::Window { since, until }),
    }
}

/// Returns the instant that `option` was given, a length being an age.
fn instant_of(
    option: &str,
    text: Option<&str>,
    edge: Edge,
    zone: Zone,
    now: Timestamp,
) -> Result<Option<Timestamp>, (u8, String)> {
    let at = text.map(|text| instant(text, edge, zone, now));
    at.transpose()
        .map_err(|why| usage(&format!("{option} {why}")))
}

/// Returns the instant of what is planned that `option` was given: a length is how long from now on.
pub(crate) fn planned_instant(
    option: &str,
    text: Option<&str>,
    edge: Edge,
    zone: Zone,
    now: Timestamp,
) -> Result<Option<Timestamp>, (u8, String)> {
    match text.and_then(|text| parse_duration(text.trim()).ok()) {
        Some(ahead) => Ok(Some(now + ahead)),
        None => instant_of(option, text, edge, zone, now),
    }
}

fn instant(text: &str, edge: Edge, zone: Zone, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    let exact = Timestamp::parse(text).or_else(|| parse_duration(text).ok().map(|age| now - age));
    if let Some(at) = exact {
        return Ok(at);
    }
    let today = || now.to_utc().with_timezone(&zone).date_naive();
    let day = match text {
        "now" => return Ok(now),
        "today" => Some(today()),
        "yesterday" => today().pred_opt(),
        text => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
    };
    let wall = match (day, edge) {
        (Some(day), Edge::Since) => Some(day.and_time(NaiveTime::MIN)),
        (Some(day), Edge::Until) => day.succ_opt().map(|next| next.and_time(NaiveTime::MIN)),
        (None, _) => time(text),
    };
    let Some(wall) = wall else {
        return Err(format!(
            "must be a time such as 2026-03-02T10:00:00Z, 2026-03-02, '2026-03-02 10:00' (in {}), 2h or 3d; got `{}`",
            zone.name(),
            clean(text)
        ));
    };
    let at = match (zone.from_local_datetime(&wall), edge) {
        (LocalResult::Single(at), _) => at,
        // In the hour that comes twice, the wider range is meant.
        (LocalResult::Ambiguous(first, _), Edge::Since) => first,
        (LocalResult::Ambiguous(_, last), Edge::Until) => last,
        // Where clocks go forward at midnight, the day has no first instant of that name.
        (LocalResult::None, _) if day.is_some() => match after_gap(wall, zone) {
            Some(at) => return Ok(at),
            None => return Err("is outside the calendar".to_owned()),
        },
        (LocalResult::None, _) => {
            return Err(format!(
                "is a time that does not exist in {}: the clocks go forward then",
                zone.name()
            ));
        }
    };
    Ok(Timestamp(at.timestamp_millis()).clamp(Timestamp::MIN, Timestamp::MAX))
}

/// Returns the first instant after the gap around `wall`; no zone skips more than a day.
fn after_gap(wall: NaiveDateTime, zone: Zone) -> Option<Timestamp> {
    let mut minutes = (1..=24 * 60).map(TimeDelta::minutes);
    let at = minutes.find_map(|later| {
        let wall = wall.checked_add_signed(later)?;
        zone.from_local_datetime(&wall).earliest()
    })?;
    Some(Timestamp(at.timestamp_millis()))
}

/// `2026-03-02 10:00` or `2026-03-02T10:00:05`.
fn time(text: &str) -> Option<NaiveDateTime> {
    let formats = [
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
    ];
    let mut read = formats.iter();
    read.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn zone_of(name: &str) -> Zone {
        Zone::named(name).expect("a zone")
    }

    fn read(text: &str, edge: Edge, zone: Zone) -> Result<String, String> {
        let now = Timestamp::parse(NOW).expect("valid");
        instant(text, edge, zone, now).map(|at| at.to_string())
    }

    #[test]
    fn every_form_is_read_in_the_zone() {
        for (text, since, until) in [
            (
                "2026-03-02T10:00:00+02:00",
                "2026-03-02T08:00:00Z",
                "2026-03-02T08:00:00Z",
            ),
            ("2026-03-02", "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"),
            (
                "2026-07-02 10:00",
                "2026-07-02T08:00:00Z",
                "2026-07-02T08:00:00Z",
            ),
            (
                "2026-07-02T10:00:05",
                "2026-07-02T08:00:05Z",
                "2026-07-02T08:00:05Z",
            ),
            ("2h", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
            ("3d", "2026-11-18T12:00:00Z", "2026-11-18T12:00:00Z"),
            ("1h30m", "2026-11-21T10:30:00Z", "2026-11-21T10:30:00Z"),
            ("1 week", "2026-11-14T12:00:00Z", "2026-11-14T12:00:00Z"),
            ("now", NOW, NOW),
            ("today", "2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z"),
            ("yesterday", "2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z"),
            // The hour that comes twice.
            (
                "2026-10-25 02:30",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:30:00Z",
            ),
        ] {
            let zone = zone_of("Europe/Berlin");
            assert_eq!(
                read(text, Edge::Since, zone).as_deref(),
                Ok(since),
                "{text}"
            );
            assert_eq!(
                read(text, Edge::Until, zone).as_deref(),
                Ok(until),
                "{text}"
            );
        }
    }

    #[test]
    fn what_does_not_exist_is_said() {
        let why = read("2026-03-29 02:30", Edge::Since, zone_of("Europe/Berlin"));
        assert!(why.is_err_and(|why| why.contains("clocks go forward")));
        for nonsense in [
            "",
            "soon",
            "2h ago",
            "2026-02-30",
            "-3d",
            "3 fortnights",
            "1e9d",
            "é",
            "2026-03-02T25:00",
        ] {
            let why = read(nonsense, Edge::Until, zone_of("America/New_York"));
            assert!(
                why.is_err_and(|why| why.contains("must be a time")),
                "{nonsense}"
            );
        }
    }

    #[test]
    fn a_day_whose_midnight_is_left_out_begins_when_clocks_went_forward() {
        let begins = read("2026-04-24", Edge::Since, zone_of("Africa/Cairo"));
        assert_eq!(begins.as_deref(), Ok("2026-04-23T22:00:00Z"));
    }

    #[test]
    fn a_length_is_an_age_of_what_was_and_a_wait_for_what_is_planned() {
        let now = Timestamp::parse(NOW).expect("valid");
        let zone = zone_of("Europe/Berlin");
        let planned = |text| {
            planned_instant("--from", Some(text), Edge::Since, zone, now).map_err(|(_, why)| why)
        };
        let at = |text| Ok(Timestamp::parse(text));
        assert_eq!(planned(" 3d "), at("2026-11-24T12:00:00Z"));
        assert_eq!(planned("2026-11-22"), at("2026-11-21T23:00:00Z"));
        assert_eq!(planned("today"), at("2026-11-20T23:00:00Z"));
        assert!(planned("soon").is_err_and(|why| why.contains("--from must be a time")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(?s).{0,30}|[0-9]{0,12}[smhdw]|[0-9]{4,6}-[0-9]{2}-[0-9]{2}") {
            for edge in [Edge::Since, Edge::Until] {
                let _ = read(&text, edge, zone_of("Africa/Cairo"));
            }
        }
    }
}
