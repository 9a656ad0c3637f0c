//! What the requests of one server and cycle may be spent on.

use tokio::time::Instant;

use crate::postmark::{self, Server};
use crate::store;

/// Why a reading ended before everything was read.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Postmark.
    #[error(transparent)]
    Postmark(#[from] postmark::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The limit of requests or time.
    #[error("{0}")]
    Limit(String),
    /// The answers contradict each other.
    #[error("failed to list {0}")]
    Drift(String),
}

/// The requests of one server and cycle.
pub(crate) struct Budget<'a> {
    api: &'a Server,
    most: u64,
}

impl<'a> Budget<'a> {
    /// So many in all, retries included.
    pub(crate) fn new(api: &'a Server, requests_per_poll: u32) -> Self {
        let budget = Self {
            api,
            most: u64::from(requests_per_poll),
        };
        api.allow(budget.most);
        budget
    }

    /// Nothing can be seen with fewer than one for the streams, and for each stream one for its messages and one for its
    /// bounces.
    pub(crate) fn serve(&mut self, streams: usize) {
        self.most = self.most.max(1 + 2 * streams as u64);
        self.api.allow(self.most);
    }

    /// How many are left.
    pub(crate) fn left(&self) -> u64 {
        self.most.saturating_sub(self.api.requests())
    }

    /// Leave to make `requests` of those that are left.
    pub(crate) fn allowance(&self, requests: u64) -> Allowance {
        Allowance {
            until: self.api.requests().saturating_add(requests).min(self.most),
            deadline: None,
        }
    }

    /// Leave to make any number until `deadline`, besides the budget; ends with [`Self::close`].
    pub(crate) fn open(&self, deadline: Instant) -> Allowance {
        self.api.allow(u64::MAX);
        Allowance {
            until: u64::MAX,
            deadline: Some(deadline),
        }
    }

    /// What was made since `before` was not of the budget.
    pub(crate) fn close(&mut self, before: u64) {
        self.most += self.api.requests().saturating_sub(before);
        self.api.allow(self.most);
    }
}

/// What may be spent on one reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Up to which number of the server's requests in this cycle.
    until: u64,
    /// Until when, by the machine's monotonic clock.
    deadline: Option<Instant>,
}

impl Allowance {
    /// Leave for one more request.
    pub(crate) fn take(&self, api: &Server, what: &str) -> Result<(), Stop> {
        if api.requests() >= self.until {
            return Err(Stop::Limit(format!(
                "{what}: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`"
            )));
        }
        if self.deadline.is_some_and(|end| Instant::now() >= end) {
            return Err(Stop::Limit(format!(
                "{what}: this cycle's time is over; the next cycles go on"
            )));
        }
        Ok(())
    }
}

/// What one of several may take of `left`: what the others do not need or, where there is not enough for all, its part by
/// need; at least one.
pub(crate) fn share(left: u64, need: u64, others: u64) -> u64 {
    let rest = left.saturating_sub(others);
    let part = u128::from(left) * u128::from(need) / u128::from(need.saturating_add(others).max(1));
    rest.max(u64::try_from(part).unwrap_or(u64::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_what_others_do_not_need_or_a_part_by_need() {
        assert_eq!(share(50, 10, 20), 30);
        assert_eq!(share(50, 90, 10), 45);
        assert_eq!(share(50, 10, 90), 5);
        assert_eq!(share(0, 10, 90), 1);
        assert_eq!(share(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
    }
}
