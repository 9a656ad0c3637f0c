//! Lists one kind of one stream over a span, page by page, and marks as covered what was read to its end.
//!
//! A lister is used once. Its state is what earlier windows of the same listing left open: gaps that an older message may
//! still prove empty, and the counts that the first stored page is to replace.

use std::time::Duration;

use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::page::{Batch, BatchPage, PageLimit, split_by_density, split_evenly};
use crate::cycle::collect::pagination::PageCursor;
use crate::cycle::collect::reader::{ServerReader, StreamRead};
use crate::model::{Kind, Span, StreamKey, Timestamp};
use crate::postmark::{self, MAX_RESULTS, PAGE};
use crate::store::{self, Database};

/// Items that a window of a listing aims at: half of what Postmark lists at most, since the rate of the newest page is only a
/// guess at that of older ones.
const TARGET_WINDOW_ITEMS: f64 = 5_000.0;
/// Items that a window aims at where the quota does not suffice for all of a span: four pages, so that some windows are read
/// to their end.
const TARGET_PART_ITEMS: f64 = 2_000.0;
/// Items that are stored in one transaction: more take memory, fewer write the same leaves of an index again and again.
const WRITE_BATCH: usize = 4 * PAGE as usize;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ListOutcome {
    Complete,
    /// It has more pages than allowed, of which only the first was read.
    TooMany {
        /// The rate of its items, by the first page.
        per_second: f64,
    },
}

/// How the reading of one window ended.
enum WindowOutcome {
    Ended(ListOutcome),
    /// It holds too much for one listing, and is to be read in these windows, the newest last.
    Split(Vec<Span>),
}

pub(crate) struct Lister<'l, 'a> {
    reader: &'l mut ServerReader<'a>,
    read: StreamRead<'l>,
    kind: Kind,
    /// A span that was counted before; its counts go with the first page that is stored.
    recount_span: Option<Span>,
    /// Windows that are older than what Postmark surely retains, and were empty: covered once an older message is found.
    ambiguous_gaps: Vec<Span>,
}

impl<'l, 'a> Lister<'l, 'a> {
    pub(crate) const fn new(
        reader: &'l mut ServerReader<'a>,
        read: StreamRead<'l>,
        kind: Kind,
    ) -> Self {
        Self {
            reader,
            read,
            kind,
            recount_span: None,
            ambiguous_gaps: Vec::new(),
        }
    }

    /// Replaces the counts of `span` by what is listed.
    pub(crate) const fn replacing_counts(mut self, span: Option<Span>) -> Self {
        self.recount_span = span;
        self
    }

    /// Lists `span`, newest windows first. Where it takes more than `max_pages`, only its first page is read.
    pub(crate) async fn list(
        mut self,
        span: Span,
        max_pages: PageLimit,
    ) -> Result<ListOutcome, ReadError> {
        let read = self.read_and_store_window(span, max_pages, TARGET_WINDOW_ITEMS);
        match read.await? {
            WindowOutcome::Ended(outcome) => Ok(outcome),
            WindowOutcome::Split(windows) => {
                self.reader
                    .reopen(self.read.stream, self.kind, span)
                    .await?;
                self.read_windows(windows, TARGET_WINDOW_ITEMS).await?;
                Ok(ListOutcome::Complete)
            }
        }
    }

    /// Lists as much of `span` as the quota allows, in small windows, newest first; `per_second` is the rate of its items.
    pub(crate) async fn list_newest(
        mut self,
        span: Span,
        per_second: f64,
    ) -> Result<(), ReadError> {
        let length = Duration::from_secs_f64(TARGET_PART_ITEMS / per_second.max(1e-6));
        self.reader
            .reopen(self.read.stream, self.kind, span)
            .await?;
        self.read_windows(split_evenly(span, length), TARGET_PART_ITEMS)
            .await
    }

    async fn read_windows(
        &mut self,
        mut windows: Vec<Span>,
        split_items: f64,
    ) -> Result<(), ReadError> {
        while let Some(window) = windows.pop() {
            let read = self.read_and_store_window(window, PageLimit::Unlimited, split_items);
            if let WindowOutcome::Split(parts) = read.await? {
                windows.extend(parts);
            }
        }
        Ok(())
    }

    /// Reads one window, to be split into windows of about `split_items`. Whatever was read of it is stored; it is covered only
    /// if it was read to its end.
    async fn read_and_store_window(
        &mut self,
        window: Span,
        max_pages: PageLimit,
        split_items: f64,
    ) -> Result<WindowOutcome, ReadError> {
        let mut unstored = Batch::empty(self.kind);
        let read = self.page_through(window, max_pages, split_items, &mut unstored);
        let outcome = read.await;
        if unstored.len() > 0 {
            let stored = self.store_batch(unstored, None).await;
            return outcome.and_then(|outcome| Ok(stored.map(|()| outcome)?));
        }
        outcome
    }

