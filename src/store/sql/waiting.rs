//! Why messages wait.

use std::collections::BTreeSet;

use crate::model::{Hold, Timestamp, WaitReason, WaitingMessages};
use crate::store::{Database, Error};

use super::{Row, values};

/// A message that waits.
struct WaitingRow {
    seq: i64,
    channel: String,
    written_at: Timestamp,
    next_try_at: Option<Timestamp>,
}

/// The attempts at what waits for a channel that nothing holds back.
#[derive(Default)]
struct Attempts {
    failing_since: Option<Timestamp>,
    /// How the last one ended, and whether it may have been accepted.
    last: Option<(String, bool)>,
}

impl Database {
    /// Returns what waits for each channel, without pictures, by the reason, in the order of their names. `hold` is what people are not
    /// told now; `clock` is the time of the machine, by which retries wait.
    pub fn waiting_messages(
        &mut self,
        hold: Hold,
        clock: Timestamp,
    ) -> Result<Vec<WaitingMessages>, Error> {
        let held = self.held_rows(hold)?.rows;
        let muted = match hold.is_quiet {
            true => self.held_rows(Hold::outside_quiet_hours(hold.at))?.rows,
            false => held.clone(),
        };
        let rows = self.rows(
            "SELECT seq, channel, created_at, next_try_at FROM outbox
             WHERE state IN ('pending', 'sending') AND kind <> 'picture' ORDER BY channel, seq",
            &[],
            |row: &dyn Row| {
                Ok(WaitingRow {
                    seq: row.get(0)?,
                    channel: row.get(1)?,
                    written_at: row.get(2)?,
                    next_try_at: row.get(3)?,
                })
            },
        )?;
        let mut waiting = Vec::new();
        for of_channel in rows.chunk_by(|a, b| a.channel == b.channel) {
            let (held_back, free): (Vec<&WaitingRow>, Vec<&WaitingRow>) =
                of_channel.iter().partition(|row| held.contains(&row.seq));
            let (by_mute, by_hours): (Vec<&WaitingRow>, Vec<&WaitingRow>) =
                held_back.iter().partition(|row| muted.contains(&row.seq));
            if !free.is_empty() {
                let reason = self.reason(&free, clock)?;
                waiting.extend(summary(&free, reason));
            }
            waiting.extend(summary(&by_mute, WaitReason::Muted));
            waiting.extend(summary(&by_hours, WaitReason::QuietHours));
        }
        Ok(waiting)
    }

    /// Returns why the messages of a channel wait that nothing holds back: one that fails stops those behind it.
    fn reason(&mut self, rows: &[&WaitingRow], clock: Timestamp) -> Result<WaitReason, Error> {
        let attempts = self.attempts(rows)?;
        let limited = rows.iter().filter_map(|row| row.next_try_at);
        let limited = limited.filter(|until| *until > clock).max();
        let (Some(failing_since), Some((outcome, is_unknown))) =
            (attempts.failing_since, attempts.last)
        else {
            return Ok(WaitReason::NotTried);
        };
        let is_cut_off = outcome == "begun";
        Ok(match limited {
            Some(until) => WaitReason::RateLimited {
                until,
                why: outcome,
            },
            None if is_unknown => WaitReason::Unconfirmed {
                failing_since,
                why: (!is_cut_off).then_some(outcome),
            },
            None => WaitReason::Failing {
                failing_since,
                why: outcome,
            },
        })
    }

    fn attempts(&mut self, rows: &[&WaitingRow]) -> Result<Attempts, Error> {
        let waiting: BTreeSet<i64> = rows.iter().map(|row| row.seq).collect();
        let channel = rows.first().map_or("", |row| row.channel.as_str());
        let attempts = self.rows(
            "SELECT a.outbox, min(a.at), max(a.at) FROM attempts a JOIN outbox o ON o.seq = a.outbox
             WHERE o.channel = ?1 AND o.state IN ('pending', 'sending') AND o.kind <> 'picture' AND a.outcome <> 'accepted'
             GROUP BY a.outbox",
            &values![channel],
            |row: &dyn Row| Ok((row.get::<i64>(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let of_these = attempts.into_iter();
        let of_these: Vec<(i64, Timestamp, Timestamp)> =
            of_these.filter(|(seq, ..)| waiting.contains(seq)).collect();
        let Some((seq, _, last)) = of_these.iter().max_by_key(|(seq, _, last)| (*last, *seq))
        else {
            return Ok(Attempts::default());
        };
        let last = self.rows(
            "SELECT outcome, unknown FROM attempts WHERE outbox = ?1 AND at = ?2",
            &values![*seq, *last],
            |row: &dyn Row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(Attempts {
            failing_since: of_these.iter().map(|(_, first, _)| *first).min(),
            last: last.into_iter().next(),
        })
    }
}

fn summary(rows: &[&WaitingRow], reason: WaitReason) -> Option<WaitingMessages> {
    let first = rows.first()?;
    let since = rows.iter().map(|row| row.written_at).min()?;
    Some(WaitingMessages {
        channel: first.channel.clone(),
        count: rows.len() as u64,
        since,
        reason,
    })
}
