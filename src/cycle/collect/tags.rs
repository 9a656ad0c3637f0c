//! Counts the messages of the tags that are watched on their own, where the messages of their stream were counted.

use crate::cycle::collect::budget::RESERVED_FOR_SAMPLE;
use crate::cycle::collect::counter::to_counted_span;
use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::reader::ServerReader;
use crate::cycle::collect::windows::{RateEstimate, SECOND};
use crate::detect;
use crate::model::{DAY, Span, StreamId, StreamKey, Tag, UNSETTLED};
use crate::postmark::{self, MAX_RESULTS};
use crate::store::{self, Database};

/// Counts each watched tag of the streams that this poll counted, the largest tag first, as far as the budget goes. Of a tag
/// that is not counted nothing is known.
pub(crate) async fn count_tags(reader: &mut ServerReader<'_>) -> Result<(), store::Error> {
    let counted = reader.stats.iter();
    let counted: Vec<(StreamId, Span)> = counted
        .filter_map(|(stream, stats)| Some((stream.clone(), stats.span?)))
        .collect();
    for (stream, span) in counted {
        let day = Span::before(reader.now, DAY);
        let history = reader.call(&stream, move |s, key| s.history_with_tags(key, day, &[]));
        let history = history.await?;
        let settled = Span::new(span.from, (reader.now - UNSETTLED).floor(SECOND));
        for tag in detect::watched_tags(&history, reader.now) {
            let counted = &history.tags[&tag].messages;
            for hole in counted.holes(settled).into_iter().rev() {
                if reader.errors.should_stop() || reader.budget.left() <= RESERVED_FOR_SAMPLE {
                    return Ok(());
                }
                // An uncounted tag leaves the poll complete.
                let result = count_tag(reader, &stream, &tag, hole).await;
                reader.errors.record_warning(result)?;
            }
        }
    }
    Ok(())
}

/// Counts one tag over a span, newest window first: in one request, unless there are too many.
async fn count_tag(
    reader: &ServerReader<'_>,
    stream: &StreamId,
    tag: &Tag,
    span: Span,
) -> Result<(), ReadError> {
    let mut rest = Span::new(span.from.floor(SECOND), span.until.floor(SECOND));
    let mut rate = RateEstimate::new(0.0, rest, reader.budget.left());
    // A span that Postmark can only count as a whole would reach out of what is settled.
    let is_countable = |span: Span| {
        [span.from, span.until]
            .iter()
            .all(|at| postmark::whole(*at).is_none())
    };
    while !rest.is_empty() {
        let window = rate.next_window(rest);
        if reader.budget.left() <= RESERVED_FOR_SAMPLE || !is_countable(window) {
            return Ok(());
        }
        let count = reader.api.count(stream, Some(tag), window).await?;
        if count.total >= MAX_RESULTS && window.length() > SECOND {
            rate.observe_overflow(window, count.total);
            continue;
        }
        if count.total < MAX_RESULTS {
            let (tag, counted) = (tag.clone(), to_counted_span(window, &count));
            let save = move |s: &mut Database, key: &StreamKey| {
                s.save_count(key, Some(&tag), &counted, window)
            };
            reader.call(stream, save).await?;
            rate.observe(window, count.total);
        }
        rest.until = window.from;
    }
    Ok(())
}
