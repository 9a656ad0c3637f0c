//! How long is waited where a person waits as well.

use std::time::Duration;

use crate::config::Config;

/// Longest wait for one answer of a peer, whatever is configured for a cycle.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Longest pause before a request is tried once more.
const PAUSE: Duration = Duration::from_secs(2);

/// The same configuration, by which no peer is waited for as long as a cycle would: a request is tried twice.
pub(crate) fn impatient(mut config: Config) -> Config {
    config.postmark.timeout = config.postmark.timeout.min(PATIENCE);
    config.slack.timeout = config.slack.timeout.min(PATIENCE);
    config.retry.attempts = config.retry.attempts.min(2);
    config.retry.initial = config.retry.initial.min(PAUSE);
    config.retry.longest = config.retry.longest.min(PAUSE);
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
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let sources = Sources {
            file: None,
            env: env.into(),
        };
        let config = impatient(config::load(&sources).expect("a valid configuration"));
        assert_eq!(config.postmark.timeout, PATIENCE);
        assert_eq!(config.slack.timeout, Duration::from_secs(1));
        let retry = &config.retry;
        assert_eq!((retry.attempts, retry.longest), (2, PAUSE));
        assert_eq!(retry.initial, Duration::from_millis(1));
    }
}
