//! How a mute is described.

use crate::model::{Mute, Zone};
use crate::text::format::format_time;
use crate::text::sanitize::{clean, truncate};

/// The maximum number of characters of a reason that are shown.
const MAX_REASON_CHARS: usize = 200;
/// The maximum number of characters of an author that are shown.
const MAX_AUTHOR_CHARS: usize = 60;

/// Returns what is muted: `everything`, `everything on shop`, `bounce_rate on every server`, `bounce_rate on shop`,
/// `incident fp8xrr3b (bounce_rate on shop)`.
pub fn mute_scope(mute: &Mute) -> String {
    let scope = match (&mute.rule, &mute.server) {
        (None, None) => "everything".to_owned(),
        (None, Some(server)) => format!("everything on {server}"),
        (Some(rule), None) => format!("{rule} on every server"),
        (Some(rule), Some(server)) => format!("{rule} on {server}"),
    };
    match &mute.incident {
        Some(id) => format!("incident {id} ({scope})"),
        None => scope,
    }
}

/// Returns a line: what is muted, from when if it was planned, until when, by whom and why.
pub fn mute_line(mute: &Mute, zone: Zone) -> String {
    let from = match mute.planned {
        true => format!(" from {}", format_time(mute.from, zone)),
        false => String::new(),
    };
    format!(
        "{}{from} until {} {}, by {}: {}",
        mute_scope(mute),
        format_time(mute.until, zone),
        zone.name(),
        truncate(&clean(&mute.by), MAX_AUTHOR_CHARS),
        truncate(&clean(&mute.reason), MAX_REASON_CHARS)
    )
}
