//! Numbers, times and spans as people read them.

use std::time::Duration;

use chrono::{DateTime, Datelike};

use crate::model::{MINUTE, Span, Timestamp, Zone};

/// Returns a share as a percentage with as many digits as it needs: `9%`, `0.12%`, `0.001%`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent {
        p if p >= 10.0 => 1,
        p if p >= 0.1 => 2,
        _ => 3,
    };
    rounded(percent, digits)
}

/// Returns a share as people say it: `38%`, `8.5%`, `0.37%`.
pub fn approx_percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent {
        p if p >= 9.95 => 0,
        p if p >= 0.995 => 1,
        p if p >= 0.0995 => 2,
        _ => 3,
    };
    rounded(percent, digits)
}

fn rounded(percent: f64, digits: usize) -> String {
    let text = format!("{percent:.digits$}");
    if text.contains('.') {
        format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
    } else {
        format!("{text}%")
    }
}

/// Returns a number with thousands set apart: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number and its noun: `3 messages`, `1 message`.
pub fn plural(number: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// Returns the verb of so many: `was`, `were`.
pub fn was_or_were(number: u64) -> &'static str {
    match number {
        1 => "was",
        _ => "were",
    }
}

/// Returns an expected number, rounded to its useful digits: `0.4`, `3.2`, `140`.
pub fn approx(number: f64) -> String {
    if number < 10.0 {
        format!("{number:.1}")
    } else {
        count(number.round().max(0.0) as u64)
    }
}

/// Returns a length of time in its two largest units: `45 min`, `3 h 20 min`, `26 h`, and in days from two days on: `2 d 4 h`.
pub fn format_duration(length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    let (days, hours, minutes) = match minutes / 1440 {
        0 | 1 => (0, minutes / 60, minutes % 60),
        days => (days, minutes / 60 % 24, minutes % 60),
    };
    let two = |a: u64, a_unit: &str, b: u64, b_unit: &str| match b {
        0 => format!("{a} {a_unit}"),
        _ => format!("{a} {a_unit} {b} {b_unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", length.as_secs()),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => two(hours, "h", minutes, "min"),
        (days, hours, _) => two(days, "d", hours, "h"),
    }
}

/// Returns the length of a span as its two ends read, each to the minute: `1 h 19 min` from 10:31:50 to 11:50:10.
pub fn format_length(of: Span) -> String {
    format_duration(length_in_minutes(of))
}

/// Returns the length of a span between its two ends, each without its seconds; of less than a minute the exact one.
pub fn length_in_minutes(of: Span) -> Duration {
    match of.length() {
        seconds if seconds < MINUTE => seconds,
        _ => of.until.floor(MINUTE).since(of.from.floor(MINUTE)),
    }
}

