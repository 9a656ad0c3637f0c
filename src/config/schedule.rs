//! When to poll, and when quiet hours begin: a cron expression.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};

use crate::config::problem::{ConfigWarning, Invalid};
use crate::model::{DAY, MINUTE, Span, Timestamp, Zone};

/// The maximum number of instants returned at once.
const MAX_INSTANTS: usize = 20_000;

/// A cron expression with seconds; in UTC, unless a zone is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    expression: String,
    /// Whether it was written without seconds.
    has_five_fields: bool,
    cron: Cron,
}

impl FromStr for Schedule {
    type Err = Invalid;

    /// Six fields; five are read as beginning at the full minute. An expression that never comes is refused.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let has_five_fields = text.split_whitespace().count() == 5;
        let expression = match has_five_fields {
            true => format!("0 {text}"),
            false => text.to_owned(),
        };
        let example = "write six fields (second, minute, hour, day, month, weekday), such as \"0 0 * * * *\" (every full hour, UTC)";
        if !matches!(text.split_whitespace().count(), 1 | 5 | 6) {
            return Err(Invalid::new(
                "is not a cron expression with seconds",
                example,
            ));
        }
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let parsed = parser.parse(&expression);
        let cron =
            parsed.map_err(|_| Invalid::new("is not a cron expression with seconds", example))?;
        let schedule = Self {
            expression,
            has_five_fields,
            cron,
        };
        let start = Timestamp::from_secs(1_767_225_600);
        let next = schedule.next(start);
        if next.is_none_or(|next| next.since(start) > 366 * DAY) {
            let why = "names a date that does not come every year";
            return Err(Invalid::new(why, example));
        }
        Ok(schedule)
    }
}

impl Schedule {
    /// The expression, in six fields.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Returns how it is read, where it was written without seconds as the value of `key`.
    pub(super) fn warning(&self, key: &str) -> Option<ConfigWarning> {
        self.has_five_fields.then(|| ConfigWarning::FiveFields {
            key: key.to_owned(),
            expression: self.expression.clone(),
        })
    }

    /// Whether two of its instants are less than a minute apart.
    pub(super) fn is_of_seconds(&self) -> bool {
        let start = Timestamp::from_secs(1_767_225_600);
        let first = self.next(start);
        let second = first.and_then(|first| self.next(first));
        first
            .zip(second)
            .is_some_and(|(first, second)| second.since(first) < MINUTE)
    }

    /// The first instant after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        // What lies within a second is carried over into the answer, which is a full second.
        let after = after.floor(Duration::from_secs(1)).to_utc();
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(Timestamp(next.timestamp_millis()))
    }

    /// Its instants in `span`, in order, as the clocks of `zone` show them; the first ones where there are very many.
    pub fn instants_in(&self, zone: Zone, span: Span) -> Vec<Timestamp> {
        let before = span.from - Duration::from_millis(1);
        let before = before.floor(Duration::from_secs(1)).to_utc();
        let instants = self.cron.iter_after(before.with_timezone(&zone));
        let instants = instants.map(|at| Timestamp(at.timestamp_millis()));
        let within = instants.take_while(|at| *at < span.until);
        within.take(MAX_INSTANTS).collect()
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
