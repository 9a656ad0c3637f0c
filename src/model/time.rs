//! Instants and spans, in whole milliseconds UTC.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Serialize, Serializer};

/// Sixty seconds.
pub const MINUTE: Duration = Duration::from_secs(60);
/// Sixty minutes.
pub const HOUR: Duration = Duration::from_secs(3600);
/// Twenty-four hours; a local day may have 23 or 25.
pub const DAY: Duration = Duration::from_secs(86_400);

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The earliest instant that is still a date in every calendar used here (0001-01-01).
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The latest one (9999-12-31T23:59:59.999Z).
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From whole seconds since 1970.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Reads RFC 3339, of any offset; anything finer than a millisecond is cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::parse_usual(text).or_else(|| {
            let parsed = DateTime::parse_from_rfc3339(text).ok()?;
            Some(Self(parsed.timestamp_millis()).clamp(Self::MIN, Self::MAX))
        })
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS` of 1970 to 2099, a fraction of up to nine digits, and `Z` or `±hh:mm`. `None` for all else, which may
    /// be a time; but nearly all that a poll or a file of events has to read is such, and reading any form takes three times as long.
    pub fn parse_usual(text: &str) -> Option<Self> {
        let (wall, rest) = text.as_bytes().split_first_chunk::<19>()?;
        let number = |from: usize, digits: usize| read_digits(&wall[from..from + digits]);
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let is_leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
        let last_day = match month {
            2 => 28 + i64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let is_time = [wall[4], wall[7], wall[10], wall[13], wall[16]] == *b"--T::"
            && (1970..2100).contains(&year)
            && (1..=12).contains(&month)
            && (1..=last_day).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !is_time {
            return None;
        }
        let digits = rest.iter().skip(1).take_while(|b| b.is_ascii_digit());
        let (millis, zone) = match (rest.first()?, digits.count()) {
            (b'.', digits @ 1..=9) => {
                let (fraction, zone) = rest[1..].split_at(digits);
                let (read, missing) = (digits.min(3), 3 - digits.min(3));
                let scale = [1, 10, 100][missing];
                (read_digits(&fraction[..read])? * scale, zone)
            }
            _ => (0, rest),
        };
        let offset = match zone {
            b"Z" => 0,
            [sign @ (b'+' | b'-'), h, i, b':', m, n] => {
                let (hours, minutes) = (read_digits(&[*h, *i])?, read_digits(&[*m, *n])?);
                let offset = 60 * hours + minutes;
                match sign {
                    _ if hours > 23 || minutes > 59 => return None,
                    b'+' => offset,
                    _ => -offset,
                }
            }
            _ => return None,
        };
        // Of years that begin in March, the days before each month are a line, and the leap day comes last.
        let (years, months) = (year - i64::from(month < 3), (month + 9) % 12);
        let days = 365 * years + years / 4 - years / 100 + years / 400;
        let days = days + (153 * months + 2) / 5 + day - 719_469;
        let minutes = (days * 24 + hour) * 60 + minute - offset;
        Some(Self((minutes * 60 + second) * 1000 + millis))
    }

    /// As a calendar value in UTC.
    pub fn to_utc(self) -> DateTime<Utc> {
        let clamped = self.clamp(Self::MIN, Self::MAX);
        Utc.timestamp_millis_opt(clamped.0)
            .single()
            .unwrap_or_default()
    }

    /// Time from `earlier` to here; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The start of the span of length `every` (counted from 1970) that holds this instant.
    pub fn floor(self, every: Duration) -> Self {
        let step = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
        Self(self.0.div_euclid(step).saturating_mul(step))
    }

    /// This instant if it begins a span of length `every`, else the start of the next.
    pub fn ceil(self, every: Duration) -> Self {
        let floor = self.floor(every);
        if floor == self { self } else { floor + every }
    }
}

/// Serializes an instant, or none, as scripts read it: [`Timestamp`] itself is stored as a number.
pub fn rfc3339<S: Serializer>(
    at: &(impl Copy + Into<Option<Timestamp>>),
    to: S,
) -> Result<S::Ok, S::Error> {
    let at: Option<Timestamp> = (*at).into();
    at.map(|at| at.to_string()).serialize(to)
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// RFC 3339 in UTC, with milliseconds only where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.0 % 1000 == 0 {
            SecondsFormat::Secs
        } else {
            SecondsFormat::Millis
        };
        f.write_str(&self.to_utc().to_rfc3339_opts(format, true))
    }
}

/// A half-open span of time, `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after.
    pub until: Timestamp,
}

