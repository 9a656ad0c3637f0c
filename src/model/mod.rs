//! The words of the domain, as plain values.

mod answer;
mod bounce;
mod canary;
mod counted;
mod coverage;
mod delivery;
mod dns;
mod domain_blocks;
mod drop;
mod duration;
mod feedback;
mod finding;
mod history;
mod inactive;
mod incident;
mod learned;
mod mail;
mod missing_streams;
mod mute;
mod names;
mod packed_hours;
mod packed_samples;
mod rate;
mod rule;
mod same_server;
mod smtp_errors;
mod suppression;
mod time;
mod waiting;
mod zone;

pub use answer::{Acknowledgement, Answer, StandingAnswer};
pub use bounce::{Bounce, BounceClass, BounceType};
pub use canary::{CANARY_TAG, CanaryEvidence, CanaryMail, CanaryOutcome};
pub use counted::{CountedSpan, UNSETTLED, add_hours, merge_hours};
pub use coverage::{Coverage, Kind};
pub use delivery::{
    DeliveredSince, DeliveryDropEvidence, DeliveryEvidence, KnownLoss, ListedBounces,
};
pub use dns::{BrokenRecord, DnsAnswer, DnsDriftEvidence, DnsFault, DnsRecord, GoodRecord};
pub use domain_blocks::{
    BLOCKS_LOOKBACK, BlockedRecipient, BlockingDomain, DomainBlocksEvidence, OlderBlocks,
};
pub use drop::{DropEvidence, NewLevel};
pub use duration::{DurationError, parse_duration, parse_duration_within};
pub use feedback::{Feedback, Judgement, MarkedTime};
pub use finding::{
    AccountReach, BlindEvidence, Evidence, Finding, MissingBurst, ServerChange, SilenceEvidence,
    TokenPlace, Verdict,
};
pub use history::{
    BounceEvent, BouncedMessages, CumulativeCounts, FailedMessages, HOURS_KEPT, History, HourCount,
    KnownRecipients, MIN_TAG_MESSAGES, MessageOutcome, RecipientCount, SAMPLE_LOOKBACK,
    SampleOutcome, SampledMessage, TAG_LOOKBACK, UsualDelivery,
};
pub use incident::{Incident, IncidentState, STAYS_CLOSED, Step, Transition};
pub use learned::{Learned, LearnedKey, Series};
pub use mail::{BOUNCE_TESTING_DOMAIN, Mail, Proof, Status, domain_of};
pub use missing_streams::{MisnamedStream, MissingStreams};
pub use mute::{Hold, MAX_QUIET_HOURS, Mute};
pub use names::{ServerName, StreamId, StreamKey, Subject, Tag};
pub use packed_hours::{
    PackedWeeks, WEEK, WeekDigest, by_week, pack_hours, split_by_week, unpack_hours,
};
pub use packed_samples::{digest_delivered, pack_delivered, unpack_delivered};
pub use rate::{ChanceBreaches, KnownExcess, LastingExcess, RateEvidence, RateUnit, ToldBounces};
pub use rule::{RateRule, Rule, Rules, Severity, SilenceRule, USUAL_PERIOD};
pub use same_server::SameServer;
pub use smtp_errors::{SmtpErrorDay, SmtpErrorEvidence};
pub use suppression::{AddressCheck, Suppressed};
pub use time::{DAY, HOUR, MINUTE, Span, Timestamp, rfc3339};
pub use waiting::{WaitReason, WaitingMessages};
pub use zone::{Zone, ZoneOffset};
