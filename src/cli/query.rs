//! The arguments of what is asked at Postmark itself.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::postmark::KINDS;

/// Arguments of `suppressions`.
#[derive(Debug, Args)]
pub struct Suppressions {
    #[doc(hidden)]
    #[command(flatten)]
    pub place: Place,
    /// Of this address alone
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["domain", "reactivate"])]
    pub address: Option<String>,
    /// Of addresses at this domain, and below it
    #[arg(long, value_name = "DOMAIN", conflicts_with = "reactivate")]
    pub domain: Option<String>,
    /// For this reason alone
    #[arg(long, value_enum, conflicts_with = "reactivate")]
    pub reason: Option<Reason>,
    /// Take this address off every list; asks first
    #[arg(long, value_name = "ADDRESS")]
    pub reactivate: Option<String>,
    /// Do not ask
    #[arg(long, requires = "reactivate")]
    pub yes: bool,
    /// Show at most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Where to look.
#[derive(Debug, Args)]
pub struct Place {
    /// Of this server alone, by its name in the configuration or in the account
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Of this stream alone, such as outbound
    #[arg(long, value_name = "ID")]
    pub stream: Option<String>,
}

/// From when to when, as a person writes it.
#[derive(Debug, Args)]
pub struct Window {
    /// From then on: RFC 3339, a date or a time of `time_zone`, or so long ago, such as 2h or 3d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Before then, in the same forms; a date stands for its end
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// When and where to look, and for whom.
#[derive(Debug, Args)]
pub struct Scope {
    #[doc(hidden)]
    #[command(flatten)]
    pub window: Window,
    #[doc(hidden)]
    #[command(flatten)]
    pub place: Place,
    /// With this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// What every list of Postmark's activity takes.
#[derive(Debug, Args)]
pub struct List {
    #[doc(hidden)]
    #[command(flatten)]
    pub scope: Scope,
    /// Show at most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

/// Arguments of `messages`.
#[derive(Debug, Args)]
pub struct Messages {
    /// To this address
    #[arg(long, value_name = "ADDRESS")]
    pub recipient: Option<String>,
    /// From this address
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// How far Postmark has come with it, which tells nothing of its delivery
    #[arg(long, value_enum)]
    pub status: Option<Status>,
    #[doc(hidden)]
    #[command(flatten)]
    pub list: List,
}

/// Postmark's states of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Status {
    /// Accepted, not yet on its way
    Queued,
    /// On its way
    Sent,
    /// As sent
    Processed,
}

impl Status {
    /// Postmark's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Processed => "processed",
        }
    }
}

/// Arguments of `bounces`.
#[derive(Debug, Args)]
pub struct Bounces {
    /// Of addresses that hold this text
    #[arg(long, value_name = "TEXT")]
    pub recipient: Option<String>,
    /// Of this type
    #[arg(long = "type", value_name = "TYPE", ignore_case = true, value_parser = PossibleValuesParser::new(KINDS))]
    pub kind: Option<String>,
    /// Of this message
    #[arg(long, value_name = "ID")]
    pub message: Option<String>,
    /// Only those that keep their address from getting mail
    #[arg(long)]
    pub inactive: bool,
    #[doc(hidden)]
    #[command(flatten)]
    pub list: List,
}

/// Arguments of `message`.
#[derive(Debug, Args)]
pub struct MessageArgs {
    /// The id which Postmark gave it
    pub id: String,
    /// Ask this server alone
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `stats`.
#[derive(Debug, Args)]
pub struct Stats {
    #[doc(hidden)]
    #[command(flatten)]
    pub scope: Scope,
    /// Each of Postmark's days apart
    #[arg(long)]
    pub by_day: bool,
}

/// Why an address is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reason {
    /// A mail to it bounced for good
    #[value(alias = "HardBounce", alias = "hardbounce")]
    HardBounce,
    /// Its owner complained of a mail
    #[value(alias = "SpamComplaint", alias = "spamcomplaint")]
    SpamComplaint,
    /// Somebody put it on the list, or its owner unsubscribed
    #[value(
        name = "manual",
        alias = "ManualSuppression",
        alias = "manual-suppression"
    )]
    Manual,
}

impl Reason {
    /// Postmark's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardBounce => "HardBounce",
            Self::SpamComplaint => "SpamComplaint",
            Self::Manual => "ManualSuppression",
        }
    }
}
