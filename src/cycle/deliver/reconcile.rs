//! Reconciliation: whether an earlier attempt was delivered although nothing confirmed it, because the process died or no answer
//! came.

use std::sync::Once;
use std::time::Duration;

use crate::clock;
use crate::cycle::Notifier;
use crate::cycle::deliver::notifier::Form;
use crate::model::{DAY, MINUTE, Timestamp};
use crate::retry;
use crate::slack::{self, LookupResult, Receipt, RetryClass};
use crate::store::{OutboxRow, UnconfirmedAttempt};

/// The maximum by which our clock may be ahead of Slack's.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(600);
/// The maximum by which it may have been ahead where it has moved backwards since.
const MAX_CLOCK_JUMP: Duration = DAY;
/// The maximum time that a message waits for a history that cannot be read now. After that a repeat does less harm than silence.
const MAX_HOLD: Duration = Duration::from_secs(30 * 60);

/// What Slack's history says of an earlier attempt.
pub(super) enum Reconciled {
    Delivered(Receipt),
    NotDelivered,
    Unknown,
    /// The history cannot be read now, but perhaps soon: the message waits.
    Pending(slack::Error),
}

/// Looks up whether the unconfirmed attempts at `row` were delivered, not before `pace` after the last of them: Slack may still
/// be working on it.
pub(super) async fn reconcile(
    notifier: &Notifier,
    policy: &retry::RetryPolicy,
    pace: Duration,
    (row, form): (&OutboxRow, &Form),
    earlier: UnconfirmedAttempt,
) -> Reconciled {
    tokio::time::sleep(remaining_pace(pace, earlier.last, clock::now())).await;
    let since = search_since(earlier.since, clock::now());
    let found = retry::retry(policy, || notifier.find_delivered(row, form, since));
    match found.await {
        Ok(LookupResult::Found(receipt)) => {
            tracing::info!(incident = ?row.message.incident, "found an unconfirmed message in Slack; not sending it again");
            Reconciled::Delivered(receipt)
        }
        Ok(LookupResult::Absent) => Reconciled::NotDelivered,
        Ok(LookupResult::Unreadable(why)) => {
            warn_possible_duplicate(&why);
            Reconciled::Unknown
        }
        Err(error) if still_waiting(earlier.since, clock::now()) => {
            Reconciled::Pending(slack::Error {
                class: RetryClass::Unconfirmed,
                // Only reading the history was asked to pause; what can be posted is posted.
                retry_after: None,
                ..error
            })
        }
        Err(error) => {
            warn_possible_duplicate(&error.message);
            Reconciled::Unknown
        }
    }
}

/// Returns what is left of `pace` after `last`; all of it where the clock moved backwards.
fn remaining_pace(pace: Duration, last: Timestamp, now: Timestamp) -> Duration {
    let elapsed = u64::try_from(now.0.saturating_sub(last.0)).unwrap_or(0);
    pace.saturating_sub(Duration::from_millis(elapsed))
}

/// Returns the earliest time at which a message may have been posted whose first attempt began at `since` by our clock.
fn search_since(since: Timestamp, now: Timestamp) -> Timestamp {
    if since > now {
        now - MAX_CLOCK_JUMP
    } else {
        since - MAX_CLOCK_SKEW
    }
}

fn still_waiting(since: Timestamp, now: Timestamp) -> bool {
    since <= now + MINUTE && now < since + MAX_HOLD
}

/// Warns once per process: an outage would repeat it every cycle.
fn warn_possible_duplicate(why: &str) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "cannot confirm whether a previous attempt was delivered; the message may appear twice ({why}). A bot token with the scope channels:history (groups:history, im:history) avoids that"
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
                remaining_pace(pace, last, Timestamp(now)),
                Duration::from_millis(left)
            );
        }
    }

    #[test]
    fn what_was_posted_by_a_clock_that_was_wrong_is_searched_for() {
        let since = Timestamp(100_000_000);
        assert_eq!(search_since(since, since + MINUTE), since - MINUTE * 10);
        let now = since - MINUTE * 300;
        assert_eq!(search_since(since, now), now - DAY);
    }

    #[test]
    fn a_message_is_held_for_half_an_hour_whatever_the_clock_does() {
        let since = Timestamp(10_000_000);
        assert!(still_waiting(since, since) && still_waiting(since, since + MINUTE * 29));
        assert!(!still_waiting(since, since + MINUTE * 30));
        assert!(
            !still_waiting(since, since - MINUTE * 90),
            "the clock jumped back"
        );
    }
}
