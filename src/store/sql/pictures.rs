//! Pictures that wait to be uploaded: rows of the outbox whose `thread` is the digest below which they are shown.

use crate::store::{AttemptOutcome, Database, Error, Handle, PicturePlace};

use super::{Scope, values};

impl Database {
    /// Returns where the picture of row `seq` is to be shown.
    pub fn picture_place(&mut self, seq: i64) -> Result<PicturePlace, Error> {
        let found = self.read(|s| {
            s.first(
                "SELECT t.state, t.sent_channel, t.sent_ts FROM outbox o JOIN outbox t ON t.seq = o.thread WHERE o.seq = ?1",
                &values![seq],
                |row| {
                    let place: (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
                    Ok((row.get::<String>(0)?, place))
                },
            )
        })?;
        Ok(match found {
            Some((state, (Some(channel), Some(ts)))) if state == "sent" => {
                PicturePlace::Thread(Handle {
                    channel,
                    ts,
                    is_edited: false,
                })
            }
            Some((state, _)) if state == "pending" || state == "sending" => PicturePlace::NotYet,
            _ => PicturePlace::Gone,
        })
    }

    /// Ends the wait of a picture, whatever became of it, and forgets what it showed.
    pub fn drop_picture(&mut self, seq: i64) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            s.execute(
                "UPDATE outbox SET body = '', state = CASE WHEN state IN ('pending', 'sending') THEN 'given_up_named' ELSE state END
                 WHERE seq = ?1 AND kind = 'picture'",
                &values![seq],
            )
        })
    }

    /// Returns how the last attempt ended at the last picture before row `seq` that was given up; `None` where none was, or where
    /// one was uploaded since.
    pub fn last_picture_outcome(&mut self, seq: i64) -> Result<Option<AttemptOutcome>, Error> {
        let outcome = self.read(|s| {
            s.first(
                "SELECT a.outcome FROM attempts a JOIN outbox o ON o.seq = a.outbox
                 WHERE o.kind = 'picture' AND o.seq < ?1 AND o.state <> 'pending' ORDER BY o.seq DESC, a.at DESC LIMIT 1",
                &values![seq],
                |row| row.get::<String>(0),
            )
        })?;
        Ok(outcome.map(AttemptOutcome::from_text))
    }
}
