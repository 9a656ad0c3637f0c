//! The messages that later steps of their incidents edit: the rows of the outbox whose `thread` is their own number.

use std::collections::BTreeMap;

use crate::model::Timestamp;
use crate::store::{AttemptOutcome, Database, Error, Handle, MergedRows, MessageThread, SplitRow};

use super::{Scope, Session, incidents, outbox, values};

impl Database {
    /// Returns the messages that later steps of any of `incidents` go on with, in the order in which they were written.
    pub fn message_threads(&mut self, incidents: &[String]) -> Result<Vec<MessageThread>, Error> {
        self.read(|s| {
            let mut found = BTreeMap::new();
            s.each_row(
                "SELECT o.seq, o.channel FROM outbox_incidents n JOIN outbox o ON o.seq = n.seq AND o.thread = o.seq
                 WHERE n.incident = ?1",
                incidents.iter().map(|id| values![id]),
                |_, row| {
                    found.insert(row.get::<i64>(0)?, row.get::<String>(1)?);
                    Ok(())
                },
            )?;
            let mut threads = Vec::new();
            for (seq, channel) in found {
                let sql = "SELECT body FROM incidents i JOIN outbox_incidents n ON n.incident = i.id
                     WHERE n.seq = ?1 ORDER BY i.id";
                threads.push(MessageThread {
                    seq,
                    channel,
                    incidents: s.rows(sql, &values![seq], incidents::read_body)?,
                });
            }
            Ok(threads)
        })
    }

    /// Returns where the message lives that row `seq` edits; `None` where it edits none, or where that one has to be posted anew.
    pub fn handle(&mut self, seq: i64) -> Result<Option<Handle>, Error> {
        self.read(|s| {
            s.first(
                "SELECT t.sent_channel, t.sent_ts, o.edited_at FROM outbox o JOIN outbox t ON t.seq = o.thread
                 WHERE o.seq = ?1 AND o.thread <> o.seq AND t.sent_channel IS NOT NULL AND t.sent_ts IS NOT NULL",
                &values![seq],
                |row| {
                    Ok(Handle {
                        channel: row.get(0)?,
                        ts: row.get(1)?,
                        is_edited: row.get::<Option<Timestamp>>(2)?.is_some(),
                    })
                },
            )
        })
    }

    /// Records that the message was edited which row `seq` edits. The reply is still to be sent, and no attempt at it was made.
    pub fn record_edit(&mut self, seq: i64, now: Timestamp) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            s.execute(
                "UPDATE outbox SET edited_at = ?2, state = 'pending' WHERE seq = ?1 AND state IN ('pending', 'sending')",
                &values![seq, now],
            )?;
            let begun = AttemptOutcome::Begun;
            s.execute(
                "DELETE FROM attempts WHERE outbox = ?1 AND outcome = ?2",
                &values![seq, begun.as_str()],
            )?;
            settle(s, seq)
        })
    }

    /// Returns whether the channel of row `seq` took another message since the first attempt at it.
    pub fn others_were_accepted(&mut self, seq: i64) -> Result<bool, Error> {
        let sql = "SELECT count(*) FROM outbox o WHERE o.seq <> ?1
                 AND o.channel = (SELECT channel FROM outbox WHERE seq = ?1)
                 AND o.sent_at > (SELECT min(at) FROM attempts WHERE outbox = ?1)";
        let taken: u64 = self.read(|s| s.one(sql, &values![seq], |row| row.get(0)))?;
        Ok(taken > 0)
    }

    /// Records that the message which row `seq` edits can no longer be edited: the row posts it anew.
    pub fn forget_handle(&mut self, seq: i64) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            s.execute(
                "UPDATE outbox SET sent_ts = NULL WHERE seq = (SELECT thread FROM outbox WHERE seq = ?1)",
                &values![seq],
            )?;
            let sql = "UPDATE outbox SET edited_at = NULL WHERE seq = ?1";
            s.execute(sql, &values![seq])?;
            settle(s, seq)
        })
    }

    /// Makes one of each of these messages, which wait: the one that is kept tells what the others would have.
    pub fn merge_rows(&mut self, merged: &[MergedRows]) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            for rows in merged {
                supersede(s, &rows.replaced)?;
                s.execute(
                    "UPDATE outbox SET text = ?2, body = ?3, broadcast = ?4, mention = ?5, incident = ?6 WHERE seq = ?1",
                    &values![rows.kept, &rows.text, &rows.body, rows.broadcast, &rows.mention, rows.incident.as_deref()],
                )?;
                let named: Vec<_> = rows.incidents.iter().map(|id| values![rows.kept, id]).collect();
                let sql = "INSERT INTO outbox_incidents (seq, incident) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                s.execute_each(sql, &named)?;
            }
            Ok(())
        })
    }

    /// Records that these messages, which wait, are not sent any more: others tell what stands, or nothing is left to tell. A row that is
    /// no longer waiting stays as it is.
    pub fn supersede_rows(&mut self, rows: &[i64]) -> Result<(), Error> {
        self.write(Scope::All, |s| supersede(s, rows))
    }

    /// Takes the incidents out of these messages, which wait, that are told by a message of their own from now on. What is told by
    /// neither is not lost: a row that is no longer waiting stays as it is.
    pub fn split_rows(&mut self, split: &[SplitRow]) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            for row in split {
                let changed = s.count_changed(
                    "UPDATE outbox SET text = ?2, body = ?3, incident = ?4 WHERE seq = ?1 AND state = 'pending'",
                    &values![row.seq, &row.text, &row.body, row.incident.as_deref()],
                )?;
                if changed == 0 {
                    continue;
                }
                let told: Vec<_> = row.rest.incidents.iter().map(|id| values![row.seq, id]).collect();
                let sql = "DELETE FROM outbox_incidents WHERE seq = ?1 AND incident = ?2";
                s.execute_each(sql, &told)?;
                let sql = "SELECT created_at FROM outbox WHERE seq = ?1";
                let written_at = s.one(sql, &values![row.seq], |row| row.get(0))?;
                outbox::push(s, &row.rest, written_at)?;
            }
            Ok(())
        })
    }

    /// Moves what waits for `channel` to the channel that stands in for it, and returns how many rows that were. What they edit
    /// is posted anew there.
    pub fn reroute_rows(&mut self, channel: &str) -> Result<u64, Error> {
        self.write(Scope::All, |s| {
            s.execute(
                "UPDATE outbox SET channel = coalesce(fallback, channel), sent_ts = NULL WHERE state = 'sent' AND seq IN
                     (SELECT thread FROM outbox WHERE channel = ?1 AND fallback IS NOT NULL AND state IN ('pending', 'sending'))",
                &values![channel],
            )?;
            s.count_changed(
                "UPDATE outbox SET channel = fallback, fallback = NULL, edited_at = NULL, next_try_at = NULL
                 WHERE channel = ?1 AND fallback IS NOT NULL AND state IN ('pending', 'sending')",
                &values![channel],
            )
        })
    }
}

fn supersede(s: &mut dyn Session, rows: &[i64]) -> Result<(), Error> {
    let rows: Vec<_> = rows.iter().map(|seq| values![*seq]).collect();
    let sql = "UPDATE outbox SET state = 'replaced' WHERE seq = ?1 AND state = 'pending'";
    s.execute_each(sql, &rows).map(drop)
}

/// Whatever became of the attempts at row `seq`, a further one cannot repeat it.
fn settle(s: &mut dyn Session, seq: i64) -> Result<(), Error> {
    let sql = "UPDATE attempts SET unknown = 0 WHERE outbox = ?1";
    s.execute(sql, &values![seq])
}
