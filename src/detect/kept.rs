//! What was learned, kept from one cycle to the next.
//!
//! Each value stands under the [key](Training::key) of all that it was learned from, and is used where the key of what would be learned
//! from now is the same. One that is not read, or of another key, is learned anew: to lose what is kept costs time, nothing else.

use std::collections::BTreeMap;

use crate::detect::encoding::{decode, encode};
use crate::detect::silence::Silence;
use crate::detect::training::{LearningSettings, Training};
use crate::model::{Learned, Series};

/// What is kept of the series of one server, or of all servers together.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// As it was stored.
    stored: BTreeMap<Series, Learned>,
    /// What takes its place.
    new: BTreeMap<Series, Learned>,
}

impl Kept {
    pub(super) const fn new(stored: BTreeMap<Series, Learned>) -> Self {
        Self {
            stored,
            new: BTreeMap::new(),
        }
    }

    /// Returns what was learned of `series` from just this past, or learns it.
    pub(super) fn get_or_learn(
        &mut self,
        series: Series,
        training: &Training<'_>,
        settings: &LearningSettings,
    ) -> Silence {
        if training.is_empty() {
            return Silence::learn(training, settings);
        }
        let key = training.key(settings);
        let find = |known: &BTreeMap<Series, Learned>| -> Option<Silence> {
            let known = known.get(&series).filter(|known| known.key == key)?;
            decode(&known.value)
        };
        if let Some(silence) = find(&self.stored) {
            // An instant before this one, which a cycle caught up with, may have been of an older past.
            self.new.remove(&series);
            return silence;
        }
        if let Some(silence) = find(&self.new) {
            return silence;
        }
        let silence = Silence::learn(training, settings);
        let value = encode(&silence);
        self.new.insert(series, Learned { key, value });
        silence
    }

    /// Returns what is to be stored in the place of what was.
    pub(super) fn take_new(&mut self) -> BTreeMap<Series, Learned> {
        std::mem::take(&mut self.new)
    }
}
