//! What is known of a volume that fell.

use serde::{Deserialize, Serialize};

use super::{MissingBurst, Span, StreamKey, Timestamp};

/// Far less mail than expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DropEvidence {
    /// The window.
    pub window: Span,
    /// Messages sent in it.
    pub sent: u64,
    /// Messages expected in it.
    pub expected: f64,
    /// How much speaks for a drop: a sum over the hours of the window.
    #[serde(default)]
    pub evidence: f64,
    /// From which evidence on it is a drop.
    #[serde(default)]
    pub limit: f64,
    /// How many times a year this stream's own dips are expected to reach as far.
    #[serde(default)]
    pub times_a_year: f64,
    /// The accepted false silence alarms a year, of the installation.
    pub false_alarms_per_year: f64,
    /// When the volume was last less than usual: what came after it was as much as ever, though it took a while to be sure. `None`
    /// where hours do not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_until: Option<Timestamp>,
    /// The burst that is missing, where that is what was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_burst: Option<MissingBurst>,
    /// The lower level that has become normal meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<NewLevel>,
    /// The streams whose volume fell together, where the mail of several is judged as one; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamKey>,
}

/// A level of volume that stayed below the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewLevel {
    /// The first day at it.
    pub since: Timestamp,
    /// Messages a day since then.
    pub per_day: f64,
    /// Messages that the same days would have had before.
    pub per_day_before: f64,
}
