//! What a rule saw at one instant.

use serde::{Deserialize, Serialize};

use super::{
    BounceClass, CanaryEvidence, DeliveredSince, DeliveryDropEvidence, DeliveryEvidence,
    DnsDriftEvidence, DomainBlocksEvidence, DropEvidence, LastingExcess, NewLevel, RateEvidence,
    Rule, ServerName, Severity, SmtpErrorEvidence, Span, StreamId, StreamKey, Suppressed, Tag,
    Timestamp, UNSETTLED,
};

/// What a rule says of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is broken.
    Breach,
    /// It holds, and what broke it before is over.
    Within,
    /// It is not broken now, but what broke it before is not over either.
    Unresolved,
    /// Too little is covered to tell: neither fires nor resolves.
    Unknown,
}

/// A verdict with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// Which stream; `None` for a rule of the whole server.
    pub stream: Option<StreamId>,
    /// Which tag of the stream; `None` for all of its mail.
    pub tag: Option<Tag>,
    /// What it says.
    pub verdict: Verdict,
    /// How urgent a breach is at this instant.
    pub severity: Severity,
    /// What it rests on.
    pub evidence: Evidence,
    /// Of `bounce_rate` the same without the recipients that [`domain_blocks`](Rule::DomainBlocks) tells of at this instant; `None`
    /// where these change nothing.
    pub without_blocks: Option<Box<(Verdict, Evidence)>>,
    /// What could not be read since the open incident that it is about was judged last.
    pub unread: Option<Span>,
}

impl Finding {
    /// Returns a finding about a whole server; whoever evaluates a stream or a tag says which.
    pub const fn new(rule: Rule, verdict: Verdict, severity: Severity, evidence: Evidence) -> Self {
        Self {
            rule,
            stream: None,
            tag: None,
            verdict,
            severity,
            evidence,
            without_blocks: None,
            unread: None,
        }
    }
}

/// What a finding rests on; stored with every transition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A share of messages.
    Rate(RateEvidence),
    /// Nothing sent.
    Silence(SilenceEvidence),
    /// Far less sent than expected.
    Drop(DropEvidence),
    /// Sampled mail without proof of delivery.
    Delivery(DeliveryEvidence),
    /// A part of the sampled mail that is not delivered.
    DeliveryDrop(DeliveryDropEvidence),
    /// Single events.
    Events {
        /// When they happened, in order, in the last 24 hours.
        times: Vec<Timestamp>,
        /// The recipient of the newest.
        recipient: String,
        /// The recipients of all of them, each once, the newest first.
        #[serde(default)]
        recipients: Vec<String>,
        /// What happened to it.
        class: BounceClass,
        /// The id of the newest one's message, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// The tag of that message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
    },
    /// Whether addresses get no mail any more.
    Suppressed {
        /// Those that get none.
        addresses: Vec<Suppressed>,
        /// When that was last asked.
        asked_at: Option<Timestamp>,
    },
    /// We cannot see.
    Blind(BlindEvidence),
    /// Another server answers to the token.
    ServerChange(ServerChange),
    /// A mail of our own.
    Canary(CanaryEvidence),
    /// Mail that became no message.
    SmtpErrors(SmtpErrorEvidence),
    /// Recipient domains that block.
    DomainBlocks(DomainBlocksEvidence),
    /// What the DNS says of a domain.
    DnsDrift(DnsDriftEvidence),
}

/// Mail that stopped, beside what own history says of such gaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SilenceEvidence {
    /// The last message known to be sent.
    pub last_sent: Option<Timestamp>,
    /// The covered time without mail that is judged.
    pub gap: Span,
    /// The longer times between two messages of which the second was sent in the day before; none in a breach. No incident keeps them.
    #[serde(skip)]
    pub ended_gaps: Vec<Span>,
    /// Messages which own history expects in that time.
    pub expected: f64,
    /// The gap rescaled by own history: how many busy hours' worth of silence.
    pub surprise: f64,
    /// From which surprise on it is silence.
    pub threshold: f64,
    /// The longest such gap in own history, in the same measure.
    pub longest_before: f64,
    /// How many gaps of this stream in a year are expected to surprise as much.
    #[serde(default)]
    pub times_a_year: f64,
    /// The accepted false silence alarms a year, of the installation.
    pub false_alarms_per_year: f64,
    /// The burst that is missing, where that is what was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_burst: Option<MissingBurst>,
    /// The streams that stopped together, where the mail of several is judged as one; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamKey>,
    /// Those of them whose next mail is not due yet: of these the gap does not say that they stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_due: Vec<StreamKey>,
    /// Those that stopped and have sent nothing yet, where mail of others is sent again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<StreamKey>,
}

/// A burst of mail, such as a newsletter or a nightly run, that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingBurst {
    /// Messages that such a burst usually has.
    pub usual: u64,
    /// When the last one began.
    pub last_at: Timestamp,
    /// When the next one was due.
    pub due_at: Timestamp,
}

