//! The statistical power of the rate rules at the volume of a stream: whether they can fire at all, and how often they
//! would in weeks in which nothing is wrong.

use std::collections::HashMap;
use std::time::Duration;

use statrs::function::beta::beta_reg;

use crate::detect::rate::{HARD_BOUNCE_MIN_DENOMINATOR, HARD_BOUNCE_THRESHOLD};
use crate::model::{DAY, History, RateRule, Rule, Rules, Span, Timestamp};

const WEEK_S: f64 = 7.0 * 86_400.0;
/// A healthy sender's share of bounces, unless that is over half the threshold.
const HEALTHY_BOUNCE_RATE: f64 = 0.005;
/// A healthy sender's share of complaints, likewise: half of what Postmark warns at.
const HEALTHY_COMPLAINT_RATE: f64 = 0.0002;
/// The level that is recommended where a rule fires too often.
pub const RECOMMENDED_CONFIDENCE: f64 = 0.95;

/// The power of one rule on one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct RatePower {
    pub rule: Rule,
    pub window: Duration,
    /// The minimum number of messages of a rate.
    pub floor: u64,
    /// The maximum number of messages in an evaluated window.
    pub max_window_count: u64,
    /// The share that is taken for healthy.
    pub healthy: f64,
    /// How often it would open per week at that share.
    pub false_alarms_per_week: f64,
    /// The same with [`RECOMMENDED_CONFIDENCE`] as `confidence`.
    pub with_confidence: f64,
}

impl RatePower {
    /// Returns whether no evaluated window had enough messages.
    pub const fn can_never_fire(&self) -> bool {
        self.max_window_count < self.floor
    }
}

/// Returns the power of each rate rule, evaluated at `polls` (in order) on what `history` has of the time before each.
pub fn analyse(history: &History, rules: &Rules, polls: &[Timestamp]) -> Vec<RatePower> {
    let hard = RateRule {
        threshold: HARD_BOUNCE_THRESHOLD,
        // The longer of its two windows, which holds the shorter.
        window: rules.bounce_rate.window.max(DAY),
        min_denominator: HARD_BOUNCE_MIN_DENOMINATOR,
        confidence: None,
        ..rules.bounce_rate.clone()
    };
    [
        (Rule::HardBounceWake, &hard, HEALTHY_BOUNCE_RATE),
        (Rule::BounceRate, &rules.bounce_rate, HEALTHY_BOUNCE_RATE),
        (Rule::SpamRate, &rules.spam_rate, HEALTHY_COMPLAINT_RATE),
    ]
    .map(|(rule, settings, healthy)| power(history, rule, settings, healthy, polls))
    .into()
}

fn power(
    history: &History,
    rule: Rule,
    settings: &RateRule,
    healthy: f64,
    polls: &[Timestamp],
) -> RatePower {
    let healthy = healthy.min(settings.threshold / 2.0);
    let careful = RateRule {
        confidence: Some(RECOMMENDED_CONFIDENCE),
        ..settings.clone()
    };
    let mut windows: HashMap<u64, f64> = HashMap::new();
    let begin = polls.first().map(|first| *first - settings.window);
    let mut before = begin;
    for at in polls {
        let sent = history.sent.count(Span::before(*at, settings.window));
        // Windows that overlap see the same bounces: together they count as one.
        let new = before.map_or(Duration::ZERO, |before| at.since(before));
        let weight = new.as_secs_f64() / settings.window.as_secs_f64().max(1.0);
        *windows.entry(sent).or_default() += weight.min(1.0);
        before = Some(*at);
    }
    let whole = before.zip(begin).map(|(last, begin)| last.since(begin));
    let weeks = whole.unwrap_or_default().as_secs_f64() / WEEK_S;
    let per_week = |rule: &RateRule| {
        let expected = windows
            .iter()
            .map(|(n, weight)| weight * breach_probability(rule, *n, healthy));
        expected.sum::<f64>() / weeks.max(1e-9)
    };
    RatePower {
        rule,
        window: settings.window,
        floor: settings.min_denominator,
        max_window_count: windows.keys().copied().max().unwrap_or(0),
        healthy,
        false_alarms_per_week: per_week(settings),
        with_confidence: per_week(&careful),
    }
}

