//! What is too old is deleted.

use crate::model::Timestamp;
use crate::store::{Database, Error};

use super::{Scope, counts, values};

impl Database {
    /// Deletes rows of messages, bounces and samples older than `rows_before`, and aggregates, incidents and sent
    /// messages older than `aggregates_before`.
    pub fn prune(
        &mut self,
        rows_before: Timestamp,
        aggregates_before: Timestamp,
    ) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            for sql in [
                "DELETE FROM messages WHERE stream IN (SELECT key FROM streams) AND sent_at < ?1",
                "DELETE FROM minutes WHERE stream IN (SELECT key FROM streams) AND at < ?1",
                "DELETE FROM bounces WHERE stream IN (SELECT key FROM streams) AND at < ?1",
                "DELETE FROM followed WHERE stream IN (SELECT key FROM streams) AND sent_at < ?1",
                "DELETE FROM polls WHERE at < ?1",
                "DELETE FROM checks WHERE at < ?1",
                "DELETE FROM canary WHERE sent_at < ?1",
                "DELETE FROM smtp_errors WHERE day < ?1",
                "DELETE FROM sending_domains WHERE seen_at < ?1",
                "DELETE FROM dns_records WHERE asked_at < ?1",
                "DELETE FROM learned WHERE at < ?1",
                "DELETE FROM learned_deliveries WHERE at < ?1",
                // A tag of its own for every message would fill the file: what is rare is kept as long as its messages.
                "DELETE FROM hours WHERE stream IN (SELECT key FROM streams) AND tag > 0 AND at < ?1
                 AND (stream, tag) NOT IN (SELECT stream, tag FROM hours WHERE stream IN (SELECT key FROM streams)
                     AND tag > 0 AND at >= ?1 GROUP BY stream, tag HAVING count(*) > 3)",
            ] {
                s.execute(sql, &values![rows_before])?;
            }
            for sql in [
                // By stream, as the rows lie: without it, every hour of every stream would be read.
                "DELETE FROM hours WHERE stream IN (SELECT key FROM streams) AND tag = 0 AND at < ?1",
                "DELETE FROM hours WHERE stream IN (SELECT key FROM streams) AND tag > 0 AND at < ?1",
                "DELETE FROM coverage WHERE until_at < ?1",
                "DELETE FROM transitions WHERE at < ?1",
                "DELETE FROM notes WHERE at < ?1",
                "DELETE FROM mutes WHERE until_at < ?1",
                "DELETE FROM outbox WHERE created_at < ?1 AND state NOT IN ('pending', 'sending')",
                "DELETE FROM digests WHERE until_at < ?1",
                "DELETE FROM incidents WHERE open = 0 AND opened_at < ?1
                 AND id NOT IN (SELECT incident FROM transitions)",
            ] {
                s.execute(sql, &values![aggregates_before])?;
            }
            counts::prune(s, aggregates_before)
        })
    }
}
