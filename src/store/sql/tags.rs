//! Tags are kept once, and named by a number.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::{Database, Error};

use super::{Session, values};

/// The place of all mail in the aggregates; keys of tags begin at 1.
pub(super) const ALL_MAIL: i64 = 0;

impl Database {
    /// Returns the name of every tag that stored mail ever had, in order.
    pub fn tag_names(&mut self) -> Result<Vec<String>, Error> {
        self.rows("SELECT name FROM tags ORDER BY name", &[], |row| row.get(0))
    }
}

/// Keys of the tags of one call.
pub(super) struct Tags<'m>(BTreeMap<&'m str, i64>);

impl<'m> Tags<'m> {
    /// Looks these up, and makes known which are not.
    pub(super) fn resolve(
        s: &mut dyn Session,
        tags: impl Iterator<Item = Option<&'m str>>,
    ) -> Result<Self, Error> {
        let used: BTreeSet<&str> = tags.flatten().filter(|tag| !tag.is_empty()).collect();
        let mut known = Self(BTreeMap::new());
        known.look_up(s, &used)?;
        let new: BTreeSet<&str> = used
            .into_iter()
            .filter(|tag| !known.0.contains_key(tag))
            .collect();
        if !new.is_empty() {
            // In one order everywhere, so that two writers of the same tags never wait for each other.
            let rows: Vec<_> = new.iter().map(|tag| values![*tag]).collect();
            let sql = "INSERT INTO tags (name) VALUES (?1) ON CONFLICT (name) DO NOTHING";
            s.execute_each(sql, &rows)?;
            known.look_up(s, &new)?;
        }
        Ok(known)
    }

    /// The key of a tag that was looked up; `None` for mail without one.
    pub(super) fn key(&self, tag: Option<&str>) -> Option<i64> {
        tag.and_then(|tag| self.0.get(tag)).copied()
    }

    fn look_up(&mut self, s: &mut dyn Session, tags: &BTreeSet<&'m str>) -> Result<(), Error> {
        let names: Vec<&'m str> = tags.iter().copied().collect();
        let sql = "SELECT key FROM tags WHERE name = ?1";
        let parameters = names.iter().map(|tag| values![*tag]);
        s.each_row(sql, parameters, |index, row| {
            self.0.insert(names[index], row.get(0)?);
            Ok(())
        })
    }
}