/// The probability that `rule` is broken by `whole` messages, each bad with probability `healthy`.
fn breach_probability(rule: &RateRule, whole: u64, healthy: f64) -> f64 {
    if whole < rule.min_denominator || whole == 0 {
        return 0.0;
    }
    let smallest = smallest(whole, |part| {
        let exceeds = part as f64 / whole as f64 > rule.threshold;
        // The lower end of the Clopper-Pearson interval exceeds the threshold exactly where `part` or more are this improbable
        // at the threshold.
        let is_certain = |level| upper_tail(part, whole, rule.threshold) < (1.0 - level) / 2.0;
        exceeds && rule.confidence.is_none_or(is_certain)
    });
    smallest.map_or(0.0, |part| upper_tail(part, whole, healthy))
}

/// The least of `1..=whole` for which the growing `holds` does.
fn smallest(whole: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(whole) {
        return None;
    }
    let (mut low, mut high) = (1, whole);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

/// The probability of `part` (at least 1) or more of `whole`, each with probability `p` in (0, 1): a regularised incomplete beta
/// function.
fn upper_tail(part: u64, whole: u64, p: f64) -> f64 {
    beta_reg(part as f64, (whole - part) as f64 + 1.0, p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::interval::clopper_pearson;
    use crate::model::{CumulativeCounts, HOUR, MINUTE};
    use proptest::prelude::*;

    fn at(hour: u32) -> Timestamp {
        Timestamp(0) + 1000 * DAY + HOUR * hour
    }

    /// So many messages in every hour of four weeks.
    fn hourly(sent: u64) -> (History, Vec<Timestamp>) {
        let ticks = (0..28 * 24).map(|hour| (at(hour) + 30 * MINUTE, sent));
        let history = History {
            first_seen_at: Some(at(0)),
            sent: CumulativeCounts::from_counts(ticks),
            ..History::default()
        };
        (history, (24..=28 * 24).map(at).collect())
    }

    fn power_at(sent: u64, rule: Rule) -> RatePower {
        let (history, polls) = hourly(sent);
        let mut all = analyse(&history, &Rules::default(), &polls);
        all.retain(|power| power.rule == rule);
        all.remove(0)
    }

    #[test]
    fn a_rule_above_the_volume_never_fires() {
        let few = power_at(4, Rule::BounceRate);
        assert_eq!(
            (few.max_window_count, few.floor, few.can_never_fire()),
            (4, 10, true)
        );
        assert!(few.false_alarms_per_week.abs() < f64::EPSILON);
        let spam = power_at(4, Rule::SpamRate);
        assert_eq!((spam.max_window_count, spam.can_never_fire()), (96, false));
        assert!(power_at(4, Rule::HardBounceWake).can_never_fire());
        assert!(!power_at(5, Rule::HardBounceWake).can_never_fire());
    }

    #[test]
    fn fifty_healthy_mails_an_hour_break_one_percent_several_times_a_day() {
        // P(X >= 1) of 50 at 0.5% is 22.2%, in each of 168 hours.
        let power = power_at(50, Rule::BounceRate);
        assert!(
            (power.false_alarms_per_week - 168.0 * 0.2217).abs() < 0.2,
            "{power:?}"
        );
        // With confidence, 3 of 50 are needed: P(X >= 3) is 0.2%.
        assert!(
            (power.with_confidence - 168.0 * 0.0021).abs() < 0.05,
            "{power:?}"
        );
    }

    #[test]
    fn windows_that_overlap_are_counted_once() {
        // 2,400 messages a day: P(X >= 3) at 0.02% is 1.3%, seven days a week.
        let power = power_at(100, Rule::SpamRate);
        assert_eq!(power.max_window_count, 2_400);
        assert!(
            (power.false_alarms_per_week - 7.0 * 0.0129).abs() < 0.01,
            "{power:?}"
        );
    }

    #[test]
    fn without_polls_nothing_is_known() {
        let (history, _) = hourly(50);
        let all = analyse(&history, &Rules::default(), &[]);
        assert!(all.iter().all(RatePower::can_never_fire));
    }

    proptest! {
        #[test]
        fn what_breaks_it_is_what_the_rule_takes_for_a_breach(whole in 10u64..400, confidence in prop::option::of(0.6f64..0.999)) {
            let rule = RateRule { confidence, ..Rules::default().bounce_rate };
            let judged = |part: u64| {
                let certain = confidence.is_none_or(|level| clopper_pearson(part, whole, level).0 > rule.threshold);
                part as f64 / whole as f64 > rule.threshold && certain
            };
            let first = (1..=whole).find(|part| judged(*part));
            let expected = first.map_or(0.0, |part| upper_tail(part, whole, 0.005));
            prop_assert!((breach_probability(&rule, whole, 0.005) - expected).abs() < 1e-9);
        }
    }
}
