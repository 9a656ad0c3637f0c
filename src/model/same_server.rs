//! One Postmark server under several names here.

use serde::Serialize;

use crate::model::ServerName;

/// A Postmark server that is read and reported once for each of several names, since their tokens are of the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SameServer {
    /// Postmark's number of it.
    pub number: i64,
    /// At least two, in the order of the configuration.
    pub names: Vec<ServerName>,
}

impl SameServer {
    /// Returns the name under which its mail counts, where `name` is another one of it.
    pub fn counted_as(&self, name: &str) -> Option<&ServerName> {
        let (first, others) = self.names.split_first()?;
        others.iter().any(|other| other.0 == name).then_some(first)
    }
}
