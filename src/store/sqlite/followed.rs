//! The sample of mail whose delivery is followed.

use rusqlite::Transaction;

use crate::model::{Proof, ServerName, Status, StreamId, Timestamp};
use crate::store::{Draw, Error, FollowedMail};

use super::mail::Tags;
use super::{blob_to_id, id_to_blob, rows, stream_key};

pub(super) fn open(
    t: &Transaction<'_>,
    server: &ServerName,
    stream: &StreamId,
    give_up_before: Timestamp,
) -> Result<Vec<FollowedMail>, Error> {
    let key = stream_key(t, server, stream)?;
    // A bounce is news, and /bounces tells of it without a request for details.
    t.prepare_cached(
        "UPDATE followed SET open = 0, bounced_at = (SELECT min(b.at) FROM bounces b
             WHERE b.stream = followed.stream AND b.message = followed.message AND b.class IN ('hard', 'blocked'))
         WHERE stream = ?1 AND open = 1 AND EXISTS (SELECT 1 FROM bounces b
             WHERE b.stream = followed.stream AND b.message = followed.message AND b.class IN ('hard', 'blocked'))",
    )?
    .execute([key])?;
    t.prepare_cached(
        "UPDATE followed SET open = 0 WHERE stream = ?1 AND open = 1 AND sent_at < ?2",
    )?
    .execute((key, give_up_before.0))?;
    rows(
        t,
        "SELECT message, sent_at, checked_at FROM followed WHERE stream = ?1 AND open = 1 ORDER BY sent_at",
        [key],
        |row| {
            Ok(FollowedMail {
                id: blob_to_id(&row.get::<_, Vec<u8>>(0)?),
                sent_at: Timestamp(row.get(1)?),
                checked_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
            })
        },
    )
}

pub(super) fn follow(
    t: &Transaction<'_>,
    server: &ServerName,
    stream: &StreamId,
    draws: &[Draw],
) -> Result<(), Error> {
    let key = stream_key(t, server, stream)?;
    let mut tags = Tags::default();
    let mut insert = t.prepare_cached(
        "INSERT OR IGNORE INTO followed (stream, message, sent_at, recipient, tag) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for draw in draws {
        let tag = tags.key(t, draw.tag.as_deref())?;
        insert.execute((
            key,
            id_to_blob(&draw.id),
            draw.sent_at.0,
            &draw.recipient,
            tag,
        ))?;
    }
    Ok(())
}

/// When a wrong clock read the details is not known; they are read anew.
pub(super) fn rewind(t: &Transaction<'_>, now: Timestamp) -> Result<(), Error> {
    t.execute(
        "UPDATE followed SET checked_at = NULL WHERE checked_at > ?1",
        [now.0],
    )?;
    Ok(())
}

pub(super) fn save_proof(
    t: &Transaction<'_>,
    server: &ServerName,
    stream: &StreamId,
    message: &str,
    proof: Option<&Proof>,
    at: Timestamp,
) -> Result<(), Error> {
    let key = stream_key(t, server, stream)?;
    let id = id_to_blob(message);
    let Some(proof) = proof else {
        // Dropped from the sample: it says nothing either way.
        t.prepare_cached("DELETE FROM followed WHERE stream = ?1 AND message = ?2")?
            .execute((key, id))?;
        return Ok(());
    };
    let open = proof.delivered_at.is_none() && proof.bounced_at.is_none();
    t.prepare_cached(
        "UPDATE followed SET checked_at = ?3, delivered_at = ?4, bounced_at = ?5, open = ?6, queued = ?7
         WHERE stream = ?1 AND message = ?2",
    )?
    .execute((
        key,
        id,
        at.0,
        proof.delivered_at.map(|at| at.0),
        proof.bounced_at.map(|at| at.0),
        open,
        proof.status == Status::Queued,
    ))?;
    Ok(())
}
