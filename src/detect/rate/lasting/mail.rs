//! The mail whose bounces are added up: by the hours of the clock, which are known of more days than single minutes are.

use std::collections::HashMap;
use std::time::Duration;

use crate::detect::rate::sent_to;
use crate::model::{BounceEvent, DAY, HOUR, History, RateUnit, Span, Timestamp};

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
/// again is one fact. `counted` has when each counted last.
pub(super) fn events_of(
    history: &History,
    part: Span,
    counts: &impl Fn(&BounceEvent) -> bool,
    counted: &mut HashMap<String, Timestamp>,
) -> Vec<Timestamp> {
    let mut is_new = |event: &&BounceEvent| {
        let address = event.recipient.trim().to_ascii_lowercase();
        let fact = match address.is_empty() {
            true => event.message.clone(),
            false => address,
        };
        let before = counted.get(&fact).copied();
        let is_new = before.is_none_or(|before| event.at.since(before) >= DAY * MIN_DAYS);
        if is_new {
            counted.insert(fact, event.at);
        }
        is_new
    };
    let events = history.bounce_events_in(part).iter();
    let events = events.filter(|event| counts(event) && is_new(event));
    events.map(|event| event.at).collect()
}

/// Returns how many recipients a message of the last week had on average, and of what mail is therefore a number.
pub(super) fn recipients_per_message(history: &History, at: Timestamp) -> (RateUnit, f64) {
    let week = [Span::before(at, DAY * MIN_DAYS)];
    let (unit, recipients) = sent_to(history, &week);
    let average = recipients as f64 / history.sent_in(&week).max(1) as f64;
    match unit {
        RateUnit::Recipients if average > 1.0 => (RateUnit::EstimatedRecipients, average),
        unit => (unit, average.max(1.0)),
    }
}

/// Returns the hours of the clock in `part`, and their messages; of the hour of `at` those before it.
pub(super) fn hours_of(
    history: &History,
    part: Span,
    at: Timestamp,
) -> impl Iterator<Item = (Timestamp, f64)> {
    let from = history.hours.partition_point(|hour| hour.start < part.from);
    let whole = history.hours[from..].iter();
    let whole = whole.take_while(move |hour| hour.start + HOUR <= part.until);
    let last = Span::new(at.floor(HOUR).max(part.from), at.min(part.until));
    let last = (part.until == at).then(|| (last.from, history.sent.count(last) as f64));
    whole.map(|hour| (hour.start, hour.sent as f64)).chain(last)
}

/// Returns how many recipients, or messages, were sent in `parts` up to `at`, by the hours of the clock.
pub(in crate::detect::rate) fn sent_to_by_hours(
    history: &History,
    parts: &[Span],
    at: Timestamp,
) -> (RateUnit, u64) {
    let hours = parts.iter().flat_map(|part| hours_of(history, *part, at));
    let sent: f64 = hours.map(|(_, sent)| sent).sum();
    let (unit, per_message) = recipients_per_message(history, at);
    (unit, (sent * per_message).round() as u64)
}
