//! Messages to be told. A row is marked sent only after it was accepted.
//!
//! The states of a row: `pending`, `sending` (an attempt is running, or its process died), `sent`, `given_up` (no attempt
//! was ever accepted), `given_up_named` (and a later message said so) and `replaced` (it waited, and a later message tells it).
//!
//! The `thread` of a picture is the digest below which it is shown.
//!
//! A row whose `thread` is its own number posted a message that later rows edit; theirs is its number. It holds where that
//! message lives, in `sent_channel` and `sent_ts`.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::model::Timestamp;
use crate::store::{
    AttemptOutcome, AttemptResult, Database, Error, GivenUp, MessageKind, NewMessage, Note,
    OutboxRow, Placement, Thread, UnconfirmedAttempt,
};

use super::{Row, Scope, Session, account_servers, values};

impl Database {
    /// Returns the rows that may be sent at `now`, in order. A row that another process claimed less than `lease` ago is
    /// left to it.
    pub fn due_rows(&mut self, now: Timestamp, lease: Duration) -> Result<Vec<OutboxRow>, Error> {
        self.read(|s| {
            let mut rows = s.rows(
                "SELECT seq, created_at, attempts, next_try_at, key,
                     (SELECT min(a.at) FROM attempts a WHERE a.outbox = outbox.seq AND a.unknown = 1),
                     (SELECT max(a.at) FROM attempts a WHERE a.outbox = outbox.seq AND a.unknown = 1),
                     (SELECT count(*) FROM attempts a WHERE a.outbox = outbox.seq AND a.unknown = 1
                         AND a.outcome <> 'begun'),
                     (SELECT s.sent_channel FROM outbox s WHERE s.channel = outbox.channel AND s.sent_channel IS NOT NULL
                         ORDER BY s.seq DESC LIMIT 1),
                     kind, incident, channel, text, body, thread, top, broadcast, mention, fallback,
                     edited_at
                 FROM outbox
                 WHERE (state = 'pending' OR (state = 'sending' AND coalesce(claimed_at, 0) <= ?2))
                 AND NOT EXISTS (SELECT 1 FROM outbox w WHERE w.channel = outbox.channel
                     AND w.state = 'pending' AND w.next_try_at > ?1 AND w.kind <> 'picture')
                 ORDER BY seq",
                &values![now, now - lease],
                |row| {
                    let seq = row.get(0)?;
                    Ok(OutboxRow {
                        seq,
                        created_at: row.get(1)?,
                        attempts: row.get(2)?,
                        next_try_at: row.get(3)?,
                        key: row.get(4)?,
                        unconfirmed: match (row.get(5)?, row.get(6)?) {
                            (Some(since), Some(last)) => Some(UnconfirmedAttempt {
                                since,
                                last,
                                unanswered: row.get(7)?,
                            }),
                            _ => None,
                        },
                        landed_in: row.get(8)?,
                        is_edited: row.get::<Option<Timestamp>>(19)?.is_some(),
                        message: NewMessage {
                            placement: read_placement(row, seq, 14)?,
                            ..read_message(row, 9)?
                        },
                    })
                },
            )?;
            let places: Vec<i64> = rows.iter().map(|row| row.seq).collect();
            for (row, incidents) in rows.iter_mut().zip(load_incidents(s, &places)?) {
                row.message.incidents = incidents;
            }
            Ok(rows)
        })
    }

    /// Claims a row for one attempt, which begins at `now` and is unconfirmed until it is recorded. Returns false where
    /// another process has the row.
    pub fn claim_row(&mut self, seq: i64, now: Timestamp, lease: Duration) -> Result<bool, Error> {
        self.write(Scope::All, |s| {
            let taken = s.count_changed(
                "UPDATE outbox SET state = 'sending', claimed_at = ?2, attempts = attempts + 1
                 WHERE seq = ?1 AND (state = 'pending' OR (state = 'sending' AND coalesce(claimed_at, 0) <= ?3))",
                &values![seq, now, now - lease],
            )?;
            if taken == 1 {
                s.execute(
                    "INSERT INTO attempts (outbox, at, outcome, unknown) VALUES (?1, ?2, ?3, 1)",
                    &values![seq, now, AttemptOutcome::Begun.as_str()],
                )?;
            }
            Ok(taken == 1)
        })
    }

