//! No stop is told later than the longest gap of the stream allows, whatever the intensity models make of it.

use std::time::Duration;

use super::*;

const HISTORY: u32 = 45;

/// Uniform numbers in (0, 1), the same ones for the same seed (`SplitMix64`).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Normal by Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.next().ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos()
    }
}

/// Mail of working days from 8 to 18, the volume of a day around `mean` times a Gamma of shape ½ and mean one, which the
/// square of a normal is.
pub(super) fn uneven(days: u32, mean: f64, seed: u64) -> Vec<Timestamp> {
    let mut uniform = Uniform(seed);
    let mut sent = Vec::new();
    for day in (0..days).filter(|day| day % 7 < 5) {
        let volume = mean * uniform.normal().powi(2);
        let volume = (volume + volume.sqrt() * uniform.normal()).round().max(0.0);
        for _ in 0..volume as u32 {
            sent.push(start() + day * DAY + 8 * HOUR + (10 * HOUR).mul_f64(uniform.next()));
        }
    }
    sent.sort();
    sent
}

fn longest_gap(sent: &[Timestamp]) -> Duration {
    let gaps = sent.windows(2).map(|pair| pair[1].since(pair[0]));
    gaps.max().expect("two messages")
}

/// How long after the last mail its absence is a breach, asked every full hour; `None` where it is none in 30 days.
fn told_after(sent: &[Timestamp], series: usize) -> Option<Duration> {
    let last = *sent.last().expect("some mail");
    let history = history(sent.iter().copied(), last + 31 * DAY);
    let mut detector = Detector::new(Rules::default(), series);
    let polls = (1..=30 * 24).map(|hour| last.floor(HOUR) + HOUR * hour);
    let is_told = |at: &Timestamp| {
        let found = detector.detect(&history, &outbound(), &[], &ToldBounces::default(), *at);
        found[0].rule == Rule::SendSilence && found[0].verdict == Verdict::Breach
    };
    Some(polls.into_iter().find(is_told)?.since(last))
}

#[test]
fn a_stop_after_uneven_days_is_told_by_little_more_than_the_longest_gap() {
    for seed in 0..8 {
        let sent = uneven(HISTORY, 100.0, seed);
        let longest = longest_gap(&sent);
        let told = told_after(&sent, 1);
        assert!(
            told.is_some_and(|told| told <= longest.mul_f64(1.2)),
            "seed {seed}: {told:?} after gaps of at most {longest:?}"
        );
    }
}

#[test]
fn a_breach_at_the_bound_says_how_rare_the_gap_is_and_wakes_at_twice_the_bound() {
    let finding = |hours: u32| {
        let sent = uneven(HISTORY, 100.0, 0);
        let at = sent.last().expect("some mail").floor(HOUR) + HOUR * hours;
        find(&history(sent, at), at, &Rules::default(), Rule::SendSilence)
    };
    let longest = longest_gap(&uneven(HISTORY, 100.0, 0)).as_secs() / 3600;
    let hours = u32::try_from(longest).expect("days");
    let told = finding(2 * hours);
    assert_eq!(told.verdict, Verdict::Breach);
    let Evidence::Silence(SilenceEvidence {
        surprise,
        threshold,
        times_a_year,
        ..
    }) = told.evidence
    else {
        panic!("a silence has a silence's evidence")
    };
    assert!(surprise > threshold && times_a_year < 4.0, "{times_a_year}");
    assert_eq!(finding(3 * hours).severity, crate::model::Severity::Wake);
}

#[test]
fn the_bound_of_many_series_and_of_a_short_history_lies_beyond_the_longest_gap() {
    let sent = |days| uneven(days, 100.0, 3);
    let over = |days, series| {
        let sent = sent(days);
        let until = *sent.last().expect("some mail");
        let history = history(sent.clone(), until + DAY);
        let bound = Silence::for_stream(&history, until + DAY, &Rules::default(), series)
            .baseline
            .bound
            .length(&history, until)
            .expect("there were gaps");
        bound.as_secs_f64() / longest_gap(&sent).as_secs_f64()
    };
    assert!((1.0..=1.2).contains(&over(60, 1)), "{}", over(60, 1));
    assert!(over(60, 20) > 1.3, "{}", over(60, 20));
    assert!(over(60, 200) > over(60, 20));
    assert!(over(10, 1) > over(60, 1));
}

#[test]
fn a_longer_gap_since_the_last_learning_lifts_the_bound_at_once() {
    // Learned from on the Thursday before, day 59.
    let at = start() + 63 * DAY;
    let quiet = Span::new(start() + 61 * DAY, start() + 61 * DAY + 20 * HOUR);
    let hourly = (0..63 * 24).map(|hour| start() + HOUR * hour);
    let history = history(hourly.filter(|at| !quiet.contains(*at)), at);
    let silence = Silence::for_stream(&history, at, &Rules::default(), 1);
    let bound = |at| {
        silence
            .baseline
            .bound
            .length(&history, at)
            .expect("there were gaps")
    };
    assert!(bound(quiet.from) < 3 * HOUR);
    assert!(bound(quiet.until) >= 20 * HOUR);
}

#[test]
fn the_stop_that_goes_unnoticed_longest_is_the_one_that_is_named() {
    let sent = uneven(HISTORY, 100.0, 1);
    let last = *sent.last().expect("some mail");
    let history = history(sent.iter().copied(), last + 10 * DAY);
    let at = last + 10 * DAY;
    let silence = Silence::for_stream(&history, at, &Rules::default(), 1);
    let worst = silence
        .worst_detection_delay(&history, at)
        .expect("noticed");
    let told = told_after(&sent, 1).expect("told");
    assert!(worst >= told, "{worst:?} is less than {told:?}");
    assert!(worst <= longest_gap(&sent).mul_f64(1.2) + HOUR);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn after_45_days_of_any_mail_a_stop_is_a_breach_by_little_more_than_the_longest_gap(
        minutes in prop::collection::vec((0u32..HISTORY * 24 * 60, 1u32..40), 0..80), burst in 1u32..5,
    ) {
        let each = minutes.into_iter().flat_map(|(at, count)| (0..count).map(move |i| at + i * burst));
        let minutes = each.chain([0, HISTORY * 24 * 60 + 45]);
        let mut sent: Vec<Timestamp> = minutes.map(|minute| start() + MINUTE * minute).collect();
        sent.sort();
        let last = *sent.last().expect("some mail");
        let longest = longest_gap(&sent);
        let poll = (last + longest.mul_f64(1.2) + HOUR).floor(HOUR);
        let found = evaluate(&history(sent, poll), poll, &Rules::default(), 1);
        prop_assert_eq!(found[0].rule, Rule::SendSilence);
        prop_assert_eq!(found[0].verdict, Verdict::Breach, "{} after {:?}", last, longest);
    }
}
