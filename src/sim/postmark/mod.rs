//! A simulated Postmark: a ledger of mails, and the endpoints that answer from it.
//!
//! The simulated instant is set by hand; nothing that happens later is shown, whatever a request asks for.
//!
//! ```text
//! Profile --generate--> Server: Stream: Mail ... --edit--> (silence, waves, complaints)
//!                          |                 \
//!                        face (HTTP)        Truth
//! ```

mod account;
mod bounces;
mod derive;
mod details;
mod eastern;
mod edit;
mod face;
mod flow;
mod generate;
mod handle;
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
mod truth;
mod world;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use crate::model::Timestamp;
use crate::sim::fault::{Fault, Plan};
use crate::sim::http::{self, Asked};

pub use handle::ServerHandle;
pub use ledger::StreamType;
pub use mail::{Bounce, Delivery, Mail};
pub use profile::{Arrivals, Profile};
pub use quirks::Quirks;
pub use truth::Truth;

use world::Shared;

/// A running simulated Postmark; the last clone that is dropped ends it.
#[derive(Clone)]
pub struct Postmark {
    http: Arc<http::Server>,
    world: Shared,
}

impl Postmark {
    /// Starts one without servers on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is to be had.
    pub fn start() -> io::Result<Self> {
        Self::start_seeded(1)
    }

    /// As [`Postmark::start`], with other draws of everything that is drawn.
    ///
    /// # Errors
    /// If no port or no thread is to be had.
    pub fn start_seeded(seed: u64) -> io::Result<Self> {
        let world = Shared::new(seed);
        let asked = world.clone();
        let http = http::Server::start(move |request| face::answer(&asked, request))?;
        Ok(Self {
            http: Arc::new(http),
            world,
        })
    }

    /// What stands in place of `https://api.postmarkapp.com`, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.http.base_url()
    }

    /// The server of this name, which is made where there is none: live, with the streams `outbound`, `broadcast` and `inbound`.
    pub fn server(&self, name: &str) -> ServerHandle {
        self.world.lock().place_of(name);
        ServerHandle::new(self.world.clone(), name)
    }

    /// Gives the account a token, by which all servers are listed; the old one is refused from now on.
    pub fn set_account_token(&self, token: &str) {
        self.world.lock().account = Some(token.to_owned());
    }

    /// Dates every answer from now on, as a service does; before the first time none bears a date.
    pub fn set_date(&self, at: Timestamp) {
        self.world.lock().date = Some(at);
    }

    /// What stands in place of `https://status.postmarkapp.com`, without a slash at the end: all is well there.
    pub fn status_url(&self) -> String {
        format!("{}/status-page", self.base_url())
    }

    /// Has the status page say this word, such as `degraded`, and tell of something that goes on.
    pub fn set_status(&self, state: &str, notice: Option<&str>) {
        let mut world = self.world.lock();
        state.clone_into(&mut world.page.state);
        world.page.notice = notice.map(str::to_owned);
    }

    /// Calls a server otherwise; its id, token and mail stay.
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

    /// Sets the simulated instant. Before the first time it is 1970, and nothing is shown.
    pub fn set_now(&self, now: Timestamp) {
        self.world.lock().now = now;
    }

    /// The simulated instant.
    pub fn now(&self) -> Timestamp {
        self.world.lock().now
    }

    /// Changes the quirks; those that concern generating only work on what is generated afterwards.
    pub fn set_quirks(&self, quirks: Quirks) {
        let mut world = self.world.lock();
        world.quirks = quirks;
        for server in &mut world.servers {
            server.huge_bounce_ids = quirks.huge_bounce_ids;
        }
    }

    /// The quirks as they are.
    pub fn quirks(&self) -> Quirks {
        self.world.lock().quirks
    }

    /// Every request so far, also those that failed, in the order of their arrival.
    pub fn requests(&self) -> Vec<Asked> {
        self.world.lock().requests.clone()
    }

    /// As [`Postmark::requests`], and forgets them.
    pub fn take_requests(&self) -> Vec<Asked> {
        std::mem::take(&mut self.world.lock().requests)
    }

    /// How many requests so far had `part` in their `path?query`.
    pub fn count(&self, part: &str) -> usize {
        let world = self.world.lock();
        let matching = world.requests.iter().filter(|r| r.target().contains(part));
        matching.count()
    }

    /// What no client should ask: unknown paths, methods and parameters. A test expects it to be empty.
    pub fn unexpected(&self) -> Vec<String> {
        self.world.lock().unexpected.clone()
    }

    /// Adds a fault for requests of any server, or of none.
    pub fn fail(&self, plan: Plan<Fault>) {
        self.world.lock().faults.add(plan);
    }

    /// The next `times` requests, of any server, get this fault.
    pub fn next(&self, times: u32, fault: Fault) {
        self.fail(Plan::next(times, fault));
    }

    /// Every request gets this fault until [`Postmark::clear_faults`].
    pub fn always(&self, fault: Fault) {
        self.fail(Plan::always(fault));
    }

    /// Ends all faults that were added here; those of single servers stay.
    pub fn clear_faults(&self) {
        self.world.lock().faults.clear();
    }
}
