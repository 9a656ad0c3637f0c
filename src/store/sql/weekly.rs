//! The rows of a whole week as one value, beside these rows.
//!
//! What is packed always says what the rows say. Triggers of the schema drop it with every change of one of its rows, in the same
//! transaction and whoever makes it, an older version included; and it is made in a transaction beside which nobody else writes what
//! belongs to the server. So nothing that is read depends on whether a week is packed.

use std::ops::Range;

use crate::model::{DAY, Span, Timestamp, WEEK, WeekDigest};
use crate::store::Error;

use super::{Row, Session, Value, values};

/// What is stored row by row, and of whole weeks as one value too.
pub(super) trait Weekly: Copy {
    /// Finds what is packed of weeks, with its digest: of a stream (?1), those that begin after ?2 and before ?3, and where it has tags of one (?4).
    const PACKED: &'static str;
    /// Finds the rows from ?2 on and before ?3, likewise, in order.
    const ROWS: &'static str;
    /// Stores of a stream (?1) and a week (?2) the digest (?3) and the value (?4), and where it has tags of one (?5).
    const SAVE: &'static str;
    /// The minimum number of bytes that a row is packed into.
    const MIN_PACKED_BYTES: usize;

    fn read(row: &dyn Row) -> Result<Self, Error>;
    fn at(&self) -> Timestamp;
    /// Returns all rows of a week as one value, with its digest; `None` where that would save nothing.
    fn pack(week: Timestamp, rows: &[Self]) -> Option<(WeekDigest, Vec<u8>)>;
    /// Adds what was packed to `rows`; returns whether it was, else adds none.
    fn unpack(week: Timestamp, packed: &[u8], rows: &mut Vec<Self>) -> bool;
}

/// Whose rows they are: the key of a stream, and of a tag where they have tags.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub stream: i64,
    pub tag: Option<i64>,
}

/// The rows of a span.
pub(super) struct Loaded<T> {
    /// In order.
    pub rows: Vec<T>,
    /// The digests of whole weeks that were packed, in order.
    pub digests: Vec<(Timestamp, WeekDigest)>,
    /// Whole weeks that were not, in order: where their rows stand.
    unpacked: Vec<Range<usize>>,
}

/// A row, whose value stands at a place of all that was read.
struct Packed {
    week: Timestamp,
    digest: Option<WeekDigest>,
    place: Range<usize>,
}

/// Stores the weeks that are due.
pub(super) fn save<T: Weekly>(
    s: &mut dyn Session,
    of: Owner,
    loaded: &Loaded<T>,
) -> Result<(), Error> {
    for (week, digest, packed) in loaded.due() {
        let digest = digest.as_bytes();
        let values = values![of.stream, week, digest, packed.as_slice()].into_iter();
        let values: Vec<Value<'_>> = values.chain(of.tag.map(Value::from)).collect();
        s.execute(T::SAVE, &values)?;
    }
    Ok(())
}

/// Returns the rows of `span`: those of a week that is packed from there, the others by row. Weeks of `kept` are to be packed.
pub(super) fn load<T: Weekly>(
    s: &mut dyn Session,
    of: Owner,
    span: Span,
    kept: Span,
) -> Result<Loaded<T>, Error> {
    let (packed, bytes) = load_packed::<T>(s, of, span)?;
    let mut loaded = Loaded {
        rows: Vec::with_capacity(bytes.len() / T::MIN_PACKED_BYTES),
        digests: Vec::new(),
        unpacked: Vec::new(),
    };
    let mut from = span.from;
    for Packed {
        week,
        digest,
        place,
    } in packed
    {
        loaded.add_rows(s, of, Span::new(from, week), kept)?;
        from = week.max(from);
        let before = loaded.rows.len();
        // One that was damaged, or that a newer version wrote, is read by row and packed anew.
        let (Some(digest), true) = (digest, T::unpack(week, &bytes[place], &mut loaded.rows))
        else {
            loaded.rows.truncate(before);
            continue;
        };
        let whole = Span::new(week, week + WEEK);
        if whole.intersect(span) == whole {
            loaded.digests.push((week, digest));
        } else {
            let rows = loaded.rows.split_off(before).into_iter();
            loaded
                .rows
                .extend(rows.filter(|row| span.contains(row.at())));
        }
        from = whole.until.max(from);
    }
    loaded.add_rows(s, of, Span::new(from, span.until), kept)?;
    Ok(loaded)
}

fn load_packed<T: Weekly>(
    s: &mut dyn Session,
    of: Owner,
    span: Span,
) -> Result<(Vec<Packed>, Vec<u8>), Error> {
    let mut bytes = Vec::new();
    let weeks = Span::new(span.from - WEEK, span.until);
    let packed = s.rows(T::PACKED, &of.within(weeks), |row: &dyn Row| {
        let from = bytes.len();
        if let Value::Blob(packed) = row.value(2)? {
            bytes.extend_from_slice(packed);
        }
        Ok(Packed {
            week: row.get(0)?,
            digest: WeekDigest::from_bytes(&row.get::<Vec<u8>>(1)?),
            place: from..bytes.len(),
        })
    })?;
    Ok((packed, bytes))
}

impl Owner {
    fn within(self, span: Span) -> Vec<Value<'static>> {
        let values = values![self.stream, span.from, span.until].into_iter();
        values.chain(self.tag.map(Value::from)).collect()
    }
}

impl<T: Weekly> Loaded<T> {
    /// Adds the rows of `part`, of which nothing is packed.
    fn add_rows(
        &mut self,
        s: &mut dyn Session,
        of: Owner,
        part: Span,
        kept: Span,
    ) -> Result<(), Error> {
        if part.is_empty() {
            return Ok(());
        }
        let mut from = self.rows.len();
        self.rows
            .extend(s.rows(T::ROWS, &of.within(part), |row| T::read(row))?);
        // Of the last day there may still be news. Of the oldest week, rows go one by one.
        let settled = Span::new(kept.from, kept.until - DAY).intersect(part);
        for rows in self.rows[from..].chunk_by(|a, b| a.at().floor(WEEK) == b.at().floor(WEEK)) {
            let place = from..from + rows.len();
            from = place.end;
            let begin = rows[0].at().floor(WEEK);
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

    /// The weeks that are to be packed, with what they are packed to.
    fn due(&self) -> impl Iterator<Item = (Timestamp, WeekDigest, Vec<u8>)> {
        self.unpacked.iter().filter_map(|place| {
            let rows = &self.rows[place.clone()];
            let week = rows.first()?.at().floor(WEEK);
            let (digest, packed) = T::pack(week, rows)?;
            Some((week, digest, packed))
        })
    }
}
