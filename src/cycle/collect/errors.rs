//! What goes wrong while one server is polled, and when to stop asking.

use crate::cycle::clock::ClockSkew;
use crate::model::{AccountReach, ServerChange, ServerName};
use crate::postmark::{self, ErrorKind, MAX_RESULTS};
use crate::store;

/// Readings without any answer, each already retried, after which a server is not asked for anything more in this poll.
const MAX_UNANSWERED: u32 = 2;

/// Why a reading ended before everything was read.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Postmark refused, failed or did not answer.
    #[error(transparent)]
    Postmark(#[from] postmark::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The requests or the time of this poll are used up.
    #[error("{0}")]
    BudgetExhausted(String),
    /// The first answer of a poll does not fit the clock.
    #[error("Postmark's clock differs")]
    Unconfirmed,
    /// Pages of one listing contradict each other.
    #[error("failed to list {0}")]
    InconsistentPages(String),
}

impl ReadError {
    /// Returns the error of `what`, of which even a second holds more than Postmark lists or counts.
    pub(crate) fn too_many_in_a_second(what: &str) -> Self {
        Self::InconsistentPages(format!("{what}: more than {MAX_RESULTS} in one second"))
    }
}

/// What went wrong in the poll of one server.
#[derive(Debug, Default)]
pub(crate) struct PollErrors {
    /// What makes the poll incomplete, a line each.
    pub blocking: Vec<String>,
    /// How many of these are of bounces. They are read after all mail.
    pub unread_bounces: usize,
    pub warnings: Vec<String>,
    /// Those of the warnings that an earlier poll gave already, by what is stored: the log need not repeat them.
    pub known: Vec<String>,
    /// Whether the token is missing, or Postmark refused it.
    pub token_rejected: bool,
    /// Whether the poll is incomplete for any other reason than its budget.
    pub has_failure: bool,
    /// Postmark's error code where it deactivated the account.
    pub account_error: Option<i64>,
    /// The server that answered, where it is another one than before: nothing more of it is read.
    pub change: Option<ServerChange>,
    /// Whether Postmark gave any answer to this token.
    pub reachable: bool,
    /// Why nothing was asked for after the streams.
    pub skew: Option<ClockSkew>,
    /// Of the account: which of its servers are watched.
    pub account: AccountReach,
    unanswered: u32,
}

impl PollErrors {
    /// Returns the errors of a server whose token cannot be read.
    pub(crate) fn unreadable_token(problem: String) -> Self {
        Self {
            token_rejected: true,
            blocking: vec![problem],
            ..Self::default()
        }
    }

    /// Records why the poll is incomplete, whatever Postmark answered.
    pub(crate) fn fail(&mut self, why: String) {
        self.has_failure = true;
        self.blocking.push(why);
    }

    /// Records why something that every poll must read was not read: the poll is incomplete.
    ///
    /// # Errors
    /// Hands back an error of the database, which ends the whole cycle.
    pub(crate) fn record(&mut self, result: Result<(), ReadError>) -> Result<(), store::Error> {
        if let Some(error) = self.classify(result)? {
            self.has_failure |= !matches!(error, ReadError::BudgetExhausted(_));
            self.blocking.push(error.to_string());
        }
        Ok(())
    }

    /// Records that another server answers to the token of `name`: nothing of it is stored under that name.
    pub(crate) fn record_change(&mut self, name: &ServerName, change: ServerChange) {
        self.has_failure = true;
        self.blocking.push(format!(
            "{name}: its token belongs to {}, and what is stored is of server {}; put the former server's token back, or accept this one with `hushwatch incident ID --close`",
            change.current_label(),
            change.former
        ));
        self.change = Some(change);
    }

    /// Records why something optional was not read.
    pub(crate) fn record_warning(
        &mut self,
        result: Result<(), ReadError>,
    ) -> Result<(), store::Error> {
        if let Some(error) = self.classify(result)? {
            self.warnings.push(error.to_string());
        }
        Ok(())
    }

    /// Records why history from before the first start was not read: a later poll reads it.
    pub(crate) fn record_backfill(
        &mut self,
        result: Result<(), ReadError>,
    ) -> Result<(), store::Error> {
        if let Some(error) = self.classify(result)? {
            self.warnings
                .push(format!("history before the first start: {error}"));
        }
        Ok(())
    }

    /// Adds what went wrong in one step of the same poll.
    pub(crate) fn merge(&mut self, other: Self) {
        self.blocking.extend(other.blocking);
        self.unread_bounces += other.unread_bounces;
        self.warnings.extend(other.warnings);
        self.known.extend(other.known);
        self.token_rejected |= other.token_rejected;
        self.has_failure |= other.has_failure;
        self.account_error = self.account_error.or(other.account_error);
        self.change = self.change.take().or(other.change);
        self.reachable |= other.reachable;
        self.unanswered += other.unanswered;
    }

    /// Returns whether further requests are useless: the token or the account is refused, or nobody answers.
    pub(crate) const fn should_stop(&self) -> bool {
        self.token_rejected || self.account_error.is_some() || self.unanswered >= MAX_UNANSWERED
    }

    /// Takes note of what an error says about the server as a whole.
    fn classify(
        &mut self,
        result: Result<(), ReadError>,
    ) -> Result<Option<ReadError>, store::Error> {
        match result {
            Ok(()) => Ok(None),
            Err(ReadError::Store(error)) => Err(error),
            Err(error) => {
                if let ReadError::Postmark(error) = &error {
                    match error.kind() {
                        ErrorKind::TokenRefused => self.token_rejected = true,
                        ErrorKind::AccountInactive(code) => self.account_error = Some(code),
                        ErrorKind::TooMany => self.unanswered = MAX_UNANSWERED,
                        ErrorKind::Unreachable(_) => self.unanswered += 1,
                        _ => {}
                    }
                }
                Ok(Some(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhausted() -> Result<(), ReadError> {
        Err(ReadError::BudgetExhausted("too much".to_owned()))
    }

    #[test]
    fn an_exhausted_budget_is_incomplete_but_no_failure() {
        let mut errors = PollErrors::default();
        errors.record(exhausted()).expect("no store error");
        assert_eq!(errors.blocking, ["too much"]);
        assert!(!errors.has_failure && !errors.should_stop());

        let drift = ReadError::InconsistentPages("messages".to_owned());
        errors.record(Err(drift)).expect("no store error");
        assert_eq!(errors.blocking, ["too much", "failed to list messages"]);
        assert!(errors.has_failure && !errors.should_stop());
    }

    #[test]
    fn what_is_optional_leaves_the_poll_complete() {
        let mut errors = PollErrors::default();
        errors.record_warning(exhausted()).expect("no store error");
        errors.record_backfill(exhausted()).expect("no store error");
        assert!(errors.blocking.is_empty());
        let backfill = "history before the first start: too much";
        assert_eq!(errors.warnings, ["too much", backfill]);
    }

    #[test]
    fn a_merge_keeps_the_reasons_to_stop() {
        let mut errors = PollErrors {
            unanswered: 1,
            ..PollErrors::default()
        };
        errors.merge(PollErrors {
            unanswered: 1,
            reachable: true,
            ..PollErrors::default()
        });
        assert!(errors.should_stop() && errors.reachable && !errors.token_rejected);
    }
}
