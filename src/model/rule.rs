//! The rules and their settings, validated: a value of these types makes sense.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DAY, Finding, HOUR, StreamId, Tag};

/// How urgent an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Wants a look; in `mode = "digest"` it waits for the digest.
    Warn,
    /// Wants a person now, in every mode.
    Wake,
}

impl Severity {
    /// The word in configuration, JSON and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Wake => "wake",
        }
    }
}

/// What may not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Postmark refuses for a reason of the account.
    AccountInactive,
    /// The token of a server belongs to another one than before.
    ServerChanged,
    /// We cannot see.
    Blind,
    /// Nothing was sent where own history expected mail.
    SendSilence,
    /// Far less was sent than own history expects.
    SendDrop,
    /// Mail was sent, and none of the sampled mail is delivered.
    DeliverySilence,
    /// A smaller share of the followed mail is delivered than is usual for the stream.
    DeliveryDrop,
    /// Hard bounces above 5% of more than 100 recipients.
    HardBounceWake,
    /// Bounce rate above its threshold.
    BounceRate,
    /// Complaint rate above its threshold.
    SpamRate,
    /// A complaint from outside the own domains.
    SpamComplaintExternal,
    /// Mail to an operator's own address bounced.
    OperatorBounce,
    /// An operator's own address gets no mail any more.
    SuppressedAddress,
    /// A mail of the canary is refused, or not delivered.
    Canary,
    /// Postmark refuses far more mail sent by SMTP than usual.
    SmtpErrors,
    /// A recipient domain blocks more than its own past.
    DomainBlocks,
    /// A DNS record that a domain's mail needs is broken, and was good.
    DnsDrift,
}

impl Rule {
    /// Every rule, the stronger before the weaker which it inhibits.
    pub const ALL: [Self; 17] = [
        Self::AccountInactive,
        Self::ServerChanged,
        Self::Blind,
        Self::SendSilence,
        Self::SendDrop,
        Self::DeliverySilence,
        Self::DeliveryDrop,
        Self::HardBounceWake,
        Self::BounceRate,
        Self::SpamRate,
        Self::SpamComplaintExternal,
        Self::OperatorBounce,
        Self::SuppressedAddress,
        Self::Canary,
        Self::SmtpErrors,
        Self::DomainBlocks,
        Self::DnsDrift,
    ];

