//! When bounces of a day are more than usual.

use std::time::Duration;

use super::*;
use crate::model::{CumulativeCounts, HOUR, HourCount, MINUTE, Timestamp};

/// 2026-03-03T09:00:00Z.
fn day() -> Span {
    Span::before(Timestamp::from_secs(1_772_528_400), DAY)
}

/// A stream with four weeks of so many messages a day, of which so many bounced, and a day of its own.
fn history((usual, failed): (u64, u64), sent: u32, tag: Option<&str>) -> History {
    let seen = Coverage::from_spans([Span::new(day().from - 40 * DAY, day().until)]);
    let days = (1..=28).map(|n| day().from - DAY * n);
    let mut hours: Vec<HourCount> = days
        .clone()
        .map(|start| HourCount {
            start,
            sent: usual,
            first_at: start,
            last_at: start + MINUTE,
        })
        .collect();
    hours.sort_by_key(|hour| hour.start);
    let failed = days.map(|from| FailedMessages {
        day: Span::new(from, from + DAY),
        tag: tag.map(|tag| Tag(tag.to_owned())),
        messages: failed,
    });
    History {
        first_seen_at: Some(day().from - 40 * DAY),
        messages: seen.clone(),
        bounces: seen,
        hours,
        failed_before: failed.collect(),
        sent: CumulativeCounts::from_counts((0..sent).map(|n| (sent_at(n), 1))),
        ..History::default()
    }
}

fn sent_at(n: u32) -> Timestamp {
    day().from + DAY / 5_000 * n
}

fn bounce(n: u32, class: BounceClass, tag: Option<&str>) -> BounceEvent {
    BounceEvent {
        at: sent_at(n) + Duration::from_millis(1),
        message: format!("m{n}"),
        sent_at: Some(sent_at(n)),
        class,
        recipient: format!("a{n}@example.com"),
        tag: tag.map(str::to_owned),
    }
}

fn found(history: &History, losses: &[KnownLoss]) -> Vec<UnusualFailures> {
    unusual_failures(history, losses, day(), 0.01)
}

#[test]
fn temporary_bounces_of_a_newsletter_that_had_none_are_unusual() {
    // Sent once a week.
    let mut news = history((0, 0), 300, None);
    let weekly = |week: u32| HourCount {
        start: day().from - DAY * (7 * week) + HOUR,
        sent: 300,
        first_at: day().from - DAY * (7 * week) + HOUR,
        last_at: day().from - DAY * (7 * week) + HOUR,
    };
    news.hours = (1..=4).rev().map(weekly).collect();
    let soft = |n| bounce(n, BounceClass::Soft, None);
    news.bounce_events = (0..120).map(soft).collect();
    let wanted = UnusualFailures {
        tag: None,
        failed: 120,
        sent: 300,
        classes: vec![(BounceClass::Soft, 120)],
        usual: Some(0.0),
    };
    assert_eq!(found(&news, &[]), [wanted]);
    // What an incident tells of is told once.
    let told = KnownLoss {
        span: day(),
        lost_share: 0.0,
        by_list: false,
    };
    assert_eq!(found(&news, &[told]), []);
}

#[test]
fn a_stream_that_always_lost_much_is_not_normal_for_it() {
    let mut outbound = history((86, 34), 86, None);
    let soft = |n| bounce(n, BounceClass::Soft, None);
    outbound.bounce_events = (0..30).map(soft).collect();
    assert_eq!(found(&outbound, &[]).len(), 1);
    // A tenth of it is its habit.
    let mut outbound = history((86, 9), 86, None);
    outbound.bounce_events = (0..12).map(soft).collect();
    assert_eq!(found(&outbound, &[]), []);
}

#[test]
fn a_tag_of_which_nothing_arrives_is_unusual_while_its_stream_is_not() {
    let mut outbound = history((1_000, 5), 1_000, None);
    let reset = history((10, 0), 4, None);
    let lost = |n| bounce(n, BounceClass::Soft, Some("reset"));
    outbound.bounce_events = (0..4).map(lost).collect();
    outbound.tags.insert(Tag("reset".to_owned()), reset);
    let all = found(&outbound, &[]);
    let [tag] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!((tag.failed, tag.sent), (4, 4));
    assert_eq!(tag.tag, Some(Tag("reset".to_owned())));
    // One that arrived, and a tag that was always so, are none.
    let mut some = outbound.clone();
    some.bounce_events.pop();
    assert_eq!(found(&some, &[]), []);
    let always = history((10, 10), 4, None);
    outbound.failed_before = history((10, 10), 4, Some("reset")).failed_before;
    outbound.tags.insert(Tag("reset".to_owned()), always);
    assert_eq!(found(&outbound, &[]), []);
}

/// Draws the same numbers from the same seed, as `SplitMix64` does.
struct Draw(u64);

impl Draw {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn failed(&mut self, sent: u64, share: f64) -> u64 {
        (0..sent).filter(|_| self.share() < share).count() as u64
    }
}

/// Streams of all sizes, each with a share of its own that bounces, more on some days than on others, and with few weeks behind it or
/// many: hardly any of their days is called unusual.
#[test]
fn hardly_any_day_of_a_healthy_stream_is_unusual() {
    let mut draw = Draw(15);
    let (mut days, mut unusual, mut tags) = (0, 0, 0);
    for share in [0.002, 0.005, 0.01, 0.02, 0.04, 0.08] {
        for sent in [1, 3, 10, 30, 100, 400] {
            for covered in [0, 2, 7, 28] {
                for _ in 0..40 {
                    let mut of_day = || {
                        let swing = 0.7 + 0.6 * draw.share();
                        Failures {
                            sent,
                            failed: draw.failed(sent, share * swing),
                        }
                    };
                    let mut before = Failures::default();
                    for _ in 0..covered {
                        let day = of_day();
                        before.sent += day.sent;
                        before.failed += day.failed;
                    }
                    let day = of_day();
                    days += 1;
                    unusual += u32::from(day.is_unusual(before, 0.01));
                    tags += u32::from(day.is_lost_tag(before));
                }
            }
        }
    }
    assert!(
        unusual * 400 <= days && tags * 1_000 <= days,
        "{unusual}, {tags} of {days}"
    );
}
