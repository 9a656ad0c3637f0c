//! The statistical power of the rate rules at the volume of a stream: whether they can fire at all, and how often they
//! would in weeks in which nothing is wrong.

use std::collections::HashMap;
use std::time::Duration;

use crate::detect::interval::upper_tail;
use crate::detect::rate::{
    Counting, HEALTHY_BOUNCE_RATE, HEALTHY_COMPLAINT_RATE, RateTest, WindowCounts, usual_counts,
};
use crate::model::{BounceClass, BounceEvent, History, Rule, Rules, Timestamp, ToldBounces};

const WEEK_S: f64 = 7.0 * 86_400.0;
/// The number of messages for which a healthy sender's share, or half the threshold if that is less, counts beside the stream's own.
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
    /// The stream's own share, which alerts compare with, too; a healthy sender's where it has little.
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

/// Returns the power of each rate rule, evaluated at `polls` (in order) as the rules evaluate `history`, of which open incidents say what is
/// `told`.
pub fn analyse(
    history: &History,
    rules: &Rules,
    polls: &[Timestamp],
    told: &ToldBounces,
) -> Vec<RatePower> {
    let analysis = |rule, test: RateTest, prior, counts| Analysis {
        rule,
        known: test.clone().knowing(&told.excesses),
        test,
        prior,
        counts,
    };
    let is_hard: fn(&BounceEvent) -> bool = |event| event.class == BounceClass::Hard;
    let hard = RateTest::hard_bounces(rules).map(|test| {
        analysis(Rule::HardBounceWake, test, HEALTHY_BOUNCE_RATE, is_hard).power(history, polls)
    });
    let bounces = analysis(
        Rule::BounceRate,
        RateTest::bounces(rules),
        HEALTHY_BOUNCE_RATE,
        |event| event.class.counts(),
    );
    let spam = analysis(
        Rule::SpamRate,
        RateTest::spam(rules),
        HEALTHY_COMPLAINT_RATE,
        |event| event.class == BounceClass::Complaint,
    );
    vec![
        either(hard),
        bounces.power(history, polls),
        spam.power(history, polls),
    ]
}

/// Returns the power of a rule that either of two windows breaks.
fn either([long, short]: [RatePower; 2]) -> RatePower {
    let false_alarms_per_week = long.false_alarms_per_week + short.false_alarms_per_week;
    let shown = match long.can_never_fire() && !short.can_never_fire() {
        true => short,
        false => long,
    };
    RatePower {
        false_alarms_per_week,
        with_confidence: false_alarms_per_week,
        ..shown
    }
}

/// One rule to analyse.
struct Analysis {
    rule: Rule,
    test: RateTest,
    /// The same, with what an open incident says of the rate.
    known: RateTest,
    /// A healthy sender's share.
    prior: f64,
    counts: fn(&BounceEvent) -> bool,
}

impl Analysis {
    fn power(&self, history: &History, polls: &[Timestamp]) -> RatePower {
        let settings = &self.test.rule;
        let mut careful = self.test.clone();
        // `hard_bounce_wake` has no such setting.
        if self.rule != Rule::HardBounceWake {
            careful.rule.confidence = Some(RECOMMENDED_CONFIDENCE);
        }
        let usual = self.usual_share(history, polls);
        let per_week = |test| self.expected_per_week(history, test, usual, polls);
        let longest = |test: &RateTest| {
            let times = polls
                .iter()
                .map(|at| (*at, test.longest_time(history, *at).1));
            let counting = Counting::all(&self.counts);
            let counts = times.map(|(at, time)| WindowCounts::since(history, time, at, &counting));
            let most = counts.map(|of| of.denominator).max().unwrap_or(0);
            (test.longest_time(history, Timestamp(0)).0, most)
        };
        let (window, max_window_count) = longest(&self.test);
        let (careful_window, max_careful_count) = longest(&careful);
        RatePower {
            rule: self.rule,
            window,
            floor: settings.min_denominator,
            max_window_count,
            careful_window,
            max_careful_count,
            threshold: settings.threshold,
            usual,
            false_alarms_per_week: per_week(&self.test),
            with_confidence: per_week(&careful),
        }
    }