    /// Reads the pages of one window, leaving in `unstored` what is not stored yet.
    async fn page_through(
        &mut self,
        window: Span,
        max_pages: PageLimit,
        split_items: f64,
        unstored: &mut Batch,
    ) -> Result<WindowOutcome, ReadError> {
        let what = format!(
            "{} of {}/{}",
            self.kind.name(),
            self.reader.server,
            self.read.stream
        );
        let mut cursor = PageCursor::new(what);
        let may_keep = self.reader.api.turn_to_keep();
        loop {
            self.read.quota.check(self.reader.api, &cursor.what)?;
            let offset = u32::try_from(cursor.read).unwrap_or(u32::MAX);
            let mut page = self.fetch_page(window, offset).await?;
            self.reader.confirm_clock().await?;
            if cursor.read == 0 && page.exceeds(window, max_pages) {
                let per_second = page.per_second(window);
                return Ok(WindowOutcome::Ended(ListOutcome::TooMany { per_second }));
            }
            if cursor.read == 0 && page.total >= MAX_RESULTS {
                let parts = split_by_density(window, &page, split_items);
                unstored.append(page.batch);
                let split = parts.map(WindowOutcome::Split);
                return split.ok_or_else(|| ReadError::too_many_in_a_second(&cursor.what));
            }
            let is_last = cursor.accept(&mut page)?;
            unstored.append(page.batch);
            if is_last {
                let covered = self.covered_spans(window, cursor.oldest).await?;
                self.store_covered(unstored.take(), covered).await?;
                return Ok(WindowOutcome::Ended(ListOutcome::Complete));
            }
            if unstored.len() >= WRITE_BATCH || may_keep.is_none() {
                self.store_batch(unstored.take(), None).await?;
            }
        }
    }

    /// Returns what a window covers that was read to its end, and whose oldest item is `oldest`.
    ///
    /// Of time that Postmark may have deleted, only what lies after a message which it still has was seen.
    async fn covered_spans(
        &mut self,
        window: Span,
        oldest: Option<Timestamp>,
    ) -> Result<Vec<Span>, store::Error> {
        let retained_since = self.read.retained_since;
        if window.from >= retained_since {
            return Ok(vec![window]);
        }
        let retained = Span::new(retained_since.max(window.from), window.until);
        let older = Span::new(window.from, retained_since.min(window.until));
        let mut covered = Vec::new();
        match (self.kind, oldest) {
            // Bounces are retained as long as messages are, and too rare to show it by themselves.
            (Kind::Bounces, _) => {
                let messages = self.reader.coverage(self.read.stream, Kind::Messages);
                covered.extend(messages.await?.parts(older));
            }
            (Kind::Messages, Some(oldest)) => {
                covered.push(Span::new(oldest.max(older.from), older.until));
                covered.append(&mut self.ambiguous_gaps);
                let gap = Span::new(older.from, oldest.min(older.until));
                self.ambiguous_gaps.push(gap);
            }
            (Kind::Messages, None) => self.ambiguous_gaps.push(older),
        }
        covered.push(retained);
        covered.retain(|span| !span.is_empty());
        Ok(covered)
    }

    async fn fetch_page(&self, window: Span, offset: u32) -> Result<BatchPage, postmark::Error> {
        let (api, stream) = (self.reader.api, self.read.stream);
        Ok(match self.kind {
            Kind::Messages => {
                let page = api.messages(stream, window, offset).await?;
                BatchPage {
                    ids: page.items.iter().map(|m| m.id.clone()).collect(),
                    oldest: page.items.iter().map(|m| m.sent_at).min(),
                    total: page.total,
                    batch: Batch::Messages(page.items),
                }
            }
            Kind::Bounces => {
                let page = api.bounces(stream, window, offset).await?;
                BatchPage {
                    ids: page.items.iter().map(|b| b.id.to_string()).collect(),
                    oldest: page.items.iter().map(|b| b.at).min(),
                    total: page.total,
                    batch: Batch::Bounces(page.items),
                }
            }
        })
    }

    /// Stores the rest of a window that was read to its end, and marks these spans as covered.
    async fn store_covered(
        &mut self,
        batch: Batch,
        covered: Vec<Span>,
    ) -> Result<(), store::Error> {
        self.store_batch(batch, covered.first().copied()).await?;
        for span in covered.into_iter().skip(1) {
            self.store_batch(Batch::empty(self.kind), Some(span))
                .await?;
        }
        Ok(())
    }

    async fn store_batch(
        &mut self,
        batch: Batch,
        covered: Option<Span>,
    ) -> Result<(), store::Error> {
        let stream = self.read.stream;
        match batch {
            Batch::Messages(mut mails) => {
                mails.retain(|mail| !mail.is_test());
                let recount = self.recount_span.take();
                let save = move |s: &mut Database, key: &StreamKey| {
                    if let Some(span) = recount {
                        s.forget_coverage(key, Kind::Messages, span)?;
                    }
                    let new = s.save_messages(key, &mails, covered)?;
                    Ok((mails, new))
                };
                let (mails, new) = self.reader.call(stream, save).await?;
                let stats = self.reader.stats.entry(stream.clone()).or_default();
                stats.listed += new.len() as u64;
                let sent = new.iter().map(|index| mails[*index].sent_at);
                stats.oldest_listed = sent.chain(stats.oldest_listed).min();
                for index in new {
                    self.reader.candidates.offer(stream, &mails[index]);
                }
            }
            Batch::Bounces(mut bounces) => {
                bounces.retain(|bounce| !bounce.is_test());
                let save =
                    move |s: &mut Database, key: &StreamKey| s.save_bounces(key, &bounces, covered);
                self.reader.call(stream, save).await?;
            }
        }
        Ok(())
    }
}
