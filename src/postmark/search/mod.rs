//! What an operator looks up by hand. Answers go to a person or a script, not into the store.

mod lists;
mod stats;
mod summary;
mod suppressions;
mod timeline;

#[cfg(test)]
mod tests;

pub use lists::{BounceFilter, BounceRow, KINDS, MessageFilter, Window};
pub use stats::{Overview, Statistics};
pub use summary::MessageSummary;
pub use suppressions::{Suppression, SuppressionFilter};
pub use timeline::{Event, Timeline};

use crate::model::Timestamp;
use crate::postmark::stamp;

/// Returns a time that is shown and decides nothing: one that cannot be read is none.
fn readable_time(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(stamp::parse)
}
