//! `status`: what is stored, for a person and for scripts.

mod canary;
mod sampled;
#[cfg(test)]
pub(crate) mod tests;

pub use canary::CanaryStatus;

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::model::{
    Incident, MissingStreams, Mute, Rule, SameServer, ServerName, Tag, Timestamp, WaitingMessages,
    Zone, rfc3339,
};
use crate::notify::alert::Style;
use crate::notify::answered::person;
use crate::notify::closed::{closed_standing, closed_stop};
use crate::notify::describe::{
    SANDBOX, SWITCHED_OFF, describe_missing_streams, describe_open_at, describe_same_server,
};
use crate::notify::digest::{JudgedDay, UnusualStream, by_cause, of_recipients, other_failures};
use crate::notify::location::{location, tag_label};
use crate::notify::mute::mute_line;
use crate::notify::problem_span::{since_when, unread_phrase};
use crate::output::json::{IncidentView, MuteView, StreamView};
use crate::output::readiness::Readiness;
use crate::output::waiting::waiting_line;
use crate::text::format::{
    count, format_duration, format_time, format_time_or_never, percent, plural,
};

/// The maximum number of lines of what is unusual.
const MAX_UNUSUAL: usize = 10;

/// What is stored of every watched server. Serialized, it lacks `open_incidents`, `closed_incidents`, `mutes`,
/// `unusual` and `all_read`.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// Whether monitoring is switched on.
    pub enabled: bool,
    /// When the last cycle was; `None` before the first.
    #[serde(serialize_with = "rfc3339")]
    pub last_cycle_at: Option<Timestamp>,
    pub servers: Vec<ServerStatus>,
    #[serde(skip)]
    pub open: Vec<Incident>,
    /// What a person closed, and may go on.
    #[serde(skip)]
    pub closed: Vec<Incident>,
    /// The present.
    #[serde(skip)]
    pub now: Timestamp,
    #[serde(skip)]
    pub mutes: Vec<Mute>,
    /// Postmark servers that are watched under several names.
    pub same_servers: Vec<SameServer>,
    /// Servers of which the configuration names streams that there are not.
    pub missing_streams: Vec<MissingStreams>,
    /// How the last 24 hours were, but for the incidents.
    #[serde(skip)]
    pub day: JudgedDay,
    /// When the quiet hours end that it is in.
    #[serde(serialize_with = "rfc3339")]
    pub quiet_until: Option<Timestamp>,
    pub pending: u64,
    /// How many of them wait for the end of a mute or of quiet hours.
    pub held: usize,
    /// When the oldest of the others was written.
    #[serde(serialize_with = "rfc3339")]
    pub oldest_pending_at: Option<Timestamp>,
    /// All of them, by destination and reason.
    pub waiting: Vec<WaitingMessages>,
    /// `None` where there is no canary.
    pub canary: Option<CanaryStatus>,
    pub readiness: Readiness,
}

#[derive(Clone, Debug, Serialize)]
pub struct ServerStatus {
    pub name: ServerName,
    #[serde(skip)]
    pub polled: bool,
    pub complete: bool,
    /// Why the last poll was not complete.
    pub reason: Option<String>,
    /// The last poll, whether it read everything or not; `None` before the first.
    #[serde(serialize_with = "rfc3339")]
    pub last_polled_at: Option<Timestamp>,
    /// Whether a poll was due since then that none made, though others were polled: nothing is known of its present.
    #[serde(skip)]
    pub is_overdue: bool,
    /// The last poll that read everything; `None` before the first.
    #[serde(serialize_with = "rfc3339")]
    pub last_complete_at: Option<Timestamp>,
    /// Postmark's number of the server; `None` until an answer bore it.
    pub number: Option<i64>,
    /// Whether Postmark delivers nothing of what it sends.
    pub sandbox: bool,
    /// `None` where its mail was not read since the process started, and before its first poll ended.
    pub streams: Option<Vec<StreamStatus>>,
}

