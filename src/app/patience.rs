//! How long is waited where a person waits as well.

use std::time::Duration;

use crate::config::Config;

/// Longest wait for one answer of a peer, whatever is configured for a cycle.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Longest pause before a request is tried once more.
const PAUSE: Duration = Duration::from_secs(2);

/// The same configuration, by which no peer is waited for as long as a cycle would: a request is tried twice.
pub(super) fn impatient(mut config: Config) -> Config {
    config.postmark.timeout = config.postmark.timeout.min(PATIENCE);
    config.slack.timeout = config.slack.timeout.min(PATIENCE);
    config.retry.attempts = config.retry.attempts.min(2);
    config.retry.initial = config.retry.initial.min(PAUSE);
    config.retry.longest = config.retry.longest.min(PAUSE);
    config
}