impl SilenceEvidence {
    /// Returns the burst that was due and is what is missing.
    pub fn overdue_burst(&self) -> Option<MissingBurst> {
        let is_due = |burst: &MissingBurst| burst.due_at < self.gap.until;
        self.missing_burst
            .filter(|burst| self.streams.is_empty() && is_due(burst))
    }

    /// Returns whether mail was sent again by `at`: the gap had ended by then. That of a tag is known up to where Postmark's
    /// index has settled.
    pub fn is_over_by(&self, at: Timestamp) -> bool {
        self.gap.until + UNSETTLED < at
    }
}

/// Polls in a row that were not complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindEvidence {
    /// The first cycle in a row without a complete poll.
    pub since: Timestamp,
    /// How many in a row.
    pub cycles: u64,
    /// Why, in one line.
    pub reason: String,
    /// Whether the token is missing or refused.
    #[serde(default)]
    pub token: bool,
    /// Whether Postmark answered, and there was more mail than the requests of a poll can read.
    #[serde(default)]
    pub limited: bool,
    /// Whether all mail was read, and only bounces and complaints were not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_bounces: bool,
    /// Where the token belongs, if the configuration names a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_place: Option<TokenPlace>,
    /// Of the account: what its list means for its servers.
    #[serde(default, skip_serializing_if = "AccountReach::is_known")]
    pub account: AccountReach,
}

/// Which servers are watched though the list of the account cannot be had as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountReach {
    /// Those known from before.
    #[default]
    Known,
    /// Not these, which were known: their tokens come with the list, and this process never had it.
    Without(Vec<ServerName>),
    /// None: none was ever known.
    Never,
    /// None: the list was read, and there is no server in it to watch.
    Empty,
}

impl AccountReach {
    const fn is_known(&self) -> bool {
        matches!(self, Self::Known)
    }
}

/// Where the configuration says that the token of a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// An environment variable, which is read at the start.
    Variable(String),
    /// A file, which is read in every cycle.
    File(String),
}

/// Another server than before answers to the token of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerChange {
    /// Postmark's number of the server whose mail is stored under the name.
    pub former: i64,
    /// The last poll of it that was complete.
    pub former_seen_at: Option<Timestamp>,
    /// The number of the one that answers.
    pub current: i64,
    /// What its owner calls that one, where it said so; text from outside.
    pub current_name: Option<String>,
    /// Where its own token belongs, if the configuration names a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_place: Option<TokenPlace>,
}

impl ServerChange {
    /// Returns what people call the server that answers: `staging (server 9708912)`.
    pub fn current_label(&self) -> String {
        match &self.current_name {
            Some(name) => format!("{name} (server {})", self.current),
            None => format!("server {}", self.current),
        }
    }
}

impl Evidence {
    /// Returns the streams that stopped, or fell, together, where it is of several; else none.
    pub const fn streams(&self) -> &[StreamKey] {
        match self {
            Self::Silence(silence) => silence.streams.as_slice(),
            Self::Drop(drop) => drop.streams.as_slice(),
            _ => &[],
        }
    }

    /// Leaves those of several streams that `stays` says.
    pub fn retain_streams(&mut self, stays: impl Fn(&StreamKey) -> bool) {
        match self {
            Self::Silence(silence) => {
                let lists = [
                    &mut silence.streams,
                    &mut silence.not_due,
                    &mut silence.silent,
                ];
                lists.into_iter().for_each(|streams| streams.retain(&stays));
            }
            Self::Drop(drop) => drop.streams.retain(stays),
            _ => {}
        }
    }

    /// Returns the burst that did not come, where it is of that.
    pub fn overdue_burst(&self) -> Option<MissingBurst> {
        match self {
            Self::Silence(silence) => silence.overdue_burst(),
            Self::Drop(drop) => drop.missing_burst,
            _ => None,
        }
    }

    /// Returns the lower level that became normal, where that is its end.
    pub const fn new_level(&self) -> Option<NewLevel> {
        match self {
            Self::Drop(drop) => drop.settled,
            _ => None,
        }
    }

    /// Returns it as the end of an incident that was last seen as `known`. A burst that came, or is given up, is the end of one that was
    /// missing, and of nothing else; a lower level is the end of a drop.
    #[must_use]
    pub fn into_end_of(mut self, known: &Self) -> Self {
        if let Self::Drop(drop) = &mut self {
            // The sum falls once mail is back, and its time may begin anew before that is sure.
            if let Self::Drop(known) = known {
                drop.low_until = drop.low_until.max(known.low_until);
            }
            match known.overdue_burst() {
                Some(_) => drop.settled = None,
                None => drop.missing_burst = None,
            }
        }
        self
    }

    /// Returns the burst that is no longer expected, where that is its end.
    pub const fn given_up_burst(&self) -> Option<MissingBurst> {
        match self {
            Self::Drop(drop) => drop.missing_burst,
            _ => None,
        }
    }

    /// Returns what was added up over days, where that is what it tells.
    pub const fn lasting(&self) -> Option<LastingExcess> {
        match self {
            Self::Rate(rate) => rate.lasting,
            _ => None,
        }
    }

