//! What is true of a stream at an instant. Pure: history and rules in, findings out. Of past incidents it knows no more than the
//! times that teach nothing.

mod address_check;
mod baseline;
mod budget;
mod bursts;
mod canary;
mod cusum;
mod delivery;
#[cfg_attr(
    not(feature = "doctor"),
    expect(dead_code, reason = "only a build with a resolver looks up domains")
)]
mod dns;
mod domain_blocks;
mod drop;
mod encoding;
mod events;
mod exceedance;
mod gap_bound;
mod gap_length;
mod hazard;
mod hourly_series;
pub mod interval;
mod kept;
mod level_shift;
mod outages;
mod poll_health;
mod profile;
mod rate;
pub mod rate_power;
mod rhythm;
pub mod sample;
mod silence;
mod smtp_errors;
mod tags;
#[cfg(test)]
mod tests;
mod together;
mod training;
mod uneven_days;

pub use address_check::{is_check_due, latest_check};
pub use budget::budget_series;
pub use canary::evaluate_canary;
use delivery::{DeliveryModel, DeliveryTraining};
pub use delivery::{
    SampledPart, is_suspicious, sample_outcome, sampled_parts, undelivered, usual_delivered_share,
};
pub use dns::evaluate_dns;
#[cfg(feature = "doctor")]
pub use dns::{accept_broken, is_lookup_due, is_senders_due, join_answer};
use kept::Kept;
pub use kept::KeptSilences;
use level_shift::LevelShift;
pub use poll_health::{PollHealth, evaluate_server};
pub use rate::{chance_breaches, lasting_reach};
pub use silence::Silence;
pub use smtp_errors::{evaluate_smtp_errors, is_statistics_due, join_statistics};
pub use tags::watched_tags;
pub use together::Together;
use training::{LearnedTime, LearningSettings, Training};

use std::collections::BTreeMap;

use crate::model::{
    DAY, Finding, History, KnownLoss, Learned, Rules, Series, Span, StreamId, Tag, Timestamp,
    ToldBounces,
};

/// What was learned, by the instant and whatever else it was learned from.
#[derive(Debug)]
struct Cache<K, I, V>(BTreeMap<K, (Timestamp, I, V)>);

impl<K: Ord + Clone, I: PartialEq, V> Cache<K, I, V> {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn get(&mut self, key: &K, at: Timestamp, inputs: I, learn: impl FnOnce() -> V) -> &V {
        let known = self.0.get(key);
        if known.is_none_or(|(known_at, of, _)| *known_at != at || *of != inputs) {
            self.0.insert(key.clone(), (at, inputs, learn()));
        }
        &self.0[key].2
    }
}

/// What a silence is learned from beside history: its time, the number of series, and the new level of a settled shift.
type SilenceInputs = (LearnedTime, usize, Option<(Timestamp, u32)>);
/// What a delivery is learned from beside history: the number of series, and the times that teach nothing.
type DeliveryInputs = (usize, Vec<Span>);

/// Evaluates the rules on the streams of one server, or on those of all servers together, and caches what it learned of each until there is more to learn.
#[derive(Debug)]
pub struct Detector {
    rules: Rules,
    series: usize,
    tags: Cache<StreamId, (), Vec<Tag>>,
    shifts: Cache<Series, (), Option<LevelShift>>,
    silence: Cache<Series, SilenceInputs, Silence>,
    delivery: Cache<StreamId, DeliveryInputs, DeliveryModel>,
    /// What others of before learned, and what those after are to know; `None` where nothing is kept beyond this one.
    kept: Option<Kept>,
}

impl Detector {
    /// `series` is the number of [series](budget_series) that share the budget of false silence alarms, at least 1.
    pub const fn new(rules: Rules, series: usize) -> Self {
        Self {
            rules,
            series,
            tags: Cache::new(),
            shifts: Cache::new(),
            silence: Cache::new(),
            delivery: Cache::new(),
            kept: None,
        }
    }

    /// Begins with what was learned before, and keeps what is learned. That changes no finding.
    pub fn keep(&mut self, learned: BTreeMap<Series, Learned>) {
        self.kept = Some(Kept::new(learned));
    }

    /// Returns what was learned anew, to be stored in the place of what [`Self::keep`] was given of the same series.
    pub fn take_learned(&mut self) -> BTreeMap<Series, Learned> {
        self.kept.as_mut().map(Kept::take_new).unwrap_or_default()
    }

