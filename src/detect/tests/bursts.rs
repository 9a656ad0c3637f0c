//! A burst is one event: what is judged is the time between bursts of a usual size.

use std::time::Duration;

use super::*;

/// Days between two bursts, how many there are, and the messages of each.
const REGULAR: [(u32, u32, u32); 5] = [
    (1, 40, 2000),
    (3, 20, 40),
    (7, 14, 800),
    (14, 10, 1500),
    (30, 8, 300),
];

/// `size` messages within half an hour from each of these instants on.
fn bursts(starts: impl IntoIterator<Item = Timestamp>, size: u32) -> Vec<Timestamp> {
    let burst = |at: Timestamp| (0..size).map(move |n| at + (HOUR / 2 / size) * n);
    starts.into_iter().flat_map(burst).collect()
}

/// So many bursts, `every` so many days from the first Tuesday at 10:00 on, early and late by a few minutes.
fn regular(count: u32, every: u32) -> impl Iterator<Item = Timestamp> {
    (0..count).map(move |n| {
        start() + DAY * (1 + every * n) + 10 * HOUR - 7 * MINUTE + MINUTE * (n * 5 % 14)
    })
}

/// The first of each month at 06:00, from February on.
fn monthly(months: u32) -> impl Iterator<Item = Timestamp> {
    (2..2 + months).map(|month| {
        let (year, month) = (2026 + (month - 1) / 12, (month - 1) % 12 + 1);
        Timestamp::parse(&format!("{year}-{month:02}-01T06:00:00Z")).expect("valid")
    })
}

/// Five messages on each day between 08 and 18.
fn logins(days: u32) -> Vec<Timestamp> {
    let of_day = |day: u32| {
        (0..5).map(move |n| {
            start()
                + DAY * day
                + 8 * HOUR
                + (2 * HOUR + 17 * MINUTE) * n / 2
                + MINUTE * (day * 13 % 41)
        })
    };
    (0..days).flat_map(of_day).collect()
}

/// The rules among `send_silence` and `send_drop` that are in breach at any full hour of `polls`, with the first such hour.
fn breaches(history: &History, polls: Span) -> Vec<(Rule, Timestamp)> {
    let mut detector = Detector::new(Rules::default(), 1);
    let mut found: Vec<(Rule, Timestamp)> = Vec::new();
    let mut at = polls.from.ceil(HOUR);
    while at <= polls.until {
        for finding in &detector.detect(history, &outbound(), &[], &ToldBounces::default(), at)[..2]
        {
            let is_new = found.iter().all(|(rule, _)| *rule != finding.rule);
            if finding.verdict == Verdict::Breach && is_new {
                found.push((finding.rule, at));
            }
        }
        at = at + HOUR;
    }
    found
}

#[test]
fn regular_bursts_are_never_told_from_the_second_on() {
    for (every, count, size) in REGULAR {
        let sent = bursts(regular(count, every), size);
        let (second, last) = (
            start() + DAY * (1 + every),
            *sent.last().expect("some mail"),
        );
        let history = history(sent, last + DAY);
        let found = breaches(&history, Span::new(second + 12 * HOUR, last));
        assert_eq!(found, [], "{size} every {every} days");
    }
}

#[test]
fn a_burst_that_does_not_come_is_told_within_a_tenth_of_the_usual_distance() {
    for (every, count, size) in REGULAR {
        let sent = bursts(regular(count, every), size);
        let last = *sent.last().expect("some mail");
        let history = history(sent, last + DAY * 3 * every);
        let found = breaches(&history, Span::new(last, last + DAY * 3 * every));
        let (rule, at) = found[0];
        assert_eq!(rule, Rule::SendSilence);
        let latest = last + (DAY * every).mul_f64(1.1);
        assert!(at <= latest, "{size} every {every} days: {at} after {last}");
    }
}

