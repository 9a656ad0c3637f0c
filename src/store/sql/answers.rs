//! What people answered to messages by emoji, as it was read last.
//!
//! `reactions.seen` holds, separated by spaces, the `ts` of the message that was read, and `answer=user` for each answer that stood
//! below it. Answers to a message that was posted anew since are none of the new one's.

use std::collections::BTreeMap;

use crate::model::{Answer, StandingAnswer, Timestamp};
use crate::store::{AnswerableMessage, AnswersRead, Database, Error, Handle};

use super::{Scope, Session, incidents, values};

impl Database {
    /// Returns the messages to which people may answer: of incidents that are open, and of those that ended after `ended_after`. In
    /// the order in which they were written.
    pub fn answerable_messages(
        &mut self,
        ended_after: Timestamp,
    ) -> Result<Vec<AnswerableMessage>, Error> {
        self.read(|s| {
            let mut found = BTreeMap::new();
            s.each_row(
                "SELECT o.seq, o.channel, o.sent_channel, o.sent_ts, r.read_at, coalesce(r.seen, '')
                 FROM incidents i JOIN outbox_incidents n ON n.incident = i.id
                 JOIN outbox o ON o.seq = n.seq AND o.thread = o.seq LEFT JOIN reactions r ON r.thread = o.seq
                 WHERE o.sent_channel IS NOT NULL AND o.sent_ts IS NOT NULL AND (i.open = 1 OR EXISTS
                     (SELECT 1 FROM transitions t WHERE t.incident = i.id AND t.step = 'resolved' AND t.at >= ?1))",
                [values![ended_after]],
                |_, row| {
                    let (seq, ts): (i64, String) = (row.get(0)?, row.get(3)?);
                    let seen = read_seen(&row.get::<String>(5)?, &ts);
                    let message = AnswerableMessage {
                        thread: seq,
                        channel: row.get(1)?,
                        handle: Handle {
                            channel: row.get(2)?,
                            ts,
                            is_edited: false,
                        },
                        read_at: row.get(4)?,
                        seen,
                        incidents: Vec::new(),
                    };
                    found.insert(seq, message);
                    Ok(())
                },
            )?;
            let mut messages: Vec<AnswerableMessage> = found.into_values().collect();
            for message in &mut messages {
                let sql = "SELECT body FROM incidents i JOIN outbox_incidents n ON n.incident = i.id
                     WHERE n.seq = ?1 ORDER BY i.id";
                message.incidents = s.rows(sql, &values![message.thread], incidents::read_body)?;
            }
            Ok(messages)
        })
    }

    /// Returns how often answers were read after `since`, by the machine's clock.
    pub fn count_answer_reads(&mut self, since: Timestamp) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM reactions WHERE read_at > ?1";
        self.read(|s| s.one(sql, &values![since], |row| row.get(0)))
    }

    /// Records which answers stood below messages.
    pub fn save_answers_read(&mut self, read: &[AnswersRead]) -> Result<(), Error> {
        self.write(Scope::All, |s| save(s, read))
    }
}

pub(super) fn save(s: &mut dyn Session, read: &[AnswersRead]) -> Result<(), Error> {
    for read in read {
        s.execute(
            "INSERT INTO reactions (thread, read_at, seen) VALUES (?1, ?2, ?3)
             ON CONFLICT (thread) DO UPDATE SET read_at = excluded.read_at, seen = excluded.seen",
            &values![read.thread, read.at, &write_seen(&read.ts, &read.seen)],
        )?;
    }
    Ok(())
}

/// What a wrong clock read is read again.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE reactions SET read_at = ?1 WHERE read_at > ?1";
    s.execute(sql, &values![now])
}

fn write_seen(ts: &str, seen: &[StandingAnswer]) -> String {
    let answers = seen
        .iter()
        .map(|a| format!(" {}={}", a.answer.name(), a.user));
    std::iter::once(ts.to_owned()).chain(answers).collect()
}

/// Returns the answers that were read of message `ts`. One that only a newer version knows is left out.
fn read_seen(text: &str, ts: &str) -> Vec<StandingAnswer> {
    let mut words = text.split(' ');
    if words.next() != Some(ts) {
        return Vec::new();
    }
    let answer = |word: &str| {
        let (name, user) = word.split_once('=')?;
        Some(StandingAnswer {
            answer: Answer::from_name(name)?,
            user: user.to_owned(),
        })
    };
    words.filter_map(answer).collect()
}
