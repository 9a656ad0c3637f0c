//! Where the marks of an axis stand, and what they say.

use chrono::{Datelike, Duration, TimeZone, Timelike};

use crate::model::{DAY, HOUR, Span, Timestamp, Zone};
use crate::text::format::count;

/// Returns the least round number that is not less than `value`, and at least 1.
pub(super) fn round_up(value: u64) -> u64 {
    let mut step = 1u64;
    loop {
        for tenths in [10, 12, 16, 20, 30, 40, 50, 60, 80, 100] {
            let round = step.saturating_mul(tenths);
            if round / 10 >= value && (round.is_multiple_of(20) || step == 1 && tenths == 10) {
                return round / 10;
            }
        }
        if step > u64::MAX / 1_000 {
            return u64::MAX;
        }
        step = step.saturating_mul(10);
    }
}

/// Returns a number in few characters: `840`, `1.2k`, `35k`, `2.4M`.
pub(super) fn compact(number: u64) -> String {
    let scaled = |unit: f64, sign: &str| {
        let scaled = number as f64 / unit;
        let digits = usize::from(scaled < 10.0 && !(number as f64 % unit).eq(&0.0));
        format!("{scaled:.digits$}{sign}")
    };
    match number {
        0..1_000 => count(number),
        1_000..999_500 => scaled(1e3, "k"),
        _ => scaled(1e6, "M"),
    }
}

/// A mark on the axis of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TimeMark {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// Returns the marks of `span` in local time: hours of a day, midnights of a week, else Mondays.
pub(super) fn time_marks(span: Span, zone: Zone) -> Vec<TimeMark> {
    let days = span.length().as_secs_f64() / DAY.as_secs_f64();
    let mut marks = Vec::new();
    let mut last_day = None;
    let mut at = span.from.ceil(HOUR / 4);
    while at < span.until {
        let local = at.to_utc().with_timezone(&zone);
        let is_full_hour = local.minute() == 0;
        let text = if days <= 1.6 {
            let is_mark = is_full_hour && local.hour().is_multiple_of(4);
            is_mark.then(|| local.format("%H:%M").to_string())
        } else {
            // Where clocks go forward at midnight, the day begins an hour later.
            let is_new = last_day.is_some_and(|day| day != local.date_naive())
                || (at == span.from && is_full_hour && local.hour() == 0);
            let every = (days / 8.0).ceil().max(1.0) as i64;
            let is_mark = match every {
                1 => true,
                2..=3 => i64::from(local.ordinal0()) % every == 0,
                _ => local.weekday() == chrono::Weekday::Mon,
            };
            let format = if days <= 8.5 { "%a %-d" } else { "%-d %b" };
            (is_new && is_mark).then(|| local.format(format).to_string())
        };
        last_day = Some(local.date_naive());
        marks.extend(text.map(|text| TimeMark { at, text }));
        at = at + HOUR / 4;
    }
    if days > 70.0 {
        let every = marks.len().div_ceil(8).max(1);
        marks = marks.into_iter().step_by(every).collect();
    }
    marks
}

/// Returns the local days that touch `span`, each from midnight to midnight.
pub fn local_days(span: Span, zone: Zone) -> Vec<Span> {
    let mut days = Vec::new();
    let mut date = span.from.to_utc().with_timezone(&zone).date_naive();
    while days.len() < 1_000 {
        let (from, until) = (
            midnight(date, zone),
            midnight(date + Duration::days(1), zone),
        );
        if from >= span.until {
            break;
        }
        days.push(Span::new(from, until));
        date += Duration::days(1);
    }
    days
}

/// Returns the first instant of a local day.
fn midnight(date: chrono::NaiveDate, zone: Zone) -> Timestamp {
    let mut local = date.and_time(chrono::NaiveTime::MIN);
    for _ in 0..96 {
        if let Some(at) = zone.from_local_datetime(&local).earliest() {
            return Timestamp(at.timestamp_millis());
        }
        local += Duration::minutes(15);
    }
    Timestamp(local.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        let round = [0, 1, 3, 7, 9, 11, 61, 99, 776, 2_301].map(round_up);
        assert_eq!(round, [1, 1, 4, 8, 10, 12, 80, 100, 800, 3_000]);
        assert_eq!(round_up(u64::MAX), u64::MAX, "and no number is too large");
    }

    #[test]
    fn large_numbers_are_short() {
        let texts = [0, 999, 1_000, 1_240, 35_400, 999_499, 999_500, 2_400_000].map(compact);
        assert_eq!(
            texts,
            ["0", "999", "1k", "1.2k", "35k", "999k", "1.0M", "2.4M"]
        );
    }

    #[test]
    fn marks_stand_at_local_midnights_over_both_dst_nights() {
        for (from, until) in [
            ("2026-03-26T08:00:00Z", "2026-04-02T08:00:00Z"),
            ("2026-10-22T08:00:00Z", "2026-10-29T08:00:00Z"),
        ] {
            let at = |text| Timestamp::parse(text).expect("an instant");
            let zone = crate::model::Zone::named("Europe/Berlin").expect("a zone");
            let marks = time_marks(Span::new(at(from), at(until)), zone);
            assert_eq!(marks.len(), 7, "{marks:?}");
            for mark in &marks {
                let local = mark.at.to_utc().with_timezone(&zone);
                assert_eq!((local.hour(), local.minute()), (0, 0));
                assert_eq!(mark.text, local.format("%a %-d").to_string());
            }
        }
    }

    #[test]
    fn local_days_touch_one_another() {
        let at = |text| Timestamp::parse(text).expect("an instant");
        let span = Span::new(at("2026-03-20T08:00:00Z"), at("2026-04-02T08:00:00Z"));
        let days = local_days(
            span,
            crate::model::Zone::named("America/New_York").expect("a zone"),
        );
        assert_eq!(days.len(), 14);
        assert!(days.windows(2).all(|pair| pair[0].until == pair[1].from));
        assert!(days[0].contains(span.from));
    }
}
