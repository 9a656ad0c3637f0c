//! The machine's time. The only file that asks for it.

use crate::model::Timestamp;

/// The present, by the machine's clock.
pub fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}

/// Whether a machine's clock was set: this program is younger than any earlier instant.
pub fn is_believable(at: Timestamp) -> bool {
    /// 2026-01-01T00:00:00Z.
    const BEGINS: Timestamp = Timestamp::from_secs(1_767_225_600);
    at >= BEGINS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_not_believed() {
        assert!(is_believable(now()));
        for text in ["1970-01-01T00:00:09Z", "2000-01-01T00:00:00Z"] {
            let at = Timestamp::parse(text).expect("valid");
            assert!(!is_believable(at), "{text}");
        }
    }
}