/// A stream at the instant of the last cycle.
#[derive(Clone, Debug, Serialize)]
pub struct StreamStatus {
    /// The counts of the last 24 hours.
    #[serde(flatten)]
    pub counts: StreamView,
    #[serde(skip)]
    pub bounce_rate: f64,
    #[serde(serialize_with = "rfc3339")]
    pub last_sent: Option<Timestamp>,
    #[serde(serialize_with = "rfc3339")]
    pub last_delivered: Option<Timestamp>,
    /// Whether its history is still too short to evaluate silence.
    pub learning: bool,
    /// The score of the present pause; `None` while it is learned, where it is not judged, and where mail may be unread.
    pub silence_score: Option<f64>,
    /// The score beyond which it is a silence.
    pub silence_limit: Option<f64>,
    /// Whether `send_silence` is on.
    #[serde(skip)]
    pub is_judged: bool,
    /// How long a stop would go unnoticed at worst; `None` where it would not be noticed within 45 days, where the mail has stopped
    /// already, and where the server is not seen.
    #[serde(rename = "stop_noticed_after_s", serialize_with = "seconds")]
    pub detection_delay: Option<Duration>,
    /// The tags that are watched on their own.
    pub tags: Vec<TagStatus>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TagStatus {
    pub tag: Tag,
    #[serde(serialize_with = "rfc3339")]
    pub last_sent: Option<Timestamp>,
    #[serde(rename = "stop_noticed_after_s", serialize_with = "seconds")]
    pub detection_delay: Option<Duration>,
}

impl StatusReport {
    /// Returns the object for scripts, with the incidents' summaries in `style`.
    pub fn to_json(&self, style: Style) -> Value {
        let incidents = self
            .open
            .iter()
            .map(|i| json!(IncidentView::new(i, self.now, style)));
        let closed = self.closed.iter().map(|i| {
            let mut view = json!(IncidentView::new(i, self.now, style));
            view["summary"] = json!(closed_standing(i, self.now, style));
            view["closed_by"] = json!(i.closed_by);
            view["closed_at"] = json!(i.closed_and_may_go_on().map(|at| at.to_string()));
            view
        });
        let mutes = self.mutes.iter().map(|mute| json!(MuteView::new(mute)));
        let mut json = json!(self);
        json["open_incidents"] = incidents.collect();
        json["closed_incidents"] = closed.collect();
        json["mutes"] = mutes.collect();
        let known = Some(&self.day).filter(|day| day.is_known);
        json["unusual"] = json!(known.map(unusual_json));
        json["all_read"] = json!(known.map(|day| day.unread.is_empty()));
        json
    }

    /// Returns the text for a person; `store` says where the data is.
    pub fn to_text(&self, store: &str, style: Style) -> String {
        let zone = style.zone;
        let cycle = match self.last_cycle_at {
            Some(at) => format!("Last cycle {} {}", format_time(at, zone), zone.name()),
            None => "No cycle yet".to_owned(),
        };
        let mut lines = vec![cycle, format!("Data in {store}")];
        if !self.enabled {
            let off = format!("MONITORING IS OFF: {SWITCHED_OFF}");
            lines.insert(0, format!("{off}; unset it and restart `run`"));
        }
        for server in &self.servers {
            lines.extend([String::new(), server.to_line(zone)]);
            for stream in server.streams() {
                let stop = self.stop_text(server, stream, style);
                let is_promised = stop.is_none() && !server.is_unseen();
                lines.extend(stream.to_lines(stop, server, zone));
                let standing = || self.open.iter().chain(&self.closed);
                lines.extend(stream.tags.iter().map(|tag| {
                    let mut standing = standing();
                    let is_stop = |i: &&Incident| is_stop_of_tag(i, server, stream, &tag.tag);
                    tag.to_line(standing.find(is_stop), is_promised, zone)
                }));
            }
        }
        lines.push(String::new());
        let same = self.same_servers.iter().map(describe_same_server);
        let missing = self.missing_streams.iter().map(describe_missing_streams);
        lines.extend(same.chain(missing).map(|line| format!("⚠ {line}")));
        let unusual: Vec<String> = self.day.lines().collect();
        lines.extend(unusual.iter().take(MAX_UNUSUAL).cloned());
        let more = unusual.len().saturating_sub(MAX_UNUSUAL);
        if more > 0 {
            lines.push(format!("… and {more} more: hushwatch digest --print"));
        }
        let open = by_cause(&self.open);
        lines.push(match (open.len(), self.day.doubt()) {
            (0, None) => "No open incidents".to_owned(),
            (0, Some(doubt)) => format!("No open incidents, but {doubt}"),
            (open, _) => match self.day.beside() {
                None => format!("Open incidents: {open}"),
                Some(beside) => format!("Open incidents: {open}; beside them, {beside}"),
            },
        });
        for (cause, hidden) in open {
            lines.push(incident_line(cause, self.now, style));
            let hidden = hidden.into_iter();
            lines.extend(hidden.map(|i| format!("  {}", incident_line(i, self.now, style))));
        }
        let closed = self.closed.iter();
        lines.extend(closed.filter_map(|i| closed_line(i, self.now, style)));
        let mutes = self
            .mutes
            .iter()
            .map(|mute| mute_line(mute, self.now, zone));
        lines.extend(mutes.map(|mute| format!("Muted: {mute}")));
        lines.extend(self.quiet_until.map(|until| {
            let until = format_time(until, zone);
            format!("Quiet hours until {until} {}: warnings wait", zone.name())
        }));
        lines.extend(
            self.canary
                .iter()
                .map(|canary| canary.to_line(self.enabled, zone)),
        );
        lines.push(format!("Pending messages: {}", self.pending));
        let waiting = self.waiting.iter();
        lines.extend(waiting.map(|of| format!("  {}", waiting_line(of, zone))));
        lines.extend(self.readiness.to_lines(zone));
        lines.join("\n") + "\n"
    }

