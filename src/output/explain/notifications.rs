//! The messages about an incident: when each was delivered, and which attempts failed.

use serde::Serialize;

use super::{MAX_LINES, shown};
use crate::model::{Timestamp, rfc3339};
use crate::notify::alert::Style;
use crate::text::elide::elide_middle;
use crate::text::format::format_time;

/// A message about the incident, and its delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Notification {
    pub kind: &'static str,
    pub text: String,
    #[serde(serialize_with = "rfc3339")]
    pub written_at: Timestamp,
    pub pending: bool,
    /// Whether it was given up: it may have been accepted, and nothing ever confirmed it.
    pub given_up: bool,
    #[serde(serialize_with = "rfc3339")]
    pub accepted_at: Option<Timestamp>,
    pub channel: Option<String>,
    pub attempts: Vec<Attempt>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// `begun`, [`ACCEPTED`](Attempt::ACCEPTED), or why it failed.
    pub outcome: String,
    /// Whether it may have been accepted, though no answer said so.
    pub unknown: bool,
}

impl Attempt {
    pub const ACCEPTED: &str = "accepted";

    fn failure(&self) -> Option<&str> {
        match self.outcome.as_str() {
            Self::ACCEPTED => None,
            "begun" => Some("broke off; it is unknown whether it was accepted"),
            reason => Some(reason),
        }
    }
}

pub(super) fn notification_lines(notifications: &[Notification], style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for notification in notifications {
        let accepted_at = notification.accepted_at.filter(|_| !notification.pending);
        let outcome = match (accepted_at, &notification.channel) {
            (Some(at), Some(channel)) => {
                let at = format_time(at, style.zone);
                format!("delivered {at} to {}", shown(channel))
            }
            (Some(at), None) => format!("delivered {}", format_time(at, style.zone)),
            (None, _) if notification.given_up => {
                "given up: never confirmed, it may have been posted".to_owned()
            }
            (None, _) => "not delivered yet".to_owned(),
        };
        lines.push(format!(
            "{} \"{}\": {outcome}",
            format_time(notification.written_at, style.zone),
            shown(notification.text.lines().next().unwrap_or_default())
        ));
        let failed = notification.attempts.iter().filter_map(|attempt| {
            let at = format_time(attempt.at, style.zone);
            let why = shown(attempt.failure()?);
            Some(format!("  failed attempt {at}: {why}"))
        });
        let failed: Vec<String> = failed.collect();
        lines.extend(elide_middle(failed, MAX_LINES, "attempts"));
    }
    elide_middle(lines, MAX_LINES, "lines")
}
