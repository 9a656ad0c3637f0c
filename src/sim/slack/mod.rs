//! A simulated Slack: a bot token, channels, an incoming webhook, and a sink for heartbeats.
//!
//! It takes only payloads that Slack would take, and remembers them as a person would see them.

mod blocks;
mod face;
mod history;
mod received;
mod visible;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Timestamp;
use crate::sim::fault;
use crate::sim::fault::Plan;
use crate::sim::http::{self, Asked};

use face::State;

pub use received::{Received, Via};

/// The channel that is known from the start.
pub const CHANNEL: &str = "C0OPERATORS";

/// Something that goes wrong between Slack and its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What can go wrong with every service.
    Wire(fault::Fault),
    /// A refusal in Slack's own words: 200 with `ok: false` for a bot, the fitting status for a webhook.
    SlackError(String),
    /// The message is posted, and no answer comes.
    AcceptThenHang,
    /// The message is posted, and the connection is reset before the answer.
    AcceptThenReset,
}

impl Fault {
    /// A refusal in Slack's own words, such as `not_in_channel`.
    pub fn slack_error(error: &str) -> Self {
        Self::SlackError(error.to_owned())
    }
}

impl From<fault::Fault> for Fault {
    fn from(fault: fault::Fault) -> Self {
        Self::Wire(fault)
    }
}

/// A running simulated Slack; the last clone that is dropped ends it.
#[derive(Clone)]
pub struct Slack {
    http: Arc<http::Server>,
    state: Arc<Mutex<State>>,
}

/// Where it is, and what it knows.
impl Slack {
    /// Starts one that knows [`CHANNEL`] on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is to be had.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let asked = Arc::clone(&state);
        let http = http::Server::start(move |request| face::answer(&mut lock(&asked), request))?;
        Ok(Self {
            http: Arc::new(http),
            state,
        })
    }

    /// What stands in place of `https://slack.com/api`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("{}/api", self.http.base_url())
    }

    /// An incoming webhook, which posts to [`CHANNEL`].
    pub fn webhook_url(&self) -> String {
        format!("{}{}", self.http.base_url(), face::WEBHOOK_PATH)
    }

    /// Where heartbeats may go; anything below it is taken too.
    pub fn heartbeat_url(&self) -> String {
        format!("{}/ping/hushwatch", self.http.base_url())
    }

    /// The bot's token.
    pub fn bot_token(&self) -> String {
        self.lock().token.clone()
    }

    /// Makes another token the valid one.
    pub fn set_bot_token(&self, token: &str) {
        token.clone_into(&mut self.lock().token);
    }

    /// Adds a channel (`C…`), a direct one (`D…`) or a user (`U…`, answered with the id of the direct one).
    pub fn add_channel(&self, id: &str) {
        self.lock().channels.insert(id.to_owned());
    }

    /// Takes a channel away.
    pub fn remove_channel(&self, id: &str) {
        self.lock().channels.remove(id);
    }

    /// Whether the bot may read histories, as it may from the start.
    pub fn show_history(&self, shows: bool) {
        self.lock().shows_history = shows;
    }

    /// Whether the bot may look conversations up, as it may from the start.
    pub fn show_channels(&self, shows: bool) {
        self.lock().shows_channels = shows;
    }

    /// Whether the bot may post, as it may from the start.
    pub fn allow_posts(&self, may: bool) {
        self.lock().may_post = may;
    }

    /// Sets what the webhook answers to a message it takes, from now on. Slack itself answers 200 `ok`; services that stand
    /// in for it answer otherwise.
    pub fn set_webhook_answer(&self, status: u16, body: &str) {
        self.lock().webhook_answer = (status, body.to_owned());
    }

    /// Archives a channel, as far as looking it up tells.
    pub fn archive_channel(&self, id: &str) {
        self.lock().archived.insert(id.to_owned());
    }

    /// Takes the bot out of a channel, as far as looking it up tells.
    pub fn leave_channel(&self, id: &str) {
        self.lock().outside.insert(id.to_owned());
    }

    /// Dates messages from now on. Before the first time they are dated by their number alone, and `oldest` is not looked at.
    pub fn set_now(&self, now: Timestamp) {
        self.lock().now = Some(now);
    }
}

/// What it got.
impl Slack {
    /// Every message so far, in order.
    pub fn messages(&self) -> Vec<Received> {
        self.lock().messages.clone()
    }

    /// The messages that were not taken before.
    pub fn take(&self) -> Vec<Received> {
        let mut state = self.lock();
        let new = state
            .messages
            .get(state.taken..)
            .unwrap_or_default()
            .to_vec();
        state.taken = state.messages.len();
        new
    }

    /// Waits until whatever a client that has gone had sent is taken.
    ///
    /// # Errors
    /// If it cannot be connected to.
    pub fn settle(&self) -> io::Result<()> {
        self.http.settle()
    }

    /// The paths of the heartbeats so far.
    pub fn pings(&self) -> Vec<String> {
        self.lock().pings.clone()
    }

    /// Every request so far, also those that failed; heartbeats too.
    pub fn requests(&self) -> Vec<Asked> {
        self.lock().requests.clone()
    }

    /// How many requests so far had `part` in their `path?query`.
    pub fn count(&self, part: &str) -> usize {
        let state = self.lock();
        let matching = state.requests.iter().filter(|r| r.target().contains(part));
        matching.count()
    }

    /// What no client should ask or send: unknown methods, payloads that Slack refuses. A test expects it to be empty.
    pub fn unexpected(&self) -> Vec<String> {
        self.lock().unexpected.clone()
    }
}

/// Faults. They strike the API and the webhook; heartbeats have their own.
impl Slack {
    /// Adds a fault.
    pub fn fail(&self, plan: Plan<Fault>) {
        self.lock().faults.add(plan);
    }

    /// The next `times` requests get this fault.
    pub fn next(&self, times: u32, fault: impl Into<Fault>) {
        self.fail(Plan::next(times, fault));
    }

    /// Every request gets this fault until [`Slack::clear_faults`].
    pub fn always(&self, fault: impl Into<Fault>) {
        self.fail(Plan::always(fault));
    }

    /// Adds a fault for heartbeats.
    pub fn fail_pings(&self, plan: Plan<Fault>) {
        self.lock().ping_faults.add(plan);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.ping_faults.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A test that panicked while it held the lock has failed already; the others go on.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
