//! New mail: messages and bounces since the first start that are not covered yet.

use std::time::Duration;

use crate::cycle::collect::backlog::StreamBacklog;
use crate::cycle::collect::budget::{RESERVED_FOR_SAMPLE, proportional_share};
use crate::cycle::collect::counter::{CountOutcome, Counter, expand_to_counted_spans};
use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::late_index::read_what_was_listed_late;
use crate::cycle::collect::lister::{ListOutcome, Lister};
use crate::cycle::collect::page::PageLimit;
use crate::cycle::collect::reader::{OVERLAP, ServerReader, StreamRead};
use crate::cycle::collect::windows::{RateEstimate, SECOND};
use crate::model::{Coverage, HOUR, Kind, Span, StreamId, StreamKey, Timestamp};
use crate::postmark::ErrorKind;
use crate::store::{self, Database};

/// The shortest time that Postmark keeps messages, by its plans.
const MIN_RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// Pages that are listed even if nothing is left for the sample then: they cost no more than counts would.
const CHEAP_PAGES: u64 = 4;

/// Postmark's error code for a stream that it does not know.
const UNKNOWN_STREAM: i64 = 1226;

/// Reads what is new since `since` of every stream: messages first, then bounces. Returns the streams that are to be read again
/// once their list was fetched: all where no answer came or it does not fit the clock, else those that Postmark does not know. None
/// where the list was fetched in this poll.
pub(crate) async fn read_new_mail(
    reader: &mut ServerReader<'_>,
    streams: &[StreamId],
    since: Timestamp,
) -> Result<Vec<StreamId>, store::Error> {
    let mut backlogs = Vec::new();
    for stream in streams {
        backlogs.push(estimate_backlog(reader, stream, since).await?);
    }
    let mut retained: Vec<Option<Timestamp>> = vec![None; backlogs.len()];
    let mut unknown = Vec::new();
    for kind in Kind::ALL {
        for (index, retained_since) in retained.iter_mut().enumerate() {
            if reader.errors.should_stop() {
                return Ok(unknown);
            }
            if unknown.contains(&streams[index]) {
                continue;
            }
            let read = read_stream(reader, kind, &backlogs, index, retained_since).await;
            let retained = retained_since.filter(|_| read.is_ok() && kind == Kind::Messages);
            match read {
                Err(ReadError::Store(error)) => return Err(error),
                Err(_) if reader.is_unconfirmed() => return Ok(streams.to_vec()),
                Err(error) if !reader.has_fetched_list() && is_unknown_stream(&error) => {
                    unknown.push(streams[index].clone());
                }
                result => {
                    let is_of_bounces = result.is_err() && kind == Kind::Bounces;
                    reader.errors.record(result)?;
                    reader.errors.unread_bounces += usize::from(is_of_bounces);
                }
            }
            if let Some(retained) = retained {
                let bounces = backlogs.iter().map(StreamBacklog::bounce_pages).sum();
                let spans = (since, retained);
                let read = read_what_was_listed_late(reader, &backlogs[index], spans, bounces);
                let read = read.await;
                reader.errors.record_warning(read)?;
            }
        }
    }
    // All was known already: it is not known yet whether anybody answers.
    Ok(match reader.is_unconfirmed() {
        true => streams.to_vec(),
        false => unknown,
    })
}

const fn is_unknown_stream(error: &ReadError) -> bool {
    let ReadError::Postmark(error) = error else {
        return false;
    };
    matches!(
        error.kind(),
        ErrorKind::Refused {
            code: Some(UNKNOWN_STREAM),
            ..
        }
    )
}

/// Returns what is unread of a stream since `since`, and how much that may be.
async fn estimate_backlog(
    reader: &ServerReader<'_>,
    stream: &StreamId,
    since: Timestamp,
) -> Result<StreamBacklog, store::Error> {
    let now = reader.now;
    let load = move |s: &mut Database, key: &StreamKey| {
        let messages = s.coverage(key, Kind::Messages)?;
        let bounces = s.coverage(key, Kind::Bounces)?;
        let reference = StreamBacklog::reference_hours(messages.end().unwrap_or(now));
        let volume = s.volume(key, reference.from)?;
        let messages = unread_spans(&messages, since, now);
        let bounces = unread_spans(&bounces, since, now);
        Ok(StreamBacklog::from_volume(
            key.stream().clone(),
            messages,
            bounces,
            volume,
            reference,
        ))
    };
    reader.call(stream, load).await
}

/// Returns what is to be read of the time since `since`: what is not covered, and once more the end of what is.
fn unread_spans(coverage: &Coverage, since: Timestamp, now: Timestamp) -> Vec<Span> {
    let mut unread = Coverage::from_spans(coverage.holes(Span::new(since, now)));
    if let Some(end) = coverage.end().filter(|end| *end < now) {
        unread.insert(Span::new(end - OVERLAP, now));
    }
    unread.spans().to_vec()
}

