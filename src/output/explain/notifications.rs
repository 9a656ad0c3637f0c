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
    /// Whether it was given up: it was never accepted, as far as is known.
    pub given_up: bool,
    #[serde(serialize_with = "rfc3339")]
    pub accepted_at: Option<Timestamp>,
    pub channel: Option<String>,
    /// The sink that it is for, as `sink:NAME`; `None` for Slack.
    #[serde(skip)]
    pub sink: Option<String>,
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
            (None, _) => not_delivered(notification),
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

fn not_delivered(notification: &Notification) -> String {
    let to = |word: &str| {
        let sink = notification.sink.as_deref();
        sink.map_or_else(String::new, |sink| format!(" {word} {}", shown(sink)))
    };
    if !notification.given_up {
        format!("not delivered{} yet", to("to"))
    } else if notification.attempts.iter().any(|attempt| attempt.unknown) {
        format!(
            "given up{}: never confirmed, it may have been posted",
            to("for")
        )
    } else {
        format!("given up{}: never accepted", to("for"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::samples::STYLE;

    fn said(sink: Option<&str>, given_up: bool, unknown: bool) -> String {
        let notification = Notification {
            kind: "sink",
            text: "a text".to_owned(),
            written_at: Timestamp(0),
            pending: !given_up,
            given_up,
            accepted_at: None,
            channel: None,
            sink: sink.map(str::to_owned),
            attempts: vec![Attempt {
                at: Timestamp(0),
                outcome: "it is gone".to_owned(),
                unknown,
            }],
        };
        let lines = notification_lines(&[notification], STYLE);
        let outcome = lines[0].rsplit_once("\"a text\": ");
        outcome.expect("an outcome").1.to_owned()
    }

    #[test]
    fn what_was_not_delivered_says_where_it_was_to_go_and_whether_it_may_be_there() {
        let bell = Some("sink:bell");
        assert_eq!(said(None, false, false), "not delivered yet");
        assert_eq!(said(bell, false, true), "not delivered to sink:bell yet");
        let given_up = said(bell, true, false);
        assert_eq!(given_up, "given up for sink:bell: never accepted");
        let unknown = "never confirmed, it may have been posted";
        assert_eq!(said(None, true, true), format!("given up: {unknown}"));
        let at_bell = format!("given up for sink:bell: {unknown}");
        assert_eq!(said(bell, true, true), at_bell);
    }
}
