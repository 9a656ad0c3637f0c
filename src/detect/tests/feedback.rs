//! What people say of an incident decides what is learned from its time.

use std::time::Duration;

use super::*;
use crate::detect::Silence;
use crate::detect::silence::training_cutoff;
use crate::model::{Feedback, Judgement, MarkedTime};

const DAYS: u32 = 40;

/// A message every two hours on average, at random, for 40 days; none within `outages`, but when each begins and ends.
fn mail(outages: &[Span]) -> Vec<Timestamp> {
    let mut at = start();
    let sent = std::iter::from_fn(|| {
        let random = (at.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        let uniform = (random as f64 + 0.5) / (1u64 << 53) as f64;
        at = at + Duration::from_secs_f64(-7200.0 * uniform.ln());
        Some(at).filter(|at| *at < start() + DAYS * DAY)
    });
    let is_sent = |at: &Timestamp| !outages.iter().any(|outage| outage.contains(*at));
    let ends = outages
        .iter()
        .flat_map(|outage| [outage.from, outage.until]);
    let mut sent: Vec<Timestamp> = sent.filter(is_sent).chain(ends).collect();
    sent.sort();
    sent
}

/// An outage of so many hours on each of these days.
fn outages<const N: usize>(days: [u32; N], hours: u32) -> [Span; N] {
    days.map(|day| Span::new(start() + DAY * day, start() + DAY * day + HOUR * hours))
}

/// The history of mail that stops for good after the last, where a person said this of `times`.
fn stopped(sent: Vec<Timestamp>, times: &[Span], judgement: Option<Judgement>) -> History {
    let last = *sent.last().expect("some mail");
    let marked = times.iter().zip(judgement.into_iter().cycle());
    let marked = marked.map(|(time, judgement)| MarkedTime {
        incident: "ektn6n35".to_owned(),
        rule: Rule::SendSilence,
        span: *time,
        feedback: Feedback {
            judgement,
            by: "ops".to_owned(),
            at: last,
        },
    });
    History {
        marked: marked.collect(),
        ..history(sent, last + 60 * DAY)
    }
}

/// How long after the last mail a poll on the full hour tells that it stopped, where so many streams share the budget; asserts
/// that `status` and `doctor` say the same.
fn told_after_of(history: &History, series: usize) -> Duration {
    let last = history.hours.last().expect("some mail").last_at;
    let mut detector = Detector::new(Rules::default(), series);
    let mut polls = (1..=60 * 24).map(|hour| last.floor(HOUR) + HOUR * hour);
    let told = polls.find(|at| {
        let found = &detector.detect(history, &outbound(), &[], &ToldBounces::default(), *at)[0];
        found.rule == Rule::SendSilence && found.verdict == Verdict::Breach
    });
    let told = told.expect("told within 60 days").since(last);
    let at = last + Duration::from_millis(1);
    let silence = Silence::for_stream(history, at, &Rules::default(), series);
    assert_eq!(silence.detection_delay(history, last), Some(told));
    told
}

fn told_after(history: &History) -> Duration {
    told_after_of(history, 1)
}

#[test]
fn a_real_outage_does_not_make_the_next_one_late() {
    let times = outages([20], 40);
    let told = |judgement| told_after(&stopped(mail(&times), &times, judgement));
    let clean = told_after(&stopped(mail(&[]), &[], None));
    let (unmarked, real) = (told(None), told(Some(Judgement::Real)));
    assert!(unmarked > clean.mul_f64(1.4), "{clean:?}, {unmarked:?}");
    assert_eq!(real, clean);
}

#[test]
fn a_false_alarm_lifts_the_limit_to_little_more_than_itself_and_may_be_taken_back() {
    let mut capped = 0;
    for (hours, series) in [
        (8, 1),
        (12, 1),
        (18, 1),
        (8, 50),
        (14, 50),
        (20, 50),
        (30, 50),
    ] {
        let times = outages([10, 18, 26], hours);
        let told = |judgement| told_after_of(&stopped(mail(&times), &times, judgement), series);
        let [unmarked, real] = [None, Some(Judgement::Real)].map(told);
        let false_alarm = told(Some(Judgement::FalseAlarm));
        let limit = real.max((HOUR * hours).mul_f64(1.2) + HOUR);
        assert!(
            false_alarm <= limit,
            "{hours}, {series}: {false_alarm:?}, {limit:?}"
        );
        assert!(
            real <= false_alarm && false_alarm <= unmarked.max(limit),
            "{hours}, {series}"
        );
        capped += u32::from(unmarked > limit);
    }
    assert!(capped >= 2, "{capped}");
}

#[test]
fn a_false_alarm_is_learned_from_within_the_hour() {
    let times = outages([39], 5);
    let cutoff = |judgement| {
        let history = stopped(mail(&times), &times, judgement);
        training_cutoff(&history, start() + DAYS * DAY)
    };
    let ended = times[0].until;
    assert!(cutoff(None) < ended);
    assert_eq!(cutoff(Some(Judgement::FalseAlarm)), ended + HOUR);
    assert_eq!(cutoff(Some(Judgement::Real)), cutoff(None));
}

#[test]
fn a_young_stream_is_still_judged_when_an_outage_is_called_real() {
    let times = outages([3], 48);
    let mut sent = mail(&times);
    sent.retain(|at| *at < start() + 8 * DAY);
    let history = stopped(sent, &times, Some(Judgement::Real));
    let at = start() + 8 * DAY + HOUR;
    let found = find(&history, at, &Rules::default(), Rule::SendSilence);
    assert_ne!(found.verdict, Verdict::Unknown);
}

#[test]
fn a_newsletter_that_was_skipped_makes_the_next_one_late_only_if_that_was_a_false_alarm() {
    let week = 7 * DAY;
    let issues = |skipped: u32| {
        let starts = (0..20u32).filter(move |n| *n != skipped);
        starts.flat_map(move |n| {
            let from = start() + DAY + 10 * HOUR + week * n + MINUTE * (n * 5 % 14);
            (0..200u32).map(move |message| from + Duration::from_secs(8) * message)
        })
    };
    let due = start() + DAY + 10 * HOUR + week * 12;
    let time = Span::new(due, due + week);
    let told =
        |skipped, judgement| told_after(&stopped(issues(skipped).collect(), &[time], judgement));
    let (clean, unmarked) = (told(99, None), told(12, None));
    assert!(clean < week.mul_f64(1.1), "{clean:?}");
    assert!(unmarked < week.mul_f64(1.1), "{unmarked:?}");
    let real = told(12, Some(Judgement::Real));
    assert!(real < week.mul_f64(1.1), "{real:?}");
    let false_alarm = told(12, Some(Judgement::FalseAlarm));
    assert!(false_alarm > week.mul_f64(1.1), "{false_alarm:?}");
}

#[test]
fn an_outage_called_real_is_no_drop_after_it() {
    // Twenty an hour by day; what is learned from ends at each midnight of the outage, and once within it.
    let from = start() + 42 * DAY + 9 * HOUR;
    for days in [1, 2, 3] {
        let outage = Span::new(from, from + DAY * days + HOUR);
        let sent = (0..46 * 24).flat_map(|hour| {
            let number = if (8..18).contains(&(hour % 24)) {
                20
            } else {
                3
            };
            (0..number).map(move |n| start() + HOUR * hour + HOUR * n / number + MINUTE / 2)
        });
        let sent: Vec<Timestamp> = sent.filter(|at| !outage.contains(*at)).collect();
        for judgement in [None, Some(Judgement::Real)] {
            // It was over two hours after mail was back.
            let time = Span::new(outage.from, outage.until + 2 * HOUR);
            let history = stopped(sent.clone(), &[time], judgement);
            for hours in 3..12 {
                let at = outage.until + HOUR * hours;
                let drop = find(&history, at, &Rules::default(), Rule::SendDrop);
                assert!(
                    matches!(drop.verdict, Verdict::Within | Verdict::Unknown),
                    "{days} days, {judgement:?}, {hours} h after it: {drop:?}"
                );
            }
        }
    }
}
