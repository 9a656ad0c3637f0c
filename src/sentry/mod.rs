//! Sentry: events and check-ins by DSN, and its alert rules. The only room that knows its interfaces.
//!
//! ```text
//! event, check-in --> envelope --> client: one attempt, within its limits
//! rule --> api: found by name, written, and read back
//! ```

mod api;
mod client;
mod dsn;
pub mod envelope;
mod limits;
pub mod rule;

pub use api::{ApiError, RuleKind, RulesApi};
pub use client::{Error, Sentry};
pub use dsn::Dsn;
pub use envelope::{Monitor, MonitorSchedule};
pub use limits::Category;

/// What names a server whose token is missing or refused: in the event's message, tag and fingerprint, and in the rule that watches
/// for it.
pub const NO_TOKEN: &str = "skipped_no_postmark_token";

/// Where events go, and the monitor of this installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentrySettings {
    pub dsn: Dsn,
    pub environment: String,
    /// `None` where no check-ins are wanted.
    pub monitor: Option<Monitor>,
}
