//! The statistical power of the rate rules at the volume of a stream: whether they can fire at all, and how often they
//! would in weeks in which nothing is wrong.

use std::collections::HashMap;
use std::time::Duration;

use statrs::function::beta::beta_reg;

use crate::detect::rate::{MIN_CERTAIN, WindowCounts, hard_bounce_rule};
use crate::model::{
    BounceClass, BounceEvent, DAY, History, RateRule, Rule, Rules, Span, Timestamp,
};

const WEEK_S: f64 = 7.0 * 86_400.0;
/// A healthy sender's share of bounces, unless that is over half the threshold.
const HEALTHY_BOUNCE_RATE: f64 = 0.005;
/// A healthy sender's share of complaints, likewise: half of what Postmark warns at.
const HEALTHY_COMPLAINT_RATE: f64 = 0.0002;
/// The number of messages for which a healthy sender's share counts beside the stream's own.
const PRIOR_MESSAGES: f64 = 1000.0;
/// The level that is recommended where a rule fires too often.
pub const RECOMMENDED_CONFIDENCE: f64 = 0.95;

/// The power of one rule on one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct RatePower {
    pub rule: Rule,
    /// The longest window that is evaluated.
    pub window: Duration,
    /// The minimum number of messages of a rate.
    pub floor: u64,
    /// The maximum number of messages in an evaluated window.
    pub max_window_count: u64,
    /// The longest window with [`RECOMMENDED_CONFIDENCE`] as `confidence`.
    pub careful_window: Duration,
    /// The maximum number of messages in such a window.
    pub max_careful_count: u64,
    pub threshold: f64,
    /// The stream's own share over all of its history; a healthy sender's where it has little.
    pub usual: f64,
    /// How often it would open per week by chance, at that share.
    pub false_alarms_per_week: f64,
    /// The same with [`RECOMMENDED_CONFIDENCE`].
    pub with_confidence: f64,
}

impl RatePower {
    /// Returns whether no evaluated window had enough messages.
    pub const fn can_never_fire(&self) -> bool {
        self.max_window_count < self.floor
    }

    /// Returns whether the rule fires for a reason, most of the time.
    pub fn is_usually_broken(&self) -> bool {
        self.usual > self.threshold
    }
}

/// Returns the power of each rate rule, evaluated at `polls` (in order) as the rules evaluate `history`.
pub fn analyse(history: &History, rules: &Rules, polls: &[Timestamp]) -> Vec<RatePower> {
    // The longer of its two windows, which holds the shorter.
    let hard = hard_bounce_rule(rules, rules.bounce_rate.window.max(DAY));
    let (bounces, spam) = (&rules.bounce_rate, &rules.spam_rate);
    [
        Analysis {
            rule: Rule::HardBounceWake,
            settings: &hard,
            prior: HEALTHY_BOUNCE_RATE,
            counts: |event| event.class == BounceClass::Hard,
        },
        Analysis {
            rule: Rule::BounceRate,
            settings: bounces,
            prior: HEALTHY_BOUNCE_RATE,
            counts: |event| event.class.counts(),
        },
        Analysis {
            rule: Rule::SpamRate,
            settings: spam,
            prior: HEALTHY_COMPLAINT_RATE,
            counts: |event| event.class == BounceClass::Complaint,
        },
    ]
    .map(|analysis| analysis.power(history, polls))
    .into()
}

/// One rule to analyse.
struct Analysis<'r> {
    rule: Rule,
    settings: &'r RateRule,
    /// A healthy sender's share.
    prior: f64,
    counts: fn(&BounceEvent) -> bool,
}

