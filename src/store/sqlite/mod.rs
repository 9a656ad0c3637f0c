//! The store in one `SQLite` file.

mod digests;
mod followed;
mod history;
mod incidents;
mod lock;
mod mail;
mod migrate;
mod outbox;
mod place;
mod polls;
mod recent;
mod roster;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::model::{
    Bounce, Coverage, History, HourCount, Incident, Kind, Mail, Proof, ServerName, Span, StreamId,
    Tag, Ticks, Timestamp,
};
use crate::store::{
    Attempt, Backend, Counted, Draw, Error, EventRow, FollowedMail, Judgement, NewMessage, Note,
    OutboxRow, PollRow, Problem, RosterChange, ServerState, Told, TransitionRow,
};

pub use lock::CycleLock;

/// How long a step waits for another process to finish its own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements kept ready; there are about sixty.
const STATEMENTS: usize = 96;

/// A connection to one `SQLite` file.
pub struct Sqlite {
    connection: Connection,
    file: place::Place,
}

impl Sqlite {
    /// Opens or creates the file and brings its schema up to date.
    ///
    /// # Errors
    /// Where it cannot be opened or written, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let doing = || format!("open the database {}", path.display());
        let connection = Connection::open(path).map_err(|e| Error::from(e).while_doing(doing()))?;
        let mut sqlite = Self {
            connection,
            file: place::Place::of(path),
        };
        sqlite.prepare().map_err(|e| e.while_doing(doing()))?;
        // Only now is it sure that there is a file.
        sqlite.file = place::Place::of(path);
        Ok(sqlite)
    }

    fn prepare(&mut self) -> Result<(), Error> {
        let connection = &self.connection;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Before anything is changed: WAL is written into the file.
        migrate::refuse_newer(connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An incident that was committed must survive a power cut: it may never be judged again.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate::migrate(&mut self.connection)
    }

    /// Runs `work` in one write transaction, which is taken at once: a later upgrade would fail without waiting.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// The key of a stream's rows; the stream is made known where it is not.
fn stream_key(
    connection: &Connection,
    server: &ServerName,
    stream: &StreamId,
) -> Result<i64, Error> {
    if let Some(key) = known_stream(connection, server, stream)? {
        return Ok(key);
    }
    connection
        .prepare_cached("INSERT INTO streams (server, id, watched) VALUES (?1, ?2, 1)")?
        .execute((&server.0, &stream.0))?;
    Ok(connection.last_insert_rowid())
}

fn known_stream(
    connection: &Connection,
    server: &ServerName,
    stream: &StreamId,
) -> Result<Option<i64>, Error> {
    let mut select =
        connection.prepare_cached("SELECT key FROM streams WHERE server = ?1 AND id = ?2")?;
    Ok(select
        .query_row((&server.0, &stream.0), |row| row.get(0))
        .optional()?)
}

/// Postmark's ids are UUIDs, kept in 16 bytes; any other id is kept as it is, after a byte that says so.
fn id_to_blob(id: &str) -> Vec<u8> {
    let digits: Vec<u8> = id.bytes().filter(|b| *b != b'-').collect();
    let is_uuid = id.len() == 36 && digits.len() == 32 && blob_to_uuid_text(&pack(&digits)) == id;
    match id.len() {
        _ if is_uuid => pack(&digits),
        // A filler, so that no other id is 16 bytes long.
        15 => [&[1, 0], id.as_bytes()].concat(),
        _ => [&[0], id.as_bytes()].concat(),
    }
}

fn blob_to_id(blob: &[u8]) -> String {
    match blob {
        _ if blob.len() == 16 => blob_to_uuid_text(blob),
        [0, text @ ..] | [1, _, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        _ => String::from_utf8_lossy(blob).into_owned(),
    }
}

fn pack(digits: &[u8]) -> Vec<u8> {
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
            .unwrap_or(0)
    };
    digits
        .chunks_exact(2)
        .map(|pair| value(pair[0]) << 4 | value(pair[1]))
        .collect()
}

fn blob_to_uuid_text(blob: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in blob.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(
            [byte >> 4, byte & 15].map(|d| char::from_digit(u32::from(d), 16).unwrap_or('0')),
        );
    }
    text
}

fn unreadable(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(
        format!("read {what}"),
        Problem::Unreadable(error.to_string()),
    )
}

