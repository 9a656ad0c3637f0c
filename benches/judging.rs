//! What judging one stream costs as its history grows: `cargo bench --bench judging`

use std::hint::black_box;
use std::time::{Duration, Instant};

use hushwatch::detect::Judge;
use hushwatch::model::{
    Coverage, DAY, HOUR, History, HourCount, MINUTE, Rules, Span, StreamId, Ticks, Timestamp,
};

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn main() {
    let now = Timestamp::from_secs(1_772_532_000);
    for days in [1, 8, 45, 400] {
        let history = history(now, days, 10_000_000 / 45);
        let stream = StreamId::from("outbound");
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let started = Instant::now();
            let mut judge = Judge::new(Rules::default(), 1);
            black_box(judge.judge(&history, &stream, now));
            best = best.min(started.elapsed());
        }
        println!("{days} days: {best:?}");
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
        begins: Some(from),
        started: Some(from),
        messages: Coverage::of([Span::new(from, now)]),
        bounces: Coverage::of([Span::new(from, now)]),
        hours: hours.collect(),
        sent: Ticks::of(ticks),
        ..History::default()
    }
}
