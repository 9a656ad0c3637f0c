//! What was learned, kept from one cycle to the next.
//!
//! Each value stands under the [key](Training::key) of all that it was learned from, and is used where the key of what would be learned
//! from now is the same. One that is not read, or of another key, is learned anew: to lose what is kept costs time, nothing else.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};

use crate::detect::delivery::{DeliveryModel, DeliveryTraining};
use crate::detect::encoding::{Encoded, decode, encode};
use crate::detect::silence::Silence;
use crate::detect::training::{LearningSettings, Training};
use crate::model::{Learned, LearnedKey, Series, StreamId};

/// What is kept of the series of one server, or of all servers together; by default nothing.
#[derive(Debug, Default)]
pub(super) struct Kept {
    is_keeping: bool,
    /// As it was stored.
    stored: BTreeMap<Series, Learned>,
    /// What takes its place.
    new: BTreeMap<Series, Learned>,
}

impl Kept {
    pub(super) const fn new(stored: BTreeMap<Series, Learned>) -> Self {
        Self {
            is_keeping: true,
            stored,
            new: BTreeMap::new(),
        }
    }

    /// Returns what was learned of when `series` sends, from just this past, or learns it.
    pub(super) fn silence(
        &mut self,
        series: &Series,
        training: &Training<'_>,
        settings: &LearningSettings,
    ) -> Silence {
        let learn = || Silence::learn(training, settings);
        match self.is_keeping && !training.is_empty() {
            true => self.get_or_learn(series.clone(), training.key(settings), learn),
            false => learn(),
        }
    }

    /// Returns what was learned of how `stream` delivers, likewise.
    pub(super) fn delivery(
        &mut self,
        stream: &StreamId,
        training: &DeliveryTraining<'_>,
    ) -> DeliveryModel {
        let learn = || DeliveryModel::learn(training);
        match self.is_keeping && !training.is_empty() {
            true => self.get_or_learn(Series::delivery(stream), training.key(), learn),
            false => learn(),
        }
    }

    fn get_or_learn<T: Encoded>(
        &mut self,
        series: Series,
        key: LearnedKey,
        learn: impl FnOnce() -> T,
    ) -> T {
        let find = |known: &BTreeMap<Series, Learned>| -> Option<T> {
            let known = known.get(&series).filter(|known| known.key == key)?;
            decode(unsealed(known)?)
        };
        if let Some(value) = find(&self.stored) {
            // An instant before this one, which a cycle caught up with, may have been of an older past.
            self.new.remove(&series);
            return value;
        }
        if let Some(value) = find(&self.new) {
            return value;
        }
        let learned = learn();
        let value = sealed(&key, encode(&learned));
        self.new.insert(series, Learned { key, value });
        learned
    }

    /// Returns what is to be stored in the place of what was.
    pub(super) fn take_new(&mut self) -> BTreeMap<Series, Learned> {
        std::mem::take(&mut self.new)
    }
}

/// How many bytes of a digest are kept at the end of a value.
const SEAL_BYTES: usize = 16;

/// Returns `value` with a digest of it at its end: a disk may damage it into another value.
fn sealed(key: &LearnedKey, mut value: Vec<u8>) -> Vec<u8> {
    value.extend(seal(key, &value));
    value
}

/// Returns what was [sealed]; `None` where it is damaged.
fn unsealed(learned: &Learned) -> Option<&[u8]> {
    let (value, found) = learned.value.split_last_chunk::<SEAL_BYTES>()?;
    (seal(&learned.key, value) == *found).then_some(value)
}

fn seal(key: &LearnedKey, value: &[u8]) -> [u8; SEAL_BYTES] {
    let mut context = Context::new(&SHA256);
    context.update(key.as_bytes());
    context.update(value);
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&context.finish().as_ref()[..SEAL_BYTES]);
    seal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_damaged_is_none() {
        let key = LearnedKey::from_digest(&[7; 32]);
        let whole = sealed(&key, vec![1, 2, 3]);
        let learned = |key: &LearnedKey, value: &[u8]| Learned {
            key: *key,
            value: value.to_vec(),
        };
        assert_eq!(unsealed(&learned(&key, &whole)), Some(&[1, 2, 3][..]));
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            assert_eq!(unsealed(&learned(&key, &damaged)), None, "{place}");
        }
        assert_eq!(unsealed(&learned(&key, &whole[..whole.len() - 1])), None);
        assert_eq!(unsealed(&learned(&key, &[])), None);
        let other = LearnedKey::from_digest(&[8; 32]);
        assert_eq!(unsealed(&learned(&other, &whole)), None);
    }
}
