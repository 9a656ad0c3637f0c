//! Pictures in the digest's thread. They come after every message, hold nothing up, and are given up after two cycles.

use crate::chart::Picture;
use crate::clock;
use crate::cycle::deliver::Trigger;
use crate::cycle::deliver::channel::ChannelWorker;
use crate::slack::{self, Receipt, RetryClass};
use crate::store::{self, AttemptOutcome, AttemptResult, Database, OutboxRow, PicturePlace};

/// The maximum number of cycles in which a picture is tried.
const MAX_CYCLES: u64 = 2;
/// What the log says of a picture that is given up.
const COMPLETE: &str = "the digest itself is complete";

/// Uploads the pictures that wait, each once, and returns how many were.
pub(super) async fn upload_pictures(
    worker: &ChannelWorker,
    rows: Vec<OutboxRow>,
) -> Result<u64, store::Error> {
    let mut uploaded = 0;
    // Between two cycles only messages are tried again.
    if worker.turn.trigger == Trigger::BetweenCycles {
        return Ok(uploaded);
    }
    for row in rows {
        let seq = row.seq;
        match worker
            .turn
            .store
            .call(move |s| s.picture_place(seq))
            .await?
        {
            PicturePlace::NotYet => {}
            // The process died in them: it may be shown already.
            _ if row.attempts >= MAX_CYCLES => {
                worker.turn.store.call(move |s| s.drop_picture(seq)).await?
            }
            PicturePlace::Gone => worker.turn.store.call(move |s| s.drop_picture(seq)).await?,
            PicturePlace::Thread(parent) => {
                uploaded += u64::from(upload(worker, &row, parent).await?);
            }
        }
    }
    Ok(uploaded)
}

/// Uploads one picture; returns whether Slack took it.
async fn upload(
    worker: &ChannelWorker,
    row: &OutboxRow,
    parent: store::Handle,
) -> Result<bool, store::Error> {
    let (seq, began) = (row.seq, clock::now());
    if worker.claim(row, began).await?.is_none() {
        return Ok(false);
    }
    let attempt = async {
        let picture = serde_json::from_str::<Picture>(&row.message.body).map_err(|_| {
            slack::Error::new(RetryClass::Permanent, "its description cannot be read")
        })?;
        worker.notifier.upload(row, &parent, &picture).await
    };
    let ended = to_attempt(worker.attempt(attempt).await);
    let at = clock::now();
    let AttemptResult::Failed { why, .. } = ended.clone() else {
        let accept = move |s: &mut Database| {
            s.record_attempt(seq, began, at, &ended)?;
            s.drop_picture(seq)
        };
        worker.turn.store.call(accept).await?;
        return Ok(true);
    };
    let record = move |s: &mut Database| s.record_attempt(seq, began, at, &ended);
    worker.turn.store.call(record).await?;
    if row.attempts + 1 >= MAX_CYCLES {
        let outcome = AttemptOutcome::Failed(why.clone());
        let give_up = move |s: &mut Database| {
            let is_known = s.last_picture_outcome(seq)? == Some(outcome);
            s.drop_picture(seq)?;
            Ok(is_known)
        };
        // What does not change is said once, not with every digest.
        if worker.turn.store.call(give_up).await? {
            tracing::debug!(why, "gave up a picture of the digest; {COMPLETE}");
        } else {
            tracing::warn!(why, "gave up a picture of the digest; {COMPLETE}");
        }
    }
    Ok(false)
}

/// Returns the attempt as the store records it.
fn to_attempt(result: Result<Receipt, slack::Error>) -> AttemptResult {
    match result {
        Ok(_) => AttemptResult::Accepted {
            channel: None,
            ts: None,
        },
        Err(error) => AttemptResult::Failed {
            unknown: error.class == RetryClass::Unconfirmed,
            why: error.message,
            next_try_at: None,
        },
    }
}
