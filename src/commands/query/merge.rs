//! The newest rows of many lists, merged; a page is asked for only when the merge cannot go on without it.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

use crate::commands::query::error::LookupError;
use crate::commands::query::streams::{StreamIter, StreamResults, flatten};
use crate::commands::query::{PostmarkQuery, Target};
use crate::model::{ServerName, StreamId, Timestamp};
use crate::postmark::{self, CAP, PAGE, Page, Server, Window};

/// A search that each stream answers in pages, newest first.
pub(crate) trait PagedQuery: Send + Sync + 'static {
    /// The rows it returns.
    type Row: Dated;

    /// Fetches `count` rows, skipping the newest `offset`.
    fn page(
        &self,
        api: &Server,
        stream: &StreamId,
        count: u32,
        offset: u32,
    ) -> impl Future<Output = Result<Page<Self::Row>, postmark::Error>> + Send;

    /// Returns the range that was asked for: Postmark's answers may hold rows outside it.
    fn window(&self) -> Window;
}

/// A row that can be merged by its time.
pub(crate) trait Dated: Send + 'static {
    /// Returns when it happened.
    fn at(&self) -> Timestamp;
    /// Returns an id that no other row of its stream has.
    fn id(&self) -> String;
}

/// A row with its server and stream.
pub(crate) struct Located<R> {
    pub(crate) server: ServerName,
    pub(crate) stream: StreamId,
    pub(crate) row: R,
}

/// The merged rows.
pub(crate) struct Merged<R> {
    /// The rows, newest first.
    pub(crate) rows: Vec<Located<R>>,
    /// The number of rows in all, as far as Postmark says.
    pub(crate) total: u64,
    /// Whether there may be more than `total`: Postmark counts to 10,000 per list.
    pub(crate) total_is_lower_bound: bool,
    /// One line for each server or stream that gave no answer.
    pub(crate) errors: Vec<String>,
}

/// A position in the list of one stream.
struct Cursor<R> {
    server: Arc<Target>,
    stream: StreamId,
    buffer: VecDeque<R>,
    seen_ids: HashSet<String>,
    offset: u32,
    total: u64,
    /// Whether there is no further page.
    ended: bool,
}

impl PostmarkQuery {
    /// Returns at most `limit` of the newest rows of all streams, or of `stream`. Asks for a page only when the merge cannot
    /// go on without it.
    pub(crate) async fn merge_newest<S: PagedQuery>(
        &self,
        search: S,
        stream: Option<&StreamId>,
        limit: u32,
    ) -> Merged<S::Row> {
        let search = Arc::new(search);
        let opened = self
            .query_all(|server| open_cursors(server, Arc::clone(&search), stream.cloned(), limit));
        let (mut cursors, mut errors) = flatten(opened.await);
        let mut rows = Vec::new();
        while rows.len() < limit as usize {
            let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
            for cursor in cursors.iter_mut().filter(|cursor| cursor.needs_page()) {
                if let Err(error) = cursor.fetch_page(&*search, left).await {
                    cursor.ended = true;
                    errors.push(cursor.server.error_line(&error));
                }
            }
            let Some(cursor) = cursors.iter_mut().max_by_key(|cursor| cursor.next_at()) else {
                break;
            };
            let Some(row) = cursor.buffer.pop_front() else {
                break;
            };
            rows.push(Located {
                server: cursor.server.name.clone(),
                stream: cursor.stream.clone(),
                row,
            });
        }
        let all_read = cursors
            .iter()
            .all(|cursor| cursor.is_at_end() && cursor.buffer.is_empty());
        Merged {
            total: match all_read {
                true => rows.len() as u64,
                false => cursors.iter().map(|cursor| cursor.total).sum(),
            },
            total_is_lower_bound: cursors.iter().any(|cursor| cursor.total >= CAP),
            rows,
            errors,
        }
    }
}

/// Opens a cursor with its first page for each stream of a server.
async fn open_cursors<S: PagedQuery>(
    server: Arc<Target>,
    search: Arc<S>,
    stream: Option<StreamId>,
    limit: u32,
) -> Result<StreamResults<Cursor<S::Row>>, LookupError> {
    let mut streams = StreamIter::new(&server, stream.as_ref()).await?;
    while let Some(stream) = streams.next() {
        let mut cursor = Cursor::new(Arc::clone(&server), stream);
        let filled = cursor.fetch_page(&*search, limit).await;
        streams.take(filled.map(|()| cursor))?;
    }
    Ok(streams.finish())
}

impl<R: Dated> Cursor<R> {
    fn new(server: Arc<Target>, stream: StreamId) -> Self {
        Self {
            server,
            stream,
            buffer: VecDeque::new(),
            seen_ids: HashSet::new(),
            offset: 0,
            total: 0,
            ended: false,
        }
    }

    fn needs_page(&self) -> bool {
        self.buffer.is_empty() && !self.ended
    }

    /// Whether every row of the list was read.
    fn is_at_end(&self) -> bool {
        u64::from(self.offset) >= self.total
    }

    fn next_at(&self) -> Option<Timestamp> {
        self.buffer.front().map(R::at)
    }

    /// Reads pages until a row is buffered, or there is none.
    async fn fetch_page<S: PagedQuery<Row = R>>(
        &mut self,
        search: &S,
        wanted: u32,
    ) -> Result<(), LookupError> {
        let cap = u32::try_from(CAP).unwrap_or(u32::MAX);
        while self.needs_page() {
            let count = wanted.min(PAGE).min(cap.saturating_sub(self.offset));
            if count == 0 {
                self.ended = true;
                break;
            }
            let api = self.server.api()?;
            let page = search.page(api, &self.stream, count, self.offset).await?;
            let read = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
            self.offset = self.offset.saturating_add(read);
            self.total = page.total;
            let before = self.seen_ids.len();
            let mut rows: Vec<R> = page.items;
            // The list grows at its start while it is read, so that a page may repeat rows of the one before.
            let window = search.window();
            rows.retain(|row| self.seen_ids.insert(row.id()) && window.holds(row.at()));
            rows.sort_by_key(|row| std::cmp::Reverse(row.at()));
            self.buffer.extend(rows);
            self.ended = self.is_at_end() || self.seen_ids.len() == before;
        }
        Ok(())
    }
}
