//! Whether the list of a server's streams must be fetched, or that of an earlier poll still holds.

use std::collections::BTreeMap;
use std::time::Duration;

use ring::digest::{Context as Digest, SHA256};

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::model::{DAY, HOUR, ServerName, StreamId, Timestamp, UNSETTLED};
use crate::secret::Secret;
use crate::store::{
    self, Database, KnownStreamList, ServerState, Store, StreamListFetch, StreamPulse,
};

/// How long a list holds: a stream that is new at Postmark is watched this much later at the latest, and read from its beginning.
const HOLDS_FOR: Duration = HOUR.saturating_mul(6);
/// How far back the busiest hour of a stream is looked for.
const PEAK_DAYS: u32 = 14;
/// A stream is quiet, though it had mail since the last poll, where its busiest hour's rate would have brought so many messages
/// since the newest.
const MISSED_AT_PEAK: f64 = 10.0;
/// Bytes of a digest that are kept.
const DIGEST_BYTES: usize = 16;

/// Returns a digest of everything that decides what a list of streams says and which of them are watched: who asks, with which
/// token, and what the file says of the server's streams.
pub(crate) fn settings_digest(context: &Context, server: &ServerConfig, token: &Secret) -> String {
    let mut digest = Digest::new(&SHA256);
    let mut add = |part: &str| {
        digest.update(part.as_bytes());
        digest.update(&[0]);
    };
    add(&context.config.postmark.base_url);
    add(token.expose());
    let rules = server.rules.iter().flat_map(|rules| rules.streams.keys());
    let named = [
        ("watched", server.streams.iter().flatten().collect()),
        ("ignored", server.ignored_streams.iter().collect()),
        ("with rules", rules.collect::<Vec<&StreamId>>()),
    ];
    for (what, streams) in named {
        add(what);
        streams.iter().for_each(|id| add(&id.0));
    }
    let digest = digest.finish();
    let bytes = digest.as_ref().iter().take(DIGEST_BYTES);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The list of a server's streams as an earlier poll stored it.
pub(crate) struct FormerList {
    /// Those of it that are watched.
    pub(super) watched: Vec<StreamId>,
    pub(super) list: KnownStreamList,
    /// When it was fetched without a flaw; `None` where each poll fetches it.
    fetch: Option<StreamListFetch>,
}

impl FormerList {
    /// Loads that of `server`; without streams where none was ever stored.
    pub(crate) async fn load(store: &Store, server: &ServerName) -> Result<Self, store::Error> {
        let name = server.clone();
        let read = move |s: &mut Database| {
            Ok(Self {
                watched: s.watched_streams(&name)?,
                list: s.stream_list(&name)?,
                fetch: s.stream_list_fetch(&name)?,
            })
        };
        store.call(read).await
    }

    /// Returns the streams that are watched, where their list needs not be fetched: it was not long ago, with the same token and
    /// the same settings, and the last poll was complete.
    pub(crate) fn streams_if_it_holds(
        &self,
        settings_digest: &str,
        previous: &ServerState,
        now: Timestamp,
    ) -> Option<Vec<StreamId>> {
        let was_complete =
            previous.last_complete_at.is_some() && previous.incomplete_since.is_none();
        let fetch = self.fetch.as_ref().filter(|_| was_complete)?;
        let holds = holds(fetch, settings_digest, now) && !self.watched.is_empty();
        holds.then(|| self.watched.clone())
    }

    /// Returns from when on those are judged that are watched now and were not: what Postmark did not list before since its list was
    /// fetched without them, unless each poll asks it; what the configuration left out from `now` on.
    pub(super) fn judged_from(
        &self,
        watched: &[StreamId],
        now: Timestamp,
    ) -> BTreeMap<StreamId, Timestamp> {
        let since = |id: &StreamId| match self.list.listed.contains(id) {
            false => self.fetch.as_ref().map(|fetch| fetch.at),
            true => (!self.watched.contains(id)).then_some(now),
        };
        let new = watched
            .iter()
            .filter_map(|id| Some((id.clone(), since(id)?)));
        new.collect()
    }
}

fn holds(fetch: &StreamListFetch, settings_digest: &str, now: Timestamp) -> bool {
    fetch.settings_digest == settings_digest && fetch.at <= now && now.since(fetch.at) < HOLDS_FOR
}

/// Stores that the list was fetched without a flaw.
pub(crate) async fn save_fetch(
    store: &Store,
    server: &ServerName,
    settings_digest: &str,
    now: Timestamp,
) -> Result<(), store::Error> {
    let name = server.clone();
    let fetch = StreamListFetch {
        at: now,
        settings_digest: settings_digest.to_owned(),
    };
    let save = move |s: &mut Database| s.save_stream_list_fetch(&name, &fetch);
    store.call(save).await
}

/// Returns whether a stream may be called silent now. It may as well be archived, so that the list must be fetched first.
pub(crate) async fn is_any_quiet(
    store: &Store,
    server: &ServerName,
    previous: &ServerState,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let name = server.clone();
    let read = move |s: &mut Database| s.stream_pulses(&name, now - DAY * PEAK_DAYS);
    let pulses = store.call(read).await?;
    let last_poll = previous.last_cycle_at.unwrap_or(now);
    Ok(pulses.iter().any(|pulse| is_quiet(pulse, last_poll, now)))
}

/// No silence is told of the time that Postmark's index may not know yet. Beyond it, a stream is quiet that had no mail since the last
/// poll, or a gap which is long for its busiest hour.
fn is_quiet(pulse: &StreamPulse, last_poll: Timestamp, now: Timestamp) -> bool {
    let gap = now.since(pulse.newest);
    let at_peak = pulse.peak as f64 * gap.as_secs_f64() / HOUR.as_secs_f64();
    gap > UNSETTLED && (pulse.newest < last_poll || at_peak >= MISSED_AT_PEAK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MINUTE;

    const NOW: Timestamp = Timestamp::from_secs(1_772_532_000);

    #[test]
    fn a_list_holds_for_six_hours_and_for_its_settings() {
        let fetch = |hours: u32| StreamListFetch {
            at: NOW - HOUR * hours,
            settings_digest: "a".to_owned(),
        };
        assert!(holds(&fetch(0), "a", NOW) && holds(&fetch(5), "a", NOW));
        assert!(!holds(&fetch(6), "a", NOW));
        assert!(!holds(&fetch(1), "b", NOW));
        assert!(!holds(&fetch(0), "a", NOW - MINUTE), "the clock was moved");
    }

    #[test]
    fn what_was_left_out_before_is_not_found_late() {
        let ids = |ids: &[&str]| -> Vec<StreamId> { ids.iter().map(|id| (*id).into()).collect() };
        let fetch = StreamListFetch {
            at: NOW - HOUR,
            settings_digest: "a".to_owned(),
        };
        let mut former = FormerList {
            watched: ids(&["outbound"]),
            list: KnownStreamList {
                listed: ids(&["broadcast", "outbound"]),
                ..KnownStreamList::default()
            },
            fetch: Some(fetch),
        };
        let watched = ids(&["broadcast", "news", "outbound"]);
        let chosen = (StreamId::from("broadcast"), NOW);
        let found = (StreamId::from("news"), NOW - HOUR);
        let judged_from = |former: &FormerList| former.judged_from(&watched, NOW);
        assert_eq!(judged_from(&former), [chosen.clone(), found].into());
        former.fetch = None;
        assert_eq!(judged_from(&former), [chosen].into(), "each poll asks");
    }

    #[test]
    fn a_stream_is_quiet_where_it_may_be_called_silent() {
        let quiet = |minutes: u32, peak: u64| {
            let pulse = StreamPulse {
                stream: StreamId::from("outbound"),
                newest: NOW - MINUTE * minutes,
                peak,
            };
            is_quiet(&pulse, NOW - HOUR, NOW)
        };
        assert!(quiet(61, 1), "nothing since the last poll");
        assert!(!quiet(59, 9), "no more than chance");
        assert!(quiet(40, 300));
        assert!(!quiet(15, 100_000), "the index may lag");
    }
}