/// Rows of what a query selects.
fn rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement
        .query_map(parameters, read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

impl Backend for Sqlite {
    fn mend(&mut self) -> Result<Option<String>, Error> {
        place::mend(self)
    }
    fn last_cycle_at(&mut self) -> Result<Option<Timestamp>, Error> {
        polls::last_cycle_at(&self.connection)
    }
    fn rewind(&mut self, now: Timestamp) -> Result<(), Error> {
        self.write(|t| polls::rewind(t, now))
    }
    fn server(&mut self, server: &ServerName, now: Timestamp) -> Result<ServerState, Error> {
        self.write(|t| polls::server(t, server, now))
    }
    fn polls(&mut self, server: &ServerName, limit: u32) -> Result<Vec<PollRow>, Error> {
        polls::polls(&self.connection, server, limit)
    }
    fn save_streams(&mut self, server: &ServerName, streams: &[StreamId]) -> Result<(), Error> {
        self.write(|t| polls::save_streams(t, server, streams))
    }
    fn streams(&mut self, server: &ServerName) -> Result<Vec<StreamId>, Error> {
        polls::streams(&self.connection, server)
    }
    fn save_roster(
        &mut self,
        listed: &[(ServerName, i64)],
        now: Timestamp,
    ) -> Result<RosterChange, Error> {
        self.write(|t| roster::save(t, listed, now))
    }
    fn roster(&mut self) -> Result<Vec<ServerName>, Error> {
        roster::watched(&self.connection)
    }
    fn abandoned(&mut self) -> Result<Vec<ServerName>, Error> {
        roster::abandoned(&self.connection)
    }
    fn note(&mut self, note: &Note) -> Result<(), Error> {
        self.write(|t| roster::note(t, note))
    }
    fn notes(&mut self, span: Span) -> Result<Vec<Note>, Error> {
        roster::notes(&self.connection, span)
    }
    fn coverage(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        kind: Kind,
    ) -> Result<Coverage, Error> {
        mail::coverage_of(&self.connection, server, stream, kind)
    }
    fn save_messages(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        mails: &[Mail],
        covered: Option<Span>,
    ) -> Result<Counted, Error> {
        self.write(|t| mail::save_messages(t, server, stream, mails, covered))
    }
    fn save_bounces(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        bounces: &[Bounce],
        covered: Option<Span>,
    ) -> Result<Counted, Error> {
        self.write(|t| mail::save_bounces(t, server, stream, bounces, covered))
    }
    fn open_followed(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        give_up_before: Timestamp,
    ) -> Result<Vec<FollowedMail>, Error> {
        self.write(|t| followed::open(t, server, stream, give_up_before))
    }
    fn follow(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        draws: &[Draw],
    ) -> Result<(), Error> {
        self.write(|t| followed::follow(t, server, stream, draws))
    }
    fn save_proof(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        message: &str,
        proof: Option<&Proof>,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.write(|t| followed::save_proof(t, server, stream, message, proof, at))
    }
    fn history(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<History, Error> {
        history::load(&self.connection, server, stream, range, cuts)
    }
    fn tags(
        &mut self,
        server: &ServerName,
        stream: &StreamId,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<BTreeMap<Tag, (Vec<HourCount>, Ticks)>, Error> {
        history::tags(&self.connection, server, stream, range, cuts)
    }
    fn incidents(&mut self, server: &ServerName) -> Result<Vec<Incident>, Error> {
        incidents::latest(&self.connection, server)
    }
    fn incident(&mut self, id: &str) -> Result<Option<Incident>, Error> {
        incidents::one(&self.connection, id)
    }
    fn transitions(&mut self, span: Span) -> Result<Vec<TransitionRow>, Error> {
        incidents::transitions(&self.connection, span)
    }
    fn commit(&mut self, judgement: &Judgement) -> Result<(), Error> {
        self.write(|t| incidents::commit(t, judgement))
    }
    fn last_digest(&mut self) -> Result<Option<Told>, Error> {
        digests::last(&self.connection)
    }
    fn save_digest(
        &mut self,
        period: Span,
        message: &NewMessage,
        again: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.write(|t| digests::save(t, period, message, again, now))
    }
    fn first_start_at(&mut self) -> Result<Option<Timestamp>, Error> {
        polls::first_start_at(&self.connection)
    }
    fn due(&mut self, now: Timestamp, lease: Duration) -> Result<Vec<OutboxRow>, Error> {
        outbox::due(&self.connection, now, lease)
    }
    fn claim(&mut self, seq: i64, now: Timestamp, lease: Duration) -> Result<bool, Error> {
        self.write(|t| outbox::claim(t, seq, now, lease))
    }
    fn finish(
        &mut self,
        seq: i64,
        began: Timestamp,
        now: Timestamp,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        self.write(|t| outbox::finish(t, seq, began, now, attempt))
    }
    fn series(&mut self) -> Result<usize, Error> {
        let sql = "SELECT count(*) FROM streams WHERE watched = 1 AND oldest_sent_at IS NOT NULL";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }
    fn pending(&mut self) -> Result<u64, Error> {
        outbox::pending(&self.connection)
    }
    fn recent(&mut self, now: Timestamp, limit: u32) -> Result<Vec<EventRow>, Error> {
        recent::recent(&self.connection, now, limit)
    }
    fn prune(&mut self, rows_before: Timestamp, aggregates_before: Timestamp) -> Result<(), Error> {
        self.write(|t| polls::prune(t, rows_before, aggregates_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_message_id_survives_its_blob() {
        for id in [
            "21895802-5d50-442b-b039-27cf5b462c54",
            "",
            "m1",
            "ABCDEF02-5d50-442b-b039-27cf5b462c54",
            "\0fifteen bytes!",
        ] {
            assert_eq!(blob_to_id(&id_to_blob(id)), id);
        }
        assert_eq!(id_to_blob("21895802-5d50-442b-b039-27cf5b462c54").len(), 16);
        assert_eq!(
            blob_to_id(&id_to_blob("fifteen bytes!!")),
            "fifteen bytes!!"
        );
    }
}
