//! The newest rows of many lists, merged; a page is asked for only when the merge cannot go on without it.

use std::collections::{HashSet, VecDeque};

use crate::commands::query::error::LookupError;
use crate::commands::query::list::{Found, Located, Row};
use crate::commands::query::{PostmarkQuery, Target};
use crate::model::{StreamId, Timestamp};
use crate::postmark::{self, MAX_RESULTS, PAGE, Page, Server, Window};

/// A row that can be merged by its time.
pub(super) trait Dated: Row {
    fn at(&self) -> Timestamp;
    /// Returns an id that no other row of its stream has.
    fn id(&self) -> String;
}

/// A position in the list of one stream.
struct Cursor<'q, R> {
    server: &'q Target,
    stream: StreamId,
    buffer: VecDeque<R>,
    seen_ids: HashSet<String>,
    offset: u32,
    total: u64,
    ended: bool,
}

impl PostmarkQuery {
    /// Returns at most `limit` of the newest rows in `window` of the wanted streams. `fetch` returns so many rows of
    /// a stream, newest first, skipping the newest so many; they may lie outside the window.
    pub(super) async fn merge_newest<R: Dated>(
        &self,
        limit: u32,
        window: Window,
        fetch: &impl AsyncFn(&Server, &StreamId, u32, u32) -> Result<Page<R>, postmark::Error>,
    ) -> Result<Found<'_, R>, (u8, String)> {
        let opened = self.query_streams(async |server, stream| {
            let mut cursor = Cursor {
                server,
                stream: stream.clone(),
                buffer: VecDeque::new(),
                seen_ids: HashSet::new(),
                offset: 0,
                total: 0,
                ended: false,
            };
            cursor.fetch_page(limit, window, fetch).await?;
            Ok(cursor)
        });
        let (mut cursors, mut errors) = opened.await?;
        let mut rows = Vec::new();
        while rows.len() < limit as usize {
            let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
            for cursor in cursors.iter_mut().filter(|cursor| cursor.needs_page()) {
                if let Err(error) = cursor.fetch_page(left, window, fetch).await {
                    cursor.ended = true;
                    errors.push(cursor.server.error_line(&error));
                }
            }
            let newest = cursors
                .iter_mut()
                .max_by_key(|c| c.buffer.front().map(R::at));
            let Some((cursor, row)) = newest.and_then(|c| c.buffer.pop_front().map(|r| (c, r)))
            else {
                break;
            };
            rows.push(Located {
                row,
                server: &cursor.server.name,
                stream: cursor.stream.clone(),
            });
        }
        let all_read = cursors
            .iter()
            .all(|cursor| cursor.is_at_end() && cursor.buffer.is_empty());
        Ok(Found {
            total: match all_read {
                true => rows.len() as u64,
                false => cursors.iter().map(|cursor| cursor.total).sum(),
            },
            // Postmark counts to 10,000 per list.
            at_least: Some(cursors.iter().any(|cursor| cursor.total >= MAX_RESULTS)),
            rows,
            errors,
        })
    }
}

impl<R: Dated> Cursor<'_, R> {
    fn needs_page(&self) -> bool {
        self.buffer.is_empty() && !self.ended
    }

    fn is_at_end(&self) -> bool {
        u64::from(self.offset) >= self.total
    }

    /// Reads pages until a row is buffered, or there is none.
    async fn fetch_page(
        &mut self,
        wanted: u32,
        window: Window,
        fetch: &impl AsyncFn(&Server, &StreamId, u32, u32) -> Result<Page<R>, postmark::Error>,
    ) -> Result<(), LookupError> {
        let cap = u32::try_from(MAX_RESULTS).unwrap_or(u32::MAX);
        while self.needs_page() {
            let count = wanted.min(PAGE).min(cap.saturating_sub(self.offset));
            if count == 0 {
                self.ended = true;
                break;
            }
            let page = fetch(self.server.api()?, &self.stream, count, self.offset).await?;
            let read = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
            self.offset = self.offset.saturating_add(read);
            self.total = page.total;
            let before = self.seen_ids.len();
            let mut rows = page.items;
            // The list grows at its start while it is read, so that a page may repeat rows of the one before.
            rows.retain(|row| self.seen_ids.insert(row.id()) && window.holds(row.at()));
            rows.sort_by_key(|row| std::cmp::Reverse(row.at()));
            self.buffer.extend(rows);
            self.ended = self.is_at_end() || self.seen_ids.len() == before;
        }
        Ok(())
    }
}
