//! What was learned of the mail of a server's streams. It is kept to save time: whatever of it is lost or old is learned again.

use std::collections::BTreeMap;

use crate::model::{Learned, LearnedKey, Series, ServerName, StreamId, Tag, Timestamp};
use crate::store::{Database, Error};

use super::{Scope, Session, values};

impl Database {
    /// Returns what is kept of the series of a server, or of all servers together. What cannot be a value is left out.
    pub fn learned(&mut self, server: &ServerName) -> Result<BTreeMap<Series, Learned>, Error> {
        let sql = "SELECT stream, tag, key, value, CAST(0 AS BIGINT) FROM learned WHERE server = ?1
             UNION ALL SELECT stream, '', key, value, CAST(1 AS BIGINT) FROM learned_deliveries WHERE server = ?1";
        let rows = self.rows(sql, &values![&server.0], |row| {
            let named = |name: String| (!name.is_empty()).then_some(name);
            let series = Series {
                stream: named(row.get(0)?).map(StreamId),
                tag: named(row.get(1)?).map(Tag),
                is_delivery: row.get(4)?,
            };
            let (Ok(key), Ok(value)) = (row.get::<Vec<u8>>(2), row.get(3)) else {
                return Ok(None);
            };
            let key = LearnedKey::from_bytes(&key);
            Ok(key.map(|key| (series, Learned { key, value })))
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Keeps what was learned at `now`, each in the place of what was kept of its series.
    pub fn save_learned(
        &mut self,
        server: &ServerName,
        learned: &BTreeMap<Series, Learned>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (mut sending, mut deliveries) = (Vec::new(), Vec::new());
        for (series, learned) in learned {
            let stream = series.stream.as_ref().map_or("", |stream| &stream.0);
            let (key, value) = (learned.key.as_bytes(), learned.value.as_slice());
            if series.is_delivery {
                deliveries.push(values![&server.0, stream, now, key, value]);
            } else {
                let tag = series.tag.as_ref().map_or("", |tag| &tag.0);
                sending.push(values![&server.0, stream, tag, now, key, value]);
            }
        }
        self.write(Scope::Server(server), |s| {
            s.execute_each(
                "INSERT INTO learned (server, stream, tag, at, key, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (server, stream, tag) DO UPDATE SET at = excluded.at, key = excluded.key, value = excluded.value",
                &sending,
            )?;
            s.execute_each(
                "INSERT INTO learned_deliveries (server, stream, at, key, value) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (server, stream) DO UPDATE SET at = excluded.at, key = excluded.key, value = excluded.value",
                &deliveries,
            )
            .map(drop)
        })
    }
}

/// Moves what is kept of a server to its new name.
pub(super) fn rename(s: &mut dyn Session, old: &str, new: &str) -> Result<(), Error> {
    forget(s, new)?;
    for sql in [
        "UPDATE learned SET server = ?2 WHERE server = ?1",
        "UPDATE learned_deliveries SET server = ?2 WHERE server = ?1",
    ] {
        s.execute(sql, &values![old, new])?;
    }
    Ok(())
}

/// Forgets what is kept of a server.
pub(super) fn forget(s: &mut dyn Session, server: &str) -> Result<(), Error> {
    s.execute("DELETE FROM learned WHERE server = ?1", &values![server])?;
    let sql = "DELETE FROM learned_deliveries WHERE server = ?1";
    s.execute(sql, &values![server])
}

/// What a wrong clock learned is learned again.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute("DELETE FROM learned WHERE at > ?1", &values![now])?;
    let sql = "DELETE FROM learned_deliveries WHERE at > ?1";
    s.execute(sql, &values![now])
}
