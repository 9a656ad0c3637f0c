//! One page of a listing, and what it tells of the rest of its window.

use std::time::Duration;

use crate::cycle::collect::windows::SECOND;
use crate::model::{Bounce, Kind, Mail, Span, Timestamp};
use crate::postmark::{CAP, PAGE};

/// Windows that one cut makes, at most; the last takes what is left and is cut again.
const MOST_WINDOWS: usize = 64;

/// How many pages a listing may take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Most {
    /// As many as there are.
    All,
    /// So many; where the answer does not know how many there are, there are too many.
    Pages(u64),
    /// About so many, where the answer does not know.
    Roughly(u64),
}

/// One page of either kind.
pub(crate) enum Batch {
    Messages(Vec<Mail>),
    Bounces(Vec<Bounce>),
}

impl Batch {
    /// Nothing of a kind.
    pub(crate) const fn none(kind: Kind) -> Self {
        match kind {
            Kind::Messages => Self::Messages(Vec::new()),
            Kind::Bounces => Self::Bounces(Vec::new()),
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Messages(_) => Kind::Messages,
            Self::Bounces(_) => Kind::Bounces,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Messages(mails) => mails.len(),
            Self::Bounces(bounces) => bounces.len(),
        }
    }

    /// Adds what is of the same kind.
    pub(crate) fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Messages(all), Self::Messages(mut more)) => all.append(&mut more),
            (Self::Bounces(all), Self::Bounces(mut more)) => all.append(&mut more),
            _ => debug_assert!(false, "a window is of one kind"),
        }
    }

    /// All of it, leaving nothing.
    pub(crate) const fn take(&mut self) -> Self {
        let kind = self.kind();
        std::mem::replace(self, Self::none(kind))
    }
}

/// A page, as far as it does not matter of what.
pub(crate) struct Page {
    pub batch: Batch,
    pub ids: Vec<String>,
    pub oldest: Option<Timestamp>,
    pub total: u64,
}

impl Page {
    /// Whether reading the window takes more than `most`.
    pub(crate) fn exceeds(&self, window: Span, most: Most) -> bool {
        match most {
            Most::All => false,
            Most::Pages(pages) => self.total == CAP || self.pages(window) > pages,
            Most::Roughly(pages) => self.pages(window) > pages,
        }
    }

    /// How many items the window holds: as the answer says or, where it may not know, as dense as this page is.
    fn expected(&self, window: Span) -> u64 {
        if self.total == CAP {
            (self.density(window) * window.length().as_secs_f64()).max(CAP as f64) as u64
        } else {
            self.total
        }
    }

    /// How many pages it takes to read the window; twice as many where it must be cut, at the right places only by luck.
    fn pages(&self, window: Span) -> u64 {
        let pages = self.expected(window).div_ceil(u64::from(PAGE));
        if self.total >= CAP {
            pages.saturating_mul(2)
        } else {
            pages
        }
    }

    /// Items a second in the window.
    pub(crate) fn per_second(&self, window: Span) -> f64 {
        self.expected(window) as f64 / window.length().as_secs_f64().max(1.0)
    }

    /// Items a second in the newest part of the window, which this page is.
    fn density(&self, window: Span) -> f64 {
        let newest = self
            .oldest
            .map_or(window.length(), |oldest| window.until.since(oldest))
            .max(SECOND);
        self.ids.len().max(1) as f64 / newest.as_secs_f64()
    }
}

/// Cuts a window that holds too much by the density of its newest page, oldest part first; `None` where it cannot be cut.
pub(crate) fn cut(window: Span, page: &Page, per_window: f64) -> Option<Vec<Span>> {
    if window.length() < 2 * SECOND {
        return None;
    }
    let seconds = per_window / page.density(window);
    let longest = (window.length() / 2).as_secs_f64();
    let length = Duration::from_secs_f64(seconds.clamp(1.0, longest.max(1.0)));
    Some(parts(window, length))
}

/// Cuts a window into parts of this length, oldest first; the oldest takes what is left over after so many.
pub(crate) fn parts(window: Span, length: Duration) -> Vec<Span> {
    let length = Duration::from_secs(length.as_secs().max(1));
    let mut windows = Vec::new();
    let mut until = window.until;
    while until > window.from && windows.len() < MOST_WINDOWS {
        let last = windows.len() + 1 == MOST_WINDOWS;
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
        fn a_cut_window_is_whole_in_parts(from in 0i64..1_000_000_000, length in 2_000i64..4_000_000_000, newest in 1i64..4_000_000_000) {
            let window = Span::new(Timestamp(from), Timestamp(from + length));
            let page = Page {
                batch: Batch::Bounces(Vec::new()),
                ids: vec![String::new(); 500],
                oldest: Some(Timestamp((from + length - newest).max(from))),
                total: 20_000,
            };
            let parts = cut(window, &page, 5_000.0).expect("can be cut");
            prop_assert!(parts.len() > 1 && parts.len() <= MOST_WINDOWS);
            prop_assert_eq!(parts[0].from, window.from);
            prop_assert_eq!(parts[parts.len() - 1].until, window.until);
            prop_assert!(parts.windows(2).all(|w| w[0].until == w[1].from && !w[0].is_empty()));
        }
    }
}
