//! What a rate rests on: the figures of its window.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::detect::interval::clopper_pearson;
use crate::detect::rate::lasting::{Lasting, State};
use crate::detect::rate::{
    Counting, MIN_USUAL_DENOMINATOR, RateTest, STATED_CONFIDENCE, USUAL_PERIOD, WindowCounts,
    counted,
};
use crate::model::{
    BounceClass, BounceEvent, DAY, History, RateEvidence, Span, Timestamp, Verdict, domain_of,
};

/// Returns the evidence of a window of which that is the verdict.
pub(super) fn of_window(
    history: &History,
    at: Timestamp,
    test: &RateTest,
    counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
    (verdict, found): (Verdict, &WindowCounts),
) -> RateEvidence {
    let (rule, counts, parts) = (&test.rule, &counting.counts, &found.parts);
    let by_class = BounceClass::ALL.into_iter().map(|class| {
        let bounced = history.bounced_in(parts, |event| event.class == class && counts(event));
        (class, counted(found.unit, bounced).0)
    });
    let covered: Duration = parts.iter().map(|part| part.length()).sum();
    let is_breach = verdict == Verdict::Breach;
    let rate = found.bounced as f64 / found.denominator.max(1) as f64;
    let is_open = is_breach || verdict == Verdict::Unresolved;
    RateEvidence {
        window: rule.window.max(at.since(found.window.from)),
        covered,
        until: Some(at),
        newest_at: newest_event(history, parts, counts),
        wave: is_open
            .then(|| wave(history, parts, rule.threshold.max(rate / 2.0), counts))
            .flatten(),
        mail_sent: mail_sent(history, parts, counts),
        unit: found.unit,
        numerator: found.bounced,
        denominator: found.denominator,
        floor: rule.min_denominator,
        threshold: rule.threshold,
        usual: is_breach
            .then(|| usual_rate(history, found.window, counting))
            .flatten(),
        interval: clopper_pearson(found.bounced, found.denominator, STATED_CONFIDENCE),
        classes: by_class.filter(|(_, bounced)| *bounced > 0).collect(),
        domains: top_domains(history, parts, counts),
        left_out: found.left_out,
        lasting: None,
        sent_since: sent_since(history, at, counts),
        last_sent: history.last_sent(at),
        last_delivered: history.last_delivered(at),
    }
}

/// Returns the evidence of the window of an excess that lasts as that of the excess.
pub(super) fn of_lasting(of_window: RateEvidence, lasting: &Lasting) -> RateEvidence {
    if lasting.state == State::Over {
        return of_window;
    }
    RateEvidence {
        // What was sent in it is known by the hour.
        wave: of_window
            .newest_at
            .map(|newest| Span::new(lasting.since, newest)),
        // It is of all these days.
        mail_sent: None,
        // What was above the threshold before, too, compares with nothing.
        usual: lasting.usual.filter(|usual| *usual <= of_window.threshold),
        lasting: Some(lasting.excess),
        ..of_window
    }
}

/// Returns the rate of the week up to the beginning of `window`; `None` where too little mail of it is known.
fn usual_rate(
    history: &History,
    window: Span,
    counting: &Counting<impl Fn(&BounceEvent) -> bool, impl Fn(&BounceEvent) -> bool>,
) -> Option<f64> {
    let before = Span::new(window.until - USUAL_PERIOD, window.from);
    let found = WindowCounts::counting(history, before, counting);
    (found.denominator >= MIN_USUAL_DENOMINATOR)
        .then(|| found.bounced as f64 / found.denominator as f64)
}

pub(super) fn newest_event(
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

/// Returns from when to when most of the mail of these events was sent, where that is known of most of them.
fn mail_sent(
    history: &History,
    parts: &[Span],
    counts: impl Fn(&BounceEvent) -> bool,
) -> Option<Span> {
    let events = parts
        .iter()
        .flat_map(|part| history.bounce_events_in(*part));
    let events: Vec<&BounceEvent> = events.filter(|event| counts(event)).collect();
    let mut known: Vec<Timestamp> = events.iter().filter_map(|event| event.sent_at).collect();
    known.sort_unstable();
    // A straggler at either end says nothing of the others.
    let tenth = known.len() / 10;
    let most = known.get(tenth..known.len() - tenth)?;
    let span = Span::new(*most.first()?, *most.last()?);
    (2 * known.len() > events.len()).then_some(span)
}

/// Returns how many messages were sent after the newest event of the last two days.
fn sent_since(
    history: &History,
    at: Timestamp,
    counts: impl Fn(&BounceEvent) -> bool,
) -> Option<u64> {
    let events = history.bounce_events_in(Span::before(at, 2 * DAY)).iter();
    let newest = events.rev().find(|event| counts(event))?;
    Some(history.sent.count(Span::new(newest.at, at)))
}

/// Returns the time from one event to another in which there were most of them beyond `level`, a share of the messages sent in it: the
/// maximal sum over all such times.
fn wave(
    history: &History,
    parts: &[Span],
    level: f64,
    counts: impl Fn(&BounceEvent) -> bool,
) -> Option<Span> {
    let begin = parts.first()?.from;
    let events = parts
        .iter()
        .flat_map(|part| history.bounce_events_in(*part))
        .filter(|event| counts(event));
    let mut lowest: Option<(f64, Timestamp)> = None;
    let mut most: Option<(f64, Span)> = None;
    for (before, event) in events.enumerate() {
        let sent = history.sent.count(Span::new(begin, event.at));
        let sum = before as f64 - level * sent as f64;
        let (low, from) = match lowest {
            Some(lowest) if lowest.0 <= sum => lowest,
            _ => (sum, event.at),
        };
        lowest = Some((low, from));
        let excess = sum + 1.0 - low;
        if most.is_none_or(|(most, _)| excess >= most) {
            most = Some((excess, Span::new(from, event.at)));
        }
    }
    most.map(|(_, span)| span)
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
