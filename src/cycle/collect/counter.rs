//! Counts the messages of one stream over a span of time, window by window, where they are too many to be listed.

use crate::cycle::collect::budget::{Allowance, Stop};
use crate::cycle::collect::lister::Lister;
use crate::cycle::collect::windows::{Density, Piece, SECOND, pieces};
use crate::detect::sample;
use crate::model::{
    CountedSpan, Coverage, DAY, Kind, Span, StreamId, StreamKey, Timestamp, UNSETTLED,
};
use crate::postmark::{self, CAP, Count, PAGE};
use crate::store;

/// More in the two hours that autumn makes one is no count, but a lie.
const MOST_CREDIBLE: u64 = 100_000_000;
/// Messages that are read to draw from: as many as a suspicious stream follows.
const DRAWN: u32 = 10;
/// Listing is gone back to only where it would fit with so much to spare.
const MARGIN: f64 = 1.5;

/// What a poll read of one stream's messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    /// Messages listed that were not known before.
    pub listed: u64,
    /// Messages counted.
    pub counted: u64,
    /// In so many windows.
    pub windows: u64,
    /// Where the first of these windows begins, and the last one ends.
    pub span: Option<Span>,
    /// A window of them, each message being as likely to lie in it, and how many it holds.
    pub drawn: Option<(Span, u64)>,
}

