//! What is true of a stream at an instant. Pure: history and rules in, findings out; never looks at past incidents.

mod blind;
mod bound;
mod delivery;
mod dips;
mod drop;
mod events;
mod habits;
mod hazard;
pub mod interval;
mod outages;
mod profile;
mod rate;
pub mod reach;
mod rhythm;
pub mod sample;
mod silence;
mod suppressed;
mod tags;
mod tail;
#[cfg(test)]
mod tests;
mod timeline;

pub use blind::{PollHealth, evaluate_server};
use delivery::Delivery;
pub use delivery::{is_suspicious, undelivered};
pub use silence::Silence;
pub use suppressed::{is_check_due, of as check_of};
pub use tags::by_volume as watched_tags;

use std::collections::BTreeMap;

use crate::model::{DAY, Finding, History, Rules, StreamId, Tag, Timestamp};

/// What was learned, until there is something new to learn: made for an instant, and for so many that share the budget.
#[derive(Debug)]
struct Memo<K, V>(BTreeMap<K, (Timestamp, usize, V)>);

impl<K: Ord + Clone, V> Memo<K, V> {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn get(&mut self, key: &K, at: Timestamp, series: usize, learn: impl FnOnce() -> V) -> &V {
        let known = self.0.get(key);
        if known.is_none_or(|(known_at, of, _)| (*known_at, *of) != (at, series)) {
            self.0.insert(key.clone(), (at, series, learn()));
        }
        &self.0[key].2
    }
}

/// Judges the streams of one server, and keeps what it learned of each until there is something new to learn.
#[derive(Debug)]
pub struct Judge {
    rules: Rules,
    series: usize,
    tags: Memo<StreamId, Vec<Tag>>,
    silence: Memo<(StreamId, Option<Tag>), Silence>,
    delivery: Memo<StreamId, Delivery>,
}

impl Judge {
    /// `series` is how many streams share the budget of false silence alarms, at least 1.
    pub const fn new(rules: Rules, series: usize) -> Self {
        Self {
            rules,
            series,
            tags: Memo::new(),
            silence: Memo::new(),
            delivery: Memo::new(),
        }
    }

    /// Judges every rule of one stream at the instant `at`, on what had happened strictly before it.
    ///
    /// What was kept from earlier calls never changes the result. The order of the findings is that of
    /// [`crate::model::Rule::ALL`], those of its tags after those of the stream.
    pub fn judge(&mut self, history: &History, stream: &StreamId, at: Timestamp) -> Vec<Finding> {
        let (rules, series) = (&self.rules, self.series);
        let day = at.floor(DAY);
        let tags = self
            .tags
            .get(stream, day, 0, || tags::watched(history, day));
        let (share, tag_share) = tags::shares(series, tags.len());
        let due = silence::learned_at(history, at);
        let silence = self.silence.get(&(stream.clone(), None), due, share, || {
            Silence::learn(history, due, rules, share)
        });
        let delivery = self.delivery.get(stream, due, series, || {
            Delivery::learn(history, due, rules, series)
        });
        let mut findings = vec![
            silence.judge(history, stream, None, at),
            drop::judge(history, stream, at, rules, silence),
            delivery.judge(history, stream, at),
        ];
        findings.extend(rate::judge(history, stream, at, rules));
        findings.extend(events::judge(history, stream, at, rules));
        findings.extend(suppressed::judge(history, stream, at, rules));
        for tag in tags {
            let of = &history.tags[tag];
            let due = silence::learned_at(of, at);
            let key = (stream.clone(), Some(tag.clone()));
            let silence = self.silence.get(&key, due, tag_share, || {
                Silence::learn(of, due, rules, tag_share)
            });
            findings.push(silence.judge(of, stream, Some(tag), at));
        }
        findings
    }
}
