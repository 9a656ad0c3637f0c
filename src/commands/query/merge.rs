//! The newest rows of many lists, merged; a page is asked for only when the merge cannot go on without it.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

use crate::commands::query::error::Trouble;
use crate::commands::query::streams::{Read, Round, merged};
use crate::commands::query::{Asked, Lookup};
use crate::model::{ServerName, StreamId, Timestamp};
use crate::postmark::{self, CAP, PAGE, Page, Server, Window};

/// A search that each stream answers in pages, newest first.
pub(crate) trait Search: Send + Sync + 'static {
    /// What is found.
    type Row: Row;

    /// `count` rows, skipping the newest `offset`.
    fn page(
        &self,
        api: &Server,
        stream: &StreamId,
        count: u32,
        offset: u32,
    ) -> impl Future<Output = Result<Page<Self::Row>, postmark::Error>> + Send;

    /// What of the answers was meant: Postmark's bounds are wider.
    fn window(&self) -> Window;
}

/// What can be merged by when it happened.
pub(crate) trait Row: Send + 'static {
    /// When it happened.
    fn at(&self) -> Timestamp;
    /// What tells it from every other of its stream.
    fn id(&self) -> String;
}

/// A row with its place.
pub(crate) struct Placed<R> {
    pub(crate) server: ServerName,
    pub(crate) stream: StreamId,
    pub(crate) row: R,
}

/// What was found.
pub(crate) struct Newest<R> {
    /// Newest first.
    pub(crate) rows: Vec<Placed<R>>,
    /// How many there are in all, as far as Postmark tells.
    pub(crate) total: u64,
    /// Whether a list holds more than Postmark tells of.
    pub(crate) at_least: bool,
    /// What could not be asked, a line each.
    pub(crate) errors: Vec<String>,
}

/// One list, as far as it was read.
struct Tap<R> {
    server: Arc<Asked>,
    stream: StreamId,
    waiting: VecDeque<R>,
    seen: HashSet<String>,
    offset: u32,
    total: u64,
    /// Whether there is no further page.
    ended: bool,
}

impl Lookup {
    /// At most `limit` rows of all streams, or of `stream`.
    pub(crate) async fn newest<S: Search>(
        &self,
        search: S,
        stream: Option<&StreamId>,
        limit: u32,
    ) -> Newest<S::Row> {
        let search = Arc::new(search);
        let opened =
            self.each(|server| opened(server, Arc::clone(&search), stream.cloned(), limit));
        let (mut taps, mut errors) = merged(opened.await);
        let mut rows = Vec::new();
        while rows.len() < limit as usize {
            let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
            for tap in taps.iter_mut().filter(|tap| tap.is_dry()) {
                if let Err(trouble) = tap.refill(&*search, left).await {
                    tap.ended = true;
                    errors.push(tap.server.line(&trouble));
                }
            }
            let Some(tap) = taps.iter_mut().max_by_key(|tap| tap.newest()) else {
                break;
            };
            let Some(row) = tap.waiting.pop_front() else {
                break;
            };
            rows.push(Placed {
                server: tap.server.name.clone(),
                stream: tap.stream.clone(),
                row,
            });
        }
        let all_read = taps
            .iter()
            .all(|tap| tap.is_at_end() && tap.waiting.is_empty());
        Newest {
            total: match all_read {
                true => rows.len() as u64,
                false => taps.iter().map(|tap| tap.total).sum(),
            },
            at_least: taps.iter().any(|tap| tap.total >= CAP),
            rows,
            errors,
        }
    }
}

/// The lists of one server, each with its first page.
async fn opened<S: Search>(
    server: Arc<Asked>,
    search: Arc<S>,
    stream: Option<StreamId>,
    limit: u32,
) -> Result<Read<Tap<S::Row>>, Trouble> {
    let mut round = Round::new(&server, stream.as_ref()).await?;
    while let Some(stream) = round.next() {
        let mut tap = Tap::new(Arc::clone(&server), stream);
        let filled = tap.refill(&*search, limit).await;
        round.take(filled.map(|()| tap))?;
    }
    Ok(round.end())
}

impl<R: Row> Tap<R> {
    fn new(server: Arc<Asked>, stream: StreamId) -> Self {
        Self {
            server,
            stream,
            waiting: VecDeque::new(),
            seen: HashSet::new(),
            offset: 0,
            total: 0,
            ended: false,
        }
    }

    fn is_dry(&self) -> bool {
        self.waiting.is_empty() && !self.ended
    }

    /// Whether all that there is was read.
    fn is_at_end(&self) -> bool {
        u64::from(self.offset) >= self.total
    }

    fn newest(&self) -> Option<Timestamp> {
        self.waiting.front().map(R::at)
    }

    /// Reads on until a row is waiting, or there is none.
    async fn refill<S: Search<Row = R>>(&mut self, search: &S, wanted: u32) -> Result<(), Trouble> {
        let cap = u32::try_from(CAP).unwrap_or(u32::MAX);
        while self.is_dry() {
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
            let before = self.seen.len();
            let mut rows: Vec<R> = page.items;
            // While it is read the list grows at its beginning, and a page repeats rows of the one before.
            let window = search.window();
            rows.retain(|row| self.seen.insert(row.id()) && window.holds(row.at()));
            rows.sort_by_key(|row| std::cmp::Reverse(row.at()));
            self.waiting.extend(rows);
            self.ended = self.is_at_end() || self.seen.len() == before;
        }
        Ok(())
    }
}
