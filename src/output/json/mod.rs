//! What a script reads: one view per object of the JSON output.

pub mod evidence;
mod incident_list;

use serde::Serialize;
use serde_json::json;

use crate::model::{
    Acknowledgement, BounceClass, Incident, Mute, Rule, ServerName, Severity, Step, StreamId,
    StreamKey, Tag, Timestamp, Transition, rfc3339,
};
use crate::notify::alert::Style;
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::text::sanitize::json_line;

pub use incident_list::{ListedIncident, incidents_json};

/// A stream in `check --json` and `status --json`: its counts of the last 24 hours, in messages.
#[derive(Clone, Debug, Serialize)]
pub struct StreamView {
    pub id: StreamId,
    /// The instant up to which messages and bounces are covered without a hole.
    #[serde(serialize_with = "rfc3339")]
    pub covered_until: Option<Timestamp>,
    /// That instant, where only bounces and complaints were not read since, but messages were.
    #[serde(skip)]
    pub bounces_unread_since: Option<Timestamp>,
    pub sent: u64,
    /// Messages with a hard or blocked bounce.
    pub bounced: u64,
    pub spam_complaint: u64,
    /// Recipients of the messages; null where nothing is known of them. Rates are in recipients.
    pub recipients: Option<u64>,
    /// Recipients with a hard or blocked bounce, of each message.
    pub recipients_bounced: u64,
    pub recipients_complained: u64,
    /// Recipients that bounced or complained, by class.
    #[serde(skip)]
    pub classes: Vec<(BounceClass, u64)>,
    /// Messages delivered: exact where `sampled` equals `sent`, else estimated from the sample; null where that says nothing, or
    /// nothing of some hours.
    pub delivered: Option<u64>,
    /// The 95% interval of that number, also where it is null because of some hours.
    pub delivered_low: Option<u64>,
    pub delivered_high: Option<u64>,
    /// Messages whose delivery is followed.
    pub sampled: u64,
    /// Messages of hours of which the sample says nothing, where `delivered` is null for them.
    #[serde(skip)]
    pub unsampled: u64,
    /// Whether none of them could be read.
    #[serde(skip)]
    pub is_unread: bool,
    pub proven: u64,
    /// Messages that were listed one by one.
    pub listed: u64,
    /// Messages that are known as a number only.
    pub counted: u64,
}

/// One step of an incident in `check --json`, `backtest --format json` and `explain --json`.
#[derive(Clone, Debug, Serialize)]
pub struct TransitionView<'a> {
    at: String,
    transition: Step,
    #[serde(flatten)]
    incident: IncidentFields<'a>,
    told: bool,
    text: &'a str,
}

impl<'a> TransitionView<'a> {
    pub fn new(transition: &'a Transition, text: &'a str) -> Self {
        let incident = &transition.incident;
        Self {
            at: transition.at.to_string(),
            transition: transition.step,
            incident: IncidentFields::new(incident),
            told: transition.notified,
            text,
        }
    }
}

/// What a sink gets where somebody takes care of an incident: the fields of a step, and who it is.
#[derive(Clone, Debug, Serialize)]
pub struct AcknowledgementView<'a> {
    at: String,
    /// Always `acknowledged`.
    transition: &'static str,
    #[serde(flatten)]
    incident: IncidentFields<'a>,
    told: bool,
    acknowledged_by: &'a str,
    text: &'a str,
}

impl<'a> AcknowledgementView<'a> {
    pub fn new(
        incident: &'a Incident,
        acknowledgement: &'a Acknowledgement,
        text: &'a str,
    ) -> Self {
        Self {
            at: acknowledgement.at.to_string(),
            transition: "acknowledged",
            incident: IncidentFields::new(incident),
            told: true,
            acknowledged_by: &acknowledgement.by,
            text,
        }
    }
}

/// An incident in `check --json`, `status --json` and `explain --json`.
#[derive(Clone, Debug, Serialize)]
pub struct IncidentView<'a> {
    opened_at: String,
    told: bool,
    #[serde(flatten)]
    incident: IncidentFields<'a>,
    summary: String,
    /// Who takes care of it, and since when; null where nobody does.
    acknowledged_by: Option<&'a str>,
    acknowledged_at: Option<String>,
}

impl<'a> IncidentView<'a> {
    /// Returns the view of an incident, with its summary in `style`: what people read of it at `at`.
    pub fn new(incident: &'a Incident, at: Timestamp, style: Style) -> Self {
        let describe = match incident.is_open() {
            true => describe_open_at,
            false => describe_resolved,
        };
        Self {
            opened_at: incident.first_opening().to_string(),
            told: incident.notified,
            incident: IncidentFields::new(incident),
            summary: describe(incident, at, style),
            acknowledged_by: incident.acknowledged.as_ref().map(|a| a.by.as_str()),
            acknowledged_at: incident.acknowledged.as_ref().map(|a| a.at.to_string()),
        }
    }
}

/// What an incident is; the fraction is what its rule counted, `null` where it counts nothing.
#[derive(Clone, Debug, Serialize)]
struct IncidentFields<'a> {
    incident: &'a str,
    rule: Rule,
    severity: Severity,
    /// Null where it is of several servers.
    server: Option<&'a ServerName>,
    /// Null where it is of a whole server, or of several streams.
    stream: Option<&'a StreamId>,
    tag: Option<&'a Tag>,
    /// The streams that stopped together, where it is of several.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    streams: &'a [StreamKey],
    numerator: Option<u64>,
    denominator: Option<u64>,
    rate: Option<f64>,
    /// Whether its server is not in the configuration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unconfigured: bool,
}

impl<'a> IncidentFields<'a> {
    fn new(incident: &'a Incident) -> Self {
        let (numerator, denominator) = incident.evidence.fraction().unzip();
        let rate = match (numerator, denominator) {
            (Some(n), Some(d)) if d > 0 => Some(n as f64 / d as f64),
            (Some(_), Some(_)) => Some(0.0),
            _ => None,
        };
        Self {
            incident: &incident.id,
            rule: incident.rule,
            severity: incident.severity,
            server: Some(&incident.server).filter(|server| !server.is_all_servers()),
            stream: incident.stream.as_ref(),
            tag: incident.tag.as_ref(),
            streams: incident.evidence.streams(),
            numerator,
            denominator,
            rate,
            unconfigured: incident.unconfigured,
        }
    }
}

/// A mute in `mute --json`, `check --json`, `status --json` and `explain --json`.
#[derive(Clone, Debug, Serialize)]
pub struct MuteView<'a> {
    server: Option<&'a ServerName>,
    rule: Option<Rule>,
    /// The incident that it is of alone; null for all of that server and rule.
    incident: Option<&'a str>,
    from: String,
    until: String,
    reason: &'a str,
    by: &'a str,
    /// Whether it was set for a time to come.
    planned: bool,
}

impl<'a> MuteView<'a> {
    pub fn new(mute: &'a Mute) -> Self {
        Self {
            server: mute.server.as_ref(),
            rule: mute.rule,
            incident: mute.incident.as_deref(),
            from: mute.from.to_string(),
            until: mute.until.to_string(),
            reason: &mute.reason,
            by: &mute.by,
            planned: mute.planned,
        }
    }
}

/// Returns the output of `mute --json`, in one line.
pub fn mutes_line(mutes: &[Mute]) -> String {
    let mutes: Vec<MuteView> = mutes.iter().map(MuteView::new).collect();
    json_line(&json!({ "mutes": mutes }))
}