impl Analysis<'_> {
    fn power(&self, history: &History, polls: &[Timestamp]) -> RatePower {
        let settings = self.settings;
        let careful = match self.rule {
            // It has no such setting.
            Rule::HardBounceWake => settings.clone(),
            _ => RateRule {
                confidence: Some(RECOMMENDED_CONFIDENCE),
                ..settings.clone()
            },
        };
        let usual = self.usual_share(history, polls);
        let per_week = |rule| self.expected_per_week(history, rule, usual, polls);
        let max_count = |rule: &RateRule| {
            let before = |at: &Timestamp| Span::before(*at, rule.longest_window());
            let windows = polls.iter().map(before);
            let counts = windows.map(|window| WindowCounts::new(history, window, &self.counts));
            counts.map(|of| of.denominator).max().unwrap_or(0)
        };
        RatePower {
            rule: self.rule,
            window: settings.longest_window(),
            floor: settings.min_denominator,
            max_window_count: max_count(settings),
            careful_window: careful.longest_window(),
            max_careful_count: max_count(&careful),
            threshold: settings.threshold,
            usual,
            false_alarms_per_week: per_week(settings),
            with_confidence: per_week(&careful),
        }
    }

    /// Returns the stream's own share, to which a healthy one is added that weighs little.
    fn usual_share(&self, history: &History, polls: &[Timestamp]) -> f64 {
        let all = Span::new(
            history.first_seen_at.unwrap_or(Timestamp(0)),
            polls.last().copied().unwrap_or(Timestamp(0)),
        );
        let found = WindowCounts::new(history, all, &self.counts);
        let prior = self.prior.min(self.settings.threshold / 2.0);
        let bounced = prior.mul_add(PRIOR_MESSAGES, found.bounced as f64);
        bounced / (found.denominator as f64 + PRIOR_MESSAGES)
    }

    /// Returns how often `rule` would be broken in a week, where each message is bad with probability `share`.
    fn expected_per_week(
        &self,
        history: &History,
        rule: &RateRule,
        share: f64,
        polls: &[Timestamp],
    ) -> f64 {
        let mut windows: HashMap<u64, f64> = HashMap::new();
        let begin = polls.first().map(|first| *first - rule.window);
        let mut before = begin;
        for at in polls {
            let found = WindowCounts::of_rule(history, *at, rule, &self.counts);
            let length = rule.window.max(at.since(found.window.from));
            // Windows that overlap see the same bounces: together they count as one.
            let new = before.map_or(Duration::ZERO, |before| at.since(before));
            let weight = new.as_secs_f64() / length.as_secs_f64().max(1.0);
            *windows.entry(found.denominator).or_default() += weight.min(1.0);
            before = Some(*at);
        }
        let whole = before.zip(begin).map(|(last, begin)| last.since(begin));
        let weeks = whole.unwrap_or_default().as_secs_f64() / WEEK_S;
        let expected = windows
            .iter()
            .map(|(n, weight)| weight * breach_probability(rule, *n, share));
        expected.sum::<f64>() / weeks.max(1e-9)
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
        let is_certain = |level| {
            part >= MIN_CERTAIN && upper_tail(part, whole, rule.threshold) < (1.0 - level) / 2.0
        };
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
    use crate::detect::rate::is_breach;
    use crate::model::{Coverage, CumulativeCounts, HOUR, MINUTE};
    use proptest::prelude::*;

    const HOURS: u32 = 28 * 24;

    fn at(hour: u32) -> Timestamp {
        Timestamp(0) + 1000 * DAY + HOUR * hour
    }

    /// So many messages in every hour of four weeks, of which one went wrong in every so many hours.
    fn hourly(sent: u64, class: BounceClass, wrong_every: u32) -> (History, Vec<Timestamp>) {
        let sent_at = |hour: u32| at(hour) + 30 * MINUTE;
        let ticks = (0..HOURS).map(|hour| (sent_at(hour), sent));
        let covered = Coverage::from_spans([Span::new(at(0), at(HOURS))]);
        let event = |hour: u32| BounceEvent {
            at: sent_at(hour),
            message: hour.to_string(),
            sent_at: Some(sent_at(hour)),
            class,
            recipient: String::new(),
        };
        let wrong = (1..HOURS).filter(|hour| hour % wrong_every == 0);
        let history = History {
            first_seen_at: Some(at(0)),
            installed_at: Some(at(0)),
            messages: covered.clone(),
            bounces: covered,
            sent: CumulativeCounts::from_counts(ticks),
            bounce_events: wrong.map(event).collect(),
            ..History::default()
        };
        (history, (24..=HOURS).map(at).collect())
    }

    fn power_of(history: &(History, Vec<Timestamp>), rules: &Rules, rule: Rule) -> RatePower {
        let mut all = analyse(&history.0, rules, &history.1);
        all.retain(|power| power.rule == rule);
        all.remove(0)
    }

    fn power_at(sent: u64, rule: Rule) -> RatePower {
        let healthy = hourly(sent, BounceClass::Hard, HOURS);
        power_of(&healthy, &Rules::default(), rule)
    }

    fn certain() -> Rules {
        let mut rules = Rules::default();
        rules.bounce_rate.confidence = Some(RECOMMENDED_CONFIDENCE);
        rules.spam_rate.confidence = Some(RECOMMENDED_CONFIDENCE);
        rules
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
    fn with_confidence_a_rule_fires_at_a_volume_that_its_window_lacks() {
        let few = hourly(4, BounceClass::Hard, HOURS);
        let plain = power_of(&few, &Rules::default(), Rule::BounceRate);
        let careful = power_of(&few, &certain(), Rule::BounceRate);
        assert_eq!(
            (careful.window, careful.max_window_count),
            (7 * DAY, 7 * 96)
        );
        assert!(!careful.can_never_fire());
        let hinted = (plain.careful_window, plain.max_careful_count);
        assert_eq!(hinted, (careful.window, careful.max_window_count));
        // 12 messages in three hours: P(X >= 2) at 0.1% is next to nothing, but not nothing.
        let chance = careful.false_alarms_per_week;
        assert!(chance > 0.0 && chance < 0.1, "{careful:?}");
        let hard = power_of(&few, &certain(), Rule::HardBounceWake);
        assert_eq!((hard.window, hard.can_never_fire()), (DAY, true));
    }

    #[test]
    fn fifty_mails_an_hour_break_one_percent_several_times_a_day_where_half_a_percent_bounces() {
        let stream = hourly(50, BounceClass::Hard, 4);
        let power = power_of(&stream, &Rules::default(), Rule::BounceRate);
        assert!((power.usual - 0.005).abs() < 0.0001, "{power:?}");
        // P(X >= 1) of 50 at 0.5% is 22.2%, in each of 168 hours.
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
    fn a_stream_is_judged_at_its_own_rate() {
        let clean = power_at(50, Rule::BounceRate);
        assert!(clean.usual < 0.0002, "{clean:?}");
        let bad = hourly(50, BounceClass::Hard, 1);
        let bad = power_of(&bad, &Rules::default(), Rule::BounceRate);
        assert!((bad.usual - 0.0196).abs() < 0.0005, "{bad:?}");
        assert!(bad.is_usually_broken() && !clean.is_usually_broken());
    }

    #[test]
    fn windows_that_overlap_are_counted_once() {
        let stream = hourly(100, BounceClass::Complaint, 48);
        let power = power_of(&stream, &Rules::default(), Rule::SpamRate);
        assert_eq!(power.max_window_count, 2_400);
        assert!((power.usual - 0.0002).abs() < 0.00001, "{power:?}");
        // Three of 2,400 messages a day, seven days a week.
        let expected = 7.0 * upper_tail(3, 2_400, power.usual);
        assert!(
            (power.false_alarms_per_week - expected).abs() < 0.01,
            "{power:?}"
        );
    }

    #[test]
    fn without_polls_nothing_is_known() {
        let (history, _) = hourly(50, BounceClass::Hard, 4);
        let all = analyse(&history, &Rules::default(), &[]);
        assert!(all.iter().all(RatePower::can_never_fire));
    }

    proptest! {
        #[test]
        fn what_breaks_it_is_what_the_rule_takes_for_a_breach(whole in 10u64..400, confidence in prop::option::of(0.6f64..0.999)) {
            let rule = RateRule { confidence, ..Rules::default().bounce_rate };
            let first = (1..=whole).find(|part| is_breach(&rule, *part, whole));
            let expected = first.map_or(0.0, |part| upper_tail(part, whole, 0.005));
            prop_assert!((breach_probability(&rule, whole, 0.005) - expected).abs() < 1e-9);
        }
    }
}
