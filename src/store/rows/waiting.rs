//! What becomes of messages that wait: held back, split, or made one.

use std::collections::BTreeSet;

use crate::store::NewMessage;

/// What is held back of the messages that are not accepted yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldRows {
    /// The rows that wait as a whole, in order.
    pub rows: Vec<i64>,
    /// The incidents that no message may name now.
    pub incidents: BTreeSet<String>,
}

/// A message that waited and becomes two, since a part of its incidents is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRow {
    /// The row, which tells what is held back from now on.
    pub seq: i64,
    pub text: String,
    pub body: String,
    /// The incident that it is about, where it is of one alone.
    pub incident: Option<String>,
    /// The message of the rest.
    pub rest: NewMessage,
}

/// Messages that waited and become one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedRows {
    pub kept: i64,
    /// The others, which are not sent.
    pub replaced: Vec<i64>,
    pub text: String,
    pub body: String,
    pub broadcast: bool,
    pub mention: String,
    /// The incident that it is about then, where it is of one alone.
    pub incident: Option<String>,
    /// Every incident that one of them names.
    pub incidents: Vec<String>,
}
