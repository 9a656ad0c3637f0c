//! What the sample says of mail that is not delivered.

use serde::{Deserialize, Serialize};

use super::{BounceClass, RateUnit, Span, Timestamp};

/// The newest sampled messages, none of them delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryEvidence {
    /// Messages in a row that are not delivered, newest first, each bounced or old enough to have news.
    pub unproven: u64,
    /// Those of them that bounced.
    #[serde(default)]
    pub bounced: u64,
    /// Postmark's types of these bounces with their numbers, as far as they are known, the most frequent first.
    #[serde(default)]
    pub reasons: Vec<(String, u64)>,
    /// What the list of all bounces says of the hour, where any of them bounced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<ListedBounces>,
    /// How many in a row are needed.
    pub needed: u64,
    /// The share of the mail before them that was delivered, where a part of it was lost already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_before: Option<f64>,
    /// Those of them which Postmark still has in its queue.
    pub queued: u64,
    /// When the oldest of them was sent.
    pub since: Option<Timestamp>,
    /// When the newest of them was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_lost: Option<Timestamp>,
    /// Where the newest mail is delivered again: when the newest of the mail before it was sent that came late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_late: Option<Timestamp>,
    /// The newest mail, where it is delivered again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<DeliveredSince>,
    /// When the newest sampled message that was delivered was sent.
    pub last_proven_sent: Option<Timestamp>,
    /// The last delivery known.
    pub last_delivered: Option<Timestamp>,
}

/// The share of the sampled mail that is delivered, beside the usual one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryDropEvidence {
    /// When the first message of the time that is judged was sent.
    pub since: Timestamp,
    /// Sampled messages sent since that are delivered, bounced or old enough to have arrived; all of them where it is by the list.
    pub sampled: u64,
    /// Those of them that were delivered; by the list, that are not known to have bounced.
    pub delivered: u64,
    /// When the newest of the others was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_lost: Option<Timestamp>,
    /// The newest mail, where it speaks for the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<DeliveredSince>,
    /// The newest of them, where it speaks for the end, but not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_so_far: Option<DeliveredSince>,
    /// The share of the stream's mail that is usually delivered.
    pub usual: f64,
    /// Whether that is the share of mail in general, since the stream's own past does not say enough yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub usual_in_general: bool,
    /// Those that bounced; the others that were not delivered have no news.
    pub bounced: u64,
    /// Postmark's types of these bounces with their numbers, as far as they are known, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Whether it is of all messages, by the list of bounces, and not of the sampled ones: the others are not known to be delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_list: bool,
    /// The last delivery known.
    pub last_delivered: Option<Timestamp>,
}

/// How many of those that mail was sent to bounced, by the list of bounces.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListedBounces {
    /// Those that bounced for good, or were blocked.
    pub bounced: u64,
    /// All of them.
    pub recipients: u64,
    /// What is counted.
    pub unit: RateUnit,
    /// In which time.
    pub window: Span,
}

/// Returns how many of these bounces, by Postmark's types, a bounce rate counts.
fn counted(reasons: &[(String, u64)]) -> u64 {
    let counted = reasons.iter();
    let counted = counted.filter(|(kind, _)| BounceClass::from_type(kind).counts());
    counted.map(|(_, n)| n).sum()
}

impl DeliveryEvidence {
    /// Returns whether all of it are bounces that a bounce rate counts.
    pub fn is_of_counted_bounces(&self) -> bool {
        self.unproven > 0 && counted(&self.reasons) == self.unproven
    }
}

impl DeliveryDropEvidence {
    /// The share that was delivered; of nothing it is all.
    pub fn share(&self) -> f64 {
        if self.sampled == 0 {
            1.0
        } else {
            self.delivered as f64 / self.sampled as f64
        }
    }

    /// Returns the share that is lost at the least, with a confidence of 95% (E. B. Wilson, "Probable inference, the law of succession, and
    /// statistical inference", Journal of the American Statistical Association 22, 1927).
    pub fn least_lost(&self) -> f64 {
        /// The normal quantile of 95%, one-sided.
        const QUANTILE: f64 = 1.645;
        let (sampled, lost) = (self.sampled.max(1) as f64, 1.0 - self.share());
        let square = QUANTILE * QUANTILE / sampled;
        let spread = QUANTILE * (lost * (1.0 - lost) / sampled + square / (4.0 * sampled)).sqrt();
        ((lost + square / 2.0 - spread) / (1.0 + square)).max(0.0)
    }

    /// Returns what it says of the mail before `again`, where that is the end of it.
    #[must_use]
    pub fn before(&self, again: DeliveredSince) -> Self {
        let known = self.again_so_far.filter(|of| of.since == again.since);
        let (sampled, delivered) = known.map_or((0, 0), |of| (of.sampled, of.delivered));
        Self {
            sampled: self.sampled.saturating_sub(sampled),
            delivered: self.delivered.saturating_sub(delivered),
            ..self.clone()
        }
    }

    /// Messages that were not delivered.
    pub const fn lost(&self) -> u64 {
        self.sampled.saturating_sub(self.delivered)
    }

    /// Returns whether it is usual, or one message more, but for bounces that a bounce rate counts.
    pub fn is_of_counted_bounces(&self) -> bool {
        let counted = counted(&self.reasons);
        let others = self.lost().saturating_sub(counted);
        let usual = (1.0 - self.usual) * self.sampled as f64;
        counted > 0 && others as f64 <= usual.max(1.0)
    }
}

/// A time in which, by an incident, mail was not delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownLoss {
    /// The time.
    pub span: Span,
    /// The share of the mail that is lost, where the incident is open and a part still arrives; else 0.
    pub lost_share: f64,
    /// Whether the list of bounces says so, and not the sample.
    pub by_list: bool,
}

/// The newest sampled mail of a loss that seems to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredSince {
    /// When the first message of it was sent.
    pub since: Timestamp,
    /// Those that are delivered, bounced or old enough to have arrived.
    pub sampled: u64,
    /// Those of them that were delivered.
    pub delivered: u64,
}
