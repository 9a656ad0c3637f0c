use super::*;
use crate::model::{
    BlindEvidence, BounceClass, BounceEvent, Coverage, CumulativeCounts, DAY, Evidence, HOUR,
    HourCount, MINUTE, Rule, SampledMessage, SilenceEvidence, Span, ToldBounces, Verdict,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

mod bursts;
mod delivery;
mod feedback;
mod gap_bound;
mod kept;
mod level;
mod never_sent;
mod new_habits;
mod rates;
mod recovery;
mod suspended;
mod together;
mod uneven_days;

/// A Monday.
const START: &str = "2026-01-05T00:00:00Z";

fn start() -> Timestamp {
    Timestamp::parse(START).expect("valid")
}

fn outbound() -> StreamId {
    StreamId::from("outbound")
}

/// Everything covered from `start()` to `until`, with mail at these instants.
fn history(sent: impl IntoIterator<Item = Timestamp>, until: Timestamp) -> History {
    let covered = Coverage::from_spans([Span::new(start(), until)]);
    let mut at: Vec<Timestamp> = sent.into_iter().collect();
    at.sort();
    let mut hours: BTreeMap<Timestamp, HourCount> = BTreeMap::new();
    for at in &at {
        let hour = hours.entry(at.floor(HOUR)).or_insert(HourCount {
            start: at.floor(HOUR),
            sent: 0,
            first_at: *at,
            last_at: *at,
        });
        hour.sent += 1;
        hour.last_at = *at;
    }
    History {
        first_seen_at: Some(start()),
        installed_at: Some(start()),
        messages: covered.clone(),
        bounces: covered,
        hours: hours.into_values().collect(),
        sent: CumulativeCounts::from_counts(at.into_iter().map(|at| (at, 1))),
        ..History::default()
    }
}

/// `n` messages in the hour before `at`, of which the first `bounced` bounced within it.
fn one_hour(n: u32, bounced: u32, at: Timestamp) -> History {
    let sent: Vec<Timestamp> = (0..n).map(|i| at - HOUR + MINUTE / 2 * (i % 100)).collect();
    let marks = (0..bounced).map(|i| {
        mark(
            BounceClass::Hard,
            at - MINUTE * 2,
            &format!("m{i}"),
            Some(at - HOUR),
        )
    });
    History {
        bounce_events: marks.collect(),
        ..history(sent, at)
    }
}

fn mark(
    class: BounceClass,
    at: Timestamp,
    message: &str,
    sent_at: Option<Timestamp>,
) -> BounceEvent {
    BounceEvent {
        tag: None,
        at,
        message: message.to_owned(),
        sent_at,
        class,
        recipient: "someone@example.net".to_owned(),
    }
}

fn evaluate(history: &History, at: Timestamp, rules: &Rules, series: usize) -> Vec<Finding> {
    Detector::new(rules.clone(), series).detect(
        history,
        &outbound(),
        &[],
        &ToldBounces::default(),
        at,
    )
}

fn find(history: &History, at: Timestamp, rules: &Rules, rule: Rule) -> Finding {
    let findings = evaluate(history, at, rules, 1);
    findings
        .into_iter()
        .find(|f| f.rule == rule)
        .expect("judged")
}

fn bounce_verdict(history: &History, at: Timestamp) -> Verdict {
    let mut rules = Rules::default();
    rules.bounce_rate.confidence = None;
    find(history, at, &rules, Rule::BounceRate).verdict
}

fn office(until: Timestamp) -> Vec<Timestamp> {
    let mut sent = Vec::new();
    let mut at = start();
    while at < until {
        let hour = at.since(start()).as_secs() / 3600;
        if hour / 24 % 7 < 5 && (8..18).contains(&(hour % 24)) {
            sent.extend((0..20).map(|i| at + MINUTE * 3 * i));
        }
        at = at + HOUR;
    }
    sent
}

fn silence_verdict(sent: Vec<Timestamp>, at: Timestamp) -> Verdict {
    find(&history(sent, at), at, &Rules::default(), Rule::SendSilence).verdict
}

#[test]
fn a_working_morning_without_mail_is_silence_and_a_weekend_is_not() {
    let monday = start() + 6 * 7 * DAY;
    for hour in 0..10 {
        let at = monday - 2 * DAY + HOUR * 6 * hour;
        assert_ne!(
            silence_verdict(office(monday), at),
            Verdict::Breach,
            "weekend, hour {}",
            hour * 6
        );
    }
    let stop = monday + DAY + 10 * HOUR;
    let told = (1..=4)
        .find(|hours| silence_verdict(office(stop), stop + HOUR * *hours) == Verdict::Breach);
    assert!(
        told.is_some(),
        "a stop on Tuesday at ten is silence by two in the afternoon"
    );
}

#[test]
fn nothing_is_said_of_silence_before_a_week_nor_of_time_that_was_not_covered() {
    let at = start() + 6 * DAY;
    let sent = |until: Timestamp| {
        (0..24 * 60)
            .map(|i| start() + HOUR * i)
            .filter(move |t| *t < until)
    };
    assert_eq!(
        silence_verdict(sent(start() + 5 * DAY).collect(), at),
        Verdict::Unknown
    );
    let at = start() + 40 * DAY;
    let stopped = history(sent(at - 2 * DAY), at);
    assert_eq!(
        find(&stopped, at, &Rules::default(), Rule::SendSilence).verdict,
        Verdict::Breach
    );
    let unseen = History {
        messages: Coverage::from_spans([Span::new(start(), at - 2 * DAY)]),
        ..stopped
    };
    assert_eq!(
        find(&unseen, at, &Rules::default(), Rule::SendSilence).verdict,
        Verdict::Unknown
    );
}

#[test]
fn a_tenth_of_the_usual_volume_is_a_drop() {
    let at = start() + 40 * DAY;
    let full = (0..40 * 24 * 10).map(|i| start() + MINUTE * 6 * i);
    let sent: Vec<Timestamp> = full
        .enumerate()
        .filter(|(i, t)| *t < at - DAY || i % 10 == 0)
        .map(|(_, t)| t)
        .collect();
    assert_eq!(
        find(&history(sent, at), at, &Rules::default(), Rule::SendDrop).verdict,
        Verdict::Breach
    );
}

#[test]
fn complaints_from_outside_wake_and_own_ones_and_those_before_the_start_do_not() {
    let at = start() + DAY;
    let rules = Rules {
        own_domains: vec!["example.com".to_owned()],
        ..Rules::default()
    };
    let verdict = |recipient: &str, when: Timestamp| {
        let complaint = BounceEvent {
            recipient: recipient.to_owned(),
            ..mark(BounceClass::Complaint, when, "m", None)
        };
        let history = History {
            bounce_events: vec![complaint],
            ..history([], at)
        };
        find(&history, at, &rules, Rule::SpamComplaintExternal).verdict
    };
    assert_eq!(
        verdict("a@elsewhere.example.org", at - HOUR),
        Verdict::Breach
    );
    assert_eq!(verdict("a@Example.COM", at - HOUR), Verdict::Within);
    assert_eq!(verdict("a@mail.example.com", at - HOUR), Verdict::Within);
    assert_eq!(verdict("a@notexample.com", at - HOUR), Verdict::Breach);
    assert_eq!(
        verdict("a@elsewhere.example.org", start() - HOUR),
        Verdict::Within
    );
    let off = evaluate(&history([], at), at, &Rules::default(), 1);
    assert!(
        off.iter().all(|f| f.rule != Rule::SpamComplaintExternal),
        "off while own_domains is empty"
    );
}

#[test]
fn one_incomplete_cycle_is_a_hiccup_two_are_blindness_and_six_hours_wake() {
    use crate::model::Severity;
    let blind = |cycles, hours: u32, token| {
        let since = start();
        let evidence = BlindEvidence {
            since,
            cycles,
            token,
            ..BlindEvidence::default()
        };
        let sight = PollHealth::Incomplete {
            change: None,
            evidence: Box::new(evidence),
            account: None,
        };
        let finding = evaluate_server(&sight, since + HOUR * hours)
            .pop()
            .expect("blind");
        (finding.verdict, finding.severity)
    };
    assert_eq!(blind(1, 0, false).0, Verdict::Unresolved);
    assert_eq!(blind(2, 1, false), (Verdict::Breach, Severity::Warn));
    assert_eq!(blind(7, 6, false), (Verdict::Breach, Severity::Wake));
    assert_eq!(blind(1, 0, true), (Verdict::Breach, Severity::Wake));
    assert!(
        evaluate_server(&PollHealth::Complete, start())
            .iter()
            .all(|f| f.verdict == Verdict::Within)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn more_bounces_never_mend_a_breach_and_no_number_is_nonsense(messages in 0u32..400, bounced in 0u32..60, more in 0u32..60) {
        let at = start() + 30 * DAY;
        let judged = |bounced| find(&one_hour(messages, bounced, at), at, &Rules::default(), Rule::BounceRate);
        let (fewer, found) = (judged(bounced).verdict, judged(bounced + more));
        prop_assert!(fewer != Verdict::Breach || found.verdict == Verdict::Breach);
        let Evidence::Rate(rate) = found.evidence else { unreachable!("a rate") };
        prop_assert!((0.0..=1.0).contains(&rate.rate()) && rate.numerator <= rate.denominator);
    }

    #[test]
    fn any_mail_is_judged_at_any_instant_without_a_panic_or_nonsense(minutes in prop::collection::vec(0u32..90_000, 0..60), at in 0u32..100_000) {
        let at = start() + MINUTE * at;
        let sent: Vec<Timestamp> = minutes.into_iter().map(|m| start() + MINUTE * m).collect();
        for finding in evaluate(&history(sent, at), at, &Rules::default(), 3) {
            if let Evidence::Silence(SilenceEvidence { expected, surprise, threshold, .. }) = finding.evidence {
                prop_assert!(expected.is_finite() && surprise.is_finite() && threshold.is_finite());
            }
        }
    }
}

#[test]
fn an_outage_does_not_hide_the_next_silence() {
    let monday = start() + 6 * 7 * DAY;
    let outage = Span::new(monday + 10 * HOUR, monday + 15 * HOUR);
    let stop = monday + DAY + 10 * HOUR;
    let sent: Vec<Timestamp> = office(stop)
        .into_iter()
        .filter(|at| !outage.contains(*at))
        .collect();
    let told = (1..=4)
        .find(|hours| silence_verdict(sent.clone(), stop + HOUR * *hours) == Verdict::Breach);
    assert!(
        told.is_some(),
        "the next stop is silence within four hours too"
    );
}

#[test]
fn what_was_kept_from_earlier_judgements_changes_nothing() {
    let until = start() + 7 * 7 * DAY;
    let stop = until - 2 * DAY;
    let history = history(office(stop), until);
    let mut detector = Detector::new(Rules::default(), 1);
    for hour in 0..48 * 8 {
        let at = until - HOUR * (48 * 8 - hour);
        let kept = detector.detect(&history, &outbound(), &[], &ToldBounces::default(), at);
        if hour % 13 == 0 {
            assert_eq!(
                kept,
                self::evaluate(&history, at, &Rules::default(), 1),
                "{at}"
            );
        }
    }
}

#[test]
fn what_comes_after_an_instant_does_not_change_its_judgement() {
    let until = start() + 7 * 7 * DAY;
    let at = until - 3 * DAY;
    let known = office(at);
    let before = evaluate(&history(known, at), at, &Rules::default(), 1);
    let after = evaluate(&history(office(until), until), at, &Rules::default(), 1);
    assert_eq!(before, after);
}

#[test]
fn more_series_share_one_budget() {
    let at = start() + 8 * 7 * DAY;
    let limit = |series| {
        let found = evaluate(&history(office(at), at), at, &Rules::default(), series);
        match found[0].evidence {
            Evidence::Silence(SilenceEvidence { threshold, .. }) => threshold,
            _ => panic!("silence comes first"),
        }
    };
    assert!(limit(20) > limit(1));
}

#[test]
fn a_job_of_the_first_of_the_month_is_missed_that_morning() {
    let months = [
        "2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06", "2026-07", "2026-08",
    ];
    let first = |month: &str| Timestamp::parse(&format!("{month}-01T06:00:20Z")).expect("valid");
    let sent: Vec<Timestamp> = months.iter().map(|m| first(m)).collect();
    let missed = first("2026-09");
    let verdict = |at| {
        let found = evaluate(
            &History {
                first_seen_at: Some(sent[0]),
                ..history(sent.clone(), at)
            },
            at,
            &Rules::default(),
            1,
        );
        found[0].verdict
    };
    assert_ne!(verdict(missed - HOUR), Verdict::Breach);
    assert_eq!(verdict(missed.floor(HOUR) + 2 * HOUR), Verdict::Breach);
}

#[test]
fn a_third_of_the_volume_is_learned_and_not_alarmed_for_ever() {
    let step = start() + 60 * DAY;
    let until = step + 50 * DAY;
    let sent: Vec<Timestamp> = (0..110 * 24 * 6)
        .map(|i| start() + MINUTE * 10 * i)
        .enumerate()
        .filter(|(i, at)| *at < step || i % 3 == 0)
        .map(|(_, at)| at)
        .collect();
    let history = history(sent, until);
    let mut detector = Detector::new(Rules::default(), 1);
    let mut breaches = |from: Timestamp, hours: u32| {
        (0..hours)
            .flat_map(|h| {
                detector.detect(
                    &history,
                    &outbound(),
                    &[],
                    &ToldBounces::default(),
                    from + HOUR * h,
                )
            })
            .filter(|f| f.verdict == Verdict::Breach)
            .count()
    };
    assert!(breaches(step, 72) > 0, "a step down is news");
    assert_eq!(
        breaches(until - 10 * DAY, 240),
        0,
        "and after six weeks it is normal"
    );
}
