//! Reads the pages of one window in order, and refuses pages that contradict each other.

use std::collections::HashSet;

use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::page::BatchPage;
use crate::model::Timestamp;
use crate::postmark::{MAX_RESULTS, PAGE};

/// How far the pages of one window were read.
pub(crate) struct PageCursor {
    pub what: String,
    /// The number of items so far, duplicates among them: the offset of the next page.
    pub read: u64,
    /// When the oldest item so far was sent or bounced.
    pub oldest: Option<Timestamp>,
    seen_ids: HashSet<String>,
    total: u64,
}

impl PageCursor {
    pub(crate) fn new(what: String) -> Self {
        Self {
            what,
            read: 0,
            oldest: None,
            seen_ids: HashSet::new(),
            total: 0,
        }
    }

    /// Takes in the next page, but for its items. Returns whether it is the last.
    ///
    /// # Errors
    /// [`ReadError::InconsistentPages`] where the results changed while they were read, so that some may have been skipped.
    pub(crate) fn accept(&mut self, page: &mut BatchPage) -> Result<bool, ReadError> {
        let inconsistent = |what: &str, why: String| {
            let text = format!("{what}: {why}; the next cycle reads anew");
            Err(ReadError::InconsistentPages(text))
        };
        if page.total < self.total {
            let why = "the number of results fell while they were read".to_owned();
            return inconsistent(&self.what, why);
        }
        self.total = page.total;
        let ids = std::mem::take(&mut page.ids);
        // A full page that brings more than the total has others behind it: the total is out of date.
        let is_full = ids.len() >= PAGE as usize;
        let is_empty = ids.is_empty();
        self.read += ids.len() as u64;
        self.oldest = self.oldest.into_iter().chain(page.oldest).min();
        let before = self.seen_ids.len();
        self.seen_ids.extend(ids);
        if self.read >= self.total && !(is_full && self.read > self.total) {
            return Ok(true);
        }
        if self.seen_ids.len() == before {
            let found = if is_empty {
                "ended early"
            } else {
                "repeated itself"
            };
            let why = format!("the answer {found} at {} of {}", self.read, self.total);
            return inconsistent(&self.what, why);
        }
        if self.read + u64::from(PAGE) > MAX_RESULTS {
            let why = format!("grew past {MAX_RESULTS} while it was read");
            return inconsistent(&self.what, why);
        }
        Ok(false)
    }
}