    /// The name in configuration, JSON, database and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountInactive => "account_inactive",
            Self::ServerChanged => "server_changed",
            Self::Blind => "blind",
            Self::SendSilence => "send_silence",
            Self::SendDrop => "send_drop",
            Self::DeliverySilence => "delivery_silence",
            Self::DeliveryDrop => "delivery_drop",
            Self::HardBounceWake => "hard_bounce_wake",
            Self::BounceRate => "bounce_rate",
            Self::SpamRate => "spam_rate",
            Self::SpamComplaintExternal => "spam_complaint_external",
            Self::OperatorBounce => "operator_bounce",
            Self::SuppressedAddress => "suppressed_address",
            Self::Canary => "canary",
            Self::SmtpErrors => "smtp_errors",
            Self::DomainBlocks => "domain_blocks",
            Self::DnsDrift => "dns_drift",
        }
    }

    /// The rule of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }

    /// Whether it watches a whole server rather than one stream.
    pub const fn is_of_server(self) -> bool {
        matches!(
            self,
            Self::AccountInactive
                | Self::ServerChanged
                | Self::Blind
                | Self::Canary
                | Self::SmtpErrors
        )
    }

    /// Whether it tells of single events and closes silently a day after the last.
    pub const fn is_of_events(self) -> bool {
        matches!(self, Self::SpamComplaintExternal | Self::OperatorBounce)
    }

    /// Returns how urgent it is unless the user says otherwise; `None` where that depends on the problem.
    pub const fn built_in_severity(self) -> Option<Severity> {
        match self {
            Self::Blind | Self::SendSilence | Self::DeliveryDrop => None,
            Self::SendDrop
            | Self::BounceRate
            | Self::SpamRate
            | Self::SuppressedAddress
            | Self::Canary
            | Self::SmtpErrors
            | Self::DomainBlocks
            | Self::DnsDrift => Some(Severity::Warn),
            Self::AccountInactive
            | Self::ServerChanged
            | Self::DeliverySilence
            | Self::HardBounceWake
            | Self::SpamComplaintExternal
            | Self::OperatorBounce => Some(Severity::Wake),
        }
    }

    /// Whether it is a share of recipients over a threshold.
    pub const fn is_rate(self) -> bool {
        matches!(
            self,
            Self::HardBounceWake | Self::BounceRate | Self::SpamRate
        )
    }

    /// Returns the problem that it is one view of, by the stronger of its rules: mail that becomes less and mail that stops
    /// are one problem, and one incident.
    pub const fn problem(self) -> Self {
        match self {
            Self::SendDrop => Self::SendSilence,
            Self::DeliveryDrop => Self::DeliverySilence,
            other => other,
        }
    }

    /// Returns the weaker view of its problem: of mail that stops or is not delivered, that it becomes less.
    pub const fn weaker_view(self) -> Self {
        match self {
            Self::SendSilence => Self::SendDrop,
            Self::DeliverySilence => Self::DeliveryDrop,
            other => other,
        }
    }

    /// Whether an open incident of this rule inhibits one of `weaker` on the same server (and stream, where both have one).
    pub const fn inhibits(self, weaker: Self) -> bool {
        match self {
            // What is of the whole server inhibits all that is weaker.
            Self::AccountInactive | Self::ServerChanged | Self::Blind => {
                (self as u8) < (weaker as u8)
            }
            // Where nothing arrives, all of it may have bounced.
            Self::DeliverySilence | Self::DeliveryDrop => {
                matches!(
                    weaker,
                    Self::HardBounceWake | Self::BounceRate | Self::DomainBlocks
                )
            }
            Self::HardBounceWake => matches!(weaker, Self::BounceRate),
            // Its message names the domains that bounce most, where it is of those that block.
            Self::BounceRate => matches!(weaker, Self::DomainBlocks),
            // The bounce that suppressed it was told, and what to do about it.
            Self::OperatorBounce => matches!(weaker, Self::SuppressedAddress),
            _ => false,
        }
    }

    /// Whether an open incident of this rule, of this stream and tag, inhibits one of the problem `weaker` of another on the same
    /// server: by its rule, or because the silence of a whole stream inhibits that of each of its tags.
    pub fn inhibits_at(
        self,
        (stream, tag): (Option<&StreamId>, Option<&Tag>),
        weaker: Self,
        (weaker_stream, weaker_tag): (Option<&StreamId>, Option<&Tag>),
    ) -> bool {
        let same_place = self.is_of_server() || stream == weaker_stream;
        let whole_over_tag = self == weaker && tag.is_none() && weaker_tag.is_some();
        same_place && (self.inhibits(weaker) || whole_over_tag)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The time whose rate is told as the usual one. An incident that began no longer ago is itself in it.
pub const USUAL_PERIOD: Duration = Duration::from_secs(7 * 86_400);

/// How far a rate's window reaches back at most.
const MAX_WINDOW_REACH: Duration = Duration::from_secs(7 * 86_400);

/// Settings of `bounce_rate` or `spam_rate`.
#[derive(Clone, Debug, PartialEq)]
pub struct RateRule {
    /// Fires strictly above this share, in (0, 1).
    pub threshold: f64,
    /// The trailing window.
    pub window: Duration,
    /// Fewest recipients that make a rate, at least 1.
    pub min_denominator: u64,
    /// A breach that returns this soon after it resolved is the same incident.
    pub suppress: Duration,
    /// Fires only if the lower end of the Clopper-Pearson interval exceeds the threshold, and on no single recipient; the level
    /// holds for all looks of 45 days together. Where the window has less mail than the floor, it reaches back until it has enough.
    pub confidence: Option<f64>,
}

impl RateRule {
    /// How far a window may reach back: with [`confidence`](Self::confidence) until the floor is met, else not at all.
    pub fn longest_window(&self) -> Duration {
        match self.confidence {
            Some(_) => self.window.max(MAX_WINDOW_REACH),
            None => self.window,
        }
    }
}

/// Settings of `send_silence`, `send_drop`, `delivery_silence` and `delivery_drop`.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceRule {
    /// Accepted false silence alarms a year, of the whole installation; above 0.
    pub false_alarms_per_year: f64,
    /// Nothing is said of silence before this much history.
    pub min_history: Duration,
}

