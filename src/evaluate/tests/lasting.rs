//! An excess of a small sender is one incident, from the days that show it to those that show its end.

use super::*;
use crate::model::{BounceClass, BounceEvent, Severity};

/// When three of forty messages a day bounce.
fn excess() -> Span {
    days(42, 54)
}

/// Forty messages a day, of which one bounces every five days, and three a day in the excess.
fn small_sender() -> History {
    sender(40, 80, |n, at| match excess().contains(at) {
        true => n % 13 == 5,
        false => n % 200 == 77,
    })
}

/// So many messages a day, of which the n-th bounces as `bounces` says.
fn sender(a_day: u32, days: u32, bounces: impl Fn(usize, Timestamp) -> bool) -> History {
    let sent: Vec<Timestamp> = (0..days * a_day)
        .map(|n| start() + DAY / a_day * n)
        .collect();
    let bad = sent.iter().enumerate().filter(|(n, at)| bounces(*n, **at));
    let bounce_events = bad.map(|(n, at)| BounceEvent {
        tag: None,
        at: *at,
        message: n.to_string(),
        sent_at: Some(*at),
        class: BounceClass::Hard,
        recipient: format!("user@customer{n}.example.net"),
    });
    History {
        bounce_events: bounce_events.collect(),
        ..history(&sent, start() + DAY * days)
    }
}

/// What becomes of its bounce rate, polled every so many hours within `polls`.
fn bounce_steps(history: History, polls: Span, every: u32) -> Vec<Transition> {
    let policy = Policy::new(false, Rules::default());
    let past = ServerPast {
        server: "shop".into(),
        policy: policy.clone(),
        histories: [("outbound".into(), history)].into(),
        sampled: BTreeMap::new(),
    };
    let mut replay = Replay::new(vec![past], policy, 1);
    let mut steps = Vec::new();
    let mut at = polls.from;
    while at < polls.until {
        let of_bounces = |t: &Transition| t.incident.rule == Rule::BounceRate;
        steps.extend(replay.poll(at).into_iter().filter(of_bounces));
        at = at + HOUR * every;
    }
    steps
}

#[test]
fn it_is_told_once_reminded_and_ended_once() {
    let steps = bounce_steps(small_sender(), days(41, 79), 1);
    let day = |t: &Transition| t.at.since(excess().from).as_secs() / DAY.as_secs();
    let shown: Vec<_> = steps.iter().map(|t| (t.step, day(t))).collect();
    let (opened, ended) = (&steps[0], &steps[steps.len() - 1]);
    assert_eq!(
        (opened.step, ended.step),
        (Step::Opened, Step::Resolved),
        "{shown:?}"
    );
    assert!(
        (2..=4).contains(&day(opened)) && (13..=16).contains(&day(ended)),
        "{shown:?}"
    );
    assert!(opened.notified && ended.notified && opened.incident.severity == Severity::Warn);
    let between = &steps[1..steps.len() - 1];
    assert!(
        between.iter().all(|t| t.step == Step::Reminded),
        "{shown:?}"
    );
    // A reminder says what is so when it is written, as long as it goes on.
    for t in between.iter().filter(|t| t.at <= excess().until) {
        let Evidence::Rate(rate) = &t.incident.evidence else {
            panic!("{t:?}")
        };
        let is_fresh = rate.until.is_some_and(|until| t.at.since(until) <= DAY);
        assert!(
            rate.lasting.is_some() && is_fresh && rate.rate() > 0.05,
            "{rate:?}"
        );
    }
    let Evidence::Rate(rate) = &ended.incident.evidence else {
        panic!("{ended:?}")
    };
    assert!(rate.rate() <= 0.01 && rate.denominator >= 40, "{rate:?}");
}

/// A hundred messages a day, of which 1.3% bounce for seven weeks, and before and after that one in five days.
#[test]
fn what_goes_on_for_weeks_does_not_become_usual() {
    let excess = days(42, 91);
    let history = sender(100, 120, |n, at| match excess.contains(at) {
        true => n % 76 == 5,
        false => n % 500 == 77,
    });
    let steps = bounce_steps(history, days(42, 119), 6);
    let day = |t: &Transition| t.at.since(start()).as_secs() / DAY.as_secs();
    let shown: Vec<_> = steps.iter().map(|t| (t.step, day(t))).collect();
    let opened = steps.iter().filter(|t| t.step == Step::Opened).count();
    let ended: Vec<&Transition> = steps.iter().filter(|t| t.step == Step::Resolved).collect();
    let [end] = &ended[..] else {
        panic!("{shown:?}");
    };
    assert_eq!(opened, 1, "{shown:?}");
    assert!(end.at > excess.until, "{shown:?}");
    let Evidence::Rate(rate) = &end.incident.evidence else {
        panic!("{end:?}")
    };
    assert!(rate.rate() <= 0.01 && rate.denominator > 200, "{rate:?}");
}
