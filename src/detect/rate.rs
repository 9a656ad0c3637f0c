//! Bounce and complaint rates over a threshold, with a floor for the denominator.

mod blocks;
mod evidence;
mod lasting;

use std::time::Duration;

use crate::detect::interval::lower_end_exceeds;
use crate::model::{
    BounceClass, BounceEvent, BouncedMessages, ChanceBreaches, DAY, Evidence, Finding, HOUR,
    History, KnownExcess, MINUTE, RateEvidence, RateRule, RateUnit, Rule, Rules, Severity, Span,
    Timestamp, ToldBounces, USUAL_PERIOD, Verdict,
};
use evidence::newest_event;
pub use lasting::lasting_reach;
pub(super) use lasting::usual_counts;
use lasting::{Lasting, State};

/// The level of the interval which every alert states.
const STATED_CONFIDENCE: f64 = 0.95;

/// The looks that share what `confidence` leaves to chance (Bonferroni): those of an hourly schedule in 45 days. A sender that is
/// exactly at the threshold has a false alert in so many looks with at most that probability.
const LOOKS: f64 = 45.0 * 24.0;

/// Recipients that must have bounced where a rate needs to be certain: one alone is no rate.
const MIN_CERTAIN: u64 = 2;

/// `hard_bounce_wake` fires above this share of hard bounces...
const HARD_BOUNCE_THRESHOLD: f64 = 0.05;
/// ...of at least this many recipients in a day ("more than 100"), or of fewer in a short window if that is certain.
const HARD_BOUNCE_MIN_DENOMINATOR: u64 = 101;

/// A healthy sender's share of bounces.
pub(super) const HEALTHY_BOUNCE_RATE: f64 = 0.005;
/// A healthy sender's share of complaints: a fifth of what Postmark tolerates.
pub(super) const HEALTHY_COMPLAINT_RATE: f64 = 0.0002;

/// Fewer recipients before a window do not tell the usual rate.
const MIN_USUAL_DENOMINATOR: u64 = 100;

/// The findings of `hard_bounce_wake`, `bounce_rate` and `spam_rate`. `told` is what open incidents say of bounces.
pub fn evaluate(
    history: &History,
    at: Timestamp,
    rules: &Rules,
    told: &ToldBounces,
) -> Vec<Finding> {
    let finding = |rule, severity, (verdict, evidence)| {
        Finding::new(rule, verdict, severity, Evidence::Rate(evidence))
    };
    let tests = [RateTest::bounces(rules), RateTest::spam(rules)];
    let [bounces, spam] = tests.map(|test| test.knowing(&told.excesses));
    let [long, short] = RateTest::hard_bounces(rules).map(|test| {
        let is_hard = |class| class == BounceClass::Hard;
        evaluate_rule(history, at, &test, is_hard)
    });
    let bounced = evaluate_rule(history, at, &bounces, BounceClass::counts);
    let mut bounced = finding(Rule::BounceRate, Severity::Warn, bounced);
    bounced.without_blocks = blocks::judge_without(history, at, &bounces, &told.blocking);
    let complained = evaluate_rule(history, at, &spam, |class| class == BounceClass::Complaint);
    vec![
        finding(Rule::HardBounceWake, Severity::Wake, worse_of(short, long)),
        bounced,
        finding(Rule::SpamRate, Severity::Warn, complained),
    ]
}

/// A window of a rate rule, and what makes a breach of it.
#[derive(Clone, Debug)]
pub(super) struct RateTest {
    name: Rule,
    pub(super) rule: RateRule,
    /// The rate of a healthy sender, where what lasts is added up.
    healthy: Option<f64>,
    /// To open or to worsen, the newest bounce must not be older: no rate does so only because less mail was sent.
    max_age: Duration,
    /// Where the interval of the stated level must exceed the threshold: the weaker rule that must be broken, too.
    weaker: Option<RateRule>,
    /// The excess of which the last incident tells.
    known: Option<KnownExcess>,
}

impl RateTest {
    /// Returns the test of a stream of which open incidents tell of these excesses.
    pub(super) fn knowing(self, excesses: &[KnownExcess]) -> Self {
        let mut own = excesses.iter().filter(|of| of.rule == self.name);
        Self {
            known: own.next().copied(),
            ..self
        }
    }

