//! A simulated receiver of sinks: it takes every POST, and remembers it.

use std::io;
use std::sync::{Arc, Mutex};

use crate::sim::fault::{Fault, Faults, Plan};
use crate::sim::http::{Reply, Request, Server, lock};

/// A request as the receiver got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The path and the query, percent-decoded.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// As text.
    pub body: String,
    /// Whether it was taken: a request that was refused was not.
    pub taken: bool,
}

impl Delivery {
    /// Returns the value of the header of this name, given in lower case.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Returns the body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

#[derive(Default)]
struct State {
    deliveries: Vec<Delivery>,
    faults: Faults<Fault>,
}

/// A running receiver; dropping the last clone stops it.
#[derive(Clone)]
pub struct Receiver {
    http: Arc<Server>,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// Starts a receiver on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start() -> io::Result<Self> {
        let (http, state) = Server::start_with(State::default(), answer)?;
        Ok(Self { http, state })
    }

    /// Returns its address, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.http.base_url()
    }

    /// Adds a plan of faults.
    pub fn fail(&self, plan: Plan<Fault>) {
        lock(&self.state).faults.add(plan);
    }

    /// Ends every fault.
    pub fn clear_faults(&self) {
        lock(&self.state).faults = Faults::default();
    }

    /// Returns how many requests to targets that begin like this it got, and did not forget.
    pub fn count(&self, target: &str) -> usize {
        let state = lock(&self.state);
        let deliveries = state.deliveries.iter();
        deliveries.filter(|d| d.target.starts_with(target)).count()
    }

    /// Returns what it got, in order, and forgets it.
    pub fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut lock(&self.state).deliveries)
    }
}

fn answer(state: &mut State, request: &Request) -> Reply {
    let fault = state.faults.next_for(&request.received.target());
    state.deliveries.push(Delivery {
        target: request.received.target(),
        headers: request.headers.clone(),
        body: String::from_utf8_lossy(&request.body).into_owned(),
        taken: fault.is_none(),
    });
    let honest = || Reply::json(202, r#"{"status":"success"}"#);
    match fault {
        None => honest(),
        Some(fault) => fault.reply(|status, _| Reply::new(status, "text/plain", "no"), honest),
    }
}
