//! When the mail that bounced was sent. Messages lie in order of time, so the mail of a bounce is looked for from its bounce backwards:
//! most of it bounces within the hour.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Bounce, DAY, HOUR, Mail, Span, Timestamp};
use crate::store::Error;

use super::id::Id;
use super::{Session, values};

/// How far a bounce may be dated before its message, by the clocks of those who reported them.
const CLOCKS: std::time::Duration = HOUR;

/// Message ids in the bytes of their column, with when each was sent.
pub(super) type Sendings = BTreeMap<Vec<u8>, Timestamp>;

/// Returns when the messages of those of `bounces` were sent that are not stored yet, as far as the messages are.
pub(super) fn find_sendings(
    s: &mut dyn Session,
    stream: i64,
    bounces: &[Bounce],
) -> Result<Sendings, Error> {
    let ids = bounces.iter().map(|bounce| values![stream, bounce.id]);
    let mut known = BTreeSet::new();
    let sql = "SELECT id FROM bounces WHERE stream = ?1 AND id = ?2";
    s.each_row(sql, ids, |place, _| {
        known.insert(place);
        Ok(())
    })?;
    let new = bounces.iter().enumerate();
    let new = new.filter(|(place, _)| !known.contains(place));
    let new = new.filter_map(|(_, bounce)| Some((bounce.message.as_deref()?, bounce.at)));
    let bounced: Sendings = new
        .map(|(id, at)| (Id::from_text(id).as_bytes().to_vec(), at))
        .collect();
    search(s, stream, &bounced)
}

/// Looks for messages backwards from when they bounced.
fn search(s: &mut dyn Session, stream: i64, bounced: &Sendings) -> Result<Sendings, Error> {
    let mut found = Sendings::new();
    let (Some(first), Some(last)) = (bounced.values().min(), bounced.values().max()) else {
        return Ok(found);
    };
    let sql = "SELECT min(sent_at) FROM messages WHERE stream = ?1";
    let oldest: Option<Timestamp> = s.one(sql, &values![stream], |row| row.get(0))?;
    let oldest = oldest.unwrap_or(Timestamp::MAX);
    let mut span = Span::new(*first - CLOCKS, *last + CLOCKS);
    while found.len() < bounced.len() && span.until > oldest {
        s.each_row(
            "SELECT id, sent_at FROM messages WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3",
            [values![stream, span.from, span.until]],
            |_, row| {
                let id: Vec<u8> = row.get(0)?;
                if bounced.contains_key(&id) {
                    found.insert(id, row.get(1)?);
                }
                Ok(())
            },
        )?;
        span = Span::new(span.from - DAY, span.from);
    }
    Ok(found)
}

/// Says of bounces that were stored before their messages when these were sent, now that the messages are.
pub(super) fn link_earlier_bounces<'m>(
    s: &mut dyn Session,
    stream: i64,
    mails: impl Iterator<Item = &'m Mail>,
) -> Result<(), Error> {
    let sent: Vec<&Mail> = mails.collect();
    let Some(first) = sent.iter().map(|mail| mail.sent_at).min() else {
        return Ok(());
    };
    let waiting: Vec<(i64, Vec<u8>)> = s.rows(
        "SELECT id, message FROM bounces WHERE stream = ?1 AND sent_at IS NULL AND message IS NOT NULL AND at >= ?2",
        &values![stream, first - CLOCKS],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if waiting.is_empty() {
        return Ok(());
    }
    let sent = sent.iter().map(|mail| {
        let id = Id::from_text(&mail.id).as_bytes().to_vec();
        (id, mail.sent_at)
    });
    let sent: Sendings = sent.collect();
    let linked: Vec<_> = waiting
        .iter()
        .filter_map(|(bounce, message)| Some(values![stream, *bounce, *sent.get(message)?]))
        .collect();
    let sql = "UPDATE bounces SET sent_at = ?3 WHERE stream = ?1 AND id = ?2";
    s.execute_each(sql, &linked).map(drop)
}