impl Lister<'_> {
    /// Counts `span`, newest window first, each committed as it was counted. Returns what is left of it where mail became
    /// so rare that it fits into `pages` and is to be listed.
    pub(crate) async fn count(
        &mut self,
        stream: &StreamId,
        span: Span,
        mut density: Density,
        pages: u64,
        allowance: Allowance,
    ) -> Result<Option<Span>, Stop> {
        let what = format!("messages of {}/{stream}", self.server);
        let end = self.now.floor(SECOND);
        let span = Span::new(span.from.floor(SECOND), span.until.ceil(SECOND).min(end));
        let mut cuts = self.instants.clone();
        cuts.push(end - UNSETTLED);
        let mut left = pieces(span, &cuts, end, postmark::whole);
        let mut is_open = false;
        let before = self.known(stream, span).await?;
        while let Some(Piece {
            span: part,
            is_whole,
        }) = left.pop()
        {
            let mut rest = part;
            while !rest.is_empty() {
                let window = if is_whole { rest } else { density.newest(rest) };
                if let Err(stop) = allowance.take(self.api, &what) {
                    if is_open {
                        let unread = Span::new(span.from, rest.until);
                        self.give_back(stream, &before, unread).await?;
                    }
                    return Err(stop);
                }
                let count = self.api.count(stream, None, window).await?;
                if !std::mem::replace(&mut is_open, true) {
                    self.reopen(stream, Kind::Messages, span).await?;
                }
                if count.total < CAP {
                    self.keep(stream, window, count).await?;
                    density.saw(window, count.total);
                } else if is_whole {
                    self.keep_whole(stream, window, count, &what).await?;
                } else if window.length() > SECOND {
                    density.overflowed(window, count.total);
                    continue;
                } else {
                    return Err(Stop::Drift(format!(
                        "{what}: more than {CAP} in one second"
                    )));
                }
                rest.until = window.from;
                let older = Span::new(span.from, window.from);
                if density.expect(span) * MARGIN < (pages * u64::from(PAGE)) as f64
                    && !older.is_empty()
                {
                    return Ok(Some(older));
                }
            }
        }
        Ok(None)
    }

    /// What is known of `span`: what was counted, and what was covered.
    async fn known(
        &self,
        stream: &StreamId,
        span: Span,
    ) -> Result<(Vec<CountedSpan>, Coverage), store::Error> {
        let key = StreamKey::new(self.server, stream);
        let read = move |s: &mut store::Database| {
            let covered = s.coverage(&key, Kind::Messages)?;
            Ok((s.counted_spans(&key, span)?, covered))
        };
        self.store.call(read).await
    }

    /// Knows again what was known `before` of what the requests of this cycle did not suffice to read anew: it was read
    /// completely once, and of a sender who always has more than a poll can read nothing would ever stay known.
    async fn give_back(
        &self,
        stream: &StreamId,
        (counted, covered): &(Vec<CountedSpan>, Coverage),
        unread: Span,
    ) -> Result<(), store::Error> {
        let within = |c: &&CountedSpan| unread.from <= c.span.from && c.span.until <= unread.until;
        let listed = counted
            .iter()
            .fold(covered.clone(), |covered, c| covered.without(c.span));
        let listed: Vec<Span> = listed.parts(unread).collect();
        let counted: Vec<CountedSpan> = counted.iter().filter(within).copied().collect();
        let key = StreamKey::new(self.server, stream);
        let give = move |s: &mut store::Database| {
            for span in listed {
                s.save_messages(&key, &[], Some(span))?;
            }
            for c in counted {
                s.save_count(&key, None, &c, c.span)?;
            }
            Ok(())
        };
        self.store.call(give).await
    }

    /// `span` as far as it can be read anew: counts that it cuts are read with it. Whether any of it was counted.
    pub(crate) async fn aligned(
        &self,
        stream: &StreamId,
        span: Span,
    ) -> Result<(Span, bool), store::Error> {
        let key = StreamKey::new(self.server, stream);
        let counted = self.store.call(move |s| s.counted_spans(&key, span));
        let counted = counted.await?;
        let (Some(first), Some(last)) = (counted.first(), counted.last()) else {
            return Ok((span, false));
        };
        let from = span.from.min(first.span.from);
        let until = span.until.max(last.span.until).min(self.now);
        Ok((Span::new(from, until), true))
    }

    /// Says of each stream what was counted, and what is special about it.
    pub(crate) fn say_what_was_counted(&self) {
        for note in &self.notes {
            tracing::warn!(server = %self.server, "{note}");
        }
        for (stream, read) in self.read.iter().filter(|(_, read)| read.windows > 0) {
            tracing::info!(
                server = %self.server, %stream, listed = read.listed, counted = read.counted, requests = read.windows,
                "counted messages instead of listing them: there were too many"
            );
        }
    }

    /// Draws from what was counted: some messages that follow one another, anywhere in it. One request.
    pub(crate) async fn draw(&mut self, stream: &StreamId) -> Result<(), Stop> {
        let drawn = self.read.get(stream).and_then(|read| read.drawn);
        let Some((window, sent)) = drawn else {
            return Ok(());
        };
        let rank = sample::rank(&self.server.0, &stream.0, &format!("{window}"));
        let reach = sent
            .saturating_sub(u64::from(DRAWN))
            .min(CAP - u64::from(DRAWN));
        let offset = u32::try_from(rank % (reach + 1)).unwrap_or(0);
        let mails = self.api.some(stream, window, offset, DRAWN).await?;
        for mail in mails.iter().filter(|mail| !mail.is_bounce_test()) {
            self.consider(stream, mail);
        }
        Ok(())
    }

    async fn keep(
        &mut self,
        stream: &StreamId,
        window: Span,
        count: Count,
    ) -> Result<(), store::Error> {
        // Postmark may have forgotten what was there.
        if count.total == 0 && window.from < self.sure_from {
            return Ok(());
        }
        let last = Timestamp(window.until.0 - 1);
        let counted = CountedSpan {
            span: window,
            sent: count.total,
            last_at: count.newest.map(|at| at.clamp(window.from, last)),
        };
        // Less than a second of the present is taken as seen; the next poll counts it anew.
        let is_newest = window.until == self.now.floor(SECOND);
        let until = if is_newest { self.now } else { window.until };
        let key = StreamKey::new(self.server, stream);
        let covered = Span::new(window.from, until);
        self.store
            .call(move |s| s.save_count(&key, None, &counted, covered))
            .await?;
        self.tell(stream, window, count.total);
        Ok(())
    }

    /// The two hours that autumn makes one: a count above the cap, which cannot be cut, is believed unless it is the cap
    /// itself.
    async fn keep_whole(
        &mut self,
        stream: &StreamId,
        window: Span,
        count: Count,
        what: &str,
    ) -> Result<(), store::Error> {
        if (CAP + 1..=MOST_CREDIBLE).contains(&count.total) {
            self.notes.push(format!(
                "{what}: the hour that autumn repeats is counted as one with the first, {window}, by Postmark's word alone"
            ));
            return self.keep(stream, window, count).await;
        }
        if window.until > self.now - DAY {
            self.notes.push(format!(
                "{what}: more than {CAP} in the hour that autumn repeats, {window}, which cannot be counted: it stays unknown"
            ));
        }
        Ok(())
    }

    fn tell(&mut self, stream: &StreamId, window: Span, total: u64) {
        let rank = sample::rank(&self.server.0, &stream.0, &window.from.to_string());
        let read = self.read.entry(stream.clone()).or_default();
        read.counted += total;
        read.windows += 1;
        let known = read.span.unwrap_or(window);
        read.span = Some(Span::new(
            known.from.min(window.from),
            known.until.max(window.until),
        ));
        let is_new = window.until > self.draw_from;
        // Each in its turn with the chance of its part of all so far.
        if is_new && total > 0 && rank % read.counted < total {
            read.drawn = Some((window, total));
        }
    }
}
