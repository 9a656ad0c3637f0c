//! What is true of a stream at an instant. Pure: history and rules in, findings out; never looks at past incidents.

mod address_check;
mod baseline;
mod bursts;
mod cusum;
mod delivery;
mod drop;
mod events;
mod exceedance;
mod gap_bound;
mod gap_length;
mod hazard;
mod hourly_series;
pub mod interval;
mod outages;
mod poll_health;
mod profile;
mod rate;
pub mod rate_power;
pub mod sample;
mod silence;
mod tags;
#[cfg(test)]
mod tests;

pub use address_check::{is_check_due, latest_check};
use delivery::DeliveryModel;
pub use delivery::{is_suspicious, sample_outcome, undelivered, usual_delivered_share};
pub use poll_health::{PollHealth, evaluate_server};
pub use rate::chance_breaches;
pub use silence::Silence;
pub use tags::watched_tags;

use std::collections::BTreeMap;

use crate::model::{DAY, Finding, History, Rules, StreamId, Tag, Timestamp};

/// What was learned, by the instant and the number of series that it was learned for.
#[derive(Debug)]
struct Cache<K, V>(BTreeMap<K, (Timestamp, usize, V)>);

impl<K: Ord + Clone, V> Cache<K, V> {
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

/// Evaluates the rules on the streams of one server, and caches what it learned of each until there is more to learn.
#[derive(Debug)]
pub struct Detector {
    rules: Rules,
    series: usize,
    tags: Cache<StreamId, Vec<Tag>>,
    silence: Cache<(StreamId, Option<Tag>), Silence>,
    delivery: Cache<StreamId, DeliveryModel>,
}

impl Detector {
    /// `series` is the number of streams that share the budget of false silence alarms, at least 1.
    pub const fn new(rules: Rules, series: usize) -> Self {
        Self {
            rules,
            series,
            tags: Cache::new(),
            silence: Cache::new(),
            delivery: Cache::new(),
        }
    }

    /// Returns the findings of every rule on one stream at the instant `at`, from what had happened strictly before it.
    ///
    /// Earlier calls never change the result. The order of the findings is that of
    /// [`crate::model::Rule::ALL`], those of its tags after those of the stream.
    pub fn detect(&mut self, history: &History, stream: &StreamId, at: Timestamp) -> Vec<Finding> {
        let (rules, series) = (self.rules.for_stream(stream), self.series);
        let day = at.floor(DAY);
        let tags = self
            .tags
            .get(stream, day, 0, || tags::sorted_watched_tags(history, day));
        let (share, tag_share) = tags::budget_shares(series, tags.len());
        let due = silence::training_cutoff(history, at);
        let silence = self.silence.get(&(stream.clone(), None), due, share, || {
            Silence::learn(history, due, rules, share)
        });
        let delivery = self.delivery.get(stream, due, series, || {
            DeliveryModel::learn(history, due, rules, series)
        });
        let mut findings = vec![
            silence.evaluate(history, None, at),
            drop::evaluate(history, at, rules, silence),
        ];
        if !rules.sandbox {
            findings.extend(delivery.evaluate(history, at));
        }
        findings.extend(rate::evaluate(history, at, rules));
        findings.extend(events::evaluate(history, at, rules));
        findings.extend(address_check::evaluate(history, at, rules));
        for tag in tags {
            let of = &history.tags[tag];
            let due = silence::training_cutoff(of, at);
            let key = (stream.clone(), Some(tag.clone()));
            let silence = self.silence.get(&key, due, tag_share, || {
                Silence::learn(of, due, rules, tag_share)
            });
            findings.push(silence.evaluate(of, Some(tag), at));
        }
        for finding in &mut findings {
            finding.stream = Some(stream.clone());
        }
        findings
    }
}
