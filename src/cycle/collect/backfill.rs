//! History from before the first start, newest first and stored as it is read. What is left, the next polls read.

use tokio::time::Instant;

use crate::cycle::collect::counter::Counter;
use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::lister::{ListOutcome, Lister};
use crate::cycle::collect::page::PageLimit;
use crate::cycle::collect::reader::{ServerReader, StreamRead};
use crate::cycle::collect::windows::RateEstimate;
use crate::model::{DAY, Kind, Span, StreamId, Timestamp};
use crate::progress::Progress;
use crate::store;

/// Days of history that are read between two updates of the progress bar.
const STEP_DAYS: u32 = 7;
/// Pages of messages up to which a step is listed in any case: 100,000 messages. They hold everything that the rules learn from,
/// and counts do not.
const CHEAP_PAGES: u64 = 200;

/// Reads what is missing of `history` of every stream until `deadline`, outside the budget of requests.
pub(crate) async fn backfill_streams(
    reader: &mut ServerReader<'_>,
    streams: &[StreamId],
    history: Span,
    deadline: Instant,
) -> Result<(), store::Error> {
    let requests_before = reader.api.requests();
    let quota = reader.budget.pause_metering(deadline);
    for stream in streams {
        if reader.errors.should_stop() {
            break;
        }
        let read = StreamRead {
            stream,
            // History begins with the oldest message that Postmark has, however old that is.
            retained_since: Timestamp::MIN,
            quota,
        };
        let result = backfill_stream(reader, read, history).await;
        reader.errors.record_backfill(result)?;
    }
    reader.budget.resume_metering(requests_before);
    Ok(())
}

/// Reads what is missing of one stream, until its quota ends or something fails.
async fn backfill_stream(
    reader: &mut ServerReader<'_>,
    read: StreamRead<'_>,
    history: Span,
) -> Result<(), ReadError> {
    for kind in Kind::ALL {
        let coverage = reader.coverage(read.stream, kind).await?;
        for span in coverage.holes(history).into_iter().rev() {
            let steps = split_for_progress(span);
            let (server, stream, kind_name) = (reader.server, read.stream, kind.name());
            let label = format!("history of {server}/{stream} ({kind_name})");
            let progress = (steps.len() > 1).then(|| Progress::new(label, span.length().as_secs()));
            for step in steps {
                read_step(reader, read, kind, step).await?;
                if let Some(progress) = &progress {
                    progress.advance(step.length().as_secs());
                }
            }
        }
    }
    Ok(())
}

/// Lists one step or, where it holds more than [`CHEAP_PAGES`] and more than a page an hour, counts its messages: every hour takes
/// one count.
async fn read_step(
    reader: &mut ServerReader<'_>,
    read: StreamRead<'_>,
    kind: Kind,
    step: Span,
) -> Result<(), ReadError> {
    let hours = step.length().as_secs() / 3600;
    let max_pages = match kind {
        // Twice: a step of more than one listing is assumed to take twice its pages.
        Kind::Messages => PageLimit::About(2 * hours.max(CHEAP_PAGES)),
        Kind::Bounces => PageLimit::Unlimited,
    };
    let lister = Lister::new(reader, read, kind);
    if let ListOutcome::TooMany { per_second } = lister.list(step, max_pages).await? {
        let rate = RateEstimate::new(per_second, step, u64::MAX);
        Counter::new(reader, read).count(step, rate, 0).await?;
    }
    Ok(())
}

/// Splits a long span into steps, newest first, where somebody can see the progress bar. Elsewhere it stays whole: a quiet
/// stream is read by one request, and steps would take several.
fn split_for_progress(span: Span) -> Vec<Span> {
    if !Progress::is_visible() || span.length() <= STEP_DAYS * DAY {
        return vec![span];
    }
    let mut steps = Vec::new();
    let mut until = span.until;
    while until > span.from {
        let from = (until - STEP_DAYS * DAY).max(span.from);
        steps.push(Span::new(from, until));
        until = from;
    }
    steps
}
