//! What is known of the series of one server, or of all servers together, at an instant: when each sends, at what level, and how it is
//! delivered. Who judges and who shows what is normal both know it from here.

use std::collections::BTreeMap;

use crate::detect::delivery::{DeliveryModel, DeliveryToday, DeliveryTraining, known_by};
use crate::detect::kept::Kept;
use crate::detect::level_shift::LevelShift;
use crate::detect::silence::{Silence, training_cutoff};
use crate::detect::tags::StreamSeries;
use crate::detect::training::{LearnedTime, LearningInputs, LearningSettings, Training};
use crate::model::{
    DAY, History, KnownLoss, Learned, Rules, Series, Span, StreamId, Tag, Timestamp,
};

/// What was learned, by the instant and whatever else it was learned from.
#[derive(Debug)]
pub(super) struct Cache<K, I, V>(BTreeMap<K, (Timestamp, I, V)>);

impl<K, I, V> Default for Cache<K, I, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone, I: PartialEq, V> Cache<K, I, V> {
    pub(super) fn get(
        &mut self,
        key: &K,
        at: Timestamp,
        inputs: I,
        learn: impl FnOnce() -> V,
    ) -> &V {
        let known = self.0.get(key);
        if known.is_none_or(|(known_at, of, _)| *known_at != at || *of != inputs) {
            self.0.insert(key.clone(), (at, inputs, learn()));
        }
        &self.0[key].2
    }
}

/// Caches what was learned of each series until there is more to learn.
#[derive(Debug, Default)]
pub(super) struct Known {
    shifts: Cache<Series, (), Option<LevelShift>>,
    silence: Cache<Series, (LearnedTime, LearningInputs), Silence>,
    /// By the number of series too, and by the times that teach nothing.
    delivery: Cache<StreamId, (LearningInputs, Vec<Span>), DeliveryModel>,
    /// What others of before learned, and what those after are to know.
    pub kept: Kept,
}

impl Known {
    /// Returns what is normal for `series` at `at`, and its shift of level, if there is one; `share` is its part of the budget.
    pub(super) fn silence(
        &mut self,
        (series, share): (&Series, usize),
        history: &History,
        rules: &Rules,
        at: Timestamp,
    ) -> (&Silence, Option<LevelShift>) {
        let day = at.floor(DAY);
        let find = || LevelShift::find(history, day);
        let shift = *self.shifts.get(series, day, (), find);
        let settings = LearningSettings::new(rules, share, shift);
        let time = LearnedTime::at(history, at);
        let (kept, inputs) = (&mut self.kept, (time, settings.inputs()));
        let learn = || kept.silence(series, &Training::new(history, time), &settings);
        let silence = self.silence.get(series, time.until, inputs, learn);
        (silence, shift)
    }

    /// Returns how `stream` usually delivers, but for the mail of `losses`; `series` share the budget.
    pub(super) fn delivery(
        &mut self,
        stream: &StreamId,
        (history, losses): (&History, &[KnownLoss]),
        rules: &Rules,
        series: usize,
        at: Timestamp,
    ) -> &DeliveryModel {
        let until = training_cutoff(history, at);
        let losses = known_by(losses, until);
        let settings = LearningSettings::new(rules, series, None);
        let (kept, inputs) = (&mut self.kept, (settings.inputs(), losses.clone()));
        let learn = || {
            let training = DeliveryTraining::new(history, &losses, until, rules, series);
            kept.delivery(stream, &training)
        };
        self.delivery.get(stream, until, inputs, learn)
    }
}

/// What is normal of the streams of one server, for whoever shows it: as a cycle kept it, and else learned anew. It is what the next
/// evaluation goes by.
#[derive(Debug, Default)]
pub struct KeptSilences(Known);

impl KeptSilences {
    /// From what is stored of the server.
    pub fn new(learned: BTreeMap<Series, Learned>) -> Self {
        Self(Known {
            kept: Kept::new(learned),
            ..Known::default()
        })
    }

    /// Returns what is normal for `stream` at `at`; `series` streams share the budget.
    pub fn of_stream(
        &mut self,
        stream: &StreamId,
        history: &History,
        at: Timestamp,
        rules: &Rules,
        series: usize,
    ) -> Silence {
        let watched = StreamSeries::new(stream, history, at, series);
        let (silence, _) = self.0.silence(watched.all(), history, rules, at);
        silence.clone()
    }

    /// Returns the same of each of its tags that is watched on its own.
    pub fn of_tags(
        &mut self,
        stream: &StreamId,
        history: &History,
        at: Timestamp,
        rules: &Rules,
        series: usize,
    ) -> Vec<(Tag, Silence)> {
        let watched = StreamSeries::new(stream, history, at, series);
        let known = |(tag, of): (&Tag, (&Series, usize))| {
            let (silence, _) = self.0.silence(of, &history.tags[tag], rules, at);
            (tag.clone(), silence.clone())
        };
        watched.tags().map(known).collect()
    }

    /// Returns how `stream` delivers at `at`, where nothing is learned from `losses`.
    pub fn delivery_today(
        &mut self,
        stream: &StreamId,
        (history, losses): (&History, &[KnownLoss]),
        at: Timestamp,
        rules: &Rules,
        series: usize,
    ) -> DeliveryToday {
        let known = (history, losses);
        let model = self.0.delivery(stream, known, rules, series, at);
        model.today(history, at)
    }

    #[cfg(test)]
    pub(super) fn take_learned(&mut self) -> BTreeMap<Series, Learned> {
        self.0.kept.take_new()
    }
}
