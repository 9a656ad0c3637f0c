//! How soon a stop of each stream is noticed: learned once a day, since it takes longer than all else that a page shows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::{DAY, SilenceRule, StreamKey, Timestamp};

/// How a stop of a stream is noticed: whether it is still learned, and after how long at worst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice {
    pub is_learning: bool,
    pub delay: Option<Duration>,
}

/// How soon stops are noticed, as of the last cycle: learning it takes longer than reading everything else.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<BTreeMap<StreamKey, (LearnedFrom, Notice)>>);

/// What a notice was learned from, as far as it is told apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LearnedFrom {
    /// Any instant of the day.
    pub at: Timestamp,
    /// How many share the budget.
    pub series: usize,
    pub settings: SilenceRule,
}

impl LearnedFrom {
    fn day(self) -> Self {
        Self {
            at: self.at.floor(DAY),
            ..self
        }
    }
}

impl Notices {
    pub(super) fn get(&self, stream: &StreamKey, of: LearnedFrom) -> Option<Notice> {
        let wanted = of.day();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(stream).filter(|(of, _)| *of == wanted);
        found.map(|(_, notice)| *notice)
    }

    pub(super) fn put(&self, stream: StreamKey, of: LearnedFrom, notice: Notice) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(stream, (of.day(), notice));
    }
}
