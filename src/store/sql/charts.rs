//! What a picture shows of a stream: its hours, and no more than that needs.

use crate::model::{History, Kind, SampledMessage, Span, StreamKey, Timestamp};
use crate::store::{Database, Error};

use super::tags::ALL_MAIL;
use super::{Session, counts, coverage, history, values};

impl Database {
    /// Returns what is known of a stream as far as a picture of `span` needs it: hours from `since` on, coverage, and the
    /// bounces and the sampled mail of `span`. All else of it is empty.
    pub fn charted_history(
        &mut self,
        stream: &StreamKey,
        since: Timestamp,
        span: Span,
    ) -> Result<History, Error> {
        self.read_stream(stream, |s, key| {
            let hours = Span::new(since.min(span.from), span.until);
            let counted = counts::load(s, key, ALL_MAIL, hours)?;
            let (first_seen_at, installed_at) = history::load_beginning(s, stream, key)?;
            Ok(History {
                first_seen_at,
                installed_at,
                messages: coverage::load(s, key, Kind::Messages)?,
                bounces: coverage::load(s, key, Kind::Bounces)?,
                hours: history::load_hours(s, key, ALL_MAIL, hours, &counted)?.0,
                bounce_events: history::load_bounce_events(s, key, span)?,
                sampled: load_samples(s, key, span)?,
                ..History::default()
            })
        })
    }
}

/// Returns the sampled mail that was sent in `span`, without the types of its bounces.
fn load_samples(
    s: &mut dyn Session,
    stream: i64,
    span: Span,
) -> Result<Vec<SampledMessage>, Error> {
    s.rows(
        "SELECT sent_at, checked_at, delivered_at, bounced_at, queued, CAST(NULL AS TEXT) FROM followed
         WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 ORDER BY sent_at",
        &values![stream, span.from, span.until],
        history::read_sample,
    )
}
