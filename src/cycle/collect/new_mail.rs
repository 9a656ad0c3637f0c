//! What is new: messages and bounces since the first start that were not covered yet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::collect::backlog::Need;
use crate::cycle::collect::budget::{Budget, Stop, share};
use crate::cycle::collect::lister::{Listed, Lister};
use crate::cycle::collect::page::Most;
use crate::cycle::collect::windows::Density;
use crate::cycle::poll::server::{OVERLAP, Trouble};
use crate::detect::sample;
use crate::model::{Coverage, HOUR, Kind, Span, StreamId, StreamKey, Timestamp};
use crate::postmark::Server;
use crate::store::{self, Database, ServerState};

/// Postmark keeps messages for so long at least, by plan.
const SHORTEST_RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// What Postmark's bounds are told in.
const SECOND: Duration = Duration::from_secs(1);
/// Requests that listing leaves for the proof of delivery of what it lists.
const PROOF: u64 = sample::HEALTHY as u64 + 1;
/// Pages that cost no more than counts would.
const FEW: u64 = 4;

impl Context {
    /// Reads what is new of every stream: messages first, then bounces.
    pub(crate) async fn read_new(
        &self,
        server: &ServerConfig,
        lister: &mut Lister<'_>,
        streams: &[StreamId],
        before: &ServerState,
        budget: &Budget<'_>,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        let since = before
            .first_start_at
            .max(lister.now - self.config.store.keep);
        let mut needs = Vec::new();
        for stream in streams {
            needs.push(self.need(lister, stream, since).await?);
        }
        let mut sure: BTreeMap<StreamId, Timestamp> = BTreeMap::new();
        for kind in Kind::ALL {
            for (place, need) in needs.iter().enumerate() {
                if trouble.is_over() {
                    break;
                }
                let known = sure.get(&need.stream).copied();
                let read = async {
                    lister.sure_from = match known {
                        Some(known) => known,
                        None => self.sure_from(server, lister.api, need, lister.now).await?,
                    };
                    sure.insert(need.stream.clone(), lister.sure_from);
                    match kind {
                        Kind::Messages => read_messages(lister, &needs, place, budget).await,
                        Kind::Bounces => read_bounces(lister, &needs, place, budget).await,
                    }
                };
                match read.await {
                    Ok(()) => {}
                    Err(Stop::Store(error)) => return Err(error),
                    Err(stop) => trouble.note(&stop),
                }
            }
        }
        Ok(())
    }

    /// What is missing of a stream since `since`, and how much that may be.
    async fn need(
        &self,
        lister: &Lister<'_>,
        stream: &StreamId,
        since: Timestamp,
    ) -> Result<Need, store::Error> {
        let (key, now) = (StreamKey::new(lister.server, stream), lister.now);
        let read = move |s: &mut Database| {
            let messages = s.coverage(&key, Kind::Messages)?;
            let bounces = s.coverage(&key, Kind::Bounces)?;
            let known = Need::known_before(messages.end().unwrap_or(now));
            let volume = s.volume(&key, known.from)?;
            let (messages, bounces) = (
                new_spans(&messages, since, now),
                new_spans(&bounces, since, now),
            );
            Ok(Need::of(
                key.stream().clone(),
                messages,
                bounces,
                volume,
                known,
            ))
        };
        self.store.call(read).await
    }

    /// From when on Postmark is sure to have all there was: an empty answer about older time may mean that it forgot, unless
    /// it still has the last message from before.
    async fn sure_from(
        &self,
        server: &ServerConfig,
        api: &Server,
        need: &Need,
        now: Timestamp,
    ) -> Result<Timestamp, Stop> {
        let sure = now - SHORTEST_RETENTION;
        let first = need
            .messages
            .first()
            .into_iter()
            .chain(need.bounces.first());
        let Some(from) = first.map(|s| s.from).min().filter(|from| *from < sure) else {
            return Ok(sure);
        };
        let key = StreamKey::new(&server.name, &need.stream);
        let history = move |s: &mut Database| s.history(&key, Span::before(from, HOUR), &[from]);
        let Some(last) = self.store.call(history).await?.last_sent(from) else {
            return Ok(sure);
        };
        let second = last.floor(SECOND);
        let page = api
            .messages(&need.stream, Span::new(second, second + SECOND), 0)
            .await?;
        Ok(if page.total > 0 { Timestamp::MIN } else { sure })
    }
}

/// Lists the new messages of one stream or, where its share of the budget is too small for that, counts them.
async fn read_messages(
    lister: &mut Lister<'_>,
    needs: &[Need],
    place: usize,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    let need = &needs[place];
    for span in need.messages.iter().rev() {
        let left = budget.left();
        let bounces: u64 = needs.iter().map(Need::bounce_pages).sum();
        let bounces = bounces.min((left / 2).max(needs.len() as u64));
        let others: u64 = needs[place + 1..].iter().map(Need::message_requests).sum();
        let mine = share(
            left.saturating_sub(bounces),
            need.message_requests(),
            others,
        );
        let allowance = budget.allowance(mine);
        let (span, is_counted) = lister.aligned(&need.stream, *span).await?;
        let pages = mine.saturating_sub(PROOF).max(mine.min(FEW));
        let mut rest = Some((span, pages, need.messages_a_second));
        if need.pages(span) > pages {
            let density = Density::expected(need.messages_a_second, span, mine);
            let counted = lister
                .count(&need.stream, span, density, pages, allowance)
                .await?;
            rest = counted.map(|older| (older, pages, need.messages_a_second));
        }
        let Some((span, pages, usual)) = rest else {
            continue;
        };
        lister.recount = is_counted.then_some(span);
        let listed = lister.list(
            &need.stream,
            Kind::Messages,
            span,
            Most::Pages(pages),
            allowance,
        );
        if let Listed::TooMany { per_second } = listed.await? {
            lister.recount = None;
            let density = Density::expected(per_second.max(usual), span, mine);
            lister
                .count(&need.stream, span, density, 0, allowance)
                .await?;
        }
    }
    Ok(())
}

/// Lists the new bounces of one stream: all, or the newest.
async fn read_bounces(
    lister: &mut Lister<'_>,
    needs: &[Need],
    place: usize,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    let (need, kind) = (&needs[place], Kind::Bounces);
    for span in need.bounces.iter().rev() {
        let others: u64 = needs[place + 1..].iter().map(Need::bounce_pages).sum();
        let mine = share(budget.left(), need.bounce_pages(), others);
        let allowance = budget.allowance(mine);
        let listed = lister.list(&need.stream, kind, *span, Most::Pages(mine), allowance);
        if let Listed::TooMany { per_second } = listed.await? {
            lister
                .list_newest(&need.stream, kind, *span, per_second, allowance)
                .await?;
        }
    }
    Ok(())
}

/// What is to be read of the time from `since` on: what was not covered, and the end of what was.
fn new_spans(coverage: &Coverage, since: Timestamp, now: Timestamp) -> Vec<Span> {
    let since = Span::new(since, now);
    let mut wanted = Coverage::of(coverage.holes(since));
    if let Some(end) = coverage.end().filter(|end| *end < now) {
        wanted.insert(Span::new(end - OVERLAP, now));
    }
    wanted.spans().to_vec()
}