    /// Takes the promise that a stop would be noticed from the streams and tags of which nobody would hear: those whose mail has
    /// stopped, and those of servers that are not seen.
    #[must_use]
    pub fn without_vain_promises(mut self) -> Self {
        let (open, closed) = (&self.open, &self.closed);
        for server in &mut self.servers {
            let (name, is_unseen) = (server.name.clone(), server.is_unseen());
            for stream in server.streams.iter_mut().flatten() {
                let mut standing = open.iter().chain(closed);
                let is_stopped = standing.any(|i| i.says_stopped(&name.0, &stream.counts.id));
                if is_stopped || is_unseen {
                    stream.detection_delay = None;
                    for tag in &mut stream.tags {
                        tag.detection_delay = None;
                    }
                }
            }
        }
        self
    }

    /// Returns that the mail of a stream has stopped; `None` where no incident says so, open or closed by a person.
    fn stop_text(
        &self,
        server: &ServerStatus,
        stream: &StreamStatus,
        style: Style,
    ) -> Option<String> {
        let is_stop = |i: &&Incident| i.says_stopped(&server.name.0, &stream.counts.id);
        let open = self.open.iter().find(is_stop);
        let open = open.map(|i| format!("mail has stopped: {}", i.id));
        open.or_else(|| {
            let closed = self.closed.iter().find(is_stop)?;
            closed_stop(closed, stream.last_sent, self.now, style)
        })
    }
}

impl ServerStatus {
    /// Returns what is known of its streams.
    pub fn streams(&self) -> &[StreamStatus] {
        self.streams.as_deref().unwrap_or_default()
    }

    /// Whether nothing is known of its present: its last poll was not complete, or is long ago.
    const fn is_unseen(&self) -> bool {
        self.is_overdue || self.reason.is_some()
    }

    fn to_line(&self, zone: Zone) -> String {
        let overdue_since = self.last_polled_at.filter(|_| self.is_overdue);
        let poll = match (self.polled, &self.reason) {
            _ if overdue_since.is_some() => {
                let since = format_time_or_never(overdue_since, zone);
                format!("NOT POLLED since {since}: nothing is known of it since then")
            }
            (false, _) => "not polled yet".to_owned(),
            (true, None) => "last poll complete".to_owned(),
            (true, Some(reason)) => format!("LAST POLL NOT COMPLETE: {reason}"),
        };
        let sandbox = match self.sandbox {
            true => format!("{SANDBOX}; "),
            false => String::new(),
        };
        format!("{}: {sandbox}{poll}", self.name)
    }
}

impl StreamStatus {
    /// Whether its mail was read in the last poll of the server, which may lack other things, such as the bounces.
    fn is_read(&self, server: &ServerStatus) -> bool {
        let polled_at = server.last_polled_at.filter(|_| !server.is_overdue);
        polled_at.is_some_and(|at| self.counts.covered_until.is_some_and(|until| until >= at))
    }

    /// `stopped` says that its mail has stopped; of such a stream, and of a `server` that is not seen, nothing is promised.
    fn to_lines(&self, stopped: Option<String>, server: &ServerStatus, zone: Zone) -> Vec<String> {
        let day = &self.counts;
        let covered = match day.covered_until {
            Some(at) => format!("covered up to {}", format_time(at, zone)),
            None => "nothing covered yet".to_owned(),
        };
        let counted_only = match day.counted {
            0 => String::new(),
            counted => format!(" ({} of them counted, not listed)", count(counted)),
        };
        let sampled = sampled::sampled(day);
        let stop = match stopped {
            Some(stopped) => stopped,
            None if server.is_unseen() && !self.is_read(server) => {
                "nobody would hear of a stop before the server is read again".to_owned()
            }
            None if self.last_sent.is_none() => "no mail was ever seen on it".to_owned(),
            None if !self.is_judged => {
                "a stop would not be noticed: `send_silence` is off".to_owned()
            }
            None if self.learning => {
                "still learning when it sends; a stop would not be noticed yet".to_owned()
            }
            None => detection_delay_text(self.detection_delay),
        };
        let bounced = self.bounced(zone);
        vec![
            format!(
                "  {}: {} sent in {}{counted_only}, {bounced}, {sampled}",
                day.id,
                count(day.sent),
                self.day_text(server),
            ),
            format!(
                "    {covered}; last mail {}, last delivery {}",
                format_time_or_never(self.last_sent, zone),
                format_time_or_never(self.last_delivered, zone),
            ),
            format!("    {stop}"),
        ]
    }

