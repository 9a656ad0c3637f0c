//! What a cycle saw and did: `check --json`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::config::hold;
use crate::cycle::deliver::DeliveryCounts;
use crate::cycle::evaluate::CycleEvaluation;
use crate::cycle::health::polled_elsewhere;
use crate::cycle::poll::servers::{mark_unconfigured, watched_servers};
use crate::cycle::readiness::readiness;
use crate::cycle::sinks::ReportedStep;
use crate::cycle::stats::StreamStats;
use crate::cycle::{Context, PollResults};
use crate::model::{
    DAY, History, Incident, ServerName, Span, StreamId, StreamKey, Timestamp, WaitingMessages, Zone,
};
use crate::notify::Message;
use crate::output::json::{IncidentView, MuteView, StreamView};
use crate::output::readiness::Readiness;
use crate::output::waiting::waiting_line;
use crate::store::{self, Store};
use crate::text::format::plural;

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
    /// What nobody accepted yet, by destination and reason; what is held back too.
    waiting: Vec<WaitingMessages>,
    /// `None` where there was no cycle.
    readiness: Option<Readiness>,
    errors: Vec<String>,
    #[serde(skip)]
    hello: Option<Message>,
}

impl CheckReport {
    /// Whether every server was polled completely, and no message is pending or was given up.
    pub fn is_complete(&self) -> bool {
        self.complete && self.notices.pending == 0 && self.notices.given_up == 0
    }

    /// Returns the report of a cycle that could not take place at `at`.
    pub fn failed(at: Timestamp, error: String) -> Self {
        Self {
            at: at.to_string(),
            complete: false,
            servers: Vec::new(),
            transitions: Vec::new(),
            open_incidents: Vec::new(),
            mutes: Vec::new(),
            notices: DeliveryCounts::default(),
            waiting: Vec::new(),
            readiness: None,
            errors: vec![error],
            hello: None,
        }
    }

    /// Returns the first message of the database, where this cycle wrote it.
    pub const fn hello(&self) -> Option<&Message> {
        self.hello.as_ref()
    }

    /// Returns what became of its messages.
    pub(crate) const fn notices(&self) -> DeliveryCounts {
        self.notices
    }

    pub(crate) fn with_hello(self, hello: Option<Message>) -> Self {
        Self { hello, ..self }
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
        let waiting = self.waiting.iter();
        let waiting: String = waiting
            .map(|of| format!("; {}", waiting_line(of, Zone::UTC)))
            .collect();
        format!(
            "cycle of {} {state}: {}, {} open, {} sent, {} pending{given_up}{waiting}",
            self.at,
            plural(self.transitions.len() as u64, "step"),
            plural(self.open_incidents.len() as u64, "incident"),
            plural(self.notices.sent, "message"),
            self.notices.pending
        )
    }
}

