//! Timeouts of the verbs for which a person waits.

use std::time::Duration;

use crate::config::Config;

/// The longest wait for one answer, whatever is configured for a cycle.
pub(crate) const INTERACTIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest pause before a request is tried again.
const INTERACTIVE_RETRY_DELAY: Duration = Duration::from_secs(2);

/// Returns the configuration with timeouts that a person can wait for, and two attempts at most.
pub(crate) fn with_interactive_timeouts(mut config: Config) -> Config {
    config.postmark.timeout = config.postmark.timeout.min(INTERACTIVE_TIMEOUT);
    config.slack.timeout = config.slack.timeout.min(INTERACTIVE_TIMEOUT);
    config.retry.attempts = config.retry.attempts.min(2);
    config.retry.initial = config.retry.initial.min(INTERACTIVE_RETRY_DELAY);
    config.retry.longest = config.retry.longest.min(INTERACTIVE_RETRY_DELAY);
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Sources};

    #[test]
    fn nothing_is_waited_for_longer_than_a_person_waits() {
        let env = [
            ("HUSHWATCH_POSTMARK__TIMEOUT", "60s"),
            ("HUSHWATCH_SLACK__TIMEOUT", "1s"),
            ("HUSHWATCH_RETRY__ATTEMPTS", "8"),
            ("HUSHWATCH_RETRY__INITIAL", "1ms"),
            ("HUSHWATCH_RETRY__LONGEST", "60s"),
        ];
        let config = config::load(&Sources::of_env(&env)).expect("a valid configuration");
        let config = with_interactive_timeouts(config);
        assert_eq!(config.postmark.timeout, INTERACTIVE_TIMEOUT);
        assert_eq!(config.slack.timeout, Duration::from_secs(1));
        let retry = &config.retry;
        assert_eq!(
            (retry.attempts, retry.longest),
            (2, INTERACTIVE_RETRY_DELAY)
        );
        assert_eq!(retry.initial, Duration::from_millis(1));
    }
}
