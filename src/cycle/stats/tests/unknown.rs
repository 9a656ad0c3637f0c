//! What is said of mail of which nothing is known, and of complaints that are few a day.

use super::*;

/// Mail stops arriving an hour before the end of the day: six messages were followed since, and none has news.
#[test]
fn mail_younger_than_the_newest_proof_is_not_known_to_be_delivered() {
    let sent = 240;
    let stopped = day().until - HOUR;
    let mut history = history(sent, 1);
    let sample = (0..sent).step_by(2).map(|n| {
        let is_known = sent_at(n, sent) < stopped;
        SampledMessage {
            checked_at: Some(day().until),
            delivered_at: is_known.then(|| sent_at(n, sent)),
            ..sampled(n, sent, false, false)
        }
    });
    history.sampled = sample.collect();
    let day_of = told(&history);
    assert_eq!(day_of.delivered, None);
    let (low, high) = day_of.delivered_range.expect("a range");
    assert!(low < 230 && high == 240, "{low} to {high}");
    assert!((9..=12).contains(&day_of.unsampled), "{}", day_of.unsampled);
    let (without_news, age) = day_of.unconfirmed.expect("chance hardly explains it");
    assert!(
        without_news >= 4 && age > 50 * MINUTE,
        "{without_news} {age:?}"
    );
    // One without news is no such hour.
    let last = history.sampled.len() - 1;
    for mail in &mut history.sampled[..last] {
        mail.delivered_at = Some(mail.sent_at);
    }
    let day_of = told(&history);
    assert_eq!((day_of.delivered, day_of.unconfirmed), (Some(240), None));
}

#[test]
fn mail_of_long_before_the_first_start_is_not_known_to_be_delivered() {
    let sent = 240;
    let mut history = history(sent, 1);
    history.first_seen_at = Some(day().from);
    history.installed_at = Some(day().until - HOUR * 6);
    history.sampled = (190..sent).map(|n| sampled(n, sent, true, false)).collect();
    let total = |history: &History, span| delivered_total(history, span);
    // Of a day the sixty of the last six hours are, or so; of the others these are a guess.
    let of_day = total(&history, day());
    assert_eq!(of_day.number, Some(240));
    assert!(
        (45..=60).contains(&of_day.low) && of_day.high == 240,
        "{of_day:?}"
    );
    let month = Span::new(day().from - 30 * DAY, day().until);
    let older = (0..300).map(|n| (month.from + HOUR * n, 1));
    let known = (0..sent).map(|n| (sent_at(n, sent), 1));
    history.sent = CumulativeCounts::from_counts(older.chain(known));
    history.first_seen_at = Some(month.from);
    let total = total(&history, month);
    assert_eq!(total.number, None);
    assert!(total.low <= 240 && total.high == 540, "{total:?}");
}

#[test]
fn a_complaint_a_day_of_a_stream_of_one_message_is_unusual() {
    let complained = |days: u32| {
        let mut history = history(0, 1);
        history.first_seen_at = Some(now() - 9 * DAY);
        let at = |days_ago: u32| day().until - HOUR - DAY * days_ago;
        history.sent = CumulativeCounts::from_counts((0..7).rev().map(|n| (at(n), 1)));
        history.recipients = KnownRecipients {
            recipients: history.sent.clone(),
            messages: history.sent.clone(),
        };
        let complaint = |days_ago: u32| BounceEvent {
            at: at(days_ago) + MINUTE,
            sent_at: Some(at(days_ago)),
            message: format!("m{days_ago}"),
            ..bounce(0, 1, BounceClass::Complaint)
        };
        history.bounce_events = (0..days).rev().map(complaint).collect();
        told(&history).exceeded_complaints
    };
    assert_eq!(complained(3), Some(0.001));
    assert_eq!(complained(1), None);
}
