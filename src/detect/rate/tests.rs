use super::*;
use crate::model::{CountedSpan, Coverage, CumulativeCounts, HourCount, KnownRecipients};

fn at(minutes: u32) -> Timestamp {
    Timestamp(0) + 100 * DAY + MINUTE * minutes
}

fn span(from: u32, until: u32) -> Span {
    Span::new(at(from), at(until))
}

/// Two days of counts, each of so many minutes with a hundred messages a minute, and bounces of unknown sending.
fn counted(minutes: u32, bounces: impl Iterator<Item = u32>) -> History {
    let from = at(0) - DAY;
    let covered = Coverage::from_spans([Span::new(from, at(1440))]);
    let windows = (0..2880 / minutes).map(|n| {
        let begins = from + MINUTE * (n * minutes);
        CountedSpan {
            span: Span::new(begins, begins + MINUTE * minutes),
            sent: u64::from(minutes) * 100,
            last_at: Some(begins + MINUTE * (minutes - 1)),
        }
    });
    let counted: Vec<CountedSpan> = windows.collect();
    let ticks = counted.iter().filter_map(|c| Some((c.last_at?, c.sent)));
    let mark = |minute: u32| BounceEvent {
        tag: None,
        at: at(minute),
        message: minute.to_string(),
        sent_at: None,
        class: BounceClass::Hard,
        recipient: String::new(),
    };
    History {
        first_seen_at: Some(from),
        installed_at: Some(from),
        messages: covered.clone(),
        bounces: covered,
        sent: CumulativeCounts::from_counts(ticks),
        counted: counted.clone(),
        bounce_events: bounces.map(mark).collect(),
        ..History::default()
    }
}

fn measured(history: &History, minute: u32) -> (Verdict, RateEvidence) {
    let mut rules = Rules::default();
    rules.bounce_rate.confidence = None;
    let plain = RateTest::bounces(&rules);
    evaluate_rule(history, at(minute), &plain, BounceClass::counts)
}

#[test]
fn a_bounce_of_a_counted_message_is_one_of_those_that_were_counted() {
    let history = counted(10, 600..660);
    let (verdict, evidence) = measured(&history, 660);
    assert_eq!((evidence.numerator, evidence.denominator), (60, 6_000));
    assert_eq!(verdict, Verdict::Within);
    let known = BounceEvent {
        sent_at: Some(at(30)),
        ..history.bounce_events[0].clone()
    };
    let late = History {
        bounce_events: vec![known],
        ..history
    };
    assert_eq!(measured(&late, 660).1.denominator, 6_001);
}

#[test]
fn a_count_that_a_window_cuts_is_left_out_with_its_bounces() {
    let history = counted(10, 600..670);
    let (verdict, evidence) = measured(&history, 665);
    assert_eq!(evidence.covered, MINUTE * 50);
    assert_eq!((evidence.numerator, evidence.denominator), (50, 5_000));
    assert_eq!(verdict, Verdict::Within, "all of it was seen");
}

#[test]
fn a_window_of_which_most_is_in_cut_counts_is_unknown() {
    let measured = |minutes, at| measured(&counted(minutes, std::iter::empty()), at);
    assert_eq!(measured(40, 650).1.covered, MINUTE * 40);
    assert_eq!(measured(40, 650).0, Verdict::Within);
    assert_eq!(measured(50, 640).1.covered, Duration::ZERO);
    assert_eq!(measured(50, 640).0, Verdict::Unknown);
    assert_eq!(measured(120, 660).0, Verdict::Unknown);
}

#[test]
fn mail_that_was_listed_beside_counts_is_counted_by_the_message() {
    let mut history = counted(60, std::iter::empty());
    let cut = history.counted.partition_point(|c| c.span.until <= at(600));
    history.counted.truncate(cut);
    let listed = (600..720).map(|minute| (at(minute), 1));
    let before = history
        .counted
        .iter()
        .filter_map(|c| Some((c.last_at?, c.sent)));
    history.sent = CumulativeCounts::from_counts(before.chain(listed));
    let parts = [history.whole_counts_within(span(590, 650))];
    assert_eq!(parts, [span(600, 650)]);
    assert_eq!(history.sent_in(&parts), 50);
    assert_eq!(history.counted_in(span(540, 650)), 6_000);
    assert_eq!(history.counted_in(span(541, 650)), 0);
}

