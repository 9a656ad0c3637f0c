//! When the list of a server's streams was fetched, and what says whether it must be fetched again.

use std::collections::BTreeMap;

use crate::model::{ServerName, StreamId, Timestamp};
use crate::store::{Database, Error, StreamListFetch, StreamPulse};

use super::{Scope, Session, values};

impl Database {
    /// Returns when the list of a server's streams was last fetched without a flaw; `None` where there is no such list.
    pub fn stream_list_fetch(
        &mut self,
        server: &ServerName,
    ) -> Result<Option<StreamListFetch>, Error> {
        let sql = "SELECT streams_listed_at, streams_listed_for FROM servers
             WHERE name = ?1 AND streams_listed_at IS NOT NULL AND streams_listed_for IS NOT NULL";
        self.read(|s| {
            s.first(sql, &values![&server.0], |row| {
                Ok(StreamListFetch {
                    at: row.get(0)?,
                    settings_digest: row.get(1)?,
                })
            })
        })
    }

    /// Stores when the list of the streams of a server that is known was fetched without a flaw.
    pub fn save_stream_list_fetch(
        &mut self,
        server: &ServerName,
        fetch: &StreamListFetch,
    ) -> Result<(), Error> {
        self.write(Scope::Server(server), |s| {
            s.execute(
                "UPDATE servers SET streams_listed_at = ?2, streams_listed_for = ?3 WHERE name = ?1",
                &values![&server.0, fetch.at, &fetch.settings_digest],
            )
        })
    }

    /// Returns from when on the watched streams of a server are judged that no complete poll has judged since they are new.
    pub fn streams_judged_from(
        &mut self,
        server: &ServerName,
    ) -> Result<BTreeMap<StreamId, Timestamp>, Error> {
        let sql = "SELECT id, judged_from FROM streams WHERE server = ?1 AND watched = 1 AND judged_from IS NOT NULL";
        let rows = self.rows(sql, &values![&server.0], |row| {
            Ok((StreamId(row.get(0)?), row.get::<Timestamp>(1)?))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// Returns how lively each watched stream of a server is that has had mail; its busiest hour is one since `since`.
    pub fn stream_pulses(
        &mut self,
        server: &ServerName,
        since: Timestamp,
    ) -> Result<Vec<StreamPulse>, Error> {
        let pulses = self.rows(
            "SELECT id,
                 (SELECT h.last_at FROM hours h WHERE h.stream = streams.key AND h.tag = 0 ORDER BY h.at DESC LIMIT 1),
                 (SELECT c.last_at FROM counted c WHERE c.stream = streams.key AND c.tag = 0 AND c.last_at IS NOT NULL
                  ORDER BY c.from_at DESC LIMIT 1),
                 (SELECT max(h.sent) FROM hours h WHERE h.stream = streams.key AND h.tag = 0 AND h.at >= ?2),
                 (SELECT max(c.sent) FROM counted c WHERE c.stream = streams.key AND c.tag = 0 AND c.from_at >= ?2)
             FROM streams WHERE server = ?1 AND watched = 1 AND oldest_sent_at IS NOT NULL ORDER BY id",
            &values![&server.0, since],
            |row| {
                let (listed, counted): (Option<Timestamp>, Option<Timestamp>) =
                    (row.get(1)?, row.get(2)?);
                let (of_hours, of_counts): (Option<u64>, Option<u64>) = (row.get(3)?, row.get(4)?);
                let (id, peak) = (row.get(0)?, of_hours.max(of_counts).unwrap_or(0));
                Ok(listed.max(counted).map(|newest| StreamPulse {
                    stream: StreamId(id),
                    newest,
                    peak,
                }))
            },
        );
        Ok(pulses?.into_iter().flatten().collect())
    }
}

/// Every stream of `server` is judged now.
pub(super) fn all_are_judged(s: &mut dyn Session, server: &ServerName) -> Result<(), Error> {
    let sql = "UPDATE streams SET judged_from = NULL WHERE server = ?1 AND judged_from IS NOT NULL";
    s.execute(sql, &values![&server.0])
}
