//! What the steps of reading one server share: where to read from, where to write to, what it may cost, what was read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cycle::clock::{ClockSkew, MAX_POSTMARK_SKEW};
use crate::cycle::collect::budget::{Budget, RequestQuota};
use crate::cycle::collect::candidates::CandidatePool;
use crate::cycle::collect::errors::{PollErrors, ReadError};
use crate::model::{
    Coverage, HOUR, Kind, ServerName, Span, StreamId, StreamKey, Timestamp, UNSETTLED,
};
use crate::postmark::Server;
use crate::store::{self, Database, ServerState, Store};

/// The end of what was covered that is read again: Postmark's index may not have had all of it yet.
pub(crate) const OVERLAP: Duration = UNSETTLED;

/// One server while it is read in one poll.
pub(crate) struct ServerReader<'a> {
    pub store: &'a Store,
    pub api: &'a Server,
    pub server: &'a ServerName,
    /// The instant of the cycle; nothing later is read.
    pub now: Timestamp,
    /// Instants at which a rule's window begins or ends, so that no count may lie across one.
    pub boundaries: Vec<Timestamp>,
    pub budget: Budget<'a>,
    /// The polls that this one stands for: it and those since the last complete one, of which nobody knows what they would have seen.
    pub polls: usize,
    /// What went wrong so far. It outlives a reading that is cut off by the end of the poll's time.
    pub errors: PollErrors,
    pub candidates: CandidatePool<'a>,
    pub stats: BTreeMap<StreamId, StreamReadStats>,
    /// What is special about the counts, a line each.
    pub log_lines: Vec<String>,
    list_source: ListSource,
    /// Whether mail was read by an earlier list of streams, and shows that a new one is needed, which was not fetched. A stream may be
    /// archived rather than silent.
    pub needs_list: bool,
}

/// Where the list of streams is from.
#[derive(Clone, Copy, Debug)]
enum ListSource {
    /// It was fetched in this poll.
    Fetched,
    /// That of an earlier poll is gone by.
    Former {
        /// Since when Postmark is asked, until its first answer confirmed the clock.
        unconfirmed_since: Option<Instant>,
    },
}

/// What a poll read of one stream's messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamReadStats {
    /// The number of messages that were listed and not known before.
    pub listed: u64,
    /// When the oldest of these was sent.
    pub oldest_listed: Option<Timestamp>,
    pub counted: u64,
    pub windows: u64,
    /// From the beginning of the first of these windows to the end of the last.
    pub span: Option<Span>,
    /// One of them and its count, drawn so that each counted message is equally likely to lie in it.
    pub sample_window: Option<(Span, u64)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamRead<'s> {
    pub stream: &'s StreamId,
    /// What is older, Postmark may have deleted: there, an empty answer says nothing.
    pub retained_since: Timestamp,
    pub quota: RequestQuota,
}

impl<'a> ServerReader<'a> {
    pub(crate) fn new(
        store: &'a Store,
        api: &'a Server,
        server: &'a ServerName,
        requests_per_poll: u32,
        previous_state: &ServerState,
        (boundaries, polls): (Vec<Timestamp>, usize),
        now: Timestamp,
    ) -> Self {
        Self {
            store,
            api,
            server,
            now,
            boundaries,
            budget: Budget::new(api, requests_per_poll),
            polls,
            errors: PollErrors::default(),
            candidates: CandidatePool::new(server, sample_since(previous_state, now)),
            stats: BTreeMap::new(),
            log_lines: Vec::new(),
            list_source: ListSource::Fetched,
            needs_list: false,
        }
    }

    /// Goes by the list of streams of an earlier poll.
    pub(crate) fn use_former_list(&mut self) {
        let unconfirmed_since = Some(Instant::now());
        self.list_source = ListSource::Former { unconfirmed_since };
    }

    /// Goes by the list of streams, which was fetched in this poll, with what the first answer of a poll tells.
    pub(crate) const fn use_fetched_list(&mut self) {
        self.needs_list = false;
        self.list_source = ListSource::Fetched;
    }

