//! Polls the servers: which there are, which of them this process may poll, and what is asked of each.

pub(crate) mod all;
pub(crate) mod canary;
#[cfg(feature = "doctor")]
pub(crate) mod dns;
mod identity;
mod listing;
pub(crate) mod missing_streams;
pub(crate) mod outcome;
pub(crate) mod same_server;
pub(crate) mod server;
pub(crate) mod servers;
mod stream_list;
pub(crate) mod streams;

use crate::model::{ServerName, Timestamp};
use crate::store::{self, Note, Store};

/// Logs a change of what is watched, and keeps it for the next digest.
async fn note_change(
    store: &Store,
    server: &ServerName,
    text: String,
    now: Timestamp,
) -> Result<(), store::Error> {
    tracing::info!(%server, "{text}");
    let note = Note {
        at: now,
        server: server.clone(),
        text,
    };
    store.call(move |s| s.save_note(&note)).await
}
