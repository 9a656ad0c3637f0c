//! The arguments of what is asked at Postmark itself.

use clap::{Args, ValueEnum};

/// Arguments of `suppressions`.
#[derive(Debug, Args)]
pub struct Suppressions {
    /// Of this server alone, by its name in the configuration or in the account
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Of this stream alone, such as outbound
    #[arg(long, value_name = "ID")]
    pub stream: Option<String>,
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
