//! How attempts to send messages ended, since the process started.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts by the kind of the destination, and by the reason of a failure.
#[derive(Debug, Default)]
pub(crate) struct NotificationCounts(Mutex<BTreeMap<(&'static str, Option<&'static str>), u64>>);

impl NotificationCounts {
    /// Counts an attempt that failed for a reason of this name; `None` where it was accepted.
    pub(super) fn add(&self, sink: &'static str, reason: Option<&'static str>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((sink, reason)).or_default() += 1;
    }

    /// Returns every count, by the kind of the destination and the reason; `None` counts what was accepted.
    pub(crate) fn all(&self) -> BTreeMap<(&'static str, Option<&'static str>), u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}