pub(crate) async fn check(
    context: &Context,
    now: Timestamp,
    polls: &PollResults,
    evaluation: &CycleEvaluation,
    notices: DeliveryCounts,
) -> Result<CheckReport, store::Error> {
    let polled = &polls.outcomes;
    let mut servers = Vec::new();
    for poll in polled {
        let streams = stream_views(context, poll.name(), &poll.streams, now).await?;
        let name = poll.name().clone();
        let identity = context
            .store
            .call(move |s| s.server_identity(&name))
            .await?;
        servers.push(json!({
            "name": poll.name(), "reachable": poll.reachable, "complete": poll.record.complete,
            "requests": poll.record.requests, "streams": streams, "number": identity.map(|s| s.number),
            "sandbox": identity.is_some_and(|s| s.is_sandbox()),
        }));
    }
    let mut complete = polls.is_whole() && polled.iter().all(|p| p.record.complete);
    for server in polled_elsewhere(context, polled).await? {
        let (view, seen) = unpolled_server(context, &server.name, now).await?;
        complete &= seen;
        servers.push(view);
    }
    let open = open_incidents(context, evaluation).await?;
    let (hold, clock) = (hold(&context.config.quiet_hours, now), clock::now());
    let waiting = context.store.call(move |s| s.waiting_messages(hold, clock));
    let waiting = waiting.await?;
    let incident = |incident| json!(IncidentView::new(incident, now, context.style()));
    let mute = |mute| json!(MuteView::new(mute));
    Ok(CheckReport {
        at: now.to_string(),
        complete,
        servers,
        transitions: evaluation
            .transitions
            .iter()
            .map(ReportedStep::to_json)
            .collect(),
        open_incidents: open.iter().map(incident).collect(),
        mutes: evaluation.mutes.iter().map(mute).collect(),
        notices,
        waiting,
        readiness: Some(readiness(&context.config, &context.store, now).await?),
        errors: polled.iter().flat_map(|p| p.errors.clone()).collect(),
        hello: None,
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
    day: &StreamStats,
    now: Timestamp,
) -> StreamView {
    let counted = history.counted_in(Span::before(now, DAY)).min(day.sent);
    let covered_until = covered_until(history, now);
    let is_mail_read_since = |at: &Timestamp| history.messages.until_first_hole(*at) > *at;
    StreamView {
        id: stream.clone(),
        covered_until,
        bounces_unread_since: covered_until.filter(is_mail_read_since),
        sent: day.sent,
        bounced: day.bounced,
        spam_complaint: day.complaints,
        recipients: day.recipients,
        recipients_bounced: day.recipients_bounced,
        recipients_complained: day.recipients_complained,
        classes: day.classes.clone(),
        delivered: day.delivered,
        delivered_low: day.delivered_range.map(|(low, _)| low),
        delivered_high: day.delivered_range.map(|(_, high)| high),
        sampled: day.sampled,
        unsampled: day.unsampled,
        is_unread: day.sampled > 0 && day.read == 0,
        proven: day.proven,
        listed: day.sent - counted,
        counted,
    }
}

/// Returns what is known of a stream in the 24 hours before `now`, exactly, and the counts of these.
pub(crate) async fn last_day(
    store: &Store,
    server: &ServerName,
    stream: &StreamId,
    now: Timestamp,
) -> Result<(History, StreamStats), store::Error> {
    let key = StreamKey::new(server, stream);
    let day = Span::before(now, DAY);
    let history = store.call(move |s| s.history_within(&key, day)).await?;
    let stats = StreamStats::from_history(&history, day);
    Ok((history, stats))
}

async fn stream_views(
    context: &Context,
    server: &ServerName,
    streams: &[StreamId],
    now: Timestamp,
) -> Result<Vec<StreamView>, store::Error> {
    let mut views = Vec::new();
    for stream in streams {
        let (history, day) = last_day(&context.store, server, stream, now).await?;
        views.push(stream_view(stream, &history, &day, now));
    }
    Ok(views)
}

/// Returns what is open: what this cycle judged, then what it did not, as of servers that another process polls or that were taken out
/// of the configuration.
async fn open_incidents(
    context: &Context,
    evaluation: &CycleEvaluation,
) -> Result<Vec<Incident>, store::Error> {
    let mut open = evaluation.open.clone();
    let all = context.store.call(store::Database::all_open_incidents);
    let is_judged = |incident: &Incident| evaluation.open.iter().any(|i| i.id == incident.id);
    open.extend(all.await?.into_iter().filter(|i| !is_judged(i)));
    let watched = watched_servers(&context.config, &context.store).await?;
    mark_unconfigured(&mut open, &watched);
    Ok(open)
}

/// Returns what is stored of a server which another process polls, and whether it was seen if it was polled at `now`.
async fn unpolled_server(
    context: &Context,
    name: &ServerName,
    now: Timestamp,
) -> Result<(Value, bool), store::Error> {
    let server = name.clone();
    let read = move |s: &mut store::Database| {
        Ok((
            s.server_state(&server, now)?,
            s.watched_streams(&server)?,
            s.server_identity(&server)?,
        ))
    };
    let (state, streams, identity) = context.store.call(read).await?;
    let streams = stream_views(context, name, &streams, now).await?;
    let complete = state.last_complete_at.is_some() && state.incomplete_since.is_none();
    let view = json!({
        "name": name, "reachable": complete, "complete": complete, "requests": 0, "streams": streams,
        "number": identity.map(|s| s.number), "sandbox": identity.is_some_and(|s| s.is_sandbox()),
    });
    let seen = complete || state.last_cycle_at < Some(now);
    Ok((view, seen))
}
