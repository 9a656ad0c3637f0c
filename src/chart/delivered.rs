//! How many of the messages of a picture were delivered, as its caption says it.

use serde::{Deserialize, Serialize};

use crate::text::format::count;

/// How many of some messages were delivered, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredTotal {
    /// The exact number, or the estimate; `None` where the sample says nothing of some of them.
    pub number: Option<u64>,
    /// The fewest and the most that it may be.
    pub low: u64,
    pub high: u64,
    /// Whether each of them was followed.
    pub is_exact: bool,
}

impl DeliveredTotal {
    /// Returns that of both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            number: self.number.zip(other.number).map(|(a, b)| a + b),
            low: self.low + other.low,
            high: self.high + other.high,
            is_exact: self.is_exact && other.is_exact,
        }
    }

    /// Returns it in words, of `sent` messages: `853 delivered`, `about 853 delivered (840 to 861)`, `209 to 291 delivered`.
    pub(super) fn describe(self, sent: u64) -> String {
        let range = format!("{} to {}", count(self.low), count(self.high));
        match self.number {
            Some(number) if self.is_exact || self.low == self.high => {
                delivered(number, !self.is_exact)
            }
            Some(number) => format!("{} ({range})", delivered(number, true)),
            None if self.low == 0 && self.high >= sent => "delivery not known yet".to_owned(),
            None => format!("{range} delivered"),
        }
    }
}

pub(super) fn delivered(number: u64, is_estimated: bool) -> String {
    let about = if is_estimated { "about " } else { "" };
    format!("{about}{} delivered", count(number))
}
