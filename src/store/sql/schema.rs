//! The versions of the schema, which every engine counts alike. One that was released is never changed or removed.

use crate::store::{Database, Error, Problem};

use super::Session;

impl Database {
    /// Fails where a newer version changed the schema since the database was opened, so that this version may no longer
    /// work on it.
    pub fn check_schema(&mut self) -> Result<(), Error> {
        let schema_query = self.schema_query();
        self.read(|s| check(s, schema_query))
    }
}

/// How many versions there are; an empty database is of version 0. Each engine has one migration to each.
pub(in crate::store) const VERSIONS: usize = 27;

/// The version that this hushwatch brings a database to.
pub(in crate::store) const NEWEST: i64 = VERSIONS as i64;

/// What a hushwatch must know, at least, to work on [`NEWEST`]: it is written into the database, so that an older one
/// that is still running elsewhere knows whether it may go on. Raise it to [`NEWEST`] with a migration that changes what
/// older statements rely on, and with a rule that they do not know, as 21 did; leave it with one that only adds.
pub(in crate::store) const MIN_KNOWN_VERSION: i64 = 23;

/// What a hushwatch that knows up to [`NEWEST`] may do with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Verdict {
    /// Work on it; it is up to date, or newer in ways that do not matter.
    Fits,
    /// Apply the migrations from this version on.
    Behind(usize),
}

/// Judges a database of version `found`, on which a hushwatch that knows `least` may work.
pub(in crate::store) fn judge(found: i64, least: Option<i64>) -> Result<Verdict, Error> {
    if (0..NEWEST).contains(&found) {
        return Ok(Verdict::Behind(usize::try_from(found).unwrap_or(0)));
    }
    let may = found == NEWEST || (found > NEWEST && least.is_some_and(|least| least <= NEWEST));
    if may {
        return Ok(Verdict::Fits);
    }
    let known = NEWEST;
    Err(Error::new(
        "read the schema",
        Problem::Newer { found, known },
    ))
}

/// The refusal to work on a database of version `found`, which is not to be changed.
pub(in crate::store) const fn behind(found: usize) -> Problem {
    Problem::Behind {
        found,
        known: NEWEST,
    }
}

/// Whether the database still is of a version that this hushwatch may work on: a newer one may have come by while it ran.
/// `query` finds the version and the least that may work on it.
pub(super) fn check(s: &mut dyn Session, query: &'static str) -> Result<(), Error> {
    let (found, least) = s.one(query, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    judge(found, least).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_fits_where_it_says_so() {
        assert_eq!(judge(NEWEST, None), Ok(Verdict::Fits));
        assert_eq!(judge(NEWEST + 2, Some(NEWEST)), Ok(Verdict::Fits));
        for (found, least) in [
            (NEWEST + 1, None),
            (NEWEST + 2, Some(NEWEST + 1)),
            (-1, None),
        ] {
            assert!(judge(found, least).is_err(), "{found} for {least:?}");
        }
    }

    #[test]
    fn an_older_schema_is_brought_up_to_date() {
        assert_eq!(judge(0, None), Ok(Verdict::Behind(0)));
        assert_eq!(
            judge(NEWEST - 1, Some(1)),
            Ok(Verdict::Behind(VERSIONS - 1))
        );
    }
}
