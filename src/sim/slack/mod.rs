//! A simulated Slack: a bot token, channels, an incoming webhook, and an endpoint for heartbeats.
//!
//! It accepts only payloads that Slack would accept, and records them as a person would see them.

mod blocks;
mod files;
mod history;
mod http;
mod reactions;
mod received;
mod threads;
mod visible;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::model::Timestamp;
use crate::sim::fault;
use crate::sim::fault::Plan;
use crate::sim::http::{ReceivedRequest, Server, lock};

use http::State;

pub use files::SharedFile;
pub use received::{Received, Shown, Via};

/// The channel that exists from the start.
pub const CHANNEL: &str = "C0OPERATORS";

/// A fault between Slack and its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A fault that any service can have.
    Wire(fault::Fault),
    /// An error code of Slack's: 200 with `ok: false` for a bot, the matching status for a webhook.
    SlackError(String),
    /// The message is posted, and no answer comes.
    AcceptThenHang,
    /// The message is posted, and the connection is reset before the answer.
    AcceptThenReset,
}

impl Fault {
    /// Creates a fault with an error code of Slack's, such as `not_in_channel`.
    pub fn slack_error(error: &str) -> Self {
        Self::SlackError(error.to_owned())
    }
}

impl From<fault::Fault> for Fault {
    fn from(fault: fault::Fault) -> Self {
        Self::Wire(fault)
    }
}

/// A running simulated Slack; dropping the last clone stops it.
#[derive(Clone)]
pub struct Slack {
    http: Arc<Server>,
    state: Arc<Mutex<State>>,
}

/// Addresses and settings.
impl Slack {
    /// Starts a simulation with [`CHANNEL`] on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start() -> io::Result<Self> {
        Self::start_with(State::default())
    }

    /// Starts another simulation that shows the same messages.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn fork(&self) -> io::Result<Self> {
        let forked = self.lock().fork();
        Self::start_with(forked)
    }

    fn start_with(state: State) -> io::Result<Self> {
        let (http, state) = Server::start_with(state, http::answer)?;
        Ok(Self { http, state })
    }

    /// Returns the URL to use instead of `https://slack.com/api`, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("{}/api", self.http.base_url())
    }

    /// Returns the URL of an incoming webhook, which posts to [`CHANNEL`].
    pub fn webhook_url(&self) -> String {
        format!("{}{}", self.http.base_url(), http::WEBHOOK_PATH)
    }

    /// Returns a URL for heartbeats; paths below it are accepted too.
    pub fn heartbeat_url(&self) -> String {
        format!("{}/heartbeat/hushwatch", self.http.base_url())
    }

    /// Returns the bot token.
    pub fn bot_token(&self) -> String {
        self.lock().token.clone()
    }

    /// Adds a channel (`C…`), a direct conversation (`D…`) or a user (`U…`; answers name the direct conversation).
    pub fn add_channel(&self, id: &str) {
        self.lock().channels.insert(id.to_owned());
    }

    /// Removes a channel.
    pub fn remove_channel(&self, id: &str) {
        self.lock().channels.remove(id);
    }

    /// Sets whether the bot has the scopes to read histories; by default it has.
    pub fn show_history(&self, shows: bool) {
        self.lock().shows_history = shows;
    }

    /// Sets whether the bot has the scopes to look up conversations; by default it has.
    pub fn show_channels(&self, shows: bool) {
        self.lock().shows_channels = shows;
    }

    /// Sets whether the bot has the scope to post; by default it has.
    pub fn allow_posts(&self, may: bool) {
        self.lock().may_post = may;
    }

    /// Sets whether the bot has the scope to upload files; by default it has.
    pub fn allow_uploads(&self, may: bool) {
        self.lock().may_upload = may;
    }

    /// Sets the webhook's answer to an accepted message. Slack answers 200 `ok`; services that stand in for it may answer
    /// otherwise.
    pub fn set_webhook_answer(&self, status: u16, body: &str) {
        self.lock().webhook_answer = (status, body.to_owned());
    }

    /// Makes lookups show a channel as archived.
    pub fn archive_channel(&self, id: &str) {
        self.lock().archived.insert(id.to_owned());
    }

    /// Makes lookups show that the bot is not a member of a channel.
    pub fn leave_channel(&self, id: &str) {
        self.lock().outside.insert(id.to_owned());
    }

    /// Deletes a message as a person would, with its thread.
    pub fn delete_message(&self, ts: &str) {
        self.lock().deleted.insert(ts.to_owned());
    }

    /// Sets whether messages can still be edited; by default they can, whatever their age.
    pub fn allow_edits(&self, may: bool) {
        self.lock().may_edit = may;
    }

    /// Sets an emoji below a message as `user` would.
    pub fn react(&self, ts: &str, emoji: &str, user: &str) {
        let mut state = self.lock();
        let below = state.reactions.entry(ts.to_owned()).or_default();
        match below.iter_mut().find(|(name, _)| name == emoji) {
            Some((_, users)) => users.push(user.to_owned()),
            None => below.push((emoji.to_owned(), vec![user.to_owned()])),
        }
    }

    /// Takes an emoji of `user` away.
    pub fn take_reaction_away(&self, ts: &str, emoji: &str, user: &str) {
        let mut state = self.lock();
        let below = state.reactions.entry(ts.to_owned()).or_default();
        for (_, users) in below.iter_mut().filter(|(name, _)| name == emoji) {
            users.retain(|id| id != user);
        }
        below.retain(|(_, users)| !users.is_empty());
    }

    /// Adds a user with a name.
    pub fn add_user(&self, id: &str, name: &str) {
        self.lock().users.insert(id.to_owned(), name.to_owned());
    }

    /// Deactivates the account of a user.
    pub fn deactivate_user(&self, id: &str) {
        self.lock().deactivated.insert(id.to_owned());
    }

    /// Adds a user group, or enables or disables it.
    pub fn set_group(&self, id: &str, enabled: bool) {
        self.lock().groups.insert(id.to_owned(), enabled);
    }

    /// Sets whether the bot has the scope to list user groups; by default it has.
    pub fn show_groups(&self, shows: bool) {
        self.lock().shows_groups = shows;
    }

    /// Sets whether the bot has the scope to read emoji; by default it has.
    pub fn show_reactions(&self, shows: bool) {
        self.lock().shows_reactions = shows;
    }

    /// Sets whether the bot has the scope to look up users; by default it has.
    pub fn show_users(&self, shows: bool) {
        self.lock().shows_users = shows;
    }

    /// Sets the time of new messages. Before the first call their timestamps hold only their number, and `oldest` is ignored.
    pub fn set_now(&self, now: Timestamp) {
        self.lock().now = Some(now);
    }
}

