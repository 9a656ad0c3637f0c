//! When to poll: a cron expression in UTC.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};

use crate::config::problem::Invalid;
use crate::model::{DAY, Timestamp};

/// The maximum number of instants returned at once.
const MAX_INSTANTS: usize = 20_000;

/// A cron expression with seconds, in UTC.
#[derive(Clone, Debug)]
pub struct Schedule {
    expression: String,
    cron: Cron,
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl FromStr for Schedule {
    type Err = Invalid;

    /// Six fields; five are read as beginning at the full minute. An expression that never comes is refused.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fields = text.split_whitespace().count();
        let expression = if fields == 5 {
            format!("0 {text}")
        } else {
            text.to_owned()
        };
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let cron = parser.parse(&expression).map_err(|_| {
            Invalid::new(
                "is not a cron expression with seconds",
                "use one such as \"0 0 * * * *\" (every full hour, UTC)",
            )
        })?;
        let schedule = Self { expression, cron };
        let start = Timestamp::from_secs(1_767_225_600);
        if schedule
            .next(start)
            .is_none_or(|next| next.since(start) > 366 * DAY)
        {
            return Err(Invalid::new(
                "names a date that does not come every year",
                "use one such as \"0 0 * * * *\" (every full hour, UTC)",
            ));
        }
        Ok(schedule)
    }
}

impl Schedule {
    /// The expression, in six fields.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The first instant after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let next = self
            .cron
            // What lies within a second is carried over into the answer, which is a full second.
            .find_next_occurrence(&after.floor(Duration::from_secs(1)).to_utc(), false)
            .ok()?;
        Some(Timestamp(next.timestamp_millis()))
    }

    /// Its instants after `after` and before `until`, in order; the latest ones where there are very many.
    pub fn instants(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let mut instants = Vec::new();
        let mut at = after;
        while let Some(next) = self.next(at).filter(|next| *next < until) {
            instants.push(next);
            at = next;
            if instants.len() == 2 * MAX_INSTANTS {
                instants.drain(..MAX_INSTANTS);
            }
        }
        instants.split_off(instants.len().saturating_sub(MAX_INSTANTS))
    }
}
