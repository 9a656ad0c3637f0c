//! One recipient domain that refuses everything is one problem, however it is seen.

use super::*;
use crate::model::{BounceClass, BounceEvent};

/// When the domain begins to block, and when it takes mail again.
fn blocked() -> Span {
    Span::new(start() + DAY * 30 + 9 * HOUR, start() + DAY * 33 + 9 * HOUR)
}

/// Forty messages in each hour of the day and three in each of the night. A fifth of those of the day go to a domain, which blocks for
/// three days; `bounces` says what else bounces, of the n-th message of an hour.
fn blocking(bounces: impl Fn(Timestamp, u64) -> Option<(BounceClass, String)>) -> History {
    let end = start() + DAY * 40;
    let mut sent = Vec::new();
    let mut bounce_events = Vec::new();
    for hour in 0..40 * 24 {
        let begins = start() + HOUR * hour;
        let is_day = (8..18).contains(&(hour % 24));
        let messages = if is_day { 40 } else { 3 };
        for n in 0..messages {
            let at = begins + Duration::from_secs(n * 80);
            sent.push(at);
            let is_refused = is_day && n % 5 == 0 && blocked().contains(at);
            let refused = || (BounceClass::Blocked, "example.org".to_owned());
            let bounce = is_refused.then(refused).or_else(|| bounces(at, n));
            bounce_events.extend(bounce.map(|(class, domain)| BounceEvent {
                tag: None,
                at,
                message: at.to_string(),
                sent_at: Some(at),
                class,
                recipient: format!("user{}@{domain}", at.0),
            }));
        }
    }
    History {
        bounce_events,
        ..history(&sent, end)
    }
}

/// What people are told of bounces from the 29th day on, without reminders, and in which hour since the block began.
fn told(history: History) -> Vec<(String, u64)> {
    let policy = Policy::new(false, Rules::default());
    let past = ServerPast {
        server: "shop".into(),
        policy: policy.clone(),
        histories: [("outbound".into(), history)].into(),
        sampled: BTreeMap::new(),
    };
    let mut replay = Replay::new(vec![past], policy, 1);
    let mut told = Vec::new();
    for hour in 0..11 * 24 {
        for t in replay.poll(start() + DAY * 29 + HOUR * hour) {
            let is_of_bounces = matches!(
                t.incident.rule,
                Rule::HardBounceWake | Rule::BounceRate | Rule::DomainBlocks
            );
            if t.notified && is_of_bounces && t.step != Step::Reminded {
                let step = format!("{} {}", t.incident.rule, t.step.name());
                told.push((step, t.at.since(blocked().from).as_secs() / 3600));
            }
        }
    }
    told
}

#[test]
fn a_domain_that_blocks_for_days_is_told_once_and_ends_once() {
    let steps = told(blocking(|_, _| None));
    assert_eq!(steps[0], ("domain_blocks opened".to_owned(), 1));
    assert_eq!(steps.len(), 2, "{steps:?}");
    let (end, hours) = &steps[1];
    assert_eq!(end, "domain_blocks resolved");
    assert!((72..=97).contains(hours), "{hours} h");
}

#[test]
fn what_others_refuse_beside_it_is_told_at_once() {
    let beside = blocked().from + DAY + 3 * HOUR;
    let steps = told(blocking(|at, n| {
        let is_refused = Span::new(beside, beside + 2 * HOUR).contains(at) && n % 4 == 1;
        is_refused.then(|| {
            let domain = format!("customer{}.example.net", at.0);
            (BounceClass::Blocked, domain)
        })
    }));
    let of_rate = steps
        .iter()
        .filter(|(step, _)| step.starts_with("bounce_rate"));
    let of_rate: Vec<(&str, u64)> = of_rate.map(|(step, hour)| (step.as_str(), *hour)).collect();
    // They are refused from 27 h on.
    assert_eq!(
        of_rate,
        [("bounce_rate opened", 28), ("bounce_rate resolved", 31)]
    );
    assert_eq!(steps.len(), 4, "{steps:?}");
    assert_eq!(steps[0], ("domain_blocks opened".to_owned(), 1));
}

#[test]
fn a_rate_that_told_of_it_first_goes_on_until_it_is_over() {
    // Three a day are usual there, so the first eight say nothing of the domain yet.
    let steps = told(blocking(|at, n| {
        let noon = at.floor(DAY) + 12 * HOUR;
        let is_usual = Span::new(noon, noon + HOUR).contains(at) && n % 16 == 2;
        is_usual.then(|| (BounceClass::Blocked, "example.org".to_owned()))
    }));
    assert_eq!(steps[0], ("bounce_rate opened".to_owned(), 1));
    assert_eq!(steps.len(), 2, "{steps:?}");
    let (end, hours) = &steps[1];
    assert_eq!(end, "bounce_rate resolved");
    assert!((72..=98).contains(hours), "{hours} h");
}
