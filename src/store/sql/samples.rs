//! The sample of mail whose delivery is followed.

use crate::model::{Proof, Status, StreamKey, Timestamp};
use crate::store::{Database, Error, OpenSample, SampleCandidate};

use super::id::{Id, id_from_bytes};
use super::tags::Tags;
use super::{Session, values};

impl Database {
    /// Returns the sampled messages whose outcome is unknown, in order of sending, after closing those that bounced or
    /// were sent before `give_up_before`.
    pub fn open_samples(
        &mut self,
        stream: &StreamKey,
        give_up_before: Timestamp,
    ) -> Result<Vec<OpenSample>, Error> {
        self.write_stream(stream, |s, key| {
            // A bounce is news, and /bounces tells of it without a request for details.
            s.execute(
                "UPDATE followed SET open = 0, bounced_at = (SELECT min(b.at) FROM bounces b
                     WHERE b.stream = followed.stream AND b.message = followed.message AND b.class IN ('hard', 'blocked'))
                 WHERE stream = ?1 AND open = 1 AND EXISTS (SELECT 1 FROM bounces b
                     WHERE b.stream = followed.stream AND b.message = followed.message AND b.class IN ('hard', 'blocked'))",
                &values![key],
            )?;
            s.execute(
                "UPDATE followed SET open = 0 WHERE stream = ?1 AND open = 1 AND sent_at < ?2",
                &values![key, give_up_before],
            )?;
            s.rows(
                "SELECT message, sent_at, checked_at FROM followed WHERE stream = ?1 AND open = 1 ORDER BY sent_at, message",
                &values![key],
                |row| {
                    Ok(OpenSample {
                        id: id_from_bytes(&row.get::<Vec<u8>>(0)?),
                        sent_at: row.get(1)?,
                        checked_at: row.get(2)?,
                    })
                },
            )
        })
    }

    /// Adds messages to the sample. One that is in it already is left as it is.
    pub fn add_samples(
        &mut self,
        stream: &StreamKey,
        draws: &[SampleCandidate],
    ) -> Result<(), Error> {
        self.write_stream(stream, |s, key| {
            let tags = Tags::resolve(s, draws.iter().map(|draw| draw.tag.as_deref()))?;
            let ids: Vec<Id> = draws.iter().map(|draw| Id::from_text(&draw.id)).collect();
            let rows: Vec<_> = draws
                .iter()
                .zip(&ids)
                .map(|(draw, id)| {
                    values![
                        key,
                        id.as_bytes(),
                        draw.sent_at,
                        &draw.recipient,
                        tags.key(draw.tag.as_deref()),
                    ]
                })
                .collect();
            let sql = "INSERT INTO followed (stream, message, sent_at, recipient, tag) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (stream, message) DO NOTHING";
            s.execute_each(sql, &rows).map(drop)
        })
    }

    /// Returns the listed messages sent since `since` that are not in the sample, the newest first, at most `max`. Their recipients are not
    /// kept.
    pub fn unsampled_messages(
        &mut self,
        stream: &StreamKey,
        since: Timestamp,
        max: i64,
    ) -> Result<Vec<SampleCandidate>, Error> {
        self.read_stream(stream, |s, key| {
            s.rows(
                "SELECT m.id, m.sent_at, t.name FROM messages m LEFT JOIN tags t ON t.key = m.tag
                 WHERE m.stream = ?1 AND m.sent_at >= ?2
                     AND NOT EXISTS (SELECT 1 FROM followed f WHERE f.stream = m.stream AND f.message = m.id)
                 ORDER BY m.sent_at DESC LIMIT ?3",
                &values![key, since, max],
                |row| {
                    Ok(SampleCandidate {
                        id: id_from_bytes(&row.get::<Vec<u8>>(0)?),
                        sent_at: row.get(1)?,
                        tag: row.get(2)?,
                        recipient: String::new(),
                    })
                },
            )
        })
    }

    /// Stores what the details of a sampled message report. `None`, where they cannot be read, drops it from the sample.
    pub fn save_sample_result(
        &mut self,
        stream: &StreamKey,
        message: &str,
        proof: Option<&Proof>,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.write_stream(stream, |s, key| {
            let id = Id::from_text(message);
            let Some(proof) = proof else {
                // It says nothing either way, but that it could not be read is told.
                let sql = "UPDATE followed SET open = 0 WHERE stream = ?1 AND message = ?2";
                return s.execute(sql, &values![key, id.as_bytes()]);
            };
            s.execute(
                "UPDATE followed SET checked_at = ?3, delivered_at = ?4, bounced_at = ?5, open = ?6, queued = ?7
                 WHERE stream = ?1 AND message = ?2",
                &values![
                    key,
                    id.as_bytes(),
                    at,
                    proof.delivered_at,
                    proof.bounced_at,
                    proof.delivered_at.is_none() && proof.bounced_at.is_none(),
                    proof.status == Status::Queued,
                ],
            )
        })
    }
}

/// When a wrong clock read the details is not known; they are read anew.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE followed SET checked_at = NULL WHERE checked_at > ?1";
    s.execute(sql, &values![now])
}
