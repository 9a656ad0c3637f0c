//! One page of a listing, and what it says of the rest of its window.

use std::time::Duration;

use crate::cycle::collect::windows::SECOND;
use crate::model::{Bounce, Kind, Mail, Span, Timestamp};
use crate::postmark::{MAX_RESULTS, PAGE};

/// The maximum number of windows that one split makes. The oldest takes the rest, and is split again when it is read.
const MAX_PARTS: usize = 64;

/// The maximum number of pages of a listing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PageLimit {
    Unlimited,
    /// This many; a total at Postmark's cap, which may stand for any number, exceeds it.
    Exactly(u64),
    /// This many; where the total is at Postmark's cap, as many as the rate of the first page suggests.
    About(u64),
}

/// Items of one kind.
pub(crate) enum Batch {
    Messages(Vec<Mail>),
    Bounces(Vec<Bounce>),
}

impl Batch {
    pub(crate) const fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Messages => Self::Messages(Vec::new()),
            Kind::Bounces => Self::Bounces(Vec::new()),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Messages(mails) => mails.len(),
            Self::Bounces(bounces) => bounces.len(),
        }
    }

    /// Moves the items of `other`, of the same kind, to the end of this batch.
    pub(crate) fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Messages(all), Self::Messages(mut more)) => all.append(&mut more),
            (Self::Bounces(all), Self::Bounces(mut more)) => all.append(&mut more),
            _ => debug_assert!(false, "a window is of one kind"),
        }
    }

    pub(crate) fn take(&mut self) -> Self {
        match self {
            Self::Messages(mails) => Self::Messages(std::mem::take(mails)),
            Self::Bounces(bounces) => Self::Bounces(std::mem::take(bounces)),
        }
    }
}

/// One page of a listing of either kind.
pub(crate) struct BatchPage {
    pub batch: Batch,
    pub ids: Vec<String>,
    /// When its oldest item was sent or bounced.
    pub oldest: Option<Timestamp>,
    /// The number of items in the whole window, by Postmark's word: at most [`MAX_RESULTS`], which may stand for more.
    pub total: u64,
}

impl BatchPage {
    /// Returns whether reading the window takes more than `limit`.
    pub(crate) fn exceeds(&self, window: Span, limit: PageLimit) -> bool {
        match limit {
            PageLimit::Unlimited => false,
            PageLimit::Exactly(pages) => self.total == MAX_RESULTS || self.pages(window) > pages,
            PageLimit::About(pages) => self.pages(window) > pages,
        }
    }

    /// Returns the number of items in the window: the total or, where that is at the cap, what the rate of this page suggests.
    fn expected_items(&self, window: Span) -> u64 {
        if self.total == MAX_RESULTS {
            (self.density(window) * window.length().as_secs_f64()).max(MAX_RESULTS as f64) as u64
        } else {
            self.total
        }
    }

    /// Returns the number of pages that it takes to read the window. Twice as many where it must be split: the parts are
    /// guesses, most of them end with a page that is not full, and some must be split again.
    fn pages(&self, window: Span) -> u64 {
        let pages = self.expected_items(window).div_ceil(u64::from(PAGE));
        if self.total >= MAX_RESULTS {
            pages.saturating_mul(2)
        } else {
            pages
        }
    }

    /// Returns the number of items per second in the window.
    pub(crate) fn per_second(&self, window: Span) -> f64 {
        self.expected_items(window) as f64 / window.length().as_secs_f64().max(1.0)
    }

    /// Returns the number of items per second in the time that this page reaches back, the newest of the window.
    fn density(&self, window: Span) -> f64 {
        let newest = window.until.since(self.oldest.unwrap_or(window.from));
        self.ids.len().max(1) as f64 / newest.max(SECOND).as_secs_f64()
    }
}

/// Splits a window into parts of about `target_items` items each, at the rate of its newest page. Oldest part first; `None`
/// where the window is too short to be split.
pub(crate) fn split_by_density(
    window: Span,
    page: &BatchPage,
    target_items: f64,
) -> Option<Vec<Span>> {
    if window.length() < 2 * SECOND {
        return None;
    }
    let seconds = target_items / page.density(window);
    let max_seconds = (window.length() / 2).as_secs_f64();
    let length = Duration::from_secs_f64(seconds.clamp(1.0, max_seconds.max(1.0)));
    Some(split_evenly(window, length))
}

/// Splits a window into parts of this length, at most [`MAX_PARTS`]. Oldest first; the oldest takes what is left over.
pub(crate) fn split_evenly(window: Span, length: Duration) -> Vec<Span> {
    let length = Duration::from_secs(length.as_secs().max(1));
    let mut windows = Vec::new();
    let mut until = window.until;
    while until > window.from && windows.len() < MAX_PARTS {
        let last = windows.len() + 1 == MAX_PARTS;
        let from = if last {
            window.from
        } else {
            (until - length).floor(SECOND).max(window.from)
        };
        windows.push(Span::new(from, until));
        until = from;
    }
    windows.reverse();
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_of_a_window_are_the_window(from in 0i64..1_000_000_000, length in 2_000i64..4_000_000_000, newest in 1i64..4_000_000_000) {
            let window = Span::new(Timestamp(from), Timestamp(from + length));
            let page = BatchPage {
                batch: Batch::Bounces(Vec::new()),
                ids: vec![String::new(); 500],
                oldest: Some(Timestamp((from + length - newest).max(from))),
                total: 20_000,
            };
            let parts = split_by_density(window, &page, 5_000.0).expect("can be split");
            prop_assert!(parts.len() > 1 && parts.len() <= MAX_PARTS);
            prop_assert_eq!(parts[0].from, window.from);
            prop_assert_eq!(parts[parts.len() - 1].until, window.until);
            prop_assert!(parts.windows(2).all(|w| w[0].until == w[1].from && !w[0].is_empty()));
        }
    }
}
