//! What the commands print: `check --json`, `status`, `recent`.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::app::deliver::Notices;
use crate::app::evaluate::Evaluation;
use crate::app::mutes::mute_json;
use crate::app::poll::Polled;
use crate::app::summary::{Figures, figures, next_monday_at_ten};
use crate::config::ServerConfig;
use crate::detect::Silence;
use crate::message::alert::{place, standing, tag_name};
use crate::message::muting;
use crate::message::text::clean_lines;
use crate::message::words::{count, percent, span, when, when_or_never};
use crate::model::{
    BounceClass, DAY, History, Incident, Rules, ServerName, Span, StreamId, Tag, Timestamp,
    Transition,
};
use crate::store::{self, EventRow};

/// What a cycle saw and did.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    at: String,
    complete: bool,
    servers: Vec<Value>,
    transitions: Vec<Value>,
    open_incidents: Vec<Value>,
    mutes: Vec<Value>,
    notices: Notices,
    errors: Vec<String>,
}

impl CheckReport {
    /// Whether every server was polled completely and nothing is pending.
    pub fn is_complete(&self) -> bool {
        self.complete && self.notices.pending == 0
    }

    /// Whether an incident is open.
    pub fn has_open_incident(&self) -> bool {
        !self.open_incidents.is_empty()
    }

    /// In a line, for the log.
    pub fn to_line(&self) -> String {
        let state = if self.complete {
            "complete"
        } else {
            "not complete"
        };
        format!(
            "cycle of {} {state}: {} steps, {} incidents open, {} messages sent, {} pending",
            self.at,
            self.transitions.len(),
            self.open_incidents.len(),
            self.notices.sent,
            self.notices.pending
        )
    }
}

/// The report of a cycle.
pub(super) async fn check(
    app: &App,
    now: Timestamp,
    (polled, others, whole): (&[Polled], &[Arc<ServerConfig>], bool),
    evaluation: &Evaluation,
    notices: Notices,
) -> Result<CheckReport, store::Error> {
    let mut servers = Vec::new();
    for poll in polled {
        let mut streams = Vec::new();
        for stream in &poll.streams {
            let (history, day) = app.last_day(poll.name(), stream, now).await?;
            streams.push(stream_json(stream, &history, &day, now));
        }
        servers.push(json!({
            "name": poll.name(), "reachable": poll.reachable, "complete": poll.row.complete,
            "requests": poll.row.requests, "streams": streams,
        }));
    }
    let mut open = evaluation.open.clone();
    for server in others {
        let (told, incidents) = app.of_another(&server.name, now).await?;
        servers.push(told);
        open.extend(incidents);
    }
    Ok(CheckReport {
        at: now.to_string(),
        complete: whole && polled.iter().all(|p| p.row.complete),
        servers,
        transitions: evaluation
            .transitions
            .iter()
            .map(|(t, text)| transition_json(t, text))
            .collect(),
        open_incidents: open.iter().map(|i| incident_json(i, app)).collect(),
        mutes: evaluation.mutes.iter().map(mute_json).collect(),
        notices,
        errors: polled.iter().flat_map(|p| p.errors.clone()).collect(),
    })
}

/// One step as scripts read it.
pub fn transition_json(transition: &Transition, text: &str) -> Value {
    let incident = &transition.incident;
    let (numerator, denominator) = incident.evidence.fraction().unzip();
    json!({
        "at": transition.at.to_string(), "incident": incident.id, "transition": transition.step,
        "rule": incident.rule, "severity": incident.severity, "server": incident.server, "stream": incident.stream,
        "tag": incident.tag, "numerator": numerator, "denominator": denominator, "rate": rate(numerator, denominator),
        "told": transition.told, "text": text,
    })
}

fn rate(numerator: Option<u64>, denominator: Option<u64>) -> Option<f64> {
    match (numerator, denominator) {
        (Some(n), Some(d)) if d > 0 => Some(n as f64 / d as f64),
        (Some(_), Some(_)) => Some(0.0),
        _ => None,
    }
}

fn incident_json(incident: &Incident, app: &App) -> Value {
    let (numerator, denominator) = incident.evidence.fraction().unzip();
    json!({
        "incident": incident.id, "rule": incident.rule, "severity": incident.severity, "server": incident.server,
        "stream": incident.stream, "tag": incident.tag, "opened_at": incident.opened_at.to_string(), "told": incident.told,
        "numerator": numerator, "denominator": denominator, "rate": rate(numerator, denominator),
        "summary": standing(incident, app.style()),
    })
}

/// Up to where both kinds are covered without a hole.
fn covered_until(history: &History, now: Timestamp) -> Option<Timestamp> {
    let both = history.messages.intersect(&history.bounces);
    // Older holes say nothing of the figures, which are of a day.
    let start = (now - DAY).max(history.begins?);
    let covered = both.until_first_hole(start);
    if covered > start {
        return Some(covered.min(now));
    }
    let before = both.spans().iter().rev().find(|s| s.until <= start);
    let after = both.spans().iter().find(|s| s.from > start);
    let known = before.or(after)?;
    Some(known.until.min(now))
}

