//! How a mute is told of.

use chrono_tz::Tz;

use crate::model::Mute;
use crate::text::format::format_time;
use crate::text::sanitize::{clean, truncate};

/// Longest reason that is shown, in characters.
const REASON_CHARS: usize = 200;

/// What it is of: `everything`, `everything on shop`, `bounce_rate on every server`, `bounce_rate on shop`.
pub fn scope(mute: &Mute) -> String {
    match (&mute.rule, &mute.server) {
        (None, None) => "everything".to_owned(),
        (None, Some(server)) => format!("everything on {server}"),
        (Some(rule), None) => format!("{rule} on every server"),
        (Some(rule), Some(server)) => format!("{rule} on {server}"),
    }
}

/// In a line: of what, until when, by whom and why.
pub fn line(mute: &Mute, zone: Tz) -> String {
    format!(
        "{} until {} {}, by {}: {}",
        scope(mute),
        format_time(mute.until, zone),
        zone.name(),
        truncate(&clean(&mute.by), 60),
        truncate(&clean(&mute.reason), REASON_CHARS)
    )
}
