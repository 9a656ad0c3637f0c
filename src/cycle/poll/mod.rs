//! Polls the servers: which there are, which of them this process may poll, and what is asked of each.

pub(crate) mod all;
pub(crate) mod canary;
#[cfg(feature = "doctor")]
pub(crate) mod dns;
mod identity;
mod listing;
pub(crate) mod missing_streams;
pub(crate) mod outcome;
mod renamed;
pub(crate) mod same_server;
pub(crate) mod server;
pub(crate) mod servers;
mod stream_list;
pub(crate) mod streams;

use crate::store::Note;

/// Logs what changed of what is watched. The digest says it too, of what is stored with the change.
fn log_notes(notes: &[Note]) {
    for note in notes {
        tracing::info!(server = %note.server, "{}", note.text);
    }
}
