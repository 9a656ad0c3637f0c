//! What is said of a day, by what is known of its mail.

use super::*;
use crate::model::{
    BounceEvent, Coverage, CumulativeCounts, KnownRecipients, MINUTE, SampledMessage,
};

/// 2026-03-03T10:00:00Z.
fn now() -> Timestamp {
    Timestamp::from_secs(1_772_532_000)
}

fn day() -> Span {
    Span::before(now(), DAY)
}

/// When message `n` of `sent` was sent.
fn sent_at(n: u32, sent: u32) -> Timestamp {
    day().from + DAY / (sent + 1) * n
}

/// A stream that began two days ago and sent so many messages in the last one, to `to` recipients each.
fn history(sent: u32, to: u64) -> History {
    let seen = Coverage::from_spans([Span::before(now(), 2 * DAY)]);
    let each =
        |count: u64| CumulativeCounts::from_counts((0..sent).map(|n| (sent_at(n, sent), count)));
    History {
        first_seen_at: Some(now() - 2 * DAY),
        installed_at: Some(now() - 2 * DAY),
        messages: seen.clone(),
        bounces: seen,
        sent: each(1),
        recipients: KnownRecipients {
            recipients: each(to),
            messages: each(1),
        },
        ..History::default()
    }
}

/// A bounce or complaint of message `n` of `sent` by one recipient.
fn bounce(n: u32, sent: u32, class: BounceClass) -> BounceEvent {
    BounceEvent {
        at: sent_at(n, sent) + MINUTE,
        message: format!("m{n}"),
        sent_at: Some(sent_at(n, sent)),
        class,
        recipient: "a@example.com".to_owned(),
        tag: None,
    }
}

/// Message `n` of `sent` as its details tell of it.
fn sampled(n: u32, sent: u32, delivered: bool, bounced: bool) -> SampledMessage {
    let soon = sent_at(n, sent) + MINUTE;
    SampledMessage {
        sent_at: sent_at(n, sent),
        checked_at: Some(now()),
        delivered_at: delivered.then_some(soon),
        bounced_at: bounced.then_some(soon),
        ..SampledMessage::default()
    }
}

fn told(history: &History) -> StreamDay {
    digest_entry(
        history,
        &"outbound".into(),
        day(),
        &Rules::default(),
        (&[], 1),
    )
}

#[test]
fn several_complaints_above_the_threshold_are_unusual() {
    let complained = |complaints: u32, sent: u32| {
        let mut history = history(sent, 1);
        let complaint = |n| bounce(n, sent, BounceClass::Complaint);
        history.bounce_events = (0..complaints).map(complaint).collect();
        told(&history)
    };
    let day = complained(8, 30);
    assert_eq!(day.exceeded_complaints, Some(0.001));
    assert!((day.complaint_rate - 8.0 / 30.0).abs() < 1e-9);
    assert_eq!(complained(1, 30).exceeded_complaints, None);
    assert_eq!(complained(2, 2_000).exceeded_complaints, None, "just 0.1%");
}

#[test]
fn a_young_stream_that_loses_mail_is_held_against_mail_in_general() {
    let of_sample = |delivered: u32| {
        let sent = 480;
        let mut history = history(sent, 1);
        let sample = |n: u32| sampled(4 * n, sent, n % 100 < delivered, false);
        history.sampled = (0..100).map(sample).collect();
        told(&history)
    };
    let usual = UsualDelivery {
        share: 0.97,
        is_own: false,
    };
    assert_eq!(of_sample(50).usual_delivered, Some(usual));
    assert_eq!(of_sample(96).usual_delivered, None);
}
