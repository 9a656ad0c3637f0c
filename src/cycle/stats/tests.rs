//! What is said of a day, by what is known of its mail.

use std::collections::HashSet;

use super::*;
use crate::model::{
    BounceEvent, Coverage, CumulativeCounts, HOUR, HourCount, KnownRecipients, MINUTE,
    SampledMessage,
};

mod unknown;

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
    let rules = Rules::default();
    let mut normal = KeptSilences::default();
    let known = (&mut normal, &[][..], 1);
    digest_entry(history, &"outbound".into(), day(), &rules, known)
}

#[test]
fn of_a_stream_whose_newest_mail_was_not_read_no_alert_is_promised() {
    let weeks = Span::new((now() - 28 * DAY).floor(HOUR), now());
    let hours = std::iter::successors(Some(weeks.from), |at| Some(*at + HOUR));
    let hours = hours.take_while(|at| *at < now()).map(|start| HourCount {
        start,
        sent: 30,
        first_at: start,
        last_at: start + 58 * MINUTE,
    });
    let mut history = history(10, 1);
    history.first_seen_at = Some(weeks.from);
    history.installed_at = Some(weeks.from);
    history.hours = hours.collect();
    history.messages = Coverage::from_spans([weeks]);
    assert!(
        told(&history).unnoticed.is_some(),
        "it is promised of what is read"
    );
    history.messages = history.messages.without(Span::before(now(), HOUR));
    assert_eq!(told(&history).unnoticed, None);
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

/// The mail of a day, with what a sample of its messages says: `fate` tells whether a message was delivered and whether it bounced.
fn with_sample(mut history: History, sent: u32, fate: impl Fn(u32) -> (bool, bool)) -> History {
    let sample = |n: u32| {
        let (delivered, bounced) = fate(n);
        sampled(n, sent, delivered, bounced)
    };
    history.sampled = (0..sent * 9 / 10).step_by(3).map(sample).collect();
    history
}

#[test]
fn a_message_that_bounced_for_one_of_its_recipients_is_delivered_to_the_others() {
    let (sent, is_partial) = (135, |n: u32| n % 10 < 7);
    let mut history = history(sent, 20);
    let dead = (0..sent).filter(|n| is_partial(*n));
    let dead: Vec<BounceEvent> = dead.map(|n| bounce(n, sent, BounceClass::Hard)).collect();
    history.bounce_events = dead;
    // Nothing is sampled of them: 96 of 2,700 recipients are the part of five messages.
    let of_rest = with_sample(history.clone(), sent, |n| (!is_partial(n), false));
    let rest_only = History {
        sampled: of_rest
            .sampled
            .into_iter()
            .filter(|mail| mail.delivered_at.is_some())
            .collect(),
        ..history.clone()
    };
    assert_eq!(told(&rest_only).delivered, Some(130));
    // The sample says that each was delivered to somebody.
    let day = told(&with_sample(history, sent, |n| (true, is_partial(n))));
    assert_eq!(day.delivered, Some(135));
    assert_eq!((day.failed, day.recipients), (96, Some(2_700)));
}

#[test]
fn a_bounce_of_an_ignored_class_is_no_delivery() {
    let sent = 87;
    let day = told(&with_sample(history(sent, 1), sent, |_| (false, true)));
    assert_eq!(day.delivered, Some(0));
    assert!(
        day.delivered_range
            .is_some_and(|(low, high)| low == 0 && high < 20)
    );
    // Of what is listed as bounced the sample need not speak: the rest is estimated.
    let mut listed = history(sent, 1);
    let of_list = (0..30).map(|n| bounce(n, sent, BounceClass::Hard));
    listed.bounce_events = of_list.collect();
    let mut listed = with_sample(listed, sent, |n| (n >= 30, n < 30));
    for mail in listed.sampled.iter_mut().filter(|m| m.bounced_at.is_some()) {
        mail.bounce = crate::model::BounceType::from_name("HardBounce");
    }
    assert_eq!(told(&listed).delivered, Some(57));
}

#[test]
fn where_nothing_of_the_sample_was_read_delivery_is_unknown() {
    let sent = 151;
    let mut unread = with_sample(history(sent, 1), sent, |_| (false, false));
    for mail in &mut unread.sampled {
        mail.checked_at = None;
    }
    let day = told(&unread);
    assert_eq!((day.delivered, day.delivered_range), (None, None));
    assert_eq!(
        (day.unread, day.unproven),
        (Some(unread.sampled.len() as u64), None)
    );
    // Also where every message was sampled.
    let few = |is_read: bool| {
        let mut few = with_sample(history(1, 1), 1, |_| (false, false));
        few.sampled = vec![sampled(0, 1, false, false)];
        few.sampled[0].checked_at = is_read.then(now);
        told(&few)
    };
    assert_eq!((few(false).delivered, few(false).unread), (None, Some(1)));
    assert_eq!(
        (few(true).delivered, few(true).unproven),
        (Some(0), Some(1))
    );
    // Without any sample nothing is known, and without any mail nothing is missing.
    assert_eq!(told(&history(sent, 1)).delivered, None);
    assert_eq!(told(&history(0, 1)).delivered, Some(0));
}

/// Mail of a day, ten messages an hour, of which every fifth is followed, but none of the eight hours in which nobody could see.
#[test]
fn of_hours_without_a_sample_no_number_is_told_as_known() {
    let sent = 240;
    let mut history = history(sent, 1);
    let sample = |hours: std::ops::Range<u32>| {
        let mail = (0..sent).step_by(5);
        let mail = mail.filter(|n| !hours.contains(&(n / 10)));
        mail.map(|n| sampled(n, sent, true, false)).collect()
    };
    history.sampled = sample(0..0);
    let whole = told(&history);
    assert_eq!(whole.delivered, Some(240));
    assert!(whole.delivered_range.is_some_and(|(low, _)| low > 210));
    assert_eq!(whole.unsampled, 0);
    for unseen in [8..16, 0..8, 16..24] {
        history.sampled = sample(unseen.clone());
        let day = told(&history);
        assert_eq!(day.delivered, None, "{unseen:?}");
        let (low, high) = day.delivered_range.expect("a range");
        assert!((120..165).contains(&low) && high == 240, "{low} {high}");
        assert!((75..105).contains(&day.unsampled), "{}", day.unsampled);
    }
    // What the draw left out by chance is no such hour.
    history.sampled = sample(8..10);
    assert_eq!(told(&history).delivered, Some(240));
}

/// A day whose hours had so many messages, of which those are lost and those are followed that the lists name.
fn of_hours(sent: &[u32], lost: &[HashSet<u32>], followed: &[HashSet<u32>]) -> History {
    let mut day_of = history(0, 1);
    let (mut times, mut sample) = (Vec::new(), Vec::new());
    for (hour, of_hour) in sent.iter().enumerate() {
        let begin = day().from + HOUR * hour as u32;
        for n in 0..*of_hour {
            let sent_at = begin + HOUR / (of_hour + 1) * (n + 1);
            times.push((sent_at, 1));
            if followed[hour].contains(&n) {
                let is_lost = lost[hour].contains(&n);
                sample.push(SampledMessage {
                    sent_at,
                    checked_at: Some(now() + HOUR),
                    delivered_at: (!is_lost).then_some(sent_at),
                    bounced_at: is_lost.then_some(sent_at),
                    ..SampledMessage::default()
                });
            }
        }
    }
    day_of.sent = CumulativeCounts::from_counts(times.iter().copied());
    day_of.recipients = KnownRecipients {
        recipients: CumulativeCounts::from_counts(times.iter().copied()),
        messages: CumulativeCounts::from_counts(times),
    };
    day_of.sampled = sample;
    day_of
}

/// Postmark's API answers nothing for seven hours, and the mail of these hours is lost: of 217 messages a tenth are drawn once it is back,
/// of the 125 after them a quarter to a half.
#[test]
fn mail_that_was_drawn_from_thinly_counts_for_as_much_as_there_was() {
    let sent = [
        31, 31, 31, 31, 31, 31, 31, 20, 15, 12, 10, 8, 6, 5, 4, 3, 3, 2, 2, 3, 5, 7, 9, 11,
    ];
    let drawn = [
        3, 3, 3, 4, 3, 3, 4, 5, 5, 5, 5, 4, 3, 2, 2, 1, 1, 1, 1, 1, 2, 3, 4, 5,
    ];
    let lost = |hour: usize| match hour {
        0..6 => (0..31).collect(),
        6 => (0..16).collect(),
        _ => HashSet::new(),
    };
    let lost: Vec<HashSet<u32>> = (0..24).map(lost).collect();
    let followed = |(sent, drawn): (&u32, &u32)| (0..*drawn).map(|n| n * sent / drawn).collect();
    let followed: Vec<HashSet<u32>> = sent.iter().zip(&drawn).map(followed).collect();
    let history = of_hours(&sent, &lost, &followed);
    let day = told(&history);
    assert_eq!(day.sent, 342);
    let delivered = day.delivered.expect("an estimate");
    assert!((120..160).contains(&delivered), "{delivered}");
    let (low, high) = day.delivered_range.expect("a range");
    assert!((low..=high).contains(&140) && high < 200, "{low} to {high}");
    // The same sample of mail that was sent evenly says what it says by itself.
    let even = |of: u32| vec![of; 24];
    let every_fifth = |_| (0..20).step_by(5).collect();
    let followed: Vec<HashSet<u32>> = (0..24).map(every_fifth).collect();
    let lost: Vec<HashSet<u32>> = (0..24)
        .map(|h| (0..if h < 6 { 20 } else { 0 }).collect())
        .collect();
    let day = told(&of_hours(&even(20), &lost, &followed));
    let (low, high) = clopper_pearson(72, 96, 0.95);
    let of_all = |share: f64| (480.0 * share).round() as u64;
    assert_eq!(day.delivered, Some(360));
    assert_eq!(day.delivered_range, Some((of_all(low), of_all(high))));
}

/// Draws the same numbers from the same seed, as `SplitMix64` does.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// Follows up to `number` of these messages.
    fn follow(
        &mut self,
        mut from: Vec<(usize, u32)>,
        number: usize,
        followed: &mut [HashSet<u32>],
    ) {
        for _ in 0..number.min(from.len()) {
            let index = self.below(from.len() as u64) as usize;
            let (hour, message) = from.swap_remove(index);
            followed[hour].insert(message);
        }
    }
}

