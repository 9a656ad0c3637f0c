//! When to poll: a cron expression in UTC.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};

use crate::model::{DAY, Timestamp};

/// Most instants that are ever looked at together.
const MOST: usize = 20_000;

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
    type Err = String;

    /// Six fields; five are read as beginning at the full minute. An expression that never comes is refused.
    fn from_str(text: &str) -> Result<Self, String> {
        let fields = text.split_whitespace().count();
        let expression = if fields == 5 {
            format!("0 {text}")
        } else {
            text.to_owned()
        };
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let wrong =
            "must be a cron expression with seconds such as \"0 0 * * * *\" (every full hour, UTC)";
        let cron = parser.parse(&expression).map_err(|_| wrong.to_owned())?;
        let schedule = Self { expression, cron };
        let start = Timestamp::from_secs(1_767_225_600);
        if schedule
            .next(start)
            .is_none_or(|next| next.since(start) > 366 * DAY)
        {
            return Err(
                "names a date that does not come every year; use such as \"0 0 * * * *\""
                    .to_owned(),
            );
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
            if instants.len() == 2 * MOST {
                instants.drain(..MOST);
            }
        }
        instants.split_off(instants.len().saturating_sub(MOST))
    }
}
