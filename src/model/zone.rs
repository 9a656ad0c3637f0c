//! Time zones of the IANA database, as `chrono` counts in them.
//!
//! The database is that of `jiff`, 0.3 MB of data in which a zone is looked up by name; as `chrono-tz` has it, it is 1.7 MB of code with
//! 29,000 addresses, which each start of the program fills in.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{Datelike, Timelike};
use chrono::{FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use jiff::civil;
use jiff::tz::{self, AmbiguousOffset};

/// A time zone of the IANA database, such as `Europe/Berlin`; without one, UTC.
#[derive(Clone, Copy, Default)]
pub struct Zone(Option<&'static tz::TimeZone>);

/// The zones that were named so far: a program names few, and the same ones again.
static NAMED: Mutex<Vec<&'static tz::TimeZone>> = Mutex::new(Vec::new());

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(None);

    /// Returns the zone of a name, in upper or lower case; none where the database has no such zone.
    pub fn named(name: &str) -> Option<Self> {
        let found = tz::db().get(name).ok()?;
        let name = found.iana_name()?;
        if name == Self::UTC.name() {
            return Some(Self::UTC);
        }
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        let known = named.iter().find(|zone| zone.iana_name() == Some(name));
        let zone = known.copied().unwrap_or_else(|| {
            let zone: &'static tz::TimeZone = Box::leak(Box::new(found));
            named.push(zone);
            zone
        });
        Some(Self(Some(zone)))
    }

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        self.0.and_then(tz::TimeZone::iana_name).unwrap_or("UTC")
    }

    fn at_offset(self, offset: tz::Offset) -> ZoneOffset {
        let fixed = FixedOffset::east_opt(offset.seconds());
        ZoneOffset {
            zone: self,
            fixed: fixed.unwrap_or_else(|| chrono::Utc.fix()),
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far the clocks of a zone are from UTC at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZoneOffset {
    zone: Zone,
    fixed: FixedOffset,
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.fixed
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fixed, f)
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let Some(zone) = self.0 else {
            return MappedLocalTime::Single(self.at_offset(tz::Offset::UTC));
        };
        match zone.to_ambiguous_timestamp(civil(*local)).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                MappedLocalTime::Single(self.at_offset(offset))
            }
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(self.at_offset(before), self.at_offset(after))
            }
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let Some(zone) = self.0 else {
            return self.at_offset(tz::Offset::UTC);
        };
        let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        let seconds = utc.and_utc().timestamp();
        let at = jiff::Timestamp::from_second(seconds.clamp(first.as_second(), last.as_second()));
        self.at_offset(zone.to_offset(at.unwrap_or_default()))
    }
}

/// The same wall time, to the second; beyond the years that `jiff` knows, the last second that it does.
fn civil(local: NaiveDateTime) -> civil::DateTime {
    let (date, time) = (local.date(), local.time());
    let of = |value: u32| i8::try_from(value).unwrap_or(0);
    let year = i16::try_from(date.year()).ok();
    let known = year.and_then(|year| {
        let (hour, minute, second) = (of(time.hour()), of(time.minute()), of(time.second()));
        civil::DateTime::new(
            year,
            of(date.month()),
            of(date.day()),
            hour,
            minute,
            second,
            0,
        )
        .ok()
    });
    known.unwrap_or(match date.year() {
        ..0 => civil::DateTime::MIN,
        _ => civil::DateTime::MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn zone(name: &str) -> Zone {
        Zone::named(name).expect("in the database")
    }

    fn wall(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").expect("as written")
    }

    #[test]
    fn an_instant_is_read_on_the_clocks_of_the_zone() {
        for (name, at, local) in [
            ("UTC", "2026-03-02T10:00:00Z", "2026-03-02 10:00:00 +00:00"),
            (
                "Europe/Berlin",
                "2026-03-29T00:59:59Z",
                "2026-03-29 01:59:59 +01:00",
            ),
            (
                "Europe/Berlin",
                "2026-03-29T01:00:00Z",
                "2026-03-29 03:00:00 +02:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25T01:00:00Z",
                "2026-10-25 02:00:00 +01:00",
            ),
            (
                "America/St_Johns",
                "2026-07-01T00:00:00Z",
                "2026-06-30 21:30:00 -02:30",
            ),
            (
                "Asia/Kathmandu",
                "2026-07-01T00:00:00Z",
                "2026-07-01 05:45:00 +05:45",
            ),
            (
                "Australia/Lord_Howe",
                "2026-01-01T00:00:00Z",
                "2026-01-01 11:00:00 +11:00",
            ),
            // What the database says of the rule, far beyond what it lists.
            (
                "America/New_York",
                "2099-07-01T12:00:00Z",
                "2099-07-01 08:00:00 -04:00",
            ),
            (
                "Asia/Tokyo",
                "1900-01-01T00:00:00Z",
                "1900-01-01 09:00:00 +09:00",
            ),
        ] {
            let at = Timestamp::parse(at).expect("valid").to_utc();
            assert_eq!(at.with_timezone(&zone(name)).to_string(), local, "{name}");
        }
    }

    #[test]
    fn a_wall_time_comes_once_twice_or_never() {
        let berlin = zone("Europe/Berlin");
        let instants = |text: &str| match berlin.from_local_datetime(&wall(text)) {
            MappedLocalTime::Single(at) => vec![at.timestamp()],
            MappedLocalTime::Ambiguous(first, second) => {
                vec![first.timestamp(), second.timestamp()]
            }
            MappedLocalTime::None => Vec::new(),
        };
        let at = |text: &str| Timestamp::parse(text).expect("valid").0 / 1000;
        assert_eq!(
            instants("2026-07-01T12:00:00"),
            [at("2026-07-01T10:00:00Z")]
        );
        let twice = [at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z")];
        assert_eq!(instants("2026-10-25T02:30:00"), twice);
        assert_eq!(instants("2026-03-29T02:30:00"), [0; 0]);
    }

    #[test]
    fn what_is_counted_in_a_zone_stays_in_it() {
        let before = Timestamp::parse("2026-03-28T12:00:00Z").expect("valid");
        let noon = before.to_utc().with_timezone(&zone("Europe/Berlin"));
        let next = noon + chrono::TimeDelta::days(1);
        assert_eq!(next.to_string(), "2026-03-29 14:00:00 +02:00");
    }

    #[test]
    fn a_name_is_found_in_any_case_and_an_unknown_one_is_none() {
        assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
        assert_eq!(zone("Europe/Berlin"), zone("EUROPE/BERLIN"));
        assert_ne!(zone("Europe/Berlin"), zone("Europe/Paris"));
        assert_eq!(zone("utc"), Zone::UTC);
        assert!(Zone::named("Europe/Springfield").is_none());
        assert!(Zone::named("").is_none());
    }

    #[test]
    fn the_ends_of_time_are_read_without_a_panic() {
        for end in [NaiveDateTime::MIN, NaiveDateTime::MAX] {
            for name in ["UTC", "America/New_York", "Pacific/Kiritimati"] {
                let zone = zone(name);
                let _ = (
                    zone.offset_from_utc_datetime(&end),
                    zone.offset_from_local_datetime(&end),
                );
            }
        }
        for end in [Timestamp::MIN, Timestamp::MAX] {
            let local = end.to_utc().with_timezone(&zone("America/New_York"));
            assert_eq!(local.timestamp_millis(), end.0);
        }
    }
}
