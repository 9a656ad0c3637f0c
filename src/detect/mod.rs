//! What is true of a stream at an instant. Pure: history and rules in, findings out; never looks at past incidents.

mod blind;
mod delivery;
mod dips;
mod drop;
mod events;
mod habits;
mod hazard;
pub mod interval;
mod profile;
mod rate;
mod rhythm;
pub mod sample;
mod silence;
mod tail;
#[cfg(test)]
mod tests;
mod timeline;

pub use blind::{Sight, judge_server};
use delivery::Delivery;
pub use delivery::is_suspicious;
pub use silence::Silence;

use std::collections::BTreeMap;

use crate::model::{Finding, History, Rules, StreamId, Timestamp};

/// What was learned of one stream.
#[derive(Debug)]
struct Learned {
    at: Timestamp,
    silence: Silence,
    delivery: Delivery,
}

/// Judges the streams of one server, and keeps what it learned of each until there is something new to learn.
#[derive(Debug)]
pub struct Judge {
    rules: Rules,
    series: usize,
    learned: BTreeMap<StreamId, Learned>,
}

impl Judge {
    /// `series` is how many streams share the budget of false silence alarms, at least 1.
    pub fn new(rules: Rules, series: usize) -> Self {
        Self {
            rules,
            series,
            learned: BTreeMap::new(),
        }
    }

    /// Judges every rule of one stream at the instant `at`, on what had happened strictly before it.
    ///
    /// What was kept from earlier calls never changes the result. The order of the findings is that of
    /// [`crate::model::Rule::ALL`].
    pub fn judge(&mut self, history: &History, stream: &StreamId, at: Timestamp) -> Vec<Finding> {
        let due = silence::learned_at(history, at);
        if self.learned.get(stream).is_none_or(|known| known.at != due) {
            let learned = Learned {
                at: due,
                silence: Silence::learn(history, due, &self.rules, self.series),
                delivery: Delivery::learn(history, due, &self.rules, self.series),
            };
            self.learned.insert(stream.clone(), learned);
        }
        let learned = &self.learned[stream];
        let mut findings = vec![
            learned.silence.judge(history, stream, at),
            drop::judge(history, stream, at, &self.rules, &learned.silence),
            learned.delivery.judge(history, stream, at),
        ];
        findings.extend(rate::judge(history, stream, at, &self.rules));
        findings.extend(events::judge(history, stream, at, &self.rules));
        findings
    }
}
