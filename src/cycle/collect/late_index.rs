//! What Postmark listed late: where its index lags by more than the end of each poll that is read again, the hours before are, too.
//!
//! Nothing documents how far the index may lag. Usually a message is listed at once; in incidents of Postmark it came tens of
//! minutes late. What the last poll should have seen long before it ended, and did not, shows that, for no request more.

use std::time::Duration;

use crate::cycle::collect::backlog::StreamBacklog;
use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::lister::{ListOutcome, Lister};
use crate::cycle::collect::page::PageLimit;
use crate::cycle::collect::reader::{OVERLAP, ServerReader, StreamRead};
use crate::model::{HOUR, Kind, MINUTE, Span, Timestamp};

/// What was sent so long before a poll is listed by then, unless the index lags by more than it does on any day.
const USUAL_LAG: Duration = MINUTE.saturating_mul(10);
/// How far back is read again: as far as it takes few pages.
const DEPTHS: [Duration; 3] = [
    HOUR.saturating_mul(6),
    HOUR.saturating_mul(2),
    MINUTE.saturating_mul(45),
];
/// The maximum number of pages that are read again.
const MAX_PAGES: u64 = 4;

/// Reads the hours before what was read again of a stream, since `since` at most, if that shows that Postmark's index lags. Leaves
/// `reserved` requests.
pub(super) async fn read_what_was_listed_late(
    reader: &mut ServerReader<'_>,
    backlog: &StreamBacklog,
    (since, retained_since): (Timestamp, Timestamp),
    reserved: u64,
) -> Result<(), ReadError> {
    let stream = &backlog.stream;
    let stats = reader.stats.get(stream).cloned().unwrap_or_default();
    let Some(until) = late_before(backlog, stats.oldest_listed) else {
        return Ok(());
    };
    for depth in DEPTHS {
        let span = Span::new((until - depth).max(since), until);
        if span.is_empty() || reader.budget.left() < reserved + 2 * MAX_PAGES {
            return Ok(());
        }
        let read = StreamRead {
            stream,
            retained_since,
            quota: reader.budget.quota(2 * MAX_PAGES),
        };
        let lister = Lister::new(reader, read, Kind::Messages);
        if lister.list(span, PageLimit::Exactly(MAX_PAGES)).await? == ListOutcome::Complete {
            let listed = reader.stats.get(stream).map_or(0, |stats| stats.listed);
            reader.log_lines.push(format!(
                "{stream}: Postmark listed messages more than {} minutes late, {} more of them from before {until}",
                USUAL_LAG.as_secs() / 60,
                listed - stats.listed,
            ));
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the beginning of what was read again, where a message of it was new that was sent well before the last poll.
fn late_before(backlog: &StreamBacklog, oldest_listed: Option<Timestamp>) -> Option<Timestamp> {
    let begin = backlog.covered_until - OVERLAP;
    // Where a hole or the time before any poll was read with it, what is new there says nothing.
    let is_read_again = backlog
        .messages
        .last()
        .is_some_and(|span| span.from == begin);
    let late = Span::new(begin, backlog.covered_until - USUAL_LAG);
    let is_late = oldest_listed.is_some_and(|oldest| late.contains(oldest));
    (is_read_again && is_late).then_some(begin)
}
