//! Lists one stream and kind over a span of time, page by page, and claims as covered what was read completely.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cycle::collect::budget::{Allowance, Stop};
use crate::cycle::collect::counter::Read;
use crate::cycle::collect::page::{Batch, Most, Page, cut, parts};
use crate::cycle::collect::pagination::Reading;
use crate::detect::sample;
use crate::model::{Kind, Mail, ServerName, Span, StreamId, StreamKey, Timestamp};
use crate::postmark::{self, CAP, PAGE, Server};
use crate::store::{self, SampleCandidate, Store};

/// Messages that a window is cut to, well below the cap: recent density is only a guess at that of the past.
const PER_WINDOW: f64 = 5_000.0;
/// Items of a window where not all of a span can be read, so that something of it is: four pages.
const PER_PART: f64 = 2_000.0;

/// Items that are stored at a time: more cost memory, and fewer write the same leaves of an index again and again.
const HELD: usize = 4 * PAGE as usize;

/// How a listing ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Listed {
    /// Everything was read.
    All,
    /// It has more pages than it may have; about so many items a second.
    TooMany {
        /// By the first page.
        per_second: f64,
    },
}

/// How a window was read.
enum End {
    /// To its end.
    Read,
    /// Not: it must be cut into these, the newest last.
    Cut(Vec<Span>),
    /// Not: it has more pages than it may, and so many items a second.
    TooMany(f64),
}

/// How far a window may reach.
#[derive(Clone, Copy)]
struct Reach {
    /// What it may take.
    most: Most,
    /// Items of the windows that it is cut into.
    per_window: f64,
}

/// Lists for one server.
pub(crate) struct Lister<'a> {
    pub store: &'a Store,
    pub api: &'a Server,
    pub server: &'a ServerName,
    /// The instant of the cycle.
    pub now: Timestamp,
    /// Instants that are judged, and none of which may lie within a count.
    pub instants: Vec<Timestamp>,
    /// Mail sent from here on may be drawn into the sample.
    pub draw_from: Timestamp,
    /// Postmark may have forgotten what is older than this: there, only what lies after a message that it still has was
    /// seen, and emptiness before it says nothing.
    pub sure_from: Timestamp,
    /// Windows that were empty and older than that, in a listing that has not met an older message yet.
    pub unsure: Vec<Span>,
    /// What was counted and is to be listed; reopened with the first page that is stored.
    pub recount: Option<Span>,
    /// The lowest ranks of new mail by stream.
    pub candidates: BTreeMap<StreamId, BTreeMap<u64, SampleCandidate>>,
    /// What was read of the messages of each stream.
    pub read: BTreeMap<StreamId, Read>,
    /// What is to be said of the counts, a line each.
    pub notes: Vec<String>,
}

