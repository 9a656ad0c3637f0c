//! Bounce and complaint rates over a threshold, with a floor for the denominator.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::detect::interval::clopper_pearson;
use crate::model::{
    BounceClass, BounceEvent, BouncedMessages, DAY, Evidence, Finding, HOUR, History, MINUTE,
    RateEvidence, RateRule, RateUnit, Rule, Rules, Severity, Span, Timestamp, Verdict, domain_of,
};

/// The level of the interval which every alert states.
const STATED_CONFIDENCE: f64 = 0.95;

/// Recipients that must have bounced where a rate needs to be certain: one alone is no rate.
pub(super) const MIN_CERTAIN: u64 = 2;

/// `hard_bounce_wake` fires above this share of hard bounces...
const HARD_BOUNCE_THRESHOLD: f64 = 0.05;
/// ...of at least this many recipients ("more than 100").
const HARD_BOUNCE_MIN_DENOMINATOR: u64 = 101;

/// The findings of `hard_bounce_wake`, `bounce_rate` and `spam_rate`.
pub(super) fn evaluate(history: &History, at: Timestamp, rules: &Rules) -> Vec<Finding> {
    let hard = |window| {
        let rule = hard_bounce_rule(rules, window);
        evaluate_rule(history, at, &rule, |class| class == BounceClass::Hard)
    };
    let finding = |rule, severity, (verdict, evidence)| {
        Finding::new(rule, verdict, severity, Evidence::Rate(evidence))
    };
    let (bounces, spam) = (&rules.bounce_rate, &rules.spam_rate);
    let hard = worse_of(hard(bounces.window), hard(DAY));
    let bounced = evaluate_rule(history, at, bounces, BounceClass::counts);
    let complained = evaluate_rule(history, at, spam, |class| class == BounceClass::Complaint);
    vec![
        finding(Rule::HardBounceWake, Severity::Wake, hard),
        finding(Rule::BounceRate, Severity::Warn, bounced),
        finding(Rule::SpamRate, Severity::Warn, complained),
    ]
}

/// Returns the settings of `hard_bounce_wake` on one of its windows.
pub(super) fn hard_bounce_rule(rules: &Rules, window: Duration) -> RateRule {
    RateRule {
        threshold: HARD_BOUNCE_THRESHOLD,
        window,
        min_denominator: HARD_BOUNCE_MIN_DENOMINATOR,
        confidence: None,
        ..rules.bounce_rate.clone()
    }
}

/// Of two windows of one rule, the one that breaks it; else the one that cannot tell.
fn worse_of(
    short: (Verdict, RateEvidence),
    long: (Verdict, RateEvidence),
) -> (Verdict, RateEvidence) {
    match (short.0, long.0) {
        (Verdict::Breach, _) => short,
        (_, Verdict::Breach) => long,
        (Verdict::Unknown, _) => (Verdict::Unknown, long.1),
        _ => long,
    }
}

/// What was sent and bounced in a window, as far as it was read.
pub(super) struct WindowCounts {
    pub(super) window: Span,
    /// The parts that were read, without the counts that they cut.
    parts: Vec<Span>,
    /// How much of the window was read.
    watched: Duration,
    unit: RateUnit,
    pub(super) bounced: u64,
    /// Recipients sent to in the window or bounced in it.
    pub(super) denominator: u64,
}

impl WindowCounts {
    pub(super) fn new(
        history: &History,
        window: Span,
        counts: &impl Fn(&BounceEvent) -> bool,
    ) -> Self {
        let window = history.since_beginning(window);
        let seen = history.seen(window);
        let whole = seen.iter().map(|part| history.whole_counts_within(*part));
        let parts: Vec<Span> = whole.filter(|part| !part.is_empty()).collect();
        let marked = history.bounced_in(&parts, counts);
        let (unit, sent) = match history.recipients_in(&parts) {
            Some(sent) if sent.is_estimated => (RateUnit::EstimatedRecipients, sent.recipients),
            Some(sent) => (RateUnit::Recipients, sent.recipients),
            None => (RateUnit::Messages, history.sent_in(&parts)),
        };
        let (bounced, outside) = counted(unit, marked);
        Self {
            window,
            watched: seen.iter().map(|part| part.length()).sum(),
            unit,
            bounced,
            // No rate passes 100%, whatever the answers say of each other.
            denominator: (sent + outside).max(bounced),
            parts,
        }
    }

