//! What is stored, read for people and scripts: `status`, `recent`, `explain` and the page show the same. Nothing is changed.

mod incident_report;
mod recent;
mod status;

pub(crate) use incident_report::load_report;
pub(crate) use recent::recent_json;
pub(crate) use status::{collect_status, last_cycle_or_now, view_instant};
