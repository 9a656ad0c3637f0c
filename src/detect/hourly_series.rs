//! One stream's history, hour by hour of the clock, from its first covered hour on.

use crate::model::{HOUR, HOURS_KEPT, History, HourCount, Span, Timestamp};

/// Hours of a week.
pub(super) const WEEK: usize = 168;
/// Hours that the longest month has.
pub(super) const MONTH: usize = 31 * 24;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct HourlySeries {
    pub begins: Timestamp,
    /// Messages in each hour; `None` where it was not covered.
    pub sent: Vec<Option<u64>>,
}

/// The time between two hours with mail, as far as a poll on the full hour saw it empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gap {
    /// From the last mail before it to the last full hour before the next.
    pub span: Span,
    pub ended: Timestamp,
    /// How many hours into the series it begins.
    pub hour: usize,
}

impl HourlySeries {
    /// Counts the hours of `history` that end by `until`.
    pub(super) fn from_history(history: &History, until: Timestamp) -> Self {
        let oldest = history
            .first_seen_at
            .unwrap_or(until)
            .max(until - HOURS_KEPT);
        let begins = oldest.ceil(HOUR);
        let mut sent = vec![None; index(begins, until.floor(HOUR))];
        for part in history.messages.parts(Span::new(begins, until)) {
            let mut hour = part.from.ceil(HOUR);
            while hour + HOUR <= part.until {
                if let Some(slot) = sent.get_mut(index(begins, hour)) {
                    *slot = Some(0);
                }
                hour = hour + HOUR;
            }
        }
        let first = history.hours.partition_point(|h| h.start < begins);
        for hour in &history.hours[first..] {
            if let Some(Some(count)) = sent.get_mut(index(begins, hour.start)) {
                *count = hour.sent;
            }
        }
        Self { begins, sent }
    }

    /// Forgets the hours that `span` touches.
    pub(super) fn leave_out(&mut self, span: Span) {
        let (first, last) = (self.hour(span.from), self.hour(span.until));
        for slot in self.sent.iter_mut().take(last + 1).skip(first) {
            *slot = None;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn covered(&self) -> usize {
        self.sent.iter().flatten().count()
    }

    /// Returns the index of the hour that holds `at`, counted from the beginning; it may lie beyond the end.
    pub(super) fn hour(&self, at: Timestamp) -> usize {
        index(self.begins, at)
    }

    pub(super) fn start(&self, hour: usize) -> Timestamp {
        self.begins + HOUR * u32::try_from(hour).unwrap_or(u32::MAX)
    }

    /// The gaps between mail that end before `until` and were covered throughout, in order.
    pub(super) fn gaps(&self, history: &History, until: Timestamp) -> Vec<Gap> {
        let first = history.hours.partition_point(|h| h.start < self.begins);
        history.hours[first..]
            .windows(2)
            .take_while(|pair| pair[1].first_at < until)
            .filter_map(|pair| gap(history, pair))
            .map(|gap| Gap {
                hour: self.hour(gap.span.from),
                ..gap
            })
            .collect()
    }
}

/// The gaps that end from `from` on and no later than `until`, likewise; counted from no series.
pub(super) fn gaps_between(
    history: &History,
    from: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = Gap> {
    let first = history.hours.partition_point(|h| h.first_at < from);
    history.hours[first.saturating_sub(1)..]
        .windows(2)
        .filter(move |pair| from <= pair[1].first_at)
        .take_while(move |pair| pair[1].first_at <= until)
        .filter_map(|pair| gap(history, pair))
}

/// The gap between two hours with mail, where it was covered throughout.
fn gap(history: &History, pair: &[HourCount]) -> Option<Gap> {
    // A poll on the very instant of a message does not see it.
    let span = Span::new(pair[0].last_at, pair[1].first_at.floor(HOUR));
    let gap = Gap {
        span,
        ended: pair[1].first_at,
        hour: 0,
    };
    (!span.is_empty() && history.messages.covers(span)).then_some(gap)
}

/// Splits `span` at every full hour.
pub(super) fn split_by_hour(span: Span) -> impl Iterator<Item = Span> {
    let mut from = span.from;
    std::iter::from_fn(move || {
        let until = (from.floor(HOUR) + HOUR).min(span.until);
        let part = Span::new(from, until);
        from = until;
        (!part.is_empty()).then_some(part)
    })
}

/// Hour 0 of a week is Monday 00:00 UTC. 1970-01-01 was a Thursday, so Monday lies 72 hours into its week.
pub(super) fn hour_of_week(at: Timestamp) -> usize {
    let hours = at.floor(HOUR).0.div_euclid(3_600_000) + 72;
    usize::try_from(hours.rem_euclid(WEEK as i64)).unwrap_or(0)
}

/// Hour 0 of a month is the first, 00:00 UTC.
pub(super) fn hour_of_month(at: Timestamp) -> usize {
    use chrono::{Datelike, Timelike};
    let at = at.to_utc();
    (at.day0() * 24 + at.hour()) as usize
}

fn index(begins: Timestamp, at: Timestamp) -> usize {
    (at.since(begins).as_secs() / 3600) as usize
}
