//! How far the pages of one window were read, and whether they can be believed.

use std::collections::HashSet;

use crate::cycle::collect::budget::Stop;
use crate::cycle::collect::page::Page;
use crate::model::Timestamp;
use crate::postmark::{CAP, PAGE};

/// The pages of one window, which all told of the same number of results.
pub(crate) struct Reading {
    /// What is read, for whoever is told that it broke off.
    pub what: String,
    /// Items so far, those that came twice among them.
    pub read: u64,
    /// The oldest item so far.
    pub oldest: Option<Timestamp>,
    known: HashSet<String>,
    total: u64,
}

impl Reading {
    pub(crate) fn new(what: String) -> Self {
        Self {
            what,
            read: 0,
            oldest: None,
            known: HashSet::new(),
            total: 0,
        }
    }

    /// Takes in the next page, but for its items; whether it is the last.
    ///
    /// # Errors
    /// Where the results changed while they were read: something may have been passed over.
    pub(crate) fn turn(&mut self, page: &mut Page) -> Result<bool, Stop> {
        let drift = |what: &str, why: String| {
            Err(Stop::Drift(format!(
                "{what}: {why}; the next cycle reads anew"
            )))
        };
        if page.total < self.total {
            let why = "the number of results fell while they were read".to_owned();
            return drift(&self.what, why);
        }
        self.total = page.total;
        let ids = std::mem::take(&mut page.ids);
        // A full page that holds more than the total says has others behind it.
        let is_full = ids.len() >= PAGE as usize;
        let is_empty = ids.is_empty();
        self.read += ids.len() as u64;
        self.oldest = self.oldest.into_iter().chain(page.oldest).min();
        let before = self.known.len();
        self.known.extend(ids);
        if self.read >= self.total && !(is_full && self.read > self.total) {
            return Ok(true);
        }
        if self.known.len() == before {
            let found = if is_empty {
                "ended early"
            } else {
                "repeated itself"
            };
            let why = format!("the answer {found} at {} of {}", self.read, self.total);
            return drift(&self.what, why);
        }
        if self.read + u64::from(PAGE) > CAP {
            let why = format!("grew past {CAP} while it was read");
            return drift(&self.what, why);
        }
        Ok(false)
    }
}
