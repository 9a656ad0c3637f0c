//! Streams that the configuration names, and that a server does not have.

use serde::Serialize;

use crate::model::{ServerName, StreamId};

/// The streams that `streams` names for a server and that Postmark did not list when it was asked last: nothing watches them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingStreams {
    /// Of which server.
    pub server: ServerName,
    /// At least one, in the order of the configuration.
    pub missing: Vec<StreamId>,
    /// What Postmark listed.
    pub listed: Vec<StreamId>,
}

/// A stream that a server's `ignore_streams` leaves out, or a `[[server.stream]]` gives rules, and that Postmark did not list when it was
/// asked last: that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisnamedStream {
    /// Of which server.
    pub server: ServerName,
    /// The name.
    pub id: StreamId,
    /// What names it in the configuration.
    pub key: &'static str,
    /// The stream that is meant, where one of those that Postmark listed is near enough to be.
    pub nearest: Option<StreamId>,
}
