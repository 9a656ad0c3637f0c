//! Bounces are held against the recipients of their own time.

use super::*;

/// Each message of these times has two recipients in the first four weeks, and one later.
fn known_recipients(history: &History, times: &[Span]) -> KnownRecipients {
    let sent = times
        .iter()
        .map(|time| (time.from, history.sent.count(*time)));
    let recipients = sent.clone().map(|(at, sent)| match at < day(28) {
        true => (at, 2 * sent),
        false => (at, sent),
    });
    KnownRecipients {
        recipients: CumulativeCounts::from_counts(recipients),
        messages: CumulativeCounts::from_counts(sent),
    }
}

/// Forty mails a day to one recipient each, and every two weeks a newsletter of forty mails to fifty each; of all recipients so many bounce.
fn with_newsletters(rate: f64, days: u32, seed: u64) -> History {
    let mut state = seed;
    let mut mails: Vec<(Timestamp, u64)> = Vec::new();
    for n in 0..days {
        let morning = day(n) + 8 * HOUR;
        let news = (0..40).map(|mail| (morning + 2 * HOUR + MINUTE / 60 * mail, 50));
        mails.extend(news.filter(|_| n % 14 == 0));
        mails.extend((0..40).map(|mail| (morning + 18 * MINUTE * mail, 1)));
    }
    mails.sort_unstable();
    let mut bad = Vec::new();
    for (at, recipients) in &mails {
        let bounced = (0..*recipients).filter(|_| next(&mut state) < rate);
        bad.extend(bounced.map(|n| BounceEvent {
            recipient: format!("{n}.{}@example.com", at.0),
            ..event(*at, BounceClass::Hard)
        }));
    }
    let sent: Vec<Timestamp> = mails.iter().map(|(at, _)| *at).collect();
    let messages = mails.iter().map(|(at, _)| (*at, 1));
    History {
        recipients: KnownRecipients {
            recipients: CumulativeCounts::from_counts(mails.iter().copied()),
            messages: CumulativeCounts::from_counts(messages),
        },
        ..history(&sent, bad, days)
    }
}

#[test]
fn bounces_of_weeks_are_held_against_the_recipients_of_these_weeks() {
    let opened = |seed| {
        let history = with_newsletters(0.004, BEFORE + 42, seed);
        openings(&history, Rule::BounceRate, (BEFORE, BEFORE + 42), 6)
    };
    let opened: Vec<_> = (1..=6).map(opened).collect();
    assert!(opened.iter().flatten().count() <= 1, "{opened:?}");
    // What is told of days counts each recipient once, too.
    let history = with_newsletters(0.04, 40, 7);
    let rules = Rules::default();
    let mut found = (30..40).map(|n| rate_finding(&history, &rules, Rule::BounceRate, day(n)).1);
    let rate = found.rfind(|rate| rate.lasting.is_some()).expect("told");
    let days = rate.window.as_secs() / DAY.as_secs();
    assert!(rate.lasting.is_some() && days > 14, "{rate:?}");
    assert_eq!(rate.unit, RateUnit::Recipients);
    assert!(rate.denominator > 3_000 && rate.rate() < 0.06, "{rate:?}");
}

#[test]
fn a_message_is_one_fact_where_its_recipients_are_not_known() {
    let days = (0..6).flat_map(|day| [700 + 24 * day, 705 + 24 * day]);
    let mut history = steady(&days.collect::<Vec<_>>(), 40);
    assert_eq!(verdict_at(&history, 825), Verdict::Breach);
    for (n, event) in history.bounce_events.iter_mut().enumerate() {
        event.message = "one".to_owned();
        event.recipient = format!("{n}@example.com");
    }
    assert_ne!(verdict_at(&history, 825), Verdict::Breach);
}

#[test]
fn what_a_cycle_loads_is_enough() {
    for (per_day, seed) in [(40.0, 1), (300.0, 2), (5_000.0, 3)] {
        let mut whole = stream(
            per_day,
            BounceClass::Hard,
            rises(0.005, 0.03, 99),
            (BEFORE + 20, seed),
        );
        let minute = |n| Span::new(begin() + MINUTE * n, begin() + MINUTE * (n + 1));
        let minutes: Vec<Span> = (0..(BEFORE + 20) * 1440).map(minute).collect();
        whole.recipients = known_recipients(&whole, &minutes);
        for at in [
            day(BEFORE + 2),
            day(BEFORE + 9) + 7 * HOUR,
            day(BEFORE + 20) - HOUR / 3,
        ] {
            let mut loaded = whole.clone();
            let range = Span::before(at, 7 * DAY);
            let from = lasting_reach(&whole, at).from.min(range.from);
            loaded
                .bounce_events
                .retain(|event| event.at >= from && event.at < at);
            let sent = whole.sent.clone();
            let ticks = (0..7 * 1440).map(|n| range.from + MINUTE * n);
            loaded.sent = CumulativeCounts::from_counts(
                ticks.map(|tick| (tick, sent.count(Span::new(tick, tick + MINUTE)))),
            );
            let older = Span::new(from, range.from.floor(MINUTE));
            let hour = |n| Span::new(from + HOUR * n, (from + HOUR * (n + 1)).min(older.until));
            let hours = (0..).map(hour).take_while(|hour| !hour.is_empty());
            let hours: Vec<Span> = hours.collect();
            let newer = minutes
                .iter()
                .filter(|minute| minute.from >= range.from.floor(MINUTE));
            loaded.recipients = known_recipients(&whole, &newer.copied().collect::<Vec<_>>());
            loaded
                .recipients
                .add_older(&known_recipients(&whole, &hours));
            let rules = Rules::default();
            let find = |history| rate_finding(history, &rules, Rule::BounceRate, at);
            let told = |(verdict, rate): (Verdict, RateEvidence)| {
                let counts = (rate.numerator, rate.denominator, rate.window);
                (
                    verdict,
                    counts,
                    rate.usual,
                    rate.lasting,
                    rate.wave,
                    rate.unit,
                )
            };
            assert_eq!(told(find(&loaded)), told(find(&whole)), "{per_day} at {at}");
        }
    }
}