    /// Returns the stream's own share, to which a healthy one is added that weighs little.
    fn usual_share(&self, history: &History, polls: &[Timestamp]) -> f64 {
        let at = polls.last().copied().unwrap_or(Timestamp(0));
        let (bounced, recipients) =
            usual_counts(history, at, &self.known, &Counting::all(&self.counts));
        let prior = self.prior.min(self.test.rule.threshold / 2.0);
        prior.mul_add(PRIOR_MESSAGES, bounced) / (recipients.max(bounced) + PRIOR_MESSAGES)
    }

    /// Returns how often `test` would find a breach in a week, where each recipient is bad with probability `share`.
    fn expected_per_week(
        &self,
        history: &History,
        test: &RateTest,
        share: f64,
        polls: &[Timestamp],
    ) -> f64 {
        let rule = &test.rule;
        let mut windows: HashMap<u64, f64> = HashMap::new();
        let begin = polls.first().map(|first| *first - rule.window);
        let mut before = begin;
        for at in polls {
            let found = WindowCounts::of_rule(history, *at, rule, &Counting::all(self.counts));
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
            .map(|(n, weight)| weight * breach_probability(test, *n, share));
        expected.sum::<f64>() / weeks.max(1e-9)
    }
}

/// The probability that `test` finds a breach in `whole` recipients, each bad with probability `healthy`.
fn breach_probability(test: &RateTest, whole: u64, healthy: f64) -> f64 {
    let smallest = smallest(whole, |part| test.is_breach(part, whole));
    smallest.map_or(0.0, |part| upper_tail(part, whole, healthy))
}

/// The least of `1..=whole` for which the growing `holds` does.
fn smallest(whole: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if whole == 0 || !holds(whole) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Coverage, CumulativeCounts, DAY, HOUR, HourCount, MINUTE, Span};
    use proptest::prelude::*;

    const HOURS: u32 = 28 * 24;

    fn at(hour: u32) -> Timestamp {
        Timestamp(0) + 1000 * DAY + HOUR * hour
    }

    /// So many messages in every hour of four weeks, of which one went wrong in every so many hours.
    fn hourly(sent: u64, class: BounceClass, wrong_every: u32) -> (History, Vec<Timestamp>) {
        let sent_at = |hour: u32| at(hour) + 30 * MINUTE;
        let ticks = (0..HOURS).map(|hour| (sent_at(hour), sent));
        let hours = (0..HOURS).map(|hour| HourCount {
            start: at(hour),
            sent,
            first_at: sent_at(hour),
            last_at: sent_at(hour),
        });
        let covered = Coverage::from_spans([Span::new(at(0), at(HOURS))]);
        let event = |hour: u32| BounceEvent {
            tag: None,
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
            hours: hours.collect(),
            sent: CumulativeCounts::from_counts(ticks),
            bounce_events: wrong.map(event).collect(),
            ..History::default()
        };
        (history, (24..=HOURS).map(at).collect())
    }

    fn power_of(history: &(History, Vec<Timestamp>), rules: &Rules, rule: Rule) -> RatePower {
        let mut all = analyse(&history.0, rules, &history.1, &ToldBounces::default());
        all.retain(|power| power.rule == rule);
        all.remove(0)
    }

    fn power_at(sent: u64, rule: Rule) -> RatePower {
        let healthy = hourly(sent, BounceClass::Hard, HOURS);
        power_of(&healthy, &plain(), rule)
    }

    fn plain() -> Rules {
        let mut rules = Rules::default();
        rules.bounce_rate.confidence = None;
        rules.spam_rate.confidence = None;
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
        let hard = power_at(4, Rule::HardBounceWake);
        assert_eq!((hard.window, hard.can_never_fire()), (DAY, true));
        assert!(!power_at(5, Rule::HardBounceWake).can_never_fire());
        // Ten an hour for two hours: the short window has enough.
        let (mut burst, _) = hourly(0, BounceClass::Hard, HOURS);
        burst.sent =
            CumulativeCounts::from_counts([(at(100) + MINUTE, 10), (at(101) + MINUTE, 10)]);
        let polls: Vec<Timestamp> = (24..=HOURS).map(at).collect();
        let hard = power_of(&(burst, polls), &plain(), Rule::HardBounceWake);
        assert_eq!((hard.window, hard.can_never_fire()), (HOUR, false));
    }

