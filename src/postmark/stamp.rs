//! The times in answers. Seen so far: up to seven fraction digits, trailing zeros trimmed, none at all; offsets of both
//! seasons, `Z`, and no offset.

use chrono::{DateTime, NaiveDateTime, TimeZone};

use super::eastern::ZONE;
use crate::model::Timestamp;

/// The maximum number of digits of a fraction: chrono reads nanoseconds and leaves out the rest.
const MAX_FRACTION_DIGITS: usize = 9;

/// Reads `YYYY-MM-DDTHH:MM:SS`, a fraction, then `Z`, `±hh:mm` or nothing, which is read as Eastern (the earlier of two). Cut
/// to milliseconds. `None` for anything else, and for what lies outside [`Timestamp::MIN`] to [`Timestamp::MAX`].
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(at) = Timestamp::parse_usual(text) {
        return Some(at);
    }
    let (wall, rest) = text.split_at_checked(19)?;
    let is_digit = |c: &char| c.is_ascii_digit();
    let fraction_digits = rest.chars().skip(1).take_while(is_digit).count();
    if !has_shape(wall, "0000-00-00T00:00:00") || fraction_digits > MAX_FRACTION_DIGITS {
        return None;
    }
    let millis = if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        at.timestamp_millis()
    } else {
        let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        ZONE.from_local_datetime(&wall)
            .earliest()?
            .timestamp_millis()
    };
    let is_near = |at: &Timestamp| (Timestamp::MIN..=Timestamp::MAX).contains(at);
    Some(Timestamp(millis)).filter(is_near)
}

/// Whether `text` has digits exactly where `shape` has, and else the same characters.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(is, wanted)| is == wanted || (wanted == b'0' && is.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::mutated;
    use chrono::{FixedOffset, SecondsFormat, Utc};
    use proptest::prelude::*;

    #[test]
    fn every_recorded_form_is_read() {
        for (text, utc) in [
            (
                "2017-02-25T13:59:44.0453616-05:00",
                "2017-02-25T18:59:44.045Z",
            ),
            (
                "2016-09-19T16:34:09.1336752-04:00",
                "2016-09-19T20:34:09.133Z",
            ),
            ("2017-02-25T13:59:44.0000000-05:00", "2017-02-25T18:59:44Z"),
            (
                "2016-10-06T10:05:30.570118-04:00",
                "2016-10-06T14:05:30.570Z",
            ),
            ("2022-11-01T12:48:26-04:00", "2022-11-01T16:48:26Z"),
            ("2014-01-15T16:09:19Z", "2014-01-15T16:09:19Z"),
            ("2025-11-21T02:42:04.0000000Z", "2025-11-21T02:42:04Z"),
            ("2026-07-01T08:00:00.5", "2026-07-01T12:00:00.500Z"),
            ("2026-11-01T01:30:00", "2026-11-01T05:30:00Z"),
            ("2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00Z"),
            (
                "2026-01-01T00:00:00.999999999+05:30",
                "2025-12-31T18:30:00.999Z",
            ),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(
                parse(text).map(|t| t.to_string()).as_deref(),
                Some(utc),
                "{text}"
            );
        }
    }

    #[test]
    fn nonsense_is_not_a_time() {
        for text in [
            "",
            "yesterday",
            "2026-02-30T00:00:00Z",
            "2026-01-01",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+05:60",
            "2026-01-01T00:00:00+0500",
            "2026-01-01T00:00:00 EST",
            "2026-01-01T00:00:00+é:00",
            "2026-01-01T00:00:0é",
            "+026-01-01T00:00:00Z",
            "2026- 1- 1T00:00:00Z",
            // Left out by spring.
            "2026-03-08T02:30:00",
            // Outside every calendar used here.
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(?s).{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn anything_like_a_time_is_read_without_a_panic(
            text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2}|)",
        ) {
            let _ = parse(&text);
        }

        #[test]
        fn a_mutated_time_is_none_or_one_that_can_be_written_again(text in mutated(vec![
            b"2017-02-25T13:59:44.0453616-05:00".to_vec(), b"2014-01-15T16:09:19Z".to_vec(), b"2026-11-01T01:30:00.5".to_vec(),
        ])) {
            let at = parse(&String::from_utf8_lossy(&text));
            prop_assert!(at.is_none_or(|at| parse(&at.to_string()) == Some(at)));
        }

        #[test]
        fn a_time_survives_every_way_of_writing_it(
            at in Timestamp::MIN.0 + 86_400_000..Timestamp::MAX.0 - 86_400_000,
            minutes in -14 * 60..14 * 60,
        ) {
            let at = Timestamp(at);
            let offset = FixedOffset::east_opt(minutes * 60).expect("within a day");
            for format in [SecondsFormat::Millis, SecondsFormat::Micros, SecondsFormat::Nanos] {
                let there = at.to_utc().with_timezone(&offset).to_rfc3339_opts(format, true);
                prop_assert_eq!(parse(&there), Some(at));
                let here = at.to_utc().with_timezone(&Utc).to_rfc3339_opts(format, true);
                prop_assert_eq!(parse(&here), Some(at));
            }
        }
    }
}
