//! Which periods were told in a digest.

use crate::model::{Span, Timestamp};
use crate::store::{Database, Error, LastDigest, NewMessage, Thread};

use super::{Scope, Session, outbox, values};

impl Database {
    pub fn last_digest(&mut self) -> Result<Option<LastDigest>, Error> {
        self.read(|s| {
            let found = s.first(
                "SELECT d.until_at, o.kind, o.incident, o.channel, o.text, o.body, o.seq
                 FROM digests d JOIN outbox o ON o.seq = d.outbox ORDER BY d.until_at DESC LIMIT 1",
                &[],
                |row| {
                    let message = outbox::read_message(row, 1)?;
                    let until = row.get(0)?;
                    Ok((row.get::<i64>(6)?, LastDigest { until, message }))
                },
            )?;
            let Some((seq, mut digest)) = found else {
                return Ok(None);
            };
            digest.message.incidents = outbox::load_incidents(s, &[seq])?.concat();
            Ok(Some(digest))
        })
    }

    /// Returns when the digest of the period that ended at `until` was first written; where it never was, the next one after it. `None`
    /// of no such digest.
    pub fn digest_written_at(&mut self, until: Timestamp) -> Result<Option<Timestamp>, Error> {
        self.read(|s| {
            s.one(
                "SELECT min(created_at) FROM outbox WHERE kind = 'digest' AND created_at >= ?1",
                &values![until],
                |row| row.get(0),
            )
        })
    }

    /// Stores a digest without pictures.
    #[cfg(test)]
    pub fn save_digest(
        &mut self,
        period: Span,
        message: &NewMessage,
        again: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.save_illustrated_digest(period, (message, &[]), again, now)
    }

    /// Stores a digest, its outbox row and those of the pictures below it, unless one of the same or a later period exists and
    /// `again` is false. Returns whether it stored it.
    pub fn save_illustrated_digest(
        &mut self,
        period: Span,
        (message, pictures): (&NewMessage, &[NewMessage]),
        again: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.write(Scope::All, |s| {
            let sql = "SELECT count(*) FROM digests WHERE until_at >= ?1";
            let known: i64 = s.one(sql, &values![period.until], |row| row.get(0))?;
            if known > 0 && !again {
                return Ok(false);
            }
            let seq = outbox::push(s, message, now)?;
            for picture in pictures {
                let mut picture = picture.clone();
                picture.placement.thread = Thread::Continues(seq);
                outbox::push(s, &picture, now)?;
            }
            s.execute(
                "INSERT INTO digests (until_at, from_at, outbox) VALUES (?1, ?2, ?3)
         ON CONFLICT (until_at) DO UPDATE SET from_at = excluded.from_at, outbox = excluded.outbox",
                &values![period.until, period.from, seq],
            )?;
            Ok(true)
        })
    }
}

/// A period that ends after `now` was told by a wrong clock, and would silence every digest until then.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute("DELETE FROM digests WHERE until_at > ?1", &values![now])
}
