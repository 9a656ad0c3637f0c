//! Into which windows a span is split, so that each can be counted in one request. Pure arithmetic on spans.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{HOUR, Span, Timestamp};
use crate::postmark::MAX_RESULTS;

/// Postmark takes the bounds of a window in whole seconds.
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Messages that a window aims at. Postmark counts up to [`MAX_RESULTS`], 10,000, and the rate of newer mail is only a guess at that of
/// older mail: at 70%, few windows overflow and cost a request for nothing.
const TARGET: f64 = 7_000.0;
/// The same where requests are scarce: five standard deviations of a Poisson count below the cap, so that windows of a steady
/// stream hardly ever overflow.
const TARGET_WHEN_SCARCE: f64 = 9_500.0;
/// How many times the cap a window is assumed to hold where the total is at the cap, which may stand for any number.
const CAP_FACTOR: f64 = 3.0;
/// Which part of a fall of the rate is believed at once: the newest windows lack what Postmark's index has not caught up with.
const DECAY: f64 = 0.05;
/// By which factor the rate falls at most, and so windows grow, from one window to the next: after a pause there may be as much
/// mail as before it.
const IDLE_GROWTH: f64 = 4.0;
/// Windows that are expected not to be full, since they end at full hours or at instants that are evaluated.
const PARTIAL_WINDOWS: f64 = 4.0;

/// A part of a span between two boundaries that no count may lie across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub span: Span,
    /// Whether Postmark can only count it as a whole.
    pub indivisible: bool,
}

/// Splits `span`, in whole seconds, at every full hour and at `boundaries`. Newest segment last.
///
/// `whole` returns the span around an instant that can only be counted as a whole, if there is one: that becomes a segment of its
/// own, even where it begins before `span` or ends after it, though never after `until`.
pub(crate) fn split_at_boundaries(
    span: Span,
    boundaries: &[Timestamp],
    until: Timestamp,
    whole: impl Fn(Timestamp) -> Option<Span>,
) -> Vec<Segment> {
    if span.is_empty() {
        return Vec::new();
    }
    let mut bounds: BTreeSet<Timestamp> = [span.from, span.until].into();
    let mut hour = span.from.ceil(HOUR);
    while hour < span.until {
        bounds.insert(hour);
        hour = hour + HOUR;
    }
    let inside = boundaries.iter().map(|at| at.floor(SECOND));
    bounds.extend(inside.filter(|at| span.contains(*at)));
    let mut wholes: Vec<Span> = bounds.iter().filter_map(|at| whole(*at)).collect();
    wholes.dedup();
    for part in &wholes {
        bounds.retain(|at| !(part.from < *at && *at < part.until));
        bounds.extend([part.from, part.until.min(until)]);
    }
    let bounds: Vec<Timestamp> = bounds.into_iter().collect();
    let parts = bounds.windows(2).map(|pair| Span::new(pair[0], pair[1]));
    let segment = |span: Span| Segment {
        span,
        indivisible: wholes
            .iter()
            .any(|w| w.from <= span.from && span.until <= w.until),
    };
    parts.map(segment).collect()
}

/// An estimate of how many messages a stream sends per second, corrected by every window that is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateEstimate {
    per_second: f64,
    target: f64,
}

impl RateEstimate {
    /// Returns an estimate of `per_second` for `span`, which at most `requests` requests may count.
    pub(crate) fn new(per_second: f64, span: Span, requests: u64) -> Self {
        let messages = per_second * span.length().as_secs_f64();
        let is_scarce = messages / TARGET + PARTIAL_WINDOWS > requests as f64;
        Self {
            per_second,
            target: if is_scarce {
                TARGET_WHEN_SCARCE
            } else {
                TARGET
            },
        }
    }

    /// Returns the number of messages that `span` is expected to hold.
    pub(crate) fn expected_count(&self, span: Span) -> f64 {
        self.per_second * span.length().as_secs_f64()
    }

    /// Returns the newest window of `left` to count in one request. All windows of `left` are expected to hold about the same.
    pub(crate) fn next_window(&self, left: Span) -> Span {
        let windows = (self.expected_count(left) / self.target).ceil().max(1.0);
        let length = Duration::from_secs_f64((left.length().as_secs_f64() / windows).max(1.0));
        let from = (left.until - length).ceil(SECOND).min(left.until - SECOND);
        Span::new(from.max(left.from), left.until)
    }

    /// Corrects the estimate by the count of a window.
    pub(crate) fn observe(&mut self, window: Span, total: u64) {
        let seen = total as f64 / window.length().as_secs_f64().max(1.0);
        let before = self.per_second;
        self.per_second = match seen / before.max(1e-9) {
            0.5..1.0 => before + DECAY * (seen - before),
            1.0..2.0 => before + (seen - before) / 2.0,
            ratio if ratio < 0.5 => seen.max(before / IDLE_GROWTH),
            _ => seen,
        };
    }