    /// Returns whether it shows a worse state than `other` of the same rule; of kinds without a measure the later is worse.
    pub fn is_worse_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rate(rate), Self::Rate(other)) => rate.rate() > other.rate(),
            // Of the two views of one problem, that nothing goes is the worse.
            (Self::Drop(_), Self::Silence(_)) | (Self::DeliveryDrop(_), Self::Delivery(_)) => false,
            (Self::Silence(silence), Self::Silence(other)) => {
                silence.gap.length() > other.gap.length()
            }
            (Self::Drop(drop), Self::Drop(other)) => {
                drop.expected - drop.sent as f64 > other.expected - other.sent as f64
            }
            (Self::Delivery(delivery), Self::Delivery(other)) => delivery.unproven > other.unproven,
            (Self::DeliveryDrop(drop), Self::DeliveryDrop(other)) => drop.share() < other.share(),
            (Self::SmtpErrors(errors), Self::SmtpErrors(other)) => errors.errors > other.errors,
            (Self::DomainBlocks(of), Self::DomainBlocks(other)) => of.blocked() > other.blocked(),
            (Self::DnsDrift(of), Self::DnsDrift(other)) => of.broken.len() >= other.broken.len(),
            _ => true,
        }
    }

    /// Returns whether of two stops this is the one in which more mail was expected.
    pub fn lacks_more_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Silence(silence), Self::Silence(other)) => silence.expected > other.expected,
            _ => true,
        }
    }

    /// Returns how much of the problem there is, in the measure of its kind; `None` of kinds without one.
    fn magnitude(&self) -> Option<f64> {
        match self {
            Self::Rate(rate) => Some(rate.numerator as f64),
            Self::Silence(silence) => Some(silence.gap.length().as_secs_f64()),
            Self::Drop(drop) => Some(drop.expected - drop.sent as f64),
            Self::Delivery(delivery) => Some(delivery.unproven as f64),
            Self::DeliveryDrop(drop) => Some(drop.lost() as f64),
            Self::Suppressed { addresses, .. } => Some(addresses.len() as f64),
            Self::SmtpErrors(errors) => Some(errors.errors as f64),
            Self::DomainBlocks(of) => Some(of.blocked() as f64),
            Self::DnsDrift(of) => Some(of.broken.len() as f64),
            Self::Events { .. } | Self::Blind(_) | Self::ServerChange(_) | Self::Canary(_) => None,
        }
    }

    /// Returns whether it shows twice as much as `known`, or something else altogether.
    pub fn is_news_beside(&self, known: &Self) -> bool {
        match (self, known) {
            (Self::ServerChange(change), Self::ServerChange(known)) => {
                change.current != known.current
            }
            // The list has all messages, the sample a few.
            (Self::DeliveryDrop(drop), Self::DeliveryDrop(known))
                if drop.by_list != known.by_list =>
            {
                1.0 - drop.share() >= 2.0 * (1.0 - known.share())
            }
            // Days have more bounces than hours: of these only the shares compare.
            (Self::Rate(rate), Self::Rate(known))
                if rate.lasting.is_some() != known.lasting.is_some() =>
            {
                rate.rate() >= 2.0 * known.rate()
            }
            _ => match (self.magnitude(), known.magnitude()) {
                (Some(now), Some(known)) => now >= 2.0 * known,
                _ => false,
            },
        }
    }

    /// Returns the time of what was wrong, where that is known of single bounces or messages: not of the instants that judged it.
    pub fn problem(&self) -> Option<Span> {
        match self {
            Self::Events { times, .. } => span_of(times.first().copied(), times.last().copied()),
            Self::Rate(rate) => rate.wave,
            Self::Delivery(delivery) => span_of(delivery.since, delivery.newest_lost),
            Self::DeliveryDrop(drop) => span_of(Some(drop.since), drop.newest_lost),
            _ => None,
        }
    }

    /// Returns when the newest sampled message was sent that came late, before others that did not.
    pub const fn newest_late(&self) -> Option<Timestamp> {
        match self {
            Self::Delivery(delivery) => delivery.newest_late,
            _ => None,
        }
    }

    /// Returns what became of the newest sampled mail, where that is delivered again.
    pub const fn delivered_again(&self) -> Option<DeliveredSince> {
        match self {
            Self::Delivery(delivery) => delivery.again,
            Self::DeliveryDrop(drop) => drop.again,
            _ => None,
        }
    }

    /// Returns when the newest bounce or complaint happened that a rate counts.
    pub const fn newest_event(&self) -> Option<Timestamp> {
        match self {
            Self::Rate(rate) => rate.newest_at,
            _ => None,
        }
    }

    /// Numerator and denominator, where the rule has them.
    pub fn fraction(&self) -> Option<(u64, u64)> {
        match self {
            Self::Rate(rate) => Some((rate.numerator, rate.denominator)),
            _ => None,
        }
    }
}

const fn span_of(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<Span> {
    match (from, until) {
        (Some(from), Some(until)) => Some(Span::new(from, until)),
        _ => None,
    }
}