#[test]
fn the_next_burst_of_a_usual_size_ends_what_was_told_and_a_tenth_of_it_does_not() {
    let weeks = |skipped: u32| {
        regular(14, 7)
            .enumerate()
            .filter(move |(n, _)| *n as u32 != skipped)
            .map(|(_, at)| at)
    };
    let after = regular(14, 7).nth(13).expect("fourteen") + 2 * HOUR;
    let whole = bursts(weeks(12), 800);
    let history_of = |sent: Vec<Timestamp>| history(sent, after + DAY);
    assert_eq!(
        breaches(&history_of(whole), Span::new(after, after + DAY)),
        []
    );
    let mut small = bursts(regular(12, 7), 800);
    small.extend(bursts(regular(14, 7).skip(12), 80));
    let found = breaches(&history_of(small), Span::new(after, after + DAY));
    assert_eq!(found, [(Rule::SendDrop, after.ceil(HOUR))]);
}

/// As many messages on each day between 08 and 18, more in some hours than in others.
fn office_mail(days: u32, a_day: u32) -> Vec<Timestamp> {
    let of_day = |day: u32| {
        (0..a_day).map(move |n| {
            let mixed = (day * 7919 + n * 104_729).wrapping_mul(2_654_435_761);
            start() + DAY * day + 8 * HOUR + Duration::from_secs(u64::from(mixed >> 9) % 36_000)
        })
    };
    (0..days).flat_map(of_day).collect()
}

#[test]
fn a_newsletter_beside_other_mail_of_its_day_is_told_only_if_it_is_not_sent() {
    for (a_day, sizes) in [(60, [438, 372, 424, 369]), (200, [2000, 1300, 1700, 1200])] {
        for tuesday in [0, 3] {
            // Of Tuesdays, and of Fridays before a weekend with little mail.
            let due = |n: u32| start() + DAY * (1 + tuesday + 7 * n) + 10 * HOUR;
            let mail = |missing: u32| {
                let newsletter =
                    |n: u32| bursts([due(n) + MINUTE * (n % 3)], sizes[n as usize % 4]);
                let sent = (0..14).filter(|n| *n != missing).flat_map(newsletter);
                let others = office_mail(100, a_day).into_iter();
                let is_other = |at: &Timestamp| {
                    let hours = at.since(start()).as_secs() / 3600;
                    hours / 24 % 7 < 5 || hours.is_multiple_of(5)
                };
                history(sent.chain(others.filter(is_other)), due(13))
            };
            let polls = Span::new(due(5), due(12));
            assert_eq!(breaches(&mail(20), polls), [], "{a_day}, {tuesday}");
            let found = breaches(&mail(8), Span::new(due(5), due(9)));
            let (rule, at) = *found.first().expect("a missing newsletter");
            assert_eq!(rule, Rule::SendDrop);
            assert!((due(8)..=due(8) + DAY).contains(&at), "{a_day}: {at}");
            let finding = find(&mail(8), at, &Rules::default(), Rule::SendDrop);
            let Evidence::Drop(drop) = finding.evidence else {
                panic!("a drop has a drop's evidence")
            };
            // Hardly later than what the budget accepts.
            assert!((0.01..4.0).contains(&drop.times_a_year), "{drop:?}");
            let burst = drop.missing_burst.expect("a burst is missing");
            assert!(
                (due(8)..due(8) + HOUR).contains(&burst.due_at.floor(HOUR)),
                "{burst:?}"
            );
        }
    }
}

/// Three hundred at nine o'clock on the days that `is_sent` says, and sixty messages a day beside them.
fn daily_newsletter(days: u32, is_sent: impl Fn(u32) -> bool) -> Vec<Timestamp> {
    let sent = (0..days).filter(|day| is_sent(*day));
    let mut sent = bursts(sent.map(|day| start() + DAY * day + 9 * HOUR), 300);
    sent.extend(office_mail(days, 60));
    sent
}

#[test]
fn bursts_of_the_first_five_working_days_are_not_missed_at_the_first_weekend() {
    let history = history(daily_newsletter(9, |day| day % 7 < 5), start() + 9 * DAY);
    let polls = Span::new(start() + 5 * DAY, start() + 9 * DAY);
    assert_eq!(breaches(&history, polls), []);
}