impl Lister<'_> {
    /// Lists `span`, newest windows first, each claimed as covered when it was read to its end, as far as that was sure to
    /// be seen; reads one page and no more where it takes more than `most`.
    pub(crate) async fn list(
        &mut self,
        stream: &StreamId,
        kind: Kind,
        span: Span,
        most: Most,
        allowance: Allowance,
    ) -> Result<Listed, Stop> {
        self.unsure.clear();
        let reach = Reach {
            most,
            per_window: PER_WINDOW,
        };
        match self.window(stream, kind, span, reach, allowance).await? {
            End::Read => Ok(Listed::All),
            End::TooMany(per_second) => Ok(Listed::TooMany { per_second }),
            End::Cut(windows) => {
                self.reopen(stream, kind, span).await?;
                self.windows(stream, kind, windows, PER_WINDOW, allowance)
                    .await?;
                Ok(Listed::All)
            }
        }
    }

    /// Lists as much of `span` as may be read, in small windows, newest first: what was read of it is whole.
    pub(crate) async fn list_newest(
        &mut self,
        stream: &StreamId,
        kind: Kind,
        span: Span,
        per_second: f64,
        allowance: Allowance,
    ) -> Result<(), Stop> {
        self.unsure.clear();
        let windows = parts(
            span,
            Duration::from_secs_f64(PER_PART / per_second.max(1e-6)),
        );
        self.reopen(stream, kind, span).await?;
        self.windows(stream, kind, windows, PER_PART, allowance)
            .await
    }

    /// Before a span is read in parts: what is not read anew must not be taken for settled.
    pub(crate) async fn reopen(
        &self,
        stream: &StreamId,
        kind: Kind,
        span: Span,
    ) -> Result<(), store::Error> {
        let key = StreamKey::new(self.server, stream);
        self.store
            .call(move |s| s.forget_coverage(&key, kind, span))
            .await
    }

    async fn windows(
        &mut self,
        stream: &StreamId,
        kind: Kind,
        mut windows: Vec<Span>,
        per_window: f64,
        allowance: Allowance,
    ) -> Result<(), Stop> {
        let reach = Reach {
            most: Most::All,
            per_window,
        };
        while let Some(window) = windows.pop() {
            let end = self.window(stream, kind, window, reach, allowance).await?;
            if let End::Cut(cut) = end {
                windows.extend(cut);
            }
        }
        Ok(())
    }

    /// Reads one window to its end, unless it must be cut, or has more pages than it may.
    async fn window(
        &mut self,
        stream: &StreamId,
        kind: Kind,
        window: Span,
        reach: Reach,
        allowance: Allowance,
    ) -> Result<End, Stop> {
        let mut held = Batch::none(kind);
        let end = self
            .read_window(stream, kind, window, (reach, allowance), &mut held)
            .await;
        // Of a window that broke off nothing is claimed, and what was seen is kept all the same.
        if held.len() > 0 {
            let kept = self.save(stream, held, None).await;
            return end.and_then(|end| Ok(kept.map(|()| end)?));
        }
        end
    }

    async fn read_window(
        &mut self,
        stream: &StreamId,
        kind: Kind,
        window: Span,
        (reach, allowance): (Reach, Allowance),
        held: &mut Batch,
    ) -> Result<End, Stop> {
        let mut reading = Reading::new(format!("{} of {}/{stream}", kind.name(), self.server));
        loop {
            allowance.take(self.api, &reading.what)?;
            let offset = u32::try_from(reading.read).unwrap_or(u32::MAX);
            let mut page = self.page(stream, kind, window, offset).await?;
            if reading.read == 0 && page.exceeds(window, reach.most) {
                return Ok(End::TooMany(page.per_second(window)));
            }
            if reading.read == 0 && page.total >= CAP {
                let cut = cut(window, &page, reach.per_window);
                held.append(page.batch);
                let what = reading.what;
                return cut
                    .map(End::Cut)
                    .ok_or_else(|| Stop::Drift(format!("{what}: more than {CAP} in one second")));
            }
            let done = reading.turn(&mut page)?;
            held.append(page.batch);
            if done {
                let seen = self.seen(stream, kind, window, reading.oldest).await?;
                self.save_seen(stream, held.take(), seen).await?;
                return Ok(End::Read);
            }
            if held.len() >= HELD {
                self.save(stream, held.take(), None).await?;
            }
        }
    }

    /// Stores the rest of a window that was read to its end, and claims what was seen by it.
    async fn save_seen(
        &mut self,
        stream: &StreamId,
        batch: Batch,
        seen: Vec<Span>,
    ) -> Result<(), store::Error> {
        let kind = batch.kind();
        self.save(stream, batch, seen.first().copied()).await?;
        for span in seen.into_iter().skip(1) {
            self.save(stream, Batch::none(kind), Some(span)).await?;
        }
        Ok(())
    }

    /// What was seen by a window that was read to its end, and whose oldest item is `oldest`.
    async fn seen(
        &mut self,
        stream: &StreamId,
        kind: Kind,
        window: Span,
        oldest: Option<Timestamp>,
    ) -> Result<Vec<Span>, store::Error> {
        if window.from >= self.sure_from {
            return Ok(vec![window]);
        }
        let sure = Span::new(self.sure_from.max(window.from), window.until);
        let old = Span::new(window.from, self.sure_from.min(window.until));
        let mut seen = Vec::new();
        match (kind, oldest) {
            // Bounces are kept as long as messages are, and too rare to tell for themselves.
            (Kind::Bounces, _) => {
                let key = StreamKey::new(self.server, stream);
                let messages = move |s: &mut store::Database| s.coverage(&key, Kind::Messages);
                seen.extend(self.store.call(messages).await?.parts(old));
            }
            (Kind::Messages, Some(oldest)) => {
                seen.push(Span::new(oldest.max(old.from), old.until));
                seen.append(&mut self.unsure);
                self.unsure.push(Span::new(old.from, oldest.min(old.until)));
            }
            (Kind::Messages, None) => self.unsure.push(old),
        }
        seen.push(sure);
        seen.retain(|span| !span.is_empty());
        Ok(seen)
    }

    async fn page(
        &self,
        stream: &StreamId,
        kind: Kind,
        window: Span,
        offset: u32,
    ) -> Result<Page, postmark::Error> {
        Ok(match kind {
            Kind::Messages => {
                let page = self.api.messages(stream, window, offset).await?;
                Page {
                    ids: page.items.iter().map(|m| m.id.clone()).collect(),
                    oldest: page.items.iter().map(|m| m.sent_at).min(),
                    total: page.total,
                    batch: Batch::Messages(page.items),
                }
            }
            Kind::Bounces => {
                let page = self.api.bounces(stream, window, offset).await?;
                Page {
                    ids: page.items.iter().map(|b| b.id.to_string()).collect(),
                    oldest: page.items.iter().map(|b| b.at).min(),
                    total: page.total,
                    batch: Batch::Bounces(page.items),
                }
            }
        })
    }

    async fn save(
        &mut self,
        stream: &StreamId,
        batch: Batch,
        covered: Option<Span>,
    ) -> Result<(), store::Error> {
        let key = StreamKey::new(self.server, stream);
        match batch {
            Batch::Messages(mut mails) => {
                mails.retain(|mail| !mail.is_bounce_test());
                let recount = self.recount.take();
                let (mails, counted) = self
                    .store
                    .call(move |s| {
                        if let Some(span) = recount {
                            s.forget_coverage(&key, Kind::Messages, span)?;
                        }
                        let counted = s.save_messages(&key, &mails, covered)?;
                        Ok((mails, counted))
                    })
                    .await?;
                let read = self.read.entry(stream.clone()).or_default();
                read.listed += counted.new.len() as u64;
                for index in counted.new {
                    self.consider(stream, &mails[index]);
                }
            }
            Batch::Bounces(mut bounces) => {
                bounces.retain(|bounce| !bounce.is_bounce_test());
                self.store
                    .call(move |s| s.save_bounces(&key, &bounces, covered))
                    .await?;
            }
        }
        Ok(())
    }

    /// Keeps a new message in mind for the sample, if its rank is among the lowest.
    pub(crate) fn consider(&mut self, stream: &StreamId, mail: &Mail) {
        if mail.sent_at < self.draw_from {
            return;
        }
        let lowest = self.candidates.entry(stream.clone()).or_default();
        let draw = SampleCandidate {
            id: mail.id.clone(),
            sent_at: mail.sent_at,
            tag: mail.tag.clone(),
            recipient: mail.recipients.first().cloned().unwrap_or_default(),
        };
        lowest.insert(sample::rank(&self.server.0, &stream.0, &mail.id), draw);
        if lowest.len() > sample::CANDIDATES {
            lowest.pop_last();
        }
    }
}
