//! The hours of a whole week as one value, beside the rows that they are counted in.
//!
//! What is packed always says what the rows say. Triggers of the schema drop it with every change of one of its rows, in the same
//! transaction and whoever makes it, an older version included; and it is made in a transaction beside which nobody else writes what
//! belongs to the server. So nothing that is read depends on whether a week is packed.

use std::ops::Range;

use crate::model::{
    DAY, HourCount, Span, StreamKey, Tag, Timestamp, WEEK, WeekDigest, pack_hours, unpack_hours,
};
use crate::store::{Database, Error};

use super::tags::{ALL_MAIL, Tags};
use super::{Row, Scope, Session, Value, history, streams, values};

/// Tags whose weeks are packed in one transaction: of a year, some 50,000 rows are read for these.
const TAGS_AT_ONCE: usize = 16;
/// An hour is packed into no less.
const MIN_PACKED_BYTES: usize = 8;

/// The hours that begin in a span.
#[derive(Default)]
pub(super) struct Loaded {
    /// In order.
    pub hours: Vec<HourCount>,
    /// The digests of whole weeks that were packed, in order.
    pub digests: Vec<(Timestamp, WeekDigest)>,
    /// Whole weeks that were not, in order: where their hours stand.
    unpacked: Vec<Range<usize>>,
}

/// A row, whose hours stand at a place of all that was read.
struct Packed {
    week: Timestamp,
    digest: Option<WeekDigest>,
    place: Range<usize>,
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
                    let loaded = load(s, key, tag, history::kept(until))?;
                    save(s, key, tag, &loaded)?;
                }
            }
            Ok(())
        })
    }
}

/// Stores the weeks that are due.
fn save(s: &mut dyn Session, stream: i64, tag: i64, loaded: &Loaded) -> Result<(), Error> {
    let weeks: Vec<_> = loaded
        .due()
        .map(|(week, hours, packed)| (week, WeekDigest::of_hours(hours), packed))
        .collect();
    let rows: Vec<_> = weeks
        .iter()
        .map(|(week, digest, packed)| {
            values![stream, tag, *week, digest.as_bytes(), packed.as_slice()]
        })
        .collect();
    s.execute_each(
        "INSERT INTO packed_hours (stream, tag, week, digest, hours) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (stream, tag, week) DO UPDATE SET digest = excluded.digest, hours = excluded.hours",
        &rows,
    )
    .map(drop)
}

/// Returns the hours of one tag, or of all mail, that begin in `span`: those of a week that is packed from there, the others by row.
pub(super) fn load(
    s: &mut dyn Session,
    stream: i64,
    tag: i64,
    span: Span,
) -> Result<Loaded, Error> {
    let (packed, bytes) = load_packed(s, stream, tag, span)?;
    let mut loaded = Loaded::default();
    loaded.hours.reserve(bytes.len() / MIN_PACKED_BYTES);
    let mut from = span.from;
    for Packed {
        week,
        digest,
        place,
    } in packed
    {
        loaded.add_rows(s, stream, tag, Span::new(from, week), span)?;
        from = week.max(from);
        let before = loaded.hours.len();
        // One that was damaged, or that a newer version wrote, is read by row and packed anew.
        let (Some(digest), true) = (digest, unpack_hours(week, &bytes[place], &mut loaded.hours))
        else {
            loaded.hours.truncate(before);
            continue;
        };
        let whole = Span::new(week, week + WEEK);
        if whole.intersect(span) == whole {
            loaded.digests.push((week, digest));
        } else {
            let hours = loaded.hours.split_off(before).into_iter();
            let inside = hours.filter(|hour| span.contains(hour.start));
            loaded.hours.extend(inside);
        }
        from = whole.until.max(from);
    }
    loaded.add_rows(s, stream, tag, Span::new(from, span.until), span)?;
    Ok(loaded)
}

fn load_packed(
    s: &mut dyn Session,
    stream: i64,
    tag: i64,
    span: Span,
) -> Result<(Vec<Packed>, Vec<u8>), Error> {
    let mut bytes = Vec::new();
    let packed = s.rows(
        "SELECT week, digest, hours FROM packed_hours
         WHERE stream = ?1 AND tag = ?2 AND week > ?3 AND week < ?4 ORDER BY week",
        &values![stream, tag, span.from - WEEK, span.until],
        |row: &dyn Row| {
            let from = bytes.len();
            if let Value::Blob(hours) = row.value(2)? {
                bytes.extend_from_slice(hours);
            }
            Ok(Packed {
                week: row.get(0)?,
                digest: WeekDigest::from_bytes(&row.get::<Vec<u8>>(1)?),
                place: from..bytes.len(),
            })
        },
    )?;
    Ok((packed, bytes))
}

impl Loaded {
    /// Adds the hours of `part`, of which nothing is packed, of all of `span`.
    fn add_rows(
        &mut self,
        s: &mut dyn Session,
        stream: i64,
        tag: i64,
        part: Span,
        span: Span,
    ) -> Result<(), Error> {
        if part.is_empty() {
            return Ok(());
        }
        let mut from = self.hours.len();
        let hours = s.rows(
            "SELECT at, sent, first_at, last_at FROM hours WHERE stream = ?1 AND tag = ?2 AND at >= ?3 AND at < ?4 ORDER BY at",
            &values![stream, tag, part.from, part.until],
            |row| {
                Ok(HourCount {
                    start: row.get(0)?,
                    sent: row.get(1)?,
                    first_at: row.get(2)?,
                    last_at: row.get(3)?,
                })
            },
        )?;
        self.hours.extend(hours);
        // Mail of the last day may still be listed. Of the oldest week, hours go one by one.
        let settled = Span::new(span.from, span.until - DAY);
        for hours in self.hours[from..].chunk_by(|a, b| a.start.floor(WEEK) == b.start.floor(WEEK))
        {
            let place = from..from + hours.len();
            from = place.end;
            let begin = hours[0].start.floor(WEEK);
            let whole = Span::new(begin, begin + WEEK);
            if whole.intersect(settled) == whole {
                self.unpacked.push(place);
            }
        }
        Ok(())
    }

    /// Whether a week is to be packed.
    pub(super) fn is_due(&self) -> bool {
        self.due().next().is_some()
    }

    /// The weeks that are to be packed, with their hours and what these are packed to.
    fn due(&self) -> impl Iterator<Item = (Timestamp, &[HourCount], Vec<u8>)> {
        self.unpacked.iter().filter_map(|place| {
            let hours = &self.hours[place.clone()];
            let week = hours.first()?.start.floor(WEEK);
            Some((week, hours, pack_hours(week, hours)?))
        })
    }
}