    /// Returns the excess that goes on by what an incident tells.
    fn going_on(&self) -> Option<KnownExcess> {
        self.known.filter(|known| known.ended_at.is_none())
    }

    pub(super) fn bounces(rules: &Rules) -> Self {
        Self {
            name: Rule::BounceRate,
            rule: rules.bounce_rate.clone(),
            healthy: Some(HEALTHY_BOUNCE_RATE),
            max_age: HOUR,
            weaker: None,
            known: None,
        }
    }

    pub(super) fn spam(rules: &Rules) -> Self {
        Self {
            name: Rule::SpamRate,
            rule: rules.spam_rate.clone(),
            healthy: Some(HEALTHY_COMPLAINT_RATE),
            max_age: rules.spam_rate.window,
            weaker: None,
            known: None,
        }
    }

    /// Returns the two tests of `hard_bounce_wake`: of a day, and of the window of `bounce_rate`.
    pub(super) fn hard_bounces(rules: &Rules) -> [Self; 2] {
        let bounces = &rules.bounce_rate;
        let test = |window, min_denominator, weaker| Self {
            name: Rule::HardBounceWake,
            healthy: None,
            rule: RateRule {
                threshold: HARD_BOUNCE_THRESHOLD,
                window,
                min_denominator,
                confidence: None,
                ..bounces.clone()
            },
            max_age: HOUR,
            weaker,
            known: None,
        };
        let certain = RateRule {
            confidence: bounces.confidence.or(Some(STATED_CONFIDENCE)),
            ..bounces.clone()
        };
        [
            test(DAY, HARD_BOUNCE_MIN_DENOMINATOR, None),
            test(bounces.window, bounces.min_denominator, Some(certain)),
        ]
    }

    /// Returns the longest time whose mail is judged, and that at `at`, which a large stream does not need.
    pub(super) fn longest_time(&self, history: &History, at: Timestamp) -> (Duration, Span) {
        match self.healthy.filter(|_| self.rule.confidence.is_some()) {
            Some(_) => (lasting::MAX_REACH, lasting_reach(history, at)),
            None => {
                let window = self.rule.longest_window();
                (window, Span::before(at, window))
            }
        }
    }

    /// Returns whether so many of a window's recipients are above the plain threshold and the floor.
    pub(super) fn exceeds(&self, bounced: u64, denominator: u64) -> bool {
        denominator >= self.rule.min_denominator
            && bounced as f64 / denominator as f64 > self.rule.threshold
    }

    /// Returns whether they are more than chance explains, too.
    pub(super) fn is_breach(&self, bounced: u64, denominator: u64) -> bool {
        let is_certain = |rule: &RateRule| {
            rule.confidence.is_none_or(|level| {
                let tail = (1.0 - level) / LOOKS;
                bounced >= MIN_CERTAIN
                    && lower_end_exceeds(bounced, denominator, rule.threshold, tail)
            })
        };
        let is_stated = || {
            let tail = (1.0 - STATED_CONFIDENCE) / 2.0;
            lower_end_exceeds(bounced, denominator, self.rule.threshold, tail)
        };
        self.exceeds(bounced, denominator)
            && match &self.weaker {
                Some(weaker) => is_stated() && is_certain(weaker),
                None => is_certain(&self.rule),
            }
    }
}

/// Of two windows of one rule, the one that breaks it; else the one that keeps it open, else the one that cannot tell.
fn worse_of(
    short: (Verdict, RateEvidence),
    long: (Verdict, RateEvidence),
) -> (Verdict, RateEvidence) {
    match (short.0, long.0) {
        (Verdict::Breach, _) => short,
        (_, Verdict::Breach) => long,
        (Verdict::Unresolved, Verdict::Within | Verdict::Unknown) => short,
        (Verdict::Unknown, Verdict::Within) => (Verdict::Unknown, long.1),
        _ => long,
    }
}

