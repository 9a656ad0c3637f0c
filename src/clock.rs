//! The machine's time. The only file that asks for it.

use crate::model::Timestamp;

/// The present, by the machine's clock.
pub fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}
