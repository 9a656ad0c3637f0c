//! What a cycle saw and did: `check --json`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cycle::deliver::DeliveryCounts;
use crate::cycle::evaluate::CycleEvaluation;
use crate::cycle::health::polled_elsewhere;
use crate::cycle::stats::{Figures, figures};
use crate::cycle::{Context, PollResults};
use crate::model::{DAY, History, Incident, ServerName, Span, StreamId, Timestamp};
use crate::output::json::{IncidentView, MuteView, StreamView, TransitionView};
use crate::store::{self};

/// What a cycle saw and did.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    at: String,
    complete: bool,
    servers: Vec<Value>,
    transitions: Vec<Value>,
    open_incidents: Vec<Value>,
    mutes: Vec<Value>,
    notices: DeliveryCounts,
    errors: Vec<String>,
}

impl CheckReport {
    /// Whether every server was polled completely, and no message is pending or was given up.
    pub fn is_complete(&self) -> bool {
        self.complete && self.notices.pending == 0 && self.notices.given_up == 0
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
        let given_up = match self.notices.given_up {
            0 => String::new(),
            n => format!(", {n} given up"),
        };
        format!(
            "cycle of {} {state}: {} steps, {} incidents open, {} messages sent, {} pending{given_up}",
            self.at,
            self.transitions.len(),
            self.open_incidents.len(),
            self.notices.sent,
            self.notices.pending
        )
    }
}

/// The report of a cycle.
pub(crate) async fn check(
    app: &Context,
    now: Timestamp,
    polls: &PollResults,
    evaluation: &CycleEvaluation,
    notices: DeliveryCounts,
) -> Result<CheckReport, store::Error> {
    let polled = &polls.outcomes;
    let mut servers = Vec::new();
    for poll in polled {
        let mut streams = Vec::new();
        for stream in &poll.streams {
            let (history, day) = app.last_day(poll.name(), stream, now).await?;
            streams.push(stream_view(stream, &history, &day, now));
        }
        servers.push(json!({
            "name": poll.name(), "reachable": poll.reachable, "complete": poll.record.complete,
            "requests": poll.record.requests, "streams": streams,
        }));
    }
    let mut open = evaluation.open.clone();
    let mut complete = polls.is_whole() && polled.iter().all(|p| p.record.complete);
    for server in polled_elsewhere(app, polled).await? {
        let (told, seen, incidents) = app.of_another(&server.name, now).await?;
        complete &= seen;
        servers.push(told);
        open.extend(incidents);
    }
    Ok(CheckReport {
        at: now.to_string(),
        complete,
        servers,
        transitions: evaluation
            .transitions
            .iter()
            .map(|(t, text)| json!(TransitionView::new(t, text)))
            .collect(),
        open_incidents: open
            .iter()
            .map(|i| json!(IncidentView::new(i, app.style())))
            .collect(),
        mutes: evaluation
            .mutes
            .iter()
            .map(|mute| json!(MuteView::new(mute)))
            .collect(),
        notices,
        errors: polled.iter().flat_map(|p| p.errors.clone()).collect(),
    })
}

/// Up to where both kinds are covered without a hole.
fn covered_until(history: &History, now: Timestamp) -> Option<Timestamp> {
    let both = history.messages.intersect(&history.bounces);
    // Older holes say nothing of the figures, which are of a day.
    let start = (now - DAY).max(history.first_seen_at?);
    let covered = both.until_first_hole(start);
    if covered > start {
        return Some(covered.min(now));
    }
    let before = both.spans().iter().rev().find(|s| s.until <= start);
    let after = both.spans().iter().find(|s| s.from > start);
    let known = before.or(after)?;
    Some(known.until.min(now))
}

pub(crate) fn stream_view(
    stream: &StreamId,
    history: &History,
    day: &Figures,
    now: Timestamp,
) -> StreamView {
    let counted = history.counted_in(Span::before(now, DAY)).min(day.sent);
    StreamView {
        id: stream.clone(),
        covered_until: covered_until(history, now),
        sent: day.sent,
        bounced: day.bounced,
        spam_complaint: day.complaints,
        delivered: day.delivered,
        sampled: day.sampled,
        proven: day.proven,
        listed: day.sent - counted,
        counted,
    }
}

impl Context {
    pub(crate) async fn last_day(
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

    /// What is stored of a server which another process polls, whether it was seen if it was polled at `now`, and what is
    /// open on it.
    async fn of_another(
        &self,
        name: &ServerName,
        now: Timestamp,
    ) -> Result<(Value, bool, Vec<Incident>), store::Error> {
        let of = name.clone();
        let read = move |s: &mut store::Database| {
            Ok((
                s.server_state(&of, now)?,
                s.watched_streams(&of)?,
                s.latest_incidents(&of)?,
            ))
        };
        let (state, ids, mut incidents) = self.store.call(read).await?;
        incidents.retain(Incident::is_open);
        let mut streams = Vec::new();
        for stream in &ids {
            let (history, day) = self.last_day(name, stream, now).await?;
            streams.push(stream_view(stream, &history, &day, now));
        }
        let complete = state.last_complete_at.is_some() && state.incomplete_since.is_none();
        let told = json!({
            "name": name, "reachable": complete, "complete": complete, "requests": 0, "streams": streams,
        });
        let seen = complete || state.last_cycle_at < Some(now);
        Ok((told, seen, incidents))
    }
}
