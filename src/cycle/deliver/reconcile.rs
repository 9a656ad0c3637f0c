//! Whether a message was taken although nobody was told: the process died, or no answer settled it.

use std::sync::Once;
use std::time::Duration;

use crate::clock;
use crate::cycle::Outlet;
use crate::cycle::deliver::Failed;
use crate::model::{DAY, MINUTE, Timestamp};
use crate::retry;
use crate::slack::{self, LookupResult, Receipt, RetryClass};
use crate::store::{OutboxRow, UnconfirmedAttempt};

/// How far our clock may be ahead of the destination's.
const CLOCK_ERROR: Duration = Duration::from_secs(600);
/// How far it may have been where it has jumped back since.
const CLOCK_JUMP: Duration = DAY;
/// A message waits so long for a destination that cannot be asked. After that a repeat does less harm than silence.
const LONGEST_HOLD: Duration = Duration::from_secs(30 * 60);

/// What a look at the destination says of an earlier attempt.
pub(crate) enum Fate {
    /// It was posted.
    Posted(Receipt),
    /// It was not.
    Absent,
    /// Nobody can say.
    Unknowable,
    /// It cannot be known now, but soon: the message waits.
    Open(slack::Error),
}

/// Asks the destination of `row` what became of the attempts in `doubt`, not before `pace` after the last of them: it may
/// still be at work on it.
pub(crate) async fn look_up(
    outlet: &Outlet,
    policy: &retry::Policy,
    pace: Duration,
    row: &OutboxRow,
    doubt: UnconfirmedAttempt,
) -> Fate {
    tokio::time::sleep(rest(pace, doubt.last, clock::now())).await;
    let since = searched_from(doubt.since, clock::now());
    let found = retry::retry(policy, || async {
        outlet.find(row, since).await.map_err(Failed)
    });
    match found.await {
        Ok(LookupResult::Found(accepted)) => {
            tracing::info!(incident = ?row.message.incident, "a message of unknown fate had been posted");
            Fate::Posted(accepted)
        }
        Ok(LookupResult::Absent) => Fate::Absent,
        Ok(LookupResult::Unreadable(why)) => {
            say_that_it_may_repeat(&why);
            Fate::Unknowable
        }
        Err(Failed(error)) if is_held(doubt.since, clock::now()) => Fate::Open(slack::Error {
            class: RetryClass::Unconfirmed,
            // The pause is asked for by the history alone; what can be posted is posted.
            retry_after: None,
            ..error
        }),
        Err(Failed(error)) => {
            say_that_it_may_repeat(&error.message);
            Fate::Unknowable
        }
    }
}

/// What is left of `pace` after `last`; all of it where the clock jumped back.
fn rest(pace: Duration, last: Timestamp, now: Timestamp) -> Duration {
    let elapsed = u64::try_from(now.0.saturating_sub(last.0)).unwrap_or(0);
    pace.saturating_sub(Duration::from_millis(elapsed))
}

/// From when on a message may have been posted, of which the first attempt began at `since` by our clock.
fn searched_from(since: Timestamp, now: Timestamp) -> Timestamp {
    if since > now {
        now - CLOCK_JUMP
    } else {
        since - CLOCK_ERROR
    }
}

fn is_held(since: Timestamp, now: Timestamp) -> bool {
    since <= now + MINUTE && now < since + LONGEST_HOLD
}

/// Once per process: an outage would repeat it every cycle.
fn say_that_it_may_repeat(why: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            "a message may be told twice, under the same incident: nobody can say whether an earlier attempt was taken ({why}). A bot token with the scope channels:history (groups:history, im:history) avoids that"
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_kept_after_the_last_attempt_and_no_longer() {
        let (pace, last) = (Duration::from_millis(1100), Timestamp(10_000));
        for (now, left) in [
            (10_000, 1100),
            (10_300, 800),
            (11_100, 0),
            (99_999, 0),
            (9_000, 1100),
        ] {
            assert_eq!(
                rest(pace, last, Timestamp(now)),
                Duration::from_millis(left)
            );
        }
    }

    #[test]
    fn what_was_posted_by_a_clock_that_was_wrong_is_searched_for() {
        let since = Timestamp(100_000_000);
        assert_eq!(searched_from(since, since + MINUTE), since - MINUTE * 10);
        let now = since - MINUTE * 300;
        assert_eq!(searched_from(since, now), now - DAY);
    }

    #[test]
    fn a_message_is_held_for_half_an_hour_whatever_the_clock_does() {
        let since = Timestamp(10_000_000);
        assert!(is_held(since, since) && is_held(since, since + MINUTE * 29));
        assert!(!is_held(since, since + MINUTE * 30));
        assert!(
            !is_held(since, since - MINUTE * 90),
            "the clock jumped back"
        );
    }
}