/// Reads what is unread of one kind of the stream at `index`, newest span first. `known` keeps since when Postmark retains its
/// mail, once that was asked.
async fn read_stream(
    reader: &mut ServerReader<'_>,
    kind: Kind,
    backlogs: &[StreamBacklog],
    index: usize,
    known: &mut Option<Timestamp>,
) -> Result<(), ReadError> {
    let backlog = &backlogs[index];
    let retained_since = match *known {
        Some(known) => known,
        None => retained_since(reader, backlog).await?,
    };
    *known = Some(retained_since);
    let (spans, need): (_, fn(&StreamBacklog) -> u64) = match kind {
        Kind::Messages => (&backlog.messages, StreamBacklog::message_requests),
        Kind::Bounces => (&backlog.bounces, StreamBacklog::bounce_pages),
    };
    for span in spans.iter().rev() {
        let mut left = reader.budget.left();
        if kind == Kind::Messages {
            let bounces: u64 = backlogs.iter().map(StreamBacklog::bounce_pages).sum();
            left = left.saturating_sub(bounces.min((left / 2).max(backlogs.len() as u64)));
        }
        let others = backlogs[index + 1..].iter().map(need).sum();
        let requests = proportional_share(left, need(backlog), others);
        let read = StreamRead {
            stream: &backlog.stream,
            retained_since,
            quota: reader.budget.quota(requests),
        };
        match kind {
            Kind::Messages => list_or_count(reader, read, backlog, *span, requests).await?,
            Kind::Bounces => list_bounces(reader, read, *span, requests).await?,
        }
    }
    Ok(())
}

/// Returns since when Postmark surely has everything that was sent: for [`MIN_RETENTION`], or always where it still has the
/// last message from before the backlog. An empty answer about older time may only mean that it was deleted.
async fn retained_since(
    reader: &mut ServerReader<'_>,
    backlog: &StreamBacklog,
) -> Result<Timestamp, ReadError> {
    let sure = reader.now - MIN_RETENTION;
    let firsts = backlog.messages.first().into_iter();
    let firsts = firsts.chain(backlog.bounces.first());
    let Some(from) = firsts.map(|s| s.from).min().filter(|from| *from < sure) else {
        return Ok(sure);
    };
    let hour = Span::before(from, HOUR);
    let history = reader.call(&backlog.stream, move |s, key| s.history(key, hour, &[from]));
    let Some(last) = history.await?.last_sent(from) else {
        return Ok(sure);
    };
    let second = last.floor(SECOND);
    let page = reader
        .api
        .messages(&backlog.stream, Span::new(second, second + SECOND), 0)
        .await?;
    reader.confirm_clock().await?;
    Ok(if page.total > 0 { Timestamp::MIN } else { sure })
}

/// How the rest of a span of messages is to be read.
enum NextStep {
    List(Span),
    Count {
        span: Span,
        per_second: f64,
        /// Pages that an older rest may take to be listed again; 0 once a listing was too long.
        max_rest_pages: u64,
    },
    Done,
}

/// Reads `span` with `requests` requests: lists its messages where the pages fit into them, and counts the others.
async fn list_or_count(
    reader: &mut ServerReader<'_>,
    read: StreamRead<'_>,
    backlog: &StreamBacklog,
    span: Span,
    requests: u64,
) -> Result<(), ReadError> {
    let (span, is_counted) = expand_to_counted_spans(reader, read, span).await?;
    let usual = backlog.messages_per_second;
    let max_pages = requests
        .saturating_sub(RESERVED_FOR_SAMPLE)
        .max(requests.min(CHEAP_PAGES));
    let mut next = if backlog.message_pages(span) > max_pages {
        NextStep::Count {
            span,
            per_second: usual,
            max_rest_pages: max_pages,
        }
    } else {
        NextStep::List(span)
    };
    loop {
        next = match next {
            NextStep::Done => return Ok(()),
            NextStep::List(span) => {
                let lister = Lister::new(reader, read, Kind::Messages)
                    .replacing_counts(is_counted.then_some(span));
                match lister.list(span, PageLimit::Exactly(max_pages)).await? {
                    ListOutcome::Complete => NextStep::Done,
                    ListOutcome::TooMany { per_second } => NextStep::Count {
                        span,
                        per_second: per_second.max(usual),
                        max_rest_pages: 0,
                    },
                }
            }
            NextStep::Count {
                span,
                per_second,
                max_rest_pages,
            } => {
                let rate = RateEstimate::new(per_second, span, requests);
                let counter = Counter::new(reader, read);
                match counter.count(span, rate, max_rest_pages).await? {
                    CountOutcome::Complete => NextStep::Done,
                    CountOutcome::ListRest(older) => NextStep::List(older),
                }
            }
        };
    }
}

/// Lists all bounces of `span` or, where `requests` requests do not suffice, the newest.
async fn list_bounces(
    reader: &mut ServerReader<'_>,
    read: StreamRead<'_>,
    span: Span,
    requests: u64,
) -> Result<(), ReadError> {
    let lister = Lister::new(reader, read, Kind::Bounces);
    let outcome = lister.list(span, PageLimit::Exactly(requests)).await?;
    if let ListOutcome::TooMany { per_second } = outcome {
        let lister = Lister::new(reader, read, Kind::Bounces);
        lister.list_newest(span, per_second).await?;
    }
    Ok(())
}
