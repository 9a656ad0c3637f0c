//! New mail that may be drawn into the delivery sample.

use std::collections::BTreeMap;

use crate::detect::sample;
use crate::model::{Mail, ServerName, StreamId, Timestamp};
use crate::store::SampleCandidate;

/// The candidates of one poll by stream: the messages of the lowest ranks, at most [`sample::MAX_CANDIDATES`] of each stream.
pub(crate) struct CandidatePool<'a> {
    server: &'a ServerName,
    /// Mail sent before this was offered to an earlier poll, or is older than the first start.
    pub since: Timestamp,
    by_rank: BTreeMap<StreamId, BTreeMap<u64, SampleCandidate>>,
}

impl<'a> CandidatePool<'a> {
    /// Returns an empty pool for mail sent since `since`.
    pub(crate) const fn new(server: &'a ServerName, since: Timestamp) -> Self {
        Self {
            server,
            since,
            by_rank: BTreeMap::new(),
        }
    }

    /// Takes `mail` in if it is new enough and its rank is among the lowest.
    pub(crate) fn offer(&mut self, stream: &StreamId, mail: &Mail) {
        if mail.sent_at < self.since {
            return;
        }
        let draw = SampleCandidate {
            id: mail.id.clone(),
            sent_at: mail.sent_at,
            tag: mail.tag.clone(),
            recipient: mail.recipients.first().cloned().unwrap_or_default(),
        };
        self.offer_stored(stream, draw);
    }

    /// Takes in what an earlier poll read and did not draw from, if its rank is among the lowest. What was read now is known better.
    pub(crate) fn offer_stored(&mut self, stream: &StreamId, draw: SampleCandidate) {
        let lowest = self.by_rank.entry(stream.clone()).or_default();
        let rank = sample::rank(&self.server.0, &stream.0, &draw.id);
        lowest.entry(rank).or_insert(draw);
        if lowest.len() > sample::MAX_CANDIDATES {
            lowest.pop_last();
        }
    }

    /// Removes the candidates of one stream and returns them, lowest rank first.
    pub(crate) fn take(&mut self, stream: &StreamId) -> Vec<SampleCandidate> {
        let candidates = self.by_rank.remove(stream).unwrap_or_default();
        candidates.into_values().collect()
    }
}
