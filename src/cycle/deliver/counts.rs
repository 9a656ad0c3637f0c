//! How attempts to send messages ended, since the process started.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::slack::RetryClass;

/// Counts by the kind of the destination, and by the reason of a failure.
#[derive(Debug, Default)]
pub(crate) struct NotificationCounts(Mutex<BTreeMap<(&'static str, Option<&'static str>), u64>>);

impl NotificationCounts {
    /// Counts an attempt, whose `failure` is `None` where it was accepted.
    pub(super) fn add(&self, sink: &'static str, failure: Option<RetryClass>) {
        let reason = failure.map(|class| match class {
            RetryClass::Retry => "retry",
            RetryClass::Permanent => "permanent",
            RetryClass::BadPayload => "bad_payload",
            RetryClass::Unconfirmed => "unconfirmed",
        });
        self.add_named(sink, reason);
    }

    /// Counts an attempt that failed for a reason of this name; `None` where it was accepted.
    pub(super) fn add_named(&self, sink: &'static str, reason: Option<&'static str>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((sink, reason)).or_default() += 1;
    }

    /// Returns every count, by the kind of the destination and the reason; `None` counts what was accepted.
    pub(crate) fn all(&self) -> BTreeMap<(&'static str, Option<&'static str>), u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}
