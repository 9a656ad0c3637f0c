//! How many requests the news of a stream may take, by what came in the last hours.

use std::time::Duration;

use crate::model::{HOUR, Span, StreamId, Timestamp};
use crate::postmark::PAGE;
use crate::store::Volume;

/// The last hour tells of the next.
const KNOWN: Duration = HOUR;
/// Messages that a request counts, where requests are scarce.
const COUNTED: f64 = 9_000.0;
/// Requests more that the bounds of hours cost a count.
const BOUNDS: u64 = 3;
/// Bounces may become so many more.
const MORE_BOUNCES: f64 = 1.2;

/// What is missing of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub stream: StreamId,
    /// Where its messages are to be read, in order.
    pub messages: Vec<Span>,
    /// Where its bounces are.
    pub bounces: Vec<Span>,
    /// As many as came of late.
    pub messages_a_second: f64,
    bounces_a_second: f64,
}

impl Need {
    /// The hours before `end` that tell of what comes after it.
    pub(crate) fn known_before(end: Timestamp) -> Span {
        Span::new((end - KNOWN).floor(HOUR), end)
    }

    /// Of these spans, where `volume` came in `known`.
    pub(crate) fn of(
        stream: StreamId,
        messages: Vec<Span>,
        bounces: Vec<Span>,
        volume: Volume,
        known: Span,
    ) -> Self {
        let seconds = known.length().as_secs_f64().max(1.0);
        Self {
            stream,
            messages,
            bounces,
            messages_a_second: volume.sent as f64 / seconds,
            bounces_a_second: volume.bounces as f64 / seconds,
        }
    }

    /// Pages that the messages of `span` are expected to fill.
    pub(crate) fn pages(&self, span: Span) -> u64 {
        pages(self.messages_a_second, span)
    }

    /// Requests that its messages take, listed or counted, whichever is less.
    pub(crate) fn message_requests(&self) -> u64 {
        let requests = |span: &Span| {
            let messages = self.messages_a_second * span.length().as_secs_f64();
            let counted = (messages / COUNTED).ceil() as u64 + BOUNDS;
            self.pages(*span).min(counted)
        };
        self.messages.iter().map(requests).sum()
    }

    /// Pages that its bounces are expected to fill.
    pub(crate) fn bounce_pages(&self) -> u64 {
        let spans = self.bounces.iter();
        let pages = spans.map(|span| pages(MORE_BOUNCES * self.bounces_a_second, *span));
        pages.sum()
    }
}

/// An empty page is one, too.
fn pages(per_second: f64, span: Span) -> u64 {
    let items = per_second * span.length().as_secs_f64();
    (items / f64::from(PAGE)).ceil().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(sent: u64, bounces: u64) -> Need {
        let hours = |from: u32, until: u32| {
            Span::new(Timestamp(0) + HOUR * from, Timestamp(0) + HOUR * until)
        };
        let known = Need::known_before(Timestamp(0) + HOUR * 10);
        assert_eq!(known, hours(9, 10));
        let volume = Volume { sent, bounces };
        let new = vec![hours(10, 11)];
        Need::of(StreamId::from("outbound"), new.clone(), new, volume, known)
    }

    #[test]
    fn a_quiet_stream_needs_a_request_for_each_kind() {
        let quiet = need(0, 0);
        assert_eq!((quiet.message_requests(), quiet.bounce_pages()), (1, 1));
    }

    #[test]
    fn a_large_one_is_cheaper_counted() {
        let large = need(300_000, 3_000);
        assert_eq!(large.pages(large.messages[0]), 600);
        assert_eq!((large.message_requests(), large.bounce_pages()), (37, 8));
    }
}
