//! Detection as history grows.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hushwatch::internals::Detector;
use hushwatch::model::{
    Coverage, CumulativeCounts, DAY, HOUR, History, HourCount, MINUTE, Rules, Span, StreamId,
    Timestamp,
};

pub(crate) fn detect() {
    let now = Timestamp::from_secs(1_772_532_000);
    let of = |days: u32, messages: u64| {
        let history = history(now, days, messages / u64::from(days));
        let stream = StreamId::from("outbound");
        (0..9)
            .map(|_| {
                let started = Instant::now();
                let mut detector = Detector::new(Rules::default(), 1);
                black_box(detector.detect(&history, &stream, &[], now));
                started.elapsed()
            })
            .min()
            .unwrap_or(Duration::MAX)
    };
    let (day, small, large) = (of(1, 220_000), of(45, 10_000), of(45, 10_000_000));
    for (what, took) in [
        ("evaluating one stream, one day of history", day),
        ("  45 days, 10,000 messages", small),
        ("  45 days, 10,000,000 messages", large),
        ("  400 days, 90,000,000 messages", of(400, 90_000_000)),
    ] {
        let ratio = took.as_secs_f64() / day.as_secs_f64();
        crate::line(
            what,
            &format!("{:.2} ms  ({ratio:.2} x)", took.as_secs_f64() * 1e3),
        );
    }
}

fn history(now: Timestamp, days: u32, per_day: u64) -> History {
    let from = now - days * DAY;
    let hours = (0..days * 24).map(|h| {
        let start = from + h * HOUR;
        let busy = if (8..20).contains(&(h % 24)) { 3 } else { 1 };
        HourCount {
            start,
            sent: per_day * busy / 48,
            first_at: start,
            last_at: start + 59 * MINUTE,
        }
    });
    let ticks = (0..1440u32).map(|m| (now - DAY + m * MINUTE, per_day / 1440));
    History {
        first_seen_at: Some(from),
        installed_at: Some(from),
        messages: Coverage::from_spans([Span::new(from, now)]),
        bounces: Coverage::from_spans([Span::new(from, now)]),
        hours: hours.collect(),
        sent: CumulativeCounts::from_counts(ticks),
        ..History::default()
    }
}
