//! The hours of a whole week as one value, [beside the rows](super::weekly) that they are counted in.

use crate::model::{HourCount, StreamKey, Tag, Timestamp, WeekDigest, pack_hours, unpack_hours};
use crate::store::{Database, Error};

use super::tags::{ALL_MAIL, Tags};
use super::weekly::{self, Owner, Weekly};
use super::{Row, Scope, history, streams};

/// Tags whose weeks are packed in one transaction: of a year, some 50,000 rows are read for these.
const TAGS_AT_ONCE: usize = 16;

impl Weekly for HourCount {
    const PACKED: &'static str = "SELECT week, digest, hours FROM packed_hours
         WHERE stream = ?1 AND tag = ?4 AND week > ?2 AND week < ?3 ORDER BY week";
    const ROWS: &'static str = "SELECT at, sent, first_at, last_at FROM hours
         WHERE stream = ?1 AND tag = ?4 AND at >= ?2 AND at < ?3 ORDER BY at";
    const SAVE: &'static str =
        "INSERT INTO packed_hours (stream, week, digest, hours, tag) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (stream, tag, week) DO UPDATE SET digest = excluded.digest, hours = excluded.hours";
    const MIN_PACKED_BYTES: usize = 8;

    fn read(row: &dyn Row) -> Result<Self, Error> {
        Ok(Self {
            start: row.get(0)?,
            sent: row.get(1)?,
            first_at: row.get(2)?,
            last_at: row.get(3)?,
        })
    }

    fn at(&self) -> Timestamp {
        self.start
    }

    fn pack(week: Timestamp, rows: &[Self]) -> Option<(WeekDigest, Vec<u8>)> {
        let packed = pack_hours(week, rows)?;
        Some((WeekDigest::of_hours(rows), packed))
    }

    fn unpack(week: Timestamp, packed: &[u8], rows: &mut Vec<Self>) -> bool {
        unpack_hours(week, packed, rows)
    }
}

impl Database {
    /// Packs the whole weeks of all mail of a stream and of some of its tags that a [history](Self::history_with_tags) up to `until`
    /// tells, as far as they are not. These are several transactions, so that nobody waits for the year of hundreds of tags.
    pub fn pack_hours(
        &mut self,
        stream: &StreamKey,
        tags: &[Tag],
        until: Timestamp,
    ) -> Result<(), Error> {
        let names: Vec<_> = std::iter::once(None)
            .chain(tags.iter().map(|tag| Some(tag.0.as_str())))
            .collect();
        let mut parts = names.chunks(TAGS_AT_ONCE);
        parts.try_for_each(|names| self.pack_hours_of(stream, names, until))
    }

    /// Packs those of these tags, and of all mail where `None` is among them.
    fn pack_hours_of(
        &mut self,
        stream: &StreamKey,
        tags: &[Option<&str>],
        until: Timestamp,
    ) -> Result<(), Error> {
        self.write(Scope::Server(stream.server()), |s| {
            let Some(key) = streams::find_key(s, stream)? else {
                return Ok(());
            };
            let known = Tags::resolve(s, tags.iter().copied())?;
            for tag in tags {
                if let Some(tag) = tag.map_or(Some(ALL_MAIL), |_| known.key(*tag)) {
                    let (stream, tag) = (key, Some(tag));
                    let (of, kept) = (Owner { stream, tag }, history::kept(until));
                    let loaded = weekly::load::<HourCount>(s, of, kept, kept)?;
                    weekly::save(s, of, &loaded)?;
                }
            }
            Ok(())
        })
    }
}