fn stream_json(stream: &StreamId, history: &History, day: &Figures, now: Timestamp) -> Value {
    let counted = history.counted_in(Span::before(now, DAY)).min(day.sent);
    json!({
        "id": stream, "covered_until": covered_until(history, now).map(|at| at.to_string()),
        "sent": day.sent, "bounced": day.bounced, "spam_complaint": day.complaints,
        "delivered": day.delivered, "sampled": day.sampled, "proven": day.proven,
        "listed": day.sent - counted, "counted": counted,
    })
}

impl App {
    async fn last_day(
        &self,
        server: &ServerName,
        stream: &StreamId,
        now: Timestamp,
    ) -> Result<(History, Figures), store::Error> {
        let day = Span::before(now, DAY);
        let history = self.history(server, stream, day).await?;
        let figures = figures(&history, day);
        Ok((history, figures))
    }

    /// What is stored of a server which another process polls, and what is open on it.
    async fn of_another(
        &self,
        name: &ServerName,
        now: Timestamp,
    ) -> Result<(Value, Vec<Incident>), store::Error> {
        let of = name.clone();
        let read = move |s: &mut dyn store::Backend| {
            Ok((s.server(&of, now)?, s.streams(&of)?, s.incidents(&of)?))
        };
        let (state, ids, mut incidents) = self.store.call(read).await?;
        incidents.retain(Incident::is_open);
        let mut streams = Vec::new();
        for stream in &ids {
            let (history, day) = self.last_day(name, stream, now).await?;
            streams.push(stream_json(stream, &history, &day, now));
        }
        let complete = state.incomplete_since.is_none();
        let told = json!({
            "name": name, "reachable": complete, "complete": complete, "requests": 0, "streams": streams,
        });
        Ok((told, incidents))
    }

    /// The instant that what is stored is told for: the last cycle's, or the machine's before the first.
    async fn stored_until(&self) -> Result<Timestamp, store::Error> {
        Ok(self
            .store
            .call(|s| s.last_cycle_at())
            .await?
            .unwrap_or_else(crate::clock::now))
    }

    /// What is stored, for a person or as JSON.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn status(&self, as_json: bool) -> Result<String, store::Error> {
        let at = self.stored_until().await?;
        let last_cycle = self.store.call(|s| s.last_cycle_at()).await?;
        let (pending, held) = self
            .store
            .call(move |s| Ok((s.pending()?, s.held(at)?.len())))
            .await?;
        let watched = self.watched().await?;
        let series = self.store.call(|s| s.series()).await?;
        let (mut text, mut servers, mut open) = (String::new(), Vec::new(), Vec::new());
        let zone = self.config.time_zone;
        text.push_str(&match last_cycle {
            Some(at) => format!("Last cycle {} {}\n", when(at, zone), zone.name()),
            None => "No cycle yet\n".to_owned(),
        });
        text.push_str(&format!("Data in {}\n", self.config.store));
        for (server, streams) in watched {
            let name = server.name.clone();
            let (state, incidents) = self
                .store
                .call(move |s| Ok((s.polls(&name, 1)?, s.incidents(&name)?)))
                .await?;
            let complete = state.first().is_some_and(|p| p.complete);
            let reason = state.first().and_then(|p| p.reason.clone());
            text.push_str(&format!(
                "\n{}: {}\n",
                server.name,
                seen(state.is_empty(), reason.as_deref())
            ));
            let mut of = Vec::new();
            for stream in &streams {
                let last_day = Span::before(at, DAY);
                let history = self.tagged_history(&server.name, stream, last_day).await?;
                let day = figures(&history, last_day);
                let rules = self.config.rules_for(&server);
                let silence = Silence::at(&history, at, &rules, series);
                let learning = silence.is_learning(&history, at);
                let mut json = stream_json(stream, &history, &day, at);
                let unnoticed = (!learning)
                    .then(|| silence.unnoticed_from(&history, next_monday_at_ten(at)))
                    .flatten();
                json["last_sent"] = json!(history.last_sent(at).map(|at| at.to_string()));
                json["last_delivered"] = json!(history.last_delivered(at).map(|at| at.to_string()));
                json["learning"] = json!(learning);
                json["stop_noticed_after_s"] = json!(unnoticed.map(|d| d.as_secs()));
                let tags = tags_told(&history, at, &rules, series);
                json["tags"] = tags.iter().map(TagTold::to_json).collect();
                of.push(json);
                let noticed = match (learning, unnoticed) {
                    (true, _) => "silence still being learned".to_owned(),
                    (false, Some(after)) => format!(
                        "a stop on a Monday at 10:00 UTC would be told after {}",
                        span(after)
                    ),
                    (false, None) => "too little mail to notice a stop within 45 days".to_owned(),
                };
                text.push_str(&format!(
                    "  {stream}: last 24h {} sent{}, {} bounced ({}), {} complaints, {} of {} followed proven delivered\n    \
                     seen up to {}; last mail {}, last delivery {}\n    {noticed}\n",
                    count(day.sent),
                    counted_of(&history, last_day),
                    count(day.bounced),
                    percent(day.bounce_rate()),
                    count(day.complaints),
                    day.proven,
                    day.sampled,
                    when_or_never(covered_until(&history, at), zone),
                    when_or_never(history.last_sent(at), zone),
                    when_or_never(history.last_delivered(at), zone),
                ));
                text.extend(tags.iter().map(|tag| tag.to_line(zone)));
            }
            servers.push(
                json!({"name": server.name, "complete": complete, "reason": reason, "streams": of}),
            );
            open.extend(incidents.into_iter().filter(Incident::is_open));
        }
        text.push_str(&format!(
            "\n{}\n",
            if open.is_empty() {
                "No open incidents".to_owned()
            } else {
                format!("Open incidents: {}", open.len())
            }
        ));
        for incident in &open {
            text.push_str(&format!(
                "  {} {} {} since {}: {}\n",
                incident.id,
                incident.severity.name(),
                place(incident),
                when(incident.opened_at, zone),
                standing(incident, self.style())
            ));
        }
        let mutes = self.mutes_at(at).await?;
        for mute in &mutes {
            text.push_str(&format!("Muted: {}\n", muting::line(mute, zone)));
        }
        text.push_str(&format!(
            "Pending messages: {pending}{}\n",
            match held {
                0 => String::new(),
                held => format!(" ({held} held by a mute)"),
            }
        ));
        if as_json {
            let incidents: Vec<Value> = open.iter().map(|i| incident_json(i, self)).collect();
            let all = json!({
                "last_cycle_at": last_cycle.map(|at| at.to_string()), "servers": servers,
                "open_incidents": incidents, "pending": pending, "held": held,
                "mutes": mutes.iter().map(mute_json).collect::<Vec<_>>(),
            });
            return Ok(format!("{all}\n"));
        }
        Ok(clean_lines(&text))
    }

    /// The newest events and the counts of the last 24 hours, as JSON.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn recent(&self, limit: u32) -> Result<String, store::Error> {
        let at = self.stored_until().await?;
        let rows = self.store.call(move |s| s.recent(at, limit)).await?;
        let (mut delivered, mut bounced, mut complaints) = (0, 0, 0);
        for (server, streams) in self.watched().await? {
            for stream in &streams {
                let (_, day) = self.last_day(&server.name, stream, at).await?;
                delivered += day.delivered;
                bounced += day.bounced;
                complaints += day.complaints;
            }
        }
        let all = json!({
            "events": rows.iter().map(event_json).collect::<Vec<_>>(),
            "counts_24h": {"delivered": delivered, "bounced": bounced, "spam_complaint": complaints},
            "total_24h": delivered + bounced + complaints,
        });
        Ok(format!("{all}\n"))
    }
}