    /// Returns the counts of the rule's window; where that has less mail than the floor and the rule may reach back, of the
    /// shortest number of hours that has enough.
    pub(super) fn of_rule(
        history: &History,
        at: Timestamp,
        rule: &RateRule,
        counts: &impl Fn(&BounceEvent) -> bool,
    ) -> Self {
        let before = |hours: u32| {
            // A start on a full minute cuts no minute's count.
            let from = (at - HOUR * hours).floor(MINUTE);
            Self::new(history, Span::new(from, at), counts)
        };
        let plain = Self::new(history, Span::before(at, rule.window), counts);
        let hours = |length: Duration| u32::try_from(length.as_secs() / 3600).unwrap_or(u32::MAX);
        let (mut low, mut high) = (hours(rule.window), hours(rule.longest_window()));
        if plain.denominator >= rule.min_denominator || high <= low {
            return plain;
        }
        let longest = before(high);
        if longest.denominator < rule.min_denominator {
            return plain;
        }
        let mut enough = longest;
        while low + 1 < high {
            let middle = low.midpoint(high);
            let counts = before(middle);
            if counts.denominator >= rule.min_denominator {
                (high, enough) = (middle, counts);
            } else {
                low = middle;
            }
        }
        enough
    }
}

fn evaluate_rule(
    history: &History,
    at: Timestamp,
    rule: &RateRule,
    counts: fn(BounceClass) -> bool,
) -> (Verdict, RateEvidence) {
    let counts = |event: &BounceEvent| counts(event.class);
    let found = WindowCounts::of_rule(history, at, rule, &counts);
    let parts = &found.parts;
    let covered: Duration = parts.iter().map(|p| p.length()).sum();
    let by_class = BounceClass::ALL.into_iter().map(|class| {
        let bounced = history.bounced_in(parts, |event| event.class == class && counts(event));
        (class, counted(found.unit, bounced).0)
    });
    let asked = Span::before(at, rule.window);
    let evidence = RateEvidence {
        window: rule.window.max(at.since(found.window.from)),
        covered,
        unit: found.unit,
        numerator: found.bounced,
        denominator: found.denominator,
        floor: rule.min_denominator,
        threshold: rule.threshold,
        interval: clopper_pearson(found.bounced, found.denominator, STATED_CONFIDENCE),
        classes: by_class.filter(|(_, bounced)| *bounced > 0).collect(),
        domains: top_domains(history, parts, counts),
        last_sent: history.last_sent(at),
        last_delivered: history.last_delivered(at),
    };
    let newest = newest_event(history, parts, counts);
    let is_within = |length: Duration| newest.is_some_and(|newest| at.since(newest) <= length);
    let has_reached = found.window.from < asked.from;
    let verdict = if found.window.is_empty() || parts.is_empty() {
        Verdict::Unknown
    } else if is_breach(rule, evidence.numerator, evidence.denominator)
        && (!has_reached || is_within(rule.window))
    {
        Verdict::Breach
    } else if has_reached && evidence.rate() > rule.threshold && is_within(DAY) {
        // What opened on a longer window is not over because an hour went by.
        Verdict::Unresolved
    } else if found.watched == found.window.length() && 2 * covered >= found.watched {
        Verdict::Within
    } else {
        Verdict::Unknown
    };
    (verdict, evidence)
}

/// Returns how many bounced, and how many of them were sent outside the window.
const fn counted(unit: RateUnit, bounced: BouncedMessages) -> (u64, u64) {
    match unit {
        RateUnit::Messages => (bounced.messages, bounced.sent_outside),
        RateUnit::Recipients | RateUnit::EstimatedRecipients => {
            (bounced.recipients, bounced.recipients_outside)
        }
    }
}

/// Returns whether so many of a window's recipients are more than `rule` allows.
pub(super) fn is_breach(rule: &RateRule, bounced: u64, denominator: u64) -> bool {
    let certain = rule.confidence.is_none_or(|level| {
        let (low, _) = clopper_pearson(bounced, denominator, level);
        low > rule.threshold && bounced >= MIN_CERTAIN
    });
    let exceeds = bounced as f64 / denominator as f64 > rule.threshold;
    denominator >= rule.min_denominator && exceeds && certain
}

fn newest_event(
    history: &History,
    parts: &[Span],
    counts: impl Fn(&BounceEvent) -> bool,
) -> Option<Timestamp> {
    let events = parts
        .iter()
        .flat_map(|part| history.bounce_events_in(*part));
    events
        .filter(|event| counts(event))
        .map(|event| event.at)
        .max()
}