/// A day with some hours that nobody could see, whose mail is drawn from as if it were that of five polls, and is lost in any part; a
/// poll draws five messages of each other hour, of which up to 5% are lost. Returns it with the number delivered.
fn uneven_day(seed: u64) -> (History, u64) {
    const SHAPE: [u32; 24] = [
        1, 1, 1, 1, 2, 4, 6, 8, 10, 10, 9, 8, 8, 9, 10, 9, 8, 6, 4, 3, 2, 2, 1, 1,
    ];
    let mut draw = Draw(seed);
    let volume = 2 + draw.below(12) as u32;
    let begin = 4 + draw.below(8) as usize;
    let unseen = begin..begin + 4 + draw.below(6) as usize;
    let (in_it, else_where) = (draw.below(101), draw.below(6));
    let sent = SHAPE.map(|shape| 1 + volume * shape);
    let mut lost: Vec<HashSet<u32>> = Vec::new();
    for (hour, of_hour) in sent.iter().enumerate() {
        let percent = if unseen.contains(&hour) {
            in_it
        } else {
            else_where
        };
        let is_lost = |_: &u32| draw.below(100) < percent;
        lost.push((0..*of_hour).filter(is_lost).collect());
    }
    let mut followed = vec![HashSet::new(); 24];
    let of = |hour: usize| (0..sent[hour]).map(move |n| (hour, n));
    draw.follow(unseen.clone().flat_map(of).collect(), 25, &mut followed);
    for hour in (0..24).filter(|hour| !unseen.contains(hour)) {
        draw.follow(of(hour).collect(), 5, &mut followed);
    }
    let all: u32 = sent.iter().sum();
    let lost_of_all: usize = lost.iter().map(HashSet::len).sum();
    let delivered = u64::from(all) - lost_of_all as u64;
    (of_hours(&sent, &lost, &followed), delivered)
}

