//! Parses the parameters of lists, and writes their answers.

use crate::model::{Span, Timestamp};
use crate::sim::http::ReceivedRequest;

use super::eastern::{self, Bound, Edge};
use super::http::{Refusal, View};
use super::ledger::{Stream, StreamType};

/// The maximum number of rows that Postmark lists of one search.
const MAX_REACH: u64 = 10_000;
/// The maximum number of rows per page.
const MAX_COUNT: u64 = 500;

/// The rows of a search that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) count: usize,
    pub(super) offset: usize,
}

/// Returns the requested page; `code` is the endpoint's error code for an invalid query.
pub(super) fn page(
    view: &View<'_>,
    received: &ReceivedRequest,
    code: i64,
) -> Result<Page, Refusal> {
    let number = |name: &str| {
        let text = received
            .query(name)
            .ok_or_else(|| Refusal::invalid(code, format!("Parameter '{name}' is required.")))?;
        text.parse::<u64>()
            .map_err(|_| Refusal::invalid(code, format!("Parameter '{name}' has invalid value")))
    };
    let (count, offset) = (number("count")?, number("offset")?);
    if view.quirks.page_limits {
        if !(1..=MAX_COUNT).contains(&count) {
            let text = "Parameter 'count' must be between 1 and 500.";
            return Err(Refusal::invalid(code, text));
        }
        if count.saturating_add(offset) > MAX_REACH {
            let text = "Count + Offset cannot exceed 10000 messages.";
            return Err(Refusal::invalid(code, text));
        }
    }
    Ok(Page {
        count: usize::try_from(count).unwrap_or(usize::MAX),
        offset: usize::try_from(offset).unwrap_or(usize::MAX),
    })
}

/// Returns the requested window, limited to the retention and the simulated instant.
pub(super) fn window(
    view: &View<'_>,
    received: &ReceivedRequest,
    code: i64,
) -> Result<Span, Refusal> {
    let mut span = Span::new(Timestamp::MIN, Timestamp(view.now.0.saturating_add(1)));
    if view.quirks.retention {
        span.from = view.now - view.server.retention;
    }
    for (name, edge) in [("fromdate", Edge::From), ("todate", Edge::To)] {
        let Some(text) = received.query(name) else {
            continue;
        };
        match (eastern::bound(text, edge, view.quirks), edge) {
            (Bound::At(at), Edge::From) => span.from = span.from.max(at),
            (Bound::At(at), Edge::To) => span.until = span.until.min(at),
            (Bound::Never, _) => span.until = Timestamp::MIN,
            (Bound::Invalid, _) => {
                let text = format!("Parameter '{name}' has invalid value");
                return Err(Refusal::invalid(code, text));
            }
        }
    }
    Ok(span)
}

/// Returns the requested streams. Without a name that is `outbound`, or every stream if the quirk is off; `all` is every stream.
pub(super) fn streams<'a>(
    view: &View<'a>,
    received: &ReceivedRequest,
    all: bool,
) -> Result<Vec<&'a Stream>, Refusal> {
    let name = match received.query("messagestream") {
        Some(name) => name,
        None if all || !view.quirks.default_stream => {
            let sending = |s: &&Stream| s.kind != StreamType::Inbound;
            return Ok(view.server.streams.iter().filter(sending).collect());
        }
        None => "outbound",
    };
    match view.server.stream(name) {
        Some(stream) => Ok(vec![stream]),
        None if view.quirks.unknown_stream_refused => {
            let text = "The message stream for the provided 'ID' was not found.";
            Err(Refusal::invalid(1226, text))
        }
        None => Ok(Vec::new()),
    }
}

/// Returns the rows of a page from all rows, oldest first.
pub(super) fn rows<T>(view: &View<'_>, mut found: Vec<T>, page: Page) -> impl Iterator<Item = T> {
    if view.quirks.newest_first {
        found.reverse();
    }
    found.into_iter().skip(page.offset).take(page.count)
}

/// Returns a list answer: `{"TotalCount":…,"NAME":[…]}`, or with the two fields swapped.
pub(super) fn listing(
    view: &View<'_>,
    received: &ReceivedRequest,
    name: &str,
    total: usize,
    rows: &[String],
) -> String {
    let capped = total.min(usize::try_from(MAX_REACH).unwrap_or(usize::MAX));
    let total = if view.server.caps_total {
        capped
    } else {
        total
    };
    let rows = rows.join(",");
    // Derived from the query, so that the same request gets the same answer.
    let sum = received.target().bytes().fold(0u8, u8::wrapping_add);
    if view.quirks.wandering_total && sum % 2 == 0 {
        format!(r#"{{"{name}":[{rows}],"TotalCount":{total}}}"#)
    } else {
        format!(r#"{{"TotalCount":{total},"{name}":[{rows}]}}"#)
    }
}