#[test]
fn after_a_newsletter_that_was_missed_the_next_missing_one_is_told() {
    let due = |n: u32| start() + DAY * (1 + 7 * n) + 10 * HOUR;
    let newsletters = (0..12).filter(|n| *n != 9).map(due);
    let sent = bursts(newsletters, 400).into_iter();
    let history = history(sent.chain(office_mail(100, 60)), due(14));
    let found = breaches(&history, Span::new(due(11), due(13)));
    let (rule, at) = *found.first().expect("a missing newsletter");
    assert_eq!(rule, Rule::SendDrop);
    assert!((due(12)..due(12) + DAY).contains(&at), "{at}");
}

#[test]
fn a_newsletter_that_did_not_come_for_weeks_is_given_up() {
    let due = |n: u32| start() + DAY * (1 + 7 * n) + 10 * HOUR;
    let sent = bursts((0..9).map(due), 400);
    let history = history(sent.into_iter().chain(office_mail(110, 60)), due(15));
    let found = |at| find(&history, at, &Rules::default(), Rule::SendDrop);
    assert_eq!(found(due(9) + 27 * DAY).verdict, Verdict::Breach);
    let end = found(due(9) + 28 * DAY + 4 * HOUR);
    assert_eq!(end.verdict, Verdict::Within);
    let burst = end.evidence.given_up_burst().expect("the burst");
    assert!((due(9) - MINUTE..due(9) + HOUR).contains(&burst.due_at));
}

/// Half of what is usual, on a day with as much other mail: by its surroundings alone it were no burst.
#[test]
fn a_small_newsletter_that_was_due_has_come() {
    let due = |n: u32| start() + DAY * (1 + 7 * n) + 10 * HOUR;
    let newsletter = |n: u32| bursts([due(n)], if n == 12 { 200 } else { 400 });
    let sent = (0..13).flat_map(newsletter);
    let others = office_mail(100, 75).into_iter();
    let history = history(sent.chain(others), due(13));
    let polls = Span::new(due(12) + HOUR, due(13));
    assert_eq!(breaches(&history, polls), []);
}

#[test]
fn after_a_newsletter_that_went_out_nothing_more_of_its_hour_is_missed() {
    let due = |n: u32| start() + DAY * (1 + 7 * n) + 10 * HOUR;
    let sent = (0..13).flat_map(|n| bursts([due(n)], if n == 12 { 360 } else { 440 }));
    let mut sent: Vec<Timestamp> = sent.chain(office_mail(100, 60)).collect();
    // The newsletter is the last mail for hours.
    let rest = Span::new(due(12) + HOUR / 2, due(12) + 10 * HOUR);
    sent.retain(|at| !rest.contains(*at));
    let history = history(sent, due(12) + 10 * HOUR);
    let finding = |at| find(&history, at, &Rules::default(), Rule::SendSilence);
    assert_ne!(finding(due(12) + HOUR).verdict, Verdict::Breach);
    assert_eq!(finding(due(12) + 9 * HOUR).verdict, Verdict::Breach);
}

#[test]
fn invoices_that_do_not_go_out_on_the_first_are_told_beside_other_mail() {
    let mut sent = bursts(monthly(9), 300);
    sent.extend(logins(330));
    let first = Timestamp::parse("2026-11-01T06:00:00Z").expect("valid");
    let history = history(sent, first + 30 * DAY);
    assert_eq!(
        breaches(&history, Span::new(start() + 100 * DAY, first)),
        []
    );
    let found = breaches(&history, Span::new(first, first + 15 * DAY));
    let (rule, at) = found[0];
    assert_eq!(rule, Rule::SendDrop);
    assert!(at <= first + 4 * DAY, "{at}");
    let finding = find(&history, at, &Rules::default(), Rule::SendDrop);
    let Evidence::Drop(drop) = finding.evidence else {
        panic!("a drop has a drop's evidence")
    };
    let burst = drop.missing_burst.expect("a burst is missing");
    assert_eq!(burst.usual, 300);
    assert!(burst.due_at.since(first) < HOUR || first.since(burst.due_at) < HOUR);
    assert!(
        (100..200).contains(&drop.sent) && drop.expected > 300.0,
        "{drop:?}"
    );
}

/// Logins, and three hundred invoices on the first of each month but the last, whose account was suspended in `refused`.
fn invoices_missing(first: Timestamp, refused: Span) -> History {
    let mut sent = bursts(monthly(9), 300);
    sent.extend(logins(330));
    sent.retain(|at| !refused.contains(*at));
    let mut history = history(sent, first + 30 * DAY);
    history.inactive = history.inactive_times(&[refused]);
    history
}