/// Added up as if each message stood for as many, the sample holds the truth on fewer than half of these days.
#[test]
fn the_interval_holds_what_was_delivered_on_days_that_were_drawn_from_unevenly() {
    let days = 1_000;
    let is_held = |seed: &u64| {
        let (history, delivered) = uneven_day(*seed);
        let stats = StreamStats::from_history(&history, day());
        let (low, high) = stats.delivered_range.expect("a range");
        low <= delivered && delivered <= high
    };
    let held = (0..days).filter(is_held).count();
    assert!(held >= 950, "{held} of {days}");
}

/// A tenth of the mail is lost, which one day's sample need not show beyond chance.
#[test]
fn a_loss_that_the_sample_of_some_days_shows_makes_the_day_unusual() {
    let sent = 480;
    let of_day = |days_ago: u32, of: u32, lost: u32| {
        let mail = (0..of).map(move |n| sampled(n * 2, sent, n >= lost, false));
        mail.map(move |mail| SampledMessage {
            sent_at: mail.sent_at - DAY * days_ago,
            delivered_at: mail.delivered_at.map(|at| at - DAY * days_ago),
            ..mail
        })
    };
    let unusual = |lost: [u32; 3]| {
        let [first, second, last] = lost;
        let mut history = history(sent, 1);
        let days = of_day(2, 158, first)
            .chain(of_day(1, 158, second))
            .chain(of_day(0, 158, last));
        history.sampled = days.collect();
        told(&history).usual_delivered.is_some()
    };
    // Where 3% of the mail in general is lost, 14 of 158 are beyond chance, and 13 are not yet.
    assert!(unusual([0, 0, 14]));
    assert!(!unusual([0, 0, 13]));
    assert!(unusual([0, 13, 13]));
    assert!(unusual([11, 11, 11]));
    // What was lost before makes no day unusual on which the usual share arrived.
    assert!(!unusual([16, 16, 0]));
    assert!(!unusual([16, 16, 6]));
    assert!(!unusual([5, 5, 7]));
}

