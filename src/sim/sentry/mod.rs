//! A simulated Sentry: it takes envelopes as Relay does, and keeps alert rules as its API does, with the traps of both.

mod api;
mod ingest;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use crate::sim::fault::{Fault, Faults, Plan};
use crate::sim::http::{Reply, Request, Server, lock};

/// The public key of the project.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";
/// The number of the project.
pub const PROJECT: &str = "42";
/// The token of the API.
pub const TOKEN: &str = "sntrys_simulated";

/// An item that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// `event`, `check_in` or `client_report`.
    pub kind: String,
    /// Its payload.
    pub payload: Value,
}

#[derive(Default)]
pub(super) struct State {
    items: Vec<Item>,
    /// What a client should never send.
    unexpected: Vec<String>,
    /// The value of `X-Sentry-Rate-Limits` in each answer to an envelope, and its status.
    limits: Option<(u16, String)>,
    envelopes: usize,
    api: api::Api,
    faults: Faults<Fault>,
}

/// A running simulation; dropping the last clone stops it.
#[derive(Clone)]
pub struct Sentry {
    http: Arc<Server>,
    state: Arc<Mutex<State>>,
}

/// Addresses and settings.
impl Sentry {
    /// Starts a simulation with one project on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start() -> io::Result<Self> {
        let (http, state) = Server::start_with(State::default(), answer)?;
        Ok(Self { http, state })
    }

    /// Returns its address, without a trailing slash: `SENTRY_URL`.
    pub fn base_url(&self) -> String {
        self.http.base_url()
    }

    /// Returns the DSN of the project.
    pub fn dsn(&self) -> String {
        let base = self.http.base_url();
        let host = base.trim_start_matches("http://");
        format!("http://{KEY}@{host}/{PROJECT}")
    }

    /// Makes each answer to an envelope bear this status and these limits.
    pub fn limit(&self, status: u16, limits: &str) {
        self.lock().limits = Some((status, limits.to_owned()));
    }

    /// Adds a plan of faults, for envelopes and the API.
    pub fn fail(&self, plan: Plan<Fault>) {
        self.lock().faults.add(plan);
    }

    /// Ends every fault and limit.
    pub fn clear_faults(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.limits = None;
    }

    /// Makes it a self-hosted one that has no workflows, and rules instead.
    pub fn make_old(&self) {
        self.lock().api.is_old = true;
    }

    /// Adds a workflow as somebody else would; returns its id.
    pub fn add_workflow(&self, body: Value) -> String {
        self.lock().api.add_workflow(body)
    }

    /// Removes the detectors, as on a project that lost its own.
    pub fn remove_detectors(&self) {
        self.lock().api.has_detector = false;
    }

    /// Makes what is written bind no detector, as where a key is not known.
    pub fn drop_detectors(&self) {
        self.lock().api.drops_detectors = true;
    }
}

/// What it took.
impl Sentry {
    /// Returns the items since the last call, in order.
    pub fn take(&self) -> Vec<Item> {
        std::mem::take(&mut self.lock().items)
    }

    /// Returns how many envelopes were sent so far, those too that were refused.
    pub fn envelopes(&self) -> usize {
        self.lock().envelopes
    }

    /// Returns every workflow.
    pub fn workflows(&self) -> Vec<Value> {
        self.lock().api.workflows.clone()
    }

    /// Returns every rule of the old kind.
    pub fn rules(&self) -> Vec<Value> {
        self.lock().api.rules.clone()
    }

    /// Returns the requests of the API so far, as `METHOD path`.
    pub fn requests(&self) -> Vec<String> {
        self.lock().api.requests.clone()
    }

    /// Returns what no client should send. Tests expect it to be empty.
    pub fn unexpected(&self) -> Vec<String> {
        self.lock().unexpected.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn answer(state: &mut State, request: &Request) -> Reply {
    let is_envelope = request.received.path.ends_with("/envelope/");
    state.envelopes += usize::from(is_envelope);
    let fault = state.faults.next_for(&request.received.target());
    let mut honest = || match is_envelope {
        true => ingest::answer(state, request),
        false => state.api.answer(request),
    };
    match fault {
        None => honest(),
        Some(fault) => fault.reply(detail, honest),
    }
}

fn detail(status: u16, error: Option<(i64, &str)>) -> Reply {
    let detail = error.map_or("refused", |(_, text)| text);
    Reply::json(status, serde_json::json!({ "detail": detail }).to_string())
}