/// Three mails an hour, of which those of these minutes bounced then.
fn small_sender(bounced_at: &[u32]) -> History {
    let covered = Coverage::from_spans([Span::new(at(0) - 10 * DAY, at(1440))]);
    let mark = |minute: &u32| BounceEvent {
        tag: None,
        at: at(*minute),
        message: minute.to_string(),
        sent_at: Some(at(*minute)),
        class: BounceClass::Hard,
        recipient: String::new(),
    };
    let sent = (0..72).map(|n| (at(20 * n), 1));
    History {
        first_seen_at: Some(at(0) - 10 * DAY),
        installed_at: Some(at(0) - 10 * DAY),
        messages: covered.clone(),
        bounces: covered,
        sent: CumulativeCounts::from_counts(sent),
        bounce_events: bounced_at.iter().map(mark).collect(),
        ..History::default()
    }
}

fn certain(history: &History, minute: u32) -> (Verdict, RateEvidence) {
    let certain = RateTest::bounces(&Rules::default());
    evaluate_rule(history, at(minute), &certain, BounceClass::counts)
}

#[test]
fn with_confidence_a_small_sender_is_judged_on_a_longer_window() {
    let history = small_sender(&[500, 540, 560, 580]);
    let (verdict, evidence) = certain(&history, 600);
    assert_eq!((evidence.numerator, evidence.denominator), (4, 12));
    assert_eq!((verdict, evidence.window), (Verdict::Breach, 4 * HOUR));
    let (verdict, evidence) = measured(&history, 600);
    assert_eq!((verdict, evidence.window), (Verdict::Within, HOUR));
    // Three of twelve happen to somebody in 45 days.
    let fewer = small_sender(&[500, 540, 580]);
    assert_eq!(certain(&fewer, 600).0, Verdict::Unresolved);
}

/// 765 recipients in a day; of the first 54, in its first hour, 40 hard bounced.
fn burst() -> History {
    let sent = |n: u32| match n {
        0..54 => at(0) + MINUTE * n,
        _ => at(60) + MINUTE * (n - 54),
    };
    let bounced = |n: u32| BounceEvent {
        tag: None,
        at: sent(n),
        message: n.to_string(),
        sent_at: Some(sent(n)),
        class: BounceClass::Hard,
        recipient: "someone@example.com".to_owned(),
    };
    let covered = Coverage::from_spans([Span::new(at(0) - 10 * DAY, at(2880))]);
    let before = (0..200).map(|n| (at(0) - DAY - HOUR + MINUTE * n / 10, 1));
    History {
        first_seen_at: Some(at(0) - 10 * DAY),
        installed_at: Some(at(0) - 10 * DAY),
        messages: covered.clone(),
        bounces: covered,
        sent: CumulativeCounts::from_counts(before.chain((0..765).map(|n| (sent(n), 1)))),
        bounce_events: (0..40).map(bounced).collect(),
        ..History::default()
    }
}