    /// Returns the findings of every rule on one stream at the instant `at`, from what had happened strictly before it.
    ///
    /// `losses` are the times of which incidents say that mail was not delivered: they teach nothing of what is usual, and one of which a
    /// part still arrives is no silence. `told` is what open incidents say of bounces.
    /// Earlier calls never change the result. The order of the findings is that of
    /// [`crate::model::Rule::ALL`], those of its tags after those of the stream.
    pub fn detect(
        &mut self,
        history: &History,
        stream: &StreamId,
        losses: &[KnownLoss],
        told: &ToldBounces,
        at: Timestamp,
    ) -> Vec<Finding> {
        let (rules, series) = (self.rules.for_stream(stream), self.series);
        let day = at.floor(DAY);
        let tags = self
            .tags
            .get(stream, day, (), || tags::sorted_watched_tags(history, day));
        let (share, tag_share) = tags::budget_shares(series, tags.len());
        let key = Series::new(stream, None);
        let find = || LevelShift::find(history, day);
        let shift = *self.shifts.get(&key, day, (), find);
        let settings = LearningSettings::new(rules, share, shift);
        let cache = &mut self.silence;
        let silence = silence_of(cache, &mut self.kept, &key, history, settings, at);
        let due = silence::training_cutoff(history, at);
        let lost = losses.iter().map(|loss| loss.lost_share);
        let lost = lost.fold(0.0, f64::max);
        let losses = delivery::known_by(losses, due);
        let inputs = (series, losses.clone());
        let kept = &mut self.kept;
        let delivery = self.delivery.get(stream, due, inputs, || {
            let training = DeliveryTraining::new(history, &losses, due, rules, series);
            match kept {
                Some(kept) => kept.delivery(stream, &training),
                None => DeliveryModel::learn(&training),
            }
        });
        let mut findings = vec![
            silence.evaluate(history, None, at),
            drop::evaluate(history, at, rules, silence, shift.as_ref()),
        ];
        if !rules.sandbox {
            findings.extend(delivery.evaluate(history, lost, at));
        }
        let blocks = (!rules.sandbox).then(|| domain_blocks::evaluate(history, at, rules));
        let told = ToldBounces {
            blocking: domain_blocks::told(&told.blocking, blocks.as_ref()),
            excesses: told.excesses.clone(),
        };
        findings.extend(rate::evaluate(history, at, rules, &told));
        findings.extend(events::evaluate(history, at, rules));
        findings.extend(address_check::evaluate(history, at, rules));
        findings.extend(blocks);
        for tag in tags {
            let of = &history.tags[tag];
            let key = Series::new(stream, Some(tag));
            let find = || LevelShift::find(of, day);
            let shift = *self.shifts.get(&key, day, (), find);
            let settings = LearningSettings::new(rules, tag_share, shift);
            let cache = &mut self.silence;
            let silence = silence_of(cache, &mut self.kept, &key, of, settings, at);
            findings.push(silence.evaluate(of, Some(tag), at));
        }
        for finding in &mut findings {
            finding.stream = Some(stream.clone());
        }
        findings
    }

    /// Returns the finding about the mail of several streams at `at`, likewise; `None` where no two of them send.
    pub fn detect_together(&mut self, together: &Together, at: Timestamp) -> Option<Finding> {
        let (joint, key) = (together.joint()?, Series::TOGETHER);
        let day = at.floor(DAY);
        let find = || LevelShift::find(joint, day);
        let shift = *self.shifts.get(&key, day, (), find);
        let settings = LearningSettings::new(&self.rules, self.series, shift);
        let (cache, kept) = (&mut self.silence, &mut self.kept);
        let silence = silence_of(cache, kept, &key, joint, settings, at);
        together.evaluate(silence, at)
    }
}

/// Returns what is normal for a series at `at`, as it is known or learned.
fn silence_of<'c>(
    cache: &'c mut Cache<Series, SilenceInputs, Silence>,
    kept: &mut Option<Kept>,
    series: &Series,
    history: &History,
    settings: LearningSettings,
    at: Timestamp,
) -> &'c Silence {
    let time = LearnedTime::at(history, at);
    let shift = settings.shift.as_ref().map(LevelShift::key);
    let inputs = (time, settings.series, shift);
    cache.get(series, time.until, inputs, || {
        let training = Training::new(history, time);
        match kept {
            Some(kept) => kept.silence(series.clone(), &training, &settings),
            None => Silence::learn(&training, &settings),
        }
    })
}
