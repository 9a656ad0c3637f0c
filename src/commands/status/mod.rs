//! `status`: what is stored, as it stood at the last cycle.

mod stream;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::commands::status::stream::StreamTold;
use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::mutes::mute_json;
use crate::cycle::report::incident_json;
use crate::model::{DAY, Incident, Mute, ServerName, Span, StreamId, Timestamp};
use crate::notify::alert::{Style, place, standing};
use crate::notify::mute;
use crate::store;
use crate::text::format::format_time;
use crate::text::sanitize::{clean_lines, json_line};

/// What is stored.
struct Status {
    last_cycle: Option<Timestamp>,
    servers: Vec<ServerTold>,
    open: Vec<Incident>,
    mutes: Vec<Mute>,
    pending: u64,
    /// How many of those which are pending wait for the end of a mute.
    held: usize,
}

/// A server and its last poll.
struct ServerTold {
    name: ServerName,
    polled: bool,
    complete: bool,
    /// Why it was not complete.
    reason: Option<String>,
    streams: Vec<StreamTold>,
}

impl Context {
    /// What is stored, for a person or as JSON; what is muted, as it is `now`, or by the clock.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn status(
        &self,
        as_json: bool,
        now: Option<Timestamp>,
    ) -> Result<String, store::Error> {
        let status = self.gathered(now).await?;
        Ok(match as_json {
            true => json_line(&status.to_json(self)),
            false => clean_lines(&status.to_text(&self.config.store.to_string(), self.style())),
        })
    }

    async fn gathered(&self, now: Option<Timestamp>) -> Result<Status, store::Error> {
        let at = self.stored_until().await?;
        let present = self.viewed_at(now).await?;
        let series = self.store.call(|s| s.count_active_streams()).await?;
        let (mut servers, mut open) = (Vec::new(), Vec::new());
        for (server, streams) in self.watched().await? {
            servers.push(self.server_told(&server, &streams, at, series).await?);
            let name = server.name.clone();
            let incidents = self.store.call(move |s| s.latest_incidents(&name)).await?;
            open.extend(incidents.into_iter().filter(Incident::is_open));
        }
        let (pending, held) = self
            .store
            .call(move |s| Ok((s.count_pending()?, s.muted_rows(present)?.len())))
            .await?;
        Ok(Status {
            last_cycle: self.store.call(|s| s.last_cycle_at()).await?,
            servers,
            open,
            mutes: self.mutes_at(present).await?,
            pending,
            held,
        })
    }

    async fn server_told(
        &self,
        server: &Arc<ServerConfig>,
        streams: &[StreamId],
        at: Timestamp,
        series: usize,
    ) -> Result<ServerTold, store::Error> {
        let rules = self.config.rules_for(server);
        let mut told = Vec::new();
        for stream in streams {
            let last_day = Span::before(at, DAY);
            let history = self.tagged_history(&server.name, stream, last_day).await?;
            told.push(StreamTold::new(stream.clone(), history, at, &rules, series));
        }
        let name = server.name.clone();
        let polls = self.store.call(move |s| s.polls(&name, 1)).await?;
        let last = polls.first();
        Ok(ServerTold {
            name: server.name.clone(),
            polled: last.is_some(),
            complete: last.is_some_and(|poll| poll.complete),
            reason: last.and_then(|poll| poll.reason.clone()),
            streams: told,
        })
    }

    /// The present, or what is `named` so, but never before the last cycle: for what ends between two cycles.
    pub(crate) async fn viewed_at(
        &self,
        named: Option<Timestamp>,
    ) -> Result<Timestamp, store::Error> {
        let present = named.unwrap_or_else(crate::clock::now);
        Ok(self.stored_until().await?.max(present))
    }

    /// The instant that what is stored is told for: the last cycle's, or the machine's before the first.
    pub(crate) async fn stored_until(&self) -> Result<Timestamp, store::Error> {
        Ok(self
            .store
            .call(|s| s.last_cycle_at())
            .await?
            .unwrap_or_else(crate::clock::now))
    }
}

impl Status {
    fn to_json(&self, app: &Context) -> Value {
        json!({
            "last_cycle_at": self.last_cycle.map(|at| at.to_string()),
            "servers": self.servers.iter().map(ServerTold::to_json).collect::<Vec<_>>(),
            "open_incidents": self.open.iter().map(|i| incident_json(i, app)).collect::<Vec<_>>(),
            "pending": self.pending, "held": self.held,
            "mutes": self.mutes.iter().map(mute_json).collect::<Vec<_>>(),
        })
    }

    /// In lines; `place` is where the data is.
    fn to_text(&self, place: &str, style: Style) -> String {
        let zone = style.zone;
        let cycle = match self.last_cycle {
            Some(at) => format!("Last cycle {} {}", format_time(at, zone), zone.name()),
            None => "No cycle yet".to_owned(),
        };
        let mut lines = vec![cycle, format!("Data in {place}")];
        for server in &self.servers {
            lines.extend([String::new(), server.to_line()]);
            lines.extend(server.streams.iter().flat_map(|s| s.to_lines(zone)));
        }
        lines.push(String::new());
        lines.push(match self.open.len() {
            0 => "No open incidents".to_owned(),
            open => format!("Open incidents: {open}"),
        });
        lines.extend(self.open.iter().map(|incident| stands(incident, style)));
        let muted = self.mutes.iter().map(|mute| mute::line(mute, zone));
        lines.extend(muted.map(|mute| format!("Muted: {mute}")));
        let held = match self.held {
            0 => String::new(),
            held => format!(" ({held} held by a mute)"),
        };
        lines.push(format!("Pending messages: {}{held}", self.pending));
        lines.join("\n") + "\n"
    }
}

impl ServerTold {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "complete": self.complete, "reason": self.reason,
            "streams": self.streams.iter().map(StreamTold::to_json).collect::<Vec<_>>(),
        })
    }

    fn to_line(&self) -> String {
        let seen = match (self.polled, &self.reason) {
            (false, _) => "never polled".to_owned(),
            (true, None) => "seen".to_owned(),
            (true, Some(reason)) => format!("NOT SEEN: {reason}"),
        };
        format!("{}: {seen}", self.name)
    }
}

fn stands(incident: &Incident, style: Style) -> String {
    format!(
        "  {} {} {} since {}: {}",
        incident.id,
        incident.severity.name(),
        place(incident),
        format_time(incident.opened_at, style.zone),
        standing(incident, style)
    )
}