impl Span {
    /// `[from, until)`; empty where `until` is not after `from`.
    pub const fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until }
    }

    /// The span of length `length` that ends at `until`.
    pub fn before(until: Timestamp, length: Duration) -> Self {
        Self {
            from: until - length,
            until,
        }
    }

    /// Whether no instant lies inside.
    pub fn is_empty(self) -> bool {
        self.until <= self.from
    }

    /// Whether `at` lies inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// What both spans hold.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        }
    }

    /// The shortest span that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }

    /// Its length.
    pub fn length(self) -> Duration {
        self.until.since(self.from)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.until)
    }
}

fn read_digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| {
        let is_digit = byte.is_ascii_digit();
        is_digit.then(|| number * 10 + i64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::mutated;
    use proptest::prelude::*;

    #[test]
    fn an_instant_survives_its_text() {
        for text in [
            "2026-03-08T07:00:00Z",
            "1970-01-01T00:00:00.001Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Timestamp::parse(text).expect("valid").to_string(), text);
        }
        assert_eq!(
            Timestamp::parse("2026-03-08T03:00:00-04:00")
                .expect("valid")
                .to_string(),
            "2026-03-08T07:00:00Z"
        );
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    proptest! {
        #[test]
        fn what_is_usual_is_read_as_everything_is(
            text in mutated(vec![
                b"2024-02-29T23:59:59.999999999Z".to_vec(),
                b"2017-02-25T13:59:44.0453616-05:00".to_vec(),
                b"2100-01-01T00:00:00.5+05:30".to_vec(),
                b"1970-01-01T00:00:00+01:00".to_vec(),
            ]),
            seconds in 0i64..4_102_444_800,
            millis in 0i64..1000,
        ) {
            let by_any = |text: &str| {
                let at = DateTime::parse_from_rfc3339(text).ok()?;
                Some(Timestamp(at.timestamp_millis()))
            };
            let text = String::from_utf8_lossy(&text);
            if let Some(at) = Timestamp::parse_usual(&text) {
                prop_assert_eq!(Some(at), by_any(&text), "{}", text);
            }
            let at = Timestamp(seconds * 1000 + millis);
            for text in [at.to_string(), at.to_utc().to_rfc3339_opts(SecondsFormat::Micros, false)] {
                prop_assert_eq!(Timestamp::parse_usual(&text), Some(at), "{}", text);
            }
        }
    }

    #[test]
    fn floors_and_ceilings_hold_before_1970_too() {
        let at = Timestamp::from_secs(-1);
        assert_eq!(at.floor(HOUR), Timestamp::from_secs(-3600));
        assert_eq!(at.ceil(HOUR), Timestamp::from_secs(0));
        assert_eq!(
            Timestamp::from_secs(7200).ceil(HOUR),
            Timestamp::from_secs(7200)
        );
    }

    proptest! {
        #[test]
        fn any_instant_of_the_calendar_survives_its_text(at in Timestamp::MIN.0..=Timestamp::MAX.0) {
            prop_assert_eq!(Timestamp::parse(&Timestamp(at).to_string()), Some(Timestamp(at)));
        }

        #[test]
        fn a_mutated_text_is_none_or_an_instant_of_the_calendar(text in mutated(vec![
            b"2026-03-08T07:00:00.123456789Z".to_vec(), b"0000-01-01T00:00:00+14:00".to_vec(), b"9999-12-31T23:59:60-12:00".to_vec(),
        ])) {
            let at = Timestamp::parse(&String::from_utf8_lossy(&text));
            prop_assert!(at.is_none_or(|at| Timestamp::parse(&at.to_string()) == Some(at)));
        }

        #[test]
        fn no_instant_and_no_span_overflows(at in any::<i64>(), span in any::<u64>(), other in any::<i64>()) {
            let (at, span) = (Timestamp(at), Duration::from_millis(span));
            let floor = at.floor(span);
            prop_assert!(floor <= at || floor.0 == i64::MIN);
            prop_assert!(at.ceil(span) >= at || at + span == Timestamp(i64::MAX));
            prop_assert!(at - span <= at && at + span >= at);
            let _ = (at.to_string(), at.since(Timestamp(other)), Timestamp::from_secs(at.0));
        }
    }
}
