//! Counts the messages of one stream over a span, window by window, where they are too many to be listed.

use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::reader::{ServerReader, StreamRead};
use crate::cycle::collect::windows::{RateEstimate, SECOND, Segment, split_at_boundaries};
use crate::detect::sample;
use crate::model::{CountedSpan, Coverage, DAY, Kind, Span, StreamKey, Timestamp, UNSETTLED};
use crate::postmark::{self, Count, MAX_RESULTS, PAGE};
use crate::store::{self, Database};

/// The maximum number of messages in the repeated hour of autumn that is believed: such a window cannot be split, so that
/// nothing else checks a total above the cap.
const MAX_PLAUSIBLE_COUNT: u64 = 100_000_000;
/// How much room the rest of a span must leave in its pages before counting goes back to listing, so that the two do not
/// alternate.
const MARGIN: f64 = 1.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountOutcome {
    Complete,
    /// Mail became so rare that this older rest of the span fits into its pages, and is to be listed.
    ListRest(Span),
}

pub(crate) struct Counter<'l, 'a> {
    reader: &'l mut ServerReader<'a>,
    read: StreamRead<'l>,
    /// What is counted, for errors and the log.
    what: String,
}

impl<'l, 'a> Counter<'l, 'a> {
    pub(crate) fn new(reader: &'l mut ServerReader<'a>, read: StreamRead<'l>) -> Self {
        let what = format!("messages of {}/{}", reader.server, read.stream);
        Self { reader, read, what }
    }

    /// Counts `span`, newest window first, each stored as soon as it is counted. Ends early where the rest is expected to fit
    /// into `max_rest_pages`; with 0, everything is counted.
    pub(crate) async fn count(
        mut self,
        span: Span,
        mut rate: RateEstimate,
        max_rest_pages: u64,
    ) -> Result<CountOutcome, ReadError> {
        let stream = self.read.stream;
        let end = self.reader.now.floor(SECOND);
        let span = Span::new(span.from.floor(SECOND), span.until.ceil(SECOND).min(end));
        let mut boundaries = self.reader.boundaries.clone();
        boundaries.push(end - UNSETTLED);
        let mut segments = split_at_boundaries(span, &boundaries, end, postmark::whole);
        let load = move |s: &mut Database, key: &StreamKey| {
            Ok((
                s.coverage(key, Kind::Messages)?,
                s.counted_spans(key, span)?,
            ))
        };
        let (covered, counted) = self.reader.call(stream, load).await?;
        let mut is_reopened = false;
        while let Some(segment) = segments.pop() {
            let mut rest = segment.span;
            while !rest.is_empty() {
                let window = if segment.indivisible {
                    rest
                } else {
                    rate.next_window(rest)
                };
                if let Err(error) = self.read.quota.check(self.reader.api, &self.what) {
                    if is_reopened {
                        let unread = Span::new(span.from, rest.until);
                        self.restore_coverage(covered, counted, unread).await?;
                    }
                    return Err(error);
                }
                let count = self.reader.api.count(stream, None, window).await?;
                self.reader.confirm_clock().await?;
                if !is_reopened {
                    self.reader.reopen(stream, Kind::Messages, span).await?;
                    is_reopened = true;
                }
                if !self.take_count(segment, window, count, &mut rate).await? {
                    continue;
                }
                rest.until = window.from;
                let older = Span::new(span.from, window.from);
                let max_rest_items = (max_rest_pages * u64::from(PAGE)) as f64;
                if rate.expected_count(span) * MARGIN < max_rest_items && !older.is_empty() {
                    return Ok(CountOutcome::ListRest(older));
                }
            }
        }
        Ok(CountOutcome::Complete)
    }

    /// Stores the count of a window and learns from it. Returns whether the window is done; otherwise it held too much, and a
    /// shorter one is to be counted.
    async fn take_count(
        &mut self,
        segment: Segment,
        window: Span,
        count: Count,
        rate: &mut RateEstimate,
    ) -> Result<bool, ReadError> {
        if count.total < MAX_RESULTS {
            self.store_count(window, count).await?;
            rate.observe(window, count.total);
        } else if segment.indivisible {
            self.store_dst_hour(window, count).await?;
        } else if window.length() > SECOND {
            rate.observe_overflow(window, count.total);
            return Ok(false);
        } else {
            return Err(ReadError::too_many_in_a_second(&self.what));
        }
        Ok(true)
    }