/// Returns the breaches of `rule` (`bounce_rate` or `spam_rate`) by chance at the full hours of `period`.
pub fn chance_breaches(
    history: &History,
    rules: &Rules,
    rule: Rule,
    period: Span,
) -> ChanceBreaches {
    let (test, counts): (_, fn(BounceClass) -> bool) = match rule {
        Rule::SpamRate => (RateTest::spam(rules), |class| {
            class == BounceClass::Complaint
        }),
        _ => (RateTest::bounces(rules), BounceClass::counts),
    };
    let mut found = ChanceBreaches::default();
    if !rules.is_enabled(rule) {
        return found;
    }
    let mut was_above = false;
    let first = period.from.floor(HOUR) + HOUR;
    let instants = std::iter::successors(Some(first), |at| Some(*at + HOUR));
    for at in instants.take_while(|at| *at <= period.until) {
        let window = Span::before(at, test.rule.window);
        let of = WindowCounts::new(history, window, &|event| counts(event.class));
        let (bounced, denominator) = (of.bounced, of.denominator);
        let is_above = test.exceeds(bounced, denominator) && !test.is_breach(bounced, denominator);
        if is_above {
            found.times += u64::from(!was_above);
            let (highest, whole) = found.highest;
            // A cross product compares the shares without a division by zero.
            if bounced * whole.max(1) > highest * denominator {
                found.highest = (bounced, denominator);
            }
        }
        was_above = is_above;
    }
    found
}

/// Which bounces a rate counts, and which recipients count on neither side since something else tells of them.
pub(super) struct Counting<C, L> {
    pub(super) counts: C,
    pub(super) left_out: L,
}

impl<C: Fn(&BounceEvent) -> bool> Counting<C, fn(&BounceEvent) -> bool> {
    /// Leaves nothing out.
    pub(super) fn all(counts: C) -> Self {
        Self {
            counts,
            left_out: |_| false,
        }
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
    /// Recipients that count on neither side.
    left_out: u64,
}

impl WindowCounts {
    pub(super) fn new(
        history: &History,
        window: Span,
        counts: &impl Fn(&BounceEvent) -> bool,
    ) -> Self {
        Self::counting(history, window, &Counting::all(counts))
    }

    fn counting(
        history: &History,
        window: Span,
        counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
    ) -> Self {
        Self::of_sent(history, window, counting, sent_to)
    }

    /// Returns those of `window`, which may begin before what was loaded at `at` of single minutes: then by the hours of the clock.
    pub(super) fn since(
        history: &History,
        window: Span,
        at: Timestamp,
        counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
    ) -> Self {
        match at.since(window.from) <= USUAL_PERIOD {
            true => Self::counting(history, window, counting),
            false => Self::of_sent(history, window, counting, |history, parts| {
                lasting::sent_to_by_hours(history, parts, window.until)
            }),
        }
    }

    /// `sent_to` returns how many were sent to in the parts of the window, and of what it is the number.
    fn of_sent(
        history: &History,
        window: Span,
        counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
        sent_to: impl Fn(&History, &[Span]) -> (RateUnit, u64),
    ) -> Self {
        let window = history.since_beginning(window);
        let seen = history.seen(window);
        let whole = seen.iter().map(|part| history.whole_counts_within(*part));
        let parts: Vec<Span> = whole.filter(|part| !part.is_empty()).collect();
        let marked = history.bounced_in(&parts, &counting.counts);
        let (unit, sent) = sent_to(history, &parts);
        let (bounced, outside) = counted(unit, marked);
        let (left_out, left_outside) =
            counted(unit, history.bounced_in(&parts, &counting.left_out));
        let sent = sent.saturating_sub(left_out - left_outside);
        Self {
            window,
            watched: seen.iter().map(|part| part.length()).sum(),
            unit,
            bounced,
            // No rate passes 100%, whatever the answers say of each other.
            denominator: (sent + outside).max(bounced),
            left_out,
            parts,
        }
    }