    /// Records how the attempt that was claimed at `began` ended.
    pub fn record_attempt(
        &mut self,
        seq: i64,
        began: Timestamp,
        now: Timestamp,
        attempt: &AttemptResult,
    ) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            let (outcome, unknown) = match attempt {
                AttemptResult::Accepted { channel, ts } => {
                    s.execute(
                        "UPDATE outbox SET state = 'sent', sent_at = ?2, sent_channel = ?3, sent_ts = ?4 WHERE seq = ?1",
                        &values![seq, now, channel.as_deref(), ts.as_deref()],
                    )?;
                    if ts.is_some() {
                        // The message of the thread goes on where it was posted anew.
                        s.execute(
                            "UPDATE outbox SET sent_channel = ?2, sent_ts = ?3 WHERE seq =
                             (SELECT thread FROM outbox WHERE seq = ?1 AND edited_at IS NULL)",
                            &values![seq, channel.as_deref(), ts.as_deref()],
                        )?;
                    }
                    (AttemptOutcome::Accepted, false)
                }
                AttemptResult::Failed {
                    why,
                    unknown,
                    next_try_at,
                } => {
                    // One whose lease ran out may fail after another was accepted: what was told stays told.
                    s.execute(
                        "UPDATE outbox SET state = 'pending', next_try_at = ?2
                         WHERE seq = ?1 AND state IN ('pending', 'sending')",
                        &values![seq, *next_try_at],
                    )?;
                    (AttemptOutcome::Failed(why.clone()), *unknown)
                }
            };
            s.execute(
                "UPDATE attempts SET outcome = ?3, unknown = ?4 WHERE outbox = ?1 AND at = ?2",
                &values![seq, began, outcome.as_str(), unknown],
            )
        })
    }

    /// Gives up a message that was never accepted, and writes `note` for the digest; returns false if it was accepted in
    /// the meantime.
    pub fn give_up_row(&mut self, seq: i64, note: &Note) -> Result<bool, Error> {
        self.write(Scope::All, |s| {
            let given_up = s.count_changed(
                "UPDATE outbox SET state = 'given_up' WHERE seq = ?1 AND state IN ('pending', 'sending')",
                &values![seq],
            )?;
            if given_up == 1 {
                account_servers::insert_note(s, note)?;
            }
            Ok(given_up == 1)
        })
    }

    /// Returns the messages to `channel` that were given up and that no accepted message has named yet, in order.
    pub fn given_up_rows(&mut self, channel: &str) -> Result<Vec<GivenUp>, Error> {
        self.rows(
            "SELECT seq, incident, text,
                 (SELECT count(*) FROM attempts a WHERE a.outbox = outbox.seq AND a.unknown = 1)
             FROM outbox WHERE state = 'given_up' AND channel = ?1 ORDER BY seq",
            &values![channel],
            |row| {
                let text: String = row.get(2)?;
                Ok(GivenUp {
                    seq: row.get(0)?,
                    incident: row.get(1)?,
                    headline: text.lines().next().unwrap_or_default().to_owned(),
                    is_refused: row.get::<u64>(3)? == 0,
                })
            },
        )
    }

    /// Records that an accepted message named these messages, which were given up.
    pub fn mark_named(&mut self, given_up: &[i64]) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            let rows: Vec<_> = given_up.iter().map(|seq| values![*seq]).collect();
            let sql =
                "UPDATE outbox SET state = 'given_up_named' WHERE seq = ?1 AND state = 'given_up'";
            s.execute_each(sql, &rows).map(drop)
        })
    }

    /// Returns how many messages wait, without pictures: who reads the digest misses nothing.
    pub fn count_pending(&mut self) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending') AND kind <> 'picture'";
        self.read(|s| s.one(sql, &[], |row| row.get(0)))
    }
}