    /// Restores what was known of `unread`, which the quota did not suffice to read again. Otherwise a stream that always
    /// exceeds its quota would never have any coverage.
    async fn restore_coverage(
        &self,
        covered: Coverage,
        counted: Vec<CountedSpan>,
        unread: Span,
    ) -> Result<(), store::Error> {
        let listed = counted
            .iter()
            .fold(covered, |covered, c| covered.without(c.span));
        let listed: Vec<Span> = listed.parts(unread).collect();
        let within = |c: &CountedSpan| unread.from <= c.span.from && c.span.until <= unread.until;
        let counted: Vec<CountedSpan> = counted.into_iter().filter(within).collect();
        let restore = move |s: &mut Database, key: &StreamKey| {
            for span in listed {
                s.save_messages(key, &[], Some(span))?;
            }
            for c in counted {
                s.save_count(key, None, &c, c.span)?;
            }
            Ok(())
        };
        self.reader.call(self.read.stream, restore).await
    }

    async fn store_count(&mut self, window: Span, count: Count) -> Result<(), store::Error> {
        // Postmark may have deleted what was there.
        if count.total == 0 && window.from < self.read.retained_since {
            return Ok(());
        }
        let now = self.reader.now;
        let counted = to_counted_span(window, &count);
        // Postmark takes whole seconds: the second that `now` lies in counts as seen, and the next poll counts it anew.
        let is_newest = window.until == now.floor(SECOND);
        let until = if is_newest { now } else { window.until };
        let covered = Span::new(window.from, until);
        let save =
            move |s: &mut Database, key: &StreamKey| s.save_count(key, None, &counted, covered);
        self.reader.call(self.read.stream, save).await?;
        self.record_stats(window, count.total);
        Ok(())
    }

    /// Stores a count above the cap of the two hours that autumn makes one. They cannot be split, so the total is believed,
    /// unless it is the cap itself, which says nothing.
    async fn store_dst_hour(&mut self, window: Span, count: Count) -> Result<(), store::Error> {
        let what = &self.what;
        if (MAX_RESULTS + 1..=MAX_PLAUSIBLE_COUNT).contains(&count.total) {
            self.reader.log_lines.push(format!(
                "{what}: the hour repeated at the end of daylight saving time, {window}, is counted as one with the first; Postmark's total cannot be checked"
            ));
            return self.store_count(window, count).await;
        }
        if window.until > self.reader.now - DAY {
            self.reader.log_lines.push(format!(
                "{what}: more than {MAX_RESULTS} in the hour repeated at the end of daylight saving time, {window}; it cannot be counted and stays unknown"
            ));
        }
        Ok(())
    }

    fn record_stats(&mut self, window: Span, total: u64) {
        let stream = self.read.stream;
        let (server, begin) = (&self.reader.server.0, window.from.to_string());
        let rank = sample::rank(server, &stream.0, &begin);
        let is_new = window.until > self.reader.candidates.since;
        let stats = self.reader.stats.entry(stream.clone()).or_default();
        stats.counted += total;
        stats.windows += 1;
        let known = stats.span.unwrap_or(window);
        stats.span = Some(Span::new(
            known.from.min(window.from),
            known.until.max(window.until),
        ));
        // Reservoir sampling: each window replaces the one drawn before with the probability of its share of all so far.
        if is_new && total > 0 && rank % stats.counted < total {
            stats.sample_window = Some((window, total));
        }
    }
}

/// Returns the count of a window as it is stored.
pub(crate) fn to_counted_span(window: Span, count: &Count) -> CountedSpan {
    let last = Timestamp(window.until.0 - 1);
    CountedSpan {
        span: window,
        sent: count.total,
        last_at: count.newest.map(|at| at.clamp(window.from, last)),
    }
}

/// Returns `span`, extended to the bounds of the counts that it cuts, since a count is read again whole or not at all; and
/// whether any of it was counted.
pub(crate) async fn expand_to_counted_spans(
    reader: &ServerReader<'_>,
    read: StreamRead<'_>,
    span: Span,
) -> Result<(Span, bool), store::Error> {
    let counted = reader.call(read.stream, move |s, key| s.counted_spans(key, span));
    let counted = counted.await?;
    let (Some(first), Some(last)) = (counted.first(), counted.last()) else {
        return Ok((span, false));
    };
    let from = span.from.min(first.span.from);
    let until = span.until.max(last.span.until).min(reader.now);
    Ok((Span::new(from, until), true))
}
