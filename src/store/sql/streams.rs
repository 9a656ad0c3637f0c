//! Which streams there are, and the keys of their rows.

use std::collections::BTreeMap;

use crate::model::{ServerName, StreamId, StreamKey, Timestamp, WEEK};
use crate::store::{Database, Error, KnownStreamList, Note};

use super::{Scope, Session, account_servers, values};

/// What the column `watched` says beside 0, which is a stream that is kept for its past only. Versions before knew 0 and 1, and
/// watch what is 1.
const WATCHED: i64 = 1;
/// There is one, and it is not watched.
const LISTED: i64 = 2;
/// The configuration names it, and there is none.
const MISSING: i64 = 3;

impl Database {
    /// Marks `streams` as those that are watched now. Others are kept, but no longer watched.
    #[cfg(test)]
    pub fn save_streams(&mut self, server: &ServerName, streams: &[StreamId]) -> Result<(), Error> {
        self.save_stream_list(
            server,
            streams,
            &KnownStreamList::default(),
            &BTreeMap::new(),
            &[],
        )
    }

    /// Marks `watched` as the streams that are watched now, beside those of `list`. Others are kept, but no longer watched.
    /// `judged_from` says from when on new ones are judged; what was said of one of them before holds until a complete poll has judged
    /// it. The digest says `notes` of the change.
    pub fn save_stream_list(
        &mut self,
        server: &ServerName,
        watched: &[StreamId],
        list: &KnownStreamList,
        judged_from: &BTreeMap<StreamId, Timestamp>,
        notes: &[Note],
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            account_servers::insert_notes(s, notes)?;
            // What was said of one that was not watched since is past.
            let sql = "UPDATE streams SET judged_from = NULL WHERE server = ?1 AND watched <> 1 AND judged_from IS NOT NULL";
            s.execute(sql, &values![&server.0])?;
            let sql = "UPDATE streams SET watched = 0 WHERE server = ?1";
            s.execute(sql, &values![&server.0])?;
            // A list that was read before says nothing of these.
            let sql = "UPDATE servers SET streams_listed_at = NULL, streams_listed_for = NULL WHERE name = ?1";
            s.execute(sql, &values![&server.0])?;
            // What is watched comes last: it is that, whatever else it is.
            for (streams, how) in [
                (list.missing.as_slice(), MISSING),
                (list.listed.as_slice(), LISTED),
                (watched, WATCHED),
            ] {
                for stream in streams {
                    let key = ensure_key(s, &StreamKey::new(server, stream))?;
                    let sql = "UPDATE streams SET watched = ?2 WHERE key = ?1";
                    s.execute(sql, &values![key, how])?;
                }
            }
            for (stream, from) in judged_from {
                let sql = "UPDATE streams SET judged_from = ?3 WHERE server = ?1 AND id = ?2 AND watched = 1 AND judged_from IS NULL";
                s.execute(sql, &values![&server.0, &stream.0, *from])?;
            }
            Ok(())
        })
    }

    /// Returns what Postmark listed of each server when it was asked last, by what is stored.
    pub fn stream_lists(&mut self) -> Result<BTreeMap<ServerName, KnownStreamList>, Error> {
        let sql = "SELECT server, id, watched FROM streams WHERE watched > 0 ORDER BY server, id";
        let rows = self.rows(sql, &[], |row| {
            Ok((
                ServerName(row.get(0)?),
                StreamId(row.get(1)?),
                row.get::<i64>(2)?,
            ))
        })?;
        let mut lists: BTreeMap<ServerName, KnownStreamList> = BTreeMap::new();
        for (server, stream, how) in rows {
            add(lists.entry(server).or_default(), stream, how);
        }
        Ok(lists)
    }

    /// Returns the same of one server; an empty list where it was never asked.
    pub fn stream_list(&mut self, server: &ServerName) -> Result<KnownStreamList, Error> {
        let sql = "SELECT id, watched FROM streams WHERE server = ?1 AND watched > 0 ORDER BY id";
        let rows = self.rows(sql, &values![&server.0], |row| {
            Ok((StreamId(row.get(0)?), row.get::<i64>(1)?))
        })?;
        let mut list = KnownStreamList::default();
        for (stream, how) in rows {
            add(&mut list, stream, how);
        }
        Ok(list)
    }

    pub fn watched_streams(&mut self, server: &ServerName) -> Result<Vec<StreamId>, Error> {
        let sql = "SELECT id FROM streams WHERE server = ?1 AND watched = 1 ORDER BY id";
        self.rows(sql, &values![&server.0], |row| row.get(0).map(StreamId))
    }

    /// Returns the watched streams that ever had mail, of all servers, in order; without those of a server whose last poll was more than
    /// a week before that of any other: it bears another name by now, or is gone.
    pub fn active_streams(&mut self) -> Result<Vec<StreamKey>, Error> {
        let sql = "SELECT server, id FROM streams WHERE watched = 1 AND oldest_sent_at IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM servers WHERE name = streams.server
                 AND last_cycle_at < (SELECT max(last_cycle_at) FROM servers) - ?1)
             ORDER BY server, id";
        let week = i64::try_from(WEEK.as_millis()).unwrap_or(i64::MAX);
        self.rows(sql, &values![week], |row| {
            let (server, stream) = (ServerName(row.get(0)?), StreamId(row.get(1)?));
            Ok(StreamKey::new(&server, &stream))
        })
    }

    /// Runs `work` on what is stored of a stream, by the key of its rows. Returns the default where nothing is.
    pub(super) fn read_stream<T: Default>(
        &mut self,
        stream: &StreamKey,
        work: impl FnOnce(&mut dyn Session, i64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.read(|s| match find_key(s, stream)? {
            Some(key) => work(s, key),
            None => Ok(T::default()),
        })
    }

    /// Runs `work` on what is stored of a stream, by the key of its rows. A new stream is stored.
    pub(super) fn write_stream<T>(
        &mut self,
        stream: &StreamKey,
        work: impl FnOnce(&mut dyn Session, i64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.write(Scope::Server(stream.server()), |s| {
            let key = ensure_key(s, stream)?;
            work(s, key)
        })
    }
}

/// Adds a stream to a list, by what its column `watched` says.
fn add(list: &mut KnownStreamList, stream: StreamId, how: i64) {
    match how {
        MISSING => list.missing.push(stream),
        _ => list.listed.push(stream),
    }
}

/// Returns the key of a stream's rows, and stores the stream where it is new.
fn ensure_key(s: &mut dyn Session, stream: &StreamKey) -> Result<i64, Error> {
    if let Some(key) = find_key(s, stream)? {
        return Ok(key);
    }
    s.one(
        "INSERT INTO streams (server, id, watched) VALUES (?1, ?2, 1) RETURNING key",
        &values![&stream.server().0, &stream.stream().0],
        |row| row.get(0),
    )
}

/// Returns the key of a stream's rows, where it has any.
pub(super) fn find_key(s: &mut dyn Session, stream: &StreamKey) -> Result<Option<i64>, Error> {
    let sql = "SELECT key FROM streams WHERE server = ?1 AND id = ?2";
    s.first(
        sql,
        &values![&stream.server().0, &stream.stream().0],
        |row| row.get(0),
    )
}