/// Every rule's settings for one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Silence of every kind.
    pub silence: SilenceRule,
    /// Bounces.
    pub bounce_rate: RateRule,
    /// Complaints.
    pub spam_rate: RateRule,
    /// Domains whose complaints are our own tests; `spam_complaint_external` is off while this is empty.
    pub own_domains: Vec<String>,
    /// Addresses whose bounces wake, and which must not be suppressed.
    pub operator_addresses: Vec<String>,
    /// Whether Postmark delivers nothing of what the server sends: then no rule of delivery is evaluated.
    pub sandbox: bool,
    /// The rules that are off.
    pub disabled: BTreeSet<Rule>,
    /// The severities that the user chose instead of [`Rule::built_in_severity`].
    pub severities: BTreeMap<Rule, Severity>,
    /// The settings of the streams that have their own; these name no streams.
    pub streams: BTreeMap<StreamId, Self>,
}

impl Rules {
    /// Returns whether a rule is on.
    pub fn is_enabled(&self, rule: Rule) -> bool {
        !self.disabled.contains(&rule)
    }

    /// Returns the settings that hold on `stream`.
    pub fn for_stream(&self, stream: &StreamId) -> &Self {
        self.streams.get(stream).unwrap_or(self)
    }

    /// Returns a finding with the severity that the user chose; `None` of a rule that is off.
    pub fn tune(&self, finding: Finding) -> Option<Finding> {
        let rules = finding.stream.as_ref().map_or(self, |s| self.for_stream(s));
        let chosen = rules.severities.get(&finding.rule);
        rules.is_enabled(finding.rule).then(|| Finding {
            severity: chosen.copied().unwrap_or(finding.severity),
            ..finding
        })
    }

    /// Returns the rules with a change that holds on every stream.
    #[must_use]
    pub fn with(mut self, change: impl Fn(&mut Self)) -> Self {
        change(&mut self);
        self.streams.values_mut().for_each(change);
        self
    }
}

impl Default for Rules {
    /// The built-in values of `monitor.toml`.
    fn default() -> Self {
        let rate = |threshold, window, min_denominator| RateRule {
            threshold,
            window,
            min_denominator,
            suppress: HOUR,
            confidence: Some(0.95),
        };
        Self {
            silence: SilenceRule {
                false_alarms_per_year: 4.0,
                min_history: 7 * DAY,
            },
            bounce_rate: rate(0.01, HOUR, 10),
            spam_rate: rate(0.001, DAY, 25),
            own_domains: Vec::new(),
            operator_addresses: Vec::new(),
            sandbox: false,
            disabled: BTreeSet::new(),
            severities: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_rules_is_whole_and_has_the_stronger_first() {
        // What the derived parser expects instead of a name that is none: every variant there is.
        let unknown: Result<Rule, _> = serde_json::from_str(r#""none of them""#);
        let expected = unknown.expect_err("no rule").to_string();
        for (place, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, place, "{rule}");
            assert_eq!(Rule::from_name(rule.name()), Some(rule));
            assert!(expected.contains(&format!("`{rule}`")), "{expected}");
        }
        assert_eq!(
            expected.matches('`').count() / 2,
            1 + Rule::ALL.len(),
            "{expected}"
        );
        for (stronger, weaker) in Rule::ALL.iter().flat_map(|a| Rule::ALL.map(|b| (*a, b))) {
            assert!(
                !stronger.inhibits(weaker) || stronger < weaker,
                "{stronger}, {weaker}"
            );
        }
    }
}
