//! The system clock. No other file reads it.

use crate::model::Timestamp;

/// Returns the current time by the system clock.
pub fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}

/// Returns whether `at` may be the current time: a clock that was never set shows a time before this program was written.
pub fn is_plausible(at: Timestamp) -> bool {
    /// 2026-01-01T00:00:00Z.
    const MIN_PLAUSIBLE: Timestamp = Timestamp::from_secs(1_767_225_600);
    at >= MIN_PLAUSIBLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_not_believed() {
        assert!(is_plausible(now()));
        for text in ["1970-01-01T00:00:09Z", "2000-01-01T00:00:00Z"] {
            let at = Timestamp::parse(text).expect("valid");
            assert!(!is_plausible(at), "{text}");
        }
    }
}