/// A wrong word in fewer than 1 of 500 digests of a stream that loses as much as mail in general, and hardly ever of one that loses 1%.
#[test]
fn a_usual_loss_makes_hardly_any_day_unusual() {
    let unusual = |of: u32, lost: u32| {
        let mut history = history(2 * of, 1);
        let mail = (0..of).map(|n| sampled(n, 2 * of, n >= lost, false));
        history.sampled = mail.collect();
        is_below(&history, &[], day(), 0.97)
    };
    let least = |of: u32| (0..of).find(|lost| unusual(of, *lost));
    // Of 50, 120 and 480 messages so many are lost by chance, at 3%, with a probability of 1e-4, 3e-4 and 4e-4; at 1%, below 1e-7.
    assert_eq!([50, 120, 480].map(least), [Some(8), Some(12), Some(29)]);
}

#[test]
fn a_few_bounces_of_a_healthy_stream_make_no_day_unusual() {
    let exceeded = |bounced: u32, sent: u32| {
        let mut history = history(sent, 1);
        let bounce = |n| bounce(n, sent, BounceClass::Hard);
        history.bounce_events = (0..bounced).map(bounce).collect();
        let day = told(&history);
        assert!(day.bounce_rate > 0.01, "{bounced} of {sent}");
        day.exceeded_threshold
    };
    for (bounced, sent) in [(1, 31), (1, 27), (2, 110), (3, 150)] {
        assert_eq!(exceeded(bounced, sent), None, "{bounced} of {sent}");
    }
    for (bounced, sent) in [(3, 40), (10, 122), (12, 800), (24, 335)] {
        assert_eq!(exceeded(bounced, sent), Some(0.01), "{bounced} of {sent}");
    }
}

#[test]
fn a_day_whose_bounces_were_not_read_is_not_unknown() {
    let mut history = history(0, 1);
    history.bounces = Coverage::none();
    let day_of = told(&history);
    assert_eq!(day_of.unknown, []);
    assert_eq!(day_of.bounces_unread, [day()]);
}