pub(super) fn push(s: &mut dyn Session, message: &NewMessage, at: Timestamp) -> Result<i64, Error> {
    let placement = &message.placement;
    let seq = s.one(
        "INSERT INTO outbox (created_at, kind, incident, channel, text, body, key, thread, top, broadcast, mention, fallback)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING seq",
        &values![
            at,
            message.kind.name(),
            message.incident.as_deref(),
            &message.channel,
            &message.text,
            &message.body,
            &new_key(),
            match placement.thread {
                Thread::Continues(opener) => Some(opener),
                Thread::None | Thread::Opens => None,
            },
            &placement.top,
            placement.broadcast,
            &placement.mention,
            placement.fallback.as_deref(),
        ],
        |row| row.get::<i64>(0),
    )?;
    if placement.thread == Thread::Opens {
        let sql = "UPDATE outbox SET thread = seq WHERE seq = ?1";
        s.execute(sql, &values![seq])?;
    }
    let incidents: BTreeSet<&String> = message.incident.iter().chain(&message.incidents).collect();
    let rows: Vec<_> = incidents.into_iter().map(|id| values![seq, id]).collect();
    let sql = "INSERT INTO outbox_incidents (seq, incident) VALUES (?1, ?2)";
    s.execute_each(sql, &rows)?;
    Ok(seq)
}

/// Returns the incidents that each of `rows` names, in the order of their ids.
pub(super) fn load_incidents(s: &mut dyn Session, rows: &[i64]) -> Result<Vec<Vec<String>>, Error> {
    let mut incidents = vec![Vec::new(); rows.len()];
    let sql = "SELECT incident FROM outbox_incidents WHERE seq = ?1 ORDER BY incident";
    let parameters = rows.iter().map(|seq| values![*seq]);
    s.each_row(sql, parameters, |index, row| {
        incidents[index].push(row.get(0)?);
        Ok(())
    })?;
    Ok(incidents)
}

/// Reads a message from the columns kind, incident, channel, text and body, of which `first` is the first; what it names
/// is to be read by [`load_incidents`].
pub(super) fn read_message(row: &dyn Row, first: usize) -> Result<NewMessage, Error> {
    Ok(NewMessage {
        kind: MessageKind::from_name(&row.get::<String>(first)?),
        incident: row.get(first + 1)?,
        incidents: Vec::new(),
        channel: row.get(first + 2)?,
        text: row.get(first + 3)?,
        body: row.get(first + 4)?,
        placement: Placement::default(),
    })
}

/// Reads how row `seq` is placed from the columns thread, top, broadcast, mention and fallback, of which `first` is the first.
fn read_placement(row: &dyn Row, seq: i64, first: usize) -> Result<Placement, Error> {
    Ok(Placement {
        thread: match row.get::<Option<i64>>(first)? {
            None => Thread::None,
            Some(opener) if opener == seq => Thread::Opens,
            Some(opener) => Thread::Continues(opener),
        },
        top: row.get(first + 1)?,
        broadcast: row.get(first + 2)?,
        mention: row.get(first + 3)?,
        fallback: row.get(first + 4)?,
    })
}

/// Retries wait on the machine's clock, which was wrong.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    s.execute(
        "UPDATE outbox SET next_try_at = NULL, claimed_at = NULL WHERE state IN ('pending', 'sending')",
        &[],
    )?;
    s.execute("UPDATE attempts SET at = ?1 WHERE at > ?1", &values![now])
}

/// 128 random bits: each hasher's key is drawn from the machine's randomness, so that no two databases ever share one.
fn new_key() -> String {
    let draw = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", draw(), draw())
}
