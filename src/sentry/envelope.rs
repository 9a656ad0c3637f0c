//! Envelopes: what Sentry is sent, as its developer documentation describes them. Pure.
//!
//! Sources: "Envelopes", "Event Payloads" and "Check-Ins" of develop.sentry.dev. The fields are a closed set, so that there is
//! nothing to scrub.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::Timestamp;

const RELEASE: &str = concat!("hushwatch@", env!("CARGO_PKG_VERSION"));
/// The maximum length of the value of a tag, in characters.
const MAX_TAG_CHARS: usize = 200;
/// How many minutes after its time a check-in is missed.
const CHECK_IN_MARGIN_MINUTES: u64 = 5;

/// The id of an event or a check-in: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(Uuid);

impl Id {
    /// Draws an id.
    pub fn new() -> Self {
        let bytes = fastrand::u128(..).to_le_bytes();
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    fn text(self) -> String {
        self.0.simple().to_string()
    }
}

/// How urgent an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventLevel {
    Error,
    Info,
}

/// An event.
#[derive(Clone, Debug)]
pub struct SentryEvent<'e> {
    pub id: Id,
    pub at: Timestamp,
    pub level: EventLevel,
    pub message: String,
    pub tags: Vec<(&'e str, &'e str)>,
    /// Events of one fingerprint are one issue.
    pub fingerprint: Vec<&'e str>,
    pub environment: &'e str,
}

/// How a cycle goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInStatus {
    InProgress,
    Ok,
    Error,
}

impl CheckInStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

/// The cron monitor of this installation, which each check-in creates or brings up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// At most 50 of `a-z0-9_-`, not only digits.
    pub slug: String,
    pub environment: String,
    pub schedule: MonitorSchedule,
    /// How many minutes a cycle may take.
    pub max_runtime: u64,
}

/// When a monitor expects a check-in; in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorSchedule {
    /// Five fields.
    Crontab(String),
    /// So many minutes.
    Every(u64),
}

impl MonitorSchedule {
    /// Returns the schedule of a cron expression with seconds, whose instants are `gap` apart now. What five fields cannot say is
    /// an interval.
    pub fn new(expression: &str, gap: Duration) -> Self {
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let is_plain = |field: &&str| {
            let is_known = |c: char| c.is_ascii_alphanumeric() || "*,-/".contains(c);
            field.chars().all(is_known) && !field.contains(['L', 'W'])
        };
        match fields.split_first() {
            Some((second, rest))
                if rest.len() == 5
                    && second.bytes().all(|b| b.is_ascii_digit())
                    && rest.iter().all(is_plain) =>
            {
                Self::Crontab(rest.join(" "))
            }
            _ => Self::Every(gap.as_secs().div_ceil(60).max(1)),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Crontab(value) => json!({ "type": "crontab", "value": value }),
            Self::Every(minutes) => {
                json!({ "type": "interval", "value": minutes, "unit": "minute" })
            }
        }
    }
}

/// Returns the envelope of an event.
pub fn event(event: &SentryEvent<'_>, sent_at: Timestamp) -> String {
    let tag = |(name, value): &(&str, &str)| {
        let value: String = value
            .chars()
            .filter(|c| *c != '\n')
            .take(MAX_TAG_CHARS)
            .collect();
        ((*name).to_owned(), Value::from(value))
    };
    let tags: serde_json::Map<String, Value> = event.tags.iter().map(tag).collect();
    let payload = json!({
        "event_id": event.id.text(),
        "timestamp": event.at.to_string(),
        "platform": "other",
        "level": match event.level { EventLevel::Error => "error", EventLevel::Info => "info" },
        "logger": "hushwatch",
        "release": RELEASE,
        "environment": event.environment,
        "logentry": { "formatted": event.message },
        "tags": tags,
        "fingerprint": event.fingerprint,
    });
    let header = json!({ "event_id": event.id.text(), "sent_at": sent_at.to_string() });
    envelope(&header, "event", &payload)
}

/// Returns the envelope of a check-in.
pub fn check_in(
    id: Id,
    monitor: &Monitor,
    status: CheckInStatus,
    duration: Option<Duration>,
    sent_at: Timestamp,
) -> String {
    let mut payload = json!({
        "check_in_id": id.text(),
        "monitor_slug": monitor.slug,
        "status": status.name(),
        "release": RELEASE,
        "environment": monitor.environment,
        "monitor_config": {
            "schedule": monitor.schedule.json(),
            "checkin_margin": CHECK_IN_MARGIN_MINUTES,
            "max_runtime": monitor.max_runtime,
            "timezone": "UTC",
        },
    });
    if let Some(duration) = duration {
        payload["duration"] = json!(duration.as_secs_f64());
    }
    envelope(
        &json!({ "sent_at": sent_at.to_string() }),
        "check_in",
        &payload,
    )
}

/// Returns an envelope that shows nowhere: a report that nothing was discarded.
pub fn probe(sent_at: Timestamp) -> String {
    let payload = json!({ "timestamp": sent_at.to_string(), "discarded_events": [] });
    envelope(
        &json!({ "sent_at": sent_at.to_string() }),
        "client_report",
        &payload,
    )
}

fn envelope(header: &Value, kind: &str, payload: &Value) -> String {
    let payload = payload.to_string();
    let item = json!({ "type": kind, "length": payload.len() });
    format!("{header}\n{item}\n{payload}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_loses_its_seconds_or_becomes_an_interval() {
        let hour = Duration::from_secs(3_600);
        for (expression, expected) in [
            (
                "0 0 * * * *",
                MonitorSchedule::Crontab("0 * * * *".to_owned()),
            ),
            (
                "30 */15 8-18 * * MON-FRI",
                MonitorSchedule::Crontab("*/15 8-18 * * MON-FRI".to_owned()),
            ),
            ("*/30 * * * * *", MonitorSchedule::Every(60)),
            ("0 0 9 L * *", MonitorSchedule::Every(60)),
            ("0 0 9 * * FRI#2", MonitorSchedule::Every(60)),
        ] {
            assert_eq!(
                MonitorSchedule::new(expression, hour),
                expected,
                "{expression}"
            );
        }
        let half = Duration::from_secs(30);
        assert_eq!(
            MonitorSchedule::new("*/30 * * * * *", half),
            MonitorSchedule::Every(1)
        );
    }

    #[test]
    fn an_envelope_is_three_lines_and_says_how_long_its_payload_is() {
        let at = Timestamp::parse("2026-03-03T10:00:00Z").expect("valid");
        let long = "ä\n".repeat(300);
        let text = event(
            &SentryEvent {
                id: Id::new(),
                at,
                level: EventLevel::Error,
                message: "skipped\nhere".to_owned(),
                tags: vec![("server", &long)],
                fingerprint: vec!["skipped"],
                environment: "production",
            },
            at,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        let json = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
        let (header, item, payload) = (json(lines[0]), json(lines[1]), json(lines[2]));
        assert_eq!(item["length"], lines[2].len());
        assert_eq!(header["event_id"], payload["event_id"]);
        let tag = payload["tags"]["server"].as_str().expect("a text");
        assert!(tag.chars().count() == MAX_TAG_CHARS && !tag.contains('\n'));
    }
}
