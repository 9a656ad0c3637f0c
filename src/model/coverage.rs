//! What was polled completely, as a set of intervals.

use serde::{Deserialize, Serialize};

use super::{Span, Timestamp};

/// The two kinds of things that are polled, each with coverage of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Outbound messages, filed by the time Postmark received them.
    Messages,
    /// Bounces and complaints, filed by the time they happened.
    Bounces,
}

impl Kind {
    /// Both, in the order in which they are polled.
    pub const ALL: [Self; 2] = [Self::Messages, Self::Bounces];

    /// The name in the database and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Bounces => "bounces",
        }
    }
}

/// A set of instants: ordered, disjoint, non-adjacent spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(Vec<Span>);

impl Coverage {
    /// Covers nothing.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The union of `spans`, in any order.
    pub fn from_spans(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut coverage = Self::none();
        for span in spans {
            coverage.insert(span);
        }
        coverage
    }

    /// Adds a span and joins it with what it touches.
    pub fn insert(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        let start = self.0.partition_point(|s| s.until < span.from);
        let end = self.0.partition_point(|s| s.from <= span.until);
        let joined = self.0[start..end].iter().fold(span, |a, b| {
            Span::new(a.from.min(b.from), a.until.max(b.until))
        });
        self.0.splice(start..end, [joined]);
    }

    /// Its spans, in order.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Whether every instant of `span` is covered; an empty span is.
    pub fn covers(&self, span: Span) -> bool {
        span.is_empty()
            || self
                .0
                .iter()
                .any(|s| s.from <= span.from && span.until <= s.until)
    }

    /// Whether the instant `at` is covered.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.0.iter().any(|span| span.contains(at))
    }

    /// What of `within` is covered, in order.
    pub fn parts(&self, within: Span) -> impl Iterator<Item = Span> + '_ {
        let start = self.0.partition_point(|s| s.until <= within.from);
        self.0[start..]
            .iter()
            .map(move |s| s.intersect(within))
            .take_while(|s| !s.is_empty())
    }

    /// What of `within` is not covered, in order.
    pub fn holes(&self, within: Span) -> Vec<Span> {
        let mut holes = Vec::new();
        let mut from = within.from;
        for part in self.parts(within) {
            holes.push(Span::new(from, part.from));
            from = part.until;
        }
        holes.push(Span::new(from, within.until));
        holes.retain(|hole| !hole.is_empty());
        holes
    }

    /// What it covers outside `span`.
    #[must_use]
    pub fn without(&self, span: Span) -> Self {
        let before = Span::new(Timestamp::MIN, span.from);
        let after = Span::new(span.until, Timestamp::MAX);
        Self::from_spans(self.parts(before).chain(self.parts(after)))
    }

    /// What it covers and `other` does not.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self::from_spans(self.0.iter().flat_map(|span| other.holes(*span)))
    }

    /// What both cover.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self::from_spans(self.0.iter().flat_map(|span| other.parts(*span)))
    }

    /// The end of the last span, if any.
    pub fn end(&self) -> Option<Timestamp> {
        self.0.last().map(|s| s.until)
    }

    /// The instant up to which everything from `from` on is covered; `from` itself where nothing is.
    pub fn until_first_hole(&self, from: Timestamp) -> Timestamp {
        self.0
            .iter()
            .find(|s| s.from <= from && from < s.until)
            .map_or(from, |s| s.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(from: i64, until: i64) -> Span {
        Span::new(Timestamp(from), Timestamp(until))
    }

    #[test]
    fn touching_spans_become_one() {
        let coverage =
            Coverage::from_spans([span(0, 10), span(20, 30), span(10, 20), span(40, 40)]);
        assert_eq!(coverage.spans(), [span(0, 30)]);
    }

    #[test]
    fn holes_are_what_is_missing() {
        let coverage = Coverage::from_spans([span(10, 20), span(30, 40)]);
        assert_eq!(
            coverage.holes(span(0, 50)),
            [span(0, 10), span(20, 30), span(40, 50)]
        );
        assert_eq!(coverage.holes(span(12, 18)), []);
        assert_eq!(coverage.until_first_hole(Timestamp(12)), Timestamp(20));
        assert_eq!(coverage.until_first_hole(Timestamp(25)), Timestamp(25));
    }

    proptest! {
        #[test]
        fn a_coverage_is_the_set_of_its_instants(spans in prop::collection::vec((0i64..60, 0i64..20), 0..12), within in (0i64..60, 0i64..40)) {
            let spans: Vec<Span> = spans.into_iter().map(|(from, length)| span(from, from + length)).collect();
            let coverage = Coverage::from_spans(spans.iter().copied());
            let within = span(within.0, within.0 + within.1);
            let holes = coverage.holes(within);
            for at in (0..120).map(Timestamp) {
                let covered = spans.iter().any(|s| s.contains(at));
                prop_assert_eq!(coverage.spans().iter().any(|s| s.contains(at)), covered);
                prop_assert_eq!(holes.iter().any(|s| s.contains(at)), within.contains(at) && !covered);
                prop_assert_eq!(coverage.parts(within).any(|s| s.contains(at)), within.contains(at) && covered);
                let other = Coverage::from_spans([within]);
                prop_assert_eq!(coverage.minus(&other).spans().iter().any(|s| s.contains(at)), covered && !within.contains(at));
                prop_assert_eq!(coverage.without(within).spans().iter().any(|s| s.contains(at)), covered && !within.contains(at));
            }
            prop_assert!(coverage.spans().windows(2).all(|w| w[0].until < w[1].from), "ordered and apart");
        }
    }
}