fn hard_bounces(minute: u32) -> (Verdict, RateEvidence) {
    let findings = evaluate(
        &burst(),
        at(minute),
        &Rules::default(),
        &ToldBounces::default(),
    );
    match &findings[0].evidence {
        Evidence::Rate(rate) => (findings[0].verdict, rate.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hard_bounces_wake_within_a_short_window() {
    let (verdict, rate) = hard_bounces(60);
    assert_eq!(verdict, Verdict::Breach);
    assert_eq!((rate.numerator, rate.denominator), (40, 54));
    assert_eq!((rate.window, rate.usual), (HOUR, Some(0.0)));
}

#[test]
fn nothing_opens_because_less_mail_was_sent() {
    let (verdict, rate) = hard_bounces(13 * 60 + 39);
    assert_eq!((rate.numerator, rate.denominator), (40, 765));
    assert_eq!(rate.sent_since, Some(765 - 39), "from the last one on");
    // Above 5% still, and 13 hours after the last bounce.
    assert!(rate.rate() > 0.05);
    assert_eq!(verdict, Verdict::Unresolved);
}

#[test]
fn the_wave_is_from_its_first_bounce_to_its_last_without_those_of_any_time() {
    let (_, rate) = hard_bounces(60);
    assert_eq!((rate.until, rate.newest_at), (Some(at(60)), Some(at(39))));
    assert_eq!(rate.wave, Some(span(0, 39)));
    let mut history = burst();
    let stray = BounceEvent {
        at: at(700),
        message: "stray".to_owned(),
        ..history.bounce_events[0].clone()
    };
    history.bounce_events.push(stray);
    let findings = evaluate(
        &history,
        at(13 * 60 + 39),
        &Rules::default(),
        &ToldBounces::default(),
    );
    let Evidence::Rate(rate) = &findings[0].evidence else {
        panic!("{findings:?}")
    };
    assert_eq!(findings[0].verdict, Verdict::Unresolved);
    assert_eq!((rate.numerator, rate.newest_at), (41, Some(at(700))));
    assert_eq!(rate.wave, Some(span(0, 39)));
    assert!(!rate.is_over_by(at(13 * 60 + 39)) && rate.is_over_by(at(15 * 60)));
}

#[test]
fn the_level_holds_for_all_looks_together() {
    let test = RateTest::bounces(&Rules::default());
    let least = |whole: u64| (1..=whole).find(|part| test.is_breach(*part, whole));
    let least = [10, 40, 200, 1_000].map(|whole| least(whole).unwrap_or(0));
    assert_eq!(least, [4, 6, 10, 25]);
}

/// The next number in [0, 1) of the generator `SplitMix64`.
fn next(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// 45 days of a Poisson process of so many recipients an hour, each of whom bounces with that probability.
fn healthy(per_hour: f64, share: f64, seed: u64) -> History {
    let mut state = seed;
    let (begin, end) = (at(0), at(0) + 45 * DAY);
    let (mut sent, mut bounce_events) = (Vec::new(), Vec::new());
    let mut now = begin;
    loop {
        let gap = -(1.0 - next(&mut state)).ln() / per_hour;
        now = now + HOUR.mul_f64(gap);
        if now >= end {
            break;
        }
        sent.push((now, 1));
        if next(&mut state) < share {
            bounce_events.push(BounceEvent {
                tag: None,
                at: now,
                message: now.to_string(),
                sent_at: Some(now),
                class: BounceClass::Hard,
                recipient: String::new(),
            });
        }
    }
    let covered = Coverage::from_spans([Span::new(begin, end)]);
    let mut hours: Vec<HourCount> = Vec::new();
    for (at, _) in &sent {
        match hours.last_mut() {
            Some(hour) if hour.start == at.floor(HOUR) => {
                (hour.sent, hour.last_at) = (hour.sent + 1, *at);
            }
            _ => hours.push(HourCount {
                start: at.floor(HOUR),
                sent: 1,
                first_at: *at,
                last_at: *at,
            }),
        }
    }
    History {
        first_seen_at: Some(begin),
        installed_at: Some(begin),
        messages: covered.clone(),
        bounces: covered,
        hours,
        sent: CumulativeCounts::from_counts(sent),
        bounce_events,
        ..History::default()
    }
}

/// How often any of the rules opens within 45 days.
fn openings(history: &History, rules: &Rules) -> usize {
    let mut was_breach = [false; 3];
    let mut openings = 0;
    for hour in 1..=45 * 24 {
        let findings = evaluate(history, at(60 * hour), rules, &ToldBounces::default());
        for (was, finding) in was_breach.iter_mut().zip(&findings) {
            let is_breach = finding.verdict == Verdict::Breach;
            openings += usize::from(is_breach && !*was);
            *was = is_breach;
        }
    }
    openings
}

#[test]
fn healthy_senders_have_at_most_one_alert_together_in_45_days() {
    for seed in 1..=5 {
        let mut alerts = 0;
        for (n, per_hour) in [10.0, 40.0, 200.0].into_iter().enumerate() {
            for (m, share) in [0.0035, 0.009].into_iter().enumerate() {
                let own = seed * 100 + (n * 10 + m) as u64;
                let history = healthy(per_hour, share, own);
                alerts += openings(&history, &Rules::default());
            }
        }
        assert!(alerts <= 1, "seed {seed}: {alerts}");
    }
    // So many that the test would see it.
    let mut plain = Rules::default();
    plain.bounce_rate.confidence = None;
    assert!(openings(&healthy(40.0, 0.0035, 1), &plain) > 20);
}

#[test]
fn what_chance_explains_is_counted() {
    let history = small_sender(&[500, 540, 560, 580, 900]);
    let mut rules = Rules::default();
    rules.bounce_rate.min_denominator = 3;
    let found = chance_breaches(&history, &rules, Rule::BounceRate, span(0, 1440));
    // At 9:00 and at 16:00 one of three; the three of three at 10:00 are no chance.
    assert_eq!((found.times, found.highest), (2, (1, 3)));
    let calm = chance_breaches(&history, &rules, Rule::SpamRate, span(0, 1440));
    assert_eq!(calm, ChanceBreaches::default());
}

#[test]
fn what_opened_on_a_longer_window_ends_a_day_after_its_last_bounce_at_the_latest() {
    let history = small_sender(&[500, 540, 580]);
    assert_eq!(certain(&history, 660).0, Verdict::Unresolved);
    assert_eq!(
        certain(&history, 900).0,
        Verdict::Within,
        "ten later ones arrived"
    );
    let last = History {
        sent: CumulativeCounts::from_counts((0..30).map(|n| (at(20 * n), 1))),
        ..history
    };
    assert_eq!(certain(&last, 1400).0, Verdict::Unresolved);
}

#[test]
fn one_bounce_alone_is_no_rate_with_confidence_nor_is_mail_below_the_floor() {
    assert_eq!(certain(&small_sender(&[580]), 600).0, Verdict::Unresolved);
    let few = History {
        sent: CumulativeCounts::from_counts((0..9).map(|n| (at(20 * n), 1))),
        ..small_sender(&[100, 120])
    };
    assert_eq!(certain(&few, 180).0, Verdict::Within);
}

#[test]
fn what_a_domain_blocks_that_is_told_of_counts_on_neither_side() {
    let mut history = small_sender(&[500, 540, 560, 580]);
    for event in &mut history.bounce_events {
        event.class = BounceClass::Blocked;
        event.recipient = format!("{}@example.org", event.message);
    }
    history.bounce_events[0].class = BounceClass::Hard;
    let without = |blocking: &[&str]| {
        let blocking: Vec<String> = blocking.iter().map(|of| (*of).to_owned()).collect();
        let told = ToldBounces {
            blocking,
            ..ToldBounces::default()
        };
        let findings = evaluate(&history, at(600), &Rules::default(), &told);
        assert_eq!(findings[1].verdict, Verdict::Breach, "with all of them");
        let of = findings[1].without_blocks.as_deref().cloned()?;
        match of {
            (verdict, Evidence::Rate(rate)) => {
                Some((verdict, rate.numerator, rate.denominator, rate.left_out))
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(without(&[]), None);
    assert_eq!(without(&["example.net"]), None);
    // Fifteen in five hours, less the three that are blocked.
    let rest = Some((Verdict::Unresolved, 1, 12, 3));
    assert_eq!(without(&["example.org"]), rest);
}

/// 150 messages within an hour, each to twenty recipients if these are known; in fifteen of them one address bounces.
fn to_twenty(known: u32) -> History {
    let messages = |n: u32| (0..n).map(|n| (at(0) + MINUTE * n / 3, 1));
    let bounced = |n: u32| BounceEvent {
        tag: None,
        at: at(30) + MINUTE * n,
        message: n.to_string(),
        sent_at: Some(at(0) + MINUTE * n / 3),
        class: BounceClass::Hard,
        recipient: format!("{n}@example.com"),
    };
    let covered = Coverage::from_spans([Span::new(at(0) - DAY, at(60))]);
    History {
        first_seen_at: Some(at(0) - DAY),
        installed_at: Some(at(0) - DAY),
        messages: covered.clone(),
        bounces: covered,
        sent: CumulativeCounts::from_counts(messages(150)),
        recipients: KnownRecipients {
            recipients: CumulativeCounts::from_counts(messages(known).map(|(at, _)| (at, 20))),
            messages: CumulativeCounts::from_counts(messages(known)),
        },
        bounce_events: (0..15).map(bounced).collect(),
        ..History::default()
    }
}

#[test]
fn a_message_to_twenty_is_twenty() {
    let judged = |known: u32| {
        let (verdict, rate) = measured(&to_twenty(known), 60);
        (verdict, rate.unit, rate.numerator, rate.denominator)
    };
    let counted = [
        (150, RateUnit::Recipients),
        // Of the others as many as these have on average.
        (100, RateUnit::EstimatedRecipients),
    ];
    for (known, unit) in counted {
        assert_eq!(judged(known), (Verdict::Within, unit, 15, 3_000));
    }
    // As before anything was known of recipients; nor do a few tell what is usual.
    let unknown = (Verdict::Breach, RateUnit::Messages, 15, 150);
    for known in [0, 19] {
        assert_eq!(judged(known), unknown, "{known}");
    }
}

#[test]
fn each_recipient_of_a_message_bounces_on_its_own_and_once() {
    let mut history = to_twenty(150);
    let twice = history.bounce_events[0].clone();
    let other = BounceEvent {
        recipient: "other@example.com".to_owned(),
        ..twice.clone()
    };
    history.bounce_events.splice(0..0, [twice, other]);
    let rate = measured(&history, 60).1;
    assert_eq!((rate.numerator, rate.denominator), (16, 3_000));
}
