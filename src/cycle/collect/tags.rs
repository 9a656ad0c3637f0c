//! Counts the mail of the tags that are watched on their own, where the messages of their stream were counted.

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::collect::budget::{Budget, Stop};
use crate::cycle::collect::lister::Lister;
use crate::cycle::collect::windows::{Density, SECOND};
use crate::cycle::poll::server::Trouble;
use crate::detect;
use crate::detect::sample;
use crate::model::{CountedSpan, DAY, Span, StreamId, StreamKey, Tag, Timestamp, UNSETTLED};
use crate::postmark::{self, CAP};
use crate::store::{self, Database};

/// Requests that are left to the proof of delivery.
const PROOF: u64 = sample::HEALTHY as u64 + 1;

impl Context {
    /// Counts each watched tag of the streams that this poll counted, the largest first, as far as the budget goes: where a
    /// tag was not counted, nothing is known of it.
    pub(crate) async fn count_tags(
        &self,
        server: &ServerConfig,
        lister: &mut Lister<'_>,
        budget: &Budget<'_>,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        let counted = lister.read.iter();
        let counted: Vec<(StreamId, Span)> = counted
            .filter_map(|(stream, read)| Some((stream.clone(), read.span?)))
            .collect();
        for (stream, span) in counted {
            let key = StreamKey::new(&server.name, &stream);
            let day = Span::before(lister.now, DAY);
            let read = move |s: &mut Database| s.history_with_tags(&key, day, &[]);
            let history = self.store.call(read).await?;
            let settled = Span::new(span.from, (lister.now - UNSETTLED).floor(SECOND));
            for tag in detect::watched_tags(&history, lister.now) {
                let of = &history.tags[&tag];
                for hole in of.messages.holes(settled).into_iter().rev() {
                    if trouble.is_over() || budget.left() <= PROOF {
                        return Ok(());
                    }
                    match count_tag(lister, &stream, &tag, hole, budget).await {
                        Ok(()) => {}
                        Err(Stop::Store(error)) => return Err(error),
                        // It stays uncovered, which is no fault of the cycle.
                        Err(stop) => trouble.note_minor(&stop),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Counts one tag, in one request unless there are too many.
async fn count_tag(
    lister: &mut Lister<'_>,
    stream: &StreamId,
    tag: &Tag,
    hole: Span,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    let mut rest = Span::new(hole.from.floor(SECOND), hole.until.floor(SECOND));
    let mut density = Density::expected(0.0, rest, budget.left());
    // What can only be asked for as a whole would reach out of what is settled.
    let is_asked_for = |span: Span| {
        [span.from, span.until]
            .iter()
            .all(|at| postmark::whole(*at).is_none())
    };
    while !rest.is_empty() {
        let window = density.newest(rest);
        if budget.left() <= PROOF || !is_asked_for(window) {
            return Ok(());
        }
        let count = lister.api.count(stream, Some(tag), window).await?;
        if count.total >= CAP && window.length() > SECOND {
            density.overflowed(window, count.total);
            continue;
        }
        if count.total < CAP {
            let last = Timestamp(window.until.0 - 1);
            let counted = CountedSpan {
                span: window,
                sent: count.total,
                last_at: count.newest.map(|at| at.clamp(window.from, last)),
            };
            let (key, tag) = (StreamKey::new(lister.server, stream), tag.clone());
            let save =
                move |s: &mut Database| s.save_count(&key, Some(&tag), &counted, counted.span);
            lister.store.call(save).await?;
            density.saw(window, count.total);
        }
        rest.until = window.from;
    }
    Ok(())
}
