//! How a mute is described.

use crate::model::{Mute, Timestamp, Zone};
use crate::text::format::time_of_year;
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

/// Returns a line as it is read at `at`: what is muted, from when if it was planned, until when, by whom and why.
pub fn mute_line(mute: &Mute, at: Timestamp, zone: Zone) -> String {
    let from = match mute.planned {
        true => format!(" from {}", time_of_year(mute.from, at, zone)),
        false => String::new(),
    };
    format!(
        "{}{from} until {} {}, by {}: {}",
        mute_scope(mute),
        time_of_year(mute.until, at, zone),
        zone.name(),
        truncate(&clean(&mute.by), MAX_AUTHOR_CHARS),
        truncate(&clean(&mute.reason), MAX_REASON_CHARS)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_another_year_bears_its_year() {
        let at = |text| Timestamp::parse(text).expect("valid");
        let mute = Mute {
            id: 1,
            server: None,
            rule: None,
            incident: None,
            from: at("2026-12-28T00:00:00Z"),
            until: at("2027-01-04T00:00:00Z"),
            reason: "moving".to_owned(),
            by: "ops".to_owned(),
            planned: true,
        };
        assert_eq!(
            mute_line(&mute, at("2026-11-30T10:00:00Z"), Zone::UTC),
            "everything from Mon 28 Dec 00:00 until Mon 4 Jan 2027 00:00 UTC, by ops: moving"
        );
    }
}
