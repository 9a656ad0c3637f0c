//! What is known of a stream, for judging: aggregates, and rows only where a window cuts a minute.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::model::{
    BounceClass, BounceMark, DAY, FEWEST_OF_TAG, FOLLOWED_OF, Followed, History, HourCount, Kind,
    MINUTE, ServerName, Span, StreamId, TAGS_OF, Tag, Ticks, Timestamp,
};
use crate::store::Error;

use super::mail::ALL_MAIL;
use super::{blob_to_id, known_stream, mail, rows};

pub(super) fn load(
    connection: &Connection,
    server: &ServerName,
    stream: &StreamId,
    range: Span,
    cuts: &[Timestamp],
) -> Result<History, Error> {
    let Some(key) = known_stream(connection, server, stream)? else {
        return Ok(History::default());
    };
    Ok(History {
        begins: begins(connection, server, key)?,
        started: started(connection, server)?,
        messages: mail::coverage(connection, key, Kind::Messages)?,
        bounces: mail::coverage(connection, key, Kind::Bounces)?,
        hours: hours(connection, key, ALL_MAIL, range.until)?,
        sent: ticks(connection, key, ALL_MAIL, range, cuts)?,
        marks: marks(connection, key, range)?,
        followed: followed(connection, key, range)?,
        tags: BTreeMap::new(),
    })
}

pub(super) fn tags(
    connection: &Connection,
    server: &ServerName,
    stream: &StreamId,
    range: Span,
    cuts: &[Timestamp],
) -> Result<BTreeMap<Tag, (Vec<HourCount>, Ticks)>, Error> {
    let Some(key) = known_stream(connection, server, stream)? else {
        return Ok(BTreeMap::new());
    };
    let used: Vec<(i64, String)> = rows(
        connection,
        "SELECT h.tag, t.name FROM hours h JOIN tags t ON t.key = h.tag
         WHERE h.stream = ?1 AND h.tag > 0 AND h.at >= ?2 AND h.at < ?3 GROUP BY h.tag HAVING sum(h.sent) >= ?4",
        (key, (range.from - TAGS_OF).0, range.until.0, FEWEST_OF_TAG),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut tags = BTreeMap::new();
    for (tag, name) in used {
        let hours = hours(connection, key, tag, range.until)?;
        let sent = ticks(connection, key, tag, range, cuts)?;
        tags.insert(Tag(name), (hours, sent));
    }
    Ok(tags)
}

/// The oldest message seen, or the server's first start.
fn begins(
    connection: &Connection,
    server: &ServerName,
    stream: i64,
) -> Result<Option<Timestamp>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT min(s.first_start_at, coalesce(t.oldest_sent_at, s.first_start_at))
         FROM servers s, streams t WHERE s.name = ?1 AND t.key = ?2",
    )?;
    let found = select.query_row((&server.0, stream), |row| row.get::<_, Option<i64>>(0));
    match found {
        Ok(at) => Ok(at.map(Timestamp)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn started(connection: &Connection, server: &ServerName) -> Result<Option<Timestamp>, Error> {
    let found = rows(
        connection,
        "SELECT first_start_at FROM servers WHERE name = ?1",
        [&server.0],
        |row| row.get(0),
    )?;
    Ok(found.first().copied().map(Timestamp))
}

fn hours(
    connection: &Connection,
    stream: i64,
    tag: i64,
    until: Timestamp,
) -> Result<Vec<HourCount>, Error> {
    rows(
        connection,
        "SELECT at, sent, first_at, last_at FROM hours WHERE stream = ?1 AND tag = ?2 AND at >= ?3 AND at < ?4 ORDER BY at",
        (stream, tag, (until - 400 * DAY).0, until.0),
        |row| {
            Ok(HourCount {
                start: Timestamp(row.get(0)?),
                sent: row.get(1)?,
                first_at: Timestamp(row.get(2)?),
                last_at: Timestamp(row.get(3)?),
            })
        },
    )
}

/// Whole minutes stand at their last message; a minute that a cut divides is told message by message.
fn ticks(
    connection: &Connection,
    stream: i64,
    tag: i64,
    range: Span,
    cuts: &[Timestamp],
) -> Result<Ticks, Error> {
    let divided: BTreeSet<Timestamp> = [range.from, range.until]
        .iter()
        .chain(cuts)
        .filter(|cut| cut.floor(MINUTE) != **cut)
        .map(|cut| cut.floor(MINUTE))
        .collect();
    let whole = rows(
        connection,
        "SELECT at, last_at, sent FROM minutes WHERE stream = ?1 AND tag = ?2 AND at >= ?3 AND at < ?4 ORDER BY at",
        (stream, tag, range.from.floor(MINUTE).0, range.until.0),
        |row| {
            Ok((
                Timestamp(row.get(0)?),
                Timestamp(row.get(1)?),
                row.get::<_, u64>(2)?,
            ))
        },
    )?;
    let mut ticks: BTreeMap<Timestamp, u64> = whole
        .into_iter()
        .filter(|(at, _, _)| !divided.contains(at))
        .map(|(_, last, sent)| (last, sent))
        .collect();
    for minute in divided {
        let sql = "SELECT sent_at FROM messages WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 AND ?4 IN (0, tag)";
        for at in rows(
            connection,
            sql,
            (stream, minute.0, (minute + MINUTE).0, tag),
            |row| row.get(0),
        )? {
            *ticks.entry(Timestamp(at)).or_default() += 1;
        }
    }
    Ok(Ticks::of(ticks))
}

fn marks(connection: &Connection, stream: i64, range: Span) -> Result<Vec<BounceMark>, Error> {
    rows(
        connection,
        "SELECT at, message, id, sent_at, class, recipient FROM bounces
         WHERE stream = ?1 AND at >= ?2 AND at < ?3 ORDER BY at, id",
        (stream, range.from.0, range.until.0),
        |row| {
            let id: i64 = row.get(2)?;
            let message: Option<Vec<u8>> = row.get(1)?;
            Ok(BounceMark {
                at: Timestamp(row.get(0)?),
                message: message.map_or_else(|| format!("bounce {id}"), |blob| blob_to_id(&blob)),
                sent_at: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                class: BounceClass::from_name(&row.get::<_, String>(4)?),
                recipient: row.get(5)?,
            })
        },
    )
}

fn followed(connection: &Connection, stream: i64, range: Span) -> Result<Vec<Followed>, Error> {
    rows(
        connection,
        "SELECT sent_at, checked_at, delivered_at, bounced_at, queued FROM followed
         WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 ORDER BY sent_at",
        (stream, (range.from - FOLLOWED_OF).0, range.until.0),
        |row| {
            let at = |index| row.get::<_, Option<i64>>(index).map(|at| at.map(Timestamp));
            Ok(Followed {
                sent_at: Timestamp(row.get(0)?),
                checked_at: at(1)?,
                delivered_at: at(2)?,
                bounced_at: at(3)?,
                queued: row.get(4)?,
            })
        },
    )
}
