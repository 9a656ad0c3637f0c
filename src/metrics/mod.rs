//! What Prometheus and its kin read: what is known, as text in two formats. Pure.
//!
//! Instants rather than ages, since the reader has a clock; and no series at all for what is unknown, since 0 is a value.

mod families;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use crate::model::{BounceClass, StreamKey, Timestamp};
use crate::output::status::StatusReport;

pub(crate) use text::{TextFormat, render};

/// What the metrics are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricsView<'a> {
    pub status: &'a StatusReport,
    /// The present.
    pub now: Timestamp,
    /// What a process counted since it started; `None` where none goes on.
    pub counters: Option<&'a Counters>,
}

/// What a process counted since it started. Each number only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Messages sent, once Postmark lists them for certain.
    pub messages: BTreeMap<StreamKey, u64>,
    pub bounces: BTreeMap<(StreamKey, BounceClass), u64>,
    /// Messages that a destination accepted, by its kind.
    pub notifications: BTreeMap<&'static str, u64>,
    /// Those that it did not, by the reason too.
    pub failures: BTreeMap<(&'static str, &'static str), u64>,
    /// Requests to Postmark by the status of the answer; `None` where there was none.
    pub requests: BTreeMap<Option<u16>, u64>,
}
