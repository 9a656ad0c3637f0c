//! How many requests a stream's unread mail is expected to take, judged by its volume in the last hour.

use std::time::Duration;

use crate::model::{HOUR, Span, StreamId, Timestamp};
use crate::postmark::PAGE;
use crate::store::Volume;

/// How far back the volume is looked at that stands for the unread time.
const REFERENCE: Duration = HOUR;
/// Messages that one request counts where requests are scarce: a little less than windows then aim at, since the guess of
/// the rate is rough.
const MESSAGES_PER_COUNT: f64 = 9_000.0;
/// Further requests of a count: windows end at full hours and at instants that are evaluated, whether they are full or not.
const BOUNDARY_REQUESTS: u64 = 3;
/// How much more bounces than in the last hour are expected, so that a bounce wave does not exceed its share at once.
const BOUNCE_MARGIN: f64 = 1.2;

/// What is unread of one stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamBacklog {
    pub stream: StreamId,
    /// Spans whose messages are to be read, in order of time.
    pub messages: Vec<Span>,
    /// Spans whose bounces are to be read, in order of time.
    pub bounces: Vec<Span>,
    pub messages_per_second: f64,
    bounces_per_second: f64,
    /// Until when messages were covered; the present where none were.
    pub covered_until: Timestamp,
}

impl StreamBacklog {
    /// Returns the hours before `end` whose volume stands for what comes after it.
    pub(crate) fn reference_hours(end: Timestamp) -> Span {
        Span::new((end - REFERENCE).floor(HOUR), end)
    }

    /// Returns the backlog of these unread spans, where `volume` was sent in the span `reference`.
    pub(crate) fn from_volume(
        stream: StreamId,
        messages: Vec<Span>,
        bounces: Vec<Span>,
        volume: Volume,
        reference: Span,
    ) -> Self {
        let seconds = reference.length().as_secs_f64().max(1.0);
        Self {
            stream,
            messages,
            bounces,
            messages_per_second: volume.sent as f64 / seconds,
            bounces_per_second: volume.bounces as f64 / seconds,
            covered_until: reference.until,
        }
    }

    /// Returns the number of pages that the messages of `span` are expected to fill.
    pub(crate) fn message_pages(&self, span: Span) -> u64 {
        pages(self.messages_per_second, span)
    }

    /// Returns the number of requests that the messages are expected to take, listed or counted, whichever is cheaper.
    pub(crate) fn message_requests(&self) -> u64 {
        let requests = |span: &Span| {
            let messages = self.messages_per_second * span.length().as_secs_f64();
            let counts = (messages / MESSAGES_PER_COUNT).ceil() as u64 + BOUNDARY_REQUESTS;
            self.message_pages(*span).min(counts)
        };
        self.messages.iter().map(requests).sum()
    }

    pub(crate) fn bounce_pages(&self) -> u64 {
        let spans = self.bounces.iter();
        let pages = spans.map(|span| pages(BOUNCE_MARGIN * self.bounces_per_second, *span));
        pages.sum()
    }
}

/// Returns the number of pages; an empty answer is a page, too.
fn pages(per_second: f64, span: Span) -> u64 {
    let items = per_second * span.length().as_secs_f64();
    (items / f64::from(PAGE)).ceil().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(sent: u64, bounces: u64) -> StreamBacklog {
        let hours = |from: u32, until: u32| {
            Span::new(Timestamp(0) + HOUR * from, Timestamp(0) + HOUR * until)
        };
        let reference = StreamBacklog::reference_hours(Timestamp(0) + HOUR * 10);
        assert_eq!(reference, hours(9, 10));
        let volume = Volume { sent, bounces };
        let new = vec![hours(10, 11)];
        StreamBacklog::from_volume(
            StreamId::from("outbound"),
            new.clone(),
            new,
            volume,
            reference,
        )
    }

    #[test]
    fn a_quiet_stream_needs_a_request_for_each_kind() {
        let quiet = backlog(0, 0);
        assert_eq!((quiet.message_requests(), quiet.bounce_pages()), (1, 1));
    }

    #[test]
    fn a_large_one_is_cheaper_counted() {
        let large = backlog(300_000, 3_000);
        assert_eq!(large.message_pages(large.messages[0]), 600);
        assert_eq!((large.message_requests(), large.bounce_pages()), (37, 8));
    }
}
