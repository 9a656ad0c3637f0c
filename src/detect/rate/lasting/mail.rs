//! The mail whose bounces are added up: by the hours of the clock, which are known of more days than single minutes are.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{BounceEvent, DAY, HOUR, History, KnownRecipients, RateUnit, Span, Timestamp};

/// The days before the present one that are added up ...
const MAX_DAYS: u32 = 42;
pub(in crate::detect::rate) const MAX_REACH: Duration = DAY.saturating_mul(MAX_DAYS);
/// ... fewer where they have more messages than this, but no fewer than these.
const MAX_MESSAGES: u64 = 200_000;
pub(super) const MIN_DAYS: u32 = 7;

/// Returns the time whose bounces are added up at `at`: whole days, and the present one.
pub fn lasting_reach(history: &History, at: Timestamp) -> Span {
    let day = at.floor(DAY);
    let end = history.hours.partition_point(|hour| hour.start < day);
    let first = day - DAY * MAX_DAYS;
    let mut sent = 0;
    let mut older = history.hours[..end].iter().rev();
    let full = older.find(|hour| {
        sent += hour.sent;
        sent >= MAX_MESSAGES || hour.start < first
    });
    let from = full.map_or(first, |hour| hour.start.floor(DAY).max(first));
    Span::new(from.min(day - DAY * MIN_DAYS), at)
}

/// Returns when recipients bounced in `part`, an address once in [`MIN_DAYS`]: one that is tried again and
/// again is one fact, and where messages are counted, so is each of them. `counted` has when each counted last.
pub(super) fn events_of(
    history: &History,
    part: Span,
    counts: &impl Fn(&BounceEvent) -> bool,
    (unit, counted): (RateUnit, &mut HashMap<String, Timestamp>),
) -> Vec<Timestamp> {
    let mut is_new = |event: &&BounceEvent| {
        let address = event.recipient.trim().to_ascii_lowercase();
        let of_message = address.is_empty() || unit == RateUnit::Messages;
        let facts = [
            of_message.then(|| event.message.clone()),
            (!address.is_empty()).then_some(address),
        ];
        let is_known = |fact: &String| {
            let before = counted.get(fact);
            before.is_some_and(|before| event.at.since(*before) < DAY * MIN_DAYS)
        };
        let is_new = !facts.iter().flatten().any(is_known);
        if is_new {
            let facts = facts.into_iter().flatten();
            counted.extend(facts.map(|fact| (fact, event.at)));
        }
        is_new
    };
    let events = history.bounce_events_in(part).iter();
    let events = events.filter(|event| counts(event) && is_new(event));
    events.map(|event| event.at).collect()
}

/// How many recipients mail has: as many as are known, and of other mail as many as a message has on average.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecipientsOf<'h> {
    known: &'h KnownRecipients,
    pub(super) unit: RateUnit,
    per_message: f64,
}

impl<'h> RecipientsOf<'h> {
    /// Of the mail in `parts`, up to `at`.
    pub(super) fn new(history: &'h History, parts: &[Span], at: Timestamp) -> Self {
        let known = &history.recipients;
        let mut hours = parts.iter().flat_map(|part| hours_of(history, *part, at));
        let is_known = |(hours, sent): (Span, u64)| sent <= known.messages.count(hours);
        let (unit, per_message) = match (hours.all(is_known), known.per_message()) {
            (true, _) => (RateUnit::Recipients, 1.0),
            (false, Some(average)) if average > 1.0 => (RateUnit::EstimatedRecipients, average),
            (false, Some(_)) => (RateUnit::Recipients, 1.0),
            (false, None) => (RateUnit::Messages, 1.0),
        };
        Self {
            known,
            unit,
            per_message,
        }
    }

    /// Returns those of so many messages, which were sent in `span`; messages where nothing is known of recipients.
    pub(super) fn sent(&self, span: Span, messages: u64) -> f64 {
        if self.unit == RateUnit::Messages {
            return messages as f64;
        }
        let rest = messages.saturating_sub(self.known.messages.count(span));
        (rest as f64).mul_add(self.per_message, self.known.recipients.count(span) as f64)
    }
}

/// Returns the hours of the clock in `part`, and their messages; of the hour of `at` those before it.
pub(super) fn hours_of(
    history: &History,
    part: Span,
    at: Timestamp,
) -> impl Iterator<Item = (Span, u64)> {
    let from = history.hours.partition_point(|hour| hour.start < part.from);
    let whole = history.hours[from..].iter();
    let whole = whole.take_while(move |hour| hour.start + HOUR <= part.until);
    let last = Span::new(at.floor(HOUR).max(part.from), at.min(part.until));
    let last = (part.until == at).then(|| (last, history.sent.count(last)));
    let whole = whole.map(|hour| (Span::new(hour.start, hour.start + HOUR), hour.sent));
    whole.chain(last)
}

/// Returns how many recipients, or messages, were sent in `parts` up to `at`, by the hours of the clock.
pub(in crate::detect::rate) fn sent_to_by_hours(
    history: &History,
    parts: &[Span],
    at: Timestamp,
) -> (RateUnit, u64) {
    let recipients_of = RecipientsOf::new(history, parts, at);
    let hours = parts.iter().flat_map(|part| hours_of(history, *part, at));
    let sent: f64 = hours
        .map(|(hours, sent)| recipients_of.sent(hours, sent))
        .sum();
    (recipients_of.unit, sent.round() as u64)
}