fn top_domains(
    history: &History,
    parts: &[Span],
    counts: impl Fn(&BounceEvent) -> bool,
) -> Vec<(String, u64)> {
    let mut domains = BTreeMap::new();
    let events = parts
        .iter()
        .flat_map(|part| history.bounce_events_in(*part));
    for event in events.filter(|event| counts(event)) {
        let domain = domain_of(&event.recipient);
        if !domain.is_empty() {
            *domains.entry(domain).or_insert(0u64) += 1;
        }
    }
    let mut most: Vec<_> = domains.into_iter().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    most.truncate(3);
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CountedSpan, Coverage, CumulativeCounts, KnownRecipients};

    fn at(minutes: u32) -> Timestamp {
        Timestamp(0) + 100 * DAY + MINUTE * minutes
    }

    fn span(from: u32, until: u32) -> Span {
        Span::new(at(from), at(until))
    }

    /// Two days of counts, each of so many minutes with a hundred messages a minute, and bounces of unknown sending.
    fn counted(minutes: u32, bounces: impl Iterator<Item = u32>) -> History {
        let from = at(0) - DAY;
        let covered = Coverage::from_spans([Span::new(from, at(1440))]);
        let windows = (0..2880 / minutes).map(|n| {
            let begins = from + MINUTE * (n * minutes);
            CountedSpan {
                span: Span::new(begins, begins + MINUTE * minutes),
                sent: u64::from(minutes) * 100,
                last_at: Some(begins + MINUTE * (minutes - 1)),
            }
        });
        let counted: Vec<CountedSpan> = windows.collect();
        let ticks = counted.iter().filter_map(|c| Some((c.last_at?, c.sent)));
        let mark = |minute: u32| BounceEvent {
            at: at(minute),
            message: minute.to_string(),
            sent_at: None,
            class: BounceClass::Hard,
            recipient: String::new(),
        };
        History {
            first_seen_at: Some(from),
            installed_at: Some(from),
            messages: covered.clone(),
            bounces: covered,
            sent: CumulativeCounts::from_counts(ticks),
            counted: counted.clone(),
            bounce_events: bounces.map(mark).collect(),
            ..History::default()
        }
    }

    fn measured(history: &History, minute: u32) -> (Verdict, RateEvidence) {
        let rule = Rules::default().bounce_rate;
        evaluate_rule(history, at(minute), &rule, BounceClass::counts)
    }

    #[test]
    fn a_bounce_of_a_counted_message_is_one_of_those_that_were_counted() {
        let history = counted(10, 600..660);
        let (verdict, evidence) = measured(&history, 660);
        assert_eq!((evidence.numerator, evidence.denominator), (60, 6_000));
        assert_eq!(verdict, Verdict::Within);
        let known = BounceEvent {
            sent_at: Some(at(30)),
            ..history.bounce_events[0].clone()
        };
        let late = History {
            bounce_events: vec![known],
            ..history
        };
        assert_eq!(measured(&late, 660).1.denominator, 6_001);
    }

    #[test]
    fn a_count_that_a_window_cuts_is_left_out_with_its_bounces() {
        let history = counted(10, 600..670);
        let (verdict, evidence) = measured(&history, 665);
        assert_eq!(evidence.covered, MINUTE * 50);
        assert_eq!((evidence.numerator, evidence.denominator), (50, 5_000));
        assert_eq!(verdict, Verdict::Within, "all of it was seen");
    }

    #[test]
    fn a_window_of_which_most_is_in_cut_counts_is_unknown() {
        let measured = |minutes, at| measured(&counted(minutes, std::iter::empty()), at);
        assert_eq!(measured(40, 650).1.covered, MINUTE * 40);
        assert_eq!(measured(40, 650).0, Verdict::Within);
        assert_eq!(measured(50, 640).1.covered, Duration::ZERO);
        assert_eq!(measured(50, 640).0, Verdict::Unknown);
        assert_eq!(measured(120, 660).0, Verdict::Unknown);
    }

    #[test]
    fn mail_that_was_listed_beside_counts_is_counted_by_the_message() {
        let mut history = counted(60, std::iter::empty());
        let cut = history.counted.partition_point(|c| c.span.until <= at(600));
        history.counted.truncate(cut);
        let listed = (600..720).map(|minute| (at(minute), 1));
        let before = history
            .counted
            .iter()
            .filter_map(|c| Some((c.last_at?, c.sent)));
        history.sent = CumulativeCounts::from_counts(before.chain(listed));
        let parts = [history.whole_counts_within(span(590, 650))];
        assert_eq!(parts, [span(600, 650)]);
        assert_eq!(history.sent_in(&parts), 50);
        assert_eq!(history.counted_in(span(540, 650)), 6_000);
        assert_eq!(history.counted_in(span(541, 650)), 0);
    }

    /// Three mails an hour, of which those of these minutes bounced then.
    fn small_sender(bounced_at: &[u32]) -> History {
        let covered = Coverage::from_spans([Span::new(at(0) - 10 * DAY, at(1440))]);
        let mark = |minute: &u32| BounceEvent {
            at: at(*minute),
            message: minute.to_string(),
            sent_at: Some(at(*minute)),
            class: BounceClass::Hard,
            recipient: String::new(),
        };
        let sent = (0..72).map(|n| (at(20 * n), 1));
        History {
            first_seen_at: Some(at(0) - 10 * DAY),
            installed_at: Some(at(0) - 10 * DAY),
            messages: covered.clone(),
            bounces: covered,
            sent: CumulativeCounts::from_counts(sent),
            bounce_events: bounced_at.iter().map(mark).collect(),
            ..History::default()
        }
    }

    fn certain(history: &History, minute: u32) -> (Verdict, RateEvidence) {
        let rule = RateRule {
            confidence: Some(0.95),
            ..Rules::default().bounce_rate
        };
        evaluate_rule(history, at(minute), &rule, BounceClass::counts)
    }

    #[test]
    fn with_confidence_a_small_sender_is_judged_on_a_longer_window() {
        let history = small_sender(&[500, 540, 580]);
        let (verdict, evidence) = certain(&history, 600);
        assert_eq!((evidence.numerator, evidence.denominator), (3, 12));
        assert_eq!((verdict, evidence.window), (Verdict::Breach, 4 * HOUR));
        let (verdict, evidence) = measured(&history, 600);
        assert_eq!((verdict, evidence.window), (Verdict::Within, HOUR));
    }

    #[test]
    fn what_opened_on_a_longer_window_ends_a_day_after_its_last_bounce_at_the_latest() {
        let history = small_sender(&[500, 540, 580]);
        assert_eq!(certain(&history, 660).0, Verdict::Unresolved);
        assert_eq!(
            certain(&history, 900).0,
            Verdict::Within,
            "ten later ones arrived"
        );
        let last = History {
            sent: CumulativeCounts::from_counts((0..30).map(|n| (at(20 * n), 1))),
            ..history
        };
        assert_eq!(certain(&last, 1400).0, Verdict::Unresolved);
    }

    #[test]
    fn one_bounce_alone_is_no_rate_with_confidence_nor_is_mail_below_the_floor() {
        assert_eq!(certain(&small_sender(&[580]), 600).0, Verdict::Unresolved);
        let few = History {
            sent: CumulativeCounts::from_counts((0..9).map(|n| (at(20 * n), 1))),
            ..small_sender(&[100, 120])
        };
        assert_eq!(certain(&few, 180).0, Verdict::Within);
    }

    /// 150 messages within an hour, each to twenty recipients if these are known; in fifteen of them one address bounces.
    fn to_twenty(known: u32) -> History {
        let messages = |n: u32| (0..n).map(|n| (at(0) + MINUTE * n / 3, 1));
        let bounced = |n: u32| BounceEvent {
            at: at(30) + MINUTE * n,
            message: n.to_string(),
            sent_at: Some(at(0) + MINUTE * n / 3),
            class: BounceClass::Hard,
            recipient: format!("{n}@example.com"),
        };
        let covered = Coverage::from_spans([Span::new(at(0) - DAY, at(60))]);
        History {
            first_seen_at: Some(at(0) - DAY),
            installed_at: Some(at(0) - DAY),
            messages: covered.clone(),
            bounces: covered,
            sent: CumulativeCounts::from_counts(messages(150)),
            recipients: KnownRecipients {
                recipients: CumulativeCounts::from_counts(messages(known).map(|(at, _)| (at, 20))),
                messages: CumulativeCounts::from_counts(messages(known)),
            },
            bounce_events: (0..15).map(bounced).collect(),
            ..History::default()
        }
    }

    #[test]
    fn a_message_to_twenty_is_twenty() {
        let judged = |known: u32| {
            let (verdict, rate) = measured(&to_twenty(known), 60);
            (verdict, rate.unit, rate.numerator, rate.denominator)
        };
        let counted = [
            (150, RateUnit::Recipients),
            // Of the others as many as these have on average.
            (100, RateUnit::EstimatedRecipients),
        ];
        for (known, unit) in counted {
            assert_eq!(judged(known), (Verdict::Within, unit, 15, 3_000));
        }
        // As before anything was known of recipients; nor do a few tell what is usual.
        let unknown = (Verdict::Breach, RateUnit::Messages, 15, 150);
        for known in [0, 19] {
            assert_eq!(judged(known), unknown, "{known}");
        }
    }

    #[test]
    fn each_recipient_of_a_message_bounces_on_its_own_and_once() {
        let mut history = to_twenty(150);
        let twice = history.bounce_events[0].clone();
        let other = BounceEvent {
            recipient: "other@example.com".to_owned(),
            ..twice.clone()
        };
        history.bounce_events.splice(0..0, [twice, other]);
        let rate = measured(&history, 60).1;
        assert_eq!((rate.numerator, rate.denominator), (16, 3_000));
    }
}
