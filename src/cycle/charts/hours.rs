//! The hours of one stream: what was sent in each, and what the sample says of it.

use std::time::Duration;

use super::HourlyMail;
use crate::cycle::stats::{delivered_of, outcome_at};
use crate::model::{BounceType, CumulativeCounts, HOUR, History, SampleOutcome, Span, Timestamp};

/// An hour without sampled mail between two that have some, at most so many hours away, is taken for one like them.
const MAX_FROM_SAMPLE: usize = 3;

pub(super) fn begins_within_an_hour(at: Timestamp) -> bool {
    at.floor(HOUR) != at
}

/// Returns the hours of one stream. Before it had any mail, and after the first of the others had, it sent nothing.
pub(super) fn hours_of(
    history: &History,
    first_of_all: Option<Timestamp>,
    begins: Timestamp,
    span: Span,
    length: usize,
) -> Vec<HourlyMail> {
    let mut seen = history.messages.clone();
    let first = history.first_seen_at.unwrap_or(Timestamp::MAX);
    if let Some(first_of_all) = first_of_all.filter(|of_all| *of_all < first) {
        seen.insert(Span::new(first_of_all, first));
    }
    let known_from = first_of_all.unwrap_or(Timestamp::MAX);
    let mut hours = vec![HourlyMail::default(); length];
    for (index, hour) in hours.iter_mut().enumerate() {
        let from = begins + HOUR * u32::try_from(index).unwrap_or(u32::MAX);
        let whole = Span::new(from, (from + HOUR).min(span.until));
        let known = Span::new(whole.from.max(known_from), whole.until);
        let parts: Duration = seen.parts(known).map(Span::length).sum();
        hour.has_holes = parts < whole.length();
        hour.sent = (!parts.is_zero()).then_some(0);
        let own = Span::new(known.from.max(first), known.until);
        let is_read = own.is_empty() || history.bounces.covers(own);
        hour.bounces_unread = hour.sent.is_some() && !is_read;
    }
    let index = |at: Timestamp| (at.since(begins).as_secs() / 3600) as usize;
    let sent = match begins_within_an_hour(begins) {
        false => sent_by_clock(history, begins, length),
        true => sent_from(history, begins, span, length),
    };
    for (hour, sent_in_it) in hours.iter_mut().zip(sent) {
        hour.sent = hour.sent.map(|_| sent_in_it);
    }
    let first = index(span.from).min(hours.len());
    let of_hour = |place: usize| {
        let from = begins + HOUR * u32::try_from(first + place).unwrap_or(u32::MAX);
        Span::new(from, from + HOUR)
    };
    let drawn = &mut hours[first..];
    let places = 0..drawn.len();
    let outcomes: Vec<SampleOutcome> = places
        .map(|place| outcome_at(history, of_hour(place), span.until))
        .collect();
    for (place, hour) in drawn.iter_mut().enumerate() {
        let Some(sent) = hour.sent else {
            continue;
        };
        let of_hour = of_hour(place);
        let bounced = history.bounced_in(&[of_hour], |event| event.class.counts());
        hour.bounced = bounced.recipients;
        let outcome = known_at(&outcomes, place);
        let delivered = delivered_of(history, of_hour, sent, outcome);
        match outcome.settled() {
            // Nothing is known but what bounced.
            0 => hour.unknown = delivered,
            _ => hour.delivered = delivered,
        }
        hour.is_estimated = hour.delivered > 0 && outcomes[place].settled() < sent;
    }
    hours
}

/// Returns the messages of so many hours of the clock.
fn sent_by_clock(history: &History, begins: Timestamp, length: usize) -> Vec<u64> {
    let mut sent = vec![0; length];
    for hour in history.hours.iter().filter(|h| h.start >= begins) {
        let index = (hour.start.since(begins).as_secs() / 3600) as usize;
        if let Some(sum) = sent.get_mut(index) {
            *sum += hour.sent;
        }
    }
    sent
}

/// Returns the messages of so many hours that begin within those of the clock: those of `span` as they were counted by the minute, and
/// of the time before it a part of the two hours of the clock that each lies in.
fn sent_from(history: &History, begins: Timestamp, span: Span, length: usize) -> Vec<u64> {
    let part = begins.since(begins.floor(HOUR)).as_secs_f64() / HOUR.as_secs_f64();
    let by_clock = sent_by_clock(history, begins.floor(HOUR), length + 1);
    let hours = by_clock.windows(2).enumerate();
    let sent = hours.map(|(index, clock)| {
        let from = begins + HOUR * u32::try_from(index).unwrap_or(u32::MAX);
        match from < span.from {
            true => (clock[0] as f64 * (1.0 - part) + clock[1] as f64 * part).round() as u64,
            false => history.sent.count(Span::new(from, from + HOUR)),
        }
    });
    sent.collect()
}

/// Returns what became of the sample of an hour, or where it has none, of that of the hours before and after.
fn known_at(outcomes: &[SampleOutcome], place: usize) -> SampleOutcome {
    let is_known = |outcome: &&SampleOutcome| outcome.settled() > 0;
    let own = outcomes[place];
    if own.settled() > 0 {
        return own;
    }
    let mut before = outcomes[..place].iter().rev().take(MAX_FROM_SAMPLE);
    let mut after = outcomes[place..].iter().skip(1).take(MAX_FROM_SAMPLE);
    match (before.find(is_known), after.find(is_known)) {
        (Some(before), Some(after)) => *before + *after,
        // Of one side alone the other may be unlike.
        _ => own,
    }
}

/// Returns what says of a stream how much of its mail was delivered. Counts by the minute are not loaded for a picture: those by the hour
/// are as exact for whole hours.
pub(super) fn sample_of(history: &History) -> History {
    let by_hour = history.hours.iter().map(|hour| (hour.last_at, hour.sent));
    let sent = match history.sent.total() {
        0 => CumulativeCounts::from_counts(by_hour),
        _ => history.sent.clone(),
    };
    let mut sampled = history.sampled.clone();
    let mut events = history.bounce_events.iter();
    if events.any(|event| event.class.is_failure()) {
        // The types of their bounces are not loaded: the list has them.
        let bounced = sampled.iter_mut().filter(|mail| mail.bounced_at.is_some());
        let listed = BounceType::from_name("HardBounce");
        bounced.for_each(|mail| mail.bounce = mail.bounce.or(listed));
    }
    History {
        installed_at: history.installed_at,
        sent,
        bounce_events: history.bounce_events.clone(),
        sampled,
        ..History::default()
    }
}
