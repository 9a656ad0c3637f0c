//! Retries with exponential backoff. The only file that names `backoff`, which is unmaintained (RUSTSEC-2025-0012), so that
//! replacing it is a change to this file.

use std::future::Future;
use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// The number of attempts and the waits between them.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The maximum number of attempts, at least 1.
    pub attempts: u32,
    /// The wait before the second attempt. It doubles for each further one, with a jitter of ±50%.
    pub initial: Duration,
    /// The maximum wait between attempts. If the server asks for a longer one, there is no further attempt in this call.
    pub longest: Duration,
}

impl RetryPolicy {
    /// One attempt.
    pub const ONCE: Self = Self {
        attempts: 1,
        initial: Duration::ZERO,
        longest: Duration::ZERO,
    };
}

/// What it means for the next attempt that a message was not accepted, wherever it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryClass {
    /// Not accepted; the same request may succeed later: a rate limit, an outage over there, no connection. Where a repeat is known by
    /// its key, an answer that never came is of this kind too.
    Retry,
    /// Not accepted, and no attempt will succeed until somebody changes the credential or the destination.
    Permanent,
    /// Not accepted because this very message is rejected; others may be accepted.
    BadPayload,
    /// The request was sent and no answer settles whether it was accepted: a repeat may be a duplicate.
    Unconfirmed,
}

impl RetryClass {
    /// Returns the name that metrics and the log use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Permanent => "permanent",
            Self::BadPayload => "bad_payload",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// An error that says whether and when to retry.
pub trait Retryable {
    /// Returns whether another attempt may succeed.
    fn is_transient(&self) -> bool;
    /// Returns how long the server asks to wait.
    fn retry_after(&self) -> Option<Duration>;
}

/// Runs `attempt` until it succeeds, fails permanently, or exhausts `policy`; returns the last error as it is.
///
/// The loop is written here because `backoff`'s own follows a `Retry-After` beyond every limit; only its intervals are used.
pub async fn retry<T, E, A, F>(policy: &RetryPolicy, mut attempt: A) -> Result<T, E>
where
    E: Retryable,
    A: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
    let mut intervals = backoff_intervals(policy);
    let mut attempts_left = policy.attempts.max(1);
    loop {
        attempts_left -= 1;
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if attempts_left == 0 || !error.is_transient() {
            return Err(error);
        }
        let Some(wait) = next_wait(policy, intervals.next_backoff(), error.retry_after()) else {
            return Err(error);
        };
        tokio::time::sleep(wait).await;
    }
}

/// Returns the next wait, at least what the server asks for; `None` if that is more than `policy` allows.
fn next_wait(
    policy: &RetryPolicy,
    interval: Option<Duration>,
    requested: Option<Duration>,
) -> Option<Duration> {
    let own = interval.unwrap_or(policy.longest).min(policy.longest);
    match requested {
        None => Some(own),
        Some(requested) if requested <= policy.longest => Some(own.max(requested)),
        Some(_) => None,
    }
}

fn backoff_intervals(policy: &RetryPolicy) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(policy.initial)
        .with_multiplier(2.0)
        .with_randomization_factor(0.5)
        .with_max_interval(policy.longest)
        .with_max_elapsed_time(None)
        .build()
}

/// Parses a `Retry-After` value: seconds, or an HTTP date, which counts from `now_secs` (seconds since 1970).
/// Returns `None` for anything else, and zero for a date in the past.
pub fn parse_retry_after(value: &str, now_secs: i64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds.is_finite() && (0.0..1e15).contains(&seconds))
            .then(|| Duration::from_secs_f64(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
    Some(Duration::from_secs(
        u64::try_from(date.timestamp().saturating_sub(now_secs)).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutation::mutated;
    use proptest::prelude::*;
    use std::cell::Cell;

    struct Failure {
        transient: bool,
        asked: Option<Duration>,
    }

    impl Retryable for Failure {
        fn is_transient(&self) -> bool {
            self.transient
        }
        fn retry_after(&self) -> Option<Duration> {
            self.asked
        }
    }

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 4,
        initial: Duration::from_millis(500),
        longest: Duration::from_secs(30),
    };

    async fn count_attempts(failure: impl Fn() -> Failure) -> u32 {
        let count = Cell::new(0);
        let result: Result<(), Failure> = retry(&POLICY, || {
            count.set(count.get() + 1);
            let failure = failure();
            async move { Err(failure) }
        })
        .await;
        assert!(result.is_err());
        count.get()
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_fault_is_tried_as_often_as_allowed_and_a_refusal_once() {
        assert_eq!(
            count_attempts(|| Failure {
                transient: true,
                asked: None
            })
            .await,
            4
        );
        assert_eq!(
            count_attempts(|| Failure {
                transient: false,
                asked: None
            })
            .await,
            1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_absurd_retry_after_ends_the_attempts_instead_of_hanging() {
        let asked = Some(Duration::from_secs(86_400 * 365));
        assert_eq!(
            count_attempts(|| Failure {
                transient: true,
                asked
            })
            .await,
            1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_after_within_bounds_is_honoured() {
        let before = tokio::time::Instant::now();
        let asked = Some(Duration::from_secs(7));
        assert_eq!(
            count_attempts(|| Failure {
                transient: true,
                asked
            })
            .await,
            4
        );
        assert!(before.elapsed() >= Duration::from_secs(21));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = 1_445_412_479;
        assert_eq!(
            parse_retry_after(" 30 ", now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            parse_retry_after("1.5", now),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            parse_retry_after("Wed, 21 Oct 1970 07:28:00 GMT", now),
            Some(Duration::ZERO)
        );
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(parse_retry_after(nonsense, now), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_within_bounds_and_never_under_what_was_asked(own in 0u64..100_000, asked in prop::option::of(0u64..200_000)) {
            let asked = asked.map(Duration::from_millis);
            match next_wait(&POLICY, Some(Duration::from_millis(own)), asked) {
                Some(wait) => prop_assert!(wait <= POLICY.longest && asked.is_none_or(|a| wait >= a)),
                None => prop_assert!(asked.expect("asked") > POLICY.longest),
            }
        }

        #[test]
        fn any_retry_after_is_read_without_a_panic(value in "\\PC*", now in any::<i64>()) {
            let _ = parse_retry_after(&value, now);
        }

        #[test]
        fn a_mutated_retry_after_is_none_or_a_wait_that_can_be_asked_for_again(now in any::<i64>(), value in mutated(vec![
            b"120".to_vec(), b"1.5".to_vec(), b"18446744073709551615".to_vec(), b"Wed, 21 Oct 2015 07:28:00 GMT".to_vec(),
        ])) {
            let asked = parse_retry_after(&String::from_utf8_lossy(&value), now);
            let again = |asked: Duration| parse_retry_after(&asked.as_secs().to_string(), now);
            let whole = |asked: Duration| Duration::from_secs(asked.as_secs());
            prop_assert!(asked.is_none_or(|asked| again(asked) == Some(whole(asked))));
        }

        #[test]
        fn seconds_and_dates_are_read_as_they_were_meant(now in 0i64..4_000_000_000, wait in 0u64..100_000_000) {
            prop_assert_eq!(parse_retry_after(&wait.to_string(), now), Some(Duration::from_secs(wait)));
            let date = chrono::DateTime::from_timestamp(now + wait as i64, 0).expect("in the calendar");
            let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(parse_retry_after(&date, now), Some(Duration::from_secs(wait)));
        }
    }
}
