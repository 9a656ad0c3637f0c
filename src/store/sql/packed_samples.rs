//! The delivered part of the sampled mail of a whole week as one value, [beside the rows](super::weekly) of its messages.

use crate::model::{
    SAMPLE_LOOKBACK, SampledMessage, Span, StreamKey, Timestamp, WEEK, WeekDigest, pack_delivered,
    unpack_delivered,
};
use crate::store::{Database, Error};

use super::weekly::{self, Loaded, Owner, Weekly};
use super::{Row, Scope, Session, streams};

/// Of fewer messages a week is not packed: to read these takes no longer.
const MIN_MESSAGES: usize = 24;

impl Weekly for SampledMessage {
    const PACKED: &'static str = "SELECT week, digest, delivered FROM packed_samples
         WHERE stream = ?1 AND week > ?2 AND week < ?3 ORDER BY week";
    const ROWS: &'static str = "SELECT sent_at, checked_at, delivered_at, bounced_at, queued FROM followed
         WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 AND delivered_at IS NOT NULL ORDER BY sent_at";
    const SAVE: &'static str =
        "INSERT INTO packed_samples (stream, week, digest, delivered) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (stream, week) DO UPDATE SET digest = excluded.digest, delivered = excluded.delivered";
    const MIN_PACKED_BYTES: usize = 8;

    fn read(row: &dyn Row) -> Result<Self, Error> {
        Ok(Self {
            sent_at: row.get(0)?,
            checked_at: row.get(1)?,
            delivered_at: row.get(2)?,
            bounced_at: row.get(3)?,
            queued: row.get(4)?,
            ..Self::default()
        })
    }

    fn at(&self) -> Timestamp {
        self.sent_at
    }

    fn pack(_: Timestamp, rows: &[Self]) -> Option<(WeekDigest, Vec<u8>)> {
        if rows.len() < MIN_MESSAGES {
            return None;
        }
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let packed = pack_delivered(&rows);
        Some((WeekDigest::of_packed(&packed), packed))
    }

    fn unpack(week: Timestamp, packed: &[u8], rows: &mut Vec<Self>) -> bool {
        let before = rows.len();
        let whole = Span::new(week, week + WEEK);
        unpack_delivered(packed, rows)
            && rows.len() >= before + MIN_MESSAGES
            && rows[before..]
                .iter()
                .all(|mail| whole.contains(mail.sent_at))
    }
}

impl Database {
    /// Packs the whole weeks of a stream's sampled mail that a [history](Self::history_with_tags) up to `until` tells, as far as they are
    /// not.
    pub fn pack_samples(&mut self, stream: &StreamKey, until: Timestamp) -> Result<(), Error> {
        self.write(Scope::Server(stream.server()), |s| {
            let Some(key) = streams::find_key(s, stream)? else {
                return Ok(());
            };
            let kept = kept(until);
            let loaded = load_delivered(s, key, kept)?;
            weekly::save(s, owner(key), &loaded)
        })
    }
}

/// Returns the sampled mail of `sent` that was delivered.
pub(super) fn load_delivered(
    s: &mut dyn Session,
    stream: i64,
    sent: Span,
) -> Result<Loaded<SampledMessage>, Error> {
    weekly::load(s, owner(stream), sent, kept(sent.until))
}

const fn owner(stream: i64) -> Owner {
    Owner { stream, tag: None }
}

/// Returns the time whose mail a cycle at `until` reads: that of its range, of a week at least, and what is learned from before it.
fn kept(until: Timestamp) -> Span {
    Span::new(until - SAMPLE_LOOKBACK - WEEK, until)
}
