//! Sinks: where every step that Slack is sent goes too. The only room that knows their interfaces.
//!
//! ```text
//! frozen JSON of a transition --> request: URL, headers and body of its kind --> client: one attempt, and what the answer means
//! ```

mod answer;
mod client;
#[cfg(feature = "email")]
mod mail;
mod request;
mod signature;
#[cfg(test)]
mod tests;

pub use client::{Error, SinkClient};
pub use request::{Happened, happened, ntfy_topic};
pub use signature::read_key;

use crate::secret::Secret;

/// The kind of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// One JSON object for each transition, signed in the form of Standard Webhooks.
    Webhook,
    /// `PagerDuty`'s Events API v2.
    PagerDuty,
    /// The alerts of Opsgenie and of what speaks its interface.
    Opsgenie,
    /// A topic of ntfy.
    Ntfy,
    /// Mail, through a server of its own.
    Email,
}

impl SinkKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Webhook,
        Self::PagerDuty,
        Self::Opsgenie,
        Self::Ntfy,
        Self::Email,
    ];

    /// Returns the name that the configuration, metrics and messages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
            Self::Ntfy => "ntfy",
            Self::Email => "email",
        }
    }

    /// Returns what people call it.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Webhook => "a webhook",
            Self::PagerDuty => "PagerDuty",
            Self::Opsgenie => "Opsgenie",
            Self::Ntfy => "ntfy",
            Self::Email => "a mail server",
        }
    }

    /// Returns where it is found if nothing else is configured.
    pub const fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Webhook | Self::Ntfy | Self::Email => None,
            Self::PagerDuty => Some("https://events.pagerduty.com"),
            Self::Opsgenie => Some("https://api.opsgenie.com"),
        }
    }

    /// Returns the keys of the configuration that say where its secret is: the name of a variable, and a file.
    pub const fn credential_keys(self) -> [&'static str; 2] {
        match self {
            Self::Webhook => ["secret_env", "secret_file"],
            Self::PagerDuty => ["routing_key_env", "routing_key_file"],
            Self::Opsgenie => ["api_key_env", "api_key_file"],
            Self::Ntfy => ["token_env", "token_file"],
            Self::Email => ["password_env", "password_file"],
        }
    }

    /// Returns whether it knows a repeat by its key, so that what was not confirmed can be sent again.
    pub const fn knows_repeats(self) -> bool {
        !matches!(self, Self::Ntfy | Self::Email)
    }

    /// Returns whether it can be told that somebody takes care of an incident.
    pub const fn takes_acknowledgements(self) -> bool {
        matches!(self, Self::Webhook | Self::PagerDuty | Self::Opsgenie)
    }

    /// Returns whether an incident stays open there until it is told of its end, of which it notifies nobody.
    pub const fn keeps_open(self) -> bool {
        matches!(self, Self::PagerDuty | Self::Opsgenie)
    }

    /// Returns whether it wants each step of an incident. Others page people, who get the last one only where several were decided
    /// at once, as after a gap.
    pub const fn wants_every_step(self) -> bool {
        matches!(self, Self::Webhook)
    }
}

/// A sink as it is configured.
#[derive(Clone, Debug)]
pub struct Destination {
    pub kind: SinkKind,
    /// May hold a secret in its path.
    pub url: Secret,
    /// The signing key, routing key, API key, token or password; `None` where it needs none.
    pub credential: Option<Secret>,
    /// The key of the configuration that says where the credential is, or would.
    pub credential_key: &'static str,
    /// From whom and to whom, for mail alone.
    pub envelope: Option<MailRoute>,
}

/// From whom mail comes and to whom it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRoute {
    /// An address.
    pub from: String,
    /// Addresses, at least one.
    pub to: Vec<String>,
    /// Who logs in; `None` where the server needs no login.
    pub username: Option<String>,
}