    /// Returns what the figures are of: not of the present where none is known, and of what was read.
    fn day_text(&self, server: &ServerStatus) -> &'static str {
        let is_only_mail_read = self.counts.bounces_unread_since.is_some();
        let is_whole = is_only_mail_read || self.counts.covered_until >= server.last_polled_at;
        match (server.is_overdue, is_whole) {
            (false, true) => "the last 24 h",
            (false, false) => "what was read of the last 24 h",
            (true, true) => "the 24 h before the last cycle",
            (true, false) => "what was read of the 24 h before the last cycle",
        }
    }

    /// Returns what bounced and was complained of, as far as it was read.
    fn bounced(&self, zone: Zone) -> String {
        let day = &self.counts;
        let bounced = day
            .recipients
            .map_or(day.bounced, |_| day.recipients_bounced);
        let mut others = other_failures(&day.classes);
        others.push(plural(day.spam_complaint, "complaint"));
        let complaints = others.join(", ");
        match day.bounces_unread_since {
            Some(since) => format!(
                "bounces and complaints not read since {} (before that {} bounced, {complaints})",
                format_time(since, zone),
                count(bounced),
            ),
            None if bounced == 0 => format!("0 bounced, {complaints}"),
            None => format!(
                "{} bounced ({}{}), {complaints}",
                count(bounced),
                percent(self.bounce_rate),
                of_recipients(day.sent, day.recipients)
            ),
        }
    }
}

impl TagStatus {
    /// `stop` is the incident that says that its mail has stopped; of such a tag nothing is promised.
    fn to_line(&self, stop: Option<&Incident>, is_promised: bool, zone: Zone) -> String {
        let last = format_time_or_never(self.last_sent, zone);
        let line = format!("    {}: last mail {last}", tag_label(&self.tag));
        match stop {
            Some(stop) => format!("{line}; mail has stopped: {}", stop.id),
            None if is_promised => {
                format!("{line}; {}", detection_delay_text(self.detection_delay))
            }
            None => line,
        }
    }
}

/// Whether an incident says that the mail of a tag has stopped.
fn is_stop_of_tag(
    incident: &Incident,
    server: &ServerStatus,
    stream: &StreamStatus,
    tag: &Tag,
) -> bool {
    let is_here = incident.server == server.name
        && incident.stream.as_ref() == Some(&stream.counts.id)
        && incident.tag.as_ref() == Some(tag);
    is_here && incident.rule == Rule::SendSilence
}

/// Returns the streams that need a look, for scripts.
fn unusual_json(day: &JudgedDay) -> Vec<Value> {
    let stream = |of: &UnusualStream| json!({"server": of.server, "stream": of.stream, "reasons": of.reasons});
    day.unusual.iter().map(stream).collect()
}

fn detection_delay_text(delay: Option<Duration>) -> String {
    match delay {
        Some(delay) => format!(
            "if mail stopped, the alert would come within {}",
            format_duration(delay)
        ),
        None => "too little mail to notice a stop within 45 days".to_owned(),
    }
}

fn incident_line(incident: &Incident, now: Timestamp, style: Style) -> String {
    let by = incident.acknowledged.as_ref().map(|a| person(&a.by));
    let by = by.map_or_else(String::new, |by| format!("; acknowledged by {by}"));
    let unread = unread_phrase(incident, now, style);
    let unread = unread.map_or_else(String::new, |unread| format!("; {unread}"));
    format!(
        "  {} {} {} since {}: {}{unread}{by}",
        incident.id,
        incident.severity.name(),
        location(incident),
        since_when(incident, |at| format_time(at, style.zone)),
        describe_open_at(incident, now, style)
    )
}

/// Returns the line of what a person closed, and may go on.
fn closed_line(incident: &Incident, now: Timestamp, style: Style) -> Option<String> {
    let standing = closed_standing(incident, now, style)?;
    let place = location(incident);
    Some(format!("  {} closed {place}: {standing}", incident.id))
}

fn seconds<S: Serializer>(length: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    length.map(|length| length.as_secs()).serialize(to)
}
