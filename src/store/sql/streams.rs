//! Which streams there are, and the keys of their rows.

use crate::model::{ServerName, StreamId, StreamKey};
use crate::store::{Database, Error};

use super::{Scope, Session, values};

impl Database {
    /// Marks `streams` as those that Postmark lists now. Others are kept, but no longer watched.
    pub fn save_streams(&mut self, server: &ServerName, streams: &[StreamId]) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            let sql = "UPDATE streams SET watched = 0 WHERE server = ?1";
            s.execute(sql, &values![&server.0])?;
            for stream in streams {
                let key = ensure_key(s, &StreamKey::new(server, stream))?;
                let sql = "UPDATE streams SET watched = 1 WHERE key = ?1";
                s.execute(sql, &values![key])?;
            }
            Ok(())
        })
    }

    pub fn watched_streams(&mut self, server: &ServerName) -> Result<Vec<StreamId>, Error> {
        let sql = "SELECT id FROM streams WHERE server = ?1 AND watched = 1 ORDER BY id";
        self.rows(sql, &values![&server.0], |row| row.get(0).map(StreamId))
    }

    /// Returns the number of watched streams that ever had mail, of each server that has any.
    pub fn count_active_streams(&mut self) -> Result<Vec<usize>, Error> {
        let sql = "SELECT count(*) FROM streams WHERE watched = 1 AND oldest_sent_at IS NOT NULL GROUP BY server";
        let counts = self.rows(sql, &[], |row| row.get::<u64>(0))?.into_iter();
        Ok(counts
            .map(|count| usize::try_from(count).unwrap_or(usize::MAX))
            .collect())
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
