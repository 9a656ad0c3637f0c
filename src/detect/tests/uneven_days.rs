//! Senders whose days are independent draws of a level: quiet days are no silence.

use super::gap_bound::uneven;
use super::*;

/// After this many days the false alarms count.
const LEARNT: u32 = 28;

/// How many silences open on `days` of mail without any stop, asked every full hour.
fn false_alarms(days: u32, mean: f64, seed: u64) -> usize {
    let sent = uneven(days, mean, seed);
    let last = *sent.last().expect("some mail");
    let history = history(sent, last);
    let mut detector = Detector::new(Rules::default(), 1);
    let mut is_open = false;
    let mut opened = 0;
    let mut at = start() + LEARNT * DAY;
    while at < last {
        let found = detector.detect(&history, &outbound(), &[], &ToldBounces::default(), at);
        assert_eq!(found[0].rule, Rule::SendSilence);
        match found[0].verdict {
            Verdict::Breach if !is_open => {
                is_open = true;
                opened += 1;
            }
            Verdict::Within => is_open = false,
            _ => {}
        }
        at = at + HOUR;
    }
    opened
}

#[test]
fn three_years_of_uneven_days_have_few_false_alarms() {
    let by_seed = [0, 1, 2].map(|seed| false_alarms(365 + LEARNT, 100.0, seed));
    let count: usize = by_seed.iter().sum();
    assert!(count <= 8, "{by_seed:?} in a year each");
}
