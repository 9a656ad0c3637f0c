//! What is stored, read for people and scripts: `status`, `recent`, `explain` and the page show the same. Nothing is changed.

mod incident_report;
mod incidents;
mod pages;
mod reading;
mod recent;
mod status;
mod worst;

pub(crate) use incident_report::load_report;
pub(crate) use incidents::load_incidents;
pub(crate) use pages::{DEFAULT_SEASON, load_incident_page, load_overview, load_server_page};
pub(crate) use recent::{DayTotals, events_json, load_events, recent_json};
pub(crate) use status::{
    CollectedServers, Generation, Present, collect_servers, collect_status, last_cycle_or_now,
    name_servers, view_instant,
};
