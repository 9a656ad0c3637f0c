//! How many requests the poll of one server may take, and how streams share them.

use tokio::time::Instant;

use crate::cycle::collect::errors::ReadError;
use crate::detect::sample;
use crate::postmark::Server;

/// Requests that listing and counting leave for the delivery sample: the details of a healthy stream's sample, and one page
/// to draw it from.
pub(crate) const RESERVED_FOR_SAMPLE: u64 = sample::HEALTHY_REQUESTS as u64 + 1;

/// The requests of one server in one poll, retries included.
pub(crate) struct Budget<'a> {
    api: &'a Server,
    limit: u64,
}

impl<'a> Budget<'a> {
    /// Sets the limit of `api` to `requests_per_poll`.
    pub(crate) fn new(api: &'a Server, requests_per_poll: u32) -> Self {
        let limit = u64::from(requests_per_poll);
        api.allow(limit);
        Self { api, limit }
    }

    /// Raises the limit to what the least useful poll takes: a request for the list of streams, and for each stream one for
    /// its messages and one for its bounces.
    pub(crate) fn ensure_minimum(&mut self, streams: usize) {
        self.limit = self.limit.max(1 + 2 * streams as u64);
        self.api.allow(self.limit);
    }

    /// Leaves `requests` for later, until they are [released](Self::release).
    pub(crate) fn reserve(&mut self, requests: u64) {
        self.limit = self.limit.saturating_sub(requests);
        self.api.allow(self.limit);
    }

    /// Gives back what was [reserved](Self::reserve).
    pub(crate) fn release(&mut self, requests: u64) {
        self.limit += requests;
        self.api.allow(self.limit);
    }

    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.api.requests())
    }

    /// Returns a quota of the next `requests` requests, or of all that are left if those are fewer.
    pub(crate) fn quota(&self, requests: u64) -> RequestQuota {
        RequestQuota {
            max_request: self.api.requests().saturating_add(requests).min(self.limit),
            deadline: None,
        }
    }

    /// Lets any number of requests be made until `deadline`, outside the budget. Ends with [`Self::resume_metering`].
    pub(crate) fn pause_metering(&self, deadline: Instant) -> RequestQuota {
        self.api.allow(u64::MAX);
        RequestQuota {
            max_request: u64::MAX,
            deadline: Some(deadline),
        }
    }

    /// Applies the budget again, without the requests made since `requests_before`.
    pub(crate) fn resume_metering(&mut self, requests_before: u64) {
        self.limit += self.api.requests().saturating_sub(requests_before);
        self.api.allow(self.limit);
    }
}

/// What one reading may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestQuota {
    /// The number of the server's last request in this poll that the reading may make.
    max_request: u64,
    /// When the reading must end, by the monotonic clock.
    deadline: Option<Instant>,
}

impl RequestQuota {
    /// Checks that one more request may be made; `what` names the reading in the error.
    ///
    /// # Errors
    /// [`ReadError::BudgetExhausted`] where the requests or the time are used up.
    pub(crate) fn check(&self, api: &Server, what: &str) -> Result<(), ReadError> {
        if api.requests() >= self.max_request {
            return Err(ReadError::BudgetExhausted(format!(
                "{what}: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`"
            )));
        }
        if self.deadline.is_some_and(|end| Instant::now() >= end) {
            return Err(ReadError::BudgetExhausted(format!(
                "{what}: this cycle's time is over; the next cycles go on"
            )));
        }
        Ok(())
    }
}

/// Returns how much of `left` one stream may take that needs `need`, while the streams after it need `others`: what those
/// leave or, where there is not enough for all, its part by need. Never less than one.
pub(crate) fn proportional_share(left: u64, need: u64, others: u64) -> u64 {
    let rest = left.saturating_sub(others);
    let part = u128::from(left) * u128::from(need) / u128::from(need.saturating_add(others).max(1));
    rest.max(u64::try_from(part).unwrap_or(u64::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_what_others_do_not_need_or_a_part_by_need() {
        assert_eq!(proportional_share(50, 10, 20), 30);
        assert_eq!(proportional_share(50, 90, 10), 45);
        assert_eq!(proportional_share(50, 10, 90), 5);
        assert_eq!(proportional_share(0, 10, 90), 1);
        assert_eq!(proportional_share(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
    }
}