    /// Corrects the estimate by a window that held too much: `total` messages, or an unknown number where that is the cap.
    pub(crate) fn observe_overflow(&mut self, window: Span, total: u64) {
        let at_least = if total > MAX_RESULTS {
            total as f64
        } else {
            MAX_RESULTS as f64 * CAP_FACTOR
        };
        let seen = at_least / window.length().as_secs_f64().max(1.0);
        self.per_second = seen.max(self.per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn span(from: i64, until: i64) -> Span {
        Span::new(at(from), at(until))
    }

    const fn never(_: Timestamp) -> Option<Span> {
        None
    }

    #[test]
    fn segments_end_at_full_hours_and_boundaries() {
        let found =
            split_at_boundaries(span(2700, 10_000), &[at(9100), at(2700)], at(10_000), never);
        let found: Vec<Span> = found.iter().map(|segment| segment.span).collect();
        let wanted = [
            span(2700, 3600),
            span(3600, 7200),
            span(7200, 9100),
            span(9100, 10_000),
        ];
        assert_eq!(found, wanted);
        assert_eq!(split_at_boundaries(span(10, 10), &[], at(10), never), []);
        assert_eq!(split_at_boundaries(span(10, 9), &[], at(10), never), []);
    }

    #[test]
    fn what_can_only_be_counted_as_a_whole_is_a_segment_of_its_own() {
        let twice = span(7199, 14_401);
        let whole = |at: Timestamp| Some(twice).filter(|t| t.contains(at));
        let found = |from, until, now| -> Vec<_> {
            let all = split_at_boundaries(span(from, until), &[at(9000)], at(now), whole);
            all.iter().map(|p| (p.span, p.indivisible)).collect()
        };
        let before = (span(3600, 7199), false);
        assert_eq!(found(3600, 9900, 9900), [before, (span(7199, 9900), true)]);
        assert_eq!(
            found(13_500, 15_000, 20_000),
            [(twice, true), (span(14_401, 15_000), false)]
        );
        let over = found(3600, 15_000, 20_000);
        assert_eq!(over, [before, (twice, true), (span(14_401, 15_000), false)]);
    }

    #[test]
    fn a_sender_of_three_hundred_thousand_an_hour_takes_forty_windows() {
        let poll = span(3600 - 900, 7200);
        let per_second = 300_000.0 / 3600.0;
        let mut rate = RateEstimate::new(per_second, poll, 45);
        let mut windows = 0;
        for segment in split_at_boundaries(poll, &[at(7200 - 900)], at(7200), never) {
            let mut left = segment.span;
            while !left.is_empty() {
                let window = rate.next_window(left);
                rate.observe(window, (window.length().as_secs_f64() * per_second) as u64);
                windows += 1;
                left.until = window.from;
            }
        }
        assert_eq!(windows, 40);
    }

    proptest! {
        /// Whatever the rate is and however wrong the guess: the windows are the span, each below the cap, after so many
        /// requests as the rate makes needful and some that corrected the guess.
        #[test]
        fn windows_are_the_span_and_each_holds_less_than_the_cap(
            from in 0i64..1_000_000, length in 1i64..40_000, guess in 0.0f64..500.0, capped in any::<bool>(),
            rates in prop::collection::vec(0u64..400, 1..6), boundary in 0i64..40_000,
        ) {
            let whole = span(from, from + length);
            let rate_at = |second: i64| rates[usize::try_from(second / 3000).unwrap_or(0) % rates.len()];
            let truth = |window: Span| -> u64 { (window.from.0 / 1000..window.until.0 / 1000).map(rate_at).sum() };
            let mut rate = RateEstimate::new(guess, whole, 50);
            let mut found = Vec::new();
            let mut wasted = 0;
            let parts = split_at_boundaries(whole, &[at(from + boundary)], whole.until, never);
            for segment in parts.iter().rev() {
                let mut left = segment.span;
                while !left.is_empty() {
                    let window = rate.next_window(left);
                    prop_assert!(!window.is_empty() && window.until == left.until && window.from >= left.from);
                    let total = truth(window);
                    if total >= MAX_RESULTS {
                        rate.observe_overflow(window, if capped { MAX_RESULTS } else { total });
                        wasted += 1;
                        continue;
                    }
                    rate.observe(window, total);
                    found.push((window, total));
                    left.until = window.from;
                }
            }
            found.reverse();
            prop_assert!(found.windows(2).all(|pair| pair[0].0.until == pair[1].0.from));
            prop_assert_eq!(Span::new(found[0].0.from, found[found.len() - 1].0.until), whole);
            prop_assert_eq!(found.iter().map(|f| f.1).sum::<u64>(), truth(whole));
            prop_assert!(wasted <= 4 * (1 + parts.len() + usize::try_from(length / 3000).unwrap_or(0)), "{}", wasted);
        }
    }
}
