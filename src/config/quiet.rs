//! `[[quiet]]`: the hours in which warnings wait.

use std::time::Duration;

use figment::value::{Dict, Value};

use crate::config::keys::{QUIET_KEYS, unknown_key_remedy};
use crate::config::load::Reader;
use crate::config::problem::{ConfigProblem, Invalid};
use crate::config::{Schedule, values};
use crate::model::{Hold, MAX_QUIET_HOURS, MINUTE, Span, Timestamp, Zone};

const SCHEDULE_REMEDY: &str =
    "say when they begin, as cron with seconds, such as \"0 0 22 * * *\" (every evening at 22:00)";
const LENGTH_REMEDY: &str = "say how long they last, such as for = \"9h\"";

/// Hours that come again and again, in which no warning is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct QuietHours {
    /// When they begin, in `zone`.
    pub starts: Schedule,
    /// How long they last, from a minute to seven days.
    pub length: Duration,
    pub zone: Zone,
}

impl QuietHours {
    /// Returns those that share a moment with `span`, in order.
    pub fn spans(&self, span: Span) -> Vec<Span> {
        let first = span.from - self.length;
        let starts = self
            .starts
            .instants_in(self.zone, Span::new(first, span.until));
        let hours = starts.into_iter().map(|at| Span::new(at, at + self.length));
        hours.filter(|hours| hours.until > span.from).collect()
    }

    /// Returns when they end next, if `at` is within them.
    pub fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let spans = self.spans(Span::new(at, at + Duration::from_secs(1)));
        let running = spans.into_iter().filter(|hours| hours.contains(at));
        running.map(|hours| hours.until).max()
    }
}

/// Returns what waits at `at`, given all quiet hours.
pub fn hold(quiet_hours: &[QuietHours], at: Timestamp) -> Hold {
    let is_quiet = quiet_until(quiet_hours, at).is_some();
    Hold { at, is_quiet }
}

/// Returns when the quiet hours end that `at` is in; `None` outside them.
pub fn quiet_until(quiet_hours: &[QuietHours], at: Timestamp) -> Option<Timestamp> {
    quiet_hours.iter().filter_map(|hours| hours.end(at)).max()
}

impl Reader {
    /// Reads every `[[quiet]]`; their zone is `zone` where they name none.
    pub(super) fn quiet_hours(&mut self, zone: Zone) -> Vec<QuietHours> {
        let from = self.layers.origin("quiet").to_owned();
        let read = self.tables("quiet", |table| read_quiet(table, zone));
        let noted = read.iter().filter_map(|(place, hours)| {
            let place = place.rsplit(": ").next().unwrap_or(place);
            hours.starts.warning(&format!("`schedule` of {place}"))
        });
        self.warnings.extend(noted);
        let hours: Vec<QuietHours> = read.into_iter().map(|(_, hours)| hours).collect();
        if never_end(&hours) {
            let what = format!("{from}: [[quiet]] leaves no time in which a warning would be sent");
            let remedy = "shorten `for`; for warnings in the digest only, set mode = \"digest\"";
            self.problems.push(ConfigProblem::new(what, remedy));
        }
        hours
    }
}

/// Returns whether some of them run at every moment of two weeks: a warning would wait for ever.
fn never_end(quiet_hours: &[QuietHours]) -> bool {
    // Any fortnight does: a Monday of January.
    let fortnight = Span::new(
        Timestamp::from_secs(1_767_571_200),
        Timestamp::from_secs(1_767_571_200 + 14 * 86_400),
    );
    let mut at = fortnight.from;
    while at < fortnight.until {
        match quiet_hours.iter().filter_map(|hours| hours.end(at)).max() {
            Some(end) => at = end,
            None => return false,
        }
    }
    true
}

fn read_quiet(table: &Dict, zone: Zone) -> Result<QuietHours, Vec<Invalid>> {
    let mut problems = Vec::new();
    for key in table
        .keys()
        .filter(|key| !QUIET_KEYS.contains(&key.as_str()))
    {
        let remedy = unknown_key_remedy(key, QUIET_KEYS);
        problems.push(Invalid::new(format!("has an unknown key `{key}`"), remedy));
    }
    let starts = required(table, "schedule", SCHEDULE_REMEDY, |value| {
        let starts = values::text(value)?.parse::<Schedule>();
        starts.map_err(|invalid| invalid.with_remedy(SCHEDULE_REMEDY))
    });
    let length = required(table, "for", LENGTH_REMEDY, |value| {
        Ok(values::duration(value, MINUTE, MAX_QUIET_HOURS)?)
    });
    let zone = match table.get("time_zone") {
        Some(value) => values::time_zone(value).map_err(|invalid| invalid.within("time_zone")),
        None => Ok(zone),
    };
    match (starts, length, zone) {
        (Ok(starts), Ok(length), Ok(zone)) if problems.is_empty() => Ok(QuietHours {
            starts,
            length,
            zone,
        }),
        (starts, length, zone) => {
            problems.extend(
                [starts.err(), length.err(), zone.err()]
                    .into_iter()
                    .flatten(),
            );
            Err(problems)
        }
    }
}

fn required<T>(
    table: &Dict,
    key: &str,
    remedy: &str,
    read: impl Fn(&Value) -> Result<T, Invalid>,
) -> Result<T, Invalid> {
    match table.get(key) {
        None => Err(Invalid::new(format!("has no `{key}`"), remedy)),
        Some(value) => read(value).map_err(|invalid| invalid.within(key)),
    }
}