    #[test]
    fn with_confidence_a_rule_fires_at_a_volume_that_its_window_lacks() {
        let few = hourly(4, BounceClass::Hard, HOURS);
        let plain = power_of(&few, &plain(), Rule::BounceRate);
        let careful = power_of(&few, &Rules::default(), Rule::BounceRate);
        assert_eq!(
            (careful.window, careful.max_window_count),
            (42 * DAY, 28 * 96),
            "what is too little for a window is added up"
        );
        assert!(!careful.can_never_fire());
        let hinted = (plain.careful_window, plain.max_careful_count);
        assert_eq!(hinted, (careful.window, careful.max_window_count));
        // 12 messages in three hours: P(X >= 4) at 0.1% is next to nothing, but not nothing.
        let chance = careful.false_alarms_per_week;
        assert!(chance > 0.0 && chance < 1e-3, "{careful:?}");
        let hard = power_of(&few, &Rules::default(), Rule::HardBounceWake);
        assert_eq!((hard.window, hard.can_never_fire()), (DAY, true));
    }

    #[test]
    fn fifty_mails_an_hour_break_one_percent_several_times_a_day_where_half_a_percent_bounces() {
        let stream = hourly(50, BounceClass::Hard, 4);
        let power = power_of(&stream, &plain(), Rule::BounceRate);
        assert!((power.usual - 0.005).abs() < 0.0001, "{power:?}");
        // P(X >= 1) of 50 at 0.5% is 22.2%, in each of 168 hours.
        assert!(
            (power.false_alarms_per_week - 168.0 * 0.2217).abs() < 0.2,
            "{power:?}"
        );
        // With confidence, 6 of 50 are needed: P(X >= 6) at 0.5% is 2e-7.
        assert!(power.with_confidence < 168.0 * 3e-7, "{power:?}");
    }

    #[test]
    fn a_stream_is_judged_at_its_own_rate() {
        let clean = power_at(50, Rule::BounceRate);
        assert!(clean.usual < 0.0002, "{clean:?}");
        let bad = hourly(50, BounceClass::Hard, 1);
        let bad = power_of(&bad, &plain(), Rule::BounceRate);
        assert!((bad.usual - 0.0196).abs() < 0.001, "{bad:?}");
        assert!(bad.is_usually_broken() && !clean.is_usually_broken());
    }

    #[test]
    fn the_usual_rate_is_without_an_excess_that_lasts_as_an_alert_tells_it() {
        // One of 240 recipients for three weeks, then one of 20.
        let (mut history, polls) = hourly(20, BounceClass::Hard, 12);
        let begins = at(HOURS - 7 * 24);
        let extra = (HOURS - 7 * 24..HOURS).map(|hour| BounceEvent {
            tag: None,
            at: at(hour) + 40 * MINUTE,
            message: format!("extra-{hour}"),
            sent_at: Some(at(hour) + 30 * MINUTE),
            class: BounceClass::Hard,
            recipient: String::new(),
        });
        history.bounce_events.extend(extra);
        history.bounce_events.sort_by_key(|event| event.at);
        let power = power_of(
            &(history.clone(), polls),
            &Rules::default(),
            Rule::BounceRate,
        );
        assert!((power.usual - 1.0 / 240.0).abs() < 0.001, "{power:?}");
        assert!(!power.is_usually_broken(), "since {begins}");
    }

    #[test]
    fn windows_that_overlap_are_counted_once() {
        let stream = hourly(100, BounceClass::Complaint, 48);
        let power = power_of(&stream, &plain(), Rule::SpamRate);
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
        let all = analyse(&history, &plain(), &[], &ToldBounces::default());
        assert!(all.iter().all(RatePower::can_never_fire));
    }

    proptest! {
        #[test]
        fn what_breaks_it_is_what_the_rule_takes_for_a_breach(whole in 10u64..400, confidence in prop::option::of(0.6f64..0.999)) {
            let mut rules = Rules::default();
            rules.bounce_rate.confidence = confidence;
            let [_, hard] = RateTest::hard_bounces(&rules);
            for test in [RateTest::bounces(&rules), hard] {
                let first = (1..=whole).find(|part| test.is_breach(*part, whole));
                let expected = first.map_or(0.0, |part| upper_tail(part, whole, 0.005));
                prop_assert!((breach_probability(&test, whole, 0.005) - expected).abs() < 1e-9);
            }
        }
    }
}
