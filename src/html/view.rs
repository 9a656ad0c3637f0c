//! What is shown, as it was read.

use std::time::Duration;

use crate::chart::VolumeChart;
use crate::html::Health;
use crate::model::{Incident, MissingStreams, Mute, SameServer, ServerName, StreamId, Timestamp};
use crate::notify::alert::Style;
use crate::notify::digest::JudgedDay;

/// Where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// By the daemon: other pages are a link away.
    Page,
    /// As one file, which holds everything.
    File,
}

/// What Slack took, and what waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryView {
    pub last_accepted_at: Option<Timestamp>,
    pub waiting: u64,
    /// When the oldest of them was written.
    pub waiting_since: Option<Timestamp>,
    /// Why Slack refuses some of them until somebody changes the credential or the channel, with the remedy.
    pub refusals: Vec<String>,
}

/// Everything that is watched.
#[derive(Clone, Debug)]
pub struct OverviewView {
    pub at: Timestamp,
    /// Whether monitoring is switched off.
    pub is_off: bool,
    pub style: Style,
    pub medium: Medium,
    /// `None` before the first cycle.
    pub last_cycle_at: Option<Timestamp>,
    pub next_poll_at: Option<Timestamp>,
    pub delivery: DeliveryView,
    /// When the quiet hours end that it is in.
    pub quiet_until: Option<Timestamp>,
    /// What is muted, or will be.
    pub mutes: Vec<Mute>,
    /// The worst first; those that the filter names.
    pub servers: Vec<ServerRow>,
    /// How many there are without the filter.
    pub total: usize,
    /// How many of them are not seen.
    pub unseen: usize,
    /// Servers that are watched under several names.
    pub same_servers: Vec<SameServer>,
    /// Servers of which the configuration names streams that there are not.
    pub missing_streams: Vec<MissingStreams>,
    /// How the last 24 hours were, but for the incidents.
    pub day: JudgedDay,
    /// What the names of servers must contain; empty for all.
    pub filter: String,
    /// Servers with all that is known of them; the others have a row only.
    pub details: Vec<ServerPageView>,
    /// The worst first; of many, the first ones.
    pub open: Vec<Incident>,
    /// How many are open that wake, and that warn.
    pub open_counts: (u64, u64),
    /// The latest first.
    pub past: Vec<Incident>,
    /// What `explain` says of an incident, where it is shown in place.
    pub explained: Vec<(String, Vec<String>)>,
}

/// A server in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerRow {
    pub name: ServerName,
    pub health: Health,
    /// Why it is so, in half a line; empty where nothing is wrong.
    pub note: String,
    pub streams: Vec<StreamRow>,
    /// Messages of the last 24 hours, by hour; `None` where one was not seen.
    pub hours: Vec<Option<u64>>,
}

/// A stream in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRow {
    pub id: StreamId,
    pub last_sent: Option<Timestamp>,
    /// Messages in the last 24 hours, as far as they were seen.
    pub sent: u64,
}

/// A server with all that is known of it.
#[derive(Clone, Debug)]
pub struct ServerPageView {
    pub name: ServerName,
    pub health: Health,
    pub note: String,
    pub streams: Vec<StreamDetail>,
    pub next_poll_at: Option<Timestamp>,
    pub open: Vec<Incident>,
    pub past: Vec<Incident>,
}

/// A stream with all that is known of it.
#[derive(Clone, Debug)]
pub struct StreamDetail {
    pub id: StreamId,
    pub health: Health,
    pub last_sent: Option<Timestamp>,
    pub last_delivered: Option<Timestamp>,
    /// How long a stop would go unnoticed at worst.
    pub detection_delay: Option<Duration>,
    /// Whether its history is too short for that.
    pub is_learning: bool,
    /// Whether silence is judged at all.
    pub is_judged: bool,
    /// Whether nothing is known of the present of its server.
    pub is_unseen: bool,
    /// Whether its mail has stopped, as an open incident says.
    pub is_stopped: bool,
    /// That it has stopped, where a person closed the incident that says so: `mail has stopped, closed as real by Amy 13:05; …`.
    pub closed_stop: Option<String>,
    /// The last 24 hours.
    pub day: VolumeChart,
    /// The last 45 days, or as many as were asked for.
    pub season: VolumeChart,
}

/// One incident.
#[derive(Clone, Debug)]
pub struct IncidentPageView {
    pub incident: Incident,
    /// Whether a person closed it, and it may go on.
    pub may_go_on: bool,
    /// What `explain` says of it.
    pub explained: Vec<String>,
    /// The mail around it; `None` where it is of no stream.
    pub chart: Option<VolumeChart>,
    pub style: Style,
}
