//! Rates of bounces, as all the rules say them.

use super::*;

#[test]
fn a_rate_fires_strictly_above_its_threshold_and_at_its_floor() {
    let at = start() + 30 * DAY;
    for (messages, bounced, verdict) in [
        (1, 1, Verdict::Within),
        (2, 1, Verdict::Within),
        (3, 1, Verdict::Within),
        (9, 1, Verdict::Within),
        (10, 1, Verdict::Breach),
        (100, 1, Verdict::Within),
        (99, 1, Verdict::Breach),
        (1000, 10, Verdict::Within),
        (1000, 11, Verdict::Breach),
        (0, 0, Verdict::Within),
    ] {
        assert_eq!(
            bounce_verdict(&one_hour(messages, bounced, at), at),
            verdict,
            "{bounced}/{messages}"
        );
    }
}

#[test]
fn confidence_asks_for_more_than_chance() {
    let at = start() + 30 * DAY;
    let mut rules = Rules::default();
    rules.bounce_rate.confidence = Some(0.95);
    let verdict = |n, k| find(&one_hour(n, k, at), at, &rules, Rule::BounceRate).verdict;
    let by_chance = Verdict::Unresolved;
    assert_eq!(verdict(50, 1), by_chance, "2% of 50 is chance at 1%");
    assert_eq!(verdict(500, 45), Verdict::Breach);
}

#[test]
fn hard_bounces_wake_above_five_percent_of_more_than_a_hundred_or_surely_above_it() {
    let at = start() + 30 * DAY;
    let verdict = |n, k| {
        find(
            &one_hour(n, k, at),
            at,
            &Rules::default(),
            Rule::HardBounceWake,
        )
        .verdict
    };
    assert_eq!(verdict(100, 50), Verdict::Breach, "surely in an hour");
    let not_more = verdict(100, 6);
    assert_eq!(not_more, Verdict::Unresolved, "100 is not more than 100");
    assert_eq!(verdict(101, 6), Verdict::Breach);
    assert_eq!(verdict(200, 10), Verdict::Within, "5% is not over 5%");
}

#[test]
fn a_message_that_bounces_twice_counts_once_and_a_late_bounce_joins_the_denominator() {
    let at = start() + 30 * DAY;
    let mut history = one_hour(20, 0, at);
    let late = mark(BounceClass::Hard, at - MINUTE * 5, "late", Some(at - DAY));
    history.bounce_events = vec![
        late.clone(),
        late,
        mark(BounceClass::Blocked, at - MINUTE, "unknown", None),
    ];
    let Evidence::Rate(rate) = find(&history, at, &Rules::default(), Rule::BounceRate).evidence
    else {
        panic!("a rate has a rate's evidence")
    };
    assert_eq!((rate.numerator, rate.denominator), (2, 22));
}

#[test]
fn a_partly_covered_window_may_fire_and_is_never_within_bounds() {
    let at = start() + 30 * DAY;
    let hole = |history: History| History {
        bounces: Coverage::from_spans([
            Span::new(start(), at - HOUR),
            Span::new(at - MINUTE * 30, at),
        ]),
        ..history
    };
    assert_eq!(
        bounce_verdict(&hole(one_hour(1000, 500, at)), at),
        Verdict::Breach
    );
    assert_eq!(
        bounce_verdict(&hole(one_hour(1000, 0, at)), at),
        Verdict::Unknown
    );
    let unseen = History {
        bounces: Coverage::none(),
        ..one_hour(1000, 500, at)
    };
    assert_eq!(bounce_verdict(&unseen, at), Verdict::Unknown);
}
