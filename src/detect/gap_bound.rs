//! How long a gap may last whatever its intensity model says: a bound by the lengths of the stream's own gaps alone.
//!
//! A model can be wrong about one gap: quiet hours before it may have been taken for quiet days to come. The order of what
//! was seen is safer ground: of exchangeable gaps, t years of history see ln((t + 1) / t) longer ones in the year after,
//! whatever their distribution (A. Rényi, "Théorie des éléments saillants d'une suite d'observations", 1962). Once history
//! is so long that [`BUDGET_SHARE`] of the budget pays for every one of them, the longest gap is the bound, with [`MARGIN`] on
//! top. Before that, and where many series share the budget, the bound lies beyond the longest gap: so far that, by the
//! stream's own [`ExceedanceModel`], few enough of the longer ones exceed it.

use std::time::Duration;

use crate::detect::encoding::encoded;
use crate::detect::exceedance::ExceedanceModel;
use crate::detect::hourly_series::{Gap, HourlySeries, gaps_between};
use crate::model::{HOUR, History, Span, Timestamp};

/// Part of the budget that longer gaps than any before may cost in the first year of a stream.
const BUDGET_SHARE: f64 = 0.6;
/// How steeply the accepted share of longer gaps grows with history: the first weeks have most of them.
const STEEPNESS: f64 = 4.0;
/// A stop is detected by this multiple of the longest gap, [`POLL`] included.
const MARGIN: f64 = 1.2;
/// The time between two polls.
const POLL: Duration = HOUR;
const YEAR_S: f64 = 365.25 * 86_400.0;

/// What bounds the gaps of one stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GapBound {
    until: Timestamp,
    /// The first mail that gaps were learned from.
    first: Option<Timestamp>,
    longest: Longest,
    /// How many alarms of longer gaps are accepted in the first year.
    accepted: f64,
    /// Of the lengths of gaps, in means.
    pub tail: ExceedanceModel,
    mean_s: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Longest {
    seen: Duration,
    whole: Duration,
}

encoded!(GapBound {
    until,
    first,
    longest,
    accepted,
    tail,
    mean_s
});
encoded!(Longest { seen, whole });

impl Longest {
    fn add(&mut self, gap: &Gap) {
        self.seen = self.seen.max(gap.span.length());
        self.whole = self.whole.max(gap.ended.since(gap.span.from));
    }
}

impl GapBound {
    /// Learns from `gaps`, those of `series` that ended before `until`; `budget` is the accepted
    /// number of false alarms per year.
    pub(super) fn learn(
        series: &HourlySeries,
        gaps: &[Gap],
        until: Timestamp,
        budget: f64,
    ) -> Self {
        let mut longest = Longest::default();
        for gap in gaps {
            longest.add(gap);
        }
        let lengths = || gaps.iter().map(|gap| gap.span.length().as_secs_f64());
        let count = gaps.len().max(1) as f64;
        let mean_s = (lengths().sum::<f64>() / count).max(1.0);
        let years = series.covered() as f64 * HOUR.as_secs_f64() / YEAR_S;
        Self {
            until,
            first: gaps.first().map(|gap| gap.span.from),
            longest,
            accepted: BUDGET_SHARE * budget,
            tail: ExceedanceModel::fit(
                lengths().map(|length| length / mean_s).collect(),
                years,
                count / years.max(1e-6),
            ),
            mean_s,
        }
    }

    /// Returns how long a gap that begins at `from` may last; `None` where no gap has ended before it.
    pub(super) fn length(&self, history: &History, from: Timestamp) -> Option<Duration> {
        let mut longest = self.longest;
        let mut first = self.first;
        // What was learned may be a week old: a gap that was longer since then is as good as any.
        for gap in gaps_between(history, self.until, from) {
            longest.add(&gap);
            first = first.or(Some(gap.span.from));
        }
        let known = history.messages.parts(Span::new(first?, from));
        let known: Duration = known.map(Span::length).sum();
        let part = accepted_share(known.as_secs_f64() / YEAR_S, self.accepted);
        let seen = longest.seen.max(self.beyond(longest.seen, part));
        Some(seen.max(longest.whole.mul_f64(MARGIN).saturating_sub(POLL)))
    }

    /// Returns the length that only this part of the gaps longer than `longest` exceeds.
    fn beyond(&self, longest: Duration, part: f64) -> Duration {
        if part >= 1.0 {
            return longest;
        }
        let longer = self.tail.annual_rate(longest.as_secs_f64() / self.mean_s);
        let level = self.tail.return_level(longer * part.max(1e-9));
        Duration::from_secs_f64((level * self.mean_s).min(10.0 * YEAR_S))
    }

    /// Returns how many gaps per year are longer.
    pub(super) fn annual_rate(&self, length: Duration) -> f64 {
        self.tail.annual_rate(length.as_secs_f64() / self.mean_s)
    }
}

/// Returns the share of the gaps longer than any before that may alert after `years`, where `accepted` may in the first year.
///
/// After t years they come at a rate of 1/t. With (t/T)⁴ of them alerted until T and all of them from then on, the first year
/// has 1/4 + ln(1/T). Where less than one is accepted, their rate never exceeds it.
fn accepted_share(years: f64, accepted: f64) -> f64 {
    let settled = (1.0 / STEEPNESS - accepted.max(1.0)).exp();
    let early = (years / settled).powf(STEEPNESS);
    let shared = if accepted < 1.0 {
        years * accepted
    } else {
        1.0
    };
    early.min(shared).min(1.0)
}
