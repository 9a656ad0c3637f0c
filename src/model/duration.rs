//! The one grammar of durations, for the file, the environment and the command line.

use std::fmt;
use std::time::Duration;

/// Why a text is not a duration. It does not repeat the text, which may be a secret in the wrong variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationError {
    /// There is no text.
    Empty,
    /// A number stands alone.
    NoUnit,
    /// A unit is not one of those in [`parse_duration`].
    UnknownUnit,
    /// It has more milliseconds than 64 bits hold.
    TooLong,
    /// It is not a sequence of numbers and units.
    Malformed,
}

impl std::error::Error for DurationError {}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::Empty => "is empty",
            Self::NoUnit => "has no unit",
            Self::UnknownUnit => "has an unknown unit",
            Self::TooLong => "is too long",
            Self::Malformed => "is not a duration",
        };
        write!(f, "{why}; write a duration such as 90s, 1h30m or 45d")
    }
}

/// Parses a duration such as `1100ms`, `90 min`, `1h30m`, `2 hours` or `1w`: whole numbers with a unit from milliseconds to
/// weeks each, which are added.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut total_ms = 0_u64;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_where(after.trim_start(), |c| !c.is_alphabetic());
        if number.is_empty() {
            return Err(DurationError::Malformed);
        }
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        let ms = unit_ms(unit, after)?.checked_mul(number);
        let sum = ms.and_then(|ms| total_ms.checked_add(ms));
        total_ms = sum.ok_or(DurationError::TooLong)?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total_ms))
}

/// Parses a duration from `min` to `max`.
pub fn parse_duration_within(text: &str, min: Duration, max: Duration) -> Result<Duration, String> {
    let duration = match parse_duration(text) {
        Err(DurationError::TooLong) => Duration::MAX,
        parsed => parsed.map_err(|error| error.to_string())?,
    };
    if duration < min {
        Err(format!("must be at least {}", short_text(min)))
    } else if duration > max {
        Err(format!("must be at most {}", short_text(max)))
    } else {
        Ok(duration)
    }
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn unit_ms(unit: &str, after: &str) -> Result<u64, DurationError> {
    Ok(match unit {
        "ms" | "millis" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 7 * 86_400_000,
        // A sign, a point or a slash follows the number.
        "" if !after.is_empty() && !after.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(DurationError::Malformed);
        }
        "" => return Err(DurationError::NoUnit),
        _ => return Err(DurationError::UnknownUnit),
    })
}

/// Returns a duration as one would write it, in its largest whole unit.
fn short_text(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms % 86_400_000 == 0 => format!("{}d", ms / 86_400_000),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_that_people_write_is_read() {
        for (text, seconds) in [
            ("90s", 90),
            ("1h30m", 5_400),
            ("1h 30m", 5_400),
            (" 90 min ", 5_400),
            ("2 hours", 7_200),
            ("3 weeks", 1_814_400),
            ("1w", 604_800),
            ("45d", 3_888_000),
            ("1 day 2 hours 3 minutes 4 seconds", 93_784),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("1100ms"), Ok(Duration::from_millis(1100)));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        use DurationError::{Empty, Malformed, NoUnit, TooLong, UnknownUnit};
        for (text, why) in [
            ("", Empty),
            (" ", Empty),
            ("90", NoUnit),
            ("1h30", NoUnit),
            ("3 fortnights", UnknownUnit),
            ("5M", UnknownUnit),
            ("2h ago", Malformed),
            ("1.5h", Malformed),
            ("-3d", Malformed),
            ("2026-03-02", Malformed),
            ("soon", Malformed),
            ("é", Malformed),
            ("1e9d", UnknownUnit),
            ("99999999999999999999s", TooLong),
            ("18446744073709551615w", TooLong),
            ("18446744073709551615ms 1ms", TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_gives_an_example() {
        let minute = Duration::from_secs(60);
        let parse =
            |text| parse_duration_within(text, minute, 1440 * minute).expect_err("it is refused");
        assert_eq!(
            parse("90"),
            "has no unit; write a duration such as 90s, 1h30m or 45d"
        );
        assert_eq!(parse("90ms"), "must be at least 1m");
        assert_eq!(parse("25h"), "must be at most 1d");
        assert_eq!(parse("99999999999999999999s"), "must be at most 1d");
    }

    proptest! {
        #[test]
        fn a_duration_is_the_sum_of_its_parts(days in 0u64..10_000, hours in 0u64..10_000, ms in 0u64..10_000) {
            let text = format!("{days}d {hours}h{ms} ms");
            let sum = Duration::from_millis(days * 86_400_000 + hours * 3_600_000 + ms);
            prop_assert_eq!(parse_duration(&text), Ok(sum));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(?s).{0,30}|([0-9]{0,20} ?[a-z]{0,3}){0,4}") {
            let _ = parse_duration(&text);
        }
    }
}