/// Received messages and requests.
impl Slack {
    /// Returns every message so far, in order; they count as read.
    pub fn messages(&self) -> Vec<Received> {
        let mut state = self.lock();
        state.read = state.messages.len();
        state.messages.clone()
    }

    /// Returns the messages that neither [`messages`](Self::messages) nor [`take`](Self::take) has returned. Tests expect
    /// none at their end: what was posted and not looked at is not tested.
    pub fn unread(&self) -> Vec<Received> {
        let state = self.lock();
        state
            .messages
            .get(state.read..)
            .unwrap_or_default()
            .to_vec()
    }

    /// Returns the messages since the last call.
    pub fn take(&self) -> Vec<Received> {
        let mut state = self.lock();
        let new = state
            .messages
            .get(state.taken..)
            .unwrap_or_default()
            .to_vec();
        state.taken = state.messages.len();
        state.read = state.taken;
        new
    }

    /// Returns what a channel shows now: its messages that were not deleted, in order, each with its thread.
    pub fn channel(&self, id: &str) -> Vec<Shown> {
        threads::shown(&self.lock(), id)
    }

    /// Returns every file that is shown to people, in order.
    pub fn files(&self) -> Vec<SharedFile> {
        self.lock().files.clone()
    }

    /// Waits until every request of a client that is gone has been handled.
    ///
    /// # Errors
    /// If the server cannot be connected to.
    pub fn finish(&self) -> io::Result<()> {
        self.http.finish()
    }

    /// Returns the paths of the heartbeats so far.
    pub fn pings(&self) -> Vec<String> {
        self.lock().pings.clone()
    }

    /// Returns every request so far, including failed ones and heartbeats.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.lock().requests.clone()
    }

    /// Returns the number of requests so far whose `path?query` contains `part`.
    pub fn count(&self, part: &str) -> usize {
        let state = self.lock();
        let matching = state.requests.iter().filter(|r| r.target().contains(part));
        matching.count()
    }

    /// Returns what no client should send: unknown methods, and payloads that Slack rejects. Tests expect it to be empty.
    pub fn unexpected(&self) -> Vec<String> {
        self.lock().unexpected.clone()
    }
}

/// Faults. They apply to the API and the webhook; heartbeats have their own.
impl Slack {
    /// Adds a fault.
    pub fn fail(&self, plan: Plan<Fault>) {
        self.lock().faults.add(plan);
    }

    /// Applies `fault` to the next `times` requests.
    pub fn next(&self, times: u32, fault: impl Into<Fault>) {
        self.fail(Plan::next(times, fault));
    }

    /// Applies `fault` to every request until [`Slack::clear_faults`].
    pub fn always(&self, fault: impl Into<Fault>) {
        self.fail(Plan::always(fault));
    }

    /// Adds a fault for heartbeats.
    pub fn fail_pings(&self, plan: Plan<Fault>) {
        self.lock().ping_faults.add(plan);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.ping_faults.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
