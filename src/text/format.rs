//! Numbers, times and spans as people read them.

use std::time::Duration;

use chrono_tz::Tz;

use crate::model::{Span, Timestamp};

/// A share as a percentage with as many digits as it needs: `9%`, `0.12%`, `0.001%`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent {
        p if p >= 10.0 => 1,
        p if p >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{percent:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}%")
}

/// A number with thousands set apart: `12,345`.
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

/// `3 messages`, `1 message`.
pub fn plural(number: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// An expected number, rounded as far as it is meant: `0.4`, `3.2`, `140`.
pub fn approx(number: f64) -> String {
    if number < 10.0 {
        format!("{number:.1}")
    } else {
        count(number.round().max(0.0) as u64)
    }
}

/// A span of time in its two largest units: `45 min`, `3 h 20 min`, `2 d 4 h`.
pub fn format_duration(length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
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

/// A window as rules name it: `1h`, `24h`, `90m`.
pub fn format_window(length: Duration) -> String {
    match length.as_secs() {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// An instant in `zone`, to the minute: `Mon 2 Mar 10:00`.
pub fn format_time(at: Timestamp, zone: Tz) -> String {
    at.to_utc()
        .with_timezone(&zone)
        .format("%a %-d %b %H:%M")
        .to_string()
}

/// `format_time` with its year: `Mon 2 Mar 2026 10:00`.
pub fn format_date_time(at: Timestamp, zone: Tz) -> String {
    at.to_utc()
        .with_timezone(&zone)
        .format("%a %-d %b %Y %H:%M")
        .to_string()
}

/// An instant in `zone`, to the second and with its year: `2026-03-02 10:00:05`.
pub fn format_exact(at: Timestamp, zone: Tz) -> String {
    let local = at.to_utc().with_timezone(&zone);
    local.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `format_time`, or `never seen`.
pub fn format_time_or_never(at: Option<Timestamp>, zone: Tz) -> String {
    at.map_or_else(|| "never seen".to_owned(), |at| format_time(at, zone))
}

/// A local day and the year: `Mon 2 Mar 2026`.
pub fn format_day(at: Timestamp, zone: Tz) -> String {
    at.to_utc()
        .with_timezone(&zone)
        .format("%a %-d %b %Y")
        .to_string()
}

/// From when to when, in `zone`.
pub fn format_range(of: Span, zone: Tz) -> String {
    format!(
        "{} to {}",
        format_time(of.from, zone),
        format_time(of.until, zone)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn spans_and_counts_read_well() {
        let shown: Vec<String> = [30, 2700, 12_000, 7200, 187_200]
            .map(|s| format_duration(Duration::from_secs(s)))
            .into();
        assert_eq!(shown, ["30 s", "45 min", "3 h 20 min", "2 h", "2 d 4 h"]);
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(plural(1, "message"), "1 message");
        assert_eq!(format_window(Duration::from_secs(5400)), "90m");
    }
}