    /// Returns whether the list of streams was fetched in this poll.
    pub(crate) const fn has_fetched_list(&self) -> bool {
        matches!(self.list_source, ListSource::Fetched)
    }

    /// Returns whether nothing was answered yet that shows that the clock is right.
    pub(crate) const fn is_unconfirmed(&self) -> bool {
        let ListSource::Former { unconfirmed_since } = self.list_source else {
            return false;
        };
        unconfirmed_since.is_some()
    }

    /// Checks, before anything of it is stored, whether the first answer fits the clock.
    ///
    /// # Errors
    /// [`ReadError::Unconfirmed`] where it does not: the list of streams is to be fetched first, which finds out by how much.
    pub(crate) async fn confirm_clock(&mut self) -> Result<(), ReadError> {
        let ListSource::Former {
            unconfirmed_since: Some(asked),
        } = self.list_source
        else {
            return Ok(());
        };
        let date = self.api.last_date();
        let is_future = date.is_some_and(|date| self.now > date + MAX_POSTMARK_SKEW);
        if is_future || ClockSkew::find(self.store, asked, date).await?.is_some() {
            return Err(ReadError::Unconfirmed);
        }
        self.errors.reachable = true;
        self.list_source = ListSource::Former {
            unconfirmed_since: None,
        };
        Ok(())
    }

    /// Runs `work` on the store, for a stream of this server.
    pub(crate) async fn call<T, F>(&self, stream: &StreamId, work: F) -> Result<T, store::Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database, &StreamKey) -> Result<T, store::Error> + Send + 'static,
    {
        let key = StreamKey::new(self.server, stream);
        self.store.call(move |s| work(s, &key)).await
    }

    pub(crate) async fn coverage(
        &self,
        stream: &StreamId,
        kind: Kind,
    ) -> Result<Coverage, store::Error> {
        self.call(stream, move |s, key| s.coverage(key, kind)).await
    }

    /// Marks `span` as not covered, before it is read in parts: a part that is not reached must not pass for read.
    pub(crate) async fn reopen(
        &self,
        stream: &StreamId,
        kind: Kind,
        span: Span,
    ) -> Result<(), store::Error> {
        self.call(stream, move |s, key| s.forget_coverage(key, kind, span))
            .await
    }

    /// Logs of each stream what was counted, and what is special about it.
    pub(crate) fn log_counts(&self) {
        for line in &self.log_lines {
            tracing::warn!(server = %self.server, "{line}");
        }
        for (stream, stats) in self.stats.iter().filter(|(_, stats)| stats.windows > 0) {
            tracing::info!(
                server = %self.server, %stream, listed = stats.listed, counted = stats.counted, requests = stats.windows,
                "counted messages instead of listing them: there were too many"
            );
        }
    }
}

/// Returns since when mail was not offered to the delivery sample yet: since the last complete poll, however many failed after it;
/// before the first complete one, since the hour before the first start. Older mail is history.
fn sample_since(previous_state: &ServerState, now: Timestamp) -> Timestamp {
    match previous_state.last_complete_at {
        Some(last) => last - OVERLAP,
        None => previous_state.first_start_at.min(now) - HOUR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_polls_did_not_see_is_offered_to_the_sample_later() {
        let at = |hour: u32| Timestamp::from_secs(1_772_532_000) + HOUR * hour;
        let state = ServerState {
            first_start_at: at(0),
            last_cycle_at: Some(at(9)),
            last_complete_at: Some(at(3)),
            ..ServerState::default()
        };
        assert_eq!(sample_since(&state, at(10)), at(3) - OVERLAP);
        let never = ServerState {
            last_complete_at: None,
            ..state
        };
        assert_eq!(sample_since(&never, at(10)), at(0) - HOUR);
        let first = ServerState {
            first_start_at: at(10),
            ..ServerState::default()
        };
        assert_eq!(sample_since(&first, at(10)), at(10) - HOUR);
    }
}