    /// Returns the counts of the rule's window; where that has less mail than the floor and the rule may reach back, of the
    /// shortest number of hours that has enough.
    pub(super) fn of_rule(
        history: &History,
        at: Timestamp,
        rule: &RateRule,
        counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
    ) -> Self {
        let before = |hours: u32| {
            // A start on a full minute cuts no minute's count.
            let from = (at - HOUR * hours).floor(MINUTE);
            Self::counting(history, Span::new(from, at), counting)
        };
        let plain = Self::counting(history, Span::before(at, rule.window), counting);
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
    test: &RateTest,
    counts: fn(BounceClass) -> bool,
) -> (Verdict, RateEvidence) {
    let counts = |event: &BounceEvent| counts(event.class);
    evaluate_counted(history, at, test, &Counting::all(counts))
}

fn evaluate_counted(
    history: &History,
    at: Timestamp,
    test: &RateTest,
    counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
) -> (Verdict, RateEvidence) {
    let window = WindowCounts::of_rule(history, at, &test.rule, counting);
    let verdict = judge_window(history, at, test, &window, &counting.counts);
    let lasting = match verdict {
        Verdict::Breach => None,
        _ => lasting::find(history, at, test, counting),
    };
    let of_sum = lasting.and_then(|lasting| {
        let found = WindowCounts::since(history, lasting.window, at, counting);
        let verdict = judge_lasting(history, at, test, (&lasting, verdict), (&found, counting))?;
        Some((lasting, verdict, found))
    });
    let Some((lasting, verdict, found)) = of_sum else {
        let evidence = evidence::of_window(history, at, test, counting, (verdict, &window));
        return (verdict, evidence);
    };
    let evidence = evidence::of_window(history, at, test, counting, (verdict, &found));
    (verdict, evidence::of_lasting(evidence, &lasting))
}

/// Returns what an excess that lasts says beside a window of that verdict; `None` where that decides. Unless an incident tells of it, it says
/// nothing but that it goes on: what a window opened ends as if nothing had been added up.
fn judge_lasting<C: Fn(&BounceEvent) -> bool>(
    history: &History,
    at: Timestamp,
    test: &RateTest,
    (lasting, window): (&Lasting, Verdict),
    (found, counting): (&WindowCounts, &Counting<C, impl Fn(&BounceEvent) -> bool>),
) -> Option<Verdict> {
    let newest = newest_event(history, &found.parts, &counting.counts);
    let is_fresh = newest.is_some_and(|newest| at.since(newest) <= DAY);
    let exceeds = test.exceeds(found.bounced, found.denominator);
    let is_told = test.going_on().is_some();
    match lasting.state {
        State::Ongoing if exceeds && is_fresh => Some(Verdict::Breach),
        State::Ongoing => is_told.then_some(Verdict::Unresolved),
        _ if !is_told || window != Verdict::Within => None,
        State::Over if !exceeds => Some(Verdict::Within),
        // What came after the end was shown is over as any other window is, and that tells it.
        State::Over => None,
        State::Unseen if exceeds => Some(Verdict::Unresolved),
        State::Unseen => Some(Verdict::Within),
    }
}

fn judge_window(
    history: &History,
    at: Timestamp,
    test: &RateTest,
    found: &WindowCounts,
    counts: &impl Fn(&BounceEvent) -> bool,
) -> Verdict {
    let covered: Duration = found.parts.iter().map(|part| part.length()).sum();
    let newest = newest_event(history, &found.parts, counts);
    let is_within = |length: Duration| newest.is_some_and(|newest| at.since(newest) <= length);
    if found.window.is_empty() || found.parts.is_empty() {
        Verdict::Unknown
    } else if test.is_breach(found.bounced, found.denominator) && is_within(test.max_age) {
        Verdict::Breach
    } else if test.exceeds(found.bounced, found.denominator) && is_within(DAY) {
        // What opened is not over because an hour went by, or because less of it would be chance.
        Verdict::Unresolved
    } else if found.watched == found.window.length() && 2 * covered >= found.watched {
        Verdict::Within
    } else {
        Verdict::Unknown
    }
}

/// Returns how many recipients, or messages, were sent in `parts`.
fn sent_to(history: &History, parts: &[Span]) -> (RateUnit, u64) {
    match history.recipients_in(parts) {
        Some(sent) if sent.is_estimated => (RateUnit::EstimatedRecipients, sent.recipients),
        Some(sent) => (RateUnit::Recipients, sent.recipients),
        None => (RateUnit::Messages, history.sent_in(parts)),
    }
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

#[cfg(test)]
mod tests;
