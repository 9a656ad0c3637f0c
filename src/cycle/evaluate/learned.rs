//! Keeps what was learned of a server's streams, so that the next cycle need not learn it again.

use std::collections::BTreeMap;

use crate::model::{Learned, Series, ServerName, Timestamp};
use crate::store::Store;

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