#[test]
fn a_suspended_account_does_not_end_that_a_burst_is_missing_nor_excuse_a_later_one() {
    let first = Timestamp::parse("2026-11-01T06:00:00Z").expect("valid");
    let told = |history: &History| breaches(history, Span::new(first, first + 15 * DAY));
    // Days after it was told.
    let refused = Span::new(first + 5 * DAY, first + 5 * DAY + 5 * HOUR);
    let history = invoices_missing(first, refused);
    assert!(told(&history)[0].1 < refused.from);
    for hours in 6..60 {
        let at = refused.from + HOUR * hours;
        let found = find(&history, at, &Rules::default(), Rule::SendDrop);
        assert_eq!(found.verdict, Verdict::Breach, "{hours} h");
    }
    // Over, hours before they were due.
    let refused = Span::new(first - 9 * HOUR, first - 5 * HOUR);
    assert_eq!(told(&invoices_missing(first, refused))[0].0, Rule::SendDrop);
}

#[test]
fn one_campaign_does_not_make_the_mail_of_the_weeks_after_it_too_little() {
    let mut sent = logins(120);
    sent.extend(bursts([start() + 60 * DAY + 11 * HOUR], 3000));
    let end = start() + 119 * DAY;
    assert_eq!(
        breaches(&history(sent, end), Span::new(start() + 60 * DAY, end)),
        []
    );
}

#[test]
fn runs_on_working_days_are_not_missed_at_the_weekend() {
    let nights = (0..60u32)
        .filter(|day| day % 7 < 5)
        .map(|day| start() + DAY * day + 2 * HOUR);
    let sent = bursts(nights, 500);
    // The last one is that of a Wednesday.
    let last = *sent.last().expect("some mail");
    let history = history(sent, last + 9 * DAY);
    assert_eq!(breaches(&history, Span::new(start() + 28 * DAY, last)), []);
    let found = breaches(&history, Span::new(last, last + 9 * DAY));
    assert!(found[0].1 <= last + 27 * HOUR, "{found:?}");
}

#[test]
fn a_stop_in_the_future_follows_the_bursts_that_are_due_until_then() {
    for (every, count, size) in REGULAR {
        let sent = bursts(regular(count, every), size);
        let last = *sent.last().expect("some mail");
        let history = history(sent, last + HOUR);
        let at = last + HOUR;
        let silence = Silence::for_stream(&history, at, &Rules::default(), 1);
        let delay = |from: Timestamp| silence.detection_delay(&history, from);
        let interval = DAY * every;
        let now = delay(last).expect("regular bursts");
        // Nine intervals on it takes as long as now, to some hours: never no time at all.
        let later = delay(last + interval * 9).expect("regular bursts");
        let difference = later.abs_diff(now);
        assert!(
            difference < interval / 4 + 12 * HOUR,
            "{every}: {now:?}, {later:?}"
        );
        assert!(later > HOUR, "{every}: {later:?}");
    }
}

#[test]
fn a_burst_that_was_due_while_the_account_could_send_nothing_is_not_missed() {
    for others in [Vec::new(), logins(140)] {
        let due = |n: u32| start() + DAY * (1 + 7 * n) + 10 * HOUR;
        let suspended = Span::new(due(14) - 4 * HOUR, due(14) + 10 * HOUR);
        let known = |count: usize| {
            let weeks = regular(20, 7).enumerate().take(count);
            let weeks = weeks.filter(|(n, _)| *n != 14).map(|(_, at)| at);
            let mut sent = bursts(weeks, 800);
            sent.extend(others.iter().filter(|at| !suspended.contains(**at)));
            let mut history = history(sent, due(19));
            history.inactive = history.inactive_times(&[suspended]);
            history
        };
        let polls = Span::new(due(14) - DAY, due(18));
        assert_eq!(breaches(&known(20), polls), []);
        // That of the week after is missed as always.
        let found = breaches(&known(14), polls);
        let (_, at) = *found.first().expect("a missing burst");
        assert!((due(15)..=due(15) + DAY).contains(&at), "{at}");
    }
}
