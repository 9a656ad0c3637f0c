use super::*;
use crate::detect::rate::{evaluate, evaluate_rule};
use crate::model::{
    BounceClass, Coverage, CumulativeCounts, DAY, Feedback, Finding, HourCount, Judgement,
    KnownExcess, KnownRecipients, MINUTE, RateEvidence, RateUnit, Rule, Rules, ToldBounces,
    Verdict,
};

mod recipients;

/// The days of learning before anything changes.
const BEFORE: u32 = 42;

fn begin() -> Timestamp {
    Timestamp(0) + 1000 * DAY
}

fn day(day: u32) -> Timestamp {
    begin() + DAY * day
}

/// The next number in [0, 1) of the generator `SplitMix64`.
fn next(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn event(at: Timestamp, class: BounceClass) -> BounceEvent {
    BounceEvent {
        tag: None,
        at,
        message: at.to_string(),
        sent_at: Some(at),
        class,
        recipient: String::new(),
    }
}

/// A stream of mail that was sent then and of these bounces, seen from the first day to the last.
fn history(sent: &[Timestamp], bounce_events: Vec<BounceEvent>, days: u32) -> History {
    let mut hours: Vec<HourCount> = Vec::new();
    for at in sent {
        match hours.last_mut() {
            Some(hour) if hour.start == at.floor(HOUR) => {
                (hour.sent, hour.last_at) = (hour.sent + 1, *at)
            }
            _ => hours.push(HourCount {
                start: at.floor(HOUR),
                sent: 1,
                first_at: *at,
                last_at: *at,
            }),
        }
    }
    let covered = Coverage::from_spans([Span::new(begin(), day(days))]);
    History {
        first_seen_at: Some(begin()),
        installed_at: Some(begin()),
        messages: covered.clone(),
        bounces: covered,
        hours,
        sent: CumulativeCounts::from_counts(sent.iter().map(|at| (*at, 1))),
        bounce_events,
        ..History::default()
    }
}

/// Mail of a Poisson process of so many a day, each bad with the rate of its day.
fn stream(
    per_day: f64,
    class: BounceClass,
    rate: impl Fn(u32) -> f64,
    (days, seed): (u32, u64),
) -> History {
    let mut state = seed;
    let (mut sent, mut bad) = (Vec::new(), Vec::new());
    let mut now = begin();
    loop {
        now = now + DAY.mul_f64(-(1.0 - next(&mut state)).ln() / per_day);
        if now >= day(days) {
            return history(&sent, bad, days);
        }
        sent.push(now);
        let today = (now.since(begin()).as_secs() / DAY.as_secs()) as u32;
        if next(&mut state) < rate(today) {
            bad.push(event(now, class));
        }
    }
}

/// A rate that rises after [`BEFORE`] for so many days.
fn rises(from: f64, to: f64, days: u32) -> impl Fn(u32) -> f64 {
    move |day| match day {
        BEFORE.. if day < BEFORE + days => to,
        _ => from,
    }
}

fn rate_finding(
    history: &History,
    rules: &Rules,
    rule: Rule,
    at: Timestamp,
) -> (Verdict, RateEvidence) {
    told_finding(history, rules, rule, None, at)
}

/// The same of a stream of which an open incident may tell an excess.
fn told_finding(
    history: &History,
    rules: &Rules,
    rule: Rule,
    known: Option<KnownExcess>,
    at: Timestamp,
) -> (Verdict, RateEvidence) {
    let (test, counts): (_, fn(BounceClass) -> bool) = match rule {
        Rule::SpamRate => (RateTest::spam(rules), |class| {
            class == BounceClass::Complaint
        }),
        _ => (RateTest::bounces(rules), BounceClass::counts),
    };
    evaluate_rule(history, at, &RateTest { known, ..test }, counts)
}

/// What an incident that opened with this evidence tells.
fn excess_of(rule: Rule, rate: &RateEvidence) -> Option<KnownExcess> {
    Some(KnownExcess {
        rule,
        since: rate.wave?.from,
        opened_at: rate.until?,
        ended_at: None,
        usual_at_most: rate.lasting?.usual_at_most,
    })
}

/// The instants of `every` hours in these days at which the rule is broken, where it was not just before.
fn openings(
    history: &History,
    rule: Rule,
    (from, until): (u32, u32),
    every: u32,
) -> Vec<Timestamp> {
    let rules = Rules::default();
    let instants = (0..=(until - from) * 24 / every).map(|n| day(from) + HOUR * (n * every));
    let (mut was_open, mut known) = (false, None::<KnownExcess>);
    let mut openings = Vec::new();
    for at in instants {
        let (verdict, rate) = told_finding(history, &rules, rule, known, at);
        match verdict {
            Verdict::Breach if !was_open => {
                was_open = true;
                openings.push(at);
            }
            Verdict::Within => {
                was_open = false;
                if let Some(known) = &mut known {
                    known.ended_at.get_or_insert(at);
                }
            }
            _ => {}
        }
        if verdict == Verdict::Breach {
            known = known
                .filter(|known| known.ended_at.is_none())
                .or_else(|| excess_of(rule, &rate));
        }
    }
    openings
}

fn delays(
    per_day: f64,
    rule: Rule,
    (usual, excess): (f64, f64),
    seeds: u64,
    every: u32,
) -> Vec<Option<f64>> {
    let class = match rule {
        Rule::SpamRate => BounceClass::Complaint,
        _ => BounceClass::Hard,
    };
    let delay = |seed| {
        let history = stream(
            per_day,
            class,
            rises(usual, excess, 99),
            (BEFORE + 28, seed),
        );
        let first = openings(&history, rule, (BEFORE, BEFORE + 28), every)
            .first()
            .copied()?;
        Some(first.since(day(BEFORE)).as_secs_f64() / DAY.as_secs_f64())
    };
    (1..=seeds).map(delay).collect()
}

fn told_within(delays: &[Option<f64>], days: f64) -> usize {
    delays
        .iter()
        .flatten()
        .filter(|delay| **delay <= days)
        .count()
}

#[test]
fn a_small_sender_whose_rate_rises_for_good_is_told() {
    let eight = delays(40.0, Rule::BounceRate, (0.005, 0.08), 20, 6);
    assert_eq!(told_within(&eight, 7.0), 20, "{eight:?}");
    let three = delays(40.0, Rule::BounceRate, (0.005, 0.03), 20, 6);
    assert!(told_within(&three, 14.0) >= 15, "{three:?}");
    let complaints = delays(200.0, Rule::SpamRate, (0.0002, 0.0025), 20, 6);
    assert!(told_within(&complaints, 14.0) >= 13, "{complaints:?}");
    // As large a sender as one likes: no hour of it is above what chance explains.
    let large = delays(2_000.0, Rule::BounceRate, (0.005, 0.02), 5, 6);
    assert_eq!(told_within(&large, 5.0), 5, "{large:?}");
}

#[test]
fn it_says_over_how_many_days_and_what_was_usual() {
    let history = stream(
        40.0,
        BounceClass::Hard,
        rises(0.005, 0.08, 99),
        (BEFORE + 8, 3),
    );
    let (verdict, rate) = rate_finding(
        &history,
        &Rules::default(),
        Rule::BounceRate,
        day(BEFORE + 7),
    );
    assert_eq!(verdict, Verdict::Breach);
    let days = rate.window.as_secs() / DAY.as_secs();
    assert!((6..=8).contains(&days), "{rate:?}");
    assert!((0.04..0.15).contains(&rate.rate()), "{rate:?}");
    assert!(
        rate.usual
            .is_some_and(|usual| (0.001..0.01).contains(&usual)),
        "{rate:?}"
    );
    let lasting = rate.lasting.expect("of days");
    assert!(
        lasting.evidence > lasting.limit && lasting.usual_at_most < 0.01,
        "{lasting:?}"
    );
}

#[test]
fn below_the_threshold_or_without_confidence_nothing_is_added_up() {
    let told = |seed| {
        let rises = rises(0.001, 0.004, 99);
        let history = stream(40.0, BounceClass::Hard, rises, (BEFORE + 28, seed));
        openings(&history, Rule::BounceRate, (BEFORE, BEFORE + 28), 6).len()
    };
    // What is measured may be above it by chance.
    let told: usize = (1..=5).map(told).sum();
    assert!(told <= 1, "{told}");
    let mut rules = Rules::default();
    rules.bounce_rate.confidence = None;
    let history = stream(
        40.0,
        BounceClass::Hard,
        rises(0.005, 0.08, 99),
        (BEFORE + 8, 3),
    );
    let (_, rate) = rate_finding(&history, &rules, Rule::BounceRate, day(BEFORE + 7));
    assert_eq!(
        (rate.lasting, rate.window),
        (None, rules.bounce_rate.window)
    );
}

/// Mail every half hour, and bounces at these hours.
fn steady(bounced: &[u32], days: u32) -> History {
    let sent: Vec<Timestamp> = (0..days * 48).map(|n| begin() + 30 * MINUTE * n).collect();
    let bad = bounced
        .iter()
        .map(|hour| event(begin() + HOUR * *hour, BounceClass::Hard));
    history(&sent, bad.collect(), days)
}

fn verdict_at(history: &History, hour: u32) -> Verdict {
    let at = begin() + HOUR * hour + MINUTE;
    rate_finding(history, &Rules::default(), Rule::BounceRate, at).0
}

#[test]
fn one_bounce_or_one_day_is_no_excess_that_lasts() {
    assert_ne!(verdict_at(&steady(&[700], 40), 700), Verdict::Breach);
    // 20 bounces in a day: what its windows say of it ends with it.
    let wave: Vec<u32> = (700..720).collect();
    assert_eq!(verdict_at(&steady(&wave, 40), 719), Verdict::Breach);
    let next: Vec<u32> = wave.iter().copied().chain([790]).collect();
    for history in [steady(&wave, 40), steady(&next, 40)] {
        assert!((746..800).all(|hour| verdict_at(&history, hour) != Verdict::Breach));
    }
    assert_eq!(verdict_at(&steady(&wave, 40), 746), Verdict::Within);
    // One address that is tried again and again is one fact.
    let days = (0..4).flat_map(|day| (0..4).map(move |n| 700 + day * 24 + 5 * n));
    let several: Vec<u32> = days.collect();
    assert_eq!(verdict_at(&steady(&several, 40), 787), Verdict::Breach);
    let mut same = steady(&several, 40);
    for event in &mut same.bounce_events {
        event.recipient = "someone@example.com".to_owned();
    }
    assert_ne!(verdict_at(&same, 787), Verdict::Breach);
}

#[test]
fn it_ends_when_the_rate_is_back_and_not_before() {
    let (mut ended, mut counted) = (Vec::new(), 0);
    for seed in 1..=10 {
        let history = stream(
            40.0,
            BounceClass::Hard,
            rises(0.005, 0.08, 14),
            (BEFORE + 40, seed),
        );
        let during = openings(&history, Rule::BounceRate, (BEFORE, BEFORE + 14), 6);
        // What a window tells of it may be over before there is enough to add up.
        assert!((1..=2).contains(&during.len()), "{seed}: {during:?}");
        let after = (0..40 * 4).map(|n| day(BEFORE + 14) + 6 * HOUR * n);
        let rules = Rules::default();
        let during = (0..14 * 4).rev().map(|n| day(BEFORE) + 6 * HOUR * n);
        let mut told = during.map(|at| rate_finding(&history, &rules, Rule::BounceRate, at).1);
        let known = told.find_map(|rate| excess_of(Rule::BounceRate, &rate));
        let finding = |at| told_finding(&history, &rules, Rule::BounceRate, known, at);
        let mut found = after.map(|at| (at, finding(at)));
        let (at, (_, rate)) = found
            .find(|(_, (verdict, _))| *verdict == Verdict::Within)
            .expect("it ends");
        // Whole minutes are counted, which may cut one of its messages.
        assert!(rate.rate() < 0.0102, "{rate:?}");
        counted += usize::from(rate.denominator > 30);
        ended.push(at.since(day(BEFORE + 14)).as_secs_f64() / DAY.as_secs_f64());
    }
    assert!(counted >= 8, "{counted} by what was sent since");
    ended.sort_by(f64::total_cmp);
    assert!(
        (1.0..4.0).contains(&ended[5]) && ended[9] < 8.0,
        "{ended:?}"
    );
}

/// Six mails a day, of which one bounces for six days; hardly any for more than a week, and then as before.
#[test]
fn what_returns_after_a_week_without_any_begins_anew() {
    let mail = |day: u32, n: u32| begin() + DAY * day + 4 * HOUR * n;
    let is_sent = |day: u32, n: u32| n == 0 || !(36..44).contains(&day);
    let days = (0..60).flat_map(|day| (0..6).map(move |n| (day, n)));
    let sent: Vec<Timestamp> = days
        .filter(|(day, n)| is_sent(*day, *n))
        .map(|(day, n)| mail(day, n))
        .collect();
    let bounced = (30..36).chain(44..50).map(|day| mail(day, 0));
    let bounced = bounced.map(|at| event(at, BounceClass::Hard)).collect();
    let history = history(&sent, bounced, 60);
    let find = |day| {
        let at = mail(day, 0) + MINUTE;
        rate_finding(&history, &Rules::default(), Rule::BounceRate, at)
    };
    let lasts = |day| find(day).1.lasting.is_some();
    assert!(lasts(35), "{:?}", find(35));
    assert!(!lasts(44), "{:?}", find(44));
    let (verdict, rate) = find(49);
    let wave = rate.wave.expect("of days");
    assert_eq!((verdict, wave.from), (Verdict::Breach, mail(44, 0)));
}

#[test]
fn what_was_not_covered_is_neither_mail_nor_bounce() {
    let bounced: Vec<u32> = (0..6)
        .flat_map(|day| [700 + 24 * day, 705 + 24 * day])
        .collect();
    let whole = steady(&bounced, 40);
    assert_eq!(verdict_at(&whole, 825), Verdict::Breach);
    let hole = Span::new(begin() + 690 * HOUR, begin() + 815 * HOUR);
    let blind = History {
        bounces: whole.bounces.without(hole),
        ..whole
    };
    assert_ne!(verdict_at(&blind, 825), Verdict::Breach);
    // A week without bounces that was not seen is no evidence for health.
    let gap = Span::new(begin() + 740 * HOUR, begin() + 930 * HOUR);
    let mut late = steady(&[700, 705, 724, 729, 940, 945, 964, 969], 45);
    let seen = verdict_at(&late, 969);
    late.messages = late.messages.without(gap);
    assert_eq!(
        (seen == Verdict::Breach, verdict_at(&late, 969)),
        (false, Verdict::Breach)
    );
}

#[test]
fn what_people_called_a_false_alarm_is_usual_and_what_was_real_is_no_evidence() {
    let history = stream(
        40.0,
        BounceClass::Hard,
        rises(0.005, 0.04, 99),
        (BEFORE + 40, 5),
    );
    let open = |judgement| {
        let mark = |judgement| MarkedTime {
            incident: "bcdfghjk".to_owned(),
            rule: Rule::BounceRate,
            span: Span::new(day(BEFORE), day(BEFORE + 12)),
            feedback: Feedback {
                judgement,
                by: "someone".to_owned(),
                at: day(BEFORE + 12),
            },
        };
        let marked = History {
            marked: Option::map(judgement, mark).into_iter().collect(),
            ..history.clone()
        };
        openings(&marked, Rule::BounceRate, (BEFORE + 13, BEFORE + 40), 6)
    };
    assert_eq!(open(None).first(), Some(&day(BEFORE + 13)));
    assert_eq!(open(Some(Judgement::FalseAlarm)), []);
    // What was real and goes on is told as soon as what was closed may open again.
    let again = open(Some(Judgement::Real));
    assert_eq!(again.first(), Some(&day(BEFORE + 13)));
}

#[test]
fn what_a_domain_blocks_that_is_told_of_is_not_added_up() {
    let bounced: Vec<u32> = (0..6)
        .flat_map(|day| [700 + 24 * day, 705 + 24 * day])
        .collect();
    let mut history = steady(&bounced, 40);
    for event in &mut history.bounce_events {
        event.class = BounceClass::Blocked;
        event.recipient = format!("{}@example.org", event.message);
    }
    let at = begin() + 825 * HOUR + MINUTE;
    let told = ToldBounces {
        blocking: vec!["example.org".to_owned()],
        ..ToldBounces::default()
    };
    let found = evaluate(&history, at, &Rules::default(), &told);
    let Finding {
        verdict,
        without_blocks,
        ..
    } = &found[1];
    let without = without_blocks.as_deref().map(|(verdict, _)| *verdict);
    assert_eq!(
        (*verdict, without),
        (Verdict::Breach, Some(Verdict::Within))
    );
}
