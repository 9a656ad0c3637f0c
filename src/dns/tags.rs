//! `tag=value` lists, the syntax of DKIM keys and DMARC policies (RFC 6376, 3.2). Pure.

/// The tags of a text, in their order.
pub(super) struct Tags<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Tags<'t> {
    /// Reads what is between semicolons; what has no `=` is a tag without a name.
    pub(super) fn parse(text: &'t str) -> Self {
        let parts = text.split(';').map(str::trim).filter(|p| !p.is_empty());
        let tags = parts.map(|part| part.split_once('=').unwrap_or(("", part)));
        Self(tags.map(|(tag, v)| (tag.trim(), v.trim())).collect())
    }

    /// Returns the value of a tag, the first where there are several.
    pub(super) fn value(&self, wanted: &str) -> Option<&'t str> {
        let found = self.0.iter().find(|(tag, _)| *tag == wanted)?;
        Some(found.1)
    }

    /// Returns whether the list begins with exactly this version.
    pub(super) fn begins_with_version(&self, version: &str) -> bool {
        self.0.first() == Some(&("v", version))
    }

    /// Returns whether a tag, which is a list with colons, has this word. `None` where the tag is not there.
    pub(super) fn lists(&self, wanted: &str, word: &str) -> Option<bool> {
        let mut words = self.value(wanted)?.split(':');
        Some(words.any(|found| found.trim() == word))
    }

    /// Returns whether each tag has a name of its own.
    pub(super) fn is_well_formed(&self) -> bool {
        let names = || self.0.iter().map(|(tag, _)| tag);
        let is_first = |(index, tag): (usize, &&str)| names().position(|t| t == tag) == Some(index);
        names().all(|tag| !tag.is_empty()) && names().enumerate().all(is_first)
    }
}
