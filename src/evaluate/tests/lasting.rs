//! An excess of a small sender is one incident, from the days that show it to those that show its end.

use super::*;
use crate::model::{
    BounceClass, BounceEvent, Feedback, Incident, Judgement, MarkedTime, Severity, StreamId,
};

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

/// Five bounces across midnight, and ten days later five more: no sum holds open what ends a day after its last bounce.
#[test]
fn a_wave_across_midnight_is_over_a_day_later_and_the_next_one_is_told() {
    let of_wave = [2235, 2237, 2239, 2241, 2245];
    let history = sender(40, 80, |n, _| {
        of_wave.contains(&n) || of_wave.contains(&(n.saturating_sub(400)))
    });
    let steps = bounce_steps(history, days(50, 70), 1);
    let hour = |t: &Transition| t.at.since(start() + DAY * 56).as_secs() / HOUR.as_secs();
    let turns = steps.iter().filter(|t| t.step != Step::Reminded);
    let turns: Vec<_> = turns.map(|t| (t.step, hour(t))).collect();
    let [
        (Step::Opened, 1),
        (Step::Resolved, ended),
        (Step::Opened, 241),
        (Step::Resolved, ended_again),
    ] = turns[..]
    else {
        panic!("{turns:?}");
    };
    // The last bounces are of 03:00.
    assert!(ended <= 29 && ended_again <= 240 + 29, "{turns:?}");
    let told = |t: &&Transition| t.step == Step::Reminded && t.notified;
    let reminded: Vec<_> = steps.iter().filter(told).map(hour).collect();
    assert!(
        reminded.iter().all(|hour| [25, 265].contains(hour)),
        "{reminded:?}"
    );
}

/// What a person closed as real goes on: it opens again a day later, and until then nothing says that it is over.
#[test]
fn what_was_closed_as_real_and_goes_on_opens_again_a_day_later() {
    let policy = Policy::new(false, Rules::default());
    let mut evaluator = Evaluator::new(policy.clone(), 1);
    let mut histories: BTreeMap<StreamId, History> = [("outbound".into(), small_sender())].into();
    let together = evaluator.joined_streams(&"shop".into(), &histories);
    let mut log = IncidentLog::new("shop".into(), []);
    let mut closed: Option<Incident> = None;
    let mut opened = Vec::new();
    for hour in 0..6 * 24 {
        let at = excess().from + DAY + HOUR * hour;
        for t in evaluator.evaluate_at(&mut log, &histories, &together, at) {
            if t.incident.rule == Rule::BounceRate && t.step == Step::Opened {
                opened.push(at);
            }
        }
        let is_open = |i: &&Incident| i.is_open() && i.rule == Rule::BounceRate;
        let open = log.incidents().find(is_open).cloned();
        if let Some(open) = open.filter(|open| closed.is_none() && at >= open.opened_at + HOUR * 2)
        {
            let t = log.close(&policy, &open.id, "ops", at).expect("it is open");
            let of = histories
                .get_mut(&StreamId::from("outbound"))
                .expect("it is there");
            of.marked.push(MarkedTime {
                incident: open.id,
                rule: Rule::BounceRate,
                span: t.incident.marked_span().expect("of days"),
                feedback: Feedback {
                    judgement: Judgement::Real,
                    by: "ops".to_owned(),
                    at,
                },
            });
            closed = Some(t.incident);
        }
        if let Some(closed) = closed.as_ref().filter(|_| opened.len() == 1) {
            let same = log.incidents().find(|i| i.id == closed.id);
            let goes_on = same.and_then(Incident::closed_and_may_go_on);
            assert!(goes_on.is_some(), "{hour}");
        }
    }
    let closed_at = closed.and_then(|closed| closed.closed_and_may_go_on());
    assert_eq!(opened.get(1), closed_at.map(|at| at + DAY).as_ref());
}

/// Two percent of two hundred mails a day bounce for twelve days, and from then on a little less than the threshold.
#[test]
fn what_settles_just_below_the_threshold_is_over_two_weeks_later() {
    let excess = days(42, 54);
    let history = sender(200, 100, |n, at| match at {
        at if excess.contains(at) => n % 50 == 5,
        at if at < excess.from => n % 500 == 77,
        _ => n % 115 == 7,
    });
    let steps = bounce_steps(history, days(42, 99), 6);
    let day = |t: &Transition| t.at.since(excess.until).as_secs() / DAY.as_secs();
    let turns = steps.iter().filter(|t| t.step != Step::Reminded);
    let turns: Vec<_> = turns.map(|t| (t.step, day(t))).collect();
    let [(Step::Opened, _), (Step::Resolved, ended)] = turns[..] else {
        panic!("{turns:?}");
    };
    assert!((5..=18).contains(&ended), "{turns:?}");
}

/// The end of an excess shows, and before anybody looks there is a wave of some hours.
#[test]
fn an_end_that_was_shown_before_a_wave_is_told_by_the_mail_after_it() {
    let wave = 2_266..2_280;
    let history = sender(40, 80, |n, at| match excess().contains(at) {
        true => n % 13 == 5,
        false => n % 200 == 77 || (wave.contains(&n) && n % 2 == 0),
    });
    let over = start() + DAY / 40 * 2_280;
    let steps = bounce_steps(history, days(41, 79), 24);
    let mut ends = steps.iter().filter(|t| t.step == Step::Resolved);
    let end = ends.find(|t| t.at >= over).expect("it ends");
    let Evidence::Rate(rate) = &end.incident.evidence else {
        panic!("{end:?}")
    };
    let until = rate.until.expect("known");
    assert!(
        end.at >= over + DAY && until > over && rate.rate() <= 0.01,
        "{end:?}"
    );
}

/// What was seen before it opened shows no end of it, and one that ended is not told again by a stray bounce.
#[test]
fn an_excess_that_just_opened_does_not_end_by_what_was_before() {
    for seed in 1..=8u64 {
        let random = |n: usize| (n as u64 * seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let history = sender(20, 80, |n, at| {
            let share = if excess().contains(at) { 0.06 } else { 0.004 };
            (random(n) as f64) < share * f64::from(u32::MAX)
        });
        let steps = bounce_steps(history, days(41, 70), 3);
        let turns: Vec<&Transition> = steps.iter().filter(|t| t.step != Step::Reminded).collect();
        for pair in turns.windows(2) {
            let apart = pair[1].at.since(pair[0].at);
            assert!(apart > 8 * HOUR, "{seed}: {pair:?}");
        }
    }
}
