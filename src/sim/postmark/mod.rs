//! A simulated Postmark: a ledger of mails, and the endpoints that answer from it.
//!
//! The simulated instant is set explicitly; nothing that happens later is shown, whatever a request asks for.
//!
//! ```text
//! Profile --generate--> Server: Stream: Mail ... --edit--> (silence, waves, complaints)
//!                          |                 \
//!                        http               ExpectedStats
//! ```

mod account;
mod bounces;
mod derive;
mod details;
mod eastern;
mod edit;
mod email;
#[cfg(any(test, feature = "sim"))]
mod expected;
mod generate;
mod handle;
mod http;
mod ledger;
mod mail;
mod messages;
mod profile;
mod query;
mod quirks;
mod server;
mod stats;
mod status_page;
mod streams;
mod suppressions;
mod traffic;
mod world;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use crate::model::Timestamp;
use crate::sim::fault::{Fault, Plan};
use crate::sim::http::{ReceivedRequest, Server};

pub use email::SentMail;
#[cfg(any(test, feature = "sim"))]
pub use expected::ExpectedStats;
pub use handle::ServerHandle;
pub use ledger::StreamType;
pub use mail::{Bounce, Delivery, Mail};
pub use profile::{Arrivals, Profile};
pub use quirks::Quirks;

use world::Shared;

/// A running simulated Postmark; dropping the last clone stops it.
#[derive(Clone)]
pub struct Postmark {
    http: Arc<Server>,
    world: Shared,
}

impl Postmark {
    /// Starts a simulation without servers on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start() -> io::Result<Self> {
        Self::start_seeded(1)
    }

    /// As [`Postmark::start`], with this seed of the random numbers.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start_seeded(seed: u64) -> io::Result<Self> {
        let world = Shared::new(seed);
        let received = world.clone();
        let http = Server::start(move |request| http::answer(&received, request))?;
        Ok(Self {
            http: Arc::new(http),
            world,
        })
    }

    /// Returns the URL to use instead of `https://api.postmarkapp.com`, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.http.base_url()
    }

    /// Returns the server of this name, after creating it if there is none: live, with the streams `outbound`, `broadcast` and
    /// `inbound`.
    pub fn server(&self, name: &str) -> ServerHandle {
        self.world.lock().server_index(name);
        ServerHandle::new(self.world.clone(), name)
    }

    /// Sets the account token, which lists all servers; the old one is rejected from now on.
    pub fn set_account_token(&self, token: &str) {
        self.world.lock().account = Some(token.to_owned());
    }

    /// Sets where the account wants the mail records of a domain: the selectors of its key and of the one that is to follow, and the name
    /// of its Return-Path, each empty for none.
    pub fn set_domain(&self, name: &str, selectors: [&str; 2], return_path: &str) {
        let [selector, pending] = selectors.map(str::to_owned);
        let domain = account::Domain {
            name: name.to_owned(),
            selector,
            pending,
            return_path: return_path.to_owned(),
        };
        let domains = &mut self.world.lock().domains;
        domains.retain(|known| known.name != name);
        domains.push(domain);
    }

    /// Sets the `Date` of every answer. Before the first call, answers have none.
    pub fn set_date(&self, at: Timestamp) {
        self.world.lock().date = Some(at);
    }

    /// Returns the URL to use instead of `https://status.postmarkapp.com`, without a trailing slash. By default it reports no
    /// problem.
    pub fn status_url(&self) -> String {
        format!("{}/status-page", self.base_url())
    }

    /// Sets the state on the status page, such as `degraded`, and its current notice.
    pub fn set_status(&self, state: &str, notice: Option<&str>) {
        let mut world = self.world.lock();
        state.clone_into(&mut world.page.state);
        world.page.notice = notice.map(str::to_owned);
    }

    /// Renames a server; its id, token and mail stay.
    pub fn rename_server(&self, old: &str, new: &str) {
        let mut world = self.world.lock();
        for server in world.servers.iter_mut().filter(|s| s.name == old) {
            new.clone_into(&mut server.name);
        }
    }

    /// Deletes a server, with its token.
    pub fn delete_server(&self, name: &str) {
        self.world.lock().servers.retain(|s| s.name != name);
    }

    /// Sets the simulated instant. Before the first call it is 1970, and nothing is shown.
    pub fn set_now(&self, now: Timestamp) {
        self.world.lock().now = now;
    }

    /// Returns the simulated instant.
    pub fn now(&self) -> Timestamp {
        self.world.lock().now
    }

    /// Sets the quirks; those that concern generating affect only mail generated afterwards.
    pub fn set_quirks(&self, quirks: Quirks) {
        let mut world = self.world.lock();
        world.quirks = quirks;
        for server in &mut world.servers {
            server.huge_bounce_ids = quirks.huge_bounce_ids;
        }
    }

    /// Returns the quirks.
    pub fn quirks(&self) -> Quirks {
        self.world.lock().quirks
    }

    /// Returns every request so far, including failed ones, in order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.world.lock().requests.clone()
    }

    /// As [`Postmark::requests`], and clears the list.
    pub fn take_requests(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut self.world.lock().requests)
    }

    /// Returns the number of requests so far whose `path?query` contains `part`.
    pub fn count(&self, part: &str) -> usize {
        let world = self.world.lock();
        let matching = world.requests.iter().filter(|r| r.target().contains(part));
        matching.count()
    }

    /// Returns what no client should request: unknown paths, methods and parameters. Tests expect it to be empty.
    pub fn unexpected(&self) -> Vec<String> {
        self.world.lock().unexpected.clone()
    }

    /// Adds a fault for all requests.
    pub fn fail(&self, plan: Plan<Fault>) {
        self.world.lock().faults.add(plan);
    }

    /// Applies `fault` to the next `times` requests of any server.
    pub fn next(&self, times: u32, fault: Fault) {
        self.fail(Plan::next(times, fault));
    }

    /// Applies `fault` to every request until [`Postmark::clear_faults`].
    pub fn always(&self, fault: Fault) {
        self.fail(Plan::always(fault));
    }

    /// Removes all faults that were added here; those of single servers stay.
    pub fn clear_faults(&self) {
        self.world.lock().faults.clear();
    }
}
