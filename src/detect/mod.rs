//! What is true of a stream at an instant. Pure: history and rules in, findings out; never looks at past incidents.

mod baseline;
mod blind;
mod delivery;
mod drop;
mod events;
pub mod interval;
mod rate;
pub mod sample;
mod silence;
#[cfg(test)]
mod tests;

pub use baseline::Baseline;
pub use blind::{Sight, judge_server};
pub use delivery::is_suspicious;
pub use silence::Silence;

use crate::model::{Finding, History, Rules, StreamId, Timestamp};

/// Judges every rule of one stream at the instant `at`, on what had happened strictly before it.
///
/// `series` is how many streams share the budget of false silence alarms, at least 1.
/// The order of the findings is that of [`crate::model::Rule::ALL`].
pub fn judge(
    history: &History,
    stream: &StreamId,
    at: Timestamp,
    rules: &Rules,
    series: usize,
) -> Vec<Finding> {
    let silence = Silence::learn(history, at, rules, series);
    let mut findings = vec![
        silence.judge(history, stream, at),
        drop::judge(history, stream, at, rules, &silence),
        delivery::judge(history, stream, at),
    ];
    findings.extend(rate::judge(history, stream, at, rules));
    findings.extend(events::judge(history, stream, at, rules));
    findings
}