/// How many of the messages of `day` are known by number alone, where any are.
fn counted_of(history: &History, day: Span) -> String {
    match history.counted_in(day) {
        0 => String::new(),
        counted => format!(" ({} of them counted, not listed)", count(counted)),
    }
}

/// A tag that is watched on its own.
struct TagTold {
    tag: Tag,
    last_sent: Option<Timestamp>,
    unnoticed: Option<Duration>,
}

fn tags_told(history: &History, at: Timestamp, rules: &Rules, series: usize) -> Vec<TagTold> {
    let told = |(tag, silence): (Tag, Silence)| {
        let of = &history.tags[&tag];
        TagTold {
            last_sent: of.last_sent(at),
            unnoticed: silence.unnoticed_from(of, next_monday_at_ten(at)),
            tag,
        }
    };
    let silences = Silence::of_tags(history, at, rules, series);
    silences.into_iter().map(told).collect()
}

impl TagTold {
    fn to_json(&self) -> Value {
        json!({
            "tag": self.tag, "last_sent": self.last_sent.map(|at| at.to_string()),
            "stop_noticed_after_s": self.unnoticed.map(|d| d.as_secs()),
        })
    }

    fn to_line(&self, zone: Tz) -> String {
        format!(
            "    {}: last mail {}; a stop on a Monday at 10:00 UTC would be told after {}\n",
            tag_name(&self.tag),
            when_or_never(self.last_sent, zone),
            self.unnoticed
                .map_or_else(|| "more than 45 days".to_owned(), span),
        )
    }
}

fn seen(never: bool, reason: Option<&str>) -> String {
    match (never, reason) {
        (true, _) => "never polled".to_owned(),
        (false, None) => "seen".to_owned(),
        (false, Some(reason)) => format!("NOT SEEN: {reason}"),
    }
}

fn event_json(event: &EventRow) -> Value {
    let kind = match event.class {
        None => "Delivery",
        Some(BounceClass::Complaint) => "SpamComplaint",
        Some(_) => "Bounce",
    };
    json!({
        "id": event.id, "event_type": kind, "message_id": event.message, "recipient": event.recipient,
        "tag": event.tag, "bounce_type": event.kind, "bounce_description": event.description,
        "recorded_at": event.at.to_string(),
    })
}
