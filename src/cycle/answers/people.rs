//! What a process knows of the people in Slack, and whether it may read what they answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::slack::{Error, RetryClass, Slack};

/// After a refusal that somebody has to remedy, nothing is read for this long.
const REFUSAL_PAUSE: Duration = Duration::from_secs(3600);
/// The maximum number of names that are kept.
const MAX_NAMES: usize = 1_000;
/// Who answered, where Slack does not say.
const SOMEBODY: &str = "somebody in Slack";

/// The people in Slack, as far as they were asked for.
#[derive(Default)]
pub(crate) struct People(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The id of our own user, whose emoji do not count.
    own: Option<String>,
    names: BTreeMap<String, String>,
    refused_at: Option<Instant>,
    has_warned: bool,
    has_warned_of_unknown: bool,
}

impl People {
    /// Returns whether Slack refused a moment ago, for good.
    pub(crate) fn is_refused(&self) -> bool {
        let refused_at = self.lock().refused_at;
        refused_at.is_some_and(|at| at.elapsed() < REFUSAL_PAUSE)
    }

    /// Returns the id of our own user.
    pub(super) async fn own_id(&self, slack: &Slack) -> Result<String, Error> {
        if let Some(own) = &self.lock().own {
            return Ok(own.clone());
        }
        let own = slack.fetch_identity().await?.user_id;
        self.lock().own = Some(own.clone());
        Ok(own)
    }

    /// Returns the name of a user; where Slack does not say it, the id.
    pub(super) async fn name(&self, slack: &Slack, user: &str) -> String {
        if user.is_empty() {
            return SOMEBODY.to_owned();
        }
        if let Some(name) = self.lock().names.get(user) {
            return name.clone();
        }
        let fetched = slack.fetch_user_name(user).await;
        let is_settled = !matches!(&fetched, Err(error) if error.class == RetryClass::Retry);
        let name = fetched.ok().flatten().unwrap_or_else(|| user.to_owned());
        let mut known = self.lock();
        if is_settled && known.names.len() < MAX_NAMES {
            known.names.insert(user.to_owned(), name.clone());
        }
        name
    }

    /// Notes that answers cannot be read: for good is said once, what may pass is tried again with the next minute.
    pub(super) fn note_failure(&self, error: &Error) {
        if error.class == RetryClass::Retry {
            tracing::debug!("cannot read the answers to messages: {error}");
            return;
        }
        let mut known = self.lock();
        known.refused_at = Some(Instant::now());
        if !std::mem::replace(&mut known.has_warned, true) {
            tracing::warn!(
                "cannot read what people answer to messages by emoji: {error}. Everything else works; `slack.reactions = false` stops the attempts"
            );
        }
    }

    /// Notes that the emoji below a message cannot be read, for a reason that only a newer version may know: it is said once.
    pub(super) fn note_unknown(&self, error: &Error) {
        if !std::mem::replace(&mut self.lock().has_warned_of_unknown, true) {
            tracing::warn!(
                "cannot read the emoji below a message: Slack answered reactions.get with {error}. Everything else works, and each minute tries again; `slack.reactions = false` stops the attempts"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