/// Returns a window as the configuration writes it: `1h`, `24h`, `90m`.
pub fn format_window(length: Duration) -> String {
    match length.as_secs() {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// Returns an instant in `zone`, to the minute: `Mon 2 Mar 10:00`.
pub fn format_time(at: Timestamp, zone: Zone) -> String {
    local(at, zone).format("%a %-d %b %H:%M").to_string()
}

/// Returns an instant as [`format_time`] does, with its year: `Mon 2 Mar 2026 10:00`.
pub fn format_date_time(at: Timestamp, zone: Zone) -> String {
    local(at, zone).format("%a %-d %b %Y %H:%M").to_string()
}

/// Returns an instant in `zone`, to the second and with its year: `2026-03-02 10:00:05`.
pub fn format_exact(at: Timestamp, zone: Zone) -> String {
    local(at, zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Returns an instant as [`format_time`] does, or `never seen`.
pub fn format_time_or_never(at: Option<Timestamp>, zone: Zone) -> String {
    at.map_or_else(|| "never seen".to_owned(), |at| format_time(at, zone))
}

/// Returns the local day with its year: `Mon 2 Mar 2026`.
pub fn format_day(at: Timestamp, zone: Zone) -> String {
    local(at, zone).format("%a %-d %b %Y").to_string()
}

/// Returns an instant as it is read at `reference`: `10:00` on the same local day, `Mon 2 Mar 10:00` in the same year, else
/// with the year.
pub fn short_time(at: Timestamp, reference: Timestamp, zone: Zone) -> String {
    if local(at, zone).date_naive() == local(reference, zone).date_naive() {
        local(at, zone).format("%H:%M").to_string()
    } else {
        time_of_year(at, reference, zone)
    }
}

/// Returns a span as it is read at `reference`: `10:00–14:00`, `Mon 2 Mar 10:00–14:00`, or with the days of both ends.
pub fn short_range(span: Span, reference: Timestamp, zone: Zone) -> String {
    let (from, until) = (local(span.from, zone), local(span.until, zone));
    if from.date_naive() == until.date_naive() {
        let from = short_time(span.from, reference, zone);
        return format!("{from}–{}", until.format("%H:%M"));
    }
    let end = |at| time_of_year(at, reference, zone);
    format!("{} – {}", end(span.from), end(span.until))
}

/// Returns an instant with its year unless that is the one of `reference`.
pub fn time_of_year(at: Timestamp, reference: Timestamp, zone: Zone) -> String {
    if local(at, zone).year() == local(reference, zone).year() {
        format_time(at, zone)
    } else {
        format_date_time(at, zone)
    }
}

fn local(at: Timestamp, zone: Zone) -> DateTime<Zone> {
    at.to_utc().with_timezone(&zone)
}

/// Returns both ends of a span in `zone`, with their years where these differ: `Mon 2 Mar 10:00 to Mon 2 Mar 14:00`,
/// `Thu 31 Dec 2026 09:00 to Fri 1 Jan 2027 09:00`.
pub fn format_range(of: Span, zone: Zone) -> String {
    let format = match local(of.from, zone).year() == local(of.until, zone).year() {
        true => format_time,
        false => format_date_time,
    };
    format!("{} to {}", format(of.from, zone), format(of.until, zone))
}

/// Returns the same with the name of the zone: `Mon 2 Mar 10:00 to Mon 2 Mar 14:00 UTC`.
pub fn format_zoned_range(of: Span, zone: Zone) -> String {
    format!("{} {}", format_range(of, zone), zone.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_over_the_turn_of_a_year_has_both_years() {
        let at = |text| Timestamp::parse(text).expect("valid");
        let span = Span::new(at("2026-12-31T09:00:00Z"), at("2027-01-01T09:00:00Z"));
        let shown = format_zoned_range(span, Zone::UTC);
        assert_eq!(shown, "Thu 31 Dec 2026 09:00 to Fri 1 Jan 2027 09:00 UTC");
    }

    #[test]
    fn shares_keep_the_digits_they_need() {
        let shown: Vec<String> = [0.09, 0.0123, 0.001, 0.00012, 1.0, 0.123_456, 0.0]
            .map(percent)
            .into();
        assert_eq!(
            shown,
            ["9%", "1.23%", "0.1%", "0.012%", "100%", "12.3%", "0%"]
        );
    }

    #[test]
    fn a_share_is_rounded_as_people_round_it() {
        let shown: Vec<String> = [0.383, 0.0851, 0.0996, 0.00369, 0.0002, 0.0, 1.0]
            .map(approx_percent)
            .into();
        assert_eq!(
            shown,
            ["38%", "8.5%", "10%", "0.37%", "0.02%", "0%", "100%"]
        );
    }

    #[test]
    fn a_time_bears_its_day_and_year_only_where_they_differ() {
        let (zone, now) = (Zone::UTC, Timestamp::from_secs(1_772_622_000));
        let ago = |hours: u64| now - Duration::from_secs(3600 * hours);
        let shown = [1, 12, 24 * 90].map(|hours| short_time(ago(hours), now, zone));
        assert_eq!(shown, ["10:00", "Tue 3 Mar 23:00", "Thu 4 Dec 2025 11:00"]);
        let range = |from, until| short_range(Span::new(ago(from), ago(until)), now, zone);
        assert_eq!(range(2, 1), "09:00–10:00");
        assert_eq!(range(26, 25), "Tue 3 Mar 09:00–10:00");
        assert_eq!(range(26, 1), "Tue 3 Mar 09:00 – Wed 4 Mar 10:00");
    }

    #[test]
    fn a_length_agrees_with_the_ends_beside_it() {
        let at = |hour: i64, minute: i64, second: i64| {
            Timestamp::from_secs(1_772_582_400 + hour * 3600 + minute * 60 + second)
        };
        let read = |from, until| {
            let span = Span::new(from, until);
            let range = short_range(span, until, Zone::UTC);
            format!("{} ({range})", format_length(span))
        };
        for (from, until, text) in [
            (at(10, 31, 50), at(11, 50, 10), "1 h 19 min (10:31–11:50)"),
            (at(10, 31, 0), at(11, 50, 59), "1 h 19 min (10:31–11:50)"),
            (at(10, 31, 59), at(10, 33, 0), "2 min (10:31–10:33)"),
            (at(10, 31, 30), at(10, 32, 10), "40 s (10:31–10:32)"),
        ] {
            assert_eq!(read(from, until), text);
        }
    }

    #[test]
    fn spans_and_counts_read_well() {
        let shown: Vec<String> = [30, 2700, 12_000, 7200, 187_200]
            .map(|s| format_duration(Duration::from_secs(s)))
            .into();
        assert_eq!(shown, ["30 s", "45 min", "3 h 20 min", "2 h", "2 d 4 h"]);
        let days = [25 * 3600, 47 * 3600 + 120].map(|s| format_duration(Duration::from_secs(s)));
        assert_eq!(days, ["25 h", "47 h 2 min"]);
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(plural(1, "message"), "1 message");
        assert_eq!(format_window(Duration::from_secs(5400)), "90m");
    }
}
