//! Back from a clock that was wrong.

use crate::model::{Coverage, Kind, MINUTE, Span, Timestamp};
use crate::store::{Database, Error};

use super::{
    Row, Scope, Session, address_checks, answers, canary, counts, coverage, digests, dns,
    incidents, learned, mutes, outbox, rule_starts, samples, smtp_errors, tags, values,
};

impl Database {
    /// Has `span` read again, of which a clock that ran ahead pruned the rows. What was counted stays, and so do the hours.
    pub fn reread(&mut self, span: Span) -> Result<(), Error> {
        if span.is_empty() {
            return Ok(());
        }
        let span = Span::new(span.from.floor(MINUTE), span.until.ceil(MINUTE));
        self.write(Scope::All, |s| {
            // A minute is counted whole, or not at all.
            for sql in [
                "DELETE FROM messages WHERE stream IN (SELECT key FROM streams) AND sent_at >= ?1 AND sent_at < ?2",
                "DELETE FROM minutes WHERE stream IN (SELECT key FROM streams) AND at >= ?1 AND at < ?2",
            ] {
                s.execute(sql, &values![span.from, span.until])?;
            }
            let streams: Vec<i64> = s.rows("SELECT key FROM streams", &[], |row| row.get(0))?;
            for stream in streams {
                let all = Coverage::from_spans([span]);
                coverage::unclaim(s, stream, Kind::Bounces, &all)?;
                let counted = counts::load(s, stream, tags::ALL_MAIL, span)?;
                let counted = Coverage::from_spans(counted.iter().map(|c| c.span));
                coverage::unclaim(s, stream, Kind::Messages, &all.minus(&counted))?;
            }
            Ok(())
        })
    }

    /// Forgets the servers of which no cycle was ever stored, and with them when each was first started.
    pub fn forget_unpolled_servers(&mut self) -> Result<(), Error> {
        let sql = "DELETE FROM servers WHERE last_cycle_at IS NULL";
        self.write(Scope::All, |s| s.execute(sql, &[]))
    }

    /// Drops what was recorded for instants after `now`, back to the last cycle before it: the clock was wrong.
    pub fn rewind(&mut self, now: Timestamp) -> Result<(), Error> {
        self.write(Scope::All, |s| {
            let sql = "SELECT name, first_start_at FROM servers";
            let read = |row: &dyn Row| Ok((row.get::<String>(0)?, row.get::<Timestamp>(1)?));
            for (server, first_start) in s.rows(sql, &[], read)? {
                let good: Option<Timestamp> = s.one(
                    "SELECT max(at) FROM polls WHERE server = ?1 AND at <= ?2",
                    &values![&server, now],
                    |row| row.get(0),
                )?;
                let until = good.unwrap_or(first_start.min(now));
                coverage::forget_after(s, &server, until)?;
                counts::forget_after(s, &server, until)?;
                let sql = "UPDATE servers SET first_start_at = ?2 WHERE name = ?1 AND first_start_at > ?2";
                s.execute(sql, &values![&server, until])?;
                let sql = "DELETE FROM polls WHERE server = ?1 AND at > ?2";
                s.execute(sql, &values![&server, now])?;
                restore(s, &server, now)?;
            }
            outbox::rewind(s, now)?;
            answers::rewind(s, now)?;
            canary::rewind(s, now)?;
            rule_starts::rewind(s, now)?;
            smtp_errors::rewind(s, now)?;
            dns::rewind(s, now)?;
            learned::rewind(s, now)?;
            mutes::rewind(s, now)?;
            samples::rewind(s, now)?;
            address_checks::rewind(s, now)?;
            digests::rewind(s, now)?;
            incidents::rewind(s, now)
        })
    }
}

/// Brings a server whose last cycle is dated after `now` back to what the polls that are left say of it.
fn restore(s: &mut dyn Session, server: &str, now: Timestamp) -> Result<(), Error> {
    s.execute(
        "UPDATE servers SET
             last_complete_at = CASE WHEN last_complete_at <= ?2 THEN last_complete_at
                 ELSE (SELECT max(at) FROM polls WHERE server = ?1 AND complete = 1) END,
             last_cycle_at = (SELECT max(at) FROM polls WHERE server = ?1),
             reason = (SELECT reason FROM polls WHERE server = ?1 ORDER BY at DESC LIMIT 1),
             incomplete_since = (SELECT min(p.at) FROM polls p WHERE p.server = ?1
                 AND p.at > coalesce((SELECT max(c.at) FROM polls c WHERE c.server = ?1 AND c.complete = 1), ?3)),
             incomplete_cycles = (SELECT count(*) FROM polls p WHERE p.server = ?1
                 AND p.at > coalesce((SELECT max(c.at) FROM polls c WHERE c.server = ?1 AND c.complete = 1), ?3))
         WHERE name = ?1 AND last_cycle_at > ?2",
        &values![server, now, Timestamp::MIN],
    )
}
