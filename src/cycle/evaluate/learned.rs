//! Keeps what the next cycle would do again otherwise: what was learned of a server's streams, and the hours of their past weeks as
//! one value each. All of it saves time, and nothing else.

use std::collections::BTreeMap;

use crate::model::{History, Learned, Series, ServerName, StreamId, StreamKey, Tag, Timestamp};
use crate::store::{Database, Store};

/// Stores what was learned anew of `server`, apart from what the cycle commits: that this fails costs the next cycle some time.
pub(super) async fn keep(
    store: &Store,
    server: &ServerName,
    learned: BTreeMap<Series, Learned>,
    now: Timestamp,
) {
    if learned.is_empty() {
        return;
    }
    tracing::debug!(%server, series = learned.len(), "learned what is normal anew");
    let of = server.clone();
    let kept = store
        .call(move |s| s.save_learned(&of, &learned, now))
        .await;
    if let Err(error) = kept {
        tracing::warn!(%server, "failed to keep what was learned, which is learned again: {error}");
    }
}

/// Packs the weeks of `histories`, those of `server` up to `now`, that could be read packed and were not.
pub(super) async fn pack_weeks(
    store: &Store,
    server: &ServerName,
    histories: &BTreeMap<StreamId, History>,
    now: Timestamp,
) {
    for (stream, history) in histories {
        let tags = history.tags.iter();
        let tags = tags.filter(|(_, of_tag)| of_tag.packed.is_due());
        let tags: Vec<Tag> = tags.map(|(tag, _)| tag.clone()).collect();
        let has_hours = !tags.is_empty() || history.packed.is_due();
        let has_samples = history.packed_samples.is_due();
        if !has_hours && !has_samples {
            continue;
        }
        let key = StreamKey::new(server, stream);
        let pack = move |s: &mut Database| {
            if has_hours {
                s.pack_hours(&key, &tags, now)?;
            }
            match has_samples {
                true => s.pack_samples(&key, now),
                false => Ok(()),
            }
        };
        if let Err(error) = store.call(pack).await {
            tracing::warn!(%server, %stream, "failed to pack past weeks, which are read row by row: {error}");
        }
    }
}
