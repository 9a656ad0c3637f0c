//! Which windows a span is cut into, so that each can be counted: pure arithmetic on spans.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{HOUR, Span, Timestamp};
use crate::postmark::CAP;

/// Bounds are told to Postmark in seconds.
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Messages that a window is cut to, well below the cap: recent density is only a guess at that of the past.
const USUAL: f64 = 7_000.0;
/// The same where requests are scarce: six standard deviations of a steady stream below the cap.
const SCARCE: f64 = 9_500.0;
/// By how much more a window is taken to hold than the cap, where an answer does not tell.
const CAPPED: f64 = 3.0;

/// How much less than expected is believed at once.
const SLOWLY: f64 = 0.05;
/// By how much windows grow while mail pauses.
const PAUSED: f64 = 4.0;

/// A part of a span, between instants at which every count is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub span: Span,
    /// Whether it can only be asked for as a whole.
    pub is_whole: bool,
}

/// Cuts `span`, in whole seconds, at every full hour and at `cuts`, but not within what `whole` says must be asked for as
/// one: that is a piece of its own, even where it reaches out of `span`, though not beyond `until`. The newest last.
pub(crate) fn pieces(
    span: Span,
    cuts: &[Timestamp],
    until: Timestamp,
    whole: impl Fn(Timestamp) -> Option<Span>,
) -> Vec<Piece> {
    if span.is_empty() {
        return Vec::new();
    }
    let mut bounds: BTreeSet<Timestamp> = [span.from, span.until].into();
    let mut hour = span.from.ceil(HOUR);
    while hour < span.until {
        bounds.insert(hour);
        hour = hour + HOUR;
    }
    let inside = cuts.iter().map(|at| at.floor(SECOND));
    bounds.extend(inside.filter(|at| span.contains(*at)));
    let mut wholes: Vec<Span> = bounds.iter().filter_map(|at| whole(*at)).collect();
    wholes.dedup();
    for part in &wholes {
        bounds.retain(|at| !(part.from < *at && *at < part.until));
        bounds.extend([part.from, part.until.min(until)]);
    }
    let bounds: Vec<Timestamp> = bounds.into_iter().collect();
    let parts = bounds.windows(2).map(|pair| Span::new(pair[0], pair[1]));
    let piece = |span: Span| Piece {
        span,
        is_whole: wholes
            .iter()
            .any(|w| w.from <= span.from && span.until <= w.until),
    };
    parts.map(piece).collect()
}

/// How dense mail is, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Density {
    /// Messages a second in the window that was counted last, or as expected.
    per_second: f64,
    /// Messages that a window is cut to.
    most: f64,
}

impl Density {
    /// As expected of `span`, where so many requests are left to count it.
    pub(crate) fn expected(per_second: f64, span: Span, requests: u64) -> Self {
        let messages = per_second * span.length().as_secs_f64();
        // Some windows end before they are full, at the bounds of pieces.
        let scarce = messages / USUAL + 4.0 > requests as f64;
        Self {
            per_second,
            most: if scarce { SCARCE } else { USUAL },
        }
    }

    /// How many messages `span` is expected to hold.
    pub(crate) fn expect(&self, span: Span) -> f64 {
        self.per_second * span.length().as_secs_f64()
    }

    /// The newest window of `left` that is to be counted in one request, so that all windows of it hold about the same.
    pub(crate) fn newest(&self, left: Span) -> Span {
        let windows = (self.expect(left) / self.most).ceil().max(1.0);
        let length = Duration::from_secs_f64((left.length().as_secs_f64() / windows).max(1.0));
        let from = (left.until - length).ceil(SECOND).min(left.until - SECOND);
        Span::new(from.max(left.from), left.until)
    }

    /// A window was counted. The newest lack what the index has not caught up with, so less than expected is believed
    /// slowly; and after a pause there may be as much as before.
    pub(crate) fn saw(&mut self, window: Span, total: u64) {
        let seen = total as f64 / window.length().as_secs_f64().max(1.0);
        let before = self.per_second;
        self.per_second = match seen / before.max(1e-9) {
            0.5..1.0 => before + SLOWLY * (seen - before),
            1.0..2.0 => before + (seen - before) / 2.0,
            less if less < 0.5 => seen.max(before / PAUSED),
            _ => seen,
        };
    }

    /// A window held more than can be counted at once: `total`, which is the cap where nothing more is known.
    pub(crate) fn overflowed(&mut self, window: Span, total: u64) {
        let least = if total > CAP {
            total as f64
        } else {
            CAP as f64 * CAPPED
        };
        let seen = least / window.length().as_secs_f64().max(1.0);
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
    fn pieces_end_at_full_hours_and_cuts() {
        let found = pieces(span(2700, 10_000), &[at(9100), at(2700)], at(10_000), never);
        let found: Vec<Span> = found.iter().map(|piece| piece.span).collect();
        let wanted = [
            span(2700, 3600),
            span(3600, 7200),
            span(7200, 9100),
            span(9100, 10_000),
        ];
        assert_eq!(found, wanted);
        assert_eq!(pieces(span(10, 10), &[], at(10), never), []);
        assert_eq!(pieces(span(10, 9), &[], at(10), never), []);
    }

    #[test]
    fn what_can_only_be_asked_as_a_whole_is_a_piece_of_its_own() {
        let twice = span(7199, 14_401);
        let whole = |at: Timestamp| Some(twice).filter(|t| t.contains(at));
        let found = |from, until, now| -> Vec<_> {
            let all = pieces(span(from, until), &[at(9000)], at(now), whole);
            all.iter().map(|p| (p.span, p.is_whole)).collect()
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
        let mut density = Density::expected(per_second, poll, 45);
        let mut windows = 0;
        for piece in pieces(poll, &[at(7200 - 900)], at(7200), never) {
            let mut left = piece.span;
            while !left.is_empty() {
                let window = density.newest(left);
                density.saw(window, (window.length().as_secs_f64() * per_second) as u64);
                windows += 1;
                left.until = window.from;
            }
        }
        assert_eq!(windows, 40);
    }

    proptest! {
        /// Whatever the density is and however wrong the guess: the windows are the span, each below the cap, after so many
        /// requests as the density makes needful and some that taught it.
        #[test]
        fn windows_are_the_span_and_each_holds_less_than_the_cap(
            from in 0i64..1_000_000, length in 1i64..40_000, guess in 0.0f64..500.0, capped in any::<bool>(),
            rates in prop::collection::vec(0u64..400, 1..6), cut in 0i64..40_000,
        ) {
            let whole = span(from, from + length);
            let rate = |second: i64| rates[usize::try_from(second / 3000).unwrap_or(0) % rates.len()];
            let truth = |window: Span| -> u64 { (window.from.0 / 1000..window.until.0 / 1000).map(rate).sum() };
            let mut density = Density::expected(guess, whole, 50);
            let mut found = Vec::new();
            let mut wasted = 0;
            let parts = pieces(whole, &[at(from + cut)], whole.until, never);
            for piece in parts.iter().rev() {
                let mut left = piece.span;
                while !left.is_empty() {
                    let window = density.newest(left);
                    prop_assert!(!window.is_empty() && window.until == left.until && window.from >= left.from);
                    let total = truth(window);
                    if total >= CAP {
                        density.overflowed(window, if capped { CAP } else { total });
                        wasted += 1;
                        continue;
                    }
                    density.saw(window, total);
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
